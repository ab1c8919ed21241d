"""Rows as they come in, as numpy columns: cut at deletions, with the end of each log as it was known at every moment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.analysis import lag
from kafkascope.analysis.ranges import rightmost
from kafkascope.analysis.windows import NONE

Ints = npt.NDArray[np.int64]


class Sightings:
    """The end of each log as it was known at a moment within the rows at hand."""

    def __init__(self, slot: Ints, end: Ints, at: Ints, before: Ints) -> None:
        order = np.lexsort((end, at, slot))
        self._slot, self._end, self._at, self._before = slot[order], end[order].copy(), at[order], before
        step = 1
        while step < len(self._slot):
            same = self._slot[step:] == self._slot[:-step]
            self._end[step:] = np.where(same, np.maximum(self._end[step:], self._end[:-step]), self._end[step:])
            step *= 2

    def at(self, slot: Ints, time: Ints) -> Ints:
        """The end at a moment, -1 when none was known."""
        before = np.full(len(slot), NONE)
        inside = slot < len(self._before)
        before[inside] = self._before[slot[inside]]
        if len(self._slot) == 0:
            return before
        low, high = np.searchsorted(self._slot, slot, "left"), np.searchsorted(self._slot, slot, "right")
        found = rightmost(self._at, low, high, time)
        return np.where(found >= low, np.maximum(self._end[np.maximum(found, 0)], before), before)


def part_key(cluster: Any, topic: Any, partition: Any) -> Any:
    """One number for a partition: of the numbers of its cluster and topic, and its own."""
    return (cluster << 52) | (topic << 26) | partition


def pair_key(part: Any, group: Any) -> Any:
    """One number for a group's partition: of the partition's slot and the group's number."""
    return (part << 31) | group


def first_times(packed: Ints, ts: Ints) -> tuple[list[int], list[int]]:
    """Each key once, with its earliest time."""
    if len(packed) == 0:
        return [], []
    order = np.lexsort((ts, packed))
    packed, ts = packed[order], ts[order]
    starts = np.flatnonzero(np.append(True, packed[1:] != packed[:-1]))
    return packed[starts].tolist(), ts[starts].tolist()


def columns(table: pa.Table | None, kind: str) -> dict[str, Any]:
    """The columns of one input as numpy, an unknown number as -1; rows that say nothing are left out."""
    schema = lag.INPUTS[kind]
    given = pa.schema(list(schema.items())).empty_table() if table is None else table.select(list(schema)).combine_chunks()
    columns: dict[str, Any] = {}
    for name, type_ in schema.items():
        column = given[name].combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
        columns[name] = column if type_ != pa.int64() else column.fill_null(NONE).to_numpy(zero_copy_only=False).astype(np.int64)
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
