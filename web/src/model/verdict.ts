/** What a consumer group's status says in words, and how bad it is. */
import type { Cell } from "../api";
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

/** The verdict that a cell holds; `null` for any other text. */
export function verdict(value: Cell | undefined): Verdict | null {
  return typeof value === "string" ? (VERDICTS[value.toUpperCase()] ?? null) : null;
}

/** Whether somebody should look at it. */
export const isBehind = (found: Verdict | null): boolean => found !== null && (found.state === "warn" || found.state === "bad");
