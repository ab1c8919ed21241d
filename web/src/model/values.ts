/** Structured cells: links, quantiles, status, bodies as JSON; and the key by which any cell sorts. */
import type { Cell, Column } from "../api";
import { toNumber } from "./format";
import { mayJudge, verdict } from "./verdict";

export interface ScriptReference {
  label: string;
  script: string;
  args: Record<string, string>;
}

export interface Quantiles {
  p01: number;
  p10: number;
  p25: number;
  p50: number;
  p75: number;
  p90: number;
  p99: number;
}

export type State = "unknown" | "ok" | "warn" | "bad";

export interface StatusValue {
  text: string;
  state: State;
  detail: string;
}

function parseObject(value: Cell): Record<string, unknown> | null {
  if (typeof value !== "string" || !value.startsWith("{")) return null;
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? (parsed as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

export function scriptReference(value: Cell): ScriptReference | null {
  const object = parseObject(value);
  if (!object || typeof object.script !== "string") return null;
  const args = Object.fromEntries(Object.entries((object.args as Record<string, unknown> | undefined) ?? {}).map(([name, arg]) => [name, String(arg)]));
  return { label: String(object.label ?? object.script), script: object.script, args };
}

export function quantiles(value: Cell): Quantiles | null {
  const object = parseObject(value);
  if (!object) return null;
  const names = ["p01", "p10", "p25", "p50", "p75", "p90", "p99"] as const;
  const found: Partial<Quantiles> = {};
  for (const name of names) {
    const number = Number(object[name]);
    if (object[name] !== undefined && Number.isFinite(number)) found[name] = number;
  }
  const { p50 } = found;
  if (p50 === undefined) return null;
  const p90 = found.p90 ?? p50;
  return { p01: found.p01 ?? p50, p10: found.p10 ?? p50, p25: found.p25 ?? p50, p50, p75: found.p75 ?? p50, p90, p99: found.p99 ?? p90 };
}

const STATE_OF = new Map<string, State>(Object.entries({
  Running: "ok",
  Succeeded: "ok",
  Pending: "warn",
  Waiting: "warn",
  Failed: "bad",
  Terminated: "bad",
  Unknown: "unknown",
}));

/** A pod's or a container's status. */
export function status(value: Cell): StatusValue {
  const object = parseObject(value);
  const phase = object ? String(object.phase ?? object.state ?? "Unknown") : typeof value === "string" && value !== "" ? value : "Unknown";
  let state = STATE_OF.get(phase) ?? "unknown";
  if (state === "ok" && phase === "Running" && object?.ready === false) state = "warn";
  const notes = [object?.reason, object?.message].filter((note): note is string => typeof note === "string" && note !== "");
  if (object?.ready === false) notes.unshift("not ready");
  return { text: phase, state, detail: [phase, ...notes].join(": ") };
}

export const isStatus = (column: Column): boolean => ["POD_STATUS", "CONTAINER_STATUS", "POD_PHASE", "CONTAINER_STATE"].includes(column.semanticType);
export const isQuantiles = (column: Column): boolean => ["QUANTILES", "DURATION_NS_QUANTILES"].includes(column.semanticType);
export const isReference = (column: Column): boolean => column.semanticType === "SCRIPT_REFERENCE";

/** Requests that wait for data or for other members on purpose: their latency is no fault. */
const WAITING_APIS = new Set(["Fetch", "JoinGroup", "SyncGroup", "ShareFetch"]);

/** How slow a latency is, for columns that hold latencies; `unknown` for everything else. */
export function latencyState(value: Cell, column: Column, api?: Cell): State {
  if (column.semanticType !== "DURATION_NS" || !/^latency|^p\d\d$/.test(column.name)) return "unknown";
  if (typeof api === "string" && WAITING_APIS.has(api)) return "unknown";
  const ns = toNumber(value);
  if (ns === null || Number.isNaN(ns)) return "unknown";
  return ns < 150e6 ? "ok" : ns < 300e6 ? "warn" : "bad";
}

/** JSON inside a string cell, parsed; `undefined` for text that is not JSON of an object or array. */
export function nestedJson(value: Cell): unknown {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return undefined;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

export type SortKey = number | bigint | string | null;

/** What a cell is sorted by: phase of a status, label of a link, p99 (or another) of quantiles. */
export function sortKey(value: Cell, column: Column, percentile: keyof Quantiles = "p99"): SortKey {
  if (value === null) return null;
  if (isReference(column)) return scriptReference(value)?.label ?? String(value);
  if (isQuantiles(column)) return quantiles(value)?.[percentile] ?? null;
  if (isStatus(column)) return status(value).text;
  if (column.type === "TIME64NS" || (column.type === "INT64" && typeof value === "string")) {
    try {
      return BigInt(value);
    } catch {
      return String(value);
    }
  }
  if (column.type === "STRING" || column.type === "UINT128") return String(value);
  const number = toNumber(value);
  return number === null || Number.isNaN(number) ? null : number;
}

/** Text that a filter searches and a copy takes. */
export function plainText(value: Cell, column: Column): string {
  if (value === null) return "";
  if (isReference(column)) return scriptReference(value)?.label ?? String(value);
  if (isStatus(column)) return status(value).text;
  if (mayJudge(column)) return verdict(value)?.word ?? String(value);
  return String(value);
}

/** The script that a value of this semantic type opens, with the argument it fills. */
export const ENTITY_SCRIPTS: Record<string, { script: string; arg: string }> = {
  POD_NAME: { script: "px/pod", arg: "pod" },
  SERVICE_NAME: { script: "px/service", arg: "service" },
  NAMESPACE_NAME: { script: "px/namespace", arg: "namespace" },
  NODE_NAME: { script: "px/node", arg: "node" },
  IP_ADDRESS: { script: "px/ip", arg: "ip" },
};
