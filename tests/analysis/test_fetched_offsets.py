"""Committed offsets that an answer to an OffsetFetch tells: of groups that committed before anybody looked, or where nobody looks."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from analysis_rows import SECOND, captured, table
from hypothesis import given, settings
from hypothesis import strategies as st
from test_monitor import CLUSTER, Steps, event

from kafkascope.analysis import lag, observed
from kafkascope.analysis import told as telling
from kafkascope.analysis.lag import Rows
from kafkascope.analysis.tracker import Tracker


def told(at: float, offset: int, *, group: str = "g", latency: float = 0, **more: Any) -> dict[str, Any]:
    """An OffsetFetch of version 8, asked at a time, answered with one offset of partition 0 of t."""
    topics = [{"name": "t", "partitions": [{"partition_index": 0, "committed_offset": offset, "error_code": 0}]}]
    resp = json.dumps({"groups": [{"group_id": group, "topics": topics, "error_code": 0}]}, separators=(",", ":"))
    return event(9, "OffsetFetch", at, json.dumps({"groups": [{"group_id": group, "topics": None}]}), resp, latency=latency, **more)


def appended(at: float, first: int, last: int) -> dict[str, Any]:
    return {"at": at, "base_offset": first, "last_offset": last, "records": last - first + 1}


def row(steps: Steps, second: float) -> dict[str, Any]:
    (found,) = steps.monitor.snapshot(round(second * SECOND)).lag.to_pylist()
    return found


def test_a_group_that_stopped_before_anybody_looked_is_known_once_an_admin_asks() -> None:
    steps = Steps()
    steps.at(100, produce=[appended(100, 90, 99)])
    assert steps.monitor.snapshot(101 * SECOND).lag.num_rows == 0
    steps.at(110, events=[told(110, 60, client_id="adminclient-1")])
    found = row(steps, 112)
    assert (found["committed"], found["lag"], found["basis"], found["committed_at"]) == (60, 40, "offset_fetch", 110 * SECOND)
    assert (found["position"], found["read_lag"], found["read_committed"]) == (None, None, None)
    assert (found["status"], found["reason"]) == ("OK", "Too early to say: no commit in 2 s; the lag is 40.")
    # Who asked is no member, and nothing tells whether there is one.
    (group,) = steps.monitor.snapshot(112 * SECOND).groups.to_pylist()
    assert (group["kind"], group["state"], group["members"], group["lag"]) == ("", "Unknown", None, 40)
    # Asked again, the word is new, but the group has been silent for as long.
    steps.at(175, events=[told(175, 60)])
    found = row(steps, 175)
    assert (found["committed_at"], found["status"]) == (175 * SECOND, "STOP")
    assert found["reason"] == "The group has committed nothing for 65 s, after a single commit, and is 40 records behind."


@pytest.mark.parametrize(
    ("body", "resp", "committed"),
    [
        ('{"group_id":"g"}', '{"topics":[%s]}', 60),
        ('{"group_id":"g"}', '{"topics":[%s],"error_code":0}', 60),
        ('{"groups":[{"group_id":"g"}]}', '{"groups":[{"group_id":"other","topics":[],"error_code":0},{"group_id":"g","topics":[%s],"error_code":0}]}', 60),
        ('{"group_id":"g"}', '{"topics":[%s],"error_code":16}', None),
        ('{"groups":[{"group_id":"g"}]}', '{"groups":[{"group_id":"g","topics":[%s],"error_code":69}]}', None),
        ('{"group_id":"g"}', '{"topics":[%s],"error_co', None),
    ],
    ids=["1", "up to 7", "several groups", "not the coordinator", "the group failed", "cut short"],
)
@pytest.mark.parametrize("named", ['"name":"t"', '"topic_id":"AAAAAAAAAAAAAAAAAAAAAQ"'], ids=["by name", "by id"])
def test_every_form_of_the_answer(named: str, body: str, resp: str, committed: int | None) -> None:
    steps = Steps()
    steps.monitor.tracker.learn_topics([("AAAAAAAAAAAAAAAAAAAAAQ", "t")])
    topic = "{" + named + ',"partitions":[{"partition_index":0,"committed_offset":60,"error_code":0},{"partition_index":1,"committed_offset":5,"error_code":88}]}'
    steps.at(100, events=[event(9, "OffsetFetch", 100, body, resp % topic)])
    found = steps.monitor.snapshot(101 * SECOND).lag.to_pylist()
    assert [(r["topic"], r["partition"], r["committed"]) for r in found] == ([("t", 0, 60)] if committed else [])


@pytest.mark.parametrize(
    ("commits", "asked", "expected"),
    [
        ([(100, 10)], told(105, 10), (10, 100, "committed")),
        ([(100, 10)], told(105, 25), (25, 105, "offset_fetch")),
        # The coordinator may not have written the offsets of a transaction that has just ended.
        ([(100, 10)], told(105, 4), (10, 100, "committed")),
        ([(100, 10)], told(115, 4), (4, 115, "offset_fetch")),
        ([(100, 10)], told(99, 4, latency=3), (10, 100, "committed")),
        ([(100, 10)], told(80, 25, latency=30), (10, 100, "committed")),
        ([(100, 10), (110, 30)], told(105, 25), (30, 110, "committed")),
        ([], told(105, 25), (25, 105, "offset_fetch")),
        ([(100, 10)], told(120, 25, group="other"), (10, 100, "committed")),
    ],
    ids=["the same", "farther", "before, soon after", "before, later", "asked before", "asked long before", "a commit since", "no commit", "another group"],
)
def test_what_holds_of_a_commit_and_of_what_was_told(commits: list[tuple[int, int]], asked: dict[str, Any], expected: tuple[int, int, str]) -> None:
    rows = [{"at": at, "offset": offset} for at, offset in commits]
    together = Steps()
    together.at(130, commits=rows, events=[asked])
    apart = Steps()
    apart.at(130, commits=rows)
    apart.at(131, events=[asked])
    for steps in (together, apart):
        found = next(r for r in steps.monitor.snapshot(140 * SECOND).lag.to_pylist() if r["group_id"] == "g")
        assert (found["committed"], found["committed_at"] / SECOND, found["basis"]) == expected


def test_a_group_of_which_only_an_exporters_questions_are_seen_is_judged_by_them() -> None:
    steps = Steps()
    for number in range(12):
        at = 100 + 15 * number
        steps.at(at, produce=[appended(at, 20 * number, 20 * number + 19)], events=[told(at, 10 * number)])
    found = row(steps, 266)
    assert (found["basis"], found["committed"], found["lag"], found["status"], found["complete"]) == ("offset_fetch", 110, 130, "WARN", 1.0)


def test_a_group_that_had_everything_when_it_was_told_of_has_not_stopped() -> None:
    steps = Steps()
    steps.at(100, produce=[appended(100, 50, 59)], events=[told(100, 60)])
    assert row(steps, 101)["status"] == "OK"
    steps.at(170, produce=[appended(170, 60, 69)])
    found = row(steps, 171)
    assert (found["lag"], found["status"]) == (10, "OK")


def test_questions_do_not_hide_that_a_group_commits_nothing() -> None:
    steps = Steps()
    for second in range(100, 190, 5):
        read = {"at": second, "fetch_offset": second, "first_offset": second, "last_offset": second + 4, "records": 5, "high_watermark": second + 5}
        steps.at(second, fetch=[read], events=[told(second, 50)])
    snapshot = steps.monitor.snapshot(190 * SECOND)
    assert [f.kind for f in snapshot.findings] == ["reading_without_commits"]
    assert [(r["basis"], r["lag"], r["status"]) for r in snapshot.lag.to_pylist()] == [("offset_fetch", 140, "OK")]
    assert [r["status"] for r in snapshot.groups.to_pylist()] == ["WARN"]


def test_an_offset_that_was_committed_a_moment_ago_has_not_expired() -> None:
    """As of a transaction that has just ended, whose offsets the coordinator has still to write."""
    steps = Steps()
    steps.at(100, commits=[{"at": 100, "offset": 60}])
    steps.at(103, events=[told(103, -1)])
    assert row(steps, 104)["committed"] == 60


def test_an_offset_that_was_told_can_expire() -> None:
    steps = Steps()
    steps.at(100, events=[told(100, 60)])
    gone = steps.at(200, events=[told(200, -1)])
    assert [(r["committed"], r["status"]) for r in gone["kafka_lag"]] == [(None, "NOTFOUND")]
    assert steps.monitor.snapshot(201 * SECOND).lag.num_rows == 0


#: With commits and questions of classic, consumer, static and Streams members, of MirrorMaker, of admin tools, after a broker was killed; old clients, two brokers.
ASKED = ("java-clients", "other-clients", "two-brokers", *(f"matrix/{name}" for name in (
    "controllers-killed", "franz-go-groups", "groups", "java-old-on-3.9", "librdkafka-admin", "mirror-maker", "static-members", "static-members-848", "streams", "streams-1071", "streams-eos",
)))  # fmt: skip


@pytest.mark.parametrize("capture", ASKED)
def test_what_recorded_brokers_answered_is_what_was_committed(capture: str) -> None:
    """Where commits were seen before they agree, so that an answer may stand for commits from before a capture."""
    rows = observed.rows(captured(capture))
    assert rows.offsets is not None and rows.offsets.num_rows
    for asked in rows.offsets["time_"].unique():
        answered = committed(Rows(offsets=rows.offsets.filter(pc.equal(rows.offsets["time_"], asked))), asked.as_py())
        seen = committed(replace(rows, offsets=None), asked.as_py())
        assert answered and {key: seen[key] for key in answered} == answered


def committed(rows: Rows, now_ns: int) -> dict[tuple[str, str, int], int]:
    return {(r["group_id"], r["topic"], r["partition"]): r["committed"] for r in lag.partitions(rows, now_ns=now_ns).to_pylist()}


# Far enough apart for whatever a transaction committed to be written.
MOVES = st.lists(st.tuples(st.sampled_from(["commits", "offsets"]), st.integers(11, 20), st.integers(0, 60)), max_size=12)


@settings(deadline=None, max_examples=25)
@given(MOVES)
def test_row_by_row_as_over_all_rows(moves: list[tuple[str, int, int]]) -> None:
    def table(kind: str, given: list[dict[str, Any]]) -> pa.Table:
        return pa.Table.from_pylist(given, schema=pa.schema(list(lag.INPUTS[kind].items())))

    rows: dict[str, list[dict[str, Any]]] = {"commits": [], "offsets": []}
    tracker, at = Tracker(), 0
    for kind, pause, offset in moves:
        at += pause * SECOND
        rows[kind].append({"cluster_id": CLUSTER, "group_id": "g", "topic": "t", "topic_id": "", "partition": 0, "offset": offset, "time_": at, "response_time": at, "error_code": 0})
        tracker.take(Rows(**{kind: table(kind, rows[kind][-1:])}))
    whole = lag.partitions(Rows(**{kind: table(kind, given) for kind, given in rows.items()}), now_ns=at)
    assert tracker.partitions(at)["committed"].to_pylist() == whole["committed"].to_pylist()


def test_names_that_are_null_are_empty() -> None:
    """A malformed body may have any: what stands beside it counts, and the step goes on."""
    ends = event(
        2, "ListOffsets", 3, '{"topics":[{"name":null,"partitions":[{"partition_index":0,"timestamp":-1}]},{"name":"t","partitions":[{"partition_index":0,"timestamp":-1}]}]}',
        '{"topics":[{"name":null,"partitions":[{"partition_index":0,"error_code":0,"offset":3}]},{"name":"t","partitions":[{"partition_index":0,"error_code":0,"offset":7}]}]}',
    )  # fmt: skip
    assert [(row["topic"], row["end_offset"]) for row in telling.ends(table("kafka_events.beta", ends)).to_pylist()] == [("", 3), ("t", 7)]
    group = '{{"group_id":{},"error_code":0,"topics":[{{"name":"t","partitions":[{{"partition_index":0,"error_code":0,"committed_offset":4}}]}}]}}'
    offsets = event(9, "OffsetFetch", 3, "{}", f'{{"groups":[{group.format("null")},{group.format(chr(34) + "g" + chr(34))}]}}')
    found, _ = telling.offsets(table("kafka_events.beta", offsets))
    assert [(row["group_id"], row["offset"]) for row in found.to_pylist()] == [("", 4), ("g", 4)]
