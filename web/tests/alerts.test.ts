import { describe, expect, test } from "vitest";
import type { AlertEvent, Alerts } from "../src/api";
import { alertArgs, alertProblem, alertsOf, alertsState, besideSubject } from "../src/overview/alerts";

const alert = (severity: string, labels: AlertEvent["labels"], summary = ""): AlertEvent => ({ time: 2, since: 1, event: "open", alert: "rule", severity, labels, subject: Object.values(labels).join("/"), value: null, summary });
const alerts = (given: Partial<Alerts>): Alerts => ({ open: [], dropped: 0, rulesProblem: null, notify: { sent: 0, problems: 0, lastProblem: "" }, ...given });

test.each([[[], "ok"], [["warning"], "warn"], [["warning", "critical"], "bad"]] as const)("of alerts %j the state is %s", (severities, state) => {
  expect(alertsState(severities.map((severity) => alert(severity, {})))).toBe(state);
});

test("of a namespace there are the alerts about its groups, and those about no group", () => {
  const all = [alert("warning", { group: "mine" }), alert("warning", { group: "others" }), alert("warning", { group: "", topic: "order" })];
  expect(alertsOf(all, new Set(["mine"])).map((each) => each.subject)).toEqual(["mine", "/order"]);
  expect(alertsOf(all, null)).toHaveLength(3);
});

test.each([[[], {}], [[-60_000], { start_time: "-2h" }], [[-60_000, -7_000_000], { start_time: "-3h" }]] as const)("the list of alerts reaches back to the first of %j", (times, args) => {
  expect(alertArgs(times.map((time) => ({ ...alert("warning", {}), time })), 0)).toEqual(args);
});

describe("a summary does not say the name that stands before it", () => {
  test.each([["g", "g: it stopped", "it stopped"], ["g", "gg: it stopped", "gg: it stopped"], ["g", "g is late", "g is late"]])("%s, %s", (group, summary, shown) => {
    expect(besideSubject(alert("warning", { group }, summary))).toBe(shown);
  });
});

describe("what keeps alerts from being found or told is said", () => {
  test.each<[Partial<Alerts>, RegExp]>([
    [{ rulesProblem: "rules.toml: line 3: no such column" }, /line 3: no such column/],
    [{ dropped: 12 }, /too many of one rule are open: 12/],
    [{ notify: { sent: 0, problems: 2, lastProblem: "http://x: refused" } }, /could not be sent: 2; the last http:\/\/x: refused/],
  ])("%j", (given, text) => {
    expect(alertProblem(alerts(given))).toMatch(text);
  });
  test("and nothing when nothing does", () => {
    expect(alertProblem(alerts({}))).toBeNull();
  });
});
