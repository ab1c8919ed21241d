import { expect, test } from "vitest";
import type { Column } from "../src/api";
import { latencyState, nestedJson, quantiles, scriptReference, sortKey, status } from "../src/model/values";

const column = (semanticType: string, type: Column["type"] = "STRING", name = "c"): Column => ({ name, type, semanticType });

test("a script reference is read from its JSON; anything else is not one", () => {
  expect(scriptReference('{"label":"px-kafka/a","script":"px/pod","args":{"pod":"px-kafka/a","n":5}}')).toEqual({ label: "px-kafka/a", script: "px/pod", args: { pod: "px-kafka/a", n: "5" } });
  for (const wrong of ["", "px/pod", "{", '{"label":"a"}', "[1]", null, 5]) expect(scriptReference(wrong)).toBeNull();
});

test("quantiles fill what is missing from their neighbours", () => {
  expect(quantiles('{"p50":2.0,"p99":9.0}')).toEqual({ p01: 2, p10: 2, p25: 2, p50: 2, p75: 2, p90: 2, p99: 9 });
  expect(quantiles("{}")).toBeNull();
  expect(quantiles("no")).toBeNull();
});

test.each([
  ['{"phase":"Running","ready":true}', "ok", "Running"],
  ['{"phase":"Running","ready":false,"reason":"","message":""}', "warn", "Running: not ready"],
  ['{"phase":"Failed","reason":"OOMKilled","message":"out of memory"}', "bad", "Failed: OOMKilled: out of memory"],
  ['{"state":"Waiting","reason":"CrashLoopBackOff"}', "warn", "Waiting: CrashLoopBackOff"],
  ["Running", "ok", "Running"],
  ["", "unknown", "Unknown"],
])("the status %s is %s", (value, state, detail) => {
  expect(status(value)).toMatchObject({ state, detail });
});

test("only latencies are judged, and not those that wait on purpose", () => {
  const latency = column("DURATION_NS", "INT64", "latency");
  expect([100e6, 200e6, 500e6].map((ns) => latencyState(ns, latency))).toEqual(["ok", "warn", "bad"]);
  expect(latencyState(500e6, latency, "Fetch")).toBe("unknown");
  expect(latencyState(500e6, latency, "Produce")).toBe("bad");
  expect(latencyState(500e6, column("DURATION_NS", "INT64", "delay"))).toBe("unknown");
  expect(latencyState(null, latency)).toBe("unknown");
});

test("JSON in a text is found only where the text is an object or an array", () => {
  expect(nestedJson('{"a":[1]}')).toEqual({ a: [1] });
  for (const plain of ["5", "true", '"a"', "", "{cut... [TRUNCATED]", null]) expect(nestedJson(plain)).toBeUndefined();
});

test("sort keys", () => {
  expect(sortKey('{"label":"b","script":"s","args":{}}', column("SCRIPT_REFERENCE"))).toBe("b");
  expect(sortKey('{"p50":1.0,"p99":7.0}', column("DURATION_NS_QUANTILES"))).toBe(7);
  expect(sortKey('{"p50":1.0,"p99":7.0}', column("QUANTILES"), "p50")).toBe(1);
  expect(sortKey("9007199254740993", column("NONE", "INT64"))).toBe(9007199254740993n);
  expect(sortKey("NaN", column("NONE", "FLOAT64"))).toBeNull();
});
