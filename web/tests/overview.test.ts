import { describe, expect, test } from "vitest";
import type { Cell, Column, ResultTable, RunResult } from "../src/api";
import { keepRows, pick, tableWith } from "../src/overview/columns";
import { compose } from "../src/overview/compose";
import { behind, behindSince, groupsOf, sentence } from "../src/overview/groups";
import { SECTIONS, sectionOf, trail } from "../src/overview/sections";
import type { Feed, FeedName } from "../src/overview/useOverview";

const column = (name: string, type: Column["type"] = "STRING", semanticType = "NONE"): Column => ({ name, type, semanticType });
const table = (name: string, columns: Column[], rows: Cell[][]): ResultTable => ({ name, columns, rows, numRows: rows.length, truncated: false });

const GROUPS = [column("group"), column("status"), column("lag", "INT64"), column("lag_seconds", "FLOAT64"), column("trend", "FLOAT64"), column("time_to_drain", "FLOAT64"), column("topics", "INT64"), column("reason")];
const groups = (...rows: Cell[][]) => table("Groups", GROUPS, rows);
const one = (...row: Cell[]) => groupsOf(groups(row))[0] as ReturnType<typeof groupsOf>[number];

describe("a group as a sentence", () => {
  test.each<[Cell[], string]>([
    [["g", "WARN", 212, 48, 9, null, 1, ""], "is 48 s behind (212 records), falling further behind by 9 records/s"],
    [["g", "WARN", 1, 61, -2, 30, 3, ""], "is 1 min 1 s behind on 3 topics (1 record), catching up by 2 records/s, done in 30 s"],
    [["g", "STOP", 500, null, 0, null, 1, ""], "is 500 records behind"],
    [["g", "STALL", null, null, null, null, null, ""], "stalled"],
    [["g", "STALL", null, 5, null, null, null, ""], "is 5 s behind"],
  ])("%j", (row, text) => {
    expect(sentence(one(...row))).toBe(text);
  });
});

test("the worst stands first; who keeps up or is unknown is not behind", () => {
  const found = groupsOf(groups(["fine", "OK", 0, 0, 0, null, 1, ""], ["slow", "WARN", 9, 9, 1, null, 1, ""], ["slower", "WARN", 9, 90, 1, null, 1, ""], ["dead", "STOP", 1, 1, 0, null, 1, ""], ["new", "UNKNOWN", null, null, null, null, 1, ""]));
  expect(behind(found).map((group) => group.name)).toEqual(["dead", "slower", "slow"]);
});

test("a reason for being in order, of a group that is late all the same, is by its commits alone", () => {
  expect(one("g", "OK", 366, 183, 1.2, null, 1, "5 of 5 partitions are in order")).toMatchObject({ reason: "By its commits alone: 5 of 5 partitions are in order", verdict: { word: "falling behind" } });
  expect(one("g", "OK", 2, 0.5, 0, null, 1, "5 of 5 partitions are in order").reason).toBe("5 of 5 partitions are in order");
  expect(one("g", "WARN", 366, 183, 1.2, null, 1, "it falls behind").reason).toBe("it falls behind");
});

test("a finding names topic and time; without one the oldest unread record does", () => {
  const findings = table("Findings", [column("since", "TIME64NS"), column("group"), column("topic")], [["1764088121250000000", "g", "order"], ["1764088100000000000", "g", "bills"]]);
  const [group] = groupsOf(groups(["g", "WARN", 9, 10, 0, null, 2, ""]), findings);
  expect(group).toMatchObject({ topics: "order and bills", since: 1764088100000 });
  expect(behindSince(one("g", "WARN", 9, 10, 0, null, 2, ""), 1_000_000)).toBe(990_000);
});

test("a finding is of the group in its cluster, not of another cluster's of that name", () => {
  const several = table("Groups", [column("cluster"), column("group"), column("status")], [["A", "g", "OK"], ["B", "g", "ERR"]]);
  const findings = table("Findings", [column("since", "TIME64NS"), column("group"), column("topic"), column("cluster")], [["1764088121250000000", "g", "order", "B"]]);
  expect(groupsOf(several, findings).map((group) => [group.cluster, group.since])).toEqual([["A", null], ["B", 1764088121250]]);
});

test("of a namespace only the rebalances of its groups are kept; other tables stay", () => {
  const result: RunResult = { script: "", args: {}, executedAt: 0, compileMs: 0, durationMs: 0, widgets: [], messages: [], tables: [table("Rebalances", [column("group"), column("reason")], [["a", "x"], ["b", "y"]]), table("Other", [column("topic")], [["t"]])] };
  expect(keepRows(result, "group", new Set<Cell>(["b"])).tables.map((each) => [each.numRows, each.rows])).toEqual([[1, [["b", "y"]]], [1, [["t"]]]]);
});

describe("the start page out of several scripts", () => {
  const feed = (script: string | null, ...tables: ResultTable[]): Feed => ({ script, error: null, result: { script: script ?? "", args: {}, executedAt: 5, compileMs: 1, durationMs: 2, tables, widgets: [], messages: [{ level: "info", text: "same" }] } as RunResult });
  const none: Feed = { script: null, result: null, error: null };
  const all = (given: Partial<Record<FeedName, Feed>>): Record<FeedName, Feed> => ({ groups: none, topics: none, flow: none, brokers: none, clients: none, errors: none, rebalances: none, verdicts: none, alerts: none, ...given });
  const topics = table("Topics", [column("topic"), column("produce_rate", "FLOAT64"), column("last_seen", "TIME64NS")], [["order", 1, "5"]]);

  test("leaves out what is not there, and says of each part where it is from", () => {
    const page = compose(all({ groups: feed("px/kafka_groups", groups(["g", "OK", 0, 0, 0, null, 1, ""])), topics: feed("px/kafka_topics", topics) }));
    expect(page.widgets.map((widget) => [widget.name, widget.script])).toEqual([["Consumer groups", "px/kafka_groups"], ["Topics", "px/kafka_topics"]]);
    expect(page.widgets.map((widget) => widget.position.w)).toEqual([12, 12]);
    expect(page.tables[1]?.columns.map((each) => each.name)).toEqual(["topic", "produce_rate"]);
    expect(page.messages).toHaveLength(1);
  });
  test("leaves out tables that lack their columns, as of an older library", () => {
    expect(compose(all({ groups: feed("px/kafka_groups", table("Groups", [column("something")], [["x"]])) })).widgets).toEqual([]);
  });
  test("has no empty errors", () => {
    const errors = table("Errors", [column("error"), column("first_seen", "TIME64NS")], []);
    expect(compose(all({ topics: feed("px/kafka_topics", topics), errors: feed("px/kafka_errors", errors) })).widgets.map((widget) => widget.name)).toEqual(["Topics"]);
  });
});

test("tables are found by their columns, in any order", () => {
  const result = { tables: [table("a", [column("x")], []), table("b", [column("y"), column("x")], [["1", "2"]])] } as RunResult;
  expect(tableWith(result, "x", "y")?.name).toBe("b");
  expect(pick(result.tables[1] as ResultTable, "c", ["x", "gone", "y"]).rows).toEqual([["2", "1"]]);
});

describe("the way back", () => {
  const titles = (script: string | null, args = {}) => trail({ script, args, view: {} }, () => true).map((crumb) => crumb.title);
  test.each<[string | null, Record<string, string>, string[]]>([
    [null, {}, ["Overview"]],
    ["px/kafka_topics", {}, ["Overview", "Topics"]],
    ["px/kafka_topic", { topic: "order" }, ["Overview", "Topics", "order"]],
    ["px/kafka_group", { group_id: "billing" }, ["Overview", "Groups", "billing"]],
    ["px/pod", { pod: "ns/a" }, ["Overview", "pods", "ns/a"]],
    ["mine/script", {}, ["Overview", "Scripts", "mine/script"]],
  ])("of %s %j", (script, args, expected) => {
    expect(titles(script, args)).toEqual(expected);
  });
  test("no two parts share a key", () => {
    expect(new Set(SECTIONS.map((section) => section.key)).size).toBe(SECTIONS.length);
    expect(sectionOf("px/kafka_lag")?.title).toBe("Groups");
  });
});
