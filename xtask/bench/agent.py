"""What one agent costs at a steady rate of requests: CPU of a core, and memory as the kernel and as Kubernetes counts it.

usage: .venv/bin/python xtask/bench/agent.py [REQUESTS_A_SECOND [SECONDS]]     default 1000 30

A real broker, one producer with a request for each record, `px server` and `px agent` with eBPF, as root. An agent sees the whole host: the rate that is printed is the one
it saw, other Kafka on the machine included.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import broker
import proc

_WARM_S = 10.0
#: Requests a second, and seconds.
_DEFAULTS = [1000, 30]
#: Settings of a producer whose records are requests of their own.
_A_REQUEST_EACH = {"linger.ms": 0, "batch.num.messages": 1, "acks": 1}
#: Resident (the ring buffer, mapped twice, counts twice), its own, and proportional, which is nearest to what a control group is charged.
_KINDS = ("Rss", "Anonymous", "Pss")


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


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("needs root: live capture")
    given = [int(text) for text in sys.argv[1:3]]
    rate, seconds = given + _DEFAULTS[len(given) :]
    http, ingest, health = (broker.free_port() for _ in range(3))
    with broker.running() as address, agent(http, ingest, health) as pid, broker.steady_load(address, rate, _A_REQUEST_EACH):
        time.sleep(_WARM_S)
        before, cpu, began = requests(health), proc.cpu_s(pid), time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - began
        seen, used = (requests(health) - before) / took, (proc.cpu_s(pid) - cpu) / took
        memory = proc.memory_mib(pid)
        print(f"{seen:,.0f} requests/s seen: agent {100 * used:.1f} % of a core; memory {', '.join(f'{kind} {memory[kind]} MiB' for kind in _KINDS)}")


if __name__ == "__main__":
    main()
