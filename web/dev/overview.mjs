// Tables of the start page's scripts. Scenarios as in data.mjs, huge: 5,000 topics, 5,000 groups and 2,000 edges, and vast: 10,000, more than an answer holds.
import { HOSTILE } from "./data.mjs";

const COUNTS = { huge: 5000, vast: 10_000 };
const column = (name, type, semanticType = "NONE") => ({ name, type, semanticType });
const S = (name) => column(name, "STRING");
const I = (name) => column(name, "INT64");
const F = (name, semanticType = "NONE") => column(name, "FLOAT64", semanticType);
const TIME = (name) => column(name, "TIME64NS", "TIME_NS");
const table = (name, columns, rows) => ({ name, columns, rows, numRows: rows.length, truncated: rows.length >= COUNTS.vast });
const ns = (ms) => `${Math.round(ms)}000000`;
const ref = (label) => JSON.stringify({ label, script: "px/pod", args: { pod: label } });

const names = (scenario, kind) => (COUNTS[scenario] ? Array.from({ length: COUNTS[scenario] }, (_, i) => `${kind}.${["orders", "payments", "clicks", "audit", "inventory"][i % 5]}.${String(i).padStart(4, "0")}`) : scenario === "hostile" ? HOSTILE : null);

function groups(scenario) {
  const states = ["OK", "OK", "OK", "OK", "OK", "OK", "OK", "WARN", "OK", "STOP", "UNKNOWN"];
  const list = names(scenario, "group")?.map((name, i) => [name, states[(i * 7) % states.length], i]) ?? [["invoicing", "WARN", 3], ["shipping", "OK", 0]];
  const rows = list.map(([name, status, i]) => {
    const late = status === "WARN" || status === "STOP";
    return ["NX8u", name, i % 9 === 4 ? "consumer" : "classic", "Stable", 1 + (i % 5), 1 + (i % 3), late ? 212 + i : 0, late ? 48 + (i % 700) : status === "UNKNOWN" ? null : 0, late ? 1.2 + (i % 7) : 0, null, status, late ? `the lag of ${name} never went down between its last 10 commits` : "the lag touched zero within the window"];
  });
  return [
    table("Groups", [S("cluster"), S("group"), S("kind"), S("state"), I("members"), I("topics"), I("lag"), F("lag_seconds"), F("trend"), F("time_to_drain"), S("status"), S("reason")], rows),
    table("Findings", [TIME("since"), S("kind"), S("group"), S("topic"), I("partition"), S("client_id"), S("reason"), S("cluster")], rows.filter((row) => row[10] === "WARN").slice(0, 500).map((row) => [ns(Date.now() - 180_000), "falling_behind", row[1], scenario === "hostile" ? row[1] : "order", 0, "", "", row[0]])),
  ];
}

function topics(scenario) {
  const list = names(scenario, "topic") ?? ["order"];
  return [
    table("Topics", [S("topic"), F("produce_rate", "THROUGHPUT_BYTES_PER_NS"), F("record_rate", "THROUGHPUT_PER_NS"), F("consume_rate", "THROUGHPUT_BYTES_PER_NS"), I("partitions"), I("producers"), I("consumers"), I("groups"), I("errors"), TIME("last_seen")], list.map((name, i) => [name, (450 * (1 + (i % 90))) / 1e9, 2.2e-9, 650e-9, 5 + (i % 4), 1 + (i % 3), 2, 2, i % 50 === 7 ? 3 : 0, ns(Date.now() - i)])),
    table("Produced over Time", [TIME("time_"), S("topic"), F("throughput", "THROUGHPUT_BYTES_PER_NS")], list.slice(0, 8).flatMap((name, i) => Array.from({ length: 30 }, (_, at) => [ns(Math.floor(Date.now() / 10_000) * 10_000 - at * 10_000), name, (400 + 40 * i + 20 * Math.sin(at)) / 1e9]))),
  ];
}

/** 2,000 edges between 80 clients and topics. */
export function hugeGraph() {
  const edges = [];
  for (let i = 0; i < 40; i += 1) for (let j = 0; j < 25; j += 1) edges.push([`client-${i}`, `topic/t${(i * 7 + j) % 40}`], [`topic/t${(i * 3 + j) % 40}`, `client-${i}`]);
  return edges.map(([from, to], i) => [from, to, (1000 + (i % 97) * 10) / 1e9, 1e6 + i]);
}

export function overviewTables(script, scenario) {
  const now = Date.now();
  const one = scenario === "hostile" ? HOSTILE[0] : "order";
  switch (script) {
    case "px/kafka_groups": return groups(scenario);
    case "px/kafka_topics": return topics(scenario);
    case "px/kafka_brokers": return [table("Brokers", [column("broker", "STRING", "SCRIPT_REFERENCE"), I("broker_id"), F("request_rate", "THROUGHPUT_PER_NS"), F("throughput", "THROUGHPUT_BYTES_PER_NS"), I("errors"), F("error_rate", "PERCENT"), I("clients"), S("cluster"), TIME("last_seen")], [[ref("px-kafka/kafka-broker-0"), 0, 9.6e-9, 3e-6, 0, 0, 4, "NX8u", ns(now)]])];
    case "px/kafka_clients": return [table("Clients", [S("client_id"), S("software_name"), S("software_version"), I("connections"), I("errors")], (names(scenario, "client") ?? ["order", "shipping", "invoicing"]).slice(0, 200).map((name, i) => [name, "apache-kafka-java", i % 3 ? "4.1.0" : "3.9.1", 2, 0]))];
    case "px/kafka_errors": return [table("Errors", [S("error"), I("error_code"), S("api"), I("requests"), TIME("first_seen"), TIME("last_seen")], [["NOT_LEADER_OR_FOLLOWER", 6, "Produce", 3, ns(now - 60_000), ns(now)]]), table("Errors by Client", [S("client_id"), S("error"), I("requests")], [[one, "NOT_LEADER_OR_FOLLOWER", 3]])];
    case "px/kafka_verdicts": return [table("Verdicts", [TIME("time_"), S("cluster"), S("group"), S("status"), I("lag"), F("lag_seconds"), S("reason")], [[ns(now - 140_000), "NX8u", "shipping", "OK", 0, 0, ""], [ns(now - 60_000), "NX8u", "shipping", "ERR", 500, 60, one]])];
    case "px/kafka_alerts": return [table("Events", [TIME("time_"), S("event"), S("severity"), S("alert"), S("subject"), F("value"), S("summary"), S("cluster"), S("group")], [[ns(now - 30_000), "open", "critical", "consumer_stopped", "shipping", 60, `shipping stopped: ${one}`, "NX8u", "shipping"]])];
    case "px/kafka_rebalances": return [table("Rebalances", [TIME("time_"), S("cluster"), S("group"), S("trigger"), S("reason"), column("duration", "INT64", "DURATION_NS"), I("members_after"), I("generation")], [[ns(now - 90_000), "NX8u", "shipping", "member_joined", one, 2.9e9, 3, 7]])];
    default: return null;
  }
}
