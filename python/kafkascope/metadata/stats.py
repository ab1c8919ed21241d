"""Samples of ``process_stats`` and ``network_stats``, within a budget of CPU time."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from kafkascope.metadata.proc import Io, Proc
from kafkascope.metadata.processes import Process
from kafkascope.store import catalogue

#: CPU time that one round may take. Processes in pods and those that speak Kafka come first, the others take turns.
BUDGET_NS = 8_000_000
_CHECK_EVERY = 16
#: Rounds within which each of the others has its turn.
_OTHERS_ROUNDS = 5


class ProcessSampler:
    """Counters of processes, once a second for those that matter, every few seconds for the others."""

    def __init__(self, proc: Proc, budget_ns: int = BUDGET_NS) -> None:
        self._proc = proc
        self._budget_ns = budget_ns
        self._next_other = 0
        self._next_wanted = 0
        self.put_off = 0

    def sample(self, processes: Iterable[Process], now_ns: int) -> pa.RecordBatch:
        """One round; processes whose turn it was and that did not fit come first in the next, and are counted in ``put_off``."""
        wanted: list[Process] = []
        others: list[Process] = []
        for process in processes:
            if not process.kernel_thread:
                (wanted if process.wanted else others).append(process)
        columns: list[list[Any]] = [[] for _ in range(13)]
        end = time.thread_time_ns() + self._budget_ns
        taken = self._some(wanted, self._next_wanted, len(wanted), end, columns, now_ns)
        self._next_wanted = (self._next_wanted + taken) % len(wanted) if taken < len(wanted) else 0
        turn = -(-len(others) // _OTHERS_ROUNDS)
        self.put_off += len(wanted) + turn - taken
        if taken == len(wanted) and others:
            done = self._some(others, self._next_other, turn, end, columns, now_ns)
            self._next_other = (self._next_other + done) % len(others)
            self.put_off -= done
        relation = catalogue.relation("process_stats")
        return pa.RecordBatch.from_arrays([pa.array(v, c.arrow) for v, c in zip(columns, relation.columns, strict=True)], schema=relation.schema)

    def _some(self, processes: list[Process], first: int, count: int, end: int, columns: list[list[Any]], now_ns: int) -> int:
        for done in range(count):
            if done % _CHECK_EVERY == 0 and time.thread_time_ns() > end:
                return done
            process = processes[(first + done) % len(processes)]
            stat = self._proc.stat(process.pid)
            if stat is None or stat.start_ticks != process.start_ticks:
                continue
            io = self._proc.io(process.pid) or Io()
            row = (now_ns, process.upid, stat.major_faults, stat.minor_faults, stat.utime_ns, stat.ktime_ns, stat.threads, stat.vsize, stat.rss,
                   io.rchar, io.wchar, io.read_bytes, io.write_bytes)  # fmt: skip
            for column, value in zip(columns, row, strict=True):
                column.append(value)
        return count


def network_rows(proc: Proc, processes: Iterable[Process], host_netns: int | None, now_ns: int) -> list[dict[str, Any]]:
    """The counters of each pod that has a network of its own, read through its oldest process."""
    oldest: dict[str, Process] = {}
    for process in processes:
        if process.pod is None or process.netns is None or process.netns == host_netns:
            continue
        known = oldest.get(process.pod.uid)
        if known is None or process.start_ticks < known.start_ticks:
            oldest[process.pod.uid] = process
    rows = []
    for pod_id, process in oldest.items():
        sums = proc.net_dev(process.pid)
        if sums is not None:
            rows.append({
                "time_": now_ns, "pod_id": pod_id, "rx_bytes": sums.rx_bytes, "rx_packets": sums.rx_packets, "rx_errors": sums.rx_errors, "rx_drops": sums.rx_drops,
                "tx_bytes": sums.tx_bytes, "tx_packets": sums.tx_packets, "tx_errors": sums.tx_errors, "tx_drops": sums.tx_drops,
            })  # fmt: skip
    return rows
