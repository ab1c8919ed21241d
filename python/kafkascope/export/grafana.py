"""Grafana dashboards over the metrics of Kafkascope, as JSON that Grafana imports."""

from __future__ import annotations

from typing import Any

#: Grafana's schema that the panels are written in (Grafana 10 and newer).
_SCHEMA = 39
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboards() -> dict[str, dict[str, Any]]:
    """The dashboards by the name of their file."""
    return {"kafkascope-consumers.json": _consumers(), "kafkascope-traffic.json": _traffic()}


def _consumers() -> dict[str, Any]:
    where = '{cluster_name=~"$cluster", group=~"$group"}'
    panels = [
        _stat("Groups not in order", f"count(kafka_consumergroup_status{where} >= 2) or vector(0)", (0, 0, 4, 4)),
        _stat("Longest time lag", f"max(kafka_consumergroup_group_max_lag_seconds{where})", (4, 0, 4, 4), "s"),
        _stat("Records left to read", f"sum(kafka_consumergroup_group_sum_lag{where})", (8, 0, 4, 4)),
        _stat("Findings", 'sum(kafka_findings{cluster_name=~"$cluster"}) or vector(0)', (12, 0, 4, 4)),
        _stat("Series left out", "max(kafkascope_metrics_series_dropped)", (16, 0, 4, 4)),
        _lines("Time lag by group", [(f"kafka_consumergroup_group_max_lag_seconds{where}", "{{group}}")], (0, 4, 12, 8), "s"),
        _lines("Lag by group", [(f"kafka_consumergroup_group_sum_lag{where}", "{{group}}")], (12, 4, 12, 8)),
        _lines("Trend (above 0 the group falls behind)", [(f"kafka_consumergroup_lag_trend{where}", "{{group}}")], (0, 12, 12, 8), "cps"),
        _lines("Time until the lag is gone", [(f"kafka_consumergroup_time_to_drain_seconds{where}", "{{group}}")], (12, 12, 12, 8), "s"),
        _lines(
            "From append to delivery",
            [(f"histogram_quantile({q}, sum by (le, group) (rate(kafka_delivery_latency_seconds_bucket{where}[$__rate_interval])))", f"{{{{group}}}} p{round(q * 100)}") for q in (0.5, 0.99)],
            (0, 20, 12, 8), "s", exemplar=True,
        ),
        _lines("Verdict (1 OK, 2 WARN, 3 ERR)", [(f"kafka_consumergroup_status{where}", "{{group}}")], (12, 20, 12, 8)),
        _table("Partitions farthest behind", f"topk(20, kafka_consumergroup_group_lag_seconds{where})", (0, 28, 24, 9)),
    ]  # fmt: skip
    return _dashboard("kafkascope-consumers", "Kafka consumers", panels, [_variable("cluster", "kafka_consumergroup_status", "cluster_name"), _variable("group", "kafka_consumergroup_status", "group")])


def _traffic() -> dict[str, Any]:
    topic = '{cluster_name=~"$cluster", topic=~"$topic"}'
    panels = [
        _lines("Bytes produced", [(f"sum by (topic) (rate(kafka_topic_produced_bytes_total{topic}[$__rate_interval]))", "{{topic}}")], (0, 0, 12, 8), "Bps"),
        _lines("Bytes consumed", [(f"sum by (topic) (rate(kafka_topic_consumed_bytes_total{topic}[$__rate_interval]))", "{{topic}}")], (12, 0, 12, 8), "Bps"),
        _lines("Records produced", [(f"sum by (topic) (rate(kafka_topic_produced_records_total{topic}[$__rate_interval]))", "{{topic}}")], (0, 8, 12, 8), "cps"),
        _lines("Requests by API", [("sum by (api) (rate(kafka_client_requests_total[$__rate_interval]))", "{{api}}")], (12, 8, 12, 8), "reqps"),
        _lines("Latency by API, p99 (Fetch waits for data)", [("histogram_quantile(0.99, sum by (le, api) (rate(kafka_request_latency_seconds_bucket[$__rate_interval])))", "{{api}}")], (0, 16, 12, 8), "s"),
        _lines("Errors", [("sum by (api, error) (rate(kafka_request_errors_total[$__rate_interval]))", "{{api}} {{error}}")], (12, 16, 12, 8), "reqps"),
        _lines("Time that clients were told to wait", [("sum by (client_id) (rate(kafka_client_throttle_seconds_total[$__rate_interval]))", "{{client_id}}")], (0, 24, 12, 8), "percentunit"),
        _lines("Events lost by agents", [("rate(kafkascope_agent_events_lost_total[$__rate_interval])", "{{agent}}")], (12, 24, 12, 8), "cps"),
    ]  # fmt: skip
    return _dashboard("kafkascope-traffic", "Kafka traffic", panels, [_variable("cluster", "kafka_topic_produced_bytes_total", "cluster_name"), _variable("topic", "kafka_topic_produced_bytes_total", "topic")])


def _dashboard(uid: str, title: str, panels: list[dict[str, Any]], variables: list[dict[str, Any]]) -> dict[str, Any]:
    source = {"name": "datasource", "type": "datasource", "query": "prometheus", "current": {}, "hide": 0, "label": "Data source"}
    return {
        "uid": uid, "title": title, "tags": ["kafka", "kafkascope"], "schemaVersion": _SCHEMA, "version": 1, "editable": True, "timezone": "browser", "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"}, "templating": {"list": [source, *variables]}, "annotations": {"list": []},
        "panels": [{"id": number, **panel} for number, panel in enumerate(panels, 1)],
    }  # fmt: skip


def _variable(name: str, metric: str, label: str) -> dict[str, Any]:
    query = f"label_values({metric}, {label})"
    return {
        "name": name, "label": name, "type": "query", "datasource": _SOURCE, "query": {"query": query, "refId": name}, "definition": query, "refresh": 2, "sort": 1,
        "multi": True, "includeAll": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"},
    }  # fmt: skip


def _panel(kind: str, title: str, at: tuple[int, int, int, int], queries: list[tuple[str, str]], unit: str, **more: Any) -> dict[str, Any]:
    targets = [{"refId": chr(65 + i), "datasource": _SOURCE, "expr": expr, "legendFormat": legend, **more.get("target", {})} for i, (expr, legend) in enumerate(queries)]
    return {
        "type": kind, "title": title, "datasource": _SOURCE, "gridPos": dict(zip("xywh", at, strict=True)), "targets": targets,
        "fieldConfig": {"defaults": {"unit": unit, **more.get("defaults", {})}, "overrides": []}, "options": more.get("options", {}),
    }  # fmt: skip


def _stat(title: str, expr: str, at: tuple[int, int, int, int], unit: str = "short") -> dict[str, Any]:
    return _panel("stat", title, at, [(expr, "")], unit, options={"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}})


def _lines(title: str, queries: list[tuple[str, str]], at: tuple[int, int, int, int], unit: str = "short", *, exemplar: bool = False) -> dict[str, Any]:
    # A number that is not known is a gap, not a line through it.
    return _panel("timeseries", title, at, queries, unit, target={"exemplar": exemplar}, defaults={"custom": {"spanNulls": False, "fillOpacity": 8, "showPoints": "auto"}},
                  options={"legend": {"displayMode": "table", "placement": "right", "calcs": ["lastNotNull", "max"]}, "tooltip": {"mode": "multi", "sort": "desc"}})  # fmt: skip


def _table(title: str, expr: str, at: tuple[int, int, int, int]) -> dict[str, Any]:
    panel = _panel("table", title, at, [(expr, "")], "s", target={"format": "table", "instant": True})
    panel["transformations"] = [{"id": "organize", "options": {"excludeByName": {"Time": True, "__name__": True, "instance": True, "job": True}}}]
    return panel
