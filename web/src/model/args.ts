/** A script's arguments: what holds, what is missing, where values for a drop-down come from. */
import type { ScriptSummary, Variable } from "../api";
import type { Args } from "./location";

export type { Args } from "./location";

/** What is given for a variable; a script may call one `constructor`, which every object has. */
const given = (variable: Variable, args: Args): string => (Object.hasOwn(args, variable.name) ? (args[variable.name] ?? "") : "");

/** The value that holds for a variable: the given one; an empty one means the default. */
export function effective(variable: Variable, args: Args): string {
  return given(variable, args) || (variable.defaultValue ?? "");
}

/** What a default asks for that is a sentence and no value, as `Enter one of the topics listed below`; `null` where a value holds. */
export function prompt(variable: Variable, args: Args): string | null {
  const value = effective(variable, args);
  return value === variable.defaultValue && / /.test(value) ? value : null;
}

/** Required variables without a value. */
export function missing(variables: readonly Variable[], args: Args): Variable[] {
  return variables.filter((variable) => variable.required && effective(variable, args) === "");
}

/** Where there are no pods there are no namespaces to choose from, and a script that wants one is asked about everything. */
export function withoutNamespaces(variables: readonly Variable[]): Variable[] {
  return variables.map((variable) => (variable.type === "PX_NAMESPACE" ? { ...variable, required: false } : variable));
}

/** The arguments that a run sends: only variables of the script, only values that differ from the default. */
export function toSend(variables: readonly Variable[], args: Args): Args {
  const says = (variable: Variable): boolean => given(variable, args) !== "" || (!variable.required && variable.defaultValue === undefined);
  return Object.fromEntries(variables.filter(says).map((variable) => [variable.name, given(variable, args)]));
}

const BY_TYPE = new Map<string, string>(Object.entries({ PX_NAMESPACE: "namespace", PX_POD: "pod", PX_SERVICE: "service", PX_NODE: "node" }));
const BY_NAME: [RegExp, string][] = [
  [/^cluster$/, "cluster"],
  [/^topic/, "topic"],
  [/group/, "group"],
  [/^(producer|consumer|client(_id)?)$/, "client"],
  [/^(source|destination)_filter$/, "pod"],
  [/^namespace$/, "namespace"],
  [/^pod$/, "pod"],
];

/** The kind of entity whose names fit a variable, or `null` when any text does. */
export function entityKind(variable: Variable): string | null {
  const byType = BY_TYPE.get(variable.type);
  if (byType) return byType;
  if (variable.type !== "PX_STRING") return null;
  return BY_NAME.find(([pattern]) => pattern.test(variable.name))?.[1] ?? null;
}

/** The variable that a column's values fit: the column `topic` fills the argument `topic`, `group_id` fills `consumer_group_id`. */
export function variableFor(column: string, variables: readonly Variable[]): Variable | null {
  const fits = (variable: Variable) => [variable.name, `${variable.name}_name`].includes(column) || (column === "group_id" && variable.name === "consumer_group_id");
  return variables.find((variable) => !isTime(variable) && fits(variable)) ?? null;
}

export const isTime = (variable: Variable): boolean => variable.name === "start_time" || variable.name === "start";

export const TIME_PRESETS: { value: string; detail: string }[] = [
  { value: "-1m", detail: "last minute" },
  { value: "-5m", detail: "last 5 minutes" },
  { value: "-15m", detail: "last 15 minutes" },
  { value: "-30m", detail: "last 30 minutes" },
  { value: "-1h", detail: "last hour" },
  { value: "-6h", detail: "last 6 hours" },
  { value: "-24h", detail: "last day" },
];

/** A greater window than `start`, for a run that found nothing; `null` when there is none in the list. */
export function longerWindow(start: string): string | null {
  const seconds = windowSeconds(start);
  if (seconds === null) return null;
  return TIME_PRESETS.find((preset) => (windowSeconds(preset.value) ?? 0) > seconds)?.value ?? null;
}

/** Seconds of a relative start time such as `-5m`. */
export function windowSeconds(start: string): number | null {
  const found = /^-(\d+)(ms|s|m|h|d)$/.exec(start.trim());
  if (!found) return null;
  const unit: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400 };
  return Number(found[1]) * (unit[found[2] ?? ""] ?? 0);
}

/** `-5m` as people say it. */
export function windowText(start: string): string {
  const known = TIME_PRESETS.find((preset) => preset.value === start);
  if (known) return known.detail;
  const found = /^-(\d+)(ms|s|m|h|d)$/.exec(start.trim());
  const names: Record<string, string> = { ms: "ms", s: "seconds", m: "minutes", h: "hours", d: "days" };
  return found ? `last ${found[1] ?? ""} ${names[found[2] ?? ""] ?? ""}` : start;
}

/** Scripts whose name or description has every word of the query; matches in the name first. */
export function searchScripts(scripts: readonly ScriptSummary[], query: string): ScriptSummary[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const scored = scripts.flatMap((script) => {
    if (script.hidden && words.length === 0) return [];
    const name = script.name.toLowerCase();
    const text = `${name} ${script.short} ${script.long}`.toLowerCase();
    if (!words.every((word) => text.includes(word) || isSubsequence(word, name))) return [];
    const score = words.reduce((sum, word) => sum + (name.includes(word) ? (name.split("/").pop() ?? "").startsWith(word) ? 0 : 1 : text.includes(word) ? 2 : 3), 0);
    return [{ script, score }];
  });
  return scored.sort((a, b) => a.score - b.score || rank(a.script) - rank(b.script) || a.script.name.localeCompare(b.script.name)).map((s) => s.script);
}

function rank(script: ScriptSummary): number {
  if (script.name === "px/kafka_overview") return -1;
  return script.name.startsWith("px/kafka_") ? 0 : script.name.startsWith("px/") ? 1 : 2;
}

function isSubsequence(needle: string, text: string): boolean {
  let at = 0;
  for (const char of text) if (char === needle[at]) at += 1;
  return at === needle.length;
}
