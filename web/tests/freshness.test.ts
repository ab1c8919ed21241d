import { expect, test } from "vitest";
import { freshness } from "../src/model/freshness";
import { IDLE, type LiveState } from "../src/model/live";

const NOW = 1_800_000_000_000;
const answered = (changes: Partial<LiveState> = {}): LiveState => ({ ...IDLE, receivedAt: NOW - 1000, transport: "socket", ...changes });
const error = { kind: "query", message: "", hint: "" };

test.each([
  ["an answer by the socket", answered(), 5000, false, "live", "ok"],
  ["an answer that was asked for again and again", answered({ transport: "polling" }), 5000, false, "polling", "ok"],
  ["packet captures have passed", answered(), 5000, true, "recorded", "ok"],
  ["nobody asks", answered(), 0, false, "paused", "unknown"],
  ["nobody asks of a capture", answered(), 0, true, "paused", "unknown"],
  ["no answer for three intervals and more", answered({ receivedAt: NOW - 60_000 }), 5000, true, "stale", "warn"],
  ["a run failed", answered({ error }), 5000, true, "failing", "bad"],
] as const)("%s", (_, live, intervalMs, recorded, text, state) => {
  expect(freshness(live, intervalMs, recorded, NOW)).toEqual({ text, state });
});
