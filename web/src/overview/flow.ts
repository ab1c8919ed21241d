/** The flow graph as a sentence. */
import type { RunResult } from "../api";
import { bytesPerSecond, toNumber } from "../model/format";

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
