/** Sorting, filtering and identity of a table's rows; no DOM here. */
import type { Cell, Column, ResultTable } from "../api";
import { toNumber } from "../model/format";
import { isQuantiles, isReference, isStatus, type Quantiles, type SortKey, sortKey } from "../model/values";
import { groupVerdict, mayJudge } from "../model/verdict";

export interface Sort {
  column: number;
  descending: boolean;
}

/** What a table is sorted by before anybody says: newest first where rows begin with a time, the worst first where there are verdicts, newest first where there is another time, otherwise by the first column. */
export function initialSort(columns: readonly Column[]): Sort | null {
  if (columns.length === 0) return null;
  if (columns[0]?.type === "TIME64NS") return { column: 0, descending: true };
  const judged = columns.some((column) => column.name === "reason") ? columns.findIndex((column) => column.name === "status" && column.type === "STRING" && !isStatus(column)) : -1;
  if (judged >= 0) return { column: judged, descending: true };
  const time = columns.findIndex((column) => column.type === "TIME64NS");
  return time >= 0 ? { column: time, descending: true } : { column: 0, descending: false };
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function compare(a: SortKey, b: SortKey): number {
  if (typeof a === "string" || typeof b === "string") return collator.compare(String(a), String(b));
  if (a === null || b === null) return 0;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Indices of `rows` in order. Unknown values come last in both directions; equal rows keep their order. */
export function sortRows(rows: readonly Cell[][], columns: readonly Column[], sort: Sort | null, percentile: keyof Quantiles = "p99", from?: readonly number[]): number[] {
  const order = from ? [...from] : rows.map((_, index) => index);
  const column = sort ? columns[sort.column] : undefined;
  if (!sort || !column) return order;
  const severity = severityOf(columns, sort.column);
  const keys = new Map<number, SortKey>();
  for (const index of order) keys.set(index, severity?.(rows[index] ?? []) ?? sortKey(rows[index]?.[sort.column] ?? null, column, percentile));
  const sign = sort.descending ? -1 : 1;
  return order.sort((x, y) => {
    const a = keys.get(x) ?? null;
    const b = keys.get(y) ?? null;
    if (a === null || b === null) return a === b ? x - y : a === null ? 1 : -1;
    return sign * compare(a, b) || x - y;
  });
}

/** How bad the verdict of a row is as it is shown, which is worse than its status where the lag beside it is long; `null` for other columns. */
function severityOf(columns: readonly Column[], at: number): ((row: readonly Cell[]) => number | null) | null {
  if (!columns[at] || !mayJudge(columns[at])) return null;
  const place = (name: string) => columns.findIndex((column) => column.name === name);
  const [lag, trend] = [place("lag_seconds"), place("trend")];
  return (row) => groupVerdict(row[at], toNumber(row[lag]), toNumber(row[trend]))?.severity ?? null;
}

/** A row's identity from one run to the next: what names it, not what is measured. Equal names are told apart by their order. */
export function rowKeys(table: ResultTable): string[] {
  const naming = table.columns.flatMap((column, index) =>
    (column.type === "STRING" && !isQuantiles(column) && !isStatus(column)) || column.type === "TIME64NS" || column.type === "UINT128" || isReference(column) ? [index] : [],
  );
  const seen = new Map<string, number>();
  return table.rows.map((row) => {
    const base = JSON.stringify(naming.map((index) => String(row[index] ?? "").slice(0, 200)));
    const count = seen.get(base) ?? 0;
    seen.set(base, count + 1);
    return count === 0 ? base : `${base}#${count}`;
  });
}
