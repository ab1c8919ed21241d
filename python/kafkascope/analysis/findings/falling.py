"""A group that reads and commits, and yet has more left to read the longer one looks: it will not catch up by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kafkascope.analysis.findings.finding import SECOND, rate, span, times

KIND = "falling_behind"

#: The group is looked at over at least this long.
WINDOW_NS = 50 * SECOND
#: A record that waits shorter than this wakes nobody.
WAITING_S = 30.0


@dataclass(frozen=True, slots=True)
class Progress:
    """A group's sums at one moment, over the partitions of which the lag is known at all the moments."""

    at_ns: int
    left: float
    reached: float


def falls(history: Sequence[Progress], lag_seconds: float | None) -> bool:
    """Whether the lag of the newer half is above that of the older half at every moment, while the group went on in both halves.

    Commits go up and down within seconds, so that the commits alone (``verdict.evaluate``) show a lag that went down once. A group that goes
    on in one half only commits seldom: its lag rises in between and falls at the next commit.
    """
    if lag_seconds is None or lag_seconds < WAITING_S or len(history) < 4 or history[-1].at_ns - history[0].at_ns < WINDOW_NS:
        return False
    half = len(history) // 2
    older, newer = history[:half], history[half:]
    return min(p.left for p in newer) > max(p.left for p in older) and history[0].reached < older[-1].reached <= newer[0].reached < newer[-1].reached


def sums(
    moments: Sequence[tuple[int, npt.NDArray[np.float64], npt.NDArray[np.float64]]], group: npt.NDArray[np.int64], wanted: Sequence[int]
) -> Iterator[list[Progress]]:
    """The history of each wanted group, oldest first, of the time, lag and offset reached of every partition at some moments.

    ``group`` numbers the group of each partition; a partition whose lag is unknown (NaN) at one of the moments is left out of all of them.
    """
    if not moments:
        return
    known = ~np.isnan(np.sum([left for _, left, _ in moments], axis=0))
    group, count = group[known], max(wanted, default=0) + 1
    left = [np.bincount(group, one[known], minlength=count) for _, one, _ in moments]
    reached = [np.bincount(group, one[known], minlength=count) for _, _, one in moments]
    for number in wanted:
        yield [Progress(at_ns, float(left[i][number]), float(reached[i][number])) for i, (at_ns, _, _) in enumerate(moments)]


def sentence(group: str, history: Sequence[Progress], lag_seconds: float) -> str:
    """Why: what comes in, what the group manages, what is left."""
    first, last = history[0], history[-1]
    seconds = (last.at_ns - first.at_ns) / SECOND
    managed = (last.reached - first.reached) / seconds
    growth = (last.left - first.left) / seconds
    return (
        f"{group} falls behind by {rate(growth)} records/s: it gets through {rate(managed)} of {rate(managed + growth)} records/s; "
        f"{times(round(last.left), 'record')} left, the first waiting for {span(round(lag_seconds * SECOND))}."
    )
