"""Rules of a running server: their file changes, goes wrong, goes away and comes back."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from test_alerts import LATE, S, at, group
from test_notify import wait

from kafkascope.alerts import engine, rules
from kafkascope.alerts.engine import Alerts
from kafkascope.alerts.notify import Notifier
from kafkascope.alerts.reload import RuleWatch
from kafkascope.analysis.monitor import Monitor
from kafkascope.server.analysis import Analysis
from kafkascope.store import Store

WRONG = LATE.replace("lag_seconds > 1m", "lag_seconds is high")


class Watched:
    """A file with its watch; each look is one of a server's steps."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_text(LATE)
        self.watch = RuleWatch(rules.load(path))

    def looks(self, times: int = 3) -> list[list[str]]:
        found = [self.watch.changed() for _ in range(times)]
        return [[rule.when for rule in one.rules] for one in found if one is not None]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "rules.toml")


def test_a_file_is_read_again_when_it_has_changed_and_rests(watched: Watched) -> None:
    assert watched.looks() == []
    watched.path.write_text(LATE.replace("1m", "2m"))
    assert watched.looks(1) == [], "it may still be being written"
    assert watched.looks() == [["lag_seconds > 2m"]]
    watched.path.touch()
    assert watched.looks() == []


def test_a_file_that_is_replaced_by_another(watched: Watched) -> None:
    watched.looks()
    other = watched.path.with_suffix(".new")
    other.write_text(LATE.replace("1m", "3m"))
    other.rename(watched.path)
    assert watched.looks() == [["lag_seconds > 3m"]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WRONG, "rules.toml, line 1, alert 1 (late): when: expected FIELD OPERATOR VALUE, found 'lag_seconds is high' (such as"),
        (LATE + "\n# more\n" + LATE.replace("group", "groups").replace("late", "later"), "rules.toml, line 8, alert 2 (later): on: expected one of group,"),
        (LATE + "[[alert\n", "line 6, column"),
        (None, "rules.toml cannot be read: No such file or directory (name a TOML file"),
    ],
    ids=["a condition", "the second rule", "not TOML", "gone"],
)
def test_a_file_that_is_wrong_is_told_of_once_and_the_rules_before_it_stay(watched: Watched, caplog: pytest.LogCaptureFixture, text: str | None, said: str) -> None:
    watched.looks()
    if text is None:
        watched.path.unlink()
    else:
        watched.path.write_text(text)
    with caplog.at_level(logging.WARNING):
        assert watched.looks(5) == []
    (line,) = caplog.messages
    assert said in line and watched.watch.problem is not None and said in watched.watch.problem
    watched.path.write_text(LATE)
    assert watched.looks() == [], "nothing has changed against the rules in force"
    assert watched.watch.problem is None


def test_the_rules_that_come_with_px_are_not_looked_after() -> None:
    assert rules.load().path is None


def test_what_is_open_stays_under_a_rule_of_its_name_and_closes_without() -> None:
    late = [at(t, groups=(group(lag_seconds=70.0),)) for t in (0, 10)]
    alerts = Alerts(rules.parse(LATE))
    (told,) = [e for s in late for e in alerts.evaluate(Monitor(), s)]
    assert alerts.adopt(rules.parse(LATE.replace("1m", "30s")), 15 * S) == [] and alerts.open() == [told]
    (closed,) = alerts.adopt(rules.parse(LATE.replace("late", "later")), 20 * S)
    assert (closed.event, closed.alert, closed.subject, closed.time_ns, closed.since_ns) == ("close", "late", "g", 20 * S, 0)
    assert alerts.open() == [] and alerts.recent[-1] == closed
    assert alerts.evaluate(Monitor(), at(22, groups=(group(lag_seconds=70.0),))) == []


def test_a_receiver_that_goes_is_sent_what_waits_and_one_that_stays_goes_on(tmp_path: Path) -> None:
    def appending(name: str) -> rules.Notify:
        return rules.Notify(command=("/bin/sh", "-c", f"cat >> {tmp_path / name}; echo >> {tmp_path / name}"))

    (event,) = Alerts(rules.parse(LATE.replace("10s", "0s"))).evaluate(Monitor(), at(0, groups=(group(lag_seconds=70.0),)))
    notifier = Notifier([appending("goes"), appending("stays")])
    notifier.send([event])
    notifier.retarget([appending("stays"), appending("comes")])
    notifier.send([event])
    notifier.close()
    # The one that goes is not waited for at the end.
    wait(lambda: notifier.sent == 4)
    assert {path.name: len(path.read_text().splitlines()) for path in tmp_path.iterdir()} == {"goes": 1, "stays": 2, "comes": 1}
    assert notifier.problems == 0


def test_a_server_takes_the_rules_of_its_file_as_they_are_now(tmp_path: Path) -> None:
    path, out = tmp_path / "rules.toml", tmp_path / "events"
    always = '[[alert]]\nname = "%s"\non = "group"\nwhen = "lag >= 0"\n'
    notify = f'[[notify]]\ncommand = ["/bin/sh", "-c", "cat >> {out}; echo >> {out}"]\n'
    path.write_text(always % "first" + notify)
    with Store(None, memory_limit="256MB") as store:
        analysis = Analysis(store, rules=rules.load(path))
        analysis.monitor = _Fixed()  # type: ignore[assignment]
        told: list[tuple[str, str]] = []

        def steps(count: int) -> None:
            for _ in range(count):
                analysis.step()
            assert analysis.problem is None
            told[:] = [(e.event, e.alert) for e in analysis.alerts.recent]

        steps(3)
        assert told == [("open", "first")]
        path.write_text("[[alert]]\n")
        steps(3)
        assert told == [("open", "first")] and "line 1, alert 1: expected a name" in analysis.described_alerts()["rulesProblem"]
        path.write_text(always % "second" + notify)
        steps(3)
        assert told == [("open", "first"), ("close", "first"), ("open", "second")] and analysis.described_alerts()["rulesProblem"] is None
        analysis.close()
        stored = store.engine().execute(store.engine().scan("kafka_alerts", None, None, engine.COLUMNS), timeout_s=10).to_pylist()
        assert [(r["event"], r["alert"]) for r in stored] == told
    assert [(e["event"], e["alert"]) for e in map(json.loads, out.read_text().splitlines())] == told


class _Fixed(Monitor):
    """A monitor that always finds one group."""

    def step(self, now_ns: int) -> dict[str, Any]:
        self.last = at(now_ns / S, groups=(group(lag=0),))
        return {}
