/** What a consumer group's status says in words, and how bad it is. */
import type { Cell, Column } from "../api";
import type { State } from "./values";

export interface Verdict {
  word: string;
  state: State;
  /** The greater, the sooner somebody should look. */
  severity: number;
}

const VERDICTS: Record<string, Verdict> = {
  OK: { word: "keeps up", state: "ok", severity: 1 },
  WARN: { word: "falling behind", state: "warn", severity: 3 },
  ERR: { word: "failing", state: "bad", severity: 6 },
  STOP: { word: "stopped", state: "bad", severity: 7 },
  STALL: { word: "stalled", state: "bad", severity: 5 },
  REWIND: { word: "went back", state: "warn", severity: 4 },
  UNKNOWN: { word: "not known", state: "unknown", severity: 2 },
  NOTFOUND: { word: "not found", state: "unknown", severity: 0 },
};

/** Whether a column may hold verdicts; others are called status too, and hold what is none. */
export const mayJudge = (column: Column): boolean => column.name === "status" || column.name === "verdict";

/** The verdict that a cell holds; `null` for any other text. */
export function verdict(value: Cell | undefined): Verdict | null {
  return typeof value === "string" ? (VERDICTS[value.toUpperCase()] ?? null) : null;
}

/** So many seconds behind is late, whatever the commits look like. */
const LATE_S = 60;
const STEADY = 0.005;

/**
 * The verdict of a row of groups. The status goes by Burrow's rules, to which a group is OK as long as its lag goes down now and then, be it minutes
 * late; who asks who is behind means that group too. `lag` is in seconds, `trend` in records per second.
 */
export function groupVerdict(status: Cell | undefined, lag: number | null, trend: number | null): Verdict | null {
  const found = verdict(status);
  if (found?.state !== "ok" || lag === null || lag < LATE_S) return found;
  if (trend !== null && trend < -STEADY) return { word: "catching up", state: "warn", severity: 2 };
  return { word: trend !== null && trend > STEADY ? "falling behind" : "behind", state: "warn", severity: 3 };
}

/** Whether somebody should look at it. */
export const isBehind = (found: Verdict | null): boolean => found !== null && (found.state === "warn" || found.state === "bad");
