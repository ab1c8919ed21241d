"""Rows of ``kafka_share_lag``: what each share group was handed and has not settled, and why records came again since the row before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from kafkascope.analysis.share_progress import COUNTED, SECOND
from kafkascope.analysis.tracker import Tracker

#: What nothing happened to is written again after this long.
REFRESH_NS = 60 * SECOND


def due(tracker: Tracker, now_ns: int, *, all_of_them: bool = False) -> Iterator[tuple[Any, ...]]:
    """Rows of the partitions of which something is new, or whose last row is old; they count as written."""
    for slot, partition in tracker.shared.partitions.items():
        now, before = partition.now(now_ns), partition.written
        if before is not None and not all_of_them and now_ns - before.at_ns < REFRESH_NS and now == replace(before, at_ns=now_ns):
            continue
        partition.written = now
        counted = (now.counts[why] - (before.counts[why] if before is not None else 0) for why in COUNTED)
        yield (now_ns, *tracker.names_of(slot), now.next_offset, now.held, now.available, *counted)
