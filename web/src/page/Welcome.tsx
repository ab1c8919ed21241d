/** The start page's strip: what is watched, whether anything is seen, where to go. */
import type { ReactNode } from "react";
import type { ErrorBody, RunResult, Status } from "../api";
import { coverageSummary } from "../bar/Coverage";
import { usePage } from "../model/context";
import { bytesPerSecond, duration, grouped, toNumber } from "../model/format";
import { linkPlace } from "../model/location";
import { PlaceLink } from "../table/CellView";

const LINKS: [string, string][] = [
  ["px/kafka_data", "requests"],
  ["px/kafka_producer_consumer_latency", "delays"],
  ["px/kafka_consumer_rebalancing", "rebalances"],
];

export function Welcome({ status, failure, result }: { status: Status | null; failure: ErrorBody | null; result: RunResult | null }) {
  const page = usePage();
  return (
    <div className="welcome" data-testid="welcome">
      <p className="answer">{sentence(status, failure, result)}</p>
      <nav aria-label="next">
        {LINKS.filter(([script]) => page.scripts.some((each) => each.name === script)).map(([script, text]) => <PlaceLink key={script} place={linkPlace(page.place, script, {})} text={text} title={script} />)}
      </nav>
    </div>
  );
}

function sentence(status: Status | null, failure: ErrorBody | null, result: RunResult | null): ReactNode {
  if (failure) return <span className="state-bad"><i className="dot" /> {failure.message}: {failure.hint}</span>;
  if (!status) return "Asking the server…";
  const { requests = 0, windowS = 300 } = status.coverage;
  const watched = status.source === "" ? "" : `Watching ${status.source}. `;
  if (requests === 0) {
    const hidden = coverageSummary(status);
    return <><i className="dot state-unknown" /> {watched}No Kafka request was seen in the last {duration(windowS * 1e9)}{hidden.state === "warn" ? `; ${hidden.text}` : ""}. {status.agents.length === 0 ? "No agent reports: start one with px up or px agent." : "px doctor says what this host allows."}</>;
  }
  const flow = flowSentence(result);
  return <><i className="dot state-ok" /> {flow ?? watched}<span className="muted">{grouped(requests)} Kafka requests in the last {duration(windowS * 1e9)}{status.source === "" ? "" : `, ${status.source}`}.</span></>;
}

/** "2 clients write 450 B/s to 1 topic, 2 read 650 B/s." out of the flow graph's edges. */
export function flowSentence(result: RunResult | null): string | null {
  const table = result?.tables.find((each) => each.name === "kafka_flow_graph");
  const at = (name: string) => table?.columns.findIndex((column) => column.name === name) ?? -1;
  const [src, dest, rate] = [at("src"), at("dest"), at("record_throughput")];
  if (!table || src < 0 || dest < 0 || rate < 0 || table.rows.length === 0) return null;
  const writes = table.rows.filter((row) => String(row[dest]).startsWith("topic/"));
  const reads = table.rows.filter((row) => String(row[src]).startsWith("topic/"));
  const sum = (rows: typeof writes) => bytesPerSecond(rows.reduce((total, row) => total + (toNumber(row[rate]) ?? 0), 0) * 1e9);
  const count = (rows: typeof writes, column: number) => new Set(rows.map((row) => row[column])).size;
  const topics = new Set([...writes.map((row) => row[dest]), ...reads.map((row) => row[src])]).size;
  const clients = (number: number, verb: string) => `${number} client${number === 1 ? ` ${verb}s` : `s ${verb}`}`;
  return `${topics} topic${topics === 1 ? "" : "s"}: ${clients(count(writes, src), "write")} ${sum(writes)}, ${clients(count(reads, dest), "read")} ${sum(reads)}. `;
}
