/** A result table: sorted, filtered, drawn only where it is looked at. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type PointerEvent, useDeferredValue, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Cell, Column, ResultTable } from "../api";
import { grouped } from "../model/format";
import { isQuantiles, quantiles, type Quantiles } from "../model/values";
import { mayJudge } from "../model/verdict";
import { CellView, isNumeric } from "./CellView";
import { RowDetail } from "./RowDetail";
import { filterRows, parseFilter } from "./filter";
import { initialSort, rowKeys, type Sort, sortRows } from "./rows";
import { columnWidth, fill, grown } from "./widths";

const ROW_HEIGHT = 28;

interface Props {
  table: ResultTable;
  name: string;
  filter: string;
  gutter?: string | undefined;
  /** Names of columns that are not shown; the detail of a row has them all. */
  hidden?: ReadonlySet<string> | undefined;
  /** Takes a condition to add to the filter, where there is a filter. */
  onNarrow?: ((condition: string) => void) | undefined;
}

export function DataTable({ table: given, name, filter: typed, gutter, hidden, onNarrow }: Props) {
  // Typing goes on while thousands of rows are looked through.
  const filter = useDeferredValue(typed);
  const table = useMemo(() => withGutter(given, gutter), [given, gutter]);
  const { columns, rows } = table;
  const shape = columns.map((column) => `${column.name}:${column.type}`).join();
  const [chosenSort, setSort] = useState<{ shape: string; sort: Sort } | null>(null);
  const sort = chosenSort?.shape === shape ? chosenSort.sort : initialSort(columns);
  const [percentile, setPercentile] = useState<keyof Quantiles>("p99");
  const [selected, setSelected] = useState<{ key: string; row: Cell[]; columns: Column[] } | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const scroller = useRef<HTMLDivElement>(null);

  const keys = useMemo(() => rowKeys(table), [table]);
  const order = useMemo(() => sortRows(rows, columns, sort, percentile, filterRows(rows, columns, filter)), [rows, columns, sort?.column, sort?.descending, percentile, filter]); // eslint-disable-line react-hooks/exhaustive-deps -- a sort is its two fields
  const positions = useMemo(() => new Map(order.map((index, at) => [keys[index] ?? "", at])), [order, keys]);
  const widths = useWidths(table, shape, scroller);
  const shown = columns.flatMap((column, at) => (hidden?.has(column.name) === true ? [] : [at]));
  const total = shown.reduce((sum, at) => sum + (widths.values[at] ?? 0), 0);
  const problem = useMemo(() => parseFilter(filter, columns).problem, [filter, columns]);
  const virtual = useVirtualizer({ count: order.length, getScrollElement: () => scroller.current, estimateSize: () => ROW_HEIGHT, overscan: 12 });
  useAnchor(scroller, order, keys, positions);
  const timeSorted = sort !== null && columns[sort.column]?.type === "TIME64NS" && sort.descending;
  const news = useNews(scroller, order, keys, timeSorted);

  const scales = useMemo(() => columns.map((column, at) => (isQuantiles(column) ? Math.max(...rows.map((row) => quantiles(row[at] ?? null)?.p99 ?? 0), 0) : undefined)), [columns, rows]);
  const place = (name: string) => columns.findIndex((column) => column.name === name);
  const [apiAt, outcomeAt, lagAt, trendAt] = [place("req_cmd"), place("outcome"), place("lag_seconds"), place("trend")];
  const clusterAt = Math.max(place("cluster"), place("cluster_id"));
  const selectedAt = selected ? positions.get(selected.key) : undefined;
  const selectedRow = selectedAt === undefined ? undefined : rows[order[selectedAt] ?? -1];

  const select = (at: number) => {
    const index = order[at];
    const key = index === undefined ? undefined : keys[index];
    const row = index === undefined ? undefined : rows[index];
    if (key === undefined || row === undefined) return;
    setCursor(key);
    setSelected(selected?.key === key ? null : { key, row, columns });
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    const now = cursor === null ? undefined : positions.get(cursor);
    if (step !== undefined) {
      const next = Math.min(Math.max(now === undefined ? (step > 0 ? 0 : order.length - 1) : now + step, 0), order.length - 1);
      setCursor(keys[order[next] ?? -1] ?? null);
      virtual.scrollToIndex(next);
    } else if (event.key === "Enter" && now !== undefined && event.target === scroller.current) select(now);
    else if (event.key === "Escape" && selected) setSelected(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const sortBy = (column: number) => {
    setSort({ shape, sort: { column, descending: sort?.column === column ? !sort.descending : isNumeric(columns[column] as Column) || isQuantiles(columns[column] as Column) } });
  };

  const template = shown.map((at) => `${widths.values[at] ?? 64}px`).join(" ");
  return (
    <div className={`table-and-detail${selected ? " open" : ""}`}>
      <div
        className="table" ref={scroller} role="grid" tabIndex={0} aria-label={name} aria-rowcount={order.length + 1} aria-colcount={shown.length}
        data-testid={`table-${name}`} onKeyDown={onKey}
      >
        <div className="thead" role="row" style={{ gridTemplateColumns: template, width: total }}>
          {shown.map((at) => [columns[at] as Column, at] as const).map(([column, at]) => (
            <div key={column.name} role="columnheader" className={`th${isNumeric(column) ? " num" : ""}`} aria-sort={sort?.column === at ? (sort.descending ? "descending" : "ascending") : "none"}>
              <button type="button" data-testid={`sort-${column.name}`} title={`${column.name}: ${column.type}${column.semanticType === "NONE" ? "" : `, ${column.semanticType}`}`} onClick={() => { sortBy(at); }}>
                <span className="th-name">{column.name}</span>{isQuantiles(column) ? <span className="muted"> {percentile}</span> : null}
                <span className="arrow" aria-hidden="true">{sort?.column === at ? (sort.descending ? "▾" : "▴") : ""}</span>
              </button>
              <span className="grip" aria-hidden="true" onPointerDown={(event) => { widths.drag(event, at); }} onDoubleClick={() => { widths.reset(at); }} />
            </div>
          ))}
        </div>
        <div className="tbody" role="rowgroup" style={{ height: virtual.getTotalSize(), width: total }}>
          {virtual.getVirtualItems().map((item) => {
            const index = order[item.index] ?? -1;
            const key = keys[index] ?? "";
            const row = rows[index] ?? [];
            return (
              <div
                key={key} role="row" aria-rowindex={item.index + 2} aria-selected={selected?.key === key} data-testid="row"
                className={`tr${selected?.key === key ? " selected" : ""}${cursor === key ? " cursor" : ""}`}
                style={{ transform: `translateY(${item.start}px)`, gridTemplateColumns: template, height: ROW_HEIGHT, width: total }}
                onClick={() => { if (getSelection()?.isCollapsed !== false) select(item.index); }}
              >
                {shown.map((at) => [columns[at] as Column, at] as const).map(([column, at]) => (
                  <div key={column.name} role="gridcell" className={`td${isNumeric(column) ? " num" : ""}`} data-column={column.name}>
                    <CellView value={row[at] ?? null} column={column} api={row[apiAt]} outcome={row[outcomeAt]} cluster={row[clusterAt]} {...(mayJudge(column) ? { lagSeconds: row[lagAt], trend: row[trendAt] } : {})} scale={scales[at]} percentile={percentile} onPercentile={setPercentile} />
                  </div>
                ))}
              </div>
            );
          })}
        </div>
        {problem !== null && <p className="filter-problem state-warn" role="status" data-testid="filter-problem">{problem}</p>}
        {order.length === 0 && <p className="none">{filter === "" ? "no rows" : `none of ${grouped(rows.length)} rows holds “${filter}”`}</p>}
      </div>
      {news > 0 && <button type="button" className="news" data-testid="news" onClick={() => { scroller.current?.scrollTo({ top: 0 }); }}>{grouped(news)} new above</button>}
      {selected && <RowDetail columns={selected.columns} row={selectedRow ?? selected.row} gone={selectedRow === undefined} onClose={() => { setSelected(null); scroller.current?.focus(); }} onNarrow={onNarrow} />}
    </div>
  );
}

/** The gutter's column first; a gutter that the table does not have is left out. */
function withGutter(table: ResultTable, gutter: string | undefined): ResultTable {
  const at = table.columns.findIndex((column) => column.name === gutter);
  if (at <= 0) return table;
  const move = <T,>(list: T[]): T[] => [list[at] as T, ...list.slice(0, at), ...list.slice(at + 1)];
  return { ...table, columns: move(table.columns), rows: table.rows.map(move) };
}

/** Keeps the row at the top of the view where it is when new rows come in above it. */
function useAnchor(scroller: { current: HTMLDivElement | null }, order: number[], keys: string[], positions: Map<string, number>) {
  const before = useRef<{ order: number[]; keys: string[] } | null>(null);
  useLayoutEffect(() => {
    const element = scroller.current;
    const old = before.current;
    before.current = { order, keys };
    if (!element || !old || old.keys === keys || element.scrollTop < ROW_HEIGHT / 2) return;
    const top = Math.floor(element.scrollTop / ROW_HEIGHT);
    const key = old.keys[old.order[top] ?? -1];
    const now = key === undefined ? undefined : positions.get(key);
    if (now !== undefined && now !== top) element.scrollTop += (now - top) * ROW_HEIGHT;
  });
}

/** How many rows have come above what is read since the top was last seen; a table at its top follows. */
function useNews(scroller: { current: HTMLDivElement | null }, order: number[], keys: string[], timeSorted: boolean): number {
  const [top, setTop] = useState<string | null>(null);
  const first = keys[order[0] ?? -1] ?? null;
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const look = () => { if (element.scrollTop < ROW_HEIGHT / 2) setTop(first); };
    look();
    element.addEventListener("scroll", look, { passive: true });
    return () => { element.removeEventListener("scroll", look); };
  }, [scroller, first]);
  if (!timeSorted || top === null || top === first) return 0;
  const at = order.findIndex((index) => keys[index] === top);
  return at < 0 ? order.length : at;
}

function useWidths(table: ResultTable, shape: string, scroller: { current: HTMLDivElement | null }) {
  const [available, setAvailable] = useState(0);
  const [own, setOwn] = useState<{ shape: string; widths: Record<number, number> }>({ shape: "", widths: {} });
  const [measured, setMeasured] = useState<{ shape: string; table: ResultTable | null; widths: number[] }>({ shape: "", table: null, widths: [] });
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const observer = new ResizeObserver(() => { setAvailable(element.clientWidth); });
    observer.observe(element);
    return () => { observer.disconnect(); };
  }, [scroller]);
  let widths = measured.widths;
  if (measured.table !== table) {
    const needed = table.columns.map((_, index) => columnWidth(table, index));
    // An empty table's widths are provisional.
    widths = measured.shape === shape && measured.table?.rows.length !== 0 ? grown(widths, needed) : needed;
    setMeasured({ shape, table, widths });
  }
  const mine = own.shape === shape ? own.widths : {};
  const values = fill(widths, table.columns, available).map((width, index) => mine[index] ?? width);
  return {
    values,
    reset: (index: number) => { setOwn({ shape, widths: Object.fromEntries(Object.entries(mine).filter(([at]) => Number(at) !== index)) }); },
    drag: (event: PointerEvent, index: number) => {
      event.preventDefault();
      const [from, width] = [event.clientX, values[index] ?? 100];
      const move = (moved: globalThis.PointerEvent) => { setOwn({ shape, widths: { ...mine, [index]: Math.max(40, width + moved.clientX - from) } }); };
      const up = () => {
        removeEventListener("pointermove", move);
        removeEventListener("pointerup", up);
      };
      addEventListener("pointermove", move);
      addEventListener("pointerup", up);
    },
  };
}
