"""Rows of traffic on this host: a client library's own broker in another process, seen by sockets and by packets."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

core = pytest.importorskip("kafkascope._core", reason="the core is not built")
pytest.importorskip("confluent_kafka")

RECORDS = 300
# other traffic of this host is seen as well
TOPIC, GROUP = f"live-{os.getpid()}", f"group-{os.getpid()}"

# librdkafka's mock cluster: producer, brokers and consumer in one process
CLIENT = f"""
import time
from confluent_kafka import Consumer, Producer
producer = Producer({{"test.mock.num.brokers": 2, "linger.ms": 5, "client.id": "prod", "log_level": 2}})
brokers = producer.list_topics(timeout=60).brokers.values()
consumer = Consumer({{"bootstrap.servers": ",".join(f"{{b.host}}:{{b.port}}" for b in brokers), "group.id": "{GROUP}",
                     "auto.offset.reset": "earliest", "client.id": "cons", "log_level": 2}})
consumer.subscribe(["{TOPIC}"])
for i in range({RECORDS}):
    producer.produce("{TOPIC}", key=str(i), value="x" * 100)
producer.flush(60)
got, until = 0, time.time() + 90
while got < {RECORDS} and time.time() < until:
    message = consumer.poll(0.5)
    got += message is not None and message.error() is None
consumer.commit(asynchronous=False)
consumer.close()
print(got)
"""


def seen_whole(tables: dict[str, list[dict[str, Any]]]) -> bool:
    """The last that the client did is among the rows, and what it produced and read."""
    left = any(r["group_id"] == GROUP and r["event"] == "leave" for r in tables.get("kafka_group_events", []))
    return left and all(sum(r["records"] for r in tables.get(table, []) if r["topic"] == TOPIC) >= RECORDS for table in ("kafka_produce", "kafka_fetch"))


def capture(source: str) -> tuple[dict[str, list[dict[str, Any]]], dict[str, int], int]:
    """Rows by table, counters, and the client's process id."""
    pipeline = core.LivePipeline(source, asid=7)
    assert pipeline.hook
    client = subprocess.Popen([sys.executable, "-c", CLIENT], stdout=subprocess.PIPE, text=True)
    tables: dict[str, list[dict[str, Any]]] = {}

    def take(batches: dict[str, Any]) -> None:
        for name, batch in batches.items():
            rows = pa.record_batch(batch)
            rows.validate(full=True)
            tables.setdefault(name, []).extend(rows.to_pylist())

    while client.poll() is None:
        take(pipeline.poll(100))
    assert client.communicate()[0].strip() == str(RECORDS)
    until = time.monotonic() + 60
    while not seen_whole(tables) and time.monotonic() < until:
        take(pipeline.poll(100))
    stats = pipeline.stats()
    pipeline.close()
    take(pipeline.poll(0))
    assert pipeline.poll(1000) == {}, "closed, so nothing is waited for"
    return tables, stats, client.pid


@pytest.mark.live
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("source", ["ebpf", "packet"])
def test_a_produced_record_is_seen_until_it_is_consumed(source: str) -> None:
    tables, stats, pid = capture(source)
    for table in ("kafka_produce", "kafka_fetch"):
        rows = [r for r in tables[table] if r["topic"] == TOPIC]
        assert sum(r["records"] for r in rows) == RECORDS, table
        if source == "ebpf":
            assert {r["observed_by"] for r in rows} == {"both"}
            assert {r["client_upid"].split(":")[:2] == ["7", str(pid)] for r in rows} == {True}
        else:
            assert {(r["observed_by"], r["client_upid"]) for r in rows} == {("packet", "")}
    assert {r["group_id"] for r in tables["kafka_fetch"] if r["bytes"] and r["topic"] == TOPIC} == {GROUP}
    assert any(r["offset"] > 0 for r in tables["kafka_commits"] if r["group_id"] == GROUP)
    events = Counter(r["event"] for r in tables["kafka_group_events"] if r["group_id"] == GROUP)
    assert events["join"] and events["sync"] and events["leave"]
    assert stats["events_lost"] == stats["rows_refused"] == 0


@pytest.mark.live
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_names_from_elsewhere_become_rows() -> None:
    pipeline = core.LivePipeline("ebpf", exclude_pids=[os.getpid()])
    names = [("AAAAAAAAAAAAAAAAAAAAAQ", "__cluster_metadata"), ("BwcHBwcHBwcHBwcHBwcHBw", "orders"), ("no id", "other")]
    pipeline.learn_topics(names)
    rows: list[dict[str, Any]] = []
    until = time.monotonic() + 60
    while not rows and time.monotonic() < until:
        if batch := pipeline.poll(100).get("kafka_topic_names"):
            rows = [r for r in pa.record_batch(batch).to_pylist() if r["source"] == "log_directory"]
    assert [(r["topic_id"], r["topic"], r["source"]) for r in rows] == [
        ("BwcHBwcHBwcHBwcHBwcHBw", "orders", "log_directory")
    ]
    pipeline.close()


def test_an_unknown_source_is_refused() -> None:
    with pytest.raises(ValueError, match="use auto, ebpf or packet"):
        core.LivePipeline("tape")


def test_the_doctor_says_what_to_do() -> None:
    checks = core.doctor()
    assert checks and {c["status"] for c in checks} <= {"ok", "warn", "fail"}
    for check in checks:
        assert check["name"] and check["found"]
        assert check["status"] == "ok" or check["hint"], check


# A conversation of one request and its answer between two ports, ended by a reset so that both are free at once: PORTS CLIENT_ID BODY
SPEAKER = """
import socket, struct, sys
listens, connects = (int(port) for port in sys.argv[1:3])
name, body = sys.argv[3].encode(), bytes.fromhex(sys.argv[4])
server, client = socket.create_server(("127.0.0.1", listens)), socket.socket()
client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
client.bind(("127.0.0.1", connects))
client.connect(server.getsockname())
answers, _ = server.accept()
request = struct.pack(">hhih", 12, 0, 1, len(name)) + name + body
client.sendall(struct.pack(">i", len(request)) + request)
answers.recv(1000)
answers.sendall(struct.pack(">iih", 6, 1, 0))
client.recv(1000)
print(server.getsockname()[1], client.getsockname()[1])
client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
client.close()
"""
HEARTBEAT = "0001670000000100016d"
NO_HEARTBEAT = "00ff"


def speak(ports: tuple[str, str], client_id: str, body: str) -> tuple[str, str]:
    said = subprocess.run([sys.executable, "-c", SPEAKER, *ports, client_id, body], capture_output=True, text=True, check=True)
    listens, connects = said.stdout.split()
    return listens, connects


@pytest.mark.live
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_ports_that_spoke_something_else_before_may_speak_kafka() -> None:
    """What looks like a request from its header and is none is left alone by the kernel side from then on."""
    pipeline = core.LivePipeline("ebpf")
    ids: list[str] = []

    def poll() -> None:
        if (batch := pipeline.poll(100).get("kafka_events.beta")) is not None:
            ids.extend(row["client_id"] for row in pa.record_batch(batch).to_pylist())

    other, kafka = f"other-{os.getpid()}", f"kafka-{os.getpid()}"
    ports = speak(("0", "0"), other, NO_HEARTBEAT)
    poll()
    assert speak(ports, kafka, HEARTBEAT) == ports
    until = time.monotonic() + 20
    while kafka not in ids and time.monotonic() < until:
        poll()
    pipeline.close()
    assert kafka in ids
    assert other not in ids


@pytest.mark.live
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_broker_s_rows_carry_the_cluster_that_its_log_directory_tells() -> None:
    """No message of this conversation does."""
    pipeline = core.LivePipeline("ebpf", asid=7)
    name = f"heart-{os.getpid()}"
    # It waits for a line, so that its process is known before it speaks.
    waits = "import sys; sys.stdin.readline()\n" + SPEAKER
    with subprocess.Popen([sys.executable, "-c", waits, "0", "0", name, HEARTBEAT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        started = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
        pipeline.learn_brokers([(f"7:{process.pid}:{started}", "cluster-of-the-directory", 4), ("no upid", "other", None)])
        pipeline.poll(500)
        process.communicate("speak\n", timeout=60)
    rows: list[dict[str, Any]] = []
    until = time.monotonic() + 20
    while not rows and time.monotonic() < until:
        if (batch := pipeline.poll(100).get("kafka_events.beta")) is not None:
            rows = [row for row in pa.record_batch(batch).to_pylist() if row["client_id"] == name]
    pipeline.close()
    assert [(row["cluster_id"], row["broker_id"]) for row in rows] == [("cluster-of-the-directory", 4)]
