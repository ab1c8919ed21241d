/** What happened to consumer groups, as marks in time charts: rebalances, changes of verdict, findings, alerts. */
import { createContext } from "react";
import type { Cell, ResultTable, RunResult } from "../api";
import { duration, timeMs, toNumber } from "../model/format";
import { verdict } from "../model/verdict";
import { reader, tableWith } from "../overview/columns";

/** The later in the list, the more it tells: of several marks in one place the flag shows the last. */
export const KINDS = ["rebalance", "verdict", "finding", "alert"] as const;
export type MarkKind = (typeof KINDS)[number];

export interface Mark {
  /** Seconds since the epoch. */
  at: number;
  kind: MarkKind;
  /** Empty for an alert that is about no group. */
  group: string;
  cluster: string;
  /** What happened, without the group's name. */
  text: string;
}

/** The marks of the page's charts, oldest first. */
export const Marks = createContext<readonly Mark[]>([]);

/** A chart with more of them would show nothing else. */
export const MAX_MARKS = 200;

/** Results of the scripts that tell what happened, as far as they have answered. */
export type Happened = Partial<Record<"rebalances" | "verdicts" | "findings" | "alerts", RunResult | null | undefined>>;

export function marksOf({ rebalances = null, verdicts = null, findings = null, alerts = null }: Happened): Mark[] {
  const found = [
    ...rows(tableWith(rebalances, "time_", "group", "trigger"), rebalanceMark),
    ...verdictMarks(tableWith(verdicts, "time_", "group", "status")),
    ...rows(tableWith(findings, "since", "kind", "group"), findingMark),
    ...rows(tableWith(alerts, "time_", "event", "alert"), alertMark),
  ];
  return found.sort((a, b) => a.at - b.at).slice(-MAX_MARKS);
}

type Read = (name: string) => Cell;

function rows(table: ResultTable | null, make: (read: Read) => Mark | null): Mark[] {
  if (table === null) return [];
  const read = reader(table);
  return table.rows.flatMap((row) => make((name) => read(row, name)) ?? []);
}

const text = (value: Cell): string => (typeof value === "string" ? value : "");
const words = (name: Cell): string => text(name).replaceAll("_", " ");
const of = (read: Read) => ({ group: text(read("group")), cluster: text(read("cluster")) });

function rebalanceMark(read: Read): Mark | null {
  const ms = timeMs(read("time_"));
  if (ms === null) return null;
  const [took, before, after] = [toNumber(read("duration")), toNumber(read("members_before")), toNumber(read("members_after"))];
  const members = after === null ? "" : before === null ? `${after} member${after === 1 ? "" : "s"} after it` : `${before} to ${after} members`;
  const because = [words(read("trigger")), text(read("reason"))].filter((part) => part !== "").join(": ");
  const facts = [because, took === null ? "not ended" : `took ${duration(took)}`, members].filter((part) => part !== "");
  return { at: ms / 1000, kind: "rebalance", ...of(read), text: `rebalance, ${facts.join(", ")}` };
}

function findingMark(read: Read): Mark | null {
  const ms = timeMs(read("since"));
  if (ms === null || ms <= 0) return null;
  const topic = text(read("topic"));
  return { at: ms / 1000, kind: "finding", ...of(read), text: `${words(read("kind"))}${topic === "" ? "" : ` on ${topic}`}` };
}

function alertMark(read: Read): Mark | null {
  const ms = timeMs(read("time_"));
  if (ms === null) return null;
  const opened = read("event") === "open";
  const summary = text(read("summary"));
  return { at: ms / 1000, kind: "alert", ...of(read), text: `alert ${text(read("alert"))} ${opened ? "opened" : "closed"}${opened && summary !== "" ? `: ${summary}` : ""}` };
}

/** A mark where the verdict on a group is another than in the row before. */
function verdictMarks(table: ResultTable | null): Mark[] {
  const last = new Map<string, string>();
  const word = (status: string) => verdict(status)?.word ?? status;
  const change = (read: Read): Mark | null => {
    const [ms, status, reason] = [timeMs(read("time_")), text(read("status")), text(read("reason"))];
    const { group, cluster } = of(read);
    const key = JSON.stringify([cluster, group]);
    const before = last.get(key);
    last.set(key, status);
    if (ms === null || before === undefined || before === status) return null;
    return { at: ms / 1000, kind: "verdict", group, cluster, text: `${word(before)} → ${word(status)}${reason === "" ? "" : `: ${reason}`}` };
  };
  return table === null ? [] : rows({ ...table, rows: oldestFirst(table) }, change);
}

function oldestFirst(table: ResultTable): Cell[][] {
  const read = reader(table);
  return table.rows.map((row) => ({ row, at: timeMs(read(row, "time_")) ?? 0 })).sort((a, b) => a.at - b.at).map(({ row }) => row);
}

const GROUP = /^(group|group_id|consumer|consumer_group_id)$/;

/** Only the marks of groups that the page is about: those of its arguments, else those that its tables name; all of them where neither names one. */
export function marksOnPage(marks: readonly Mark[], args: Readonly<Record<string, string>>, result: RunResult | null): readonly Mark[] {
  const cluster = args.cluster ?? "";
  const here = cluster === "" ? marks : marks.filter((mark) => mark.cluster === "" || mark.cluster === cluster);
  const asked = args.group_id ?? args.consumer_group_id ?? "";
  if (asked !== "") return here.filter((mark) => mark.group === asked);
  const named = new Set<Cell>();
  for (const table of result?.tables ?? [])
    for (const [at, column] of table.columns.entries()) if (GROUP.test(column.name) && column.type === "STRING") for (const row of table.rows) named.add(row[at] ?? null);
  return named.size === 0 ? here : here.filter((mark) => named.has(mark.group));
}

export interface Bundle {
  /** Pixels from the plot's left border. */
  x: number;
  marks: Mark[];
}

/** Marks in sight, those closer than `apart` pixels together. */
export function bundled(marks: readonly Mark[], low: number, high: number, width: number, apart = 9): Bundle[] {
  const bundles: Bundle[] = [];
  if (!(high > low)) return bundles;
  for (const mark of marks) {
    if (mark.at < low || mark.at > high) continue;
    const x = ((mark.at - low) / (high - low)) * width;
    const last = bundles.at(-1);
    if (last && x - last.x < apart) last.marks.push(mark);
    else bundles.push({ x, marks: [mark] });
  }
  return bundles;
}
