"""What watching costs: loads on a busy machine without anything, with ``px up``, with tcpdump, in turns within one run.

Needs root and a quiet machine for the ratios of throughput; the shares of CPU time hold on a busy one as well. Three loads: records of 1 KiB in batches,
one small record a request, and processes that do not speak Kafka. BENCH_ROUNDS (5) is how often each way is measured for each load.
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
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import broker
import pingpong
import proc

ROUNDS = int(os.environ.get("BENCH_ROUNDS", 5))


@dataclass(frozen=True)
class Load:
    """``run`` takes the broker's address and returns units of work per second and the p99 of one in ms."""

    name: str
    unit: str
    run: Callable[[str], broker.Result]


LOADS = (
    Load("1 KiB records in batches", "records", lambda address: broker.load(address, 1024, 400_000, 5, 65536)),
    Load("100 B, one record a request", "records", lambda address: broker.load(address, 100, 20_000, 0, 1)),
    Load("no Kafka: 100 B back and forth over TCP", "round trips", lambda _address: pingpong.load(100, 100_000)),
)


@dataclass(frozen=True)
class Turn:
    rate: float
    p99_ms: float
    #: CPU seconds of the loaded processes, and of the watcher's by name.
    app_s: float
    watcher_s: dict[str, float]


Watcher = Callable[[], AbstractContextManager[dict[str, int]]]


@contextlib.contextmanager
def nothing() -> Iterator[dict[str, int]]:
    yield {}


@contextlib.contextmanager
def kafkascope() -> Iterator[dict[str, int]]:
    """Yields the process ids of ``px up`` by what they do."""
    process = subprocess.Popen([sys.executable, "-m", "kafkascope.cli.main", "up", "--port", "0", "--no-data"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        if not any("is at" in line for line in process.stdout):
            sys.exit("px up did not start")
        # What its start costs is not what watching costs.
        time.sleep(3)
        parts = {part: pid for pid in proc.children(process.pid) for part in ("agent", "server") if f"kafkascope.{part}" in proc.command(pid)}
        yield parts
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def tcpdump() -> Iterator[dict[str, int]]:
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(["tcpdump", "-i", "lo", "-s", "0", "-w", f"{folder}/c.pcap", "tcp"], stderr=subprocess.DEVNULL)
        time.sleep(1)
        try:
            yield {"tcpdump": process.pid}
        finally:
            process.terminate()
            process.wait(20)


def turn(load: Load, address: str, app: list[int], watcher: dict[str, int]) -> Turn:
    """Run a load once. ``app`` are the processes it loads beside this one and its children that end with it."""
    before, before_watcher = proc.own_cpu_s() + sum(map(proc.cpu_s, app)), {part: proc.cpu_s(pid) for part, pid in watcher.items()}
    result = load.run(address)
    after = proc.own_cpu_s() + sum(map(proc.cpu_s, app))
    return Turn(result.records_per_s, result.p99_ms, after - before, {part: proc.cpu_s(pid) - before_watcher[part] for part, pid in watcher.items()})


def programs(load: Load, address: str, app: list[int]) -> str:
    """A turn of its own with the kernel's accounting of eBPF programs, which costs something itself."""
    with proc.bpf_accounting(), kafkascope() as watcher:
        before = proc.bpf_programs(watcher["agent"])
        measured = turn(load, address, app, watcher)
        after = proc.bpf_programs(watcher["agent"])
    ns = sum(run.ns - before.get(number, proc.Run()).ns for number, run in after.items())
    runs = sum(run.count - before.get(number, proc.Run()).count for number, run in after.items())
    return f"{ns / 1e7 / measured.app_s:.2f} % of the load's CPU time, {runs} runs of {ns / max(runs, 1):.0f} ns"


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("needs root: live capture")
    watchers: dict[str, Watcher] = {"nothing": nothing, "kafkascope": kafkascope}
    if shutil.which("tcpdump"):
        watchers["tcpdump"] = tcpdump
    with broker.running() as address:
        app = proc.children(os.getpid())
        broker.load(address, 1024, 20_000, 5, 65536)  # warms the broker's JVM
        for load in LOADS:
            measure(load, address, app, watchers)


def measure(load: Load, address: str, app: list[int], watchers: dict[str, Watcher]) -> None:
    """All ways of a load in turns. A ratio is the median of the rounds' own ratios, so that what changes slowly on the machine does not count."""
    turns: dict[str, list[Turn]] = {name: [] for name in watchers}
    names = list(watchers)
    for number in range(ROUNDS):
        # Whoever comes first in a round finds another machine than who comes last.
        for name in names[number % len(names) :] + names[: number % len(names)]:
            with watchers[name]() as watcher:
                turns[name].append(turn(load, address, app, watcher))
    base = turns["nothing"]
    print(f"{load.name}: without {statistics.median(t.rate for t in base):,.0f} {load.unit}/s, p99 {statistics.median(t.p99_ms for t in base):.2f} ms ({ROUNDS} rounds)")
    for name in names[1:]:
        def ratio(value: Callable[[Turn], float], name: str = name) -> str:
            ratios = [value(with_it) / value(without) for with_it, without in zip(turns[name], base, strict=True)]
            return f"x{statistics.median(ratios):.3f} ({min(ratios):.2f}-{max(ratios):.2f})"

        shares = ", ".join(
            f"{part} {100 * statistics.median(t.watcher_s[part] / t.app_s for t in turns[name]):.1f} %" for part in turns[name][0].watcher_s
        )  # fmt: skip
        print(f"  {name:<11} throughput {ratio(lambda t: t.rate)}, p99 {ratio(lambda t: t.p99_ms)}, the load's own CPU {ratio(lambda t: t.app_s)}; beside it {shares}")
    print(f"  eBPF programs {programs(load, address, app)}", flush=True)


if __name__ == "__main__":
    main()
