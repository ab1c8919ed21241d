/** Open alerts as the start page tells them. */
import type { AlertEvent, Alerts } from "../api";
import type { Args } from "../model/location";
import { grouped } from "../model/format";
import type { State } from "../model/values";

export const severityState = (severity: string): State => (severity === "critical" ? "bad" : "warn");

/** The worst of them; `ok` when there is none. */
export const alertsState = (alerts: readonly AlertEvent[]): State => (alerts.length === 0 ? "ok" : alerts.some((each) => each.severity === "critical") ? "bad" : "warn");

/** Those about one of these groups, and those that are about no group: alerts know no namespaces, the groups do. `null` keeps all. */
export function alertsOf(alerts: readonly AlertEvent[], groups: ReadonlySet<string> | null): readonly AlertEvent[] {
  return groups === null ? alerts : alerts.filter((each) => !each.labels.group || groups.has(each.labels.group));
}

export const ALERTS_SCRIPT = "px/kafka_alerts";
const HOUR_MS = 3_600_000;

/** Arguments with which the script lists all that is open, also while the page stays open: it knows of what opened within its window. */
export function alertArgs(open: readonly AlertEvent[], now: number): Args {
  if (open.length === 0) return {};
  const ago = now - Math.min(...open.map((each) => each.time));
  return { start_time: `-${Math.floor(ago / HOUR_MS) + 2}h` };
}

/** The summary where the subject stands before it: many begin with its name. */
export const besideSubject = ({ subject, summary }: AlertEvent): string => (summary.startsWith(`${subject}: `) ? summary.slice(subject.length + 2) : summary);

/** What keeps alerts from being found or told; `null` when nothing does. */
export function alertProblem({ rulesProblem, dropped, notify }: Alerts): string | null {
  if (rulesProblem !== null) return `the changed file of alert rules is not used: ${rulesProblem}`;
  if (dropped > 0) return `alerts left out because too many of one rule are open: ${grouped(dropped)}`;
  return notify.problems > 0 ? `alerts that could not be sent: ${grouped(notify.problems)}; the last ${notify.lastProblem}` : null;
}
