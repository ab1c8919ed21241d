"""The lag of every partition at some moments of the last minute: where it goes, and whether a group gets on."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_SECOND = 1_000_000_000
#: The lag is noted this often and as long as this.
EVERY_NS = 10 * _SECOND
LENGTH_NS = 60 * _SECOND


class LagHistory:
    """Lag and offset reached by slot, at most one moment each ``EVERY_NS``; NaN where unknown."""

    def __init__(self) -> None:
        self._moments: deque[tuple[int, Floats, Floats]] = deque()

    def due(self, now_ns: int) -> bool:
        """Whether this moment is to be noted."""
        return not self._moments or now_ns - self._moments[-1][0] >= EVERY_NS

    def note(self, now_ns: int, lag: Floats, reached: Floats) -> None:
        """The lag and the offset reached of all slots now."""
        while self._moments and now_ns - self._moments[0][0] > LENGTH_NS:
            self._moments.popleft()
        self._moments.append((now_ns, lag, reached))

    def forget(self, slots: Ints) -> None:
        """Slots that will stand for something else."""
        for _, lag, _ in self._moments:
            lag[slots[slots < len(lag)]] = np.nan

    def trend(self, slots: Ints, left: Ints, now_ns: int) -> Floats:
        """Records per second since the oldest moment at which the lag was known; ``left`` is the lag now, below 0 while unknown."""
        trend = np.full(len(slots), np.nan)
        for at_ns, then, _ in self.moments(slots, now_ns):
            use = np.isnan(trend) & ~np.isnan(then) & (left >= 0)
            trend[use] = (left[use] - then[use]) / ((now_ns - at_ns) / 1e9)
        return trend

    def moments(self, slots: Ints, now_ns: int) -> list[tuple[int, Floats, Floats]]:
        """Time, lag and offset reached of these slots at each moment, oldest first."""
        return [
            (at_ns, _of(lag, slots), _of(reached, slots))
            for at_ns, lag, reached in self._moments
            if _SECOND <= now_ns - at_ns <= LENGTH_NS + EVERY_NS
        ]  # fmt: skip


def _of(values: Floats, slots: Ints) -> Floats:
    found = np.full(len(slots), np.nan)
    inside = slots < len(values)
    found[inside] = values[slots[inside]]
    return found
