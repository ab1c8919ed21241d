import { describe, expect, test } from "vitest";
import type { Cell, Column, DisplaySpec, ResultTable } from "../src/api";
import { barData, histogramData, roundStep } from "../src/chart/bars";
import { axisTicks, axisTop } from "../src/chart/scale";
import { type ChartData, chartData, isolated, MAX_SERIES, sharedRange, stack } from "../src/chart/series";

const columns: Column[] = [
  { name: "time_", type: "TIME64NS", semanticType: "TIME_NS" },
  { name: "delay", type: "FLOAT64", semanticType: "NONE" },
  { name: "series", type: "STRING", semanticType: "NONE" },
];
const table = (rows: Cell[][]): ResultTable => ({ name: "t", columns, rows, numRows: rows.length, truncated: false });
const at = (second: number) => `${1_764_000_000 + second}000000000`;
const line: DisplaySpec = { timeseries: [{ value: "delay", series: "series", mode: "MODE_LINE" }] };
const area: DisplaySpec = { timeseries: [{ value: "delay", series: "series", stackBySeries: true, mode: "MODE_AREA" }] };
const chart = (rows: Cell[][], spec = line) => chartData(table(rows), spec) as ChartData;

describe("time series", () => {
  test("share one axis; a line goes through the times of the others", () => {
    const data = chart([[at(0), 1, "a"], [at(1), 5, "b"], [at(2), 2, "a"], [at(3), 6, "b"]]);
    expect(data.series.map((series) => [series.name, series.values])).toEqual([["a", [1, undefined, 2, null]], ["b", [null, 5, undefined, 6]]]);
  });
  test("break where a series was silent for much longer than usual", () => {
    const seconds = [0, 1, 2, 3, 4, 30, 31, 32];
    const data = chart([...seconds.map((second): Cell[] => [at(second), 1, "a"]), ...Array.from({ length: 33 }, (_, second): Cell[] => [at(second), 1, "b"])]);
    const a = data.series[0]?.values ?? [];
    expect(a.slice(5, 30).every((value) => value === null)).toBe(true);
    expect(data.series[1]?.values.every((value) => value === 1)).toBe(true);
  });
  test("go on through silences that come again, as between bursts", () => {
    const seconds = [0, 1, 2, 35, 36, 37, 70, 71, 72];
    const data = chart([...seconds.map((second): Cell[] => [at(second), 1, "a"]), ...Array.from({ length: 73 }, (_, second): Cell[] => [at(second), 1, "b"])]);
    expect(data.series[0]?.values.includes(null)).toBe(false);
  });
  test("leave unknown values and infinities out", () => {
    expect(chart([[at(0), null, "a"], [at(1), "NaN", "a"], [at(2), 3, "a"]]).series[0]?.values).toEqual([3]);
  });
  test("keep their order, whatever their size", () => {
    const names = (rows: Cell[][]) => chart(rows).series.map((series) => series.name);
    expect(names([[at(0), 1, "p-10"], [at(0), 9, "p-2"]])).toEqual(["p-2", "p-10"]);
    expect(names([[at(0), 9, "p-10"], [at(0), 1, "p-2"]])).toEqual(["p-2", "p-10"]);
  });
  test("that are too many: the greatest stay, the rest is counted", () => {
    const data = chart(Array.from({ length: 50 }, (_, i): Cell[] => [at(0), i, `s${i}`]));
    expect([data.series.length, data.leftOut]).toEqual([MAX_SERIES, 50 - MAX_SERIES]);
    expect(data.series.some((series) => series.name === "s9")).toBe(false);
  });
  test("stacked: nothing counts as zero, the cut first and last bins go", () => {
    const data = chart([[at(0), 1, "a"], [at(10), 2, "a"], [at(20), 3, "b"], [at(30), 4, "a"], [at(40), 5, "a"]], area);
    expect(data.times).toHaveLength(3);
    expect(stack(data.series)).toEqual([[2, 0, 4], [2, 3, 4]]);
  });
  test.each([
    [{}, "the vis spec names no time series"],
    [{ timeseries: [{ value: "gone" }] }, "the table has no column gone"],
    [{ timeseries: [{ value: "delay", series: "gone" }] }, "the table has no column gone"],
  ])("say what is missing: %o", (spec, problem) => {
    expect(chartData(table([]), spec)).toBe(problem);
  });
});

test("points that no line reaches are found", () => {
  expect(isolated([1, null, 2, 3, null, undefined, 4, undefined, null])).toEqual([0, 6]);
  expect(isolated([1, undefined, 2])).toEqual([]);
  expect(isolated([])).toEqual([]);
});

test("all charts of a page share the range of all their tables", () => {
  expect(sharedRange([table([[at(0), 1, ""], [at(5), 1, ""]]), undefined, table([[at(9), 1, ""]])])).toEqual([1_764_000_000, 1_764_000_009]);
  expect(sharedRange([table([])])).toBeNull();
});

describe("the y axis", () => {
  const of = (semanticType: string): Column => ({ name: "v", type: "FLOAT64", semanticType });
  test.each([
    ["BYTES", 3000, 3072],
    ["DURATION_NS", 11.2e6, 12e6],
    ["DURATION_NS", 110e9, 120e9],
    ["THROUGHPUT_PER_NS", 0, 1e-9],
    ["PERCENT", 0.057, 0.06],
    ["NONE", 57, 60],
  ])("%s up to %d ends at %d", (semanticType, high, top) => {
    expect(axisTop(high, of(semanticType))).toBeCloseTo(top, 12);
  });
  test("has round ticks in the unit that is read", () => {
    expect(axisTicks(0, 3072, of("BYTES"), 3)).toEqual([0, 1024, 2048, 3072]);
    expect(axisTicks(0, 120e9, of("DURATION_NS"), 2)).toEqual([0, 60e9, 120e9]);
  });
});

describe("bars", () => {
  test("are sorted by value and take a pie's fields too", () => {
    const rows: Cell[][] = [[at(0), 1, "a"], [at(0), 3, "b"], [at(0), null, "c"]];
    for (const spec of [{ bar: { value: "delay", label: "series" } }, { pie: { value: "delay", label: "series" } }, { value: "delay", label: "series" }]) {
      expect((barData(table(rows), spec) as { bars: { label: string }[] }).bars.map((bar) => bar.label)).toEqual(["b", "a"]);
    }
    expect(barData(table(rows), { bar: { value: "gone", label: "series" } })).toContain("gone");
  });
  test("of a histogram hold every value once", () => {
    const rows = Array.from({ length: 100 }, (_, i): Cell[] => [at(0), i, ""]);
    const { bars } = histogramData(table(rows), { histogram: { value: "delay", maxbins: 10 } }) as { bars: { value: number }[] };
    expect(bars.map((bar) => bar.value)).toEqual(Array.from({ length: 10 }, () => 10));
    expect((histogramData(table([[at(0), 5, ""]]), { histogram: { value: "delay" } }) as { bars: unknown[] }).bars).toHaveLength(1);
  });
  test("have round widths", () => {
    expect([0.3, 1, 7, 0, 230].map(roundStep)).toEqual([0.5, 1, 10, 1, 500]);
  });
});
