/** How fresh what a page shows is, in a word and as a state of the bar. */
import type { LiveState } from "./live";
import { DEFAULT_REFRESH_MS } from "./location";

export interface Freshness {
  text: "live" | "polling" | "recorded" | "paused" | "stale" | "failing";
  state: "ok" | "warn" | "bad" | "unknown";
}

/** `recorded`: the server answers from files, so that no run brings anything newer. `now` in milliseconds since the epoch. */
export function freshness(live: LiveState, intervalMs: number, recorded: boolean, now: number): Freshness {
  if (live.error) return { text: intervalMs === 0 ? "paused" : "failing", state: "bad" };
  if (intervalMs === 0) return { text: "paused", state: "unknown" };
  if (now - live.receivedAt > Math.max(3 * intervalMs, 10_000) + DEFAULT_REFRESH_MS) return { text: "stale", state: "warn" };
  if (recorded) return { text: "recorded", state: "ok" };
  return { text: live.transport === "polling" ? "polling" : "live", state: "ok" };
}
