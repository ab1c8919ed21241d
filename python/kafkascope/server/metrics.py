"""``/metrics``: Kafka's metrics out of the analysis, and Kafkascope's own health and cost."""

from __future__ import annotations

import resource
import time
from typing import Any

from kafkascope.export import kafka, text
from kafkascope.export.families import AnyFamily, Family, Labels
from kafkascope.export.selection import Selection


def render(service: Any, refused_runs: int, live_scripts: int, *, content_type: str = text.PROMETHEUS, selection: Selection | None = None) -> str:
    """The exposition text in one of the content types of ``export.text``."""
    return text.render([*own(service, refused_runs, live_scripts), *of_kafka(service, selection or Selection())], content_type)


def of_kafka(service: Any, selection: Selection) -> list[AnyFamily]:
    """Metrics of the Kafka that is watched; none where nothing is analysed."""
    analysis = service.analysis
    if analysis is None:
        return []
    began = time.perf_counter()
    snapshot = analysis.snapshot(time.time_ns())
    found = kafka.families(analysis.monitor, snapshot, selection)
    found.append(Family("kafkascope_metrics_duration_seconds", "gauge", "Time that it took to compute Kafka's metrics.", (), [((), round(time.perf_counter() - began, 6))]))
    return found


def own(service: Any, refused_runs: int, live_scripts: int) -> list[AnyFamily]:
    """Metrics of the server itself."""
    status = service.status()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    found: list[AnyFamily] = []

    def metric(name: str, kind: str, help_: str, labels: tuple[str, ...], samples: list[tuple[Labels, float]]) -> None:
        found.append(Family(f"kafkascope_{name}", kind, help_, labels, samples))

    metric("build_info", "gauge", "Version of the server.", ("version",), [((status["version"],), 1)])
    metric("uptime_seconds", "gauge", "Seconds since the server started.", (), [((), float(status["uptimeS"]))])
    metric("process_cpu_seconds_total", "counter", "CPU time of the server.", (), [((), usage.ru_utime + usage.ru_stime)])
    metric("process_resident_memory_max_bytes", "gauge", "Greatest resident memory of the server.", (), [((), usage.ru_maxrss * 1024)])
    metric("table_rows", "gauge", "Rows kept of each table.", ("table",), [((t["name"],), t.get("rows", 0)) for t in status["tables"]])
    metric("table_bytes", "gauge", "Bytes kept of each table.", ("table",), [((t["name"],), t.get("bytes", 0)) for t in status["tables"]])
    agents = [((a["hostname"], str(a["asid"])), a) for a in status["agents"]]
    metric("agent_up", "gauge", "1 while the agent reports.", ("agent", "asid"), [(key, int(a["state"] == "AGENT_STATE_HEALTHY")) for key, a in agents])
    metric("agent_events_total", "counter", "Events the agent captured.", ("agent", "asid"), [(key, a["events"]) for key, a in agents])
    metric("agent_events_lost_total", "counter", "Events the agent lost.", ("agent", "asid"), [(key, a["eventsLost"]) for key, a in agents])
    coverage = status["coverage"]
    metric("requests_recent", "gauge", f"Requests seen in the last {coverage['windowS']} seconds.", (), [((), coverage["requests"])])
    metric("requests_recent_complete", "gauge", "Of these, requests read completely.", (), [((), coverage["complete"])])
    metric("not_seen_recent_events", "gauge", "Events or messages not seen, by reason.", ("reason",), [((r["reason"],), r["events"]) for r in coverage["reasons"]])
    metric("runs_refused_total", "counter", "Queries refused because too many waited.", (), [((), refused_runs)])
    metric("live_scripts", "gauge", "Scripts running live.", (), [((), live_scripts)])
    found += service.link().families()
    if service.analysis is not None:
        stats = service.analysis.stats()
        metric("analysis_up", "gauge", "1 while the analysis of lag works.", (), [((), int(stats["problem"] is None))])
        metric("analysis_step_seconds", "gauge", "Time that the last step of the analysis took.", (), [((), stats["stepMs"] / 1e3)])
        held = ("groups", "groupPartitions", "partitions", "ranges")
        metric("analysis_held", "gauge", "What the analysis holds.", ("what",), [((name,), stats[name]) for name in held])
        cost = [name for name, value in stats.items() if isinstance(value, int) and name not in (*held, "steps", "findingsUntold")]
        metric("analysis_limited_total", "counter", "What limits of the analysis cost.", ("what",), [((name,), stats[name]) for name in cost])
    metric("scrape_timestamp_seconds", "gauge", "Time of this scrape.", (), [((), time.time())])
    return found
