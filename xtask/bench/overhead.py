"""What watching costs: a producer and a consumer on a busy broker, without anything, with Kafkascope's agent, with tcpdump; interleaved in one run.

Needs root. Each round measures all three, in turn; the ratios are of medians over the rounds.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import broker

ROUNDS = int(os.environ.get("BENCH_ROUNDS", 5))
#: name, record size, records, linger ms, batch bytes
LOADS = [("1 KiB records", 1024, 800_000, 5, 65536), ("100 B records", 100, 2_400_000, 5, 16384), ("tiny requests", 100, 30_000, 0, 1)]


@contextlib.contextmanager
def nothing() -> Iterator[None]:
    yield


@contextlib.contextmanager
def kafkascope() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-m", "kafkascope.cli.main", "up", "--port", "0", "--no-data"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if "is at" not in process.stdout.readline():
        sys.exit("px up did not start")
    # What its start costs is not what watching costs.
    time.sleep(3)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def tcpdump() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(["tcpdump", "-i", "lo", "-s", "0", "-w", f"{folder}/c.pcap", "tcp"], stderr=subprocess.DEVNULL)
        time.sleep(1)
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("needs root: live capture")
    watchers: dict[str, Callable[[], AbstractContextManager[None]]] = {"nothing": nothing, "kafkascope": kafkascope}
    if shutil.which("tcpdump"):
        watchers["tcpdump"] = tcpdump
    with broker.running() as address:
        broker.load(address, 1024, 20_000, 5, 65536)  # warms the broker's JVM
        for name, size, records, linger_ms, batch_bytes in LOADS:
            rates: dict[str, list[float]] = {watcher: [] for watcher in watchers}
            latencies: dict[str, list[float]] = {watcher: [] for watcher in watchers}
            for _ in range(ROUNDS):
                for watcher, watching in watchers.items():
                    with watching():
                        result = broker.load(address, size, records, linger_ms, batch_bytes)
                    rates[watcher].append(result.records_per_s)
                    latencies[watcher].append(result.p99_ms)
            base_rate, base_p99 = statistics.median(rates["nothing"]), statistics.median(latencies["nothing"])
            print(f"{name}: without {base_rate:,.0f} records/s, p99 of a produce {base_p99:.1f} ms ({ROUNDS} rounds)")
            for watcher in list(watchers)[1:]:
                print(f"  {watcher:<11} throughput x{statistics.median(rates[watcher]) / base_rate:.3f}, p99 x{statistics.median(latencies[watcher]) / base_p99:.3f}")


if __name__ == "__main__":
    main()
