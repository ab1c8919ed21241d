"""Each client of the matrix against a real broker: what sockets and packets gave equals the broker's request log.

Live: needs root, a kernel that loads eBPF, Java, and the client's own toolchain. ``KAFKASCOPE_MATRIX=all`` runs every
client, as ``make matrix`` does; otherwise those run that fit into a few minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import oracle
import pyarrow as pa
import pytest
import toolchain
from cluster import Cluster, environment
from netns import own_network
from watch import EVENTS, Watch

core = pytest.importorskip("kafkascope._core", reason="the core is not built")

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("tcpdump") is None, reason="needs tcpdump"),
]
ALL = os.environ.get("KAFKASCOPE_MATRIX") == "all"
_CLIENT_S = 180


@dataclass(frozen=True)
class Case:
    """A client against a broker; ``commands`` run one after another with the bootstrap address behind the program."""

    name: str
    commands: Callable[[str], list[list[str]]]
    broker: str = "4.4.0"
    nodes: int = 1
    #: Runs with `make test` too.
    quick: bool = False
    #: API and version that must have been compared: the reason for which this client is in the matrix.
    must: tuple[tuple[str, int], ...] = ()


def java_current(bootstrap: str) -> list[list[str]]:
    client = [*toolchain.java_client("4.4.0", "Client.java"), bootstrap, "1", "classic", "consumer"]
    return [client, [*toolchain.java_client("4.4.0", "Share.java"), bootstrap, "100"]]


def java(version: str, replication: int = 1) -> Callable[[str], list[list[str]]]:
    return lambda bootstrap: [[*toolchain.java_client(version, "Client.java"), bootstrap, str(replication), "classic"]]


def python(lock: str, source: str, *more: str) -> Callable[[str], list[list[str]]]:
    return lambda bootstrap: [[*toolchain.python_client(lock, source), bootstrap, *more]]


def go(name: str, *more: str) -> Callable[[str], list[list[str]]]:
    return lambda bootstrap: [[*toolchain.go_client(name), bootstrap, *more]]


def node(source: str, *more: str) -> Callable[[str], list[list[str]]]:
    return lambda bootstrap: [[*toolchain.node_client(source), bootstrap, *more]]


CASES = [
    Case("java-4.4", java_current, quick=True, must=(("PRODUCE", 13), ("FETCH", 18), ("OFFSET_COMMIT", 10), ("CONSUMER_GROUP_HEARTBEAT", 1), ("SHARE_FETCH", 2), ("TXN_OFFSET_COMMIT", 6))),
    Case("java-3.9", java("3.9.2"), must=(("PRODUCE", 11), ("FETCH", 17), ("OFFSET_COMMIT", 9))),
    Case("java-2.8", java("2.8.2"), must=(("PRODUCE", 9), ("FETCH", 12), ("JOIN_GROUP", 7))),
    Case("librdkafka", python("current.txt", "librdkafka.py", "classic", "consumer"), quick=True, must=(("PRODUCE", 10), ("FETCH", 16), ("CONSUMER_GROUP_HEARTBEAT", 1), ("END_TXN", 1))),
    Case("kafka-python", python("current.txt", "kafka_python.py"), quick=True, must=(("FETCH", 12), ("JOIN_GROUP", 7))),
    Case("aiokafka", python("current.txt", "aiokafka_client.py"), must=(("PRODUCE", 7), ("FETCH", 11), ("API_VERSIONS", 0))),
    Case("franz-go", go("franz-go", "classic", "consumer"), quick=True, must=(("PRODUCE", 13), ("FETCH", 18), ("CONSUMER_GROUP_HEARTBEAT", 1))),
    Case("sarama", go("sarama"), must=(("FETCH", 12), ("JOIN_GROUP", 7))),
    Case("kafka-go", go("kafka-go"), must=(("PRODUCE", 8), ("FETCH", 10), ("METADATA", 6))),
    Case("kafkajs", node("kafkajs.mjs"), must=(("PRODUCE", 7), ("FETCH", 11), ("END_TXN", 1))),
    Case("platformatic", node("platformatic.mjs", "classic", "consumer"), must=(("PRODUCE", 11), ("FETCH", 17), ("CONSUMER_GROUP_HEARTBEAT", 1))),
    Case("java-3.9-on-3.9", java("3.9.2"), broker="3.9.2", must=(("TXN_OFFSET_COMMIT", 4),)),
    Case("java-2.8-on-3.9", java("2.8.2"), broker="3.9.2", must=(("ADD_PARTITIONS_TO_TXN", 3),)),
    Case("kafka-python-2016-on-3.9", python("old.txt", "kafka_python_old.py"), broker="3.9.2", must=(("PRODUCE", 1), ("PRODUCE", 2), ("FETCH", 1), ("FETCH", 2))),
    Case("kafka-go-on-3.9", go("kafka-go"), broker="3.9.2", must=(("PRODUCE", 8),)),
    Case("two-brokers", java("4.4.0", 2), nodes=2, must=(("FETCH", 18), ("BROKER_HEARTBEAT", 2))),
]

#: Columns in which sockets and packets must agree; the rest tells of the tap.
SAME = ("req_cmd", "api_version", "correlation_id", "client_id", "req_body", "resp", "error_code", "throttle_ms", "req_bytes", "resp_bytes", "outcome", "encrypted")


def run(command: list[str]) -> dict[str, int]:
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=_CLIENT_S, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout[-500:]} {done.stderr[-3000:]}"
    said: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return said


def listed(wrong: list[str]) -> str:
    return "\n".join([f"{len(wrong)} differences", *(w[:600] for w in wrong[:20])])


def rows_of_file(pcap: Path) -> list[dict[str, Any]]:
    pipeline = core.FilePipeline([str(pcap)])
    rows: list[dict[str, Any]] = []
    while (tables := pipeline.next()) is not None:
        if EVENTS in tables:
            rows += pa.table(pa.record_batch(tables[EVENTS])).to_pylist()
    return rows


def by_request(rows: list[dict[str, Any]], ports: list[int]) -> dict[tuple[Any, ...], list[tuple[Any, ...]]]:
    """What is said of each request, in order, by the connection's two ports, API and correlation id."""
    out: dict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for row in sorted(rows, key=lambda r: r["time_"]):
        broker, client = (row["local_port"], row["remote_port"]) if row["local_port"] in ports else (row["remote_port"], row["local_port"])
        out[broker, client, row["req_cmd"], row["correlation_id"]].append(tuple(row[column] for column in SAME))
    return out


def disagreements(live: list[dict[str, Any]], file: list[dict[str, Any]], ports: list[int]) -> list[str]:
    ours, theirs = by_request(live, ports), by_request(file, ports)
    found = [f"{key}: only in the file: {theirs[key]}" for key in theirs.keys() - ours.keys()]
    found += [f"{key}: only live: {ours[key]}" for key in ours.keys() - theirs.keys()]
    for key in ours.keys() & theirs.keys():
        for mine, its in zip(ours[key], theirs[key], strict=False):
            found += [f"{key} {column}: live {a!r}, in the file {b!r}" for column, a, b in zip(SAME, mine, its, strict=True) if a != b]
        if len(ours[key]) != len(theirs[key]):
            found.append(f"{key}: {len(ours[key])} times live, {len(theirs[key])} times in the file")
    return found


@pytest.mark.parametrize("case", [c for c in CASES if ALL or c.quick], ids=lambda c: c.name)
def test_everything_the_client_said(case: Case, tmp_path: Path) -> None:
    try:
        cluster = Cluster(case.broker, case.nodes, tmp_path)
        commands = case.commands(cluster.bootstrap)
    except toolchain.MissingError as missing:
        pytest.skip(str(missing))
    watch = Watch(cluster.all_ports, tmp_path / "wire.pcap")
    # Other traffic of this host's loopback would only fill the packet socket.
    with own_network():
        watch.start()
        try:
            cluster.start()
            said = [run(command) for command in commands]
        finally:
            cluster.stop()
            watch.stop()
    assert all(s["consumed"] >= s["produced"] > 0 for s in said), said

    verdict = oracle.compare(oracle.decode(watch.pcap), cluster.requests(), stopped_ns=cluster.stopped_ns, closed=oracle.closed_at(watch.pcap, cluster.all_ports))
    assert not verdict.wrong, listed(verdict.wrong)
    assert set(case.must) <= verdict.kinds, sorted(verdict.kinds)
    file = rows_of_file(watch.pcap)
    counted = f"{case.name}: {verdict.equal} requests of {len(verdict.kinds)} kinds equal, {verdict.forwarded} forwarded, {verdict.unanswered} unanswered, {verdict.after_close} after the client had closed, {verdict.at_the_end} while the brokers ended"
    for source, pipeline in watch.pipelines.items():
        outcomes = Counter(row["outcome"] for row in pipeline.rows)
        counted += f"; {source} {dict(outcomes)}"
        assert pipeline.stats["events_lost"] == pipeline.stats["rows_refused"] == 0, (source, pipeline.stats)
        wrong = disagreements(pipeline.rows, file, cluster.all_ports)
        assert not wrong, f"{source}\n{listed(wrong)}"
    print(counted)
