"""The situations that Burrow's evaluator is checked with, and what it says of each: the newest release, and where an older one differs."""

from __future__ import annotations

import pytest

from kafkascope.analysis.verdict import Commit, evaluate

S = 1000
UP = [1000, 2000, 3000, 4000, 5000]
#: Commits a second apart of one record each, as a slow topic has them; the last at 1,512,224,632,397 ms.
SLOW: list[Commit] = [
    (792748079 + i, 1512224600000 + at, 0)
    for i, at in enumerate([18356, 19362, 20366, 21367, 22370, 23373, 24378, 25379, 26383, 27383, 28383, 29388, 30391, 31394, 32397])
]


def every(step_s: int, offsets: list[int], lags: list[int | None]) -> list[Commit]:
    return [(offset, (i + 1) * step_s * S, lag) for i, (offset, lag) in enumerate(zip(offsets, lags, strict=True))]


HALVES = [(o, (100 + 50 * i) * S, lag) for i, (o, lag) in enumerate(zip(range(1000, 6000, 500), [0, None, 50, None, 100, None, 150, None, 200, None], strict=True))]

# situation, commits, ends newest first, current lag, now in s, allowed lag, status
CASES = [
    ("lag was zero at the start", every(100, UP, [0, 50, 100, 150, 200]), [5200], 200, 600, 0, "OK"),
    ("silent as long as the window, not longer", every(100, UP, [0, 50, 100, 150, 200]), [5200], 200, 900, 0, "OK"),
    ("silent longer, zero lag at the start does not help", every(100, UP, [0, 50, 100, 150, 200]), [5200], 200, 1000, 0, "STOP"),
    ("silent longer, never at zero", every(100, UP, [50, 100, 150, 200, 250]), [5250], 250, 1000, 0, "STOP"),
    ("one offset, zero lag at the start", every(100, [1000] * 5, [0, 50, 100, 150, 200]), [1200], 200, 600, 0, "OK"),
    ("one offset, lag grows", every(100, [1000] * 5, [100, 150, 200, 250, 300]), [1300], 300, 600, 0, "STALL"),
    ("one offset, lag stays", every(100, [1000] * 5, [100] * 5), [1100], 100, 600, 0, "STALL"),
    ("went back and recovered, lag goes down", every(100, [1000, 2000, 3000, 2000, 4000], [100, 150, 200, 1250, 300]), [4300], 300, 600, 0, "OK"),
    ("no lag now, whatever the commits say", every(100, UP, [50, 100, 150, 200, 250]), [5250], 0, 1000, 0, "OK"),
    ("silent, and far more came than it had", SLOW, [792749024, 792749000, 792748800, 792748600, 792748500], 931, 1512224650, 0, "STOP"),
    ("silent, and had everything a moment ago", SLOW, [792748094, 792748093, 792748093, 792748093], 1, 1512224650, 0, "OK"),
    ("lags that are not known are passed over", HALVES, [5700], 200, 600, 0, "OK"),
    ("went back and did not recover", every(100, [1000, 2000, 3000, 2000, 2500], [100, 150, 200, 1250, 1800]), [4300], 1800, 600, 0, "REWIND"),
    ("went back to the start from no lag at all", every(100, [1000, 2000, 3000, 0, 100], [0, 0, 0, 3000, 2900]), [3000], 2900, 600, 0, "REWIND"),
    ("the lag that is allowed, exactly", every(100, UP, [50, 100, 150, 200, 250]), [5250], 250, 1000, 250, "OK"),
    ("one record more than is allowed", every(100, UP, [250, 260, 270, 280, 290]), [5251], 251, 600, 249, "WARN"),
    ("was within what is allowed once", every(100, UP, [200, 260, 270, 280, 290]), [5290], 290, 600, 200, "OK"),
    ("lag grows, commits go on", every(100, UP, [50, 100, 150, 200, 250]), [5250], 250, 600, 0, "WARN"),
    ("nothing committed", [], [5000], 5000, 600, 0, "OK"),
    ("one commit has no span: silent at once", [(1000, 100 * S, 50)], [1050], 50, 101, 0, "STOP"),
    ("one commit, at this moment: all commits carry one offset", [(1000, 100 * S, 50)], [1050], 50, 100, 0, "STALL"),
    ("one commit, and was caught up a moment ago", [(1000, 100 * S, 50)], [1050, 1000], 50, 101, 0, "STALL"),
    ("no lag was ever known: it never went down", every(100, UP, [None] * 5), [5250], 250, 600, 0, "WARN"),
    ("no lag was ever known, one offset", every(100, [1000] * 5, [None] * 5), [1250], 250, 600, 0, "STALL"),
    ("a clock that goes back is no silence", every(100, UP, [50, 100, 150, 200, 250]), [5250], 250, 10, 0, "WARN"),
    ("all commits at one time", [(o, 500 * S, 50) for o in UP], [5050], 50, 501, 0, "STOP"),
    ("no end was kept: nothing says that it was caught up", every(100, UP, [50, 100, 150, 200, 250]), [], 250, 1000, 0, "STOP"),
    ("more ends than commits, the oldest of them reached", every(100, UP, [50, 100, 150, 200, 250]), [5250, 5200, 5100, 5050, 5040, 5030, 5020, 5000], 250, 1000, 0, "WARN"),
    ("went back twice, and recovered from the first only", every(100, [1000, 800, 1000, 700, 900], [100] * 5), [1100], 200, 600, 0, "WARN"),
    ("the newest commit goes back", every(100, [1000, 2000, 3000, 4000, 3900], [10, 10, 10, 10, 110]), [4010], 110, 600, 0, "REWIND"),
]  # fmt: skip


@pytest.mark.parametrize(("situation", "commits", "ends", "current", "now_s", "allowed", "status"), CASES, ids=[c[0] for c in CASES])
def test_what_burrow_says(situation: str, commits: list[Commit], ends: list[int], current: int, now_s: int, allowed: int, status: str) -> None:
    verdict = evaluate(commits=commits, end_offsets=ends, now_ms=now_s * S, allowed_lag=allowed, current_lag=current)
    assert verdict.status == status, verdict.reason


@pytest.mark.parametrize(
    ("ends", "lags", "status", "lag"),
    [
        ([5250], [50, 100, 150, 200, 250], "WARN", 250),
        ([5000], [50, 100, 150, 200, 250], "OK", 0),
        ([4000], [50, 100, 150, 200, 250], "OK", 0),
        ([], [50, 100, 150, 200, None], "WARN", 200),
        ([], [None] * 5, "UNKNOWN", None),
    ],
    ids=["newest end less last commit", "caught up", "the end is behind the commit", "the last lag that was known", "nothing known"],
)
def test_the_current_lag_when_none_is_given(ends: list[int], lags: list[int | None], status: str, lag: int | None) -> None:
    verdict = evaluate(commits=every(100, UP, lags), end_offsets=ends, now_ms=600 * S)
    assert (verdict.status, verdict.current_lag) == (status, lag), verdict.reason
