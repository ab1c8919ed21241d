/** What is not seen, in a few words: silent agents, what was lost, what is encrypted. */
import type { Agent, Status } from "../api";
import { bytes, duration, grouped, UNKNOWN, visible } from "./format";
import type { State } from "./values";

export interface CoverageSummary {
  text: string;
  state: State;
}

/** The chip's words: the share of complete requests, then what was missed most. */
export function coverageSummary(status: Status | null): CoverageSummary {
  if (!status) return { text: `coverage ${UNKNOWN}`, state: "unknown" };
  const { ratio, reasons = [], requests = 0, complete = 0 } = status.coverage;
  const counts = reasons.filter((reason) => reason.events > 0 || reason.bytes > 0 || reason.connections > 0).map(reasonText);
  const silent = silentAgents(status);
  if (silent.length > 0) return { text: silentText(status, silent), state: silent.length === reporting(status).length ? "bad" : "warn" };
  if (ratio === null || ratio === undefined) return { text: counts.length > 0 ? `nothing readable: ${counts[0] ?? ""}` : requests === 0 ? "no requests seen" : `coverage ${UNKNOWN}`, state: counts.length > 0 ? "warn" : "unknown" };
  // 99.97 % is not 100 %: rounding up would hide a loss.
  const percent = ratio >= 1 ? "100" : String(Math.floor(ratio * 1000) / 10);
  if (counts.length === 0 && ratio < 1) counts.push(`${grouped(requests - complete)} request${requests - complete === 1 ? "" : "s"} not complete`);
  return { text: `coverage ${percent} %${counts.length > 0 ? `: ${counts.slice(0, 2).join(", ")}` : ""}`, state: ratio < 0.9 ? "bad" : ratio < 1 || counts.length > 0 ? "warn" : "ok" };
}

function reasonText(reason: { reason: string; text: string; events: number; bytes: number; connections: number }): string {
  if (reason.reason === "tls") return `${grouped(reason.connections)} TLS connection${reason.connections === 1 ? "" : "s"}`;
  if (reason.bytes > 0 && /bytes/.test(reason.text)) return `${bytes(reason.bytes)} ${reason.text.replace(/^bytes /, "")}`;
  return `${grouped(reason.events)} ${reason.events === 1 ? reason.text.replace(/^(\w+?)(?:(?<=ch)es|s)\b/, "$1") : reason.text}`;
}

/** How requests are seen, in a word; which hooks of the kernel do it is for the coverage page. */
export const seenBy = (source: string): string => (source === "" ? "" : source.split(/, (?=ebpf|packet)/).map((each) => (each.startsWith("ebpf") ? "eBPF" : each.startsWith("packets") ? "packet capture" : each)).filter((each, at, all) => all.indexOf(each) === at).join(" and "));

export const isHealthy = (agent: Agent): boolean => agent.state === "AGENT_STATE_HEALTHY";

/** An agent that is silent for longer was taken away, as with its node: nobody waits for it. */
const GONE_S = 3600;

/** Agents that report or should: not those that were taken away, nor those that a new one on the host stands for. */
function reporting({ agents }: Status): Agent[] {
  const hosts = new Set(agents.filter(isHealthy).map((agent) => agent.hostname));
  return agents.filter((agent) => isHealthy(agent) || ((agent.lastSeenS ?? 0) < GONE_S && !hosts.has(agent.hostname)));
}

const silentAgents = (status: Status): Agent[] => reporting(status).filter((agent) => !isHealthy(agent));

function silentText(status: Status, silent: readonly Agent[]): string {
  const [first] = silent;
  if (silent.length > 1 || !first) return `${silent.length} of ${reporting(status).length} agents are silent`;
  return `agent on ${visible(first.hostname)} silent${first.lastSeenS === undefined ? "" : ` for ${duration(Math.round(first.lastSeenS) * 1e9)}`}`;
}

/** Why nothing new is seen at all, where no agent reports any more; `null` as long as one does. */
export function nobodyReports(status: Status): string | null {
  const silent = silentAgents(status);
  if (silent.length === 0 || silent.length < reporting(status).length) return null;
  return `No agent reports any more: ${silentText(status, silent)}. What is shown is from before; the agent's log says why, px up or px agent starts one`;
}
