import { describe, expect, test } from "vitest";
import type { Cell, Column, RunResult } from "../src/api";
import { bundled, type Mark, MAX_MARKS, marksOf, marksOnPage } from "../src/chart/marks";

const column = (name: string, type: Column["type"] = "STRING"): Column => ({ name, type, semanticType: "NONE" });
const result = (columns: Column[], ...rows: Cell[][]): RunResult => ({ script: "", args: {}, executedAt: 0, compileMs: 0, durationMs: 0, widgets: [], messages: [], tables: [{ name: "t", columns, rows, numRows: rows.length, truncated: false }] });
const REBALANCES = [column("time_", "TIME64NS"), column("group"), column("trigger"), column("reason"), column("duration", "INT64"), column("members_before", "INT64"), column("members_after", "INT64")];
const FINDINGS = [column("since", "TIME64NS"), column("kind"), column("group"), column("topic")];
const ns = (second: number) => `${second}000000000`;
const VERDICTS = [column("time_", "TIME64NS"), column("cluster"), column("group"), column("status"), column("reason")];
const ALERTS = [column("time_", "TIME64NS"), column("event"), column("alert"), column("summary"), column("cluster"), column("group")];
const mark = (at: number, group = "g", cluster = ""): Mark => ({ at, kind: "rebalance", group, cluster, text: "" });

describe("what happened to groups", () => {
  test.each<[string, Cell[], string]>([
    ["with its cause and members", [ns(10), "g", "member_joined", "", 679_000_000, 1, 3], "rebalance, member joined, took 679 ms, 1 to 3 members"],
    ["with the reason that a client gave", [ns(10), "g", "member_left", "consumer closed", 2_000_000_000, 3, 1], "rebalance, member left: consumer closed, took 2 s, 3 to 1 members"],
    ["not ended, of unknown members", [ns(10), "g", "", "", null, null, null], "rebalance, not ended"],
  ])("a rebalance %s", (_, row, text) => {
    expect(marksOf({ rebalances: result(REBALANCES, row) })).toEqual([{ at: 10, kind: "rebalance", group: "g", cluster: "", text }]);
  });
  test("a finding stands where it began, between the rebalances", () => {
    const found = marksOf({ rebalances: result(REBALANCES, [ns(30), "a", "", "", 1, 1, 1], [ns(10), "a", "", "", 1, 1, 1]), findings: result(FINDINGS, [ns(20), "falling_behind", "b", "order"]) });
    expect(found.map((each) => [each.at, each.kind])).toEqual([[10, "rebalance"], [20, "finding"], [30, "rebalance"]]);
    expect(found[1]?.text).toBe("falling behind on order");
  });
  test("only the newest are kept", () => {
    const many = Array.from({ length: MAX_MARKS + 5 }, (_, index): Cell[] => [ns(index), "g", "", "", 1, 1, 1]);
    expect(marksOf({ rebalances: result(REBALANCES, ...many) })[0]?.at).toBe(5);
  });
  test("a change of verdict stands where the new one was first seen, in each cluster by itself", () => {
    const found = marksOf({ verdicts: result(VERDICTS, [ns(50), "A", "g", "ERR", "It stopped."], [ns(40), "B", "g", "OK", ""], [ns(30), "A", "g", "OK", ""], [ns(20), "A", "g", "OK", ""], [ns(10), "A", "g", "WARN", ""]) });
    expect(found).toEqual([
      { at: 20, kind: "verdict", group: "g", cluster: "A", text: "falling behind → keeps up" },
      { at: 50, kind: "verdict", group: "g", cluster: "A", text: "keeps up → failing: It stopped." },
    ]);
  });
  test("an alert stands where it opened and where it closed, also one about no group", () => {
    const found = marksOf({ alerts: result(ALERTS, [ns(20), "close", "late", "g is late", "A", "g"], [ns(10), "open", "late", "g is late", "A", "g"], [ns(5), "open", "silent", "t is silent", "A", ""]) });
    expect(found.map((each) => [each.at, each.group, each.text])).toEqual([[5, "", "alert silent opened: t is silent"], [10, "g", "alert late opened: g is late"], [20, "g", "alert late closed"]]);
  });
  test("a result without such tables has none", () => {
    expect(marksOf({ rebalances: result([column("other")], ["x"]), verdicts: null })).toEqual([]);
  });
});

describe("marks on a page", () => {
  const all = [mark(1, "a"), mark(2, "b")];
  const groups = (page: readonly Mark[]) => page.map((each) => each.group);
  test("are those of the group that it is asked for", () => { expect(groups(marksOnPage(all, { group_id: "b" }, null))).toEqual(["b"]); });
  test("are those of the cluster that it is asked for, and those of no known one", () => {
    const clusters = [mark(1, "g", "A"), mark(2, "g", "B"), mark(3, "g", "")];
    expect(marksOnPage(clusters, { group_id: "g", cluster: "A" }, null).map((each) => each.at)).toEqual([1, 3]);
  });
  test("are those of the groups in its tables", () => { expect(groups(marksOnPage(all, {}, result([column("group")], ["a"])))).toEqual(["a"]); });
  test("are all where no group is named", () => { expect(groups(marksOnPage(all, {}, result([column("broker")], ["0"])))).toEqual(["a", "b"]); });
});

test("marks that would cover each other are one, those out of sight are none", () => {
  const found = bundled([mark(-1), mark(0), mark(1), mark(50), mark(101)], 0, 100, 500);
  expect(found.map((bundle) => [bundle.x, bundle.marks.length])).toEqual([[0, 2], [250, 1]]);
  expect(bundled([mark(1)], 5, 5, 100)).toEqual([]);
});
