"""What is known of each partition's log: its end and what is decided, and ranges of offsets with the time of their append. All numpy columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kafkascope.analysis import windows
from kafkascope.analysis.incoming import Sightings, part_key
from kafkascope.analysis.lag import SECOND, SLACK_NS
from kafkascope.analysis.ranges import OffsetRanges, appended_at, last_of_each
from kafkascope.analysis.slots import Slots
from kafkascope.analysis.verdict import WINDOW

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NONE = windows.NONE
SOURCES = ("", "high_watermark", "produce", "list_offsets")
_BY_WATERMARK, _BY_PRODUCE, _BY_ASKING = 1, 2, 3

#: Ranges at most; beyond, neighbours are joined and counted.
MAX_RANGES = 1_000_000
#: Ranges that every group has read are kept this long, for groups that go back.
KEEP_READ_NS = 300 * SECOND

_COLUMNS = {
    "cluster": (0, 1), "topic": (0, 1), "partition": (0, 1), "end": (NONE, 1), "end_at": (0, 1), "end_source": (0, 1), "newest": (0, 1),
    "lso": (NONE, 1), "lso_at": (0, 1), "lso_since": (0, 1), "first_seen": (0, 1), "produced_at": (0, 1),
    **windows.columns("ends", ("offset", "bucket"), WINDOW),
}  # fmt: skip


class Logs:
    """The logs by slot of ``parts``. ``ends_every_ns`` is how often an end is kept for the verdicts."""

    def __init__(self, *, ends_every_ns: int, max_partitions: int) -> None:
        self.parts = Slots(_COLUMNS, max_partitions)
        self.appended, self.delivered, self.reached = (OffsetRanges(MAX_RANGES) for _ in range(3))
        self._ends_every = ends_every_ns

    def place(self, table: dict[str, Any], key: Ints) -> Ints:
        """The slot of each row (of ``incoming.columns``, with ``c``), also as its column ``slot``; rows beyond the limit are marked to be dropped. ``key`` numbers its topic."""
        slots = self.parts.find(part_key(table["c"], key, table["partition"]), cluster=table["c"], topic=key, partition=table["partition"])
        table["slot"] = slots
        table["drop"] |= slots < 0
        return slots

    def take(self, fetch: dict[str, Any], produce: dict[str, Any], ends: dict[str, Any]) -> tuple[Sightings, Ints]:
        """Rows that have their slots; the ends that they tell, and the slots whose ends are other than before."""
        read = ~fetch["drop"]
        written = ~produce["drop"] & (produce["base_offset"] >= 0) & (produce["error_code"] <= 0)
        last = np.where(produce["last_offset"] >= 0, produce["last_offset"], produce["base_offset"] + np.maximum(produce["records"], 1) - 1)
        log, last, written_at = produce["slot"][written], last[written], produce["ts"][written]
        self.appended.add(log, produce["base_offset"][written], last, written_at)
        np.maximum.at(self.parts.produced_at, log, written_at)
        given = read & (fetch["first_offset"] >= 0) & (fetch["last_offset"] >= 0) & (fetch["max_timestamp"] > 0)
        self.delivered.add(fetch["slot"][given], fetch["first_offset"][given], fetch["last_offset"][given], fetch["max_timestamp"][given])
        seen = read & (fetch["high_watermark"] >= 0)
        told = ~ends["drop"] & (ends["end_offset"] >= 0)
        slot = np.concatenate([fetch["slot"][seen], log, ends["slot"][told]])
        end = np.concatenate([fetch["high_watermark"][seen], last + 1, ends["end_offset"][told]])
        at = np.concatenate([fetch["ts"][seen], written_at, ends["ts"][told]])
        source = np.repeat([_BY_WATERMARK, _BY_PRODUCE, _BY_ASKING], [seen.sum(), len(log), told.sum()])
        sightings = Sightings(slot, end, at, self.parts.end.copy())
        # An end that a Produce tells is that of what it appended. An empty log reaches no offset.
        beside = np.flatnonzero((source != _BY_PRODUCE) & (end > 0))
        self.reached.add(slot[beside], end[beside] - 1, end[beside] - 1, at[beside])
        changed = self._log_ends(slot, end, at, source)
        stable = np.flatnonzero(read & (fetch["last_stable_offset"] >= 0))
        stable = stable[last_of_each(fetch["slot"][stable], fetch["ts"][stable], fetch["last_stable_offset"][stable])]
        where, lso, when = fetch["slot"][stable], fetch["last_stable_offset"][stable], fetch["ts"][stable]
        newer = when >= self.parts.lso_at[where]
        where, lso, when = where[newer], lso[newer], when[newer]
        held = lso < fetch["high_watermark"][stable][newer]
        since = np.where((self.parts.lso[where] == lso) & (self.parts.lso_since[where] > 0), self.parts.lso_since[where], when)
        self.parts.lso_since[where] = np.where(held, since, 0)
        self.parts.lso[where], self.parts.lso_at[where] = lso, when
        return sightings, changed

    def _log_ends(self, slot: Ints, end: Ints, at: Ints, source: Ints) -> Ints:
        if len(slot) == 0:
            return slot
        parts = self.parts
        touched = np.flatnonzero(np.bincount(slot))
        before = parts.newest[touched].copy()
        np.maximum.at(parts.newest, slot, at)
        fresh = touched[before == 0]
        if len(fresh):
            parts.first_seen[fresh] = np.iinfo(np.int64).max
            mine = np.isin(slot, fresh)
            np.minimum.at(parts.first_seen, slot[mine], at[mine])
        # Of what was said within the slack before the newest word, the greatest.
        within = at >= parts.newest[slot] - SLACK_NS
        slot, end, at, source = slot[within], end[within], at[within], source[within]
        best = last_of_each(slot, end, at)
        slot, end, at, source = slot[best], end[best], at[best], source[best]
        keep = (parts.end_at[slot] >= parts.newest[slot] - SLACK_NS) & ((parts.end[slot] > end) | ((parts.end[slot] == end) & (parts.end_at[slot] > at)))
        slot, end, at, source = slot[~keep], end[~keep], at[~keep], source[~keep]
        parts.end[slot], parts.end_at[slot], parts.end_source[slot] = end, at, source
        windows.push(parts, "ends", touched, {"offset": parts.end[touched]}, bucket=parts.newest[touched] // self._ends_every, bucket_of="bucket", keep="bucket")
        return slot

    def forget(self, slots: Ints) -> None:
        """Nothing more of these logs."""
        for log in (self.appended, self.delivered, self.reached):
            log.forget(slots)
        self.parts.release(slots.tolist())

    def tidy(self, needed: Ints, now_ns: int) -> None:
        """Drop ranges below ``needed[slot]``, the first offset that a group has left to read."""
        for log in (self.appended, self.delivered, self.reached):
            log.forget_below(needed, now_ns - KEEP_READ_NS)

    def waiting(self, at: Ints, next_: Ints, behind: npt.NDArray[np.bool_], now_ns: int) -> tuple[Floats, npt.NDArray[Any]]:
        """For how many seconds the record at ``next_`` has been in each log, NaN while unknown, and how that is known; only where ``behind``."""
        seconds, source = np.full(len(at), np.nan), np.full(len(at), "", object)
        rows = np.flatnonzero(behind)
        if len(rows) == 0:
            return seconds, source
        since, why = appended_at(self.appended, self.delivered, self.reached, at[rows], next_[rows])
        seconds[rows] = np.where(since > 0, np.maximum(now_ns - since, 0) / 1e9, np.nan)
        source[rows] = why
        return seconds, source
