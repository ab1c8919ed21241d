"""A real broker on loopback for the benchmarks, and loads on it."""

from __future__ import annotations

import contextlib
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from kafkascope.demo import broker as kafka
from kafkascope.demo import jars
from kafkascope.demo.paths import paths

TOPIC, PARTITIONS = "bench", 4


@dataclass(frozen=True)
class Result:
    records_per_s: float
    p99_ms: float


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running() -> Iterator[str]:
    """A broker; its address."""
    cache = paths("px-kafka").cache
    with tempfile.TemporaryDirectory() as scratch:
        folder, port = Path(scratch), _free_port()
        server = kafka.Broker(jars.java(), jars.ready(cache), cache, folder)
        server.prepare(kafka.settings(host="127.0.0.1", advertised="127.0.0.1", port=port, controller_port=_free_port(), data=folder / "log"))
        process = subprocess.Popen(server.command(), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if kafka.STARTED in line:
                    break
            # Somebody must read on, or the broker waits for its log to be read.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            address = f"127.0.0.1:{port}"
            admin = AdminClient({"bootstrap.servers": address})
            admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])[TOPIC].result(20)
            yield address
        finally:
            process.terminate()
            process.wait(30)


def load(address: str, size: int, records: int, linger_ms: int, batch_bytes: int) -> Result:
    """Produce ``records`` of ``size`` bytes while a consumer reads them all; rate over both, and the producer's p99 from send to acknowledgement."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": f"bench-{time.time_ns()}", "auto.offset.reset": "latest", "client.id": "bench-consumer"})
    assigned = threading.Event()
    consumer.subscribe([TOPIC], on_assign=lambda *_: assigned.set())
    while not assigned.is_set():
        consumer.poll(0.1)
    consumer.poll(1.0)
    producer = Producer({"bootstrap.servers": address, "client.id": "bench-producer", "linger.ms": linger_ms, "batch.size": batch_bytes, "acks": 1,
                         "queue.buffering.max.messages": 100_000})
    read = threading.Thread(target=_read, args=(consumer, records))
    waits: list[float] = []
    value = bytes(size)
    sample = max(records // 5_000, 1)
    began = time.perf_counter()
    read.start()
    for number in range(records):
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
    producer.flush(60)
    read.join(120)
    took = time.perf_counter() - began
    consumer.close()
    return Result(records / took, statistics.quantiles(waits, n=100)[98] * 1e3)


def _read(consumer: Consumer, wanted: int) -> None:
    seen, until = 0, time.monotonic() + 110
    while seen < wanted and time.monotonic() < until:
        seen += len(consumer.consume(5_000, 0.2))


@contextlib.contextmanager
def steady_load(address: str) -> Iterator[None]:
    """A record every 10 ms in the background."""
    stop = threading.Event()

    def run() -> None:
        producer = Producer({"bootstrap.servers": address, "client.id": "steady"})
        while not stop.wait(0.01):
            producer.produce(TOPIC, b"x" * 100)
            producer.poll(0)
        producer.flush(10)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
