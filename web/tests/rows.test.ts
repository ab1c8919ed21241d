import { describe, expect, test } from "vitest";
import type { Cell, Column, ResultTable } from "../src/api";
import { toCsv, toJson } from "../src/table/export";
import { filterRows } from "../src/table/filter";
import { outcomeText } from "../src/table/outcome";
import { initialSort, rowKeys, sortRows } from "../src/table/rows";
import { fill, grown } from "../src/table/widths";

const column = (name: string, type: Column["type"] = "STRING", semanticType = "NONE"): Column => ({ name, type, semanticType });
const table = (columns: Column[], rows: Cell[][]): ResultTable => ({ name: "t", columns, rows, numRows: rows.length, truncated: false });

describe("order", () => {
  const sorted = (columns: Column[], values: Cell[], descending = false) => {
    const rows = values.map((value) => [value]);
    return sortRows(rows, columns, { column: 0, descending }).map((index) => values[index]);
  };
  test("of numbers in names follows their value", () => {
    expect(sorted([column("pod")], ["p-10", "p-9", "P-1"])).toEqual(["P-1", "p-9", "p-10"]);
  });
  test("of unknown values is last in both directions", () => {
    const number = [column("n", "INT64")];
    expect(sorted(number, [null, 2, 1])).toEqual([1, 2, null]);
    expect(sorted(number, [null, 2, 1], true)).toEqual([2, 1, null]);
  });
  test("of integers too great for a double is exact, mixed with small ones", () => {
    expect(sorted([column("n", "INT64")], ["9007199254740994", 5, "9007199254740993"])).toEqual([5, "9007199254740993", "9007199254740994"]);
  });
  test("of times is by nanosecond", () => {
    expect(sorted([column("time_", "TIME64NS")], ["1764088121250000002", "1764088121250000001"], true)).toEqual(["1764088121250000002", "1764088121250000001"]);
  });
  test("of equal rows stays", () => {
    const rows: Cell[][] = [["a", 1], ["a", 2], ["a", 3]];
    expect(sortRows(rows, [column("a"), column("n", "INT64")], { column: 0, descending: true })).toEqual([0, 1, 2]);
  });
  test("at first is newest first, or by the first column", () => {
    expect(initialSort([column("a"), column("time_", "TIME64NS")])).toEqual({ column: 1, descending: true });
    expect(initialSort([column("a")])).toEqual({ column: 0, descending: false });
    expect(initialSort([])).toBeNull();
  });
  test("at first is the worst first where rows are verdicts, newest first where they are a history of them", () => {
    const [status, reason, time] = [column("status"), column("reason"), column("time_", "TIME64NS")];
    expect(initialSort([column("group"), status, reason, time])).toEqual({ column: 1, descending: true });
    expect(initialSort([time, status, reason])).toEqual({ column: 0, descending: true });
  });
  test("of verdicts is by how bad they are as they are shown: an OK that is minutes late is late", () => {
    const columns = [column("status"), column("lag_seconds", "FLOAT64"), column("trend", "FLOAT64")];
    const rows: Cell[][] = [["OK", 1, 0], ["OK", 485, 1.2], ["ERR", 3, 0], ["UNKNOWN", null, null]];
    expect(sortRows(rows, columns, { column: 0, descending: true }).map((index) => rows[index]?.[0])).toEqual(["ERR", "OK", "UNKNOWN", "OK"]);
  });
});

test("a filter takes every word, anywhere or in the column it names", () => {
  const columns = [column("req_cmd"), column("source", "STRING", "SCRIPT_REFERENCE")];
  const link = (label: string) => JSON.stringify({ label, script: "px/pod", args: { pod: "hidden" } });
  const rows: Cell[][] = [["Produce", link("order")], ["Fetch", link("shipping")], ["Fetch", link("produce-all")]];
  expect(filterRows(rows, columns, "")).toEqual([0, 1, 2]);
  expect(filterRows(rows, columns, "produce")).toEqual([0, 2]);
  expect(filterRows(rows, columns, "req_cmd:PROD")).toEqual([0]);
  expect(filterRows(rows, columns, "fetch produce")).toEqual([2]);
  expect(filterRows(rows, columns, "hidden")).toEqual([]);
  expect(filterRows(rows, columns, "10:20")).toEqual([]);
});

test("a row keeps its key while its measures change; equal names get keys of their own", () => {
  const columns = [column("topic"), column("bytes", "INT64", "BYTES"), column("latency", "STRING", "QUANTILES")];
  const before = rowKeys(table(columns, [["a", 1, "{}"], ["b", 2, "{}"], ["a", 3, "{}"]]));
  const after = rowKeys(table(columns, [["a", 9, "x"], ["b", 8, "x"], ["a", 7, "x"]]));
  expect(after).toEqual(before);
  expect(new Set(before).size).toBe(3);
});

test("CSV quotes what must be quoted and defuses formulas", () => {
  const columns = [column("name"), column("n", "INT64")];
  expect(toCsv(columns, [['say "hi", a', -5], ["=1+1", null], ["-12", 1]])).toBe('name,n\r\n"say ""hi"", a",-5\r\n\'=1+1,\r\n-12,1\r\n');
});

test("JSON unfolds bodies", () => {
  expect(JSON.parse(toJson([column("resp")], [['{"a":1}']]))).toEqual([{ resp: { a: 1 } }]);
});

test("widths fill the table, and never shrink a column", () => {
  const columns = [column("a"), column("n", "INT64")];
  const filled = fill([100, 100], columns, 500);
  expect(filled[0]).toBeGreaterThan(filled[1] as number);
  expect((filled[0] as number) + (filled[1] as number)).toBeLessThanOrEqual(500);
  expect(fill([300, 300], columns, 500)).toEqual([300, 300]);
});

test.each([["truncated", true], ["no_response", true], ["complete", false], ["completed", false], ["emptied", false], ["", false], ["constructor", false]])("the outcome %s says that a request was not read whole: %s", (outcome, told) => {
  expect(outcomeText(outcome) !== null).toBe(told);
});

test("columns keep their width, and grow for what would be cut", () => {
  expect(grown([100, 64], [90, 80])).toEqual([100, 96]);
  expect(grown([100, 96], [90, 95])).toEqual([100, 96]);
});
