"""One thing that is wrong, with where, since when and why."""

from __future__ import annotations

from dataclasses import dataclass

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence about a group, a partition or a client; what does not apply is empty or None."""

    kind: str
    reason: str
    since_ns: int
    cluster_id: str = ""
    group_id: str = ""
    topic: str = ""
    partition: int | None = None
    client_id: str = ""


def span(ns: int) -> str:
    """A duration as said in a sentence."""
    seconds = ns / SECOND
    return f"{seconds:.3g} s" if seconds < 100 else f"{round(seconds)} s"


def times(count: int, noun: str) -> str:
    """A count with its noun."""
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"


def rate(per_s: float) -> str:
    """Records per second in three digits, thousands apart: nobody reads 1.23e+04."""
    return f"{per_s:,.0f}" if abs(per_s) >= 1000 else f"{per_s:.3g}"
