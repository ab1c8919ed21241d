"""When offsets of many partitions were appended, delivered or reached: ranges of offsets with a time, in numpy, bounded."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from kafkascope.analysis.offset_run import BEFORE, BEYOND, OffsetRun

Ints = npt.NDArray[np.int64]

#: Rows that wait to be put in order.
_TAIL = 1 << 16
#: Of the ranges that may be held, the share of one run: what is put in order together, and copied when some of it goes.
_RUNS = 8


def last_of_each(keys: Ints, *order: Ints) -> Ints:
    """Indices of the last row of each key, by ``order`` (most significant first)."""
    if len(keys) == 0:
        return np.empty(0, np.int64)
    sorted_ = np.lexsort((*reversed(order), keys))
    ends = np.flatnonzero(np.append(keys[sorted_][1:] != keys[sorted_][:-1], True))
    return sorted_[ends]


class OffsetRanges:
    """Ranges ``first..last`` of offsets of a partition, each with a time. Of ranges that begin at one offset the earliest time holds.

    At most ``limit`` ranges: beyond that neighbours of the same partition are joined, and their times are those of the earlier one;
    ``joined`` counts them.

    They are held in a few runs, the oldest first: what comes is put in order with what came lately, and most of what is held stays where it is.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.joined = 0
        self._runs: list[OffsetRun] = []
        self._tail: list[Ints] = []
        self._waiting = 0
        self._looked_through_at = 0

    def __len__(self) -> int:
        return sum(map(len, self._runs)) + self._waiting

    def add(self, partition: Ints, first: Ints, last: Ints, time: Ints) -> None:
        """More ranges, in any order."""
        if len(partition) == 0:
            return
        self._tail.append(np.stack([partition, first, last, time]))
        self._waiting += len(partition)
        if self._waiting > _TAIL:
            self._order()

    def find(self, partition: Ints, offset: Ints) -> tuple[Ints, Ints]:
        """The time of the range that holds each offset, and that of the first range beyond it; 0 where there is none."""
        self._order()
        first, last, time = (np.full(len(offset), none) for none in (BEFORE, BEFORE, BEYOND))
        next_first, next_time = np.full(len(offset), BEYOND), np.full(len(offset), BEYOND)
        for run in self._runs:
            found = run.around(partition, offset)
            nearer, same = found.first > first, found.first == first
            last = np.where(nearer, found.last, np.where(same, np.maximum(found.last, last), last))
            time = _of_the_nearer(nearer, same, found.time, time)
            next_time = _of_the_nearer(found.next_first < next_first, found.next_first == next_first, found.next_time, next_time)
            first, next_first = np.maximum(found.first, first), np.minimum(found.next_first, next_first)
        return np.where(last >= offset, time, 0), np.where(next_first < BEYOND, next_time, 0)

    def first_end(self, partition: Ints, offset: Ints) -> tuple[Ints, Ints]:
        """Of the range that ends first at each offset or beyond it: its last offset and its time; ``BEYOND`` where there is none."""
        self._order()
        last, time = np.full(len(offset), BEYOND), np.full(len(offset), BEYOND)
        for run in self._runs:
            found, at = run.first_end(partition, offset)
            time = _of_the_nearer(found < last, found == last, at, time)
            last = np.minimum(found, last)
        return last, time

    def forget(self, partitions: Ints) -> None:
        """Nothing more of these partitions."""
        self._order()
        self._keep(run.kept(~np.isin(run.rows[0], partitions)) for run in self._runs)

    def forget_below(self, needed: Ints, keep_after: int) -> None:
        """Drop ranges that end below ``needed[partition]`` and are older than ``keep_after``: everybody has them. Some stay a while: all are looked through when they have become a quarter more."""
        if len(self) < self._looked_through_at:
            return
        self._order()
        self._keep(
            run if run.oldest_ns >= keep_after else run.kept((run.rows[2] >= needed[run.rows[0]]) | (run.rows[3] >= keep_after)) for run in self._runs
        )
        self._looked_through_at = min(len(self) + max(_TAIL, len(self) // 4), self.limit - _TAIL)

    def _order(self) -> None:
        """Take in what waits."""
        if not self._tail:
            return
        pieces, self._tail, self._waiting = self._tail, [], 0
        new = OffsetRun.of(*pieces)
        # What is put in order again is never much older than itself: each range is so only as often as runs can double.
        while self._runs and len(self._runs[-1]) <= 2 * len(new) and self._fit(self._runs[-1], new):
            new = OffsetRun.of(self._runs.pop().rows, new.rows)
        self._runs.append(new)
        self._join()

    def _fit(self, one: OffsetRun, other: OffsetRun) -> bool:
        return len(one) + len(other) <= max(self.limit // _RUNS, 1)

    def _keep(self, runs: Iterable[OffsetRun]) -> None:
        """These runs are left; of two neighbours that fit into one there is one, so that there are few."""
        self._runs, runs = [], list(runs)
        for run in runs:
            if self._runs and self._fit(self._runs[-1], run):
                run = OffsetRun.of(self._runs.pop().rows, run.rows)
            if len(run):
                self._runs.append(run)

    def _join(self) -> None:
        """Every second range joined with the one before it when that is of the same partition, until there are few enough."""
        if len(self) <= self.limit:
            return
        rows = OffsetRun.of(*(run.rows for run in self._runs)).rows
        while rows.shape[1] > self.limit:
            rows = self._joined(rows)
        self._runs = [OffsetRun(rows)]

    def _joined(self, rows: Ints) -> Ints:
        number = np.arange(rows.shape[1])
        start = np.append(True, rows[0][1:] != rows[0][:-1])
        place = number - np.maximum.accumulate(np.where(start, number, 0))
        kept = np.flatnonzero(place % 2 == 0)
        if len(kept) == rows.shape[1]:
            # One range for each partition is left: the oldest go.
            kept = np.sort(np.argsort(rows[3])[len(number) - self.limit :])
            self.joined += rows.shape[1] - len(kept)
            return rows[:, kept]
        last = np.maximum.reduceat(rows[2], kept)
        self.joined += rows.shape[1] - len(kept)
        rows = rows[:, kept]
        rows[2] = last
        return rows


def _of_the_nearer(nearer: npt.NDArray[np.bool_], same: npt.NDArray[np.bool_], found: Ints, time: Ints) -> Ints:
    """The time that was found where that is nearer, where it is as near the earlier one."""
    return np.where(nearer, found, np.where(same, np.minimum(found, time), time))


def appended_at(appended: OffsetRanges, delivered: OffsetRanges, reached: OffsetRanges, partition: Ints, offset: Ints) -> tuple[Ints, npt.NDArray[np.object_]]:
    """When the record at each offset was appended, 0 when unknown, and how that is known (``lag_seconds_source``).

    ``appended`` holds produced records, ``delivered`` those that somebody was given, with their batches' timestamps, ``reached`` the last offsets
    of the ends that were told otherwise.
    """
    produced, following = appended.find(partition, offset)
    since, source = produced.copy(), np.full(len(partition), "produce", object)
    other = np.flatnonzero(produced == 0)
    if len(other):
        stamp, _ = delivered.find(partition[other], offset[other])
        # The first end beyond an offset is the first that had it.
        written, written_at = appended.first_end(partition[other], offset[other])
        told, told_at = reached.first_end(partition[other], offset[other])
        reaching = _of_the_nearer(written < told, written == told, written_at, told_at)
        follow = following[other]
        bound = np.minimum(np.where(follow > 0, follow, BEYOND), reaching)
        since[other] = np.where(stamp > 0, stamp, np.where(bound < BEYOND, bound, 0))
        by_produce = (follow > 0) & (follow <= reaching)
        source[other] = np.where(stamp > 0, "batch_timestamp", np.where(bound == BEYOND, "", np.where(by_produce, "next_produce", "end_offset")))
    return since, source
