"""A real OpenTelemetry Collector takes what ``px export`` pushes: everything that it passes on is what was sent.

Skips where there is none: ``tests/export/collector.sh build`` makes it from pinned Go modules.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from otlp_sink import Sink, listening

metrics_service = pytest.importorskip("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")
trace_service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
HERE = Path(__file__).parent
CAPTURES = HERE.parents[1] / "captures"
CONFIG = """
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{port}"}}}}}}}}
exporters: {{otlp_http: {{endpoint: "{sink}", retry_on_failure: {{enabled: false}}}}}}
service:
  telemetry: {{metrics: {{level: none}}, logs: {{level: warn}}}}
  pipelines:
    metrics: {{receivers: [otlp], exporters: [otlp_http]}}
    traces: {{receivers: [otlp], exporters: [otlp_http]}}
"""


@pytest.fixture(scope="module")
def program() -> str:
    found = subprocess.run([str(HERE / "collector.sh")], capture_output=True, text=True, timeout=60, check=False)
    if found.returncode != 0:
        pytest.skip(found.stderr.strip())
    return found.stdout.strip()


@pytest.fixture
def collector(program: str, tmp_path: Path) -> Iterator[tuple[str, Sink]]:
    """Where the collector takes OTLP, and where it passes it on to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with listening() as sink:
        config = tmp_path / "collector.yaml"
        config.write_text(CONFIG.format(port=port, sink=sink.url))
        log = tmp_path / "collector.log"
        with log.open("w") as output:
            process = subprocess.Popen([program, "--config", f"file:{config}"], stdout=output, stderr=output)
            try:
                wait(lambda: answers(port) or process.poll() is not None)
                assert process.poll() is None, log.read_text()
                yield f"http://127.0.0.1:{port}", sink
            finally:
                process.terminate()
                process.wait(timeout=60)
        # It warns of what it drops or cannot pass on.
        assert log.read_text() == ""


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait(done: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)


def run(*words: str) -> str:
    from kafkascope.cli.program import px

    done = CliRunner().invoke(px, ["export", *words])
    assert done.exit_code == 0, done.output
    return done.output


def exported(kind: str, capture: str, path: str, endpoint: str, sink: Sink) -> tuple[list[bytes], list[bytes]]:
    """What is posted straight to a sink, and what the collector passes on of the same."""
    with listening() as straight:
        run(kind, "--capture", str(CAPTURES / capture), "--endpoint", straight.url + path)
        sent = straight.bodies(path)
    run(kind, "--capture", str(CAPTURES / capture), "--endpoint", endpoint + path)
    wait(lambda: len(sink.bodies(path)) >= len(sent))
    return sent, sink.bodies(path)


def points(bodies: list[bytes]) -> dict[tuple[Any, ...], Any]:
    """Each data point by metric and attributes, without the moment at which it was sent."""
    found: dict[tuple[Any, ...], Any] = {}
    for body in bodies:
        for resource in metrics_service.ExportMetricsServiceRequest.FromString(body).resource_metrics:
            names = tuple(sorted((a.key, a.value.string_value) for a in resource.resource.attributes if a.key.startswith("service.")))
            for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points:
                    value = (point.count, point.sum, tuple(point.bucket_counts)) if kind == "histogram" else (point.as_double or point.as_int)
                    key = (names, metric.name, metric.unit, kind, *sorted((a.key, a.value.string_value) for a in point.attributes))
                    assert key not in found, key
                    found[key] = value
    return found


def test_it_takes_the_metrics(collector: tuple[str, Sink]) -> None:
    pytest.importorskip("kafkascope._core", reason="the core is not built")
    sent, passed = (points(bodies) for bodies in exported("otlp", "java-clients.pcap.gz", "/v1/metrics", *collector))
    assert passed == sent
    lags = {dict(key[4:])["partition"]: value for key, value in passed.items() if key[1] == "kafka.consumer_group.lag" and ("group", "gt") in key}
    assert lags["0"] == 30 and sum(lags.values()) == 44
    assert {key[3] for key in passed} == {"gauge", "sum", "histogram"}


def test_it_takes_the_spans(collector: tuple[str, Sink]) -> None:
    pytest.importorskip("kafkascope._core", reason="the core is not built")
    sent, passed = (
        [span for body in bodies for resource in trace_service.ExportTraceServiceRequest.FromString(body).resource_spans for scope in resource.scope_spans for span in scope.spans]
        for bodies in exported("spans", "demo/px-kafka.pcap.gz", "/v1/traces", *collector)
    )
    assert len(sent) > 200 and {span.name for span in sent} == {"send order", "poll order"}
    assert sorted(span.SerializeToString(deterministic=True) for span in passed) == sorted(span.SerializeToString(deterministic=True) for span in sent)
