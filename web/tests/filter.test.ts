import { describe, expect, test } from "vitest";
import type { Cell, Column } from "../src/api";
import { filterRows, parseFilter } from "../src/table/filter";

const columns: Column[] = [
  { name: "req_cmd", type: "STRING", semanticType: "NONE" },
  { name: "latency", type: "INT64", semanticType: "DURATION_NS" },
  { name: "req_bytes", type: "INT64", semanticType: "BYTES" },
  { name: "rate", type: "FLOAT64", semanticType: "THROUGHPUT_BYTES_PER_NS" },
  { name: "share", type: "FLOAT64", semanticType: "PERCENT" },
  { name: "error_code", type: "INT64", semanticType: "NONE" },
  { name: "req_body", type: "STRING", semanticType: "NONE" },
];
const rows: Cell[][] = [
  ["Fetch", 500e6, 100, 450e-9, 0.5, 0, '{"topic":"order"}'],
  ["Produce", 2e6, 4096, 5e-6, 0.01, 0, '{"topic":"order items"}'],
  ["OffsetFetch", 90e6, 200, null, null, null, '{"group":"a-b"}'],
  ["Produce", 800e6, 64, 0, 1, 3, ""],
];

describe("a filter keeps", () => {
  test.each<[string, number[]]>([
    ["", [0, 1, 2, 3]],
    ["order", [0, 1]],
    ["ORDER fetch", [0]],
    ["fetch", [0, 2]],
    ["api = Fetch", [0]],
    ["api=fetch", [0]],
    ["req_cmd:fetch", [0, 2]],
    ["api != Produce", [0, 2]],
    ["latency > 100ms", [0, 3]],
    ["latency>100ms and api = Produce", [3]],
    ["latency <= 2ms", [1]],
    ["req_bytes >= 2kb", [1]],
    ["rate > 1kb/s", [1]],
    ["rate > 400", [0, 1]],
    ["share >= 50%", [0, 3]],
    ["share < 2", [1]],
    ["error != 0", [2, 3]],
    ["error > 0", [3]],
    ["-order", [2, 3]],
    ["!order produce", [3]],
    ['"order items"', [1]],
    ["a-b", [2]],
    ["topic = order", [0, 1]],
  ])("%s", (query, kept) => {
    expect(filterRows(rows, columns, query)).toEqual(kept);
  });
});

test.each<[string, RegExp | null]>([
  ["latency > soon", /no number/],
  ["topic = order", /no column “topic”/],
  ["a or b", /“or” is not understood/],
  ["api = Fetch and latency > 100ms", null],
])("what is not understood is said: %s", (query, problem) => {
  const found = parseFilter(query, columns).problem;
  if (problem === null) expect(found).toBeNull();
  else expect(found).toMatch(problem);
});

test.each(["constructor = 1", "__proto__:x", "tostring>3", "latency > 5constructor", "-hasownproperty"])("a filter may say what every object has: %s", (query) => {
  const columns: Column[] = [{ name: "latency", type: "INT64", semanticType: "DURATION_NS" }, { name: "topic", type: "STRING", semanticType: "NONE" }];
  expect(filterRows([[1, "constructor"]], columns, query)).toBeInstanceOf(Array);
});
