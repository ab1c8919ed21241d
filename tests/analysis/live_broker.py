"""A broker of a test's own on the loopback interface, a monitor that watches it, and what the broker itself says of groups."""

from __future__ import annotations

import socket
import struct
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

core = pytest.importorskip("kafkascope._core", reason="the core is not built")
kafka = pytest.importorskip("confluent_kafka")

from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # noqa: E402

from kafkascope.analysis.monitor import Monitor  # noqa: E402

#: Below the ports that a system gives to whoever connects: one of those may be taken.
PORT = 29492
SERVER = f"127.0.0.1:{PORT}"
CLIENT = {"log_level": 2, "bootstrap.servers": SERVER}
_DESCRIBE_SHARE_GROUP_OFFSETS = 90
#: COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, GROUP_ID_NOT_FOUND.
_NOT_YET = frozenset({14, 15, 16, 69})


class LiveBroker:
    """One broker that keeps its data over a restart. Skips the test where there is no Java or no jar."""

    def __init__(self, folder: Path) -> None:
        from kafkascope.demo import jars, paths
        from kafkascope.demo.broker import Broker, settings
        from kafkascope.demo.errors import DemoError

        # Small segments and an eager cleaner, so that compaction happens within a test.
        more = {"log.segment.bytes": 1_048_576, "log.cleaner.backoff.ms": 500}
        try:
            cache = paths.paths("lag-test").cache
            self._broker = Broker(jars.java(), jars.ready(cache), cache, folder)
            self._broker.prepare(settings(host="127.0.0.1", advertised="127.0.0.1", port=PORT, controller_port=PORT + 1, data=folder / "data", more=more))
        except DemoError as error:
            pytest.skip(str(error))
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        from kafkascope.demo.broker import STARTED

        self._process = subprocess.Popen(self._broker.command(), cwd=self._broker.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if STARTED in line:
                threading.Thread(target=self._process.stdout.read, daemon=True).start()
                return
        raise AssertionError("the broker did not start")

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=120)
        assert self._process.stdout is not None
        self._process.stdout.close()


class Watched:
    """A capture whose rows go to a monitor, as in the server."""

    def __init__(self) -> None:
        self.monitor = Monitor()
        self._seen_ns = 0
        self._pipeline = core.LivePipeline("packet", asid=1, interfaces=["lo"])
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            seen_ns = 0
            for name, batch in self._pipeline.poll(50).items():
                rows = pa.record_batch(batch)
                self.monitor.offer(name, rows)
                if name == "kafka_events.beta" and rows.num_rows:
                    seen_ns = pc.max(pc.add(rows["time_"], rows["latency"])).as_py()
            # Only now: a poll brings its tables one after the other.
            self._seen_ns = max(self._seen_ns, seen_ns)

    def catch_up(self, admin: Any) -> None:
        """Wait until all that has passed by now was seen: on a busy machine that takes longer than any fixed pause."""
        now_ns, end = time.time_ns(), time.monotonic() + 120
        while self._seen_ns < now_ns:
            assert time.monotonic() < end, f"requests of {(now_ns - self._seen_ns) / 1e9:.1f} s ago are the last that were seen"
            admin.list_topics(timeout=60)
            time.sleep(0.1)

    def lag(self, group: str, topic: str) -> dict[int, dict[str, Any]]:
        """Rows of ``kafka_lag`` by partition, as of now."""
        self.monitor.step(time.time_ns())
        assert self.monitor.last is not None
        return {r["partition"]: r for r in self.monitor.last.lag.to_pylist() if (r["group_id"], r["topic"]) == (group, topic)}

    def group(self, name: str) -> dict[str, Any]:
        """The row of ``kafka_group_lag``, as of now."""
        self.monitor.step(time.time_ns())
        assert self.monitor.last is not None
        return next(r for r in self.monitor.last.groups.to_pylist() if r["group_id"] == name)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=60)
        self._pipeline.close()


def admin_client() -> Any:
    return AdminClient(CLIENT)


def make_topic(admin: Any, topic: str, partitions: int = 1, **config: Any) -> None:
    for future in admin.create_topics([NewTopic(topic, partitions, 1, config={k.replace("_", "."): str(v) for k, v in config.items()})]).values():
        future.result(timeout=90)


def delete_topic(admin: Any, topic: str) -> None:
    for future in admin.delete_topics([topic]).values():
        future.result(timeout=90)


def write(topic: str, count: int, **settings: Any) -> None:
    """So many records of one partition."""
    producer = kafka.Producer(CLIENT | settings)
    for _ in range(count):
        producer.produce(topic, value=b"x", partition=0)
    assert producer.flush(90) == 0


def read(topic: str, group: str, count: int, **settings: Any) -> Any:
    """A group's consumer that has read at least so many records and committed; the caller closes it."""
    consumer = kafka.Consumer(CLIENT | {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False} | settings)
    consumer.subscribe([topic])
    got, until = 0, time.monotonic() + 90
    while got < count and time.monotonic() < until:
        got += sum(message.error() is None for message in consumer.consume(count - got, timeout=1))
    assert got == count
    consumer.commit(asynchronous=False)
    return consumer


def log_ends(admin: Any, topic: str, partitions: int) -> dict[int, int]:
    """The end of each partition's log, as ListOffsets tells it."""
    asked = {kafka.TopicPartition(topic, p): OffsetSpec.latest() for p in range(partitions)}
    return {t.partition: future.result().offset for t, future in admin.list_offsets(asked).items()}


def described(admin: Any, group: str, topic: str, partitions: int = 1) -> dict[int, tuple[int, int]]:
    """Committed offset and log end of each partition, asked of the broker as its own tool does: OffsetFetch and ListOffsets."""
    wanted = [kafka.TopicPartition(topic, p) for p in range(partitions)]
    (future,) = admin.list_consumer_group_offsets([kafka.ConsumerGroupTopicPartitions(group, wanted)]).values()
    committed = {t.partition: t.offset for t in future.result().topic_partitions}
    ends = log_ends(admin, topic, partitions)
    return {p: (committed[p], ends[p]) for p in committed if committed[p] >= 0}


def share_described(group: str, topic: str) -> dict[int, int]:
    """The lag of a share group by partition, as ``kafka-share-groups --describe --offsets`` prints it (DescribeShareGroupOffsets 1, KIP-1226).

    No Python client has the call: it is written and read here byte by byte.
    """

    def compact(text: str) -> bytes:
        return bytes([len(text) + 1]) + text.encode()

    body = b"\x02" + compact(group) + b"\x00\x00\x00"  # One group, all its topics, no tagged fields.
    request = struct.pack(">hhih", _DESCRIBE_SHARE_GROUP_OFFSETS, 1, 7, -1) + b"\x00" + body
    with socket.create_connection(("127.0.0.1", PORT), timeout=10) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        stream = connection.makefile("rb")
        (size,) = struct.unpack(">i", stream.read(4))
        return _share_lags(stream.read(size)[9:], topic)  # After the correlation id, its tagged fields and the throttle time.


def _share_lags(data: bytes, topic: str) -> dict[int, int]:
    at = 0

    def take(form: str) -> Any:
        nonlocal at
        values = struct.unpack_from(f">{form}", data, at)
        at += struct.calcsize(f">{form}")
        return values[0] if len(values) == 1 else values

    def varint() -> int:
        value = shift = 0
        while (byte := take("B")) >= 0x80:
            value, shift = value | (byte & 0x7F) << shift, shift + 7
        return value | byte << shift

    def text() -> str:
        return bytes(take(f"{length}s")).decode() if (length := varint() - 1) > 0 else ""

    lags: dict[int, int] = {}
    assert varint() == 2 and text()
    for _ in range(varint() - 1):
        name = text()
        take("16s")
        for _ in range(varint() - 1):
            partition, _, _, lag, error = take("iqiqh")
            text(), varint()
            assert error == 0
            if name == topic:
                lags[partition] = lag
        varint()
    error = take("h")
    assert error == 0 or error in _NOT_YET, error
    return lags
