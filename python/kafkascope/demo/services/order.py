"""Takes orders over HTTP and produces each to the topic ``order``."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import deque
from typing import Any
from uuid import uuid4

from confluent_kafka import KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from kafkascope.demo.services.web import Answer, BadRequest, as_json, serve, setting

TOPIC, PARTITIONS = "order", 5
#: Of every client here. A short metadata age lets whoever looks on later learn the topic's name soon; the address of a broker's pod that went does not answer.
COMMON: dict[str, str | int | float] = {"metadata.max.age.ms": 10000, "socket.connection.setup.timeout.ms": 5000, "reconnect.backoff.max.ms": 2000}
#: A record batch's header and a record's framing, which every record here has to itself.
_BATCH_OVERHEAD = 61 + 11


class Orders:
    """Orders taken, the newest last."""

    def __init__(self, broker: str) -> None:
        self._broker, self._making = broker, threading.Lock()
        self.producer = self._new_producer()
        self.recent: deque[dict[str, Any]] = deque(maxlen=50)
        self.total = 0

    def _new_producer(self) -> Producer:
        return Producer({**COMMON, "bootstrap.servers": self._broker, "client.id": "order", "linger.ms": 0, "message.timeout.ms": 20000})

    def add(self, fields: dict[str, Any]) -> Answer:
        name, item = (str(fields.get(key) or "").strip() for key in ("name", "item"))
        if not 0 < len(name) <= 80 or not 0 < len(item) <= 80:
            raise BadRequest("name and item must have 1 to 80 characters")
        try:
            count = int(fields.get("count") or 1)
        except (TypeError, ValueError):
            raise BadRequest("count must be a whole number") from None
        if not 1 <= count <= 1000:
            raise BadRequest("count must be between 1 and 1000")
        order = {"id": uuid4().hex[:12], "name": name, "item": item, "count": count, "createdMs": time.time_ns() // 1_000_000}
        value = json.dumps(order).encode()
        done, failure = threading.Event(), []

        def delivered(error: Any, message: Message) -> None:
            if error is not None:
                failure.append(error)
            done.set()

        try:
            self.producer.produce(TOPIC, value, str(order["id"]).encode(), on_delivery=delivered)
        except KafkaException as error:
            failure.append(error)
        if failure or not done.wait(21) or failure:
            threading.Thread(target=self._begin_again, daemon=True).start()
            return as_json({"error": f"the broker did not take the order: {failure[0] if failure else 'no answer'}"}, 503)
        self.recent.append(order)
        self.total += 1
        return as_json({**order, "bytes": len(value) + 12 + _BATCH_OVERHEAD}, 201)

    def _begin_again(self) -> None:
        """A broker that came back without its disk has no topic, and counts its leaders' epochs from zero: a producer that knew it neither has the topic
        made nor takes such a leader."""
        if self._making.acquire(blocking=False):
            # While the broker is away, the next order that fails tries again.
            with contextlib.suppress(KafkaException, TimeoutError):
                create_topic(self._broker)
                self.producer = self._new_producer()
            self._making.release()


def create_topic(broker: str) -> None:
    """Create the topic with its partitions, unless it is there."""
    admin = AdminClient({**COMMON, "bootstrap.servers": broker, "client.id": "order-admin"})
    for future in admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)]).values():
        try:
            future.result(30)
        except KafkaException as error:
            if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
                raise


def main() -> None:
    broker, stopped = setting("BROKER"), threading.Event()
    create_topic(broker)
    orders = Orders(broker)

    def poll() -> None:
        while not stopped.is_set():
            orders.producer.poll(0.2)

    threading.Thread(target=poll, daemon=True).start()
    serve({("GET", "/healthz"): lambda _: as_json({"ready": True}), ("POST", "/orders"): orders.add,
           ("GET", "/list"): lambda _: as_json({"total": orders.total, "recent": list(orders.recent)})}, stopped)  # fmt: skip
    orders.producer.flush(5)


if __name__ == "__main__":
    main()
