"""Rules of alerts: what is accepted, when each kind opens and closes, and that events arrive."""

from __future__ import annotations

import json
import time
from typing import Any

import pyarrow as pa
import pytest

from kafkascope.alerts import engine, rules
from kafkascope.alerts.engine import Alerts, Event
from kafkascope.analysis.findings.finding import Finding
from kafkascope.analysis.monitor import Monitor, Snapshot
from kafkascope.analysis.traffic import Client
from kafkascope.server.analysis import Analysis
from kafkascope.store import Store, catalogue

S = 1_000_000_000


def rows(table: str, *given: dict[str, Any]) -> pa.Table:
    schema = catalogue.load()[table].schema
    zero = {pa.string(): "", pa.bool_(): False}
    return pa.Table.from_pylist([{f.name: row.get(f.name, zero.get(f.type)) for f in schema} for row in given], schema=schema)


def at(second: float, *, groups: tuple[dict[str, Any], ...] = (), lag: tuple[dict[str, Any], ...] = (), findings: tuple[Finding, ...] = ()) -> Snapshot:
    return Snapshot(round(second * S), rows("kafka_lag", *lag), rows("kafka_group_lag", *groups), list(findings))


def group(name: str = "g", **values: Any) -> dict[str, Any]:
    return {"cluster_id": "c", "group_id": name, "reason": "It has stopped.", **values}


def run(text: str, *snapshots: Snapshot, monitor: Monitor | None = None) -> list[tuple[float, str, str, str]]:
    alerts = Alerts(rules.parse(text))
    return [(e.time_ns / S, e.event, e.alert, e.subject) for s in snapshots for e in alerts.evaluate(monitor or Monitor(), s)]


LATE = '[[alert]]\nname = "late"\non = "group"\nwhen = "lag_seconds > 1m"\nfor = "10s"\n'


def test_an_alert_opens_after_its_time_and_closes_when_the_condition_stays_away() -> None:
    snapshots = [at(t, groups=(group(lag_seconds=70.0 if t < 30 or t == 35 else 5.0),)) for t in range(0, 100, 5)]
    # It holds from 0 to 25 and once more at 35: no new alert, and the close waits from there.
    assert run(LATE, *snapshots) == [(10, "open", "late", "g"), (65, "close", "late", "g")]


def test_what_holds_for_a_moment_only_opens_nothing() -> None:
    assert run(LATE, at(0, groups=(group(lag_seconds=70.0),)), at(5, groups=(group(lag_seconds=1.0),)), at(12, groups=(group(lag_seconds=70.0),))) == []


@pytest.mark.parametrize(
    ("when", "values", "holds"),
    [
        ("status >= ERR", {"status": "ERR"}, True),
        ("status >= ERR", {"status": "WARN"}, False),
        ("status == WARN", {"status": "WARN"}, True),
        ("status != OK", {"status": "UNKNOWN"}, False),
        ("state == Empty", {"state": "Empty"}, True),
        ("lag > 100", {"lag": None}, False),
        ("lag > 100", {"lag": 101}, True),
        ("members == 0", {"members": 0}, True),
        ("time_to_drain > 1h", {"time_to_drain": 4000.0}, True),
    ],
)
def test_conditions(when: str, values: dict[str, Any], holds: bool) -> None:
    text = f'[[alert]]\nname = "a"\non = "group"\nwhen = "{when}"\n'
    assert bool(run(text, at(0, groups=(group(**values),)))) is holds


def test_only_the_groups_that_are_named() -> None:
    text = LATE.replace("10s", "0s") + 'group = "orders-.*"\n'
    assert [e[3] for e in run(text, at(0, groups=(group("orders-a", lag_seconds=99.0), group("other", lag_seconds=99.0))))] == ["orders-a"]


def test_partitions() -> None:
    text = '[[alert]]\nname = "p"\non = "partition"\nwhen = "status >= STOP"\nsummary = "{group} {topic} {partition}: {reason}"\n'
    alerts = Alerts(rules.parse(text))
    (event,) = alerts.evaluate(Monitor(), at(0, lag=({"group_id": "g", "topic": "t", "partition": 3, "status": "STALL", "reason": "r"},)))
    assert (event.subject, event.summary) == ("g/t/3", "g t 3: r")


def test_findings() -> None:
    text = '[[alert]]\nname = "hung"\non = "finding"\nkind = "hung_transaction"\nsummary = "{reason}"\n'
    found = Finding("hung_transaction", "t-0 is held.", 0, "c", "", "t", 0)
    alerts = Alerts(rules.parse(text))
    (event,) = alerts.evaluate(Monitor(), at(60, findings=(found, Finding("paused", "p", 0))))
    assert (event.summary, event.value) == ("t-0 is held.", 60.0)


def test_rebalances_within_an_hour() -> None:
    monitor = Monitor()
    from collections import deque

    monitor._rebalanced[("c", "g")] = deque([10 * S, 20 * S, 5000 * S])
    text = '[[alert]]\nname = "often"\non = "rebalances"\nwhen = "per_hour > 1"\n'
    assert run(text, at(30), monitor=monitor)[0][1:] == ("open", "often", "g")
    assert run(text, at(3615), monitor=monitor) == [(3615, "open", "often", "g")]
    monitor._rebalanced[("c", "g")] = deque([10 * S, 20 * S, 5000 * S])
    assert run(text, at(5001), monitor=monitor) == []


def test_the_share_of_failing_requests() -> None:
    monitor = Monitor()
    text = '[[alert]]\nname = "failing"\non = "client"\nwhen = "error_rate > 10%"\nsummary = "{client} {api} {value:.0%}"\n'
    alerts = Alerts(rules.parse(text))
    monitor.traffic.clients["app", "Fetch"] = Client(1000, 0)
    assert alerts.evaluate(monitor, at(0)) == []
    monitor.traffic.clients["app", "Fetch"] = Client(1019, 19)
    # Of so few requests nothing is said.
    assert alerts.evaluate(monitor, at(30)) == []
    monitor.traffic.clients["app", "Fetch"] = Client(1100, 25)
    assert [e.summary for e in alerts.evaluate(monitor, at(60))] == ["app Fetch 25%"]


def test_more_open_alerts_than_allowed_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MAX_OPEN", 2)
    alerts = Alerts(rules.parse(LATE.replace("10s", "0s")))
    assert len(alerts.evaluate(Monitor(), at(0, groups=tuple(group(f"g{i}", lag_seconds=99.0) for i in range(5))))) == 2
    assert alerts.dropped == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[alert]]\n", "alert 1: expected a name"),
        ('[[alert]]\nname = "a"\non = "pod"\nwhen = "x > 1"\n', "on: expected one of group, partition, rebalances, client, topic, finding, found 'pod'"),
        ('[[alert]]\nname = "a"\non = "group"\nwhen = "speed > 1"\n', "when: group has no 'speed' (it has lag, max_lag"),
        ('[[alert]]\nname = "a"\non = "group"\nwhen = "lag is high"\n', "when: expected FIELD OPERATOR VALUE, found 'lag is high'"),
        ('[[alert]]\nname = "a"\non = "group"\nwhen = "lag > many"\n', "when: expected a number, found 'many'"),
        ('[[alert]]\nname = "a"\non = "group"\nwhen = "status > BAD"\n', "expected one of NOTFOUND, OK"),
        ('[[alert]]\nname = "a"\non = "group"\nwhen = "lag > 1"\nfor = "soon"\n', "for: expected a duration, found 'soon' (such as 30s"),
        ('[[alert]]\nname = "a"\non = "group"\nwhen = "lag > 1"\ngroup = "("\n', "group: expected a regular expression, found '('"),
        ('[[alert]]\nname = "a"\non = "group"\nwhen = "lag > 1"\nsummary = "{nothing}"\n', "summary: 'nothing' is nothing to put in"),
        ('[[alert]]\nname = "a"\non = "group"\nwhen = "lag > 1"\ncolour = "red"\n', "unknown key 'colour'"),
        (2 * '[[alert]]\nname = "a"\non = "group"\nwhen = "lag > 1"\n', "the name 'a' is used twice"),
        ('[[notify]]\nwebhook = "ftp://x"\n', "webhook: expected an http or https URL, found 'ftp://x'"),
        ('[[notify]]\nwebhook = "http://x"\ncommand = ["y"]\n', "expected either webhook or command"),
        ('[[notify]]\ncommand = "rm -r"\n', "command: expected a list of words"),
        ("alert = 3\n", "expected tables [[alert]]"),
        ("[[alert\n", "rules: "),
    ],
)
def test_a_file_that_does_not_fit(text: str, said: str) -> None:
    with pytest.raises(rules.RuleError) as error:
        rules.parse(text)
    assert said in str(error.value)


def test_the_rules_that_come_with_px() -> None:
    found = rules.load()
    assert {rule.on for rule in found.rules} == {"group", "rebalances", "finding", "client"} and not found.notify
    stopped = [at(t, groups=(group("orders", status="ERR"),)) for t in (0, 30, 61)]
    alerts = Alerts(found)
    (event,) = [e for s in stopped for e in alerts.evaluate(Monitor(), s)]
    assert (event.alert, event.severity, event.summary) == ("consumer_group_stopped", "critical", "orders: It has stopped.")


def test_after_a_restart_an_open_alert_is_not_told_again_but_closed() -> None:
    late = [at(t, groups=(group(lag_seconds=70.0),)) for t in (0, 10)]
    before = Alerts(rules.parse(LATE))
    told = [e for s in late for e in before.evaluate(Monitor(), s)]
    closed_before = Event(5 * S, "late", "close", "warning", "other", {"cluster": "c", "group": "other"}, None, "", 1 * S)
    gone_rule = Event(6 * S, "removed", "open", "warning", "g", {"cluster": "c", "group": "g"}, 1.0, "", 1 * S)
    after = Alerts(rules.parse(LATE))
    closed = after.restore(engine.rows([*told, closed_before, gone_rule]), 20 * S)
    assert (after.open(), [(e.event, e.alert, e.time_ns) for e in closed]) == (told, [("close", "removed", 20 * S)])
    assert after.evaluate(Monitor(), at(25, groups=(group(lag_seconds=80.0),))) == []
    found = [e for t in (30, 60) for e in after.evaluate(Monitor(), at(t, groups=(group(lag_seconds=1.0),)))]
    assert [(e.event, e.alert, e.subject, e.since_ns) for e in found] == [("close", "late", "g", 0)]


def test_a_server_takes_up_what_was_open_from_its_store() -> None:
    with Store(None, memory_limit="256MB", retention_age_s=1 << 40) as store:
        for batch in engine.rows([EVENT]).to_batches():
            store.append("kafka_alerts", batch)
        analysis = Analysis(store, rules=rules.parse(LATE), interval_s=600)
        analysis.start()
        end = time.monotonic() + 30
        while not analysis.alerts.open() and time.monotonic() < end:
            time.sleep(0.01)
        assert (analysis.alerts.open(), analysis.problem) == ([EVENT], None)
        analysis.close()


def test_what_a_store_has_open_is_closed_there_when_its_rule_has_gone() -> None:
    with Store(None, memory_limit="256MB", retention_age_s=1 << 40) as store:
        for batch in engine.rows([EVENT]).to_batches():
            store.append("kafka_alerts", batch)
        analysis = Analysis(store, rules=rules.parse(""), interval_s=600)
        analysis.start()
        end, read, told = time.monotonic() + 30, store.engine(), []
        while len(told) < 2 and time.monotonic() < end:
            time.sleep(0.01)
            told = read.execute(read.scan("kafka_alerts", None, None, ["event", "alert"]), timeout_s=20).to_pylist()
        assert (sorted((row["alert"], row["event"]) for row in told), analysis.alerts.open()) == ([("late", "close"), ("late", "open")], [])
        analysis.close()


EVENT = Event(1_500_000_000, "late", "open", "warning", "g", {"group": "g"}, 70.0, "g is late", 1_000_000_000)


def test_events_as_rows() -> None:
    (row,) = engine.rows([EVENT]).to_pylist()
    assert (row["alert"], row["event"], row["value"], json.loads(row["labels"]), row["since"]) == ("late", "open", 70.0, {"group": "g"}, S)
