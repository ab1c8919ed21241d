import { describe, expect, test } from "vitest";
import type { ScriptSummary, Variable } from "../src/api";
import { effective, entityKind, longerWindow, missing, prompt, searchScripts, toSend, variableFor, windowText, withoutNamespaces } from "../src/model/args";
import { formatPlace, linkPlace, parsePlace, type Place } from "../src/model/location";

const parse = (address: string) => {
  const url = new URL(address, "http://localhost");
  return parsePlace(url.pathname, url.search, url.hash);
};
const variable = (name: string, more: Partial<Variable> = {}): Variable => ({ name, type: "PX_STRING", description: "", validValues: [], required: more.defaultValue === undefined, ...more });

describe("an address", () => {
  const places: Place[] = [
    { script: null, args: {}, view: {} },
    { script: "px/kafka_overview", args: { start_time: "-5m", namespace: "px-kafka" }, view: {} },
    { script: "px/pod", args: { pod: "px-kafka/order-7f9" }, view: { refresh: 10_000, widget: "HTTP Latency" } },
    { script: "px/kafka_overview", args: { topic: "a&b=c#d?e/f%20 é 🦄\u202E" }, view: { refresh: 0 } },
    { script: "scratch", args: {}, view: { pxl: "import px\npx.display(df) # 100 %", vis: '{"a":"b&c"}' } },
  ];
  test.each(places)("gives its place back: $script", (place) => {
    expect(parse(formatPlace(place))).toEqual(place);
  });
  test("is readable", () => {
    expect(formatPlace({ script: "px/pod", args: { pod: "px-kafka/order", empty: "" }, view: { refresh: 5000 } })).toBe("/script/px/pod?pod=px-kafka/order");
  });
  test("in the form with ?script= is understood", () => {
    expect(parse("/live/clusters/x?script=px/kafka_data&start_time=-1h")).toEqual({ script: "px/kafka_data", args: { start_time: "-1h" }, view: {} });
  });
  test("that is broken does not break the page", () => {
    expect(parse("/script/px/%E0%A4%A?x=%E0%A4%A#refresh=nonsense").script).toBe("px/%E0%A4%A");
  });
});

test("a link keeps the window unless it names its own", () => {
  const from: Place = { script: "px/kafka_overview", args: { start_time: "-1h", topic: "order" }, view: { refresh: 0, pxl: "edited" } };
  expect(linkPlace(from, "px/pod", { pod: "a" })).toEqual({ script: "px/pod", args: { start_time: "-1h", pod: "a" }, view: { refresh: 0 } });
  expect(linkPlace(from, "px/pod", { start_time: "-5m" }).args).toEqual({ start_time: "-5m" });
});

describe("arguments", () => {
  const variables = [variable("start_time", { defaultValue: "-5m" }), variable("namespace", { type: "PX_NAMESPACE" }), variable("topic", { defaultValue: "" })];
  test("empty means the default", () => {
    expect(effective(variables[0] as Variable, { start_time: "" })).toBe("-5m");
    expect(effective(variables[0] as Variable, { start_time: "-1h" })).toBe("-1h");
  });
  test("without a default must be given", () => {
    expect(missing(variables, {}).map((each) => each.name)).toEqual(["namespace"]);
    expect(missing(variables, { namespace: "a" })).toEqual([]);
    // Where there are no pods, everything is meant, and that is said: the server has no default for it.
    expect(missing(withoutNamespaces(variables), {})).toEqual([]);
    expect(toSend(withoutNamespaces(variables), {})).toEqual({ namespace: "" });
  });
  test("a default that is a sentence asks for a value", () => {
    const variable = { name: "topic", type: "PX_STRING", defaultValue: "Enter one of the topics listed below", description: "", validValues: [], required: false };
    expect(prompt(variable, {})).toBe("Enter one of the topics listed below");
    expect(prompt(variable, { topic: "order" })).toBeNull();
    expect(prompt({ ...variable, defaultValue: "-5m" }, {})).toBeNull();
  });
  test("may have the name of what every object has", () => {
    const odd = [variable("constructor", { defaultValue: "x" }), variable("__proto__")];
    expect(effective(odd[0] as Variable, {})).toBe("x");
    expect(missing(odd, {}).map((each) => each.name)).toEqual(["__proto__"]);
    expect(Object.entries(toSend(odd, parsePlace("/script/px/a", "?constructor=1&__proto__=2", "").args))).toEqual([["constructor", "1"], ["__proto__", "2"]]);
  });
  test("that the script does not have are not sent", () => {
    expect(toSend(variables, { namespace: "a", topic: "", other: "x" })).toEqual({ namespace: "a" });
  });
  test.each([["namespace", "PX_NAMESPACE", "namespace"], ["pod", "PX_POD", "pod"], ["topic", "PX_STRING", "topic"], ["consumer_group_id", "PX_STRING", "group"], ["producer", "PX_STRING", "client"], ["source_filter", "PX_STRING", "pod"], ["max_num_records", "PX_INT64", null], ["start_time", "PX_STRING", null]])("%s (%s) offers %s", (name, type, kind) => {
    expect(entityKind(variable(name, { type }))).toBe(kind);
  });
  test("are filled from columns that are called like them", () => {
    const all = [...variables, variable("consumer_group_id"), variable("start_time")];
    expect(["topic", "topic_name", "group_id", "start_time", "other"].map((name) => variableFor(name, all)?.name)).toEqual(["topic", "topic", "consumer_group_id", undefined, undefined]);
  });
});

test("windows", () => {
  expect(["-5m", "-1h", "-24h", "nonsense"].map(longerWindow)).toEqual(["-15m", "-6h", null, null]);
  expect(["-5m", "-90s", "2026-01-01"].map(windowText)).toEqual(["last 5 minutes", "last 90 seconds", "2026-01-01"]);
});

test("scripts are found by name, purpose and letters in order; hidden ones only when asked for", () => {
  const script = (name: string, short = "", hidden = false): ScriptSummary => ({ name, short, long: "", hidden, variables: [] });
  const all = [script("px/schemas"), script("px/kafka_data", "requests"), script("px/kafka_overview"), script("px/secret", "", true)];
  const names = (query: string) => searchScripts(all, query).map((each) => each.name);
  expect(names("")).toEqual(["px/kafka_overview", "px/kafka_data", "px/schemas"]);
  expect(names("requests")).toEqual(["px/kafka_data"]);
  expect(names("kfkov")).toEqual(["px/kafka_overview"]);
  expect(names("secret")).toEqual(["px/secret"]);
  expect(names("zzz")).toEqual([]);
});
