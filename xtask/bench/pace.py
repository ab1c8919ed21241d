"""How fast the machine is while something else is measured: what the same small piece of work takes, again and again, on each processor.

A virtual processor shares a core, its caches and its clock with neighbours that nobody sees, not even as stolen time: within seconds the same work takes half as long again.
What a load does in a turn follows that far more than it follows who watches. A watcher that shares a core's caches slows this work a little as well: ratios are told without it too.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized

#: 20 ms between looks, each of about 0.2 ms: one per cent of a processor.
_BETWEEN_S = 0.02
_WORK = 4_000


@dataclass(frozen=True)
class Looks:
    ns: int
    count: int


class Pace:
    """Looks of each processor so far."""

    def __init__(self) -> None:
        self._looks = {cpu: (multiprocessing.Value("q", 0), multiprocessing.Value("q", 0)) for cpu in sorted(os.sched_getaffinity(0))}
        self._processes = [multiprocessing.Process(target=_look, args=(cpu, *looks), daemon=True) for cpu, looks in self._looks.items()]
        for process in self._processes:
            process.start()

    def looks(self, cpus: Iterable[int]) -> list[Looks]:
        return [Looks(ns.value, count.value) for ns, count in map(self._looks.__getitem__, cpus)]

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
            process.join()


def slowness(before: list[Looks], after: list[Looks]) -> float:
    """Microseconds of processor time that the work took between two times, in the mean of the processors looked at."""
    each = [(b.ns - a.ns) / max(b.count - a.count, 1) for a, b in zip(before, after, strict=True)]
    return sum(each) / len(each) / 1e3


@contextlib.contextmanager
def looking() -> Iterator[Pace]:
    pace = Pace()
    try:
        yield pace
    finally:
        pace.stop()


def _work(many: int) -> int:
    total = 0
    for number in range(many):
        total += number * number
    return total


def _look(cpu: int, ns: Synchronized[int], count: Synchronized[int]) -> None:
    os.sched_setaffinity(0, {cpu})
    while True:
        # What others left in the caches is not the machine's speed, and a watcher may be one of them.
        _work(_WORK // 4)
        began = time.thread_time_ns()
        _work(_WORK)
        took = time.thread_time_ns() - began
        with ns.get_lock():
            ns.value += took
            count.value += 1
        time.sleep(_BETWEEN_S)
