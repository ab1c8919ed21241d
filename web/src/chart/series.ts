/** A result table as time series: one x axis for all, gaps where nothing was seen. */
import type { Column, DisplaySpec, ResultTable } from "../api";
import { timeMs, toNumber } from "../model/format";

export interface TimeSeries {
  name: string;
  /** `null` is a gap; `undefined` is another series' time, the line goes through. */
  values: (number | null | undefined)[];
  mean: number;
}

export interface ChartData {
  /** Seconds since the epoch, ascending. */
  times: number[];
  series: TimeSeries[];
  column: Column;
  mode: "line" | "area" | "points";
  stacked: boolean;
  /** Series left out because there are too many to tell apart. */
  leftOut: number;
}

export const MAX_SERIES = 40;

interface SeriesSpec {
  value: string;
  series?: string;
  stackBySeries?: boolean;
  mode?: string;
}

export function seriesSpecs(spec: DisplaySpec): SeriesSpec[] {
  return Array.isArray(spec.timeseries) ? spec.timeseries.filter((entry): entry is SeriesSpec => typeof (entry as SeriesSpec | null)?.value === "string") : [];
}

/** What keeps a chart from being drawn, as a sentence; or its data. */
export function chartData(table: ResultTable, spec: DisplaySpec): ChartData | string {
  const specs = seriesSpecs(spec);
  const first = specs[0];
  if (!first) return "the vis spec names no time series";
  const timeAt = table.columns.findIndex((column) => column.name === "time_");
  if (timeAt < 0) return "the table has no column time_";
  const points = new Map<string, Map<number, number>>();
  let column: Column | undefined;
  for (const each of specs) {
    const valueAt = table.columns.findIndex((candidate) => candidate.name === each.value);
    const seriesAt = each.series === undefined ? -1 : table.columns.findIndex((candidate) => candidate.name === each.series);
    if (valueAt < 0) return `the table has no column ${each.value}`;
    if (each.series !== undefined && seriesAt < 0) return `the table has no column ${each.series}`;
    column ??= table.columns[valueAt];
    for (const row of table.rows) {
      const ms = timeMs(row[timeAt]);
      const value = toNumber(row[valueAt]);
      if (ms === null) continue;
      const name = seriesAt < 0 ? each.value : String(row[seriesAt] ?? "");
      const own = points.get(name) ?? new Map<number, number>();
      if (value !== null && Number.isFinite(value)) own.set(ms / 1000, value);
      points.set(name, own);
    }
  }
  if (!column) return "the table has no values";
  const stacked = first.stackBySeries === true;
  const data = align(points, stacked);
  return { ...data, column, stacked, mode: first.mode === "MODE_POINT" ? "points" : first.mode === "MODE_AREA" ? "area" : "line" };
}

const collator = new Intl.Collator("en", { numeric: true });

function align(points: Map<string, Map<number, number>>, stacked: boolean): Pick<ChartData, "times" | "series" | "leftOut"> {
  let times = [...new Set([...points.values()].flatMap((own) => [...own.keys()]))].sort((a, b) => a - b);
  // The first and the last bin are cut by the window and would look like a drop.
  if (times.length > 4 && (stacked || isBinned(times))) times = times.slice(1, -1);
  const all = [...points].map(([name, own]): TimeSeries => {
    const present = times.filter((time) => own.has(time));
    const mean = present.reduce((sum, time) => sum + (own.get(time) ?? 0), 0) / Math.max(present.length, 1);
    return { name, mean, values: stacked ? times.map((time) => own.get(time) ?? 0) : withGaps(times, own, present) };
  });
  all.sort((a, b) => b.mean - a.mean || (a.name < b.name ? -1 : 1));
  // By name, so that a series keeps its place and colour from one run to the next.
  const series = all.slice(0, MAX_SERIES).sort((a, b) => collator.compare(a.name, b.name));
  return { times, series, leftOut: Math.max(all.length - MAX_SERIES, 0) };
}

/** Whether times are starts of bins: all of them multiples of the smallest step, of five seconds or more. */
export function isBinned(times: readonly number[]): boolean {
  const step = Math.min(...times.slice(1).map((time, index) => time - (times[index] as number)));
  return step >= 5 && times.every((time) => Math.abs(time / step - Math.round(time / step)) < 1e-6);
}

/**
 * The line goes through other series' times, and breaks where a series was silent for much longer than usual. A silence that comes again is
 * usual: what is delivered in bursts is silent between them.
 */
function withGaps(times: number[], own: Map<number, number>, present: number[]): (number | null | undefined)[] {
  const steps = present.slice(1).map((time, index) => time - (present[index] as number)).sort((a, b) => b - a);
  const usual = steps.find((step, index) => (steps[index + 1] ?? 0) >= step / 2) ?? 0;
  const tolerance = Math.max(usual * 3, 5);
  let next = 0;
  return times.map((time) => {
    const value = own.get(time);
    if (value !== undefined) {
      next += 1;
      return value;
    }
    const [before, after] = [present[next - 1], present[next]];
    return before !== undefined && after !== undefined && after - before <= tolerance ? undefined : null;
  });
}

/** Points with a gap on both sides: no line reaches them, so they are drawn as points. */
export function isolated(values: ArrayLike<number | null | undefined>): number[] {
  const found: number[] = [];
  let inLine = 0;
  let last = -1;
  for (let index = 0; index <= values.length; index += 1) {
    const value = index < values.length ? values[index] : null;
    if (value === null) {
      if (inLine === 1) found.push(last);
      inLine = 0;
    } else if (value !== undefined) {
      inLine += 1;
      last = index;
    }
  }
  return found;
}

/** Running sums for stacked areas, the greatest series at the bottom. */
export function stack(series: readonly TimeSeries[]): number[][] {
  const sums: number[][] = [];
  series.forEach((each, index) => {
    sums.push(each.values.map((value, at) => (value ?? 0) + (sums[index - 1]?.[at] ?? 0)));
  });
  return sums;
}

/** The x range that all time charts of a page share. */
export function sharedRange(tables: readonly (ResultTable | undefined)[]): [number, number] | null {
  let [low, high] = [Infinity, -Infinity];
  for (const table of tables) {
    const at = table?.columns.findIndex((column) => column.name === "time_") ?? -1;
    if (at < 0) continue;
    for (const row of table?.rows ?? []) {
      const ms = timeMs(row[at]);
      if (ms === null) continue;
      low = Math.min(low, ms / 1000);
      high = Math.max(high, ms / 1000);
    }
  }
  return low < high ? [low, high] : null;
}
