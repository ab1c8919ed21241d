"""Lag seen from the wire against the broker's own answer at the same moment: a real broker, under load and at rest, classic and KIP-848 groups.

Slow and privileged: it starts a broker (Java) and captures packets on the loopback interface.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

core = pytest.importorskip("kafkascope._core", reason="the core is not built")
kafka = pytest.importorskip("confluent_kafka")

from kafkascope.analysis.monitor import Monitor  # noqa: E402

pytestmark = [pytest.mark.live, pytest.mark.timeout(240), pytest.mark.skipif(os.geteuid() != 0, reason="capturing packets needs root")]

PORT = 49092
SERVER = f"127.0.0.1:{PORT}"
PARTITIONS = 4


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from kafkascope.demo import jars, paths
    from kafkascope.demo.broker import STARTED, Broker, settings
    from kafkascope.demo.errors import DemoError

    folder = tmp_path_factory.mktemp("broker")
    try:
        cache = paths.paths("lag-test").cache
        found = Broker(jars.java(), jars.ready(cache), cache, folder)
        found.prepare(settings(host="127.0.0.1", advertised="127.0.0.1", port=PORT, controller_port=PORT + 1, data=folder / "data", more={"log.segment.bytes": 1_048_576}))
    except DemoError as error:
        pytest.skip(str(error))
    with subprocess.Popen(found.command(), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if STARTED in line:
                break
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield SERVER
        process.terminate()
        process.wait(timeout=60)


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
            for name, batch in self._pipeline.poll(50).items():
                rows = pa.record_batch(batch)
                self.monitor.offer(name, rows)
                if name == "kafka_events.beta" and rows.num_rows:
                    self._seen_ns = max(self._seen_ns, pc.max(pc.add(rows["time_"], rows["latency"])).as_py())

    def catch_up(self, admin: Any) -> None:
        """Wait until all that has passed by now was seen: on a busy machine that takes longer than any fixed pause."""
        now_ns, end = time.time_ns(), time.monotonic() + 60
        while self._seen_ns < now_ns:
            assert time.monotonic() < end, f"requests of {(now_ns - self._seen_ns) / 1e9:.1f} s ago are the last that were seen"
            admin.list_topics(timeout=10)
            time.sleep(0.1)

    def lag(self, group: str, topic: str) -> dict[int, dict[str, Any]]:
        self.monitor.step(time.time_ns())
        assert self.monitor.last is not None
        return {r["partition"]: r for r in self.monitor.last.lag.to_pylist() if (r["group_id"], r["topic"]) == (group, topic)}

    def group(self, name: str) -> dict[str, Any]:
        self.monitor.step(time.time_ns())
        assert self.monitor.last is not None
        return next(r for r in self.monitor.last.groups.to_pylist() if r["group_id"] == name)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)
        self._pipeline.close()


@pytest.fixture(scope="module")
def watched(broker: str) -> Iterator[Watched]:
    found = Watched()
    time.sleep(0.5)
    yield found
    found.close()


def described(admin: Any, group: str, topic: str) -> dict[int, tuple[int, int]]:
    """Committed offset and log end of each partition, asked of the broker as its own tool does: OffsetFetch and ListOffsets."""
    wanted = [kafka.TopicPartition(topic, p) for p in range(PARTITIONS)]
    (future,) = admin.list_consumer_group_offsets([kafka.ConsumerGroupTopicPartitions(group, wanted)]).values()
    committed = {t.partition: t.offset for t in future.result().topic_partitions}
    from confluent_kafka.admin import OffsetSpec

    ends = {t.partition: f.result().offset for t, f in admin.list_offsets({t: OffsetSpec.latest() for t in wanted}).items()}
    return {p: (committed[p], ends[p]) for p in committed if committed[p] >= 0}


def test_the_brokers_own_numbers(broker: str, watched: Watched) -> None:
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"log_level": 2, "bootstrap.servers": broker})
    groups = {"live-classic": "classic", "live-consumer": "consumer"}
    topics = {group: f"topic-{group}" for group in groups}
    for future in admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in topics.values()]).values():
        future.result(timeout=30)
    stop = threading.Event()
    failed: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def produce() -> None:
        producer = kafka.Producer({"log_level": 2, "bootstrap.servers": broker, "linger.ms": 5})
        number = 0
        while not stop.is_set():
            for topic in topics.values():
                producer.produce(topic, value=b"x" * 100, partition=number % PARTITIONS)
            number += 1
            producer.poll(0)
            time.sleep(0.002)
        producer.flush(10)

    def consume(group: str, protocol: str) -> None:
        settings = {"log_level": 2, "bootstrap.servers": broker, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False, "group.protocol": protocol}
        consumer = kafka.Consumer(settings)
        consumer.subscribe([topics[group]])
        while not stop.is_set():
            messages = consumer.consume(50, timeout=0.2)
            if messages:
                consumer.commit(asynchronous=False)
                time.sleep(0.05)
        consumer.close()

    writer = guarded(produce)
    readers = [guarded(lambda g=g, p=p: consume(g, p)) for g, p in groups.items()]
    time.sleep(8)
    samples = 0
    for _ in range(10):
        for group, topic in topics.items():
            before = watched.lag(group, topic)
            truth = described(admin, group, topic)
            watched.catch_up(admin)
            after = watched.lag(group, topic)
            for partition, (committed, end) in truth.items():
                if partition in before and partition in after:
                    # What the broker answered lies between what was seen before it was asked and after.
                    for name, told in (("committed", committed), ("end_offset", end)):
                        assert before[partition][name] <= told, f"{group} {partition} {name}: ahead of the broker"
                        assert told <= after[partition][name], f"{group} {partition} {name}: behind the broker"
                    samples += 1
    assert samples >= 40 and not failed
    for group, protocol in groups.items():
        found = watched.group(group)
        assert (found["kind"], found["state"], found["members"], found["status"]) == (protocol, "Stable", 1, "OK")
    stop.set()
    for thread in (writer, *readers):
        thread.join(timeout=30)
    assert not failed
    time.sleep(1)
    for group, topic in topics.items():
        truth = described(admin, group, topic)
        watched.catch_up(admin)
        ours = watched.lag(group, topic)
        # At rest every number is the broker's.
        assert {p: (r["committed"], r["end_offset"], r["lag"]) for p, r in ours.items()} == {p: (c, e, e - c) for p, (c, e) in truth.items()}
        assert (watched.group(group)["state"], watched.group(group)["members"]) == ("Empty", 0)


def test_a_topic_made_again_begins_anew(broker: str, watched: Watched) -> None:
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"log_level": 2, "bootstrap.servers": broker})
    topic, group = "live-again", "live-again-group"

    def make() -> None:
        for future in admin.create_topics([NewTopic(topic, 1, 1)]).values():
            future.result(timeout=30)

    def fill(count: int) -> None:
        producer = kafka.Producer({"log_level": 2, "bootstrap.servers": broker})
        for _ in range(count):
            producer.produce(topic, value=b"x", partition=0)
        producer.flush(10)

    def read(count: int) -> None:
        consumer = kafka.Consumer({"log_level": 2, "bootstrap.servers": broker, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False})
        consumer.subscribe([topic])
        got, until = 0, time.monotonic() + 30
        while got < count and time.monotonic() < until:
            got += len(consumer.consume(count - got, timeout=1))
        consumer.commit(asynchronous=False)
        consumer.close()

    make()
    fill(100)
    read(60)
    time.sleep(1)
    assert {p: (r["committed"], r["lag"]) for p, r in watched.lag(group, topic).items()} == {0: (60, 40)}
    for future in admin.delete_topics([topic]).values():
        future.result(timeout=30)
    time.sleep(1)
    assert watched.lag(group, topic) == {}
    make()
    fill(10)
    read(4)
    time.sleep(1)
    assert {p: (r["committed"], r["lag"]) for p, r in watched.lag(group, topic).items()} == {0: (4, 6)}


def test_a_deleted_group_is_gone(broker: str, watched: Watched) -> None:
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"log_level": 2, "bootstrap.servers": broker})
    topic, group = "live-deleted", "live-deleted-group"
    for future in admin.create_topics([NewTopic(topic, 1, 1)]).values():
        future.result(timeout=30)
    consumer = kafka.Consumer({"log_level": 2, "bootstrap.servers": broker, "group.id": group, "enable.auto.commit": False})
    consumer.assign([kafka.TopicPartition(topic, 0, 0)])
    consumer.commit(offsets=[kafka.TopicPartition(topic, 0, 0)], asynchronous=False)
    consumer.close()
    watched.catch_up(admin)
    assert watched.lag(group, topic)[0]["committed"] == 0
    for future in admin.delete_consumer_groups([group]).values():
        future.result(timeout=30)
    watched.catch_up(admin)
    assert watched.lag(group, topic) == {}
    assert watched.monitor.last is not None and group not in watched.monitor.last.groups["group_id"].to_pylist()


def test_offsets_without_records(broker: str, watched: Watched) -> None:
    """Markers of transactions take offsets: what the group has left is none, however far the numbers are apart."""
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"log_level": 2, "bootstrap.servers": broker})
    topic, group = "live-markers", "live-markers-group"
    for future in admin.create_topics([NewTopic(topic, 1, 1)]).values():
        future.result(timeout=30)
    producer = kafka.Producer({"log_level": 2, "bootstrap.servers": broker, "transactional.id": "live-tx"})
    producer.init_transactions(30)
    for commit in (True, False, True):
        producer.begin_transaction()
        for _ in range(5):
            producer.produce(topic, value=b"x", partition=0)
        producer.flush(10)
        producer.commit_transaction(30) if commit else producer.abort_transaction(30)
    consumer = kafka.Consumer({"log_level": 2, "bootstrap.servers": broker, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.subscribe([topic])
    got, until = 0, time.monotonic() + 30
    while got < 10 and time.monotonic() < until:
        got += sum(message.error() is None for message in consumer.consume(20, timeout=1))
    consumer.consume(1, timeout=2)
    consumer.commit(asynchronous=False)
    truth = {p: (c, e) for p, (c, e) in _one(admin, group, topic).items()}
    consumer.close()
    time.sleep(1)
    (row,) = watched.lag(group, topic).values()
    assert (row["committed"], row["end_offset"]) == truth[0]
    assert row["read_committed"] is True and row["last_stable_offset"] == row["end_offset"]


def _one(admin: Any, group: str, topic: str) -> dict[int, tuple[int, int]]:
    from confluent_kafka.admin import OffsetSpec

    (future,) = admin.list_consumer_group_offsets([kafka.ConsumerGroupTopicPartitions(group, [kafka.TopicPartition(topic, 0)])]).values()
    (committed,) = future.result().topic_partitions
    (end,) = (f.result().offset for f in admin.list_offsets({kafka.TopicPartition(topic, 0): OffsetSpec.latest()}).values())
    return {0: (committed.offset, end)}


