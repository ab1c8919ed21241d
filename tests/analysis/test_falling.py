"""Who falls behind though its commits move, and who has no members: as tables, and as a monitor says it of a group that is too slow."""

from __future__ import annotations

from typing import Any

import pytest
from analysis_rows import SECOND, captured, table

from kafkascope.analysis import replay
from kafkascope.analysis.findings.falling import Progress, falls, sentence
from kafkascope.analysis.monitor import Monitor
from kafkascope.store import Store

CLUSTER = "c"


def progress(left: list[int], reached: list[int], every_s: int = 10) -> list[Progress]:
    return [Progress(i * every_s * SECOND, n, r) for i, (n, r) in enumerate(zip(left, reached, strict=True))]


STEADY = [0, 5, 10, 15, 20, 25, 30]


@pytest.mark.parametrize(
    ("name", "left", "reached", "waiting", "expected"),
    [
        ("more left at every look", [10, 20, 30, 40, 50, 60, 70], STEADY, 40.0, True),
        ("up and down within seconds, and up in the long run", [10, 18, 15, 40, 38, 60, 55], STEADY, 40.0, True),
        ("up and down around one level", [30, 38, 31, 40, 29, 39, 33], STEADY, 40.0, False),
        ("behind, and coming closer", [70, 60, 50, 40, 30, 20, 10], STEADY, 400.0, False),
        ("behind, and no change", [70] * 7, STEADY, 400.0, False),
        ("what waits does not wait long", [10, 20, 30, 40, 50, 60, 70], STEADY, 29.9, False),
        ("how long is not known", [10, 20, 30, 40, 50, 60, 70], STEADY, None, False),
        ("it commits every minute: the lag rises in between", [90, 0, 10, 20, 30, 40, 50], [0, 90, 90, 90, 90, 90, 90], 55.0, False),
        ("it stands still: that is what commits tell", [10, 20, 30, 40, 50, 60, 70], [5] * 7, 70.0, False),
        ("seen for too short", [10, 20, 30, 40], [0, 5, 10, 15], 40.0, False),
    ],
)
def test_who_falls_behind(name: str, left: list[int], reached: list[int], waiting: float | None, expected: bool) -> None:
    assert falls(progress(left, reached), waiting) is expected


def test_the_sentence_says_the_rates() -> None:
    assert sentence("g", progress([10, 70], [0, 30], every_s=60), 41.0) == (
        "g falls behind by 1 records/s: it gets through 0.5 of 1.5 records/s; 70 records left, the first waiting for 41 s."
    )


class Steps:
    """A monitor that is given rows of one moment after another."""

    def __init__(self) -> None:
        self.monitor = Monitor()
        self.written: dict[str, list[dict[str, Any]]] = {}

    def at(self, second: float, *, cluster: str = CLUSTER, **rows: list[dict[str, Any]]) -> None:
        for name, given in rows.items():
            name = name.replace("events_", "events.")
            for batch in table(name, *({"cluster_id": cluster} | row for row in given)).to_batches():
                self.monitor.offer(name, batch)
        for name, found in self.monitor.step(round(second * SECOND)).items():
            self.written.setdefault(name, []).extend(found.to_pylist())

    def group(self) -> dict[str, Any]:
        assert self.monitor.last is not None
        (row,) = self.monitor.last.groups.to_pylist()
        found: dict[str, Any] = row
        return found


def produced(second: int, offset: int) -> dict[str, Any]:
    return {"at": second, "base_offset": offset, "last_offset": offset, "records": 1}


def committed(second: int, offset: int) -> dict[str, Any]:
    return {"at": second, "offset": offset, "member_id": "m", "generation": 1}


def test_bursts_of_commits_do_not_hide_that_a_group_falls_behind() -> None:
    """One record a second comes in; the group works five seconds of ten and gets through six in them: at a burst's end its lag has gone down."""
    steps = Steps()
    offset, seen = 0, []
    for second in range(100, 300):
        rows: dict[str, list[dict[str, Any]]] = {"kafka_produce": [produced(second, second - 100)]}
        if second % 10 < 5:
            offset += 1
            rows["kafka_commits"] = [committed(second, offset)]
            if second % 10 == 4:
                offset += 1
                rows["kafka_commits"] = [committed(second, offset)]
        steps.at(second, **rows)
        seen.append((second, steps.group()["status"]))
    assert steps.monitor.last is not None
    (partition,) = steps.monitor.last.lag.to_pylist()
    assert partition["status"] == "OK" and "gone down" in partition["reason"]
    group = steps.group()
    assert (group["status"], group["reason"].split(":")[0]) == ("WARN", "g falls behind by 0.406 records/s")
    warned = next(second for second, status in seen if status == "WARN")
    # A record is the first to wait for 30 s before anything is said.
    assert 160 <= warned <= 200 and all(status == "WARN" for second, status in seen if second > warned)
    assert {r["kind"] for r in steps.written["kafka_findings"]} == {"falling_behind"}


def test_who_is_left_rebalances_when_another_leaves() -> None:
    steps = Steps()
    beats = [heartbeat_of(100, member) for member in ("m", "n")]
    steps.at(101, kafka_events_beta=beats)
    steps.at(111, kafka_group_events=[{"event": "leave", "member_id": "m", "time_": 110, "generation": 1}])
    assert (steps.group()["state"], steps.group()["members"]) == ("PreparingRebalance", 1)


def heartbeat_of(second: int, member: str) -> dict[str, Any]:
    body = f'{{"group_id":"g","generation_id":1,"member_id":"{member}"}}'
    return {"req_cmd": 12, "req_cmd_name": "Heartbeat", "req_body": body, "resp": '{"error_code":0}', "latency": 0, "client_id": "app", "time_": second}


def test_a_group_without_members_is_no_group_that_keeps_up() -> None:
    steps = Steps()
    left = {"event": "leave", "member_id": "m", "time_": 110, "generation": 1}
    steps.at(100, kafka_produce=[produced(100, 9)], kafka_commits=[committed(100, 10)], kafka_events_beta=[heartbeat_of(100, "m")])
    assert steps.group()["status"] == "OK"
    steps.at(111, kafka_group_events=[left])
    steps.at(112, kafka_produce=[produced(112, 10), produced(112, 11)])
    # Nobody joined while we watched: whether anybody is left shows when nobody is heard.
    assert (steps.group()["state"], steps.group()["members"], steps.group()["status"]) == ("Unknown", None, "OK")
    steps.at(130)
    assert (steps.group()["state"], steps.group()["members"], steps.group()["status"]) == ("Empty", 0, "OK")
    steps.at(141)
    assert [(r["trigger"], r["outcome"]) for r in steps.written["kafka_rebalances"]] == [("member_left", "emptied")]
    assert (steps.group()["status"], steps.group()["reason"]) == ("ERR", "g has no members for 31 s, and 2 records are left to read.")


def test_offsets_that_are_gone_end_with_a_last_row() -> None:
    steps = Steps()
    steps.at(100, kafka_commits=[committed(100, 10), committed(100, 20) | {"partition": 1}])
    deleted = {"req_cmd": 20, "req_cmd_name": "DeleteTopics", "time_": 110, "req_body": "{}", "resp": '{"responses":[{"name":"t","error_code":0}]}', "latency": 0}
    steps.at(111, kafka_events_beta=[deleted])
    assert [(r["partition"], r["committed"], r["status"]) for r in steps.written["kafka_lag"][2:]] == [(0, None, "NOTFOUND"), (1, None, "NOTFOUND")]
    steps.at(300)
    assert len(steps.written["kafka_lag"]) == 4


def test_a_group_goes_on_under_the_name_of_its_cluster() -> None:
    steps = Steps()
    steps.at(100, cluster="", kafka_commits=[committed(100, 10)], kafka_group_events=[{"time_": 100, "event": "join", "member_id": "m"}])
    steps.at(110, kafka_commits=[committed(110, 11)])
    groups = [(r["cluster_id"], r["state"] == "Dead") for r in steps.written["kafka_group_lag"]]
    assert groups[:1] == [("", False)] and sorted(groups[1:]) == [("", True), ("c", False)]
    assert sorted((r["cluster_id"], r["status"]) for r in steps.written["kafka_lag"][1:]) == [("", "NOTFOUND"), ("c", "UNKNOWN")]


def replay_clusters(store: Store) -> set[str]:
    engine = store.engine()
    found = engine.execute(f"SELECT DISTINCT cluster_id FROM ({engine.scan('kafka_group_lag', None, None, ['cluster_id'])}) AS t", timeout_s=10.0)
    return set(found["cluster_id"].to_pylist())


def test_of_a_recording_the_cluster_is_known_from_the_start(tmp_path: Any) -> None:
    tables = captured("kafka-3.9")
    with Store(tmp_path / "store", memory_limit="256MB", retention_age_s=1 << 40) as store:
        for name, rows in tables.items():
            for batch in rows.to_batches():
                store.append(name, batch)
        times = tables["kafka_events.beta"]["time_"].to_pylist()
        replay.fill(store, first_ns=min(times), last_ns=max(times))
        found = replay_clusters(store)
    assert len(found) == 1 and found != {""}
