"""What commits cannot tell: each finding when it holds, when it does not yet, and the sentence that says why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from analysis_rows import CAPTURED, SECOND, captured, table

from kafkascope.analysis import lag, transactions
from kafkascope.analysis.findings import failing, paused, rebalance, throttled, transaction, uncommitted
from kafkascope.analysis.findings.finding import Finding
from kafkascope.analysis.lag import Rows
from kafkascope.analysis.rebalances import rebalances

Row = dict[str, Any]
NOW = 200 * SECOND


def said(findings: list[Finding]) -> list[str]:
    assert all(f.reason.endswith(".") and f.since_ns <= NOW for f in findings)
    return [f.reason for f in findings]


def got(at: float, first: int, last: int, **more: Any) -> Row:
    return {"at": at, "fetch_offset": first, "first_offset": first, "last_offset": last, "records": last - first + 1} | more


def commit(at: float, offset: int, **more: Any) -> Row:
    return {"at": at, "offset": offset} | more


READING = [got(100, 0, 9), got(150, 10, 19), got(195, 20, 29)]


@pytest.mark.parametrize(
    ("name", "commits", "fetches", "reasons"),
    [
        ("never commits", [], READING, ["g has read t-0 up to offset 30, and has committed nothing in 100 s of reading."]),
        ("stopped to commit", [commit(120, 10)], READING, []),
        (
            "stopped to commit long ago",
            [commit(101, 10)],
            [*READING, got(102, 10, 10)],
            ["g has read t-0 up to offset 30, and has committed nothing beyond 10 in 98 s of reading."],
        ),
        ("commits", [commit(190, 20)], READING, []),
        ("has begun just now", [], READING[1:], []),
        ("does not read any more", [], READING[:2], []),
        ("refused commits do not count", [commit(190, 20, error_code=25)], READING, ["g has read t-0 up to offset 30, and has committed nothing in 100 s of reading."]),
        ("the group is not known", [], [r | {"group_id": ""} for r in READING], []),
        ("share groups commit nothing", [], [r | {"fetch_offset": None} for r in READING], []),
        ("a follower's replication", [], [r | {"replica_id": 2} for r in READING], []),
        ("reads again what it has", [commit(100, 50)], READING, []),
    ],
)  # fmt: skip
def test_reading_without_commits(name: str, commits: list[Row], fetches: list[Row], reasons: list[str]) -> None:
    assert said(uncommitted.find(table("kafka_commits", *commits), table("kafka_fetch", *fetches), now_ns=NOW)) == reasons


def stable(at: float, lso: int, hw: int) -> Row:
    return {"at": at, "last_stable_offset": lso, "high_watermark": hw, "isolation_level": 1}


def ended(*rows: tuple[str, float, bool]) -> pa.Table:
    made = [
        {"cluster_id": "", "transactional_id": i, "time_": round(t * SECOND), "response_time": round(t * SECOND), "committed": c} for i, t, c in rows
    ]
    return pa.Table.from_pylist(made, schema=transactions.ENDS)


def written(at: float, base: int, transactional_id: str) -> Row:
    return {"at": at, "base_offset": base, "last_offset": base + 4, "records": 5, "transactional_id": transactional_id, "client_id": "payments"}


HELD = [stable(100, 10, 15), stable(150, 10, 20), stable(195, 10, 30)]
BY_X = "t-0 is held at offset 10 for 100 s by transaction x of payments; readers of committed transactions do not get the 20 offsets behind it."
BY_UNSEEN = (
    "t-0 is held at offset 10 for 100 s by a transaction whose producer was not seen; readers of committed transactions do not get the 20 offsets"
    " behind it."
)


@pytest.mark.parametrize(
    ("name", "produces", "fetches", "ends", "reasons"),
    [
        ("never ended", [written(99, 10, "x")], HELD, [], [BY_X]),
        ("the producer was not seen", [], HELD, [], [BY_UNSEEN]),
        ("one before and one of another came to an end", [written(50, 5, "x"), written(99, 10, "x")], HELD, [("x", 60, True), ("y", 150, True)], [BY_X]),
        ("another transaction waits behind it", [written(99, 10, "x"), written(120, 15, "z")], HELD, [], [BY_X]),
        ("ended, the readers have not asked since", [written(99, 10, "x")], HELD, [("x", 199, False)], [BY_UNSEEN]),
        ("moves on", [written(99, 10, "x")], [*HELD, stable(199, 30, 30)], [], []),
        ("is young", [written(150, 10, "x")], [stable(100, 10, 10), stable(160, 10, 20)], [], []),
        ("another now", [], [stable(100, 10, 15), stable(190, 12, 20)], [], []),
    ],
)
def test_hung_transaction(
    name: str, produces: list[Row], fetches: list[Row], ends: Sequence[tuple[str, float, bool]], reasons: list[str]
) -> None:
    found = transaction.find(table("kafka_produce", *produces), table("kafka_fetch", *fetches), ended(*ends), now_ns=NOW)
    assert said(found) == reasons


def member(time: float, event: str, name: str, generation: int, **more: Any) -> Row:
    return {"time_": time, "event": event, "member_id": name, "client_id": f"client-{name}", "generation": generation} | more


BEGUN = [member(0, "join", "a", 1), member(1, "sync", "a", 1, assigned='[{"topic":"t","partitions":[0]}]')]


@pytest.mark.parametrize(
    ("name", "events", "reasons"),
    [
        ("in order", [], []),
        (
            "waits for somebody",
            [member(50, "join", "b", -1, error_code=79), member(50, "join", "b", 2), member(60, "join", "a", -1, error_code=None)],
            ["g is in a rebalance for 150 s (member joined: client-b); client-a had partitions and wait."],
        ),
        ("has just begun", [member(190, "join", "b", 2)], []),
    ],
)
def test_stuck_in_rebalance(name: str, events: list[Row], reasons: list[str]) -> None:
    assert said(rebalance.find(rebalances(table("kafka_group_events", *BEGUN, *events)), now_ns=NOW)) == reasons


def failed(at: float, code: int = 3, **more: Any) -> Row:
    return {"at": at, "error_code": code, "client_id": "app"} | more


@pytest.mark.parametrize(
    ("name", "fetches", "reasons"),
    [
        ("fails on", [failed(170), failed(180), failed(190, 29)], ["app asks for t-0 and got 3 errors and no answer in 30 s, the last TOPIC_AUTHORIZATION_FAILED."]),
        ("an error without a name", [failed(170), failed(180), failed(190, 999)], ["app asks for t-0 and got 3 errors and no answer in 30 s, the last error 999."]),
        ("a moved leader", [failed(170, 6), failed(180, 6), failed(181, 0)], []),
        ("one answer between", [failed(160), failed(170), failed(175, 0), failed(180), failed(190)], []),
        ("fails since a moment", [failed(197), failed(198), failed(199)], []),
        ("has given up", [failed(100), failed(110), failed(120)], []),
        ("another client fares well", [failed(170), failed(180), failed(190), failed(195, 0, client_id="other")],
         ["app asks for t-0 and got 3 errors and no answer in 30 s, the last UNKNOWN_TOPIC_OR_PARTITION."]),
        ("followers look after themselves", [failed(t, replica_id=1) for t in (170, 180, 190)], []),
    ],
)  # fmt: skip
def test_fetching_but_failing(name: str, fetches: list[Row], reasons: list[str]) -> None:
    assert said(failing.find(table("kafka_fetch", *fetches), now_ns=NOW)) == reasons


def read(at: float, partition: int, position: int, end: int) -> Row:
    return {"at": at, "partition": partition, "fetch_offset": position, "high_watermark": end}


@pytest.mark.parametrize(
    ("name", "fetches", "produced", "reasons"),
    [
        ("not asked for", [read(100, 0, 5, 5), read(195, 1, 9, 9)], 150, ["g does not ask for t-0 for 100 s though 1 record waits there, and reads other partitions."]),
        ("nothing is there to read", [read(100, 0, 5, 5), read(195, 1, 9, 9)], None, []),
        ("the whole group is silent", [read(100, 0, 5, 5), read(120, 1, 9, 9)], 150, []),
        ("asked for lately", [read(180, 0, 5, 5), read(195, 1, 9, 9)], 185, []),
    ],
)  # fmt: skip
def test_paused(name: str, fetches: list[Row], produced: float | None, reasons: list[str]) -> None:
    produces = [{"at": produced, "base_offset": 5, "last_offset": 5, "records": 1}] if produced else []
    rows = Rows(None, table("kafka_fetch", *fetches), table("kafka_produce", *produces))
    assert said(paused.find(lag.partitions(rows, now_ns=NOW), now_ns=NOW)) == reasons


@pytest.mark.parametrize(
    ("name", "waits", "reasons"),
    [
        ("slowed down", [(150, 80), (160, 0), (170, 40)], ["app was throttled in 2 of 3 Fetch requests within 60 s, 0.12 s in all and 0.08 s at most."]),
        ("a moment only", [(150, 80), (160, 0)], []),
        ("long ago", [(50, 800), (160, 0)], []),
        ("unknown is not slow", [(150, None)], []),
    ],
)
def test_throttled(name: str, waits: list[tuple[float, int | None]], reasons: list[str]) -> None:
    events = table("kafka_events.beta", *({"time_": t, "throttle_ms": ms, "client_id": "app"} for t, ms in waits))
    assert said(throttled.find(events, now_ns=NOW)) == reasons


@pytest.mark.parametrize("capture", CAPTURED)
def test_nothing_is_wrong_in_the_golden_captures(capture: str) -> None:
    """Healthy clients, short of what the harness made them do; looked at from the middle of the recording and from its end."""
    tables = captured(capture)
    commits, fetch, produce, events = (tables[n] for n in ("kafka_commits", "kafka_fetch", "kafka_produce", "kafka_events.beta"))
    times = events["time_"].to_pylist()
    ends = transactions.ends(events)
    for now_ns in (min(times) + (max(times) - min(times)) // 2, max(times)):
        partitions = lag.partitions(Rows(commits, fetch, produce, transactions=ends), now_ns=now_ns)
        assert uncommitted.find(commits, fetch, now_ns=now_ns) == []
        assert transaction.find(produce, fetch, ends, now_ns=now_ns) == []
        assert failing.find(fetch, now_ns=now_ns) == []
        assert paused.find(partitions, now_ns=now_ns) == []
        assert throttled.find(events, now_ns=now_ns) == []
    assert rebalance.find(rebalances(tables["kafka_group_events"]), now_ns=max(times)) == []
