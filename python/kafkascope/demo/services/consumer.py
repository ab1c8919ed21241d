"""A member of a consumer group that handles orders and lists what it handled."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from kafkascope.demo.services.order import COMMON, TOPIC
from kafkascope.demo.services.web import Answer, BadRequest, as_json, serve, setting

#: Orders of one partition in a row while slow: with five partitions each waits most of a minute for its turn.
ORDERS_A_TURN = 9
#: Between two looks for a broker that went.
LOOK_AGAIN_S = 1.0
#: A consumer that was not asked for an order for so long hangs, which is for whoever started it to end.
HANGS_S = 30.0


class Handler:
    """Consumes for group ``group``; with the file ``delay`` there, each order takes ``delay_s``."""

    def __init__(self, group: str, broker: str, delay: Path | None = None, delay_s: float = 0.0, more: dict[str, object] | None = None) -> None:
        self.settings: dict[str, Any] = {**COMMON, "bootstrap.servers": broker, "group.id": group, "client.id": group, "auto.offset.reset": "earliest", "error_cb": self.on_error,
                         "session.timeout.ms": 10000, "heartbeat.interval.ms": 1000, "auto.commit.interval.ms": 2000, **(more or {})}  # fmt: skip
        self.broker_went = False
        self.consumer: Consumer
        self.delay, self.delay_s = delay, delay_s
        self.recent: deque[dict[str, Any]] = deque(maxlen=50)
        self.total = self.bad = 0
        self.partitions: list[int] = []
        self.turn = 0
        self.asked_s = time.monotonic()
        self.stopped = threading.Event()

    def slow(self) -> bool:
        return self.delay is not None and self.delay.exists()

    def on_error(self, error: KafkaError) -> None:
        # Also while it has no partitions: those it had before a rebalance, or is about to get, keep the epoch that they had.
        self.broker_went |= error.code() == KafkaError._ALL_BROKERS_DOWN

    def run(self) -> None:
        while not self.stopped.is_set():
            self.broker_went, self.partitions = False, []
            self.consumer = Consumer(self.settings)
            self.consume()
            self.consumer.close()
            if self.broker_went:
                print("consume: the broker went, and is looked for again", file=sys.stderr, flush=True)
                self.stopped.wait(LOOK_AGAIN_S)

    def consume(self) -> None:
        """Handle orders until the end, or until the broker went: one that comes back without its disk counts its leaders' epochs from zero, and a
        client that knew later ones takes no such leader."""

        def assigned(_: Any, partitions: list[Any]) -> None:
            self.partitions = sorted(p.partition for p in partitions)

        def revoked(_: Any, partitions: list[Any]) -> None:
            self.partitions = []

        self.consumer.subscribe([TOPIC], on_assign=assigned, on_revoke=revoked)
        while not self.stopped.is_set() and not self.broker_went:
            if self.slow():
                self.take_a_turn()
            else:
                self.handle(self.ask(0.5))

    def ask(self, timeout_s: float) -> Message | None:
        self.asked_s = time.monotonic()
        return self.consumer.poll(timeout_s)

    def take_a_turn(self) -> None:
        """Handle some orders of one partition while the others wait, each taking its time."""
        if not self.partitions:
            self.handle(self.ask(0.5))
            return
        mine = self.partitions[self.turn % len(self.partitions)]
        self.turn += 1
        others = [TopicPartition(TOPIC, p) for p in self.partitions if p != mine]
        self.consumer.pause(others)
        for _ in range(ORDERS_A_TURN):
            if self.stopped.is_set() or self.broker_went or not self.slow() or mine not in self.partitions or not self.handle(self.ask(2 * self.delay_s)):
                break
            self.stopped.wait(self.delay_s)
        self.consumer.resume([other for other in others if other.partition in self.partitions])

    def handle(self, message: Message | None) -> bool:
        """Handle one order; whether there was one."""
        if message is None:
            return False
        if (error := message.error()) is not None:
            if error.code() != KafkaError._PARTITION_EOF:
                print(f"consume: {error}", file=sys.stderr, flush=True)
            return False
        try:
            order = json.loads(message.value() or b"")
            self.recent.append({**order, "handledMs": time.time_ns() // 1_000_000, "partition": message.partition()})
            self.total += 1
        except (ValueError, TypeError):
            self.bad += 1
        return True

    def health(self, worker: threading.Thread) -> Answer:
        ready = worker.is_alive() and time.monotonic() - self.asked_s < HANGS_S
        return as_json({"ready": ready}, 200 if ready else 503)

    def list(self, _: dict[str, Any]) -> Answer:
        return as_json({"total": self.total, "bad": self.bad, "partitions": self.partitions, "delay": self.slow(), "recent": list(self.recent)})

    def set_delay(self, fields: dict[str, Any]) -> Answer:
        if self.delay is None:
            raise BadRequest("this service has no delay")
        if fields.get("delay") not in ("on", "off"):
            raise BadRequest("delay must be on or off")
        if fields["delay"] == "on":
            self.delay.touch()
        else:
            self.delay.unlink(missing_ok=True)
        return as_json({"delay": self.slow()})

    def main(self) -> None:
        """Consume and serve until SIGTERM."""
        worker = threading.Thread(target=self.run)
        worker.start()
        serve({("GET", "/healthz"): lambda _: self.health(worker), ("GET", "/list"): self.list, ("POST", "/delay"): self.set_delay}, self.stopped)  # fmt: skip
        worker.join(6)


def broker() -> str:
    return setting("BROKER")
