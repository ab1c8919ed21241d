"""What happens to topics, groups and logs under a group, against the broker's own answer: made again, deleted, holes between offsets, clocks that are wrong.

Slow and privileged: it starts a broker (Java) and captures packets on the loopback interface.
"""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
from live_broker import (
    CLIENT,
    Watched,
    delete_topic,
    described,
    kafka,
    make_topic,
    read,
    write,
)

pytestmark = [pytest.mark.live, pytest.mark.timeout(600), pytest.mark.skipif(os.geteuid() != 0, reason="capturing packets needs root")]

HOUR_MS = 3_600_000


def as_the_broker_says(admin: Any, watched: Watched, group: str, topic: str) -> dict[str, Any]:
    """Our row of the topic's only partition, which must be equal to the broker's answer."""
    told = described(admin, group, topic)
    watched.catch_up(admin)
    found = watched.lag(group, topic)
    assert {p: (r["committed"], r["end_offset"]) for p, r in found.items()} == told
    return found[0]


def test_a_topic_made_again_begins_anew(admin: Any, watched: Watched) -> None:
    topic, group = "live-again", "live-again-group"
    make_topic(admin, topic)
    write(topic, 100)
    read(topic, group, 60).close()
    assert as_the_broker_says(admin, watched, group, topic)["lag"] == 40
    delete_topic(admin, topic)
    watched.catch_up(admin)
    assert watched.lag(group, topic) == {}
    make_topic(admin, topic)
    write(topic, 10)
    read(topic, group, 4).close()
    assert as_the_broker_says(admin, watched, group, topic)["lag"] == 6


def test_a_deleted_group_is_gone_and_begins_anew(admin: Any, watched: Watched) -> None:
    topic, group = "live-deleted", "live-deleted-group"
    make_topic(admin, topic)
    write(topic, 8)
    read(topic, group, 5).close()
    assert as_the_broker_says(admin, watched, group, topic)["lag"] == 3
    for future in admin.delete_consumer_groups([group]).values():
        future.result(timeout=90)
    watched.catch_up(admin)
    assert watched.lag(group, topic) == {}
    assert watched.monitor.last is not None and group not in watched.monitor.last.groups["group_id"].to_pylist()
    read(topic, group, 2).close()
    assert as_the_broker_says(admin, watched, group, topic)["lag"] == 6


def test_an_offset_set_from_outside(admin: Any, watched: Watched) -> None:
    """As ``kafka-consumer-groups --reset-offsets`` does it: back, and forward to the end."""
    topic, group = "live-reset", "live-reset-group"
    make_topic(admin, topic)
    write(topic, 20)
    read(topic, group, 15).close()
    for offset, left in ((3, 17), (20, 0), (0, 20)):
        wanted = kafka.ConsumerGroupTopicPartitions(group, [kafka.TopicPartition(topic, 0, offset)])
        for future in admin.alter_consumer_group_offsets([wanted]).values():
            future.result(timeout=90)
        assert as_the_broker_says(admin, watched, group, topic)["lag"] == left


def test_records_deleted_at_the_head(admin: Any, watched: Watched) -> None:
    """The lag goes on counting from the committed offset, as the broker's tool does, though the log begins behind it."""
    topic, group = "live-trimmed", "live-trimmed-group"
    make_topic(admin, topic)
    write(topic, 20)
    read(topic, group, 5).close()
    for future in admin.delete_records([kafka.TopicPartition(topic, 0, 12)]).values():
        future.result(timeout=90)
    assert as_the_broker_says(admin, watched, group, topic)["lag"] == 15


def test_markers_of_transactions_take_offsets(admin: Any, watched: Watched) -> None:
    """What the group has left is none, however far the numbers are apart."""
    topic, group = "live-markers", "live-markers-group"
    make_topic(admin, topic)
    producer = kafka.Producer(CLIENT | {"transactional.id": "live-tx"})
    producer.init_transactions(90)
    for commit in (True, False, True):
        producer.begin_transaction()
        for _ in range(5):
            producer.produce(topic, value=b"x", partition=0)
        producer.flush(60)
        producer.commit_transaction(90) if commit else producer.abort_transaction(90)
    consumer = read(topic, group, 10)
    # Past the last marker there is no record; the consumer finds that out by itself.
    consumer.consume(1, timeout=2)
    consumer.commit(asynchronous=False)
    row = as_the_broker_says(admin, watched, group, topic)
    consumer.close()
    assert row["read_committed"] is True and row["last_stable_offset"] == row["end_offset"] == 18
    # An open transaction: its records are written, and nobody may read them.
    producer.begin_transaction()
    producer.produce(topic, value=b"x", partition=0)
    producer.flush(60)
    read_more = kafka.Consumer(CLIENT | {"group.id": group, "enable.auto.commit": False})
    read_more.assign([kafka.TopicPartition(topic, 0, 18)])
    assert read_more.consume(1, timeout=2) == []
    row = as_the_broker_says(admin, watched, group, topic)
    read_more.close()
    assert (row["end_offset"], row["last_stable_offset"], row["stable_lag"]) == (19, 18, 0)
    producer.abort_transaction(90)


def test_compaction_leaves_holes(admin: Any, watched: Watched) -> None:
    """Of one key only the newest record stays: offsets are missing, the lag counts them, as the broker's tool does."""
    topic, group = "live-compacted", "live-compacted-group"
    make_topic(admin, topic, cleanup_policy="compact", segment_ms=200, min_cleanable_dirty_ratio=0.01, max_compaction_lag_ms=100)
    producer = kafka.Producer(CLIENT)
    for _ in range(30):
        producer.produce(topic, key=b"k", value=b"x" * 100, partition=0)
        producer.flush(60)
    end = time.monotonic() + 120
    left = 30
    while left >= 30 and time.monotonic() < end:
        time.sleep(0.5)
        producer.produce(topic, key=b"k", value=b"y", partition=0)
        producer.flush(60)
        probe = kafka.Consumer(CLIENT | {"group.id": "live-probe", "enable.auto.commit": False})
        probe.assign([kafka.TopicPartition(topic, 0, 0)])
        left = len(probe.consume(100, timeout=0.7))
        probe.close()
    assert left < 30, "nothing was compacted"
    consumer = read(topic, group, 1)
    consumer.close()
    row = as_the_broker_says(admin, watched, group, topic)
    assert row["committed"] > 1 and row["lag"] == row["end_offset"] - row["committed"]


@pytest.mark.parametrize("skew_ms", [-24 * HOUR_MS, HOUR_MS // 2], ids=["a day late", "half an hour early"])
def test_producers_with_wrong_clocks(admin: Any, watched: Watched, skew_ms: int) -> None:
    """The time lag is by the observer's clock, which is also the test's: since the answer to the Produce of the first record that is left."""
    topic, group = f"live-clock-{skew_ms}", "live-clock-group"
    make_topic(admin, topic)

    def produce() -> tuple[int, int]:
        producer = kafka.Producer(CLIENT)
        before_ns = time.time_ns()
        producer.produce(topic, value=b"x", partition=0, timestamp=time.time_ns() // 1_000_000 + skew_ms)
        assert producer.flush(90) == 0
        return before_ns, time.time_ns()

    produce()
    sent_ns, acked_ns = produce()
    time.sleep(0.3)
    produce()
    read(topic, group, 1).close()
    as_the_broker_says(admin, watched, group, topic)
    time.sleep(1)
    from_ns = time.time_ns()
    row = watched.lag(group, topic)[0]
    until_ns = time.time_ns()
    assert (row["lag"], row["lag_seconds_source"]) == (2, "produce")
    assert (from_ns - acked_ns) / 1e9 <= row["lag_seconds"] <= (until_ns - sent_ns) / 1e9
