"""Spans of batches: what a collector gets over HTTP, read out of the bytes that were posted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from otlp_sink import listening

from kafkascope.export import spans

trace_service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
CAPTURE = Path(__file__).parents[2] / "captures" / "demo" / "px-kafka.pcap.gz"
ROW = {
    "time_": 1_000, "response_time": 2_000, "client_name": "shop/order-1", "client_is_pod": True, "client_id": "order", "broker_addr": "10.0.0.1", "broker_port": 9092, "cluster_id": "c",
    "topic": "t", "partition": 3, "records": 5, "bytes": 500, "error_code": 0,
}  # fmt: skip


def sent(base: int, last: int, **more: Any) -> dict[str, Any]:
    return ROW | {"base_offset": base, "last_offset": last, "transactional_id": None} | more


def polled(first: int, last: int, **more: Any) -> dict[str, Any]:
    return ROW | {"first_offset": first, "last_offset": last, "group_id": "g", "client_name": "10.0.0.7", "client_is_pod": False, "client_id": "ship", "time_": 3_000, "response_time": 4_000} | more


def test_names_follow_the_conventions() -> None:
    send, poll = spans.spans([sent(10, 14)], [polled(10, 14)])
    assert (send.name, send.kind.name, send.start_time, send.end_time) == ("send t", "PRODUCER", 1_000, 2_000)
    assert dict(send.attributes) == {
        "messaging.system": "kafka", "messaging.operation.name": "send", "messaging.operation.type": "send", "messaging.destination.name": "t", "messaging.destination.partition.id": "3",
        "messaging.kafka.cluster.id": "c", "messaging.kafka.offset": 10, "messaging.client.id": "order", "messaging.batch.message_count": 5, "server.address": "10.0.0.1", "server.port": 9092,
    }  # fmt: skip
    assert {"service.name": "order-1", "k8s.namespace.name": "shop", "k8s.pod.name": "order-1"}.items() <= dict(send.resource.attributes).items()
    assert (poll.name, poll.kind.name, poll.attributes["messaging.consumer.group.name"], poll.resource.attributes["service.name"]) == ("poll t", "CLIENT", "g", "ship")


@pytest.mark.parametrize(
    ("first", "last", "linked"),
    [(10, 14, [10]), (10, 29, [10, 20]), (12, 12, [10]), (15, 22, [10, 20]), (30, 31, [30]), (0, 40, [10, 20, 30])],
)
def test_a_poll_is_linked_to_what_brought_its_records(first: int, last: int, linked: list[int]) -> None:
    found = spans.spans([sent(base, base + 9) for base in (20, 10, 30)] + [sent(10, 19, partition=4)], [polled(first, last)])
    sends = {span.context.span_id: span.attributes["messaging.kafka.offset"] for span in found if span.name == "send t"}
    assert [sends[link.context.span_id] for link in found[-1].links] == linked


def test_errors_and_what_has_no_answer() -> None:
    (failed,) = spans.spans([sent(1, 1, base_offset=None, error_code=3), sent(2, 2, response_time=None)], [])
    assert (failed.attributes["error.type"], failed.status.status_code.name) == ("UNKNOWN_TOPIC_OR_PARTITION", "ERROR")


def test_links_are_bounded() -> None:
    found = spans.spans([sent(base, base) for base in range(1_000)], [polled(0, 999)])
    assert len(found[-1].links) == spans.MAX_LINKS


def test_a_capture_is_pushed_whole() -> None:
    pytest.importorskip("kafkascope._core", reason="the core is not built")
    from kafkascope.cli.program import px

    with listening() as sink:
        done = CliRunner().invoke(px, ["export", "spans", "--capture", str(CAPTURE), "--endpoint", f"{sink.url}/v1/traces"])
    assert done.exit_code == 0, done.output
    found = [span for body in sink.bodies("/v1/traces") for resource in trace_service.ExportTraceServiceRequest.FromString(body).resource_spans for scope in resource.scope_spans for span in scope.spans]
    sends = {span.span_id for span in found if span.name == "send order"}
    polls = [span for span in found if span.name == "poll order"]
    # Every record is read by two groups, and each poll knows what brought its records; one record was sent before the recording began.
    assert len(sends) > 100 and len(polls) > 100 and len(found) == len(sends) + len(polls)
    assert sum(not span.links for span in polls) == 1
    assert all(link.span_id in sends for span in polls for link in span.links)
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in found)
