"""What a share group has left, against the broker's own answer: records held, released, rejected, released too often, with locks that ran out, and of a consumer that went.

Slow and privileged: it starts a broker (Java), waits for locks to run out and captures packets on the loopback interface.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from live_broker import CLIENT, Watched, kafka, make_topic, share_described, write

pytestmark = [pytest.mark.live, pytest.mark.timeout(600), pytest.mark.skipif(os.geteuid() != 0, reason="capturing packets needs root")]

#: The shortest that a broker allows.
LOCK_MS = 15_000
ACCEPT, RELEASE, REJECT = kafka.AcknowledgeType.ACCEPT, kafka.AcknowledgeType.RELEASE, kafka.AcknowledgeType.REJECT


class Sharer:
    """A share consumer that acknowledges by hand."""

    def __init__(self, group: str, topic: str) -> None:
        self._consumer = kafka.ShareConsumer(CLIENT | {"group.id": group, "share.acknowledgement.mode": "explicit"})
        self._consumer.subscribe([topic])

    def poll(self, count: int) -> list[Any]:
        found: list[Any] = []
        end = time.monotonic() + 60
        while not found and time.monotonic() < end:
            found = [message for message in self._consumer.poll(1.0) if message.error() is None]
        assert len(found) == count, [message.offset() for message in found]
        return found

    def say(self, messages: list[Any], how: Any) -> None:
        for message in messages:
            self._consumer.acknowledge(message, how)
        assert not any(self._consumer.commit_sync(60.0).values())

    def close(self) -> None:
        self._consumer.close()


def begin(admin: Any, name: str, **more: str) -> tuple[str, str, Sharer]:
    """A topic and a share group of it that reads from the first record on."""
    topic, group = f"{name}-topic", f"{name}-group"
    make_topic(admin, topic)
    wanted = {"share_auto_offset_reset": "earliest", "share_record_lock_duration_ms": str(LOCK_MS), **more}
    settings = [ConfigEntry(key.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET) for key, value in wanted.items()]
    for future in admin.incremental_alter_configs([ConfigResource(ResourceType.GROUP, group, incremental_configs=settings)]).values():
        future.result(timeout=90)
    return topic, group, Sharer(group, topic)


def compare(admin: Any, watched: Watched, group: str, topic: str) -> int | None:
    """The lag, which must be the broker's. Until the first acknowledgement the broker itself says -1: it has nothing written down."""
    time.sleep(0.3)
    told = share_described(group, topic)
    watched.catch_up(admin)
    row = watched.lag(group, topic)[0]
    assert row["basis"] == "acknowledged" and row["lag"] == watched.group(group)["lag"]
    assert told[0] in (row["lag"], -1) and (told[0] >= 0 or not counts(watched, group))
    return row["lag"]  # type: ignore[no-any-return]


@pytest.fixture
def sharers() -> Iterator[list[Sharer]]:
    found: list[Sharer] = []
    yield found
    for one in found:
        one.close()


def counts(watched: Watched, group: str) -> dict[str, int]:
    tracker = watched.monitor.tracker
    number = tracker.groups.number(group)
    (found,) = [one.counts for one in tracker.shared.partitions.values() if one.group == number]
    return {why: count for why, count in found.items() if count}


def test_held_accepted_rejected_released(admin: Any, watched: Watched, sharers: list[Sharer]) -> None:
    topic, group, consumer = begin(admin, "share-kinds")
    sharers.append(consumer)
    write(topic, 30)
    held = consumer.poll(30)
    assert compare(admin, watched, group, topic) == 30
    consumer.say(held[:10], ACCEPT)
    assert compare(admin, watched, group, topic) == 20
    consumer.say(held[12:14], REJECT)
    assert compare(admin, watched, group, topic) == 18
    consumer.say(held[20:23], RELEASE)
    assert compare(admin, watched, group, topic) == 18
    consumer.say([*held[10:12], *held[14:20], *held[23:]], ACCEPT)
    assert compare(admin, watched, group, topic) == 3
    write(topic, 4)
    again = consumer.poll(7)
    assert compare(admin, watched, group, topic) == 7
    consumer.say(again, ACCEPT)
    assert compare(admin, watched, group, topic) == 0
    assert counts(watched, group) == {"released": 3}


def test_released_too_often(admin: Any, watched: Watched, sharers: list[Sharer]) -> None:
    topic, group, consumer = begin(admin, "share-poison")
    sharers.append(consumer)
    write(topic, 1)
    for left in (1, 1, 1, 1, 0):
        consumer.say(consumer.poll(1), RELEASE)
        assert compare(admin, watched, group, topic) == left
    write(topic, 2)
    consumer.say(consumer.poll(2), ACCEPT)
    assert compare(admin, watched, group, topic) == 0
    assert counts(watched, group) == {"released": 4, "given_up": 1}


def test_behind_an_open_transaction(admin: Any, watched: Watched, sharers: list[Sharer]) -> None:
    """A group that reads committed records only is handed none of it, and yet the broker counts them."""
    topic, group, consumer = begin(admin, "share-committed", share_isolation_level="read_committed")
    sharers.append(consumer)
    write(topic, 12)
    consumer.say(consumer.poll(12), ACCEPT)
    assert compare(admin, watched, group, topic) == 0
    producer = kafka.Producer(CLIENT | {"transactional.id": "share-open"})
    producer.init_transactions(60)
    producer.begin_transaction()
    for _ in range(5):
        producer.produce(topic, value=b"x", partition=0)
    assert producer.flush(60) == 0
    assert compare(admin, watched, group, topic) == 5
    producer.abort_transaction(60)


def test_locks_run_out_and_consumers_go(admin: Any, watched: Watched, sharers: list[Sharer]) -> None:
    topic, group, slow = begin(admin, "share-slow")
    sharers.append(slow)
    write(topic, 5)
    slow.poll(5)
    time.sleep(LOCK_MS / 1000 + 2)
    assert compare(admin, watched, group, topic) == 5
    second = Sharer(group, topic)
    sharers.append(second)
    held = second.poll(5)
    assert compare(admin, watched, group, topic) == 5
    assert counts(watched, group) == {"lock_expired": 5}
    second.say(held[:2], ACCEPT)
    second.close()
    sharers.remove(second)
    assert compare(admin, watched, group, topic) == 3
    third = Sharer(group, topic)
    sharers.append(third)
    third.say(third.poll(3), ACCEPT)
    assert compare(admin, watched, group, topic) == 0
    assert counts(watched, group)["lock_expired"] == 5
