"""Lag seen from the wire against the broker's own answer at the same moment: classic, KIP-848 and share groups, under load and held still.

Slow and privileged: it starts a broker (Java) and captures packets on the loopback interface.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from live_broker import (
    CLIENT,
    LiveBroker,
    Watched,
    admin_client,
    described,
    kafka,
    log_ends,
    make_topic,
    share_described,
    write,
)

pytestmark = [pytest.mark.live, pytest.mark.timeout(600), pytest.mark.skipif(os.geteuid() != 0, reason="capturing packets needs root")]

PARTITIONS = 4
KINDS = ("classic", "consumer", "share")
HOUR_MS = 3_600_000


def group_of(kind: str) -> str:
    return f"live-{kind}"


def topic_of(kind: str) -> str:
    return f"topic-live-{kind}"


class Load:
    """Writers and readers that can be held still: everything written is acknowledged then, everything read committed."""

    def __init__(self) -> None:
        self.failed: list[BaseException] = []
        self._stop = threading.Event()
        self._go = {role: threading.Event() for role in ("write", "read")}
        self._idle: dict[str, list[threading.Event]] = {"write": [], "read": []}
        self._threads: list[threading.Thread] = []

    def start(self, role: str, work: Callable[[Callable[[], bool]], None]) -> None:
        """``work`` asks before every turn whether to go on; the question waits while the load is held."""
        idle = threading.Event()
        self._idle[role].append(idle)

        def go_on() -> bool:
            if not self._go[role].is_set():
                idle.set()
                while not (self._go[role].wait(0.1) or self._stop.is_set()):
                    pass
                idle.clear()
            return not self._stop.is_set()

        def run() -> None:
            try:
                work(go_on)
            except BaseException as error:
                self.failed.append(error)

        self._threads.append(threading.Thread(target=run, daemon=True))
        self._threads[-1].start()

    def resume(self) -> None:
        for role in ("read", "write"):
            self._go[role].set()

    def hold(self) -> None:
        for role in ("write", "read"):
            self._go[role].clear()
            for idle in self._idle[role]:
                assert idle.wait(30), self.failed

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=90)
        assert not self.failed


def produce(go_on: Callable[[], bool]) -> None:
    """Records of producers whose clocks are a day late, right, and half an hour early, one after the other."""
    producer = kafka.Producer(CLIENT | {"linger.ms": 5})
    skews = (-24 * HOUR_MS, 0, HOUR_MS // 2)
    number = 0
    while go_on():
        for _ in range(20):
            for kind in KINDS:
                producer.produce(topic_of(kind), value=b"x" * 100, partition=number % PARTITIONS, timestamp=time.time_ns() // 1_000_000 + skews[number % 3])
            number += 1
            producer.poll(0)
            time.sleep(0.002)
        # Until the broker comes back after its restart.
        assert producer.flush(90) == 0


def consume(kind: str, go_on: Callable[[], bool]) -> None:
    consumer = kafka.Consumer(CLIENT | {"client.id": f"reader-{kind}", "group.id": group_of(kind), "auto.offset.reset": "earliest", "enable.auto.commit": False, "group.protocol": kind})
    consumer.subscribe([topic_of(kind)])
    while go_on():
        if consumer.consume(50, timeout=0.2):
            _until_the_broker_answers(lambda: consumer.commit(asynchronous=False))
            time.sleep(0.05)
    consumer.close()


def consume_shared(go_on: Callable[[], bool]) -> None:
    consumer = kafka.ShareConsumer(CLIENT | {"client.id": "reader-share", "group.id": group_of("share")})
    consumer.subscribe([topic_of("share")])
    more = True
    # Held only when there is nothing more: what lies in the client's buffer is not read yet to the broker.
    while more or go_on():
        more = bool(consumer.poll(0.5))
        _until_the_broker_answers(lambda: consumer.commit_sync(10.0))
    consumer.close()


def _until_the_broker_answers(ask: Callable[[], Any]) -> None:
    end = time.monotonic() + 90
    while True:
        try:
            ask()
            return
        except kafka.KafkaException:
            if time.monotonic() > end:
                raise
        time.sleep(0.2)


def truth(admin: Any, kind: str) -> dict[int, tuple[int | None, int, int]]:
    """Committed offset, end and lag of each partition, by the broker; a share group commits none."""
    if kind == "share":
        ends = log_ends(admin, topic_of(kind), PARTITIONS)
        return {p: (None, ends[p], lag) for p, lag in share_described(group_of(kind), topic_of(kind)).items()}
    return {p: (c, e, e - c) for p, (c, e) in described(admin, group_of(kind), topic_of(kind), PARTITIONS).items()}


def seen(watched: Watched, kind: str) -> dict[int, tuple[int | None, int, int]]:
    return {p: (r["committed"], r["end_offset"], r["lag"]) for p, r in watched.lag(group_of(kind), topic_of(kind)).items()}


def compare_under_load(admin: Any, watched: Watched) -> int:
    """What the broker answers lies between what was seen before it was asked and after: not more apart than the records in flight."""
    samples = 0
    for kind in KINDS:
        before = seen(watched, kind)
        told = truth(admin, kind)
        watched.catch_up(admin)
        after = seen(watched, kind)
        for partition in told.keys() & before.keys() & after.keys():
            for name, low, value, high in zip(("committed", "end"), before[partition], told[partition], after[partition], strict=False):
                if value is not None:
                    assert low is not None and high is not None and low <= value <= high, f"{kind} {partition} {name}: {value} is not within {low} and {high}"
                    samples += 1
    return samples


def compare_at_rest(admin: Any, watched: Watched) -> int:
    """Traffic was quiet for 100 ms: every number is the broker's."""
    time.sleep(0.1)
    told = {kind: truth(admin, kind) for kind in KINDS}
    watched.catch_up(admin)
    for kind in KINDS:
        assert seen(watched, kind) == told[kind], kind
        assert len(told[kind]) == PARTITIONS
        assert watched.group(group_of(kind))["lag"] == sum(lag for _, _, lag in told[kind].values())
    return len(KINDS) * PARTITIONS


def test_the_brokers_own_numbers(broker: LiveBroker) -> None:
    """Through load and rest, a restart of the broker, and a second observer that comes in the middle."""
    watched, admin, load = Watched(), admin_client(), Load()
    for kind in KINDS:
        make_topic(admin, topic_of(kind), PARTITIONS)
    for kind in ("classic", "consumer"):
        load.start("read", lambda go_on, kind=kind: consume(kind, go_on))
    load.start("read", consume_shared)
    load.resume()
    # A share group begins at the end of the log: it must be there before the records.
    while len(share_described(group_of("share"), topic_of("share"))) < PARTITIONS:
        time.sleep(0.2)
    load.start("write", produce)
    observers = [watched]
    flying = resting = 0
    for turn in range(6):
        load.resume()
        time.sleep(2)
        if turn == 2:
            observers.append(Watched())
            time.sleep(2)
        if turn == 4:
            broker.stop()
            broker.start()
            admin = admin_client()
            time.sleep(3)
        flying += sum(compare_under_load(admin, one) for one in observers)
        load.hold()
        resting += sum(compare_at_rest(admin, one) for one in observers)
    assert not load.failed and flying >= 100 and resting == 10 * len(KINDS) * PARTITIONS
    for kind in KINDS:
        found = watched.group(group_of(kind))
        assert (found["kind"], found["state"], found["members"], found["status"]) == (kind, "Stable", 1, "OK")
    load.stop()
    for kind in KINDS:
        write(topic_of(kind), 7)
    for one in observers:
        compare_at_rest(admin, one)
        assert all(one.group(group_of(kind))["lag"] >= 7 for kind in KINDS)
    # Who came later saw nobody join, and waits before it takes one that leaves for the last.
    assert [(found["state"], found["members"]) for found in (watched.group(group_of(kind)) for kind in KINDS)] == [("Empty", 0)] * len(KINDS)
    for one in observers:
        one.close()
