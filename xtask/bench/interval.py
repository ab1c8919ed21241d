"""What a ratio is, told from few rounds that scatter."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


def ratio(values: Sequence[float]) -> str:
    """The middle of the rounds' ratios and its interval of 95 %; of fewer than six rounds, which have none, the least and the greatest.

    The median of the means of all pairs of rounds (Hodges and Lehmann) with Wilcoxon's interval: it presumes that rounds scatter to both sides alike, not how, and
    is narrower than the interval by the order of the values alone.
    """
    logs = [math.log(value) for value in values]
    means = sorted((a + b) / 2 for place, a in enumerate(logs) for b in logs[place:])
    outside = _outside(len(logs))
    low, high = (means[outside], means[-1 - outside]) if outside is not None else (min(logs), max(logs))
    return f"x{math.exp(statistics.median(means)):.3f} ({math.exp(low):.3f}-{math.exp(high):.3f})"


def _outside(rounds: int) -> int | None:
    """How many of the means of pairs lie below the interval of 95 %: of the sums of ranks that Wilcoxon's test may have, those as rare as 2.5 %."""
    ways = [1]
    for rank in range(1, rounds + 1):
        longer = ways + [0] * rank
        for total, count in enumerate(ways):
            longer[total + rank] += count
        ways = longer
    below = 0
    for total, count in enumerate(ways):
        below += count
        if below / 2**rounds > 0.025:
            return total - 1 if total else None
    return None
