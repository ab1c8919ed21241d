// A small server with the API's shape and made-up answers, to work on the page without a capture. See README.md.
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { HOSTILE, layoutOf, PODS, tablesOf } from "./data.mjs";
import { scripts, widgets } from "./scripts.mjs";

const STATIC = fileURLToPath(new URL("../../python/kafkascope/server/static/", import.meta.url));
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
// As the real server sends it: what breaks under this policy must break here.
const POLICY = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const failure = (kind, message, hint, extra = {}) => ({ status: kind === "not_found" ? 404 : kind === "timeout" ? 408 : 400, body: { error: { kind, message, hint, ...extra } } });

function run({ script, pxl, vis, args = {} }) {
  const known = scripts().find((candidate) => candidate.name === script);
  if (script !== undefined && !known && pxl === undefined) return failure("not_found", `no script '${script}'`, "px script list shows the names");
  if (args.namespace === "error") return failure("query", "column bytes is not there", "the table was written by a newer version");
  if (args.namespace === "slow") return failure("timeout", "the query took longer than 30 s", "take a shorter start_time");
  const wrong = (pxl ?? "").split("\n").findIndex((line) => line.includes("nonsense"));
  if (wrong >= 0) return failure("script", "name 'nonsense' is not defined", "did you mean 'notnull'?", { line: wrong + 1, column: pxl.split("\n")[wrong].indexOf("nonsense") + 1 });
  const tables = tablesOf(pxl !== undefined && !known ? "" : script, args);
  const empty = args.namespace === "empty" || args.source_filter === "empty";
  if (empty) for (const table of tables) Object.assign(table, { rows: [], numRows: 0 });
  const messages = empty ? [{ level: "info", text: "no Kafka request was seen in the last 5 minutes; 2 connections are TLS, their content is not visible" }] : [];
  return { status: 200, body: { script: script ?? "", args, executedAt: Date.now(), compileMs: 4.21, durationMs: 38.7, tables, widgets: widgets(vis ?? known?.vis, tables), messages } };
}

function entities(kind, query) {
  const names = { namespace: ["px-kafka", "big", "huge", "hostile", "empty", "error", "slow"], pod: PODS, service: ["px-kafka/order"], node: ["node-1"], topic: ["order", "__consumer_offsets", ...HOSTILE], group: ["shipping", "invoicing"], client: ["order", "shipping", "invoicing"] }[kind] ?? [];
  return names.filter((name) => name.toLowerCase().includes(query.toLowerCase())).map((name) => ({ name, kind, detail: kind === "pod" ? "Running" : "" }));
}

const started = Date.now();
const status = () => ({
  version: "0.1.0-mock", source: "made-up traffic", startedAt: started, uptimeS: (Date.now() - started) / 1000,
  agents: [{ agentId: "a", asid: 1, hostname: "host-1", ip: "127.0.0.1", state: "AGENT_STATE_HEALTHY", hook: "sock tracepoints", events: 123456, eventsLost: 12, detail: "", lastSeenS: 0.4 }],
  tables: [{ name: "kafka_events.beta", rows: 30123, bytes: 1_500_000, oldestNs: String((Date.now() - 3_600_000) * 1e6), newestNs: String(Date.now() * 1e6) }],
  coverage: { windowS: 300, requests: 8423, complete: 8391, ratio: 8391 / 8423, reasons: [{ reason: "events_lost", text: "events dropped by a full buffer", events: 12, bytes: 0, connections: 2 }, { reason: "tls", text: "TLS connections, content not visible", events: 3, bytes: 40960, connections: 3 }] },
});

const alertEvent = (minutesAgo, alert, severity, labels, summary) => ({ time: Date.now() - minutesAgo * 60_000, since: Date.now() - (minutesAgo + 1) * 60_000, event: "open", alert, severity, labels: { cluster: "NX8u", ...labels }, subject: Object.values(labels).join("/"), value: null, summary });
const alerts = () => ({
  open: [
    alertEvent(2, "consumer_group_stopped", "critical", { group: "shipping" }, "shipping: its last commit is 2 minutes old and records wait"),
    alertEvent(9, "partition_late", "warning", { group: "invoicing", topic: "order", partition: "3" }, "invoicing is 300 s behind on order"),
    alertEvent(30, "client_errors", "warning", { client: HOSTILE[0], api: "Produce" }, `12% of the Produce requests of ${HOSTILE[0]} fail`),
  ],
  recent: [], rules: [], dropped: 0, rulesProblem: null, notify: { sent: 3, problems: 0, lastProblem: "" },
});

function answer(request, url, body) {
  if (url.pathname === "/api/scripts") return { status: 200, body: scripts().map(({ pxl, vis, ...summary }) => summary) };
  if (url.pathname.startsWith("/api/scripts/")) {
    const found = scripts().find((script) => script.name === decodeURIComponent(url.pathname.slice(13)));
    return found ? { status: 200, body: found } : failure("not_found", "no such script", "");
  }
  if (url.pathname === "/api/run" && request.method === "POST") return run(JSON.parse(body));
  if (url.pathname === "/api/layout" && request.method === "POST") return { status: 200, body: layoutOf(JSON.parse(body)) };
  if (url.pathname === "/api/entities") return { status: 200, body: entities(url.searchParams.get("kind"), url.searchParams.get("q") ?? "") };
  if (url.pathname === "/api/status") return { status: 200, body: status() };
  if (url.pathname === "/api/alerts") return { status: 200, body: alerts() };
  if (url.pathname === "/api/schema") return { status: 200, body: { tables: [{ name: "kafka_events.beta", description: "requests", columns: [{ name: "latency", type: "INT64", semanticType: "DURATION_NS", description: "response minus request" }] }], functions: ["px.DataFrame", "px.sum", "px.count"], kafkaErrors: ["NONE", "OFFSET_OUT_OF_RANGE", "CORRUPT_MESSAGE", "UNKNOWN_TOPIC_OR_PARTITION"] } };
  return failure("not_found", `no such call: ${url.pathname}`, "see /api/docs");
}

export function start(port = 0) {
  const server = createServer((request, response) => {
    const url = new URL(request.url, "http://localhost");
    let body = "";
    request.on("data", (part) => { body += part; });
    request.on("end", () => {
      response.setHeader("content-security-policy", POLICY);
      if (url.pathname.startsWith("/api/")) {
        const { status: code, body: value } = answer(request, url, body);
        response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(value));
        return;
      }
      const file = join(STATIC, normalize(url.pathname));
      const found = file.startsWith(STATIC) && existsSync(file) && statSync(file).isFile() ? file : join(STATIC, "index.html");
      response.writeHead(200, { "content-type": TYPES[extname(found)] ?? "application/octet-stream" }).end(readFileSync(found));
    });
  });
  const sockets = new WebSocketServer({ server, path: "/api/live" });
  sockets.on("connection", (socket) => {
    const timers = new Map();
    socket.on("message", (text) => {
      const { type, id, intervalMs = 5000, ...request } = JSON.parse(text);
      clearInterval(timers.get(id));
      if (type !== "run") return;
      const send = () => {
        const { status: code, body: value } = run(request);
        socket.send(JSON.stringify(code === 200 ? { type: "result", id, result: value } : { type: "error", id, error: value.error }));
      };
      send();
      timers.set(id, setInterval(send, Math.max(intervalMs, 250)));
    });
    socket.on("close", () => { for (const timer of timers.values()) clearInterval(timer); });
  });
  return new Promise((resolve) => { server.listen(port, "127.0.0.1", () => { resolve({ port: server.address().port, close: () => { for (const socket of sockets.clients) socket.terminate(); sockets.close(); server.closeAllConnections(); server.close(); } }); }); });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { port } = await start(Number(process.env.PORT ?? 8300));
  process.stdout.write(`http://127.0.0.1:${port}/\n`);
}
