"""What one agent costs at a steady rate of requests: CPU of a core, and memory as the kernel and as Kubernetes counts it.

usage: .venv/bin/python xtask/bench/agent.py [REQUESTS_A_SECOND [SECONDS]]     default 1000 30

A real broker, one producer with a request for each record, `px server` and `px agent` with eBPF, as root. An agent sees the whole host: the rate that is printed is the one
it saw, other Kafka on the machine included.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import Producer

sys.path.insert(0, str(Path(__file__).resolve().parent))
import broker
import proc

_WARM_S = 10.0


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        return [int(stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]) for _ in range(count)]


@contextlib.contextmanager
def steady(address: str, rate: int) -> Iterator[None]:
    """``rate`` records a second, each a request of its own."""
    stop = threading.Event()

    def run() -> None:
        producer = Producer({"bootstrap.servers": address, "client.id": "steady", "linger.ms": 0, "batch.num.messages": 1, "acks": 1})
        began, sent = time.monotonic(), 0
        while not stop.wait(0.002):
            while sent < (time.monotonic() - began) * rate:
                with contextlib.suppress(BufferError):
                    producer.produce(broker.TOPIC, bytes(100))
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


@contextlib.contextmanager
def agent(http: int, ingest: int, health: int) -> Iterator[int]:
    """A server and an agent of it; the agent's process id."""
    px = [sys.executable, "-m", "kafkascope.cli.main"]
    environment = {**os.environ, "KAFKASCOPE_TOKEN": "bench"}
    server = subprocess.Popen([*px, "server", "--config", "", "--port", str(http), "--ingest", f"127.0.0.1:{ingest}", "--no-data", "--kubernetes", "off"], env=environment, stderr=subprocess.DEVNULL)
    watcher = subprocess.Popen([*px, "agent", "--config", "", "--send-to", f"grpc+tcp://127.0.0.1:{ingest}", "--health", f"127.0.0.1:{health}", "--kubernetes", "off", "--exclude-pid", str(server.pid)],
                               env=environment, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        end = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError):
                if urllib.request.urlopen(f"http://127.0.0.1:{health}/readyz", timeout=5).status == 200:
                    break
            if time.monotonic() > end:
                sys.exit("the agent did not connect")
            time.sleep(0.2)
        yield watcher.pid
    finally:
        for process in (watcher, server):
            process.terminate()
            process.wait(20)


def requests(health: int) -> int:
    """Kafka requests that the agent has told the server of."""
    text = urllib.request.urlopen(f"http://127.0.0.1:{health}/metrics", timeout=5).read().decode()
    found = re.search(r'^kafkascope_agent_table_rows_sent_total\{table="kafka_events\.beta"\} (\d+)', text, re.MULTILINE)
    return int(found[1]) if found else 0


def memory(pid: int) -> dict[str, int]:
    """MiB: resident (the ring buffer, mapped twice, counts twice), its own, and proportional, which is nearest to what a control group is charged."""
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    rollup = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return {"RSS": int(status["VmRSS"].split()[0]) >> 10, "anonymous": int(status["RssAnon"].split()[0]) >> 10, "PSS": int(rollup["Pss"].split()[0]) >> 10}


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("needs root: live capture")
    rate, seconds = (int(given) for given in [*sys.argv[1:3], "1000", "30"][:1] + [*sys.argv[2:3], "30"][:1])
    http, ingest, health = free_ports(3)
    with broker.running() as address, agent(http, ingest, health) as pid, steady(address, rate):
        time.sleep(_WARM_S)
        before, cpu, began = requests(health), proc.cpu_s(pid), time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - began
        seen, used = (requests(health) - before) / took, (proc.cpu_s(pid) - cpu) / took
        print(f"{seen:,.0f} requests/s seen: agent {100 * used:.1f} % of a core; memory {', '.join(f'{name} {mib} MiB' for name, mib in memory(pid).items())}")


if __name__ == "__main__":
    main()
