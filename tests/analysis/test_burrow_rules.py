"""Burrow's rules written down a second time, plainly and one after the other, against ``verdict.evaluate`` over histories of all kinds; and Burrow's window of commits."""

from __future__ import annotations

import pytest
from analysis_rows import SECOND, table
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kafkascope.analysis.lag import Rows
from kafkascope.analysis.tracker import Tracker
from kafkascope.analysis.verdict import Commit, evaluate


def by_the_rules(commits: list[Commit], ends: list[int], now_ms: int, allowed: int, lag: int) -> str:
    offsets, times = [c[0] for c in commits], [c[1] for c in commits]
    known = [c[2] for c in commits if c[2] is not None]
    if not commits or lag <= allowed:
        return "OK"
    was_caught_up = len([end for end in ends if end <= offsets[-1]]) > 0
    if now_ms - times[-1] > times[-1] - times[0] and not was_caught_up:
        return "STOP"
    for place in range(len(offsets) - 1):
        if offsets[place + 1] < offsets[place]:
            if max(offsets[place + 2 :], default=-1) < offsets[place]:
                return "REWIND"
            break
    if known and min(known) <= allowed:
        return "OK"
    if len(set(offsets)) == 1:
        return "STALL"
    if known == sorted(known):
        return "WARN"
    return "OK"


#: Few different values, so that what is equal, touched and reached again comes often.
OFFSETS = st.integers(0, 6).map(lambda n: n * 100)
COMMITS = st.lists(st.tuples(OFFSETS, st.integers(0, 12), st.none() | st.integers(0, 4).map(lambda n: n * 10)), max_size=10)


@given(COMMITS, st.lists(OFFSETS, max_size=10), st.integers(0, 30), st.sampled_from([0, 0, 10, 20]), st.integers(0, 5).map(lambda n: n * 10), st.booleans())
@settings(max_examples=2000, deadline=None)
@example([(100, 1, 10), (300, 2, 10), (0, 3, 40), (300, 4, 30)], [400], 5, 0, 10, False)
def test_every_history_is_judged_by_the_rules(history: list[Commit], ends: list[int], now: int, allowed: int, lag: int, goes_up: bool) -> None:
    history = sorted(history, key=lambda commit: commit[1])
    if goes_up:
        history = [(offset, at, left) for (_, at, left), offset in zip(history, sorted(c[0] for c in history), strict=True)]
    found = evaluate(commits=[(o, at * 1000, left) for o, at, left in history], end_offsets=ends, now_ms=now * 1000, allowed_lag=allowed, current_lag=lag)
    assert found.status == by_the_rules([(o, at * 1000, left) for o, at, left in history], ends, now * 1000, allowed, lag), found.reason


def window(*commits: tuple[float, int], ends: tuple[tuple[float, int], ...] = ()) -> list[tuple[int, float, int | None]]:
    """What is kept of commits at (second, offset): offset, second and lag, oldest first."""
    tracker = Tracker()
    tracker.take(
        Rows(
            commits=table("kafka_commits", *({"at": at, "offset": offset} for at, offset in commits)),
            produce=table("kafka_produce", *({"at": at, "base_offset": end - 1, "last_offset": end - 1} for at, end in ends)),
        )
    )
    (slot,) = tracker.live().tolist()
    pairs, count = tracker.pairs, int(tracker.pairs.commit_filled[slot])
    kept = zip(*(pairs.columns[f"commit_{name}"][slot, :count].tolist() for name in ("offset", "time", "lag")), strict=True)
    return [(offset, at / SECOND, left if left >= 0 else None) for offset, at, left in kept]


@pytest.mark.parametrize(
    ("commits", "ends", "kept"),
    [
        ([(10.0 * n, n) for n in range(1, 14)], (), [(n, 10.0 * n, None) for n in range(4, 14)]),
        ([(10.0, 1), (10.4, 2), (10.9, 3), (11.2, 4)], (), [(3, 10.0, None), (4, 11.2, None)]),
        ([(10.0, 5), (20.0, 5), (30.0, 5)], (), [(5, 10.0, None), (5, 20.0, None), (5, 30.0, None)]),
        ([(10.0, 5), (20.0, 7), (30.0, 9)], ((15.0, 8), (25.0, 8)), [(5, 10.0, None), (7, 20.0, 1), (9, 30.0, 0)]),
        ([(30.0, 9), (10.0, 5), (20.0, 7)], (), [(5, 10.0, None), (7, 20.0, None), (9, 30.0, None)]),
    ],
    ids=["the last ten", "within a second: the first time, the last offset", "the same offset again", "with the lag of that moment, never negative", "in the order of their times"],
)
def test_the_window_of_commits(commits: list[tuple[float, int]], ends: tuple[tuple[float, int], ...], kept: list[tuple[int, float, int | None]]) -> None:
    assert window(*commits, ends=ends) == kept
