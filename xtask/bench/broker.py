"""A real broker on loopback for the benchmarks."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from kafkascope.demo import broker as kafka
from kafkascope.demo import jars
from kafkascope.demo.paths import paths

TOPIC, PARTITIONS = "bench", 4
#: Writing back hundreds of megabytes to a disk would be part of whoever is measured then: the log is in memory, and short.
_MEMORY = Path("/dev/shm")
_SHORT = {"retention.bytes": 64 << 20, "segment.bytes": 16 << 20, "file.delete.delay.ms": 1000}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def in_memory() -> Path | None:
    """Where folders are kept in memory; ``None`` where the system has no such place."""
    return _MEMORY if _MEMORY.is_dir() else None


@contextlib.contextmanager
def running() -> Iterator[str]:
    """A broker; its address."""
    cache = paths("px-kafka").cache
    with tempfile.TemporaryDirectory(dir=in_memory()) as scratch:
        folder, port = Path(scratch), free_port()
        server = kafka.Broker(jars.java(), jars.ready(cache), cache, folder)
        server.prepare(kafka.settings(host="127.0.0.1", advertised="127.0.0.1", port=port, controller_port=free_port(), data=folder / "log", more={"log.retention.check.interval.ms": 5000}))
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
            admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1, config={name: str(value) for name, value in _SHORT.items()})])[TOPIC].result(20)
            yield address
        finally:
            process.terminate()
            process.wait(30)


@contextlib.contextmanager
def steady_load(address: str, rate: int = 100, settings: Mapping[str, object] | None = None) -> Iterator[None]:
    """``rate`` records of 100 bytes a second in the background, by a producer with these settings."""
    stop = threading.Event()

    def run() -> None:
        producer = Producer({"bootstrap.servers": address, "client.id": "steady", **(settings or {})})
        began, sent = time.monotonic(), 0
        while not stop.wait(0.002):
            while sent < (time.monotonic() - began) * rate:
                with contextlib.suppress(BufferError):
                    producer.produce(TOPIC, bytes(100))
                sent += 1
            producer.poll(0)
        producer.flush(10)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
