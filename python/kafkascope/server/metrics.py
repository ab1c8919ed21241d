"""Kafkascope's own health and cost as Prometheus metrics."""

from __future__ import annotations

import resource
import time
from typing import Any

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def render(service: Any, refused_runs: int, live_scripts: int) -> str:
    """The exposition text of the server's own metrics."""
    status = service.status()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    lines: list[str] = []

    def metric(name: str, kind: str, text: str, samples: list[tuple[dict[str, str], float]]) -> None:
        lines.append(f"# HELP kafkascope_{name} {text}")
        lines.append(f"# TYPE kafkascope_{name} {kind}")
        for labels, value in samples:
            inside = ",".join(f'{key}="{_escape(item)}"' for key, item in labels.items())
            lines.append(f"kafkascope_{name}{'{' + inside + '}' if inside else ''} {value:g}" if isinstance(value, float) else f"kafkascope_{name}{'{' + inside + '}' if inside else ''} {value}")

    metric("build_info", "gauge", "Version of the server.", [({"version": status["version"]}, 1)])
    metric("uptime_seconds", "gauge", "Seconds since the server started.", [({}, float(status["uptimeS"]))])
    metric("process_cpu_seconds_total", "counter", "CPU time of the server.", [({}, usage.ru_utime + usage.ru_stime)])
    metric("process_resident_memory_max_bytes", "gauge", "Greatest resident memory of the server.", [({}, usage.ru_maxrss * 1024)])
    metric("table_rows", "gauge", "Rows kept of each table.", [({"table": t["name"]}, t.get("rows", 0)) for t in status["tables"]])
    metric("table_bytes", "gauge", "Bytes kept of each table.", [({"table": t["name"]}, t.get("bytes", 0)) for t in status["tables"]])
    agents = status["agents"]
    metric("agent_up", "gauge", "1 while the agent reports.", [({"agent": a["hostname"], "asid": str(a["asid"])}, int(a["state"] == "AGENT_STATE_HEALTHY")) for a in agents])
    metric("agent_events_total", "counter", "Events the agent captured.", [({"agent": a["hostname"], "asid": str(a["asid"])}, a["events"]) for a in agents])
    metric("agent_events_lost_total", "counter", "Events the agent lost.", [({"agent": a["hostname"], "asid": str(a["asid"])}, a["eventsLost"]) for a in agents])
    coverage = status["coverage"]
    metric("requests_recent", "gauge", f"Requests seen in the last {coverage['windowS']} seconds.", [({}, coverage["requests"])])
    metric("requests_recent_complete", "gauge", "Of these, requests read completely.", [({}, coverage["complete"])])
    metric("not_seen_recent_events", "gauge", "Events or messages not seen, by reason.", [({"reason": r["reason"]}, r["events"]) for r in coverage["reasons"]])
    metric("runs_refused_total", "counter", "Queries refused because too many waited.", [({}, refused_runs)])
    metric("live_scripts", "gauge", "Scripts running live.", [({}, live_scripts)])
    metric("scrape_timestamp_seconds", "gauge", "Time of this scrape.", [({}, time.time())])
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
