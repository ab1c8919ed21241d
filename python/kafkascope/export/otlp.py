"""Families pushed over OTLP/HTTP, under the names of OpenTelemetry's collector and messaging conventions where they have one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from kafkascope import __version__
from kafkascope.export.families import AnyFamily, Family

#: Name, unit, and what each label is called; names of the collector's kafkametrics receiver and of the messaging conventions.
NAMES: Mapping[str, tuple[str, str, Mapping[str, str]]] = MappingProxyType(
    {
        "kafka_consumergroup_group_offset": ("kafka.consumer_group.offset", "1", {}),
        "kafka_consumergroup_group_lag": ("kafka.consumer_group.lag", "1", {}),
        "kafka_consumergroup_group_topic_sum_lag": ("kafka.consumer_group.lag_sum", "1", {}),
        "kafka_consumergroup_members": ("kafka.consumer_group.members", "{members}", {"consumergroup": "group"}),
        "kafka_partition_latest_offset": ("kafka.partition.current_offset", "1", {}),
        "kafka_topic_partitions": ("kafka.topic.partitions", "{partitions}", {}),
        "kafka_consumergroup_group_lag_seconds": ("kafka.consumer_group.time_lag", "s", {}),
        "kafka_consumergroup_group_max_lag_seconds": ("kafka.consumer_group.time_lag_max", "s", {}),
        "kafka_topic_produced_records_total": ("messaging.client.sent.messages", "{message}", {"topic": "messaging.destination.name"}),
        "kafka_topic_consumed_records_total": ("messaging.client.consumed.messages", "{message}", {"topic": "messaging.destination.name"}),
        "kafka_request_latency_seconds": ("messaging.client.operation.duration", "s", {"api": "messaging.operation.name"}),
    }
)
#: The same numbers under another exporter's name.
_REPEATED = frozenset({"kafka_consumergroup_lag", "kafka_consumergroup_current_offset", "kafka_topic_partition_current_offset", "kafka_consumergroup_lag_sum"})


class ExportError(Exception):
    """What was to be sent did not arrive."""


def metrics(families: Iterable[AnyFamily], *, now_ns: int, start_ns: int, attributes: Mapping[str, str] | None = None) -> Any:
    """Families as OpenTelemetry's ``MetricsData``; counters and histograms count from ``start_ns``."""
    from opentelemetry.sdk.metrics.export import (
        AggregationTemporality,
        Gauge,
        Histogram,
        HistogramDataPoint,
        Metric,
        MetricsData,
        NumberDataPoint,
        ResourceMetrics,
        ScopeMetrics,
        Sum,
    )
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    found = []
    for family in families:
        if family.name in _REPEATED or not family.samples:
            continue
        name, unit, renamed = NAMES.get(family.name, (_dotted(family.name), "s" if family.name.endswith("_seconds") else "1", {}))
        labels = [{"cluster_name": "messaging.kafka.cluster.id"}.get(label, renamed.get(label, label)) for label in family.labels]
        system = {"messaging.system": "kafka"} if name.startswith("messaging.") else {}

        def named(values: Sequence[str], labels: list[str] = labels, system: dict[str, str] = system) -> dict[str, Any]:
            return {**system, **dict(zip(labels, values, strict=True))}

        data: Any
        if isinstance(family, Family):
            points = [NumberDataPoint(named(values), start_ns if family.kind == "counter" else 0, now_ns, value) for values, value in family.samples]
            data = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True) if family.kind == "counter" else Gauge(points)
        else:
            data = Histogram(
                [HistogramDataPoint(named(s.labels), start_ns, now_ns, sum(s.counts), s.sum, list(s.counts), list(family.bounds), 0.0, 0.0) for s in family.samples],
                AggregationTemporality.CUMULATIVE,
            )
        found.append(Metric(name, family.help, unit, data))
    resource = Resource({"service.name": "kafkascope", "service.version": __version__, **(attributes or {})})
    scope = ScopeMetrics(InstrumentationScope("kafkascope", __version__), found, "")
    return MetricsData([ResourceMetrics(resource, [scope], "")])


def push(data: Any, *, endpoint: str, headers: Mapping[str, str] | None = None, timeout_s: float = 10.0) -> None:
    """Send metrics to ``endpoint`` (the whole URL, such as http://host:4318/v1/metrics). Raises ``ExportError``."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics.export import MetricExportResult

    exporter = OTLPMetricExporter(endpoint=endpoint, headers=dict(headers or {}), timeout=timeout_s)
    try:
        if exporter.export(data, timeout_millis=timeout_s * 1000) is not MetricExportResult.SUCCESS:
            raise ExportError(f"{endpoint} did not take the metrics")
    finally:
        exporter.shutdown()


def count(data: Any) -> int:
    """Data points of ``MetricsData``."""
    return sum(len(metric.data.data_points) for resource in data.resource_metrics for scope in resource.scope_metrics for metric in scope.metrics)


def _dotted(name: str) -> str:
    return name.removesuffix("_total").removesuffix("_seconds").replace("_", ".", 1)




