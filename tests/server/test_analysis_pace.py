"""How often the analysis looks: seldom enough to leave the processor to others, often enough that what is said of a group is of now."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from kafkascope.alerts.rules import Notify, RuleFile
from kafkascope.server.analysis import INTERVAL_S, Analysis
from kafkascope.store import audience
from kafkascope.store.audience import Audience

LAG = ("kafka_lag",)


@pytest.fixture
def analysis() -> Analysis:
    analysis = Analysis(store=SimpleNamespace(audience=Audience(0)))  # type: ignore[arg-type]
    analysis.store.audience.look()
    return analysis


@pytest.fixture
def unwatched() -> Analysis:
    return Analysis(store=SimpleNamespace(audience=Audience(0)))  # type: ignore[arg-type]


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


def test_while_nobody_looks_steps_are_fewer(unwatched: Analysis) -> None:
    assert INTERVAL_S < unwatched.pause_s <= 10.0
    unwatched.prepare(())
    assert unwatched.pause_s == INTERVAL_S


def test_whoever_is_to_be_notified_looks_always() -> None:
    rules = RuleFile((), (Notify(command=("true",)),), 60.0)
    analysis = Analysis(store=SimpleNamespace(audience=Audience(0)), rules=rules)  # type: ignore[arg-type]
    assert analysis.pause_s == INTERVAL_S
    analysis.close()


def test_who_asks_after_a_silence_is_answered_with_what_is_now(unwatched: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [time.monotonic() + 1]
    monkeypatch.setattr("kafkascope.server.analysis.time.monotonic", lambda: now[0])
    monkeypatch.setattr(unwatched.monitor, "step", lambda now_ns: {})
    unwatched.step()
    steps = unwatched.steps
    now[0] += INTERVAL_S / 2
    unwatched.prepare(LAG)
    assert unwatched.steps == steps, "young enough"
    now[0] += audience.HELD_S + 1
    unwatched.prepare(("kafka_produce",))
    assert unwatched.steps == steps, "nothing that the analysis makes"
    now[0] += audience.HELD_S + 1
    unwatched.prepare(LAG)
    assert unwatched.steps == steps + 1
    now[0] += INTERVAL_S
    unwatched.prepare(LAG)
    assert unwatched.steps == steps + 1, "while somebody looks the thread does it"
