"""What the analysis writes: when something changes, again when nothing does, and an end for what is gone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from analysis_rows import SECOND, captured, table

from kafkascope.analysis import monitor as monitors
from kafkascope.analysis import replay
from kafkascope.analysis.monitor import Monitor
from kafkascope.server.analysis import Analysis
from kafkascope.store import Store, catalogue

CLUSTER = "c"
DEFAULTS: dict[str, dict[str, Any]] = {"commits": {"member_id": "m", "generation": 1}}


class Steps:
    """A monitor that is given rows of one moment after another."""

    def __init__(self) -> None:
        self.monitor = Monitor()

    def at(self, second: float, **rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
        names = {"commits": "kafka_commits", "fetch": "kafka_fetch", "produce": "kafka_produce", "events": "kafka_events.beta", "group_events": "kafka_group_events"}
        for kind, given in rows.items():
            for batch in table(names[kind], *({"cluster_id": CLUSTER} | DEFAULTS.get(kind, {}) | row for row in given)).to_batches():
                self.monitor.offer(names[kind], batch)
        return {name: found.to_pylist() for name, found in self.monitor.step(round(second * SECOND)).items()}


def event(api: int, name: str, at: float, body: str, resp: str = "{}", **more: Any) -> dict[str, Any]:
    return {"time_": at, "req_cmd": api, "req_cmd_name": name, "req_body": body, "resp": resp, "latency": 0, "client_id": "app"} | more


def test_a_row_when_something_changes_and_again_after_a_while() -> None:
    steps = Steps()
    first = steps.at(100, produce=[{"at": 99, "base_offset": 0, "last_offset": 9, "records": 10}], commits=[{"at": 100, "offset": 10}])
    assert [(r["lag"], r["status"]) for r in first["kafka_lag"]] == [(0, "OK")]
    assert [(r["group_id"], r["lag"], r["partitions"]) for r in first["kafka_group_lag"]] == [("g", 0, 1)]
    assert steps.at(102) == {}
    changed = steps.at(104, produce=[{"at": 104, "base_offset": 10, "last_offset": 14, "records": 5}])
    assert [(r["lag"], r["lag_seconds"]) for r in changed["kafka_lag"]] == [(5, 0.0)]
    assert [r["lag"] for r in changed["kafka_group_lag"]] == [5]
    # Few rows are written again soon; and a group that is behind has a time lag that grows.
    assert [r["lag_seconds"] for r in steps.at(110)["kafka_lag"]] == [6.0]


def test_all_partitions_of_a_topic_are_written_together() -> None:
    steps = Steps()
    steps.at(100, commits=[{"at": 100, "partition": p, "offset": 10} for p in range(3)])
    changed = steps.at(102, commits=[{"at": 102, "partition": 1, "offset": 12}])
    assert sorted(r["partition"] for r in changed["kafka_lag"]) == [0, 1, 2]


def test_a_deleted_group_ends_with_a_last_row() -> None:
    steps = Steps()
    steps.at(100, commits=[{"at": 100, "offset": 10}])
    gone = steps.at(110, events=[event(42, "DeleteGroups", 110, '{"groups_names":["g"]}', '{"results":[{"group_id":"g","error_code":0}]}')])
    assert [(r["group_id"], r["state"]) for r in gone["kafka_group_lag"]] == [("g", "Dead")]
    assert steps.monitor.snapshot(111 * SECOND).lag.num_rows == 0
    assert steps.at(200) == {}


@pytest.mark.parametrize(
    ("request_", "topics", "delivered"),
    [
        (event(42, "DeleteGroups", 110, '{"groups_names":["g"]}', '{"results":[{"group_id":"g","error_code":0}]}'), ["t", "u"], [("t", "h"), ("u", "h")]),
        (event(20, "DeleteTopics", 110, '{"topics":[{"name":"t"}]}', '{"responses":[{"name":"t","topic_id":"","error_code":0}]}'), ["u"], [("u", "g"), ("u", "h")]),
    ],
    ids=["group", "topic"],
)
def test_what_is_deleted_is_counted_no_longer(request_: dict[str, Any], topics: list[str], delivered: list[tuple[str, str]]) -> None:
    steps = Steps()
    records = [{"at": 99, "topic": topic, "base_offset": 0, "last_offset": 9, "records": 10, "bytes": 100} for topic in "tu"]
    reads = [
        {"at": 100, "topic": topic, "group_id": group, "fetch_offset": 0, "first_offset": 0, "last_offset": 9, "records": 10, "bytes": 100, "high_watermark": 10}
        for topic in "tu" for group in "gh"
    ]  # fmt: skip
    steps.at(101, produce=records, fetch=reads)
    traffic = steps.monitor.traffic
    assert (sorted(traffic.topics), len(traffic.delivery)) == ([(CLUSTER, "t"), (CLUSTER, "u")], 4)
    steps.at(111, events=[request_])
    assert (sorted(traffic.topics), sorted(traffic.delivery)) == ([(CLUSTER, t) for t in topics], [(CLUSTER, *key) for key in delivered])


NO_OFFSET = '{"name":"t","partitions":[{"partition_index":0,"committed_offset":-1,"error_code":%d}]}'


@pytest.mark.parametrize(
    ("body", "resp", "kept"),
    [
        ('{"group_id":"g"}', '{"topics":[%s],"error_code":0}' % (NO_OFFSET % 0), False),
        ('{"group_id":"g"}', '{"topics":[%s]}' % (NO_OFFSET % 0), False),
        ('{"groups":[{"group_id":"g"}]}', '{"groups":[{"group_id":"other","topics":[],"error_code":0},{"group_id":"g","topics":[%s],"error_code":0}]}' % (NO_OFFSET % 0), False),
        ('{"group_id":"other"}', '{"topics":[%s],"error_code":0}' % (NO_OFFSET % 0), True),
        ('{"group_id":"g"}', '{"topics":[%s],"error_code":16}' % (NO_OFFSET % 0), True),
        ('{"groups":[{"group_id":"g"}]}', '{"groups":[{"group_id":"g","topics":[%s],"error_code":69}]}' % (NO_OFFSET % 0), True),
        # UNSTABLE_OFFSET_COMMIT: a transaction is about to commit one.
        ('{"group_id":"g"}', '{"topics":[%s],"error_code":0}' % (NO_OFFSET % 88), True),
        ('{"group_id":"g"}', '{"topics":[%s],"error_co' % (NO_OFFSET % 0), True),
    ],
    ids=["up to 7", "1", "several groups", "another group", "not the coordinator", "the group failed", "unstable", "cut short"],
)
def test_an_offset_that_the_broker_has_no_more_has_expired(body: str, resp: str, kept: bool) -> None:
    steps = Steps()
    steps.at(100, commits=[{"at": 100, "offset": 10}, {"at": 100, "partition": 1, "offset": 7}])
    steps.at(200, events=[event(9, "OffsetFetch", 200, body, resp)])
    found = steps.monitor.snapshot(201 * SECOND).lag.to_pylist()
    assert {r["partition"]: r["committed"] for r in found} == ({0: 10, 1: 7} if kept else {1: 7})


def test_a_group_that_commits_nothing_keeps_what_it_has_read_whoever_asks() -> None:
    steps = Steps()
    steps.at(100, fetch=[{"at": 100, "fetch_offset": 0, "first_offset": 0, "last_offset": 9, "records": 10, "high_watermark": 12}])
    for second in range(110, 200, 15):
        steps.at(second, events=[event(9, "OffsetFetch", second, '{"group_id":"g"}', '{"topics":[%s],"error_code":0}' % (NO_OFFSET % 0))])
    assert [(r["position"], r["lag"]) for r in steps.monitor.snapshot(200 * SECOND).lag.to_pylist()] == [(10, 2)]


def test_findings_begin_last_and_end() -> None:
    steps = Steps()

    def read(at: float, first: int) -> dict[str, Any]:
        return {"at": at, "fetch_offset": first, "first_offset": first, "last_offset": first + 9, "records": 10, "high_watermark": first + 10}

    written: list[tuple[float, bool, str]] = []
    for second in range(100, 320, 10):
        rows: dict[str, list[dict[str, Any]]] = {"fetch": [read(second, second)]} if second < 250 else {"commits": [{"at": second, "offset": second}]}
        found = steps.at(second, **rows).get("kafka_findings", [])
        written += [(second, r["open"], r["kind"]) for r in found]
        if second == 200:
            (group,) = steps.monitor.snapshot(second * SECOND).groups.to_pylist()
            assert group["status"] == "WARN" and "has committed nothing in 100 s of reading" in group["reason"]
    kind = "reading_without_commits"
    # Few findings are written again soon, so that the sentence is the present one.
    assert written == [*((second, True, kind) for second in range(170, 250, 10)), (270, False, kind)]


def test_who_is_in_a_group_whose_joining_was_not_seen() -> None:
    steps = Steps()
    beat = '{{"group_id":"g","generation_id":3,"member_id":"{}","group_instance_id":null}}'
    steps.at(100, events=[event(12, "Heartbeat", 99, beat.format(m)) for m in "ab"], commits=[{"at": 100, "offset": 1, "member_id": "a", "generation": 3}])
    (group,) = steps.monitor.snapshot(101 * SECOND).groups.to_pylist()
    assert (group["kind"], group["state"], group["members"]) == ("classic", "Stable", 2)
    (group,) = steps.monitor.snapshot(200 * SECOND).groups.to_pylist()
    assert (group["state"], group["members"]) == ("Empty", 0)


@pytest.mark.parametrize(
    ("situation", "read", "told"),
    [
        ("behind a transaction", {}, True),
        ("not up to it", {"last_stable_offset": 12}, False),
        ("reads all records", {"isolation_level": 0}, False),
        ("nothing was held when it was read, and more came since", {"high_watermark": 10}, False),
        ("nobody has looked for long", {"at": 120}, False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_who_waits_for_a_transaction_has_not_stopped_by_itself(situation: str, read: dict[str, Any], told: bool) -> None:
    steps = Steps()
    steps.at(100, commits=[{"at": 100 - i, "offset": 10 - i} for i in range(3)])
    fetch = {"at": 195, "fetch_offset": 10, "high_watermark": 15, "last_stable_offset": 10, "isolation_level": 1, **read}
    steps.at(200, fetch=[fetch], produce=[{"at": 199, "base_offset": 10, "last_offset": 14, "records": 5}])
    (partition,) = steps.monitor.snapshot(200 * SECOND).lag.to_pylist()
    assert partition["status"] == "STOP" and ("a transaction is open from offset 10 on" in partition["reason"]) is told


@pytest.mark.parametrize(("protocol", "before", "between"), [("consumer", "Stable", "Reconciling"), ("streams", "Stable", "Reconciling"), ("share", "Stable", "Stable")])
def test_a_group_with_epochs_is_stable_once_all_have_followed(protocol: str, before: str, between: str) -> None:
    """As the broker says, which knows of a share group only whether it has members: not only once the rebalance can have no further part."""
    steps, states = Steps(), []

    def at(second: float, name: str, member: str, epoch: int) -> None:
        steps.at(second + 1, group_events=[{"time_": second, "event": name, "protocol": protocol, "member_id": member, "client_id": member, "generation": epoch, "assigned": "[]"}])
        (group,) = steps.monitor.snapshot(round((second + 1) * SECOND)).groups.to_pylist()
        states.append((group["kind"], group["state"], group["members"]))

    at(100, "join", "a", 1)
    at(102, "join", "b", 2)
    at(105, "epoch", "a", 2)
    at(107, "leave", "a", -1)
    at(109, "epoch", "b", 3)
    at(111, "leave", "b", -1)
    assert states == [(protocol, state, members) for state, members in ((before, 1), (between, 2), ("Stable", 2), (between, 1), ("Stable", 1), ("Empty", 0))]


def test_offsets_without_members_make_a_simple_group() -> None:
    steps = Steps()
    steps.at(100, commits=[{"at": 100, "offset": 1, "member_id": "", "generation": -1}])
    (group,) = steps.monitor.snapshot(101 * SECOND).groups.to_pylist()
    assert (group["kind"], group["members"]) == ("simple", 0)


def test_rows_that_wait_are_bounded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitors, "MAX_WAITING_ROWS", 3)
    monitor = Monitor()
    for second in range(5):
        for batch in table("kafka_commits", DEFAULTS["commits"] | {"at": second + 1, "offset": second}).to_batches():
            monitor.offer("kafka_commits", batch)
    monitor.step(10 * SECOND)
    assert monitor.stats()["rowsDropped"] == 2
    assert monitor.snapshot(11 * SECOND).lag["committed"].to_pylist() == [4]


def rows_of(store: Store, name: str) -> list[dict[str, Any]]:
    engine = store.engine()
    columns = list(catalogue.load()[name].by_name)
    return list(engine.execute(engine.scan(name, None, None, columns), timeout_s=30).to_pylist())


def test_beside_a_store_that_is_filled(tmp_path: Path) -> None:
    tables = captured("java-clients")
    with Store(tmp_path / "store", memory_limit="256MB", retention_age_s=1 << 40) as store:
        analysis = Analysis(store, interval_s=0.05)
        analysis.start()
        for name, rows in tables.items():
            for batch in rows.to_batches():
                store.append(name, batch)
        end = time.monotonic() + 30
        while time.monotonic() < end and {r["group_id"] for r in rows_of(store, "kafka_group_lag")} < {"gc", "gn", "gt", "sg"}:
            time.sleep(0.1)
        analysis.close()
        assert analysis.problem is None
        newest = {r["group_id"]: r["lag"] for r in sorted(rows_of(store, "kafka_group_lag"), key=lambda r: r["time_"])}
        assert newest["gt"] == 44 and newest["gc"] == 0
    # What a store has from before is known again after a restart.
    with Store(tmp_path / "store", memory_limit="256MB", retention_age_s=1 << 40) as store:
        monitor = Monitor()
        replay.warm(store.engine(), monitor, now_ns=max(tables["kafka_events.beta"]["time_"].to_pylist()))
        again = {r["group_id"]: r["lag"] for r in monitor.snapshot(time.time_ns()).groups.to_pylist()}
        assert again == newest


def test_a_capture_has_the_tables_when_a_script_asks() -> None:
    from kafkascope.agent import captures

    loaded = captures.load([str(Path(__file__).parents[2] / "captures" / "java-clients.pcap.gz")])
    try:
        analysis = Analysis(loaded.store, captured=(loaded.first_ns, loaded.last_ns))
        analysis.prepare({"kafka_produce"})
        assert rows_of(loaded.store, "kafka_lag") == []
        analysis.prepare({"kafka_lag"})
        rows = rows_of(loaded.store, "kafka_lag")
        assert rows and all(loaded.first_ns <= r["time_"] <= loaded.last_ns for r in rows)
        assert len(rows_of(loaded.store, "kafka_rebalances")) == 19
        analysis.prepare({"kafka_lag"})
        assert len(rows_of(loaded.store, "kafka_lag")) == len(rows)
    finally:
        loaded.store.close()


def test_an_empty_monitor_writes_nothing() -> None:
    assert Monitor().step(SECOND) == {}
    assert isinstance(Monitor().snapshot(SECOND).lag, pa.Table)
