// Tables as the four Kafka scripts and px/pod give them, with numbers that move. The scenario is the namespace argument:
// px-kafka (the demo), big (50 nodes), hostile (names meant to break a page), empty, error, slow.
import { hugeGraph, overviewTables } from "./overview.mjs";

const column = (name, type, semanticType = "NONE") => ({ name, type, semanticType });
const S = (name) => column(name, "STRING");
const I = (name) => column(name, "INT64");
const BYTES = (name) => column(name, "INT64", "BYTES");
const RATE = (name) => column(name, "FLOAT64", "THROUGHPUT_BYTES_PER_NS");
const COUNT_RATE = (name) => column(name, "FLOAT64", "THROUGHPUT_PER_NS");
const NS = (name) => column(name, "INT64", "DURATION_NS");
const REF = (name) => column(name, "STRING", "SCRIPT_REFERENCE");
const TIME = (name = "time_") => column(name, "TIME64NS", "TIME_NS");
const table = (name, columns, rows, truncated = false) => ({ name, columns, rows, numRows: rows.length, truncated });
const ref = (label, start) => JSON.stringify({ label, script: label.includes("/") ? "px/pod" : "px/ip", args: { start_time: start, [label.includes("/") ? "pod" : "ip"]: label } });
const wobble = (seed) => 1 + 0.06 * Math.sin(Date.now() / 7000 + seed * 1.7);
const ns = (ms) => `${Math.round(ms)}000000`;
const quantiles = (p50) => JSON.stringify({ p01: p50 * 0.2, p10: p50 * 0.4, p25: p50 * 0.7, p50, p75: p50 * 1.6, p90: p50 * 2.4, p99: p50 * 6 });

const LONG = `orders-${"x".repeat(120)}-${"é".repeat(60)}-${"z".repeat(60)}`;
export const HOSTILE = ["<img src=x onerror=alert(1)>", "\u202Eredro\u202C-rtl-override", "طلبات-العملاء", "🦄🧾-émoji-注文-주문", LONG, "a\nb\tc\u0000d", "'; DROP TABLE topics; --", "\u2066isolate\u2069", "=HYPERLINK(\"x\")", "__proto__", "constructor"];

export const PODS = ["px-kafka/order-7f9c5d6b8-x2k4p", "px-kafka/shipping-6d5f7b9c4-abcde", "px-kafka/invoicing-5c8d9f7b6-qrstv", "px-kafka/kafka-broker-0", "px-kafka/load-generator-58b7c-9zzzz"];

/** Who writes what to which topic, who reads it: [producer, topic, consumers, bytes per second]. */
function flows(scenario) {
  if (scenario === "big") {
    const out = [];
    for (let i = 0; i < 12; i += 1) out.push([`billing-api-${i}`, "topic/payments.transactions.v2", [`ledger-writer-${i % 6}`, `fraud-scoring-${i % 4}`], 20_000 * (i + 1)]);
    for (let i = 0; i < 10; i += 1) out.push([`webshop-6d5f7b9c4-ab${String.fromCharCode(97 + i)}de`, i % 2 ? "topic/clicks" : "topic/orders.created", [`etl-clickstream-eu-west-${i % 3}`, "search-indexer"], 4000 * (i + 2)]);
    for (const topic of ["audit", "inventory.changes", "mail.outbox", "prices", "reviews"]) out.push([`${topic.split(".")[0]}-service`, `topic/${topic}`, [`${topic.split(".")[0]}-reader`, "warehouse-loader"], 900]);
    return out;
  }
  if (scenario === "hostile") return HOSTILE.map((name, i) => [`producer ${name}`, `topic/${name}`, [name, HOSTILE[(i + 1) % HOSTILE.length]], 10 ** (i % 7)]);
  return [["order", "topic/order", ["shipping", "invoicing"], 450]];
}

function overview(start, scenario, topic) {
  const list = flows(scenario).filter((flow) => topic === "" || flow[1] === `topic/${topic}`);
  const edges = [];
  for (const [i, [producer, name, consumers, rate]] of list.entries()) {
    edges.push([producer, name, (rate * wobble(i)) / 1e9, Math.round(rate * 300)]);
    consumers.forEach((consumer, j) => {
      const share = consumer === "invoicing" ? 0.44 : 1;
      edges.push([name, consumer, (rate * share * wobble(i + j + 3)) / 1e9, Math.round(rate * share * 300)]);
    });
  }
  const unique = [...new Map(edges.map((edge) => [`${edge[0]}\0${edge[1]}`, edge])).values()];
  const topics = [...new Set(list.map((flow) => flow[1]))].map((name, i) => {
    const mine = list.filter((flow) => flow[1] === name);
    const produced = mine.reduce((sum, flow) => sum + flow[3] * 300, 0);
    return [name.slice(6), 5 + (i % 4), mine.length, new Set(mine.flatMap((flow) => flow[2])).size || null, Math.round(produced * wobble(i)), Math.round(produced * 1.44 * wobble(i + 1))];
  });
  const hostile = scenario === "hostile" ? HOSTILE.map((name) => `px-kafka/${name}`) : [];
  const producerPods = scenario === "big" ? Array.from({ length: 22 }, (_, i) => `shop/webshop-6d5f7b9c4-ab${i}de`) : [PODS[0], ...hostile];
  const consumerPods = scenario === "big" ? Array.from({ length: 30 }, (_, i) => (i % 7 ? `shop/ledger-writer-${i}` : `10.42.0.${i + 3}`)) : [PODS[1], PODS[2], ...hostile];
  const flow = PODS[3];
  const pods = [[PODS[0], flow, 2.1e6, 4.4e6, 12e6, 14 / 1e9, 2300 / 1e9], [PODS[1], flow, 480e6, 502e6, 506e6, 9 / 1e9, 1900 / 1e9], [PODS[2], flow, 501e6, 503e6, 540e6, 4 / 1e9, 800 / 1e9]];
  return [
    table("kafka_flow_graph", [S("src"), S("dest"), RATE("record_throughput"), BYTES("record_bytes_total")], scenario === "huge" ? hugeGraph() : unique),
    table("kafka_topics_overview", [S("topic_name"), I("num_partitions"), I("num_producers"), I("num_consumers"), BYTES("bytes_produced_total"), BYTES("bytes_consumed_total")], topics),
    table("kafka_brokers", [REF("pod"), RATE("produce_rate"), I("produce_requests"), BYTES("bytes_produced_total"), RATE("consume_rate"), I("fetch_requests"), BYTES("bytes_consumed_total")], [[ref(PODS[3], start), (450 * wobble(1)) / 1e9, 4211, 135_233, (650 * wobble(2)) / 1e9, 6120, 195_022]]),
    table("kafka_producers", [REF("pod"), RATE("produce_rate"), I("produce_requests"), BYTES("bytes_produced_total")], producerPods.map((pod, i) => [ref(pod, start), (450 * wobble(i) * (i + 1)) / 1e9, 4211 - i, 135_233 * (i + 1)])),
    table("kafka_consumers", [REF("pod"), RATE("consume_rate"), I("fetch_requests"), BYTES("bytes_consumed_total")], consumerPods.map((pod, i) => [ref(pod, start), ((i === 1 ? 200 : 450) * wobble(i)) / 1e9, i === 1 ? 1402 : 4718, i === 1 ? 60_112 : 134_910])),
    table("kafka_pods_flow_graph", [S("source"), S("destination"), NS("latency_p50"), NS("latency_p90"), NS("latency_p99"), COUNT_RATE("request_throughput"), RATE("throughput_total")], pods),
  ];
}

const BODIES = {
  Produce: [{ transactional_id: "", acks: -1, timeout_ms: 30000, topics: [{ name: "order", partitions: [{ index: 3, message_set: { size: 143 } }] }] }, { topics: [{ name: "order", partitions: [{ index: 3, error_code: 0, base_offset: 4711, log_append_time_ms: -1, log_start_offset: 0, record_errors: [], error_message: "" }] }], throttle_time_ms: 0 }],
  Fetch: [{ replica_id: -1, session_id: 1289341, session_epoch: 42, topics: [{ name: "order", partitions: [{ index: 3, current_leader_epoch: 0, fetch_offset: 4711, last_fetched_epoch: -1, log_start_offset: -1, partition_max_bytes: 1048576 }] }], forgotten_topics: [], rack_id: "" }, { throttle_time_ms: 0, error_code: 0, session_id: 1289341, topics: [{ name: "order", partitions: [{ index: 3, error_code: 0, high_watermark: 4712, last_stable_offset: 4712, log_start_offset: 0, aborted_transactions: [], preferred_read_replica: -1, message_set: { size: 143 } }] }] }],
  JoinGroup: [{ group_id: "shipping", session_timeout_ms: 10000, rebalance_timeout_ms: 300000, member_id: "", group_instance_id: "", protocol_type: "consumer", protocols: [{ protocol: "range" }] }, { throttle_time_ms: 0, error_code: 0, generation_id: 7, protocol_type: "consumer", protocol_name: "range", leader: "shipping-1", member_id: "shipping-1", members: [{ member_id: "shipping-1", group_instance_id: "" }] }],
  Metadata: [{ topics: [{ topic_id: "AAAAAAAAAAAAAAAAAAAAAA", name: "order" }], allow_auto_topic_creation: true }, ""],
};

function requests(start, count, apis) {
  const now = Math.floor(Date.now() / 250) * 250;
  return Array.from({ length: count }, (_, i) => {
    const api = apis[i % apis.length];
    const [req, resp] = BODIES[api];
    const latency = api === "Fetch" ? 500e6 - (i % 40) * 9e6 : api === "JoinGroup" ? 2.9e9 : 1.1e6 + (i % 23) * 1.9e5 + (i % 97 === 0 ? 320e6 : 0);
    const seen = i % 50 !== 1;
    const [body, answer] = [JSON.stringify(req), resp === "" || !seen ? "" : JSON.stringify(resp)];
    const [asked, answered] = [body.length, seen ? answer.length : null];
    return [ns(now - i * 250), ref(i % 5 === 4 ? "10.64.3.17" : PODS[i % 3], start), ref(PODS[3], start), 9092, api, body, answer, seen ? latency : 0, "order", 12, i, seen ? 0 : null, seen ? "complete" : "no_response", asked, answered, asked + (answered ?? 0), api === "Produce" ? 300 : asked + (answered ?? 0)];
  });
}
const REQUEST_COLUMNS = [TIME(), REF("source"), REF("destination"), column("remote_port", "INT64", "PORT"), S("req_cmd"), S("req_body"), S("resp"), NS("latency"), S("client_id"), I("api_version"), I("correlation_id"), I("error_code"), S("outcome"), BYTES("req_bytes"), BYTES("resp_bytes"), BYTES("declared_bytes"), BYTES("captured_bytes")];

function latency(start, topic, consumer) {
  const rows = [];
  const now = Math.floor(Date.now() / 1000);
  const chosen = topic === "order" || topic.startsWith("<");
  for (let second = chosen ? now - 290 : now; second < now; second += 1)
    for (let partition = 0; partition < 5; partition += 1) {
      if (consumer !== "invoicing" && second % 2 === partition % 2) rows.push([ns(second * 1000), 0.02 + 0.05 * Math.abs(Math.sin(second + partition)), `${consumer ? "" : "order/shipping/"}partition-${partition}`]);
      const silent = second > now - 140 && second < now - 105;
      if (consumer !== "shipping" && second % 3 === partition % 3 && !silent) rows.push([ns(second * 1000), 4 + ((second + partition * 11) % 55), `${consumer ? "" : "order/invoicing/"}partition-${partition}`]);
    }
  return [
    table("kafka_data", [TIME(), column("delay", "FLOAT64"), S("series_col")], rows),
    table("Kafka Topics", [S("topic")], [["order"], ["__consumer_offsets"]]),
    table("Kafka Producers", [S("producer"), REF("source")], [["order", ref(PODS[0], start)]]),
    table("Kafka Consumers", [S("consumer"), REF("source")], [["shipping", ref(PODS[1], start)], ["invoicing", ref(PODS[2], start)]]),
  ];
}

function rebalancing(start) {
  const now = Date.now();
  const member = (i) => `shipping-${i}-3f7c1e9a-${i}b42-4d1f-9a77-5e0c${i}d8f2a61`;
  return [
    table("consumer_group_ids", [S("group_id"), I("num_members")], [["shipping", 3], ["invoicing", 1]]),
    table("consumer_rebalancing_events", REQUEST_COLUMNS, requests(start, 12, ["JoinGroup"])),
    table("consumer_rebalancing_delay", [TIME(), S("group_id"), I("generation_id"), S("member_id"), NS("delay"), S("client_id"), S("member"), S("protocol"), S("reason")], Array.from({ length: 9 }, (_, i) => [ns(now - i * 31_000), "shipping", 7 - Math.floor(i / 3), member(i % 3), 2.9e9 + i * 1e7, `shipping-${i % 3}`, PODS[1], "classic", i ? "" : "need to re-join with the given member-id"])),
  ];
}

function pod(start, name) {
  const now = Math.floor(Date.now() / 10_000) * 10;
  const series = (make) => Array.from({ length: 30 }, (_, i) => [ns((now - (30 - i) * 10) * 1000), ...make(i)]);
  const status = JSON.stringify({ phase: "Running", message: "", reason: "", ready: name !== PODS[2] });
  return [
    table("inbound_latency", [TIME(), NS("latency_p50"), NS("latency_p90"), NS("latency_p99")], series((i) => [2e6 + i * 3e4, 5e6, 9e6 + 2e6 * Math.sin(i)])),
    table("inbound_requests", [TIME(), S("container"), COUNT_RATE("request_throughput"), COUNT_RATE("errors_per_ns"), column("error_rate", "FLOAT64", "PERCENT")], series((i) => ["order", (4 + Math.sin(i)) / 1e9, 0, 0])),
    table("resource_timeseries", [TIME(), S("container"), column("cpu_usage", "FLOAT64", "PERCENT"), BYTES("rss"), BYTES("vsize"), RATE("total_disk_read_throughput"), RATE("total_disk_write_throughput")], ["order", "sidecar"].flatMap((container, c) => series((i) => [container, 0.02 + 0.01 * Math.sin(i + c), 180e6 / (c + 1), 2.1e9 / (c + 1), 3e3 / 1e9, (9e3 + 900 * Math.cos(i)) / 1e9]))),
    table("network_timeseries", [TIME(), RATE("rx_bytes_per_ns"), RATE("tx_bytes_per_ns")], series((i) => [(2100 + 300 * Math.sin(i)) / 1e9, (3200 + 200 * Math.cos(i)) / 1e9])),
    table("Containers", [S("name"), S("id"), column("status", "STRING", "CONTAINER_STATUS")], [["order", "9f3c1a77d2e4", JSON.stringify({ state: "Running", message: "", reason: "" })], ["sidecar", "77d2e49f3c1a", JSON.stringify({ state: "Waiting", message: "back-off 10s", reason: "CrashLoopBackOff" })]]),
    table("Processes", [S("cmd"), I("pid"), S("container"), BYTES("rss"), I("threads"), column("upid", "UINT128", "UPID")], [["java", 4711, "order", 181_403_648, 42, "1:4711:998877"]]),
    table("Kafka Requests", [S("api"), I("requests"), I("errors"), column("latency_quantiles", "STRING", "DURATION_NS_QUANTILES")], [["Produce", 4211, 0, quantiles(2.1e6)], ["Metadata", 3, 0, quantiles(9e5)], ["Fetch", 912, 2, quantiles(5e7)]]),
    table("Inbound HTTP Traffic by Requesting Service", [column("requesting_pod", "STRING", "POD_NAME"), column("requesting_service", "STRING", "SERVICE_NAME"), column("requesting_ip", "STRING", "IP_ADDRESS"), column("latency", "STRING", "DURATION_NS_QUANTILES"), COUNT_RATE("request_throughput")], [[PODS[4], "px-kafka/load-generator", "10.64.0.9", quantiles(3e6), 4e-9]]),
    table("Pod Metadata", [column("node", "STRING", "NODE_NAME"), S("service"), S("pod_id"), column("pod_name", "STRING", "POD_NAME"), TIME("start_time"), S("ip"), column("status", "STRING", "POD_STATUS")], [["node-1", "px-kafka/order", "8c1d-77", name, ns(Date.now() - 3_700_000), "10.64.0.4", status]]),
    table("Pod Performance Flamegraph", [S("pod"), S("container"), S("cmdline"), S("stack_trace"), I("count"), column("percent", "FLOAT64")], [[name, "order", "java -jar order.jar", "main;run;poll", 12, 60.0], [name, "order", "java -jar order.jar", "main;run;send", 8, 40.0]]),
  ];
}

/** Bytes of a body's fields one behind the other, as if each took as many bytes as its text: enough to draw. */
export function layoutOf({ body }) {
  const fields = [{ path: "header/correlation_id", type: "int32", offset: 4, length: 4 }, { path: "header/client_id", type: "nullable string", offset: 8, length: 7 }];
  let at = 15;
  const walk = (value, path) => {
    const place = { path, type: Array.isArray(value) ? "compact array" : typeof value === "string" ? "compact string" : typeof value === "number" ? "int32" : "struct", offset: at, length: 0 };
    if (path !== "") fields.push(place);
    if (typeof value === "object" && value !== null) for (const [name, item] of Object.entries(value)) walk(item, `${path}/${name}`);
    else at += typeof value === "string" ? value.length + 1 : 4;
    place.length = at - place.offset;
  };
  walk(JSON.parse(body), "");
  return { fields, truncated: false };
}

let usual = "";

/** The scenario of scripts that take no namespace. */
export function setScenario(name) {
  usual = name;
}

export function tablesOf(script, args) {
  const start = args.start_time || "-5m";
  const scenario = args.namespace ?? usual;
  const parts = overviewTables(script, scenario);
  if (parts) return parts;
  switch (script) {
    case "px/kafka_overview": return overview(start, scenario, args.topic ?? "");
    case "px/kafka_data": return [table("kafka_data", REQUEST_COLUMNS, requests(start, Math.min(Number(args.max_num_records || 1000), 50_000), ["Produce", "Fetch", "Fetch", "Metadata"]), Number(args.max_num_records) >= 10_000)];
    case "px/kafka_producer_consumer_latency": return latency(start, args.topic ?? "", args.consumer ?? "");
    case "px/kafka_consumer_rebalancing": return rebalancing(start);
    case "px/pod": return pod(start, args.pod);
    default: return [table("apis", [S("api"), I("requests"), column("latency", "STRING", "DURATION_NS_QUANTILES")], [["Produce", 4211, quantiles(2.1e6)], ["Fetch", 9007199254740993n.toString(), quantiles(4.9e8)]])];
  }
}
