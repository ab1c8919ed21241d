"""Segments of earlier runs are read once with their checksums: queries do not look at those, and a flipped bit may decode to another value."""

from __future__ import annotations

from collections.abc import Iterable

from kafkascope.store.segments import Segment
from kafkascope.store.table import ObservedTable

#: What a store reads before it answers: a small store whole, of a large one what is asked for most.
AT_OPENING_BYTES = 2 << 20


class Inspection:
    """What is left to be read, the newest first."""

    def __init__(self, tables: Iterable[ObservedTable]) -> None:
        self._left: list[tuple[ObservedTable, Segment]] = [(table, segment) for table in tables for segment in table.segments]
        self._left.sort(key=lambda entry: entry[1].last_ns)

    def go_on(self, least_bytes: int) -> None:
        """Read segments until they are ``least_bytes`` or none is left; damaged ones are left out and told."""
        read = 0
        while self._left and read < least_bytes:
            table, segment = self._left.pop()
            table.leave_out_damaged([segment])
            read += segment.bytes

    def of(self, table: ObservedTable, start_ns: int | None, end_ns: int | None) -> None:
        """Read the segments of one table that are left and overlap the stretch of time: before rows leave the store for good."""
        now: list[Segment] = []
        later: list[tuple[ObservedTable, Segment]] = []
        for entry in self._left:
            of, segment = entry
            if of is table and segment.overlaps(start_ns, end_ns):
                now.append(segment)
            else:
                later.append(entry)
        self._left = later
        table.leave_out_damaged(now)
