"""Spans over OTLP/HTTP by OpenTelemetry's messaging conventions: one for each batch that was sent, one for each that was polled, linked to those that brought it."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kafkascope import __version__
from kafkascope.export.otlp import ExportError
from kafkascope.pxl.lower.names import KAFKA_ERRORS

#: What the rows are selected with; ``{since}`` is the start of the window, relative to now.
PRODUCED = """
import px
import kafkaviews
df = kafkaviews.named_ends(px.DataFrame('kafka_produce', start_time='{since}'))
px.display(df[['time_', 'response_time', 'client_name', 'client_is_pod', 'client_id', 'broker_addr', 'broker_port', 'cluster_id', 'transactional_id', 'topic', 'partition', 'records', 'bytes',
               'base_offset', 'last_offset', 'error_code']], 'produced')
"""
CONSUMED = """
import px
import kafkaviews
df = px.DataFrame('kafka_fetch', start_time='{since}')
df = kafkaviews.named_ends(df[df.replica_id < 0 and (df.bytes > 0 or px.coalesce(df.error_code, 0) != 0)])
px.display(df[['time_', 'response_time', 'client_name', 'client_is_pod', 'client_id', 'broker_addr', 'broker_port', 'cluster_id', 'group_id', 'topic', 'partition', 'records', 'bytes',
               'first_offset', 'last_offset', 'error_code']], 'consumed')
"""
#: Spans that one span is linked to at most; a poll may bring very many small batches.
MAX_LINKS = 128
#: Spans in one request; a collector refuses requests that are too large.
_BATCH = 2_000

Row = Mapping[str, Any]
Partition = tuple[str, str, int]


def spans(produced: Iterable[Row], consumed: Iterable[Row]) -> list[Any]:
    """OpenTelemetry's ``ReadableSpan`` of each row, in the order of time. A row without an answer is left out: it has no end.

    A batch's ids follow from where it lies, so that whoever observes it tells the same; a poll is linked to those of its batches that are among ``produced``.
    """
    sent, polled = ([dict(row) for row in rows if row["response_time"] is not None] for rows in (produced, consumed))
    clusters = {row["cluster_id"] for row in (*sent, *polled)} - {""}
    if len(clusters) == 1:
        # What was seen before the cluster's id was known belongs to the only one there is.
        for row in (*sent, *polled):
            row["cluster_id"] = next(iter(clusters))
    written: dict[Partition, list[tuple[int, Any]]] = {}
    found = []
    for row in sent:
        span = _span(row, "send", row["base_offset"])
        found.append(span)
        if row["base_offset"] is not None:
            written.setdefault(_partition(row), []).append((int(row["base_offset"]), span))
    for batches in written.values():
        batches.sort(key=lambda batch: batch[0])
    found += [_span(row, "poll", row["first_offset"], _links(row, written.get(_partition(row), []))) for row in polled]
    return sorted(found, key=lambda span: int(span.end_time))


def push(found: Sequence[Any], *, endpoint: str, headers: Mapping[str, str] | None = None, timeout_s: float = 10.0) -> None:
    """Send spans to ``endpoint`` (the whole URL, such as http://host:4318/v1/traces). Raises ``ExportError``."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import SpanExportResult

    exporter = OTLPSpanExporter(endpoint=endpoint, headers=dict(headers or {}), timeout=timeout_s)
    try:
        for start in range(0, len(found), _BATCH):
            if exporter.export(found[start : start + _BATCH]) is not SpanExportResult.SUCCESS:
                raise ExportError(f"{endpoint} did not take the spans")
    finally:
        exporter.shutdown()


def _span(row: Row, operation: str, offset: int | None, links: Sequence[Any] = ()) -> Any:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

    digest = hashlib.sha256(repr((operation, *_partition(row), offset, row["client_name"], row["client_id"], int(row["time_"]))).encode()).digest()
    context = SpanContext(int.from_bytes(digest[:16], "big"), int.from_bytes(digest[16:24], "big"), False, TraceFlags(TraceFlags.SAMPLED))
    error = KAFKA_ERRORS.get(row["error_code"], str(row["error_code"])) if row["error_code"] else ""
    attributes = {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.operation.type": "send" if operation == "send" else "receive",
        "messaging.destination.name": row["topic"],
        "messaging.destination.partition.id": str(row["partition"]),
        "messaging.kafka.cluster.id": row["cluster_id"],
        "messaging.kafka.offset": offset,
        "messaging.client.id": row["client_id"],
        "messaging.consumer.group.name": row["group_id"] if operation == "poll" else "",
        "messaging.batch.message_count": row["records"],
        "server.address": row["broker_addr"],
        "server.port": row["broker_port"],
        "error.type": error,
    }
    resource = {"service.name": row["client_name"].split("/")[-1] if row["client_is_pod"] else row["client_id"] or row["client_name"]}
    if row["client_is_pod"]:
        resource["k8s.namespace.name"], _, resource["k8s.pod.name"] = row["client_name"].partition("/")
    return ReadableSpan(
        name=f"{operation} {row['topic']}",
        context=context,
        resource=Resource(resource),
        attributes={name: value for name, value in attributes.items() if value not in (None, "")},
        links=links,
        kind=SpanKind.PRODUCER if operation == "send" else SpanKind.CLIENT,
        status=Status(StatusCode.ERROR if error else StatusCode.UNSET),
        start_time=int(row["time_"]),
        end_time=int(row["response_time"]),
        instrumentation_scope=InstrumentationScope("kafkascope", __version__),
    )


def _links(row: Row, batches: Sequence[tuple[int, Any]]) -> list[Any]:
    """The sent batches whose first record a poll brought, the newest of very many, and the one it began in the middle of."""
    from opentelemetry.trace import Link

    if row["first_offset"] is None or row["last_offset"] is None or not batches:
        return []
    low = max(bisect_right(batches, int(row["first_offset"]), key=lambda batch: batch[0]) - 1, 0)
    high = bisect_left(batches, int(row["last_offset"]) + 1, key=lambda batch: batch[0])
    return [Link(span.context) for _, span in batches[low:high][-MAX_LINKS:]]


def _partition(row: Row) -> Partition:
    return row["cluster_id"], row["topic"], int(row["partition"])
