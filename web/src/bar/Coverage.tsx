/** What is not seen, as a chip in the bar and as a list behind it. */
import { useRef, useState } from "react";
import type { ErrorBody, Status } from "../api";
import { coverageSummary, isHealthy } from "../model/coverage";
import { ago, bytes, duration, grouped, timeMs, UNKNOWN, visible } from "../model/format";
import { useDismiss } from "../page/useDismiss";

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
        const healthy = isHealthy(agent);
        return (
          <p key={index} className="agent">
            <span className={`state-${healthy ? "ok" : "bad"}`}><i className="dot" /> {healthy ? "healthy" : agent.state.replace("AGENT_STATE_", "").toLowerCase()}{healthy || agent.lastSeenS === undefined ? "" : `, last heard of ${duration(agent.lastSeenS * 1e9)} ago`}</span>{" "}
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
