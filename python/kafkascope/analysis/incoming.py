"""Rows as they come in, as numpy columns: cut at deletions, with the end of each log as it was known at every moment."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.analysis import lag
from kafkascope.analysis.numpy_columns import ints, numbered
from kafkascope.analysis.offset_run import BEYOND, rightmost
from kafkascope.analysis.windows import NONE

Ints = npt.NDArray[np.int64]


class Sightings:
    """The end of each log as it was known at a moment within the rows at hand: few are ever asked for, which are put in order then."""

    def __init__(self, slot: Ints, end: Ints, at: Ints, before: Ints) -> None:
        self._slot, self._end, self._at, self._before = slot, end, at, before

    def at(self, slot: Ints, time: Ints) -> Ints:
        """The end at a moment, -1 when none was known."""
        before = np.full(len(slot), NONE)
        inside = slot < len(self._before)
        before[inside] = self._before[slot[inside]]
        slots, ends, times = self._highest(np.flatnonzero(np.isin(self._slot, slot)))
        if len(slots) == 0:
            return before
        low, high = np.searchsorted(slots, slot, "left"), np.searchsorted(slots, slot, "right")
        found = rightmost(times, low, high, time)
        return np.where(found >= low, np.maximum(ends[np.maximum(found, 0)], before), before)

    def _highest(self, rows: Ints) -> tuple[Ints, Ints, Ints]:
        """These rows by slot and time, each with the highest end until then."""
        rows = rows[np.lexsort((self._end[rows], self._at[rows], self._slot[rows]))]
        slot, end, at = self._slot[rows], self._end[rows], self._at[rows]
        step = 1
        while step < len(slot):
            same = slot[step:] == slot[:-step]
            end[step:] = np.where(same, np.maximum(end[step:], end[:-step]), end[step:])
            step *= 2
        return slot, end, at


def part_key(cluster: Any, topic: Any, partition: Any) -> Any:
    """One number for a partition: of the numbers of its cluster and topic, and its own."""
    return (cluster << 52) | (topic << 26) | partition


def pair_key(part: Any, group: Any) -> Any:
    """One number for a group's partition: of the partition's slot and the group's number."""
    return (part << 31) | group


def first_times(packed: Ints, ts: Ints) -> tuple[list[int], list[int]]:
    """Each key once, with its earliest time."""
    keys, inverse = numbered(packed)
    first = np.full(len(keys), BEYOND)
    np.minimum.at(first, inverse, ts)
    return keys.tolist(), first.tolist()


def columns(table: pa.Table | None, kind: str) -> dict[str, Any]:
    """The columns of one input as numpy, an unknown number as -1; rows that say nothing are left out."""
    if table is None or table.num_rows == 0:
        return dict(_nothing(kind))
    columns: dict[str, Any] = {name: ints(table[name], NONE) if type_ == pa.int64() else table[name] for name, type_ in lag.INPUTS[kind].items()}
    return _with_times(columns, kind)


@cache
def _nothing(kind: str) -> dict[str, Any]:
    columns: dict[str, Any] = {name: np.empty(0, np.int64) if type_ == pa.int64() else pa.array([], type_) for name, type_ in lag.INPUTS[kind].items()}
    return _with_times(columns, kind)


def _with_times(columns: dict[str, Any], kind: str) -> dict[str, Any]:
    time = columns["time_"]
    columns["ts"] = np.where(columns["response_time"] >= 0, columns["response_time"], time) if "response_time" in columns else time
    columns["drop"] = np.zeros(len(time), bool)
    if kind == "fetch":
        columns["drop"] = (columns["error_code"] != 0) | (columns["response_time"] < 0)
    return columns


def split_at_deletions(rows: lag.Rows) -> Iterable[lag.Rows]:
    """Rows before each deletion with it, then those after it."""
    if rows.deletions is None or rows.deletions.num_rows == 0:
        yield rows
        return
    low = None
    times = sorted(set(rows.deletions["time_"].to_pylist()))
    for high in [*times, None]:

        def between(table: pa.Table | None, time: str, low: int | None = low, high: int | None = high) -> pa.Table | None:
            if table is None:
                return None
            at = pc.coalesce(table[time], table["time_"]) if time in table.column_names else table["time_"]
            keep = pc.is_valid(at)
            if low is not None:
                keep = pc.and_(keep, pc.greater(at, low))
            if high is not None:
                keep = pc.and_(keep, pc.less_equal(at, high))
            return table.filter(keep)

        commits, fetch, produce = (between(getattr(rows, kind), "response_time") for kind in ("commits", "fetch", "produce"))
        shares = between(rows.shares, "response_time")
        ends, deletions, ended, offsets = (between(table, "time_") for table in (rows.ends, rows.deletions, rows.transactions, rows.offsets))
        yield lag.Rows(commits, fetch, produce, ends, deletions, ended, offsets, shares)
        low = high
