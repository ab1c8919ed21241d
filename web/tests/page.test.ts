import { describe, expect, test } from "vitest";
import { errorOf, type RunResult, type Status } from "../src/api";
import { coverageSummary, nobodyReports, seenBy } from "../src/model/coverage";
import { place, readingOrder } from "../src/page/grid";
import { flowSentence } from "../src/overview/flow";

const status = (coverage: Status["coverage"]): Status => ({ version: "", source: "", startedAt: 0, uptimeS: 0, agents: [], tables: [], coverage });
const reason = (name: string, text: string, events: number, bytes: number, connections: number) => ({ reason: name, text, events, bytes, connections });

test.each([
  [null, "coverage –", "unknown"],
  [status({ requests: 0, ratio: null, reasons: [] }), "no requests seen", "unknown"],
  [status({ requests: 0, ratio: null, reasons: [reason("tls", "TLS", 0, 0, 3)] }), "nothing readable: 3 TLS connections", "warn"],
  [status({ requests: 10, complete: 10, ratio: 1, reasons: [] }), "coverage 100 %", "ok"],
  [status({ requests: 10_000, complete: 9999, ratio: 0.9999, reasons: [] }), "coverage 99.9 %: 1 request not complete", "warn"],
  [status({ requests: 10, ratio: 1, reasons: [reason("tls", "TLS", 0, 0, 1)] }), "coverage 100 %: 1 TLS connection", "warn"],
  [status({ requests: 10, ratio: 0.5, reasons: [reason("bytes_missing", "bytes that never came", 2, 2048, 1)] }), "coverage 50 %: 2 KB that never came", "bad"],
])("the coverage chip never rounds a loss away: %#", (given, text, state) => {
  expect(coverageSummary(given)).toEqual({ text, state });
});

describe("agents that are silent", () => {
  const agent = (hostname: string, state: string, lastSeenS: number) => ({ hostname, state: `AGENT_STATE_${state}`, lastSeenS });
  const of = (...agents: Status["agents"]): Status => ({ ...status({ requests: 10, complete: 10, ratio: 1, reasons: [] }), agents });
  test.each([
    [of(agent("a", "HEALTHY", 1)), "coverage 100 %", "ok", null],
    [of(agent("a", "UNRESPONSIVE", 41.2)), "agent on a silent for 41 s", "bad", "No agent reports any more: agent on a silent for 41 s."],
    [of(agent("a", "UNRESPONSIVE", 41), agent("b", "HEALTHY", 1)), "agent on a silent for 41 s", "warn", null],
    [of(agent("a", "DISCONNECTED", 9), agent("b", "UNRESPONSIVE", 50), agent("c", "HEALTHY", 1)), "2 of 3 agents are silent", "warn", null],
    [of(agent("a", "DISCONNECTED", 9), agent("a", "HEALTHY", 1)), "coverage 100 %", "ok", null],
    [of(agent("a", "UNRESPONSIVE", 5000), agent("b", "HEALTHY", 1)), "coverage 100 %", "ok", null],
  ])("%#: %s", (given, text, state, problem) => {
    expect(coverageSummary(given)).toEqual({ text, state });
    if (problem === null) expect(nobodyReports(given)).toBeNull();
    else expect(nobodyReports(given)).toContain(problem);
  });
});

test("widgets that overlap are pushed down, wild positions are brought back", () => {
  const at = (x: number, y: number, w: number, h: number) => ({ x, y, w, h });
  expect(place([at(0, 3, 12, 3), at(0, 3, 12, 3), at(0, 6, 12, 3)])).toEqual([at(0, 3, 12, 3), at(0, 6, 12, 3), at(0, 9, 12, 3)]);
  expect(place([at(-4, -1, 99, 0), at(11, 0, 6, 2)])).toEqual([at(0, 0, 12, 2), at(6, 2, 6, 2)]);
  expect(place([at(Number.NaN, Number.NaN, Number.NaN, Number.NaN)])).toEqual([at(0, 0, 2, 2)]);
  expect(readingOrder([at(6, 0, 6, 2), at(0, 0, 6, 2), at(0, 2, 6, 2)])).toEqual([1, 0, 2]);
});

test("the start page's sentence", () => {
  const columns = ["src", "dest", "record_throughput"].map((name) => ({ name, type: "STRING" as const, semanticType: "NONE" }));
  const rows = [["order", "topic/order", 450e-9], ["topic/order", "shipping", 450e-9], ["topic/order", "invoicing", 200e-9]];
  const result = { tables: [{ name: "kafka_flow_graph", columns, rows, numRows: 3, truncated: false }] } as unknown as RunResult;
  expect(flowSentence(result)).toBe("1 topic: 1 client writes 450 B/s, 2 clients read 650 B/s. ");
  expect(flowSentence(null)).toBeNull();
});

test("an error of any shape has a message", () => {
  expect(errorOf({ error: { kind: "script", message: "m", hint: "h", line: 3, column: 4 } }, 400)).toEqual({ kind: "script", message: "m", hint: "h", line: 3, column: 4 });
  expect(errorOf({ error: { kind: "script", message: "m", hint: "", line: 0, column: 0 } }, 400)).toEqual({ kind: "script", message: "m", hint: "" });
  expect(errorOf({ detail: [{ msg: "x" }] }, 422)).toMatchObject({ kind: "internal", message: "the server answered 422" });
  expect(errorOf(null, 500).message).toContain("500");
});

test.each([
  ["", ""],
  ["ebpf: sock_send_length, sock_recv_length", "eBPF"],
  ["ebpf: sock_send, sock_recv, packets: AF_PACKET (eBPF does not load, see px doctor)", "eBPF and packet capture"],
  ["packet captures", "packet captures"],
])("requests seen through %o are seen by %o", (source, words) => {
  expect(seenBy(source)).toBe(words);
});
