"""Ranges of offsets in order, to be looked up by where they begin and by where they end."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

#: Where offsets need no more bits, and numbers of partitions no more than are left, both are one number to sort by.
_OFFSET_BITS = 44
#: Stands for an offset before all, and for one (or a time) beyond all.
BEFORE, BEYOND = -1, np.iinfo(np.int64).max


def rightmost(values: Ints, low: Ints, high: Ints, wanted: Ints) -> Ints:
    """Of each slice ``values[low:high]``, sorted, the last index whose value is not above ``wanted``; ``low - 1`` when there is none."""
    found = low - 1
    some = np.flatnonzero(low < high)
    low, high, wanted = low[some], high[some], wanted[some]
    # Whoever is up to date asks for what is beyond all, and of ranges that came later most ask for what is before all.
    beyond = values[high - 1] <= wanted
    found[some[beyond]] = high[beyond] - 1
    within = ~beyond & (values[low] <= wanted)
    some, low, high, wanted = some[within], low[within], high[within], wanted[within]
    while (high - low > 1).any():
        middle = (low + high) // 2
        below = values[middle] <= wanted
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    found[some] = low
    return found


class Around(NamedTuple):
    """Of each offset asked for the last range that begins there or before it (``BEFORE``, ``BEFORE`` and ``BEYOND`` without one), and the first beyond it (``BEYOND``)."""

    first: Ints
    last: Ints
    time: Ints
    next_first: Ints
    next_time: Ints


class OffsetRun:
    """Ranges by partition and first offset, each first offset once. ``rows`` are partition, first offset, last offset and time; they stay as they are."""

    def __init__(self, rows: Ints) -> None:
        self.rows = rows

    @classmethod
    def of(cls, *pieces: Ints) -> OffsetRun:
        """Rows in any order, fastest where each of the ``pieces`` is in order: of ranges that begin at one offset the earliest time holds, and the farthest last."""
        return cls(_each_once(np.concatenate(pieces, axis=1)))

    def __len__(self) -> int:
        return self.rows.shape[1]

    @cached_property
    def oldest_ns(self) -> int:
        """The earliest time."""
        return int(self.rows[3].min(initial=BEYOND))

    def kept(self, keep: npt.NDArray[np.bool_]) -> OffsetRun:
        """The ranges of which ``keep`` is true."""
        return self if keep.all() else OffsetRun(self.rows.take(np.flatnonzero(keep), axis=1))

    def around(self, partition: Ints, offset: Ints) -> Around:
        """Where each offset lies."""
        _, firsts, lasts, times = self.rows
        low, high = self._slices(partition)
        at = rightmost(firsts, low, high, offset)
        begun, follows = at >= low, at + 1 < high
        # Any index does where there is none.
        this, next_ = np.maximum(at, 0), np.minimum(at + 1, len(self) - 1)
        return Around(
            np.where(begun, firsts[this], BEFORE), np.where(begun, lasts[this], BEFORE), np.where(begun, times[this], BEYOND),
            np.where(follows, firsts[next_], BEYOND), np.where(follows, times[next_], BEYOND),
        )  # fmt: skip

    def first_end(self, partition: Ints, offset: Ints) -> tuple[Ints, Ints]:
        """Of the range that ends first at each offset or beyond it: its last offset and its time; ``BEYOND`` without one."""
        run = self._ends or self
        low, high = run._slices(partition)
        at = rightmost(run.rows[2], low, high, offset - 1) + 1
        there, at = at < high, np.minimum(at, len(run) - 1)
        return np.where(there, run.rows[2, at], BEYOND), np.where(there, run.rows[3, at], BEYOND)

    @cached_property
    def _ends(self) -> OffsetRun | None:
        """The ranges by partition and last offset, each last offset once with the earliest time; None where that is their order anyway, as in logs that are written one after the other."""
        partitions, _, lasts, times = self.rows
        if ((lasts[1:] > lasts[:-1]) | (partitions[1:] != partitions[:-1])).all():
            return None
        return OffsetRun.of(np.stack([partitions, lasts, lasts, times]))

    @cached_property
    def _starts(self) -> tuple[Ints, Ints]:
        """The partitions, and where each begins; behind them the end of the last."""
        starts = np.flatnonzero(_changes(self.rows[0]))
        return self.rows[0, starts], np.append(starts, len(self))

    def _slices(self, partition: Ints) -> tuple[Ints, Ints]:
        """Where the ranges of each partition begin and end."""
        partitions, starts = self._starts
        place = np.searchsorted(partitions, partition)
        here = partitions[np.minimum(place, len(partitions) - 1)] == partition
        return starts[place], starts[place + here]


def _changes(*keys: Ints) -> npt.NDArray[np.bool_]:
    """Which rows are other than the one before, in any of the keys; the first is."""
    changed = np.ones(len(keys[0]), bool)
    changed[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return changed


def _each_once(rows: Ints) -> Ints:
    # Numpy's stable sort takes what is in order already, or is two runs of that, as it is.
    partition, first = rows[0], rows[1]
    if len(first) and first.min() >= 0 and max(int(first.max()) >> _OFFSET_BITS, int(partition.max()) >> (63 - _OFFSET_BITS)) == 0:
        order = np.argsort((partition << _OFFSET_BITS) | first, kind="stable")
    else:
        order = np.lexsort((first, partition))
    rows = rows.take(order, axis=1)
    new = _changes(rows[0], rows[1])
    if new.all():
        return rows
    starts = np.flatnonzero(new)
    return np.stack([rows[0, starts], rows[1, starts], np.maximum.reduceat(rows[2], starts), np.minimum.reduceat(rows[3], starts)])
