/** What is not seen, as a chip in the bar and as a list behind it. */
import { useRef, useState } from "react";
import type { ErrorBody, Status } from "../api";
import { ago, bytes, duration, grouped, timeMs, UNKNOWN, visible } from "../model/format";
import type { State } from "../model/values";
import { useDismiss } from "../page/useDismiss";

export interface CoverageSummary {
  text: string;
  state: State;
}

/** The chip's words: the share of complete requests, then what was missed most. */
export function coverageSummary(status: Status | null): CoverageSummary {
  if (!status) return { text: `coverage ${UNKNOWN}`, state: "unknown" };
  const { ratio, reasons = [], requests = 0, complete = 0 } = status.coverage;
  const counts = reasons.filter((reason) => reason.events > 0 || reason.bytes > 0 || reason.connections > 0).map(reasonText);
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

export function Coverage({ status, failure }: { status: Status | null; failure: ErrorBody | null }) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const summary = failure ? { text: "status unknown", state: "bad" as const } : coverageSummary(status);
  const [head = "", ...rest] = summary.text.split(":");
  const tail = rest.length === 0 ? "" : `:${rest.join(":")}`;
  useDismiss(open, root, setOpen);
  return (
    <div className="coverage" ref={root}>
      <button type="button" className={`chip state-${summary.state}`} data-testid="coverage-chip" aria-expanded={open} title="what is not seen, and why" onClick={() => { setOpen(!open); }}>
        <i className="dot" /> <span className="coverage-text"><span className="wide-only">{summary.text.startsWith("coverage ") ? "coverage " : ""}</span>{head.replace(/^coverage /, "")}<span className="wide-only">{tail}</span></span>
      </button>
      {open && (
        <div className="popover coverage-panel" data-testid="coverage-panel" role="dialog" aria-label="coverage">
          {failure ? <p>{failure.message}. {failure.hint}</p> : status ? <Details status={status} /> : <p>not known yet</p>}
        </div>
      )}
    </div>
  );
}

function Details({ status }: { status: Status }) {
  const { coverage } = status;
  const reasons = coverage.reasons ?? [];
  const now = Date.now();
  return (
    <>
      <h3>What was seen in the last {duration((coverage.windowS ?? 300) * 1e9)}</h3>
      <p>{grouped(coverage.complete ?? 0)} of {grouped(coverage.requests ?? 0)} requests are complete.{reasons.length === 0 ? " Nothing is known to be missing." : ""}</p>
      {reasons.length > 0 && (
        <table className="plain">
          <thead><tr><th>not seen</th><th className="num">events</th><th className="num">bytes</th><th className="num">connections</th></tr></thead>
          <tbody>{reasons.map((reason) => (
            <tr key={reason.reason}><td>{reason.text}</td><td className="num">{grouped(reason.events)}</td><td className="num">{bytes(reason.bytes)}</td><td className="num">{grouped(reason.connections)}</td></tr>
          ))}</tbody>
        </table>
      )}
      <h3>Agents</h3>
      {status.agents.length === 0 && <p>No agent reports: only what is stored can be asked.</p>}
      {status.agents.map((agent, index) => {
        const healthy = agent.state === "AGENT_STATE_HEALTHY";
        return (
          <p key={index} className="agent">
            <span className={`state-${healthy ? "ok" : "bad"}`}><i className="dot" /> {healthy ? "healthy" : agent.state.replace("AGENT_STATE_", "").toLowerCase()}</span>{" "}
            {visible(agent.hostname)}{agent.hook ? `, ${agent.hook}` : ""}, {grouped(agent.events ?? 0)} events, {grouped(agent.eventsLost ?? 0)} lost{agent.detail ? `. ${visible(agent.detail)}` : ""}
          </p>
        );
      })}
      <h3>Kept</h3>
      <table className="plain">
        <thead><tr><th>table</th><th className="num">rows</th><th className="num">size</th><th className="num">since</th></tr></thead>
        <tbody>{status.tables.filter((table) => (table.rows ?? 0) > 0).map((table) => {
          const oldest = timeMs(table.oldestNs);
          return <tr key={table.name}><td>{table.name}</td><td className="num">{grouped(table.rows ?? 0)}</td><td className="num">{table.bytes === undefined ? UNKNOWN : bytes(table.bytes)}</td><td className="num">{oldest === null || oldest <= 0 ? UNKNOWN : ago(oldest, now)}</td></tr>;
        })}</tbody>
      </table>
      <p className="muted">{status.source || "no source named"}, version {status.version}, up {duration(status.uptimeS * 1e9)}</p>
    </>
  );
}
