import { expect, test } from "vitest";
import { groupVerdict } from "../src/model/verdict";

const cases: [string, number | null, number | null, string, boolean][] = [
  ["OK", 0.4, -1, "keeps up", false],
  ["OK", null, null, "keeps up", false],
  ["OK", 500, 1.2, "falling behind", true],
  ["OK", 500, -3, "catching up", true],
  ["OK", 500, null, "behind", true],
  ["WARN", 2, -3, "falling behind", true],
  ["STOP", 0, 0, "stopped", true],
  ["UNKNOWN", 500, 1, "not known", false],
];
for (const [status, lag, trend, word, behind] of cases)
  test(`${status}, ${String(lag)} s late, ${String(trend)} records/s: ${word}`, () => {
    const found = groupVerdict(status, lag, trend);
    expect(found?.word).toBe(word);
    expect(found?.state === "warn" || found?.state === "bad").toBe(behind);
  });

test("what is no verdict has none", () => {
  expect(groupVerdict("Running", 500, 1)).toBeNull();
});
