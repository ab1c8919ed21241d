"""Groups as their operators use them, against the broker's own answer: several on a topic that grows, offsets set to a time, of one partition only, without members.

Slow and privileged: it starts a broker (Java) and captures packets on the loopback interface.
"""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
from confluent_kafka.admin import NewPartitions, OffsetSpec
from live_broker import (
    CLIENT,
    Watched,
    described,
    kafka,
    make_topic,
    read,
    write,
)

pytestmark = [pytest.mark.live, pytest.mark.timeout(600), pytest.mark.skipif(os.geteuid() != 0, reason="capturing packets needs root")]


def compare(admin: Any, watched: Watched, group: str, topic: str, partitions: int = 1, basis: str = "committed") -> dict[int, int]:
    """The lag of each partition that has a commit; committed offsets and ends must be those that the broker tells.

    The question itself is seen: that the commits told the same is in ``basis``.
    """
    told = described(admin, group, topic, partitions)
    watched.catch_up(admin)
    found = {p: r for p, r in watched.lag(group, topic).items() if r["committed"] is not None}
    assert {p: (r["committed"], r["end_offset"]) for p, r in found.items()} == told
    assert {r["basis"] for r in found.values()} == {basis}
    assert {p: r["lag"] for p, r in found.items()} == {p: max(0, end - committed) for p, (committed, end) in told.items()}
    return {p: r["lag"] for p, r in found.items()}


def fill(topic: str, partitions: range, count: int) -> None:
    producer = kafka.Producer(CLIENT)
    for partition in partitions:
        for _ in range(count):
            producer.produce(topic, value=b"x", partition=partition)
    assert producer.flush(90) == 0


def test_three_groups_on_a_topic_that_grows(admin: Any, watched: Watched) -> None:
    topic, groups = "grows", {"grows-all": 30, "grows-some": 12, "grows-one": 1}
    make_topic(admin, topic, 3)
    fill(topic, range(3), 10)
    for group, count in groups.items():
        read(topic, group, count).close()
        compare(admin, watched, group, topic, 3)
    assert compare(admin, watched, "grows-all", topic, 3) == {0: 0, 1: 0, 2: 0}
    for future in admin.create_partitions([NewPartitions(topic, 6)]).values():
        future.result(timeout=90)
    while len(admin.list_topics(topic, timeout=10).topics[topic].partitions) < 6:
        time.sleep(0.1)
    fill(topic, range(6), 5)
    assert compare(admin, watched, "grows-all", topic, 6) == {0: 5, 1: 5, 2: 5}
    read(topic, "grows-all", 30).close()
    assert compare(admin, watched, "grows-all", topic, 6) == dict.fromkeys(range(6), 0)
    for group in groups:
        compare(admin, watched, group, topic, 6)


def test_a_group_that_stopped_before_anybody_looked(admin: Any) -> None:
    topic, group = "stopped", "stopped-group"
    make_topic(admin, topic)
    write(topic, 9)
    read(topic, group, 4).close()
    late = Watched()
    time.sleep(0.5)
    assert compare(admin, late, group, topic, basis="offset_fetch") == {0: 5}
    # Who asked is no member of it.
    found = late.group(group)
    assert (found["state"], found["members"], found["lag"]) == ("Unknown", None, 5)
    late.close()


def test_offsets_set_to_the_earliest_the_latest_and_a_time(admin: Any, watched: Watched) -> None:
    """Whoever resets asks for offsets by time first: what ListOffsets answers then is not the log's end."""
    topic, group = "reset", "reset-group"
    make_topic(admin, topic)
    write(topic, 10)
    time.sleep(1.5)
    since_ms = int(time.time() * 1000) - 500
    write(topic, 6)
    read(topic, group, 9).close()
    at = kafka.TopicPartition(topic, 0)
    for spec, left in ((OffsetSpec.earliest(), 16), (OffsetSpec.for_timestamp(since_ms), 6), (OffsetSpec.latest(), 0), (OffsetSpec.earliest(), 16)):
        (found,) = admin.list_offsets({at: spec}).values()
        watched.catch_up(admin)
        assert watched.lag(group, topic)[0]["end_offset"] == 16
        wanted = kafka.ConsumerGroupTopicPartitions(group, [kafka.TopicPartition(topic, 0, found.result().offset)])
        for future in admin.alter_consumer_group_offsets([wanted]).values():
            future.result(timeout=90)
        assert compare(admin, watched, group, topic) == {0: left}


def test_commits_of_one_partition_only(admin: Any, watched: Watched) -> None:
    topic, group = "one-of-three", "one-of-three-group"
    make_topic(admin, topic, 3)
    fill(topic, range(3), 7)
    consumer = read(topic, "one-of-three-reader", 21)
    consumer.close()
    consumer = kafka.Consumer(CLIENT | {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False, "enable.auto.offset.store": False})
    consumer.subscribe([topic])
    got = 0
    while got < 21:
        got += sum(m.error() is None for m in consumer.consume(21, timeout=1))
    consumer.commit(offsets=[kafka.TopicPartition(topic, 1, 4)], asynchronous=False)
    assert compare(admin, watched, group, topic, 3) == {1: 3}
    # What was read and not committed is unknown to the broker; here it is what was read that counts.
    others = {p: (r["committed"], r["basis"], r["lag"]) for p, r in watched.lag(group, topic).items() if p != 1}
    assert others == {0: (None, "position", 0), 2: (None, "position", 0)}
    consumer.close()


def test_a_consumer_that_assigns_itself(admin: Any, watched: Watched) -> None:
    topic, group = "assigned", "assigned-group"
    make_topic(admin, topic, 2)
    fill(topic, range(2), 9)
    consumer = kafka.Consumer(CLIENT | {"group.id": group, "enable.auto.commit": False})
    consumer.assign([kafka.TopicPartition(topic, 1, 2)])
    got = 0
    while got < 7:
        got += sum(m.error() is None for m in consumer.consume(7 - got, timeout=1))
    consumer.commit(offsets=[kafka.TopicPartition(topic, 1, 5)], asynchronous=False)
    assert compare(admin, watched, group, topic, 2) == {1: 4}
    assert watched.group(group)["kind"] == "simple"
    consumer.close()
    fill(topic, range(2), 1)
    assert compare(admin, watched, group, topic, 2) == {1: 5}


def test_a_commit_that_changes_the_metadata_only(admin: Any, watched: Watched) -> None:
    topic, group = "metadata", "metadata-group"
    make_topic(admin, topic)
    write(topic, 5)
    consumer = read(topic, group, 3)
    for note in ("a", "b"):
        consumer.commit(offsets=[kafka.TopicPartition(topic, 0, 3, note)], asynchronous=False)
        assert compare(admin, watched, group, topic) == {0: 2}
    consumer.close()


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_topic_of_200_partitions(admin: Any, watched: Watched, protocol: str) -> None:
    """While it is written and read, by two members; and after its offsets were set from outside for every other partition."""
    topic, group = f"wide-{protocol}", f"wide-{protocol}-group"
    make_topic(admin, topic, 200)
    fill(topic, range(200), 4)
    members = [read(topic, group, 200, **{"group.protocol": protocol})]
    members.append(kafka.Consumer(CLIENT | {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False, "group.protocol": protocol}))
    members[1].subscribe([topic])
    end = time.monotonic() + 120
    committed: set[int] = set()
    while time.monotonic() < end and not (len(committed) > 100 and all(len(member.assignment()) == 100 for member in members)):
        for member in members:
            got = {message.partition() for message in member.consume(50, timeout=0.5) if message.error() is None}
            if got:
                member.commit(asynchronous=False)
                committed |= got
    fill(topic, range(0, 200, 3), 2)
    assert all(len(member.assignment()) == 100 for member in members)
    lags = compare(admin, watched, group, topic, 200)
    assert len(lags) > 100 and any(lags.values())
    for member in members:
        member.close()
    wanted = kafka.ConsumerGroupTopicPartitions(group, [kafka.TopicPartition(topic, p, 1) for p in range(0, 200, 2)])
    for future in admin.alter_consumer_group_offsets([wanted]).values():
        future.result(timeout=90)
    lags = compare(admin, watched, group, topic, 200)
    assert {lags[p] for p in range(0, 200, 6)} == {5} and {lags[p] for p in range(2, 200, 6)} == {3}


def test_who_reads_committed_transactions(admin: Any, watched: Watched) -> None:
    topic, group = "committed-only", "committed-only-group"
    make_topic(admin, topic)
    producer = kafka.Producer(CLIENT | {"transactional.id": "committed-only-tx"})
    producer.init_transactions(90)
    for end in (producer.commit_transaction, producer.abort_transaction):
        producer.begin_transaction()
        for _ in range(4):
            producer.produce(topic, value=b"x", partition=0)
        producer.flush(90)
        end(90)
    consumer = read(topic, group, 4, **{"isolation.level": "read_committed"})
    compare(admin, watched, group, topic)
    producer.begin_transaction()
    producer.produce(topic, value=b"x", partition=0)
    producer.flush(90)
    consumer.consume(1, timeout=1)
    # The open record is in the broker's lag, and in ours; what may be read is apart.
    assert compare(admin, watched, group, topic)[0] >= 1
    found = watched.lag(group, topic)[0]
    assert found["read_committed"] and found["stable_lag"] == found["lag"] - 1
    producer.commit_transaction(90)
    consumer.close()
    compare(admin, watched, group, topic)
