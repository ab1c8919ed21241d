"""How often the analysis looks: seldom enough to leave the processor to others, often enough that what is said of a group is of now."""

from __future__ import annotations

import time
from typing import Any

import pytest

from kafkascope.server.analysis import INTERVAL_S, Analysis


@pytest.fixture
def analysis() -> Analysis:
    return Analysis(store=None)  # type: ignore[arg-type]


def slow_step(analysis: Analysis, monkeypatch: pytest.MonkeyPatch, work: Any) -> None:
    monkeypatch.setattr(analysis.monitor, "step", lambda now_ns: work() or {})
    analysis.step()
    assert analysis.problem is None


def test_a_step_that_waited_for_others_is_followed_by_the_usual_pause(analysis: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    slow_step(analysis, monkeypatch, lambda: time.sleep(0.4))
    assert analysis.step_s >= 0.4
    assert analysis.pause_s == INTERVAL_S


def test_a_step_that_worked_is_followed_by_ten_times_its_work(analysis: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    def work() -> None:
        until = time.thread_time() + 0.3
        while time.thread_time() < until:
            pass

    slow_step(analysis, monkeypatch, work)
    assert 3.0 <= analysis.pause_s <= 15.0


def test_no_step_is_followed_by_minutes_of_silence(analysis: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 30.0])
    monkeypatch.setattr("kafkascope.server.analysis.time.thread_time", lambda: next(clock))
    slow_step(analysis, monkeypatch, lambda: None)
    assert analysis.pause_s == 15.0
