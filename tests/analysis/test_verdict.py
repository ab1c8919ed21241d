"""The rules by which a partition is judged, as tables of cases, and what holds for all cases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkascope.analysis.verdict import Commit, Status, Verdict, evaluate, evaluate_group

S = 1000


def commits(offsets: list[int], lags: list[int | None], *, every_s: int = 10, start_s: int = 0) -> list[Commit]:
    return [(o, (start_s + i * every_s) * S, lag) for i, (o, lag) in enumerate(zip(offsets, lags, strict=True))]


UP = [100, 200, 300, 400, 500]
GROWING: list[int | None] = [10, 20, 30, 40, 50]

# name, offsets, lags (a commit each 10 s from 0 s on), ends newest first, now in s, allowed lag, current lag, status
CASES = [
    ("nothing committed", [], [], [900], 50, 0, None, "OK"),
    ("nothing committed, lag told", [], [], [], 50, 0, 900, "OK"),
    ("caught up now, whatever the samples say", UP, GROWING, [500], 50, 0, None, "OK"),
    ("caught up now, though silent for long", UP, GROWING, [500], 5000, 0, None, "OK"),
    ("a current lag of zero counts before the ends", UP, GROWING, [900], 5000, 0, 0, "OK"),
    ("within the allowed lag, though silent for long", UP, GROWING, [550], 5000, 50, None, "OK"),
    ("one more than allowed", UP, GROWING, [551], 5000, 50, None, "STOP"),
    ("the end was read before the commit: never negative", UP, GROWING, [480], 50, 0, None, "OK"),
    ("silent exactly as long as the window", UP, GROWING, [550], 80, 0, None, "WARN"),
    ("silent longer than the window", UP, GROWING, [550], 81, 0, None, "STOP"),
    ("stopped even if it was caught up at the start", UP, [0, 20, 30, 40, 50], [550], 81, 0, None, "STOP"),
    ("not stopped: caught up when an older end was seen", UP, [0, 0, 0, 0, 0], [501, 500, 500], 81, 0, None, "OK"),
    ("not stopped, but no sample at zero: the next rules speak", UP, GROWING, [550, 500], 81, 0, None, "WARN"),
    ("one commit is no window: stopped at once", [100], [None], [200], 1, 0, None, "STOP"),
    ("one commit, at this very moment", [100], [None], [200], 0, 0, None, "STALL"),
    ("one commit, caught up a moment ago", [100], [0], [101, 100], 30, 0, None, "OK"),
    ("two commits are a short window", [100, 101], [5, 5], [106], 21, 0, None, "STOP"),
    ("went back", [100, 200, 50, 60, 70], [10, 10, 160, 150, 140], [210], 50, 0, None, "REWIND"),
    ("went back, and zero lag before does not hide it", [100, 200, 50, 60, 70], [0, 0, 150, 150, 150], [220], 50, 0, None, "REWIND"),
    ("went back and came up to where it was", [100, 200, 50, 120, 200], [10, 10, 160, 90, 10], [210], 50, 0, None, "OK"),
    ("went back and passed where it was", [100, 200, 50, 120, 260], [10, 10, 160, 160, 160], [420], 50, 0, None, "WARN"),
    ("went back with the last commit", [100, 200, 300, 400, 100], [5, 5, 5, 5, 305], [405], 50, 0, None, "REWIND"),
    ("only the first step back is looked at", [100, 200, 150, 220, 180], [9, 9, 60, 9, 60], [240], 50, 0, None, "OK"),
    ("stopped is said before rewound", [100, 200, 50, 60, 70], [10, 10, 160, 150, 140], [210], 500, 0, None, "STOP"),
    ("lag touched zero in the window", UP, [10, 0, 30, 40, 50], [550], 50, 0, None, "OK"),
    ("lag touched what is allowed", UP, [20, 15, 30, 40, 50], [550], 50, 15, None, "OK"),
    ("lag only touched one more than allowed", UP, [16, 16, 30, 40, 50], [550], 50, 15, None, "WARN"),
    ("the same offset again and again", [500] * 5, GROWING, [550], 50, 0, None, "STALL"),
    ("the same offset, the same lag", [500] * 5, [50] * 5, [550], 50, 0, None, "STALL"),
    ("the same offset, lag zero at first", [500] * 5, [0, 20, 30, 40, 50], [550], 50, 0, None, "OK"),
    ("the same offset, no sample known", [500] * 5, [None] * 5, [550], 50, 0, None, "STALL"),
    ("reads, falls behind", UP, GROWING, [550], 50, 0, None, "WARN"),
    ("reads, the lag stays", UP, [50] * 5, [550], 50, 0, None, "WARN"),
    ("reads, the lag went down once", UP, [10, 20, 15, 40, 50], [550], 50, 0, None, "OK"),
    ("unknown samples are passed over", UP, [10, None, 20, None, 50], [550], 50, 0, None, "WARN"),
    ("down across an unknown sample", UP, [30, None, 20, None, 50], [550], 50, 0, None, "OK"),
    ("reads, no sample known", UP, [None] * 5, [550], 50, 0, None, "WARN"),
    ("no end seen: the last known sample is the lag", UP, GROWING, [], 50, 0, None, "WARN"),
    ("no end seen, the last sample says caught up", UP, [10, 20, 30, 0, None], [], 50, 0, None, "OK"),
    ("nothing known of the lag is not zero", UP, [None] * 5, [], 5000, 0, None, "UNKNOWN"),
    ("a lag below zero is zero", UP, GROWING, [], 5000, 0, -3, "OK"),
]


@pytest.mark.parametrize(("name", "offsets", "lags", "ends", "now_s", "allowed", "current", "status"), CASES, ids=[c[0] for c in CASES])
def test_the_rules(
    name: str, offsets: list[int], lags: list[int | None], ends: list[int], now_s: int, allowed: int, current: int | None, status: str
) -> None:
    verdict = evaluate(
        commits=commits(offsets, lags), end_offsets=ends, now_ms=now_s * S, allowed_lag=allowed, current_lag=current
    )
    assert verdict.status == status, verdict.reason
    assert verdict.reason.endswith(".") and "\n" not in verdict.reason


def test_reasons_name_the_facts() -> None:
    said = {
        status: evaluate(commits=commits(o, lag), end_offsets=[e], now_ms=n * S).reason
        for status, o, lag, e, n in [
            ("STOP", UP, GROWING, 550, 81),
            ("REWIND", [100, 200, 50], [10, 10, 160], 210, 30),
            ("STALL", [500] * 3, [1, 1, 1], 501, 30),
            ("WARN", UP, GROWING, 550, 50),
        ]
    }
    assert said == {
        "STOP": "The group has committed nothing for 41 s, longer than the 40 s that its last 5 commits span, and is 50 records behind.",
        "REWIND": "The group went back from offset 200 to 50 and has not reached 200 again.",
        "STALL": "The last 3 commits are all of offset 500 with a lag of 1 record.",
        "WARN": "The group reads, but over its last 5 commits its lag never went down; it is 50 records.",
    }


def verdicts(*statuses: str) -> list[Verdict]:
    return [Verdict(Status(s), f"why {s}.", None if s == "UNKNOWN" else 1) for s in statuses]


@pytest.mark.parametrize(
    ("partitions", "group", "lag"),
    [
        ([], "NOTFOUND", None),
        (["OK"], "OK", 1),
        (["OK", "UNKNOWN"], "OK", 1),
        (["UNKNOWN"], "UNKNOWN", None),
        (["OK", "WARN"], "WARN", 2),
        (["WARN", "STOP", "OK"], "ERR", 3),
        (["STALL"], "ERR", 1),
        (["REWIND", "UNKNOWN"], "ERR", 1),
    ],
)
def test_a_group_is_its_worst_partition(partitions: list[str], group: str, lag: int | None) -> None:
    verdict = evaluate_group(verdicts(*partitions))
    assert (verdict.status, verdict.current_lag) == (group, lag)


offset = st.integers(0, 2**62)
histories = st.lists(st.tuples(offset, st.integers(0, 10**6), st.none() | st.integers(0, 1000)), max_size=12).map(
    lambda rows: sorted(rows, key=lambda row: row[1])
)


@given(histories, st.lists(offset, max_size=10), st.integers(0, 10**7), st.integers(0, 1000), st.none() | st.integers(0, 2000))
def test_what_holds_for_every_history(
    history: list[Commit], ends: list[int], now: int, allowed: int, current: int | None
) -> None:
    verdict = evaluate(commits=history, end_offsets=ends, now_ms=now, allowed_lag=allowed, current_lag=current)
    assert verdict.status in {"OK", "WARN", "STOP", "STALL", "REWIND", "UNKNOWN"}
    assert verdict.current_lag is None or verdict.current_lag >= 0
    if verdict.status in {"WARN", "STOP", "STALL", "REWIND"}:
        assert verdict.current_lag is not None and verdict.current_lag > allowed and history
    if verdict.status == "UNKNOWN":
        assert not ends and current is None
    generous = evaluate(commits=history, end_offsets=ends, now_ms=now, allowed_lag=2**63, current_lag=current)
    assert generous.status in {"OK", "UNKNOWN"}


@given(histories, st.lists(offset, max_size=10), st.integers(0, 10**6), st.integers(0, 10**7))
def test_time_passing_alone_only_ever_stops(history: list[Commit], ends: list[int], now: int, later: int) -> None:
    before = evaluate(commits=history, end_offsets=ends, now_ms=now)
    after = evaluate(commits=history, end_offsets=ends, now_ms=now + later)
    assert after.status in {before.status, "STOP"}


@given(st.permutations(["OK", "WARN", "STOP", "UNKNOWN", "REWIND"]))
def test_a_group_does_not_depend_on_order(partitions: list[str]) -> None:
    assert evaluate_group(verdicts(*partitions)).status == "ERR"
