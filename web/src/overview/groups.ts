/** Consumer groups as people ask for them: who is behind, since when, and why. */
import type { Cell, ResultTable } from "../api";
import { duration, grouped, significant, timeMs, toNumber } from "../model/format";
import { groupVerdict, isBehind, verdict, type Verdict } from "../model/verdict";
import { reader } from "./columns";

export interface Group {
  name: string;
  cluster: string;
  verdict: Verdict | null;
  lag: number | null;
  lagSeconds: number | null;
  /** Records per second by which it grows. */
  trend: number | null;
  drainSeconds: number | null;
  topics: string;
  reason: string;
  members: number | null;
  /** Since when it is so, in milliseconds since the epoch, where a finding says so. */
  since: number | null;
}

export const GROUP_COLUMN = /^group(_id)?$/;

/** `findings` may name the topic and the time: rows of `group`, `topic` and `since`. */
export function groupsOf(table: ResultTable | null, findings: ResultTable | null = null): Group[] {
  if (!table) return [];
  const found = findingsOf(findings);
  const read = reader(table);
  const name = table.columns.find((column) => GROUP_COLUMN.test(column.name))?.name ?? "group";
  const finding = (row: readonly Cell[]) => found.get(groupKey(read(row, "cluster"), read(row, name)));
  return table.rows.map((row) => ({
    since: finding(row)?.since ?? null,
    name: String(read(row, name) ?? ""), cluster: String(read(row, "cluster") ?? ""), verdict: verdictOf(table, row, read), lag: toNumber(read(row, "lag")), lagSeconds: secondsOf(table, row, "lag_seconds"), trend: toNumber(read(row, "trend")),
    drainSeconds: secondsOf(table, row, "time_to_drain"), topics: finding(row)?.topics ?? topicsText(read(row, "topics")), reason: reasonOf(read(row, "status"), verdictOf(table, row, read), read(row, "reason")), members: toNumber(read(row, "members")),
  })); // prettier-ignore
}

const verdictOf = (table: ResultTable, row: ResultTable["rows"][number], read: ReturnType<typeof reader>): Verdict | null => groupVerdict(read(row, "status"), secondsOf(table, row, "lag_seconds"), toNumber(read(row, "trend")));

/** Why; a reason for being in order, under a group that is late all the same, is by its commits alone. */
const reasonOf = (status: Cell, found: Verdict | null, reason: Cell): string => (isBehind(found) && verdict(status)?.state === "ok" && reason ? `By its commits alone: ${String(reason)}` : String(reason ?? ""));

const groupKey = (cluster: Cell, group: Cell): string => JSON.stringify([cluster ?? "", group ?? ""]);

function findingsOf(table: ResultTable | null): Map<string, { since: number | null; topics: string }> {
  const found = new Map<string, { since: number | null; topics: Set<string> }>();
  if (!table) return new Map();
  const read = reader(table);
  for (const row of table.rows) {
    const group = groupKey(read(row, "cluster"), read(row, "group"));
    const since = timeMs(read(row, "since"));
    const known = found.get(group) ?? { since: null, topics: new Set<string>() };
    if (since !== null && since > 0) known.since = Math.min(known.since ?? since, since);
    if (read(row, "topic")) known.topics.add(String(read(row, "topic")));
    found.set(group, known);
  }
  return new Map([...found].map(([group, { since, topics }]) => [group, { since, topics: listed([...topics]) }]));
}

/** Seconds of a column in seconds, or in nanoseconds where its semantic type says so. */
function secondsOf(table: ResultTable, row: ResultTable["rows"][number], name: string): number | null {
  const at = table.columns.findIndex((column) => column.name === name);
  const value = toNumber(row[at]);
  if (value === null || !Number.isFinite(value)) return null;
  return table.columns[at]?.semanticType === "DURATION_NS" ? value / 1e9 : value;
}

function topicsText(value: unknown): string {
  if (typeof value === "number") return value > 1 ? `${value} topics` : "";
  if (typeof value !== "string" || value === "") return "";
  let names: string[];
  try {
    const parsed: unknown = JSON.parse(value);
    names = Array.isArray(parsed) ? parsed.map(String) : [value];
  } catch {
    names = value.split(/,\s*/);
  }
  return listed(names);
}

const listed = (names: readonly string[]): string => (names.length > 2 ? `${names.slice(0, 2).join(", ")} and ${names.length - 2} more` : names.join(" and ")).slice(0, 300);

/** Groups that somebody should look at, the worst first. */
export function behind(groups: readonly Group[]): Group[] {
  return groups.filter((group) => isBehind(group.verdict)).sort((a, b) => (b.verdict?.severity ?? 0) - (a.verdict?.severity ?? 0) || (b.lagSeconds ?? 0) - (a.lagSeconds ?? 0) || (b.lag ?? 0) - (a.lag ?? 0));
}

/** "is 3 min behind on order (46 records), falling further behind by 2 records/s", without the group's name. */
export function sentence(group: Group): string {
  const on = group.topics === "" ? "" : ` on ${group.topics}`;
  const records = group.lag === null ? "" : `${grouped(group.lag)} record${group.lag === 1 ? "" : "s"}`;
  const behindBy = group.lagSeconds !== null && group.lagSeconds > 0 ? `is ${duration(group.lagSeconds * 1e9)} behind${on}${records === "" ? "" : ` (${records})`}` : records === "" ? `${group.verdict?.word ?? ""}${on}` : `is ${records} behind${on}`;
  const trend = group.trend === null || Math.abs(group.trend) < 0.005 ? "" : group.trend > 0 ? `, falling further behind by ${significant(group.trend, 2)} records/s` : `, catching up by ${significant(-group.trend, 2)} records/s${group.drainSeconds === null ? "" : `, done in ${duration(group.drainSeconds * 1e9)}`}`;
  return `${behindBy}${trend}`;
}

/** Since when it is behind: what a finding says or the time of the oldest record that it has not read, whichever is earlier; in milliseconds since the epoch. */
export function behindSince(group: Group, executedAt: number): number | null {
  const oldest = group.lagSeconds === null || group.lagSeconds <= 0 ? null : executedAt - group.lagSeconds * 1000;
  return group.since === null || oldest === null ? (group.since ?? oldest) : Math.min(group.since, oldest);
}
