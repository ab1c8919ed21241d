"""What was not seen, and why; and why a table is empty."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kafkascope.agent.clock import among

#: The page's chip speaks of this much of the past.
WINDOW_NS = 5 * 60 * 1_000_000_000
#: An agent that was silent for longer is not healthy.
AGENT_SILENT_NS = 10 * 1_000_000_000

_REASONS = {
    "events_lost": "events dropped by a full buffer",
    "bytes_missing": "bytes that never came",
    "not_captured": "bytes left out by a capture's limits",
    "malformed": "messages that do not fit their schema",
    "unknown_version": "messages of an unknown API or version",
    "unreadable": "stretches without readable messages",
    "tls": "TLS connections, content not visible",
    "limit": "cut by a limit of Kafkascope",
    "store_damaged": "rows lost to damaged files of the store",
}


#: Tables of which this version captures nothing: why a result made from them is empty.
_NOT_CAPTURED = {"http_events": "HTTP requests are not captured yet", "stack_traces.beta": "CPU profiles are not taken yet"}
#: Tables that agents alone fill.
_FROM_AGENTS = frozenset({"process_stats", "network_stats"})
#: Tables whose latencies are from a time that one agent took to a time that another one took.
_BETWEEN_NODES = frozenset({"kafka_delivery"})


def not_captured(tables: Collection[str]) -> str | None:
    """Why a result over ``tables`` has no rows, when nothing of one of them is captured."""
    return next((reason for table, reason in _NOT_CAPTURED.items() if table in tables), None)


def _rows(engine: Any, sql: str) -> list[dict[str, Any]]:
    return list(engine.execute(sql, timeout_s=5.0, max_rows=1000).to_pylist())


def summary(engine: Any, now_ns: int) -> dict[str, Any]:
    """Of the last five minutes: requests seen and complete, and each reason of loss with events, bytes and connections."""
    start = now_ns - WINDOW_NS
    events = engine.scan("kafka_events.beta", start, None, ["outcome"])
    seen = _rows(engine, f"SELECT count(*) AS requests, count(*) FILTER (outcome = 'complete') AS complete FROM ({events})")[0]
    loss = engine.scan("kafka_loss", start, None, ["reason", "events", "bytes", "local_addr", "local_port", "remote_addr", "remote_port"])
    reasons = _rows(
        engine,
        "SELECT reason, sum(events)::BIGINT AS events, sum(bytes)::BIGINT AS bytes, "
        f"count(DISTINCT (local_addr, local_port, remote_addr, remote_port)) AS connections FROM ({loss}) GROUP BY reason ORDER BY reason",
    )
    for reason in reasons:
        reason["text"] = _REASONS.get(reason["reason"], reason["reason"])
    requests, complete = int(seen["requests"]), int(seen["complete"])
    return {
        "windowS": WINDOW_NS // 1_000_000_000, "requests": requests, "complete": complete,
        "ratio": complete / requests if requests else None, "reasons": reasons,
    }  # fmt: skip


def agents(engine: Any, now_ns: int) -> list[dict[str, Any]]:
    """Each agent with its state and counters."""
    columns = ["time_", "agent_id", "asid", "hostname", "ip_address", "agent_state", "create_time", "hook", "events", "events_lost", "detail"]
    found = []
    for row in _rows(engine, f"SELECT {', '.join(columns)} FROM ({engine.scan('md_agent', None, None, columns)}) ORDER BY hostname, asid"):
        silent = now_ns - row["time_"]
        state = row["agent_state"] if silent <= AGENT_SILENT_NS else "AGENT_STATE_UNRESPONSIVE"
        found.append({"agentId": row["agent_id"], "asid": row["asid"], "hostname": row["hostname"], "ip": row["ip_address"], "state": state, "hook": row["hook"],
                      "events": row["events"], "eventsLost": row["events_lost"], "detail": row["detail"], "lastSeenS": round(silent / 1e9, 1)})  # fmt: skip
    return found


def clocks(engine: Any, tables: Collection[str]) -> list[dict[str, str]]:
    """A warning for a run that reads ``tables``: that latencies between nodes are off by as much as the nodes' clocks are."""
    if _BETWEEN_NODES.isdisjoint(tables):
        return []
    told = _rows(engine, f"SELECT hostname, detail FROM ({engine.scan('md_agent', None, None, ['hostname', 'detail'])}) ORDER BY hostname")
    off = [f"{agent['hostname']}: {words}" for agent in told if (words := among(agent["detail"]))]
    if len(told) < 2 or not off:
        return []
    return [{"level": "warning", "text": f"latencies between nodes are wrong by what their clocks differ: {', '.join(off)}"}]


def explain_empty(engine: Any, tables: Sequence[Mapping[str, Any]], read: Collection[str], now_ns: int) -> list[dict[str, str]]:
    """Messages for a run over the tables ``read`` that gave no rows at all: whether anything was seen, and what to do next."""
    if not tables or any(table["numRows"] for table in tables):
        return []
    if set(read) == {"kafka_alerts"}:
        return [{"level": "info", "text": "no alert opened or closed"}]
    of_kafka = any(name.startswith("kafka_") for name in read)
    if not agents(engine, now_ns) and not (of_kafka and _FROM_AGENTS.isdisjoint(read)):
        return [{"level": "info", "text": "processes, pods, nodes and interfaces are not known: agents tell of them, and none reports, as over a packet capture"}]
    if not of_kafka:
        return [{"level": "info", "text": "nothing of this was seen"}]
    seen = summary(engine, now_ns)
    if seen["requests"]:
        return [{"level": "info", "text": f"{seen['requests']:,} Kafka requests were seen in the last 5 minutes, none fits these arguments"}]
    tls = next((r["connections"] for r in seen["reasons"] if r["reason"] == "tls"), 0)
    text = "no Kafka request was seen in the last 5 minutes"
    if tls:
        text += f"; {tls} connections are TLS, their content is not visible"
    silent = [a for a in agents(engine, now_ns) if a["state"] != "AGENT_STATE_HEALTHY"]
    if silent:
        text += f"; {len(silent)} agents are silent"
    return [{"level": "info", "text": text + "; a longer start_time looks further back"}]
