/** A result table as bars: bar charts, pies and histograms. */
import type { Column, DisplaySpec, ResultTable } from "../api";
import { formatCell, toNumber } from "../model/format";
import { plainText } from "../model/values";

export interface Bar {
  label: string;
  group: string;
  value: number;
  text: string;
}

export interface Bars {
  bars: Bar[];
  column: Column;
  leftOut: number;
  leftOutSum: number;
  /** The sum of all values, as text. */
  totalText: string;
}

const MAX_BARS = 200;

const nested = (spec: DisplaySpec, name: string): Record<string, unknown> => (typeof spec[name] === "object" && spec[name] !== null ? (spec[name] as Record<string, unknown>) : spec);

export function barData(table: ResultTable, spec: DisplaySpec): Bars | string {
  const fields = nested(spec, spec.pie !== undefined ? "pie" : "bar");
  const at = (name: unknown) => table.columns.findIndex((column) => column.name === name);
  const [valueAt, labelAt] = [at(fields.value), at(fields.label)];
  const groupAt = at(fields.stackBy ?? fields.groupBy);
  const [column, labelColumn] = [table.columns[valueAt], table.columns[labelAt]];
  if (!column || !labelColumn) return `the table has no columns ${String(fields.value)} and ${String(fields.label)}`;
  const bars = table.rows.flatMap((row): Bar[] => {
    const value = toNumber(row[valueAt]);
    if (value === null || !Number.isFinite(value)) return [];
    return [{ label: plainText(row[labelAt] ?? null, labelColumn), group: groupAt < 0 ? "" : String(row[groupAt] ?? ""), value, text: formatCell(row[valueAt] ?? null, column) }];
  });
  bars.sort((a, b) => b.value - a.value);
  const sum = (list: readonly Bar[]) => list.reduce((total, bar) => total + bar.value, 0);
  return { bars: bars.slice(0, MAX_BARS), column, leftOut: Math.max(bars.length - MAX_BARS, 0), leftOutSum: sum(bars.slice(MAX_BARS)), totalText: formatCell(sum(bars), column) };
}

/** Whether a bar chart's bars lie; they do unless the vis spec says otherwise. */
export const isHorizontal = (spec: DisplaySpec): boolean => nested(spec, "bar").horizontal !== false;

/** Values counted into bins of round widths; with `prebinCount` the rows are bins already. */
export function histogramData(table: ResultTable, spec: DisplaySpec): Bars | string {
  const fields = nested(spec, "histogram");
  const at = (name: unknown) => table.columns.findIndex((column) => column.name === name);
  const valueAt = at(fields.value);
  const countAt = at(fields.prebinCount);
  const column = table.columns[valueAt];
  if (!column) return `the table has no column ${String(fields.value)}`;
  const pairs = table.rows.flatMap((row): [number, number][] => {
    const value = toNumber(row[valueAt]);
    return value === null || !Number.isFinite(value) ? [] : [[value, countAt < 0 ? 1 : (toNumber(row[countAt]) ?? 0)]];
  });
  const count: Column = { name: "count", type: "INT64", semanticType: "NONE" };
  if (pairs.length === 0) return { bars: [], column: count, leftOut: 0, leftOutSum: 0, totalText: "0" };
  const maxBins = Math.min(Math.max(Number(fields.maxbins) || 10, 1), 100);
  const low = Math.min(...pairs.map(([value]) => value));
  const high = Math.max(...pairs.map(([value]) => value));
  const step = roundStep(Math.max((high - low) / maxBins, Number(fields.minstep) || 0));
  const first = Math.floor(low / step) * step;
  const bins = new Map<number, number>();
  for (let bin = 0; first + bin * step <= high; bin += 1) bins.set(bin, 0);
  for (const [value, weight] of pairs) {
    const bin = Math.floor((value - first) / step);
    bins.set(bin, (bins.get(bin) ?? 0) + weight);
  }
  const bars = [...bins].sort((a, b) => a[0] - b[0]).map(([bin, value]) => ({
    label: `${formatCell(first + bin * step, column)} – ${formatCell(first + (bin + 1) * step, column)}`, group: "", value, text: formatCell(value, count),
  })); // prettier-ignore
  return { bars, column: count, leftOut: 0, leftOutSum: 0, totalText: formatCell(pairs.reduce((total, [, weight]) => total + weight, 0), count) };
}

/** The next greater of 1, 2, 5 times a power of ten. */
export function roundStep(step: number): number {
  if (!(step > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(step));
  const mantissa = step / power;
  return (mantissa <= 1 ? 1 : mantissa <= 2 ? 2 : mantissa <= 5 ? 5 : 10) * power;
}
