"""Groups as they are out there: odd names, no members, no commits, offsets that jump; both ways of computing agree on each."""

from __future__ import annotations

import json
from typing import Any

import pytest
from analysis_rows import SECOND, table

from kafkascope.analysis import lag
from kafkascope.analysis.lag import Rows
from kafkascope.analysis.monitor import NEEDED, Monitor

Row = dict[str, Any]
END = {"at": 1, "base_offset": 0, "last_offset": 99, "records": 100}


def analysed(now: float, commits: list[Row] = (), fetches: list[Row] = (), events: list[Row] = (), produces: list[Row] = (END,)) -> Monitor:  # type: ignore[assignment]
    """A monitor that has taken these rows in; its lag is what the query over all rows gives."""
    given = {"kafka_commits": table("kafka_commits", *commits), "kafka_fetch": table("kafka_fetch", *fetches), "kafka_produce": table("kafka_produce", *produces)}
    monitor = Monitor()
    monitor.take({name: given.get(name, table(name, *(events if name == "kafka_events.beta" else ()))) for name in NEEDED}, round(now * SECOND))
    monitor.snapshot(round(now * SECOND))
    queried = lag.partitions(Rows(given["kafka_commits"], given["kafka_fetch"], given["kafka_produce"]), now_ns=round(now * SECOND)).to_pylist()
    names = ("group_id", "topic", "partition", "committed", "position", "end_offset", "lag_seconds", "lag_seconds_source")
    assert sorted(tuple(r[n] for n in names) for r in partitions(monitor)) == sorted(tuple(r[n] for n in names) for r in queried)
    return monitor


def partitions(monitor: Monitor) -> list[Row]:
    assert monitor.last is not None
    found: list[Row] = monitor.last.lag.to_pylist()
    return found


def groups(monitor: Monitor) -> dict[str, Row]:
    assert monitor.last is not None
    return {r["group_id"]: r for r in monitor.last.groups.to_pylist()}


@pytest.mark.parametrize("name", ["team:billing:v2", "équipe-α", 'with "quotes" and \\', "a.b/c d", "x" * 300])
def test_names(name: str) -> None:
    """The name of a heartbeat comes out of the request's JSON."""
    beat = {"time_": 40, "latency": 0.1, "req_cmd": 12, "req_body": json.dumps({"group_id": name, "generation_id": 1, "member_id": "m"}, ensure_ascii=False, separators=(",", ":"))}
    found = groups(analysed(50, [{"at": 10, "offset": 40, "group_id": name}], events=[beat]))
    assert {n: (r["kind"], r["members"], r["lag"]) for n, r in found.items()} == {name: ("classic", 1, 60)}


@pytest.mark.parametrize(
    ("offsets", "committed", "left"),
    [
        ([0], 0, 100),
        ([-1], None, None),
        ([40, -1], 40, 60),
        ([100], 100, 0),
        ([250], 250, 0),
        ([90, 10], 10, 90),
        ([10, 90], 90, 10),
    ],
    ids=["zero", "none", "none after one", "the end", "beyond the end", "back", "forward"],
)
def test_committed_offsets(offsets: list[int], committed: int | None, left: int | None) -> None:
    found = partitions(analysed(50, [{"at": 10 + i, "offset": offset} for i, offset in enumerate(offsets)]))
    assert [(r["committed"], r["lag"]) for r in found] == ([] if committed is None else [(committed, left)])


def test_a_commit_without_a_member_makes_a_simple_group() -> None:
    found = groups(analysed(50, [{"at": 10, "offset": 40, "generation": -1, "client_id": "admin"}]))
    assert (found["g"]["kind"], found["g"]["members"], found["g"]["lag"]) == ("simple", 0, 60)


def test_a_group_that_never_commits_is_behind_by_what_it_has_not_read() -> None:
    (row,) = partitions(analysed(50, fetches=[{"at": 20, "fetch_offset": 0, "first_offset": 0, "last_offset": 59, "records": 60, "high_watermark": 100}]))
    assert (row["committed"], row["basis"], row["lag"], row["status"]) == (None, "position", 40, "OK")


def test_one_client_in_two_groups() -> None:
    found = analysed(50, [{"at": 10, "offset": offset, "group_id": group, "client_id": "app"} for group, offset in (("a", 40), ("b", 70))])
    assert {(r["group_id"], r["lag"]) for r in partitions(found)} == {("a", 60), ("b", 30)}


def test_one_consumer_of_a_thousand_partitions() -> None:
    commits = [{"at": 10, "offset": 40, "partition": p, "member_id": "m", "generation": 1} for p in range(1000)]
    found = analysed(50, commits, produces=[END | {"partition": p} for p in range(1000)])
    assert {(r["lag"], r["lag_seconds"]) for r in partitions(found)} == {(60, 49.0)} and len(partitions(found)) == 1000
    assert (groups(found)["g"]["lag"], groups(found)["g"]["partitions"], groups(found)["g"]["members"]) == (60_000, 1000, 1)


def test_a_log_that_was_cut_short_by_an_unclean_election() -> None:
    """The newest word on the end holds; the group is then ahead of the log, and behind by nothing."""
    (row,) = partitions(analysed(50, [{"at": 10, "offset": 90}], [{"at": 30, "fetch_offset": 60, "high_watermark": 60}]))
    assert (row["end_offset"], row["lag"]) == (60, 0)
