"""What watching costs: loads on a busy machine without anything, with ``px up``, with tcpdump and tshark, in turns within one run.

Needs root, and a quiet machine. Loads of a fixed amount: records of 1 KiB in batches, one small record a request, and, not Kafka, HTTP and processes that do nothing but send and receive.
The fifth is the first on half of the processors, which it keeps at work, with the watcher on the others, as on a host that has a processor to spare; all else shares all processors.
A round is without, with, with, without, so that what changes steadily on the machine cancels out. What does not is measured beside it (``pace``): each ratio is told at one speed of the
machine and as it was. On a machine whose processors are all at work, throughput is what processor time a unit of work takes, everybody's together; that ratio is printed too.
BENCH_ROUNDS (16) is how many rounds there are: an hour for all. BENCH_PEERS= leaves out tcpdump and tshark, which take every third round; BENCH_LOADS=3,4 runs some of the loads. The server keeps its rows in memory, as
beside a broker it would stand on another host; with BENCH_DATA=1 it stores them too, in a folder in memory as the broker's log is.
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
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import broker
import not_kafka
import proc
from interval import ratio
from load import Records, Result
from pace import Pace, looking, slowness

ROUNDS = int(os.environ.get("BENCH_ROUNDS", 16))
STORES = os.environ.get("BENCH_DATA") == "1"


@dataclass(frozen=True)
class Load:
    """``run`` takes the broker's address and does ``amount`` of its unit of work."""

    name: str
    unit: str
    amount: int
    run: Callable[[str], Result]
    #: Load and broker leave half of the processors to the watcher.
    spares: bool = False


def of_records(name: str, records: Records, *, spares: bool = False) -> Load:
    return Load(name, "records", records.count, records.run, spares)


def of_pairs(name: str, unit: str, amount: int, pair: not_kafka.Pair) -> Load:
    return Load(name, unit, amount, lambda _address: pair.run(amount))


_BATCHES = Records(1024, 500_000, batch=64, linger_ms=5, fetch_bytes=256 << 10, producers=1)
LOADS = (
    of_records("1 KiB records in batches of 64", _BATCHES),
    of_records("100 B, one record a request", Records(100, 30_000, batch=1, linger_ms=0, fetch_bytes=64 << 10, producers=3)),
    of_pairs("no Kafka: HTTP, 1 KiB an answer", "requests", 25_000, not_kafka.HTTP),
    of_pairs("no Kafka: 100 B back and forth, and nothing else", "round trips", 400_000, not_kafka.CALLS),
    of_records("1 KiB records in batches of 64, processors to spare", _BATCHES, spares=True),
)


@dataclass(frozen=True)
class Turn:
    rate: float
    p99_ms: float
    #: What a piece of work took meanwhile that has nothing to do with any of this.
    slowness: float
    #: CPU seconds of the loaded processes, and of the watcher's by name.
    app_s: float
    watcher_s: dict[str, float]


Watcher = Callable[[], AbstractContextManager[dict[str, int]]]


@contextlib.contextmanager
def kafkascope() -> Iterator[dict[str, int]]:
    """Yields the process ids of ``px up`` by what they do."""
    with tempfile.TemporaryDirectory(dir=broker.in_memory()) as folder:
        where = ["--data", f"{folder}/store"] if STORES else ["--no-data"]
        process = subprocess.Popen([sys.executable, "-m", "kafkascope.cli.main", "up", "--port", "0", *where], stdout=subprocess.PIPE, text=True)
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


@dataclass(frozen=True)
class Bench:
    """The broker's address; ``app`` are the processes that a load keeps at work beside this one and its children that end with it."""

    address: str
    app: list[int]
    pace: Pace
    cpus: set[int]
    #: Where the watcher runs.
    spare: set[int]

    def on(self, cpus: set[int], spare: set[int]) -> Bench:
        """The same with everything that works bound to ``cpus``."""
        for pid in (os.getpid(), *self.app):
            proc.bind(pid, cpus)
        return replace(self, cpus=cpus, spare=spare)

    @contextlib.contextmanager
    def watched(self, watcher: Watcher) -> Iterator[dict[str, int]]:
        """Starts a watcher where there is room for it; its process ids by what they do."""
        with watcher() as pids:
            for pid in pids.values():
                proc.bind(pid, self.spare)
            yield pids

    def turn(self, load: Load, watcher: dict[str, int]) -> Turn:
        """Run a load once."""
        before, before_watcher, looks = self._cpu_s(), {part: proc.cpu_s(pid) for part, pid in watcher.items()}, self.pace.looks(self.cpus)
        result = load.run(self.address)
        slow, after = slowness(looks, self.pace.looks(self.cpus)), self._cpu_s()
        return Turn(result.rate, result.p99_ms, slow, after - before, {part: proc.cpu_s(pid) - before_watcher[part] for part, pid in watcher.items()})

    def _cpu_s(self) -> float:
        return proc.own_cpu_s() + sum(map(proc.cpu_s, self.app))


@contextlib.contextmanager
def tshark(address: str) -> Iterator[dict[str, int]]:
    """What else decodes Kafka on a live host: one line a message, as ``px tail`` has."""
    port = address.rsplit(":", 1)[1]
    fields = [word for name in ("frame.time_epoch", "kafka.api_key", "kafka.api_version", "kafka.correlation_id", "kafka.client_id", "kafka.topic_name") for word in ("-e", name)]
    with tempfile.TemporaryDirectory(dir=broker.in_memory()) as folder:
        process = subprocess.Popen(["tshark", "-l", "-i", "lo", "-f", f"tcp port {port}", "-d", f"tcp.port=={port},kafka", "-Y", "kafka", "-T", "fields", *fields],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "TMPDIR": folder})  # fmt: skip
        time.sleep(3)
        try:
            yield {"tshark": process.pid} | dict(zip(["dumpcap"], proc.children(process.pid), strict=True))
        finally:
            process.terminate()
            process.wait(20)


def programs(load: Load, bench: Bench) -> str:
    """A turn of its own with the kernel's accounting of eBPF programs, which costs something itself."""
    with proc.bpf_accounting(), bench.watched(kafkascope) as watcher:
        before = proc.bpf_programs(watcher["agent"])
        measured = bench.turn(load, watcher)
        after = proc.bpf_programs(watcher["agent"])
    ns = sum(run.ns - before.get(number, proc.Run()).ns for number, run in after.items())
    runs = sum(run.count - before.get(number, proc.Run()).count for number, run in after.items())
    return f"{ns / 1e7 / measured.app_s:.2f} % of the load's CPU time, {runs} runs of {ns / max(runs, 1):.0f} ns"


@dataclass
class Measured:
    """The turns of a way beside those without anything of the same rounds."""

    rounds: list[tuple[list[Turn], list[Turn]]]

    def ratio(self, value: Callable[[Turn], float]) -> str:
        return ratio([statistics.fmean(map(value, with_it)) / statistics.fmean(map(value, without)) for without, with_it in self.rounds])

    def share(self, part: str) -> float:
        return 100 * statistics.median(turn.watcher_s[part] / turn.app_s for _, with_it in self.rounds for turn in with_it)

    def lines(self) -> list[str]:
        shares = ", ".join(f"{part} {self.share(part):.1f} %" for part in self.rounds[0][1][0].watcher_s)
        return [
            f"at one speed of the machine: {self._ratios(lambda t: t.slowness)}",
            f"as it was: {self._ratios(lambda _: 1.0)}",
            f"watching took, of what the load took, {shares}",
        ]

    def _ratios(self, slow: Callable[[Turn], float]) -> str:
        return (
            f"throughput {self.ratio(lambda t: t.rate * slow(t))}, p99 {self.ratio(lambda t: t.p99_ms / slow(t))}, CPU per unit of work:"
            f" all {self.ratio(lambda t: (t.app_s + sum(t.watcher_s.values())) / slow(t))}, the load's own {self.ratio(lambda t: t.app_s / slow(t))}"
        )


def measure(load: Load, bench: Bench, watchers: dict[str, Watcher]) -> None:
    def turns(many: int, watcher: dict[str, int]) -> list[Turn]:
        return [bench.turn(load, watcher) for _ in range(many)]

    turns(4, {})  # until the broker's code is compiled
    measured = {name: Measured([]) for name in watchers}
    for number in range(ROUNDS):
        for name, watcher in watchers.items():
            if name != "kafkascope" and number % 3:  # to compare with, to a few per cent
                continue
            before = turns(1, {})
            with bench.watched(watcher) as pids:
                with_it = turns(2, pids)
            measured[name].rounds.append((before + turns(1, {}), with_it))
    without = [one for way in measured.values() for base, _ in way.rounds for one in base]
    own = statistics.median(one.app_s for one in without) / load.amount
    slow = [one.slowness for one in without]
    print(
        f"{load.name}: without {statistics.median(one.rate for one in without):,.0f} {load.unit}/s, p99 {statistics.median(one.p99_ms for one in without):.2f} ms,"
        f" {own * 1e6:.1f} us of CPU each; the slowest turn ran at {min(slow) / max(slow):.2f} of the fastest's speed ({ROUNDS} rounds; ratios with their intervals of 95 %)"
    )
    for name, way in measured.items():
        print(f"  {name}")
        for line in way.lines():
            print(f"    {line}")
    print(f"  eBPF programs {programs(load, bench)}", flush=True)


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("needs root: live capture")
    numbers = os.environ.get("BENCH_LOADS", "1,2,3,4,5").split(",")
    chosen = [load for number, load in enumerate(LOADS, 1) if str(number) in numbers]
    wanted = [name for name in os.environ.get("BENCH_PEERS", "tcpdump,tshark").split(",") if shutil.which(name)]
    with looking() as pace:
        beside = proc.children(os.getpid())
        with broker.running() as address:
            cpus = os.sched_getaffinity(0)
            half = set(sorted(cpus)[: len(cpus) // 2])
            bench = Bench(address, [pid for pid in proc.children(os.getpid()) if pid not in beside], pace, cpus, cpus)
            peers: dict[str, Watcher] = {"tcpdump": tcpdump, "tshark": lambda: tshark(address)}
            for load in chosen:
                if load.spares and not half:
                    print(f"{load.name}: not with one processor")
                    continue
                measure(load, bench.on(half, cpus - half) if load.spares else bench.on(cpus, cpus), {"kafkascope": kafkascope, **{name: peers[name] for name in wanted}})


if __name__ == "__main__":
    main()
