"""When offsets of many partitions were appended, delivered or reached: ranges of offsets with a time, in numpy, bounded."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

#: Rows waiting to be merged into the sorted ones.
_TAIL = 1 << 16


def rightmost(values: Ints, low: Ints, high: Ints, wanted: Ints) -> Ints:
    """Of each slice ``values[low:high]``, sorted, the last index whose value is not above ``wanted``; ``low - 1`` when there is none."""
    low, high = low.copy(), high.copy()
    if len(values):
        # Whoever is up to date asks for the last.
        low = np.where((low < high) & (values[high - 1] <= wanted), high, low)
    while True:
        open_ = low < high
        if not open_.any():
            return low - 1
        middle = (low + high) // 2
        below = values[np.minimum(middle, len(values) - 1)] <= wanted if len(values) else np.zeros(len(low), bool)
        low = np.where(open_ & below, middle + 1, low)
        high = np.where(open_ & ~below, middle, high)


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
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.joined = 0
        self._rows = np.empty((4, 0), np.int64)
        self._tail: list[Ints] = []
        self._waiting = 0
        self._looked_through_at = 0

    def __len__(self) -> int:
        return self._rows.shape[1] + self._waiting

    def add(self, partition: Ints, first: Ints, last: Ints, time: Ints) -> None:
        """More ranges, in any order."""
        if len(partition) == 0:
            return
        self._tail.append(np.stack([partition, first, last, time]))
        self._waiting += len(partition)
        if self._waiting > _TAIL:
            self._merge()

    def find(self, partition: Ints, offset: Ints) -> tuple[Ints, Ints]:
        """The time of the range that holds each offset, and that of the first range beyond it; 0 where there is none."""
        self._merge()
        partitions, firsts, lasts, times = self._rows
        if len(partitions) == 0:
            return np.zeros_like(offset), np.zeros_like(offset)
        low, high = np.searchsorted(partitions, partition, "left"), np.searchsorted(partitions, partition, "right")
        at = rightmost(firsts, low, high, offset)
        held = (at >= low) & (lasts[np.maximum(at, 0)] >= offset)
        beyond = at + 1
        there = beyond < high
        return np.where(held, times[np.maximum(at, 0)], 0), np.where(there, times[np.minimum(beyond, len(times) - 1)], 0)

    def forget(self, partitions: Ints) -> None:
        """Nothing more of these partitions."""
        self._merge()
        self._rows = self._rows[:, ~np.isin(self._rows[0], partitions)]

    def forget_below(self, needed: Ints, keep_after: int) -> None:
        """Drop ranges that end below ``needed[partition]`` and are older than ``keep_after``: everybody has them. Some stay a while: all are looked through when they have become a quarter more."""
        if len(self) < self._looked_through_at:
            return
        self._merge()
        partitions, _, lasts, times = self._rows
        self._rows = self._rows[:, (lasts >= needed[partitions]) | (times >= keep_after)]
        self._looked_through_at = min(len(self) + max(_TAIL, len(self) // 4), self.limit - _TAIL)

    def _merge(self) -> None:
        if not self._tail:
            return
        new = _each_once(np.concatenate(self._tail, axis=1))
        self._tail, self._waiting = [], 0
        rows = self._rows
        if rows.shape[1]:
            # What came is little beside what is here, and most of it follows the last of its partition: sorting all again would cost more with every minute.
            before = rightmost(rows[1], np.searchsorted(rows[0], new[0], "left"), np.searchsorted(rows[0], new[0], "right"), new[1])
            again = (before >= 0) & (rows[0, before] == new[0]) & (rows[1, before] == new[1])
            at = before[again]
            rows[2, at] = np.maximum(rows[2, at], new[2, again])
            rows[3, at] = np.minimum(rows[3, at], new[3, again])
            new = _inserted(rows, before[~again] + 1, new[:, ~again])
        while new.shape[1] > self.limit:
            new = self._joined(new)
        self._rows = new

    def _joined(self, rows: Ints) -> Ints:
        """Every second range joined with the one before it when that is of the same partition."""
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


def _each_once(rows: Ints) -> Ints:
    """Ranges by partition and first offset; of those that begin at one offset the earliest time, and the farthest last."""
    rows = rows[:, np.lexsort((rows[1], rows[0]))]
    starts = np.flatnonzero(np.append(True, (rows[0][1:] != rows[0][:-1]) | (rows[1][1:] != rows[1][:-1])))
    return np.stack([rows[0, starts], rows[1, starts], np.maximum.reduceat(rows[2], starts), np.minimum.reduceat(rows[3], starts)])


def _inserted(rows: Ints, places: Ints, new: Ints) -> Ints:
    """``rows`` with each column of ``new`` before that of its place; places ascend. Copied in runs, which are as few as the partitions where all comes at the ends."""
    starts = np.flatnonzero(np.append(True, places[1:] != places[:-1])[: len(places)]).tolist()
    pieces, done = [], 0
    for start, end in zip(starts, [*starts[1:], len(places)], strict=False):
        place = int(places[start])
        pieces += [rows[:, done:place], new[:, start:end]]
        done = place
    return np.concatenate([*pieces, rows[:, done:]], axis=1)


def appended_at(appended: OffsetRanges, delivered: OffsetRanges, reached: OffsetRanges, partition: Ints, offset: Ints) -> tuple[Ints, npt.NDArray[np.object_]]:
    """When the record at each offset was appended, 0 when unknown, and how that is known (``lag_seconds_source``).

    ``appended`` holds produced records, ``delivered`` those that somebody was given, with their batches' timestamps, ``reached`` the ends that were told.
    """
    produced, following = appended.find(partition, offset)
    since, source = produced.copy(), np.full(len(partition), "produce", object)
    other = np.flatnonzero(produced == 0)
    if len(other):
        stamp, _ = delivered.find(partition[other], offset[other])
        # The first end beyond an offset is the first that had it.
        _, reaching = reached.find(partition[other], offset[other])
        follow = following[other]
        far = np.iinfo(np.int64).max
        bound = np.minimum(np.where(follow > 0, follow, far), np.where(reaching > 0, reaching, far))
        since[other] = np.where(stamp > 0, stamp, np.where(bound < far, bound, 0))
        by_produce = (follow > 0) & ((reaching == 0) | (follow <= reaching))
        source[other] = np.where(stamp > 0, "batch_timestamp", np.where(bound == far, "", np.where(by_produce, "next_produce", "end_offset")))
    return since, source
