/** One widget: its frame, what it shows, and what it says when it cannot. */
import { Component, type ReactNode, useState } from "react";
import type { ResultTable, RunResult, WidgetSpec } from "../api";
import { usePage } from "../model/context";
import { grouped } from "../model/format";
import { linkPlace } from "../model/location";
import { PlaceLink } from "../table/CellView";
import { DataTable } from "../table/DataTable";
import { displayOf } from "./displays";
import { Empty } from "./Empty";
import { kindOf } from "./grid";
import { everythingEmpty } from "./heights";
import { Icon } from "./Icon";
import { TableMenu } from "./TableMenu";

interface Props {
  widget: WidgetSpec;
  result: RunResult;
  range: [number, number] | null;
  alone: boolean;
}

export function Widget({ widget, result, range, alone }: Props) {
  const { place, go } = usePage();
  const [filter, setFilter] = useState("");
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const table = result.tables.find((candidate) => candidate.name === widget.table);
  const kind = kindOf(widget);
  const display = displayOf(kind);
  const tabular = display === null;
  const gutter = typeof widget.displaySpec.gutterColumn === "string" ? widget.displaySpec.gutterColumn : undefined;
  const narrow = (condition: string) => { setFilter((old) => (old.trim() === "" ? condition : `${old.trim()} ${condition}`)); };
  const asTable = (rows: ResultTable) => <DataTable table={rows} name={widget.name} filter={filter} gutter={gutter} hidden={hidden} onNarrow={narrow} />;
  const maximise = () => {
    const { widget: alreadyAlone, ...view } = place.view;
    go({ ...place, view: alone ? view : { ...view, widget: widget.name } });
  };
  return (
    <section className={`widget kind-${kind.toLowerCase()}`} data-testid={`widget-${widget.name}`} data-kind={kind} data-rows={table?.numRows ?? ""} aria-label={widget.name}>
      <header>
        <h2>{widget.script === undefined ? widget.name : <PlaceLink place={linkPlace(place, widget.script)} text={widget.name} title={`open ${widget.script}`} testId={`open-${widget.name}`} />}</h2>
        <span className="muted count">{table && tabular ? rowCount(table) : null}</span>
        {table?.truncated && <span className="state-warn cut" title="the result has more rows than a page takes: refine it with the arguments">cut at {grouped(table.numRows)} rows, refine</span>}
        <span className="spacer" />
        {tabular && table && (table.rows.length > 5 || filter !== "") && (
          <label className="filter"><Icon name="search" /><span className="sr">filter rows</span>
            <input type="search" data-testid={`filter-${widget.name}`} placeholder="filter" value={filter} list={`columns-${widget.name}`} title="words, -word, column = value, latency > 100ms" onChange={(event) => { setFilter(event.target.value); }} onKeyDown={(event) => { if (event.key === "Escape") setFilter(""); }} />
            <datalist id={`columns-${widget.name}`}>{suggestions(table, filter).map((each) => <option key={each} value={each} />)}</datalist>
          </label>
        )}
        {table && <TableMenu table={table} {...(tabular ? { hidden, onHide: setHidden } : {})} />}
        <button type="button" className="icon-button" onClick={maximise} title={alone ? "back to all widgets" : "show alone"} aria-label={alone ? "back to all widgets" : `show ${widget.name} alone`}><Icon name={alone ? "shrink" : "expand"} /></button>
      </header>
      <div className="widget-body">
        <Guard key={result.script}>
          {!table ? <p className="none">The script gave no table “{widget.table}”. It gave {result.tables.map((each) => each.name).join(", ") || "none"}.</p>
            : table.rows.length === 0 && kind !== "TextChart" ? everythingEmpty(result) ? <p className="none muted">no rows</p> : <Empty table={table} result={result} />
              : display !== null ? display({ name: widget.name, spec: widget.displaySpec, table, tables: result.tables, range })
                : kind === "Table" || kind === "" ? asTable(table)
                  : <div className="fallback"><p className="note" data-testid="fallback-note">{kind} is not drawn here; its rows are.</p>{asTable(table)}</div>}
        </Guard>
      </div>
    </section>
  );
}

/** How the last word of a filter may go on: the names of columns, then the values that a column has. */
function suggestions(table: ResultTable, filter: string): string[] {
  const last = /\S*$/.exec(filter)?.[0] ?? "";
  const before = filter.slice(0, filter.length - last.length);
  const [, name = "", operator = ""] = /^([\w.]+)(=|:|!=)/.exec(last) ?? [];
  const at = table.columns.findIndex((column) => column.name === name);
  if (operator === "") return table.columns.filter((column) => column.name.startsWith(last)).map((column) => `${before}${column.name}${column.type === "STRING" ? "=" : ">"}`);
  if (at < 0) return [];
  return [...new Set(table.rows.slice(0, 2000).map((row) => String(row[at] ?? "")))].filter((value) => value !== "" && value.length < 60 && !/[\s"{[]/.test(value)).slice(0, 30).map((value) => `${before}${name}${operator}${value}`);
}

export const rowCount = (table: ResultTable): string => `${grouped(table.numRows)} row${table.numRows === 1 ? "" : "s"}`;

/** A fault in one widget leaves the others. */
class Guard extends Component<{ children: ReactNode }, { problem: string | null }> {
  override state = { problem: null };
  static getDerivedStateFromError(error: unknown) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
  /** What failed on one run may do on the next. */
  override componentDidUpdate(before: { children: ReactNode }) {
    if (this.state.problem !== null && before.children !== this.props.children) this.setState({ problem: null });
  }
  override render() {
    if (this.state.problem === null) return this.props.children;
    return <p className="none">This widget failed: {this.state.problem}. The next run tries again.</p>;
  }
}
