"""Work of a fixed amount for a broker: records produced and all of them read."""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import dataclass

from broker import TOPIC
from confluent_kafka import Consumer, Producer

#: Batches that wait in a producer: some for each partition, so that what a record takes is not how long it stood in a queue.
_QUEUED = 16


@dataclass(frozen=True)
class Result:
    """Units of work per second, and the 99th percentile of what one took."""

    rate: float
    p99_ms: float


@dataclass(frozen=True)
class Records:
    """``count`` records of ``size`` bytes.

    A load whose requests grow with the backlog does other work on a slower machine, and no two rounds agree. So the way of a record is narrow: a batch holds
    at most ``batch`` records, a connection has one request under way, and the consumer asks when ``fetch_bytes`` are there. Its last answer, which may hold less,
    is half a second late on any machine: the clock stops before it.
    """

    size: int
    count: int
    batch: int
    linger_ms: int
    fetch_bytes: int
    producers: int

    def run(self, address: str) -> Result:
        consumer = Consumer({"bootstrap.servers": address, "group.id": f"bench-{time.time_ns()}", "auto.offset.reset": "latest", "client.id": "bench-consumer",
                             "fetch.min.bytes": self.fetch_bytes, "fetch.wait.max.ms": 500})  # fmt: skip
        assigned = threading.Event()
        consumer.subscribe([TOPIC], on_assign=lambda *_: assigned.set())
        while not assigned.is_set():
            consumer.poll(0.1)
        consumer.poll(1.0)
        producers = [
            Producer({"bootstrap.servers": address, "client.id": f"bench-producer-{number}", "acks": 1, "linger.ms": self.linger_ms, "batch.num.messages": self.batch,
                      "max.in.flight.requests.per.connection": 1, "queue.buffering.max.messages": _QUEUED * self.batch})
            for number in range(self.producers)
        ]  # fmt: skip
        for producer in producers:  # what connecting takes belongs to no round
            producer.list_topics(TOPIC, 10)
        timed = self.count - 2 * self.fetch_bytes // self.size
        read: list[float] = []
        reader = threading.Thread(target=_read, args=(consumer, timed, self.count, read))
        waits: list[float] = []
        began = time.perf_counter()
        reader.start()
        self._produce(producers, waits)
        reader.join(120)
        consumer.close()
        if not read:
            raise TimeoutError(f"the consumer did not read {timed:,} of {self.count:,} records within two minutes")
        return Result(timed / (read[0] - began), statistics.quantiles(waits, n=100)[98] * 1e3)

    def _produce(self, producers: list[Producer], waits: list[float]) -> None:
        value, sample = bytes(self.size), max(self.count // 5_000, 1)
        for number in range(self.count):
            producer = producers[number % len(producers)]
            report = None
            if number % sample == 0:
                sent = time.perf_counter()
                report = lambda _error, _message, sent=sent: waits.append(time.perf_counter() - sent)  # noqa: E731
            while True:
                try:
                    producer.produce(TOPIC, value, on_delivery=report)
                    break
                except BufferError:
                    producer.poll(0.01)
            producer.poll(0)
        for producer in producers:
            producer.flush(60)


def _read(consumer: Consumer, timed: int, wanted: int, read: list[float]) -> None:
    """Reads all; ``read`` gets the time when ``timed`` of them were there."""
    seen, until = 0, time.monotonic() + 110
    while seen < wanted and time.monotonic() < until:
        seen += len(consumer.consume(250, 0.2))
        if seen >= timed and not read:
            read.append(time.perf_counter())
