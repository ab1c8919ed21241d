/** One number: a stat with the way it came, or a gauge with what it could be. */
import type { Column, DisplaySpec, ResultTable } from "../api";
import { exact, formatCell, timeMs, toNumber, UNKNOWN } from "../model/format";
import { axisTop } from "./scale";

interface Single {
  column: Column;
  at: number;
  value: number | null;
  text: string;
  history: number[];
}

/** The value of the newest row, and the values before it where the table has times. */
export function singleValue(table: ResultTable, spec: DisplaySpec): Single | string {
  const fields = (spec.stat ?? spec.gauge ?? spec) as { value?: unknown };
  const wanted = typeof fields.value === "string" ? fields.value : undefined;
  const found = table.columns.findIndex((column) => column.name === wanted);
  if (wanted !== undefined && found < 0) return `the table has no column ${wanted}`;
  const at = Math.max(found, 0);
  const column = table.columns[at];
  if (!column) return "the table has no columns";
  const timeAt = table.columns.findIndex((each) => each.type === "TIME64NS");
  const rows = timeAt < 0 ? table.rows : [...table.rows].sort((a, b) => (timeMs(a[timeAt]) ?? 0) - (timeMs(b[timeAt]) ?? 0));
  const last = rows.at(-1)?.[at] ?? null;
  const history = timeAt < 0 ? [] : rows.flatMap((row) => toNumber(row[at]) ?? []).filter(Number.isFinite);
  return { column, at, value: toNumber(last), text: last === null ? UNKNOWN : formatCell(last, column), history };
}

export function StatView({ table, spec, name }: { table: ResultTable; spec: DisplaySpec; name: string }) {
  const found = singleValue(table, spec);
  if (typeof found === "string") return <p className="none">The number cannot be shown: {found}.</p>;
  const title = typeof spec.title === "string" && spec.title !== "" ? spec.title : found.column.name;
  return (
    <div className="stat" data-testid={`stat-${name}`}>
      <p className="stat-value" title={exact(table.rows.at(-1)?.[found.at] ?? null, found.column)}>{found.text}</p>
      <p className="muted">{title}</p>
      {found.history.length > 2 && <Spark values={found.history} />}
    </div>
  );
}

export function Spark({ values }: { values: readonly number[] }) {
  const [low, high] = [Math.min(...values, 0), Math.max(...values)];
  const y = (value: number) => (high > low ? 29 - ((value - low) / (high - low)) * 28 : 29);
  return <svg className="spark" viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true"><path d={`M${values.map((value, index) => `${((index / (values.length - 1)) * 100).toFixed(2)},${y(value).toFixed(2)}`).join("L")}`} /></svg>;
}

const LENGTH = Math.PI * 40;

export function GaugeView({ table, spec, name }: { table: ResultTable; spec: DisplaySpec; name: string }) {
  const found = singleValue(table, spec);
  if (typeof found === "string") return <p className="none">The gauge cannot be drawn: {found}.</p>;
  const top = found.column.semanticType === "PERCENT" ? 1 : axisTop(Math.max(found.value ?? 0, ...found.history, 0), found.column);
  const share = found.value === null || !Number.isFinite(found.value) ? 0 : Math.min(Math.max(found.value / top, 0), 1);
  const arc = "M10,50A40,40 0 0 1 90,50";
  return (
    <div className="gauge" data-testid={`gauge-${name}`}>
      <svg viewBox="0 0 100 60" role="img" aria-label={`${found.column.name} ${found.text} of ${formatCell(top, found.column)}`}>
        <path d={arc} className="gauge-track" />
        <path d={arc} className="gauge-fill" strokeDasharray={`${share * LENGTH} ${LENGTH}`} />
        <text x="50" y="46" className="gauge-value">{found.text}</text>
        <text x="10" y="59" className="gauge-end">0</text>
        <text x="90" y="59" className="gauge-end">{formatCell(top, found.column)}</text>
      </svg>
      <p className="muted">{typeof spec.title === "string" && spec.title !== "" ? spec.title : found.column.name}</p>
    </div>
  );
}
