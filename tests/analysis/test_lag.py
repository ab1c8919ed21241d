"""Lag in records and in time: small cases with exact answers, a simulated partition, and real brokers' own words."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from analysis_rows import CAPTURED, SECOND, captured, request_log, table
from hypothesis import given, settings
from hypothesis import strategies as st

from kafkascope.analysis import lag, observed, told, transactions
from kafkascope.analysis.lag import Rows

Row = dict[str, Any]


def commit(at: float, offset: int, **more: Any) -> Row:
    return {"at": at, "offset": offset} | more


def produce(at: float, base: int, last: int, **more: Any) -> Row:
    return {"at": at, "base_offset": base, "last_offset": last, "records": last - base + 1} | more


def fetch(at: float, high_watermark: int | None, **more: Any) -> Row:
    return {"at": at, "high_watermark": high_watermark} | more


def rows(commits: list[Row] = (), fetches: list[Row] = (), produces: list[Row] = (), **more: Any) -> Rows:  # type: ignore[assignment]
    return Rows(table("kafka_commits", *commits), table("kafka_fetch", *fetches), table("kafka_produce", *produces), **more)


def at(now: float, given_rows: Rows, **more: Any) -> list[Row]:
    return lag.partitions(given_rows, now_ns=round(now * SECOND), **more).to_pylist()


def one(now: float, given_rows: Rows, **more: Any) -> Row:
    (row,) = at(now, given_rows, **more)
    return row


# what is seen, and what must come of it at 100 s
CASES: list[tuple[str, Rows, Row]] = [
    (
        "behind by what was appended after the commit; the time is the first such append",
        rows([commit(10, 5)], [], [produce(1, 0, 4), produce(20, 5, 9), produce(30, 10, 14)]),
        {"committed": 5, "end_offset": 15, "end_source": "produce", "end_age_ns": 70 * SECOND, "lag": 10, "lag_seconds": 80.0,
         "lag_seconds_source": "produce", "lag_seconds_at_least": False, "position": None, "read_lag": None, "stable_lag": None},
    ),
    (
        "committed in the middle of a batch: the batch's append counts",
        rows([commit(25, 7)], [], [produce(1, 0, 4), produce(20, 5, 9)]),
        {"lag": 3, "lag_seconds": 80.0, "lag_seconds_source": "produce"},
    ),
    (
        "caught up",
        rows([commit(10, 5)], [fetch(9, 5, fetch_offset=5, last_stable_offset=5)]),
        {"lag": 0, "read_lag": 0, "stable_lag": 0, "lag_seconds": 0.0, "lag_seconds_source": "caught_up", "drain_seconds": 0.0},
    ),
    (
        "a commit newer than the last word of the end is no negative lag",
        rows([commit(10, 9)], [fetch(2, 5, fetch_offset=5)]),
        {"committed": 9, "end_offset": 5, "lag": 0, "lag_seconds": 0.0},
    ),
    (
        "no end seen: unknown, not zero",
        rows([commit(10, 5)]),
        {"committed": 5, "end_offset": None, "end_source": "", "end_age_ns": None, "lag": None, "lag_seconds": None,
         "lag_seconds_source": "", "lag_seconds_at_least": False, "trend": None, "drain_seconds": None},
    ),
    (
        "reading without commits: the lag of commits is unknown, that of reads is not",
        rows([], [fetch(10, 8, fetch_offset=2, first_offset=2, last_offset=4, records=3)], [produce(7, 5, 7)]),
        {"committed": None, "lag": None, "position": 5, "read_lag": 3, "lag_seconds": 93.0, "drain_seconds": None},
    ),
    (
        "a Fetch without records holds the position it asked for",
        rows([], [fetch(10, 8, fetch_offset=2, first_offset=2, last_offset=4), fetch(11, 8, fetch_offset=5)]),
        {"position": 5, "position_at": 11 * SECOND},
    ),
    (
        "seeking back moves the position back",
        rows([], [fetch(10, 8, fetch_offset=2, last_offset=7), fetch(11, 8, fetch_offset=3, last_offset=3)]),
        {"position": 4, "read_lag": 4},
    ),
    (
        "the produce was not seen, another group's Fetch brought the record: its timestamp, marked",
        rows([commit(10, 5)], [fetch(40, 8, group_id="", fetch_offset=5, first_offset=5, last_offset=7, max_timestamp=30)]),
        {"lag": 3, "lag_seconds": 70.0, "lag_seconds_source": "batch_timestamp", "lag_seconds_at_least": False},
    ),
    (
        "a timestamp in the future is no negative time",
        rows([commit(10, 5)], [fetch(40, 8, group_id="", first_offset=5, last_offset=7, max_timestamp=3000)]),
        {"lag_seconds": 0.0, "lag_seconds_source": "batch_timestamp"},
    ),
    (
        "only a later append was seen: at least that long",
        rows([commit(10, 5)], [], [produce(60, 8, 9)]),
        {"lag": 5, "lag_seconds": 40.0, "lag_seconds_source": "next_produce", "lag_seconds_at_least": True},
    ),
    (
        "only the end was seen to pass: at least since then",
        rows([commit(10, 5)], [fetch(50, 5, replica_id=2, group_id=""), fetch(70, 8, replica_id=2, group_id="")]),
        {"lag": 3, "lag_seconds": 30.0, "lag_seconds_source": "end_offset", "lag_seconds_at_least": True},
    ),
    (
        "a Produce retried after a lost answer was appended the first time",
        rows([commit(10, 5)], [], [produce(20, 5, 9), produce(25, 5, 9)]),
        {"lag": 5, "lag_seconds": 80.0},
    ),
    (
        "refused commits, refused produces and failing fetches say nothing",
        rows(
            [commit(10, 5), commit(11, 9, error_code=25)],
            [fetch(12, 8), fetch(13, -1, error_code=6)],
            [produce(14, 20, 29, error_code=7), {"at": 15, "records": 4, "acks": 0, "error_code": None}],
        ),
        {"committed": 5, "end_offset": 8, "lag": 3},
    ),
    (
        "of two words within a second the greater holds: a Fetch is answered with a slightly older end",
        rows([commit(10, 5)], [fetch(20.5, 8)], [produce(20.2, 8, 9)]),
        {"end_offset": 10, "end_source": "produce", "lag": 5},
    ),
    (
        "an end that went back is believed: the log was cut short by an election",
        rows([commit(10, 5)], [fetch(20, 8), fetch(40, 6)]),
        {"end_offset": 6, "lag": 1},
    ),
    (
        "readers of committed transactions wait at the last stable offset",
        rows([commit(10, 5)], [fetch(20, 9, last_stable_offset=6, isolation_level=1, fetch_offset=6)]),
        {"read_committed": True, "lag": 4, "stable_lag": 1, "last_stable_offset": 6},
    ),
    (
        "what happens after the moment asked for is not known yet",
        rows([commit(10, 5), commit(101, 9)], [fetch(20, 8), fetch(100.5, 20)], [produce(102, 20, 29)]),
        {"committed": 5, "end_offset": 8},
    ),
    (
        "a topic created again under its name begins anew",
        rows(
            [commit(10, 50)],
            [fetch(11, 90, topic_id="old", fetch_offset=50), fetch(60, 3, topic_id="new", fetch_offset=0)],
            [produce(12, 90, 99, topic_id="old")],
        ),
        {"committed": None, "end_offset": 3, "position": 0, "topic_id": "new"},
    ),
    (
        "rows from before the cluster was known belong to the only one",
        rows([commit(10, 5)], [fetch(20, 8, cluster_id="k")]),
        {"cluster_id": "k", "lag": 3},
    ),
    (
        "a topic known by its id only is still one topic",
        rows([commit(10, 5, topic="", topic_id="id")], [fetch(20, 8, topic="", topic_id="id")]),
        {"topic": "id", "lag": 3},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "seen", "expected"), CASES, ids=[c[0] for c in CASES])
def test_small_cases(name: str, seen: Rows, expected: Row) -> None:
    row = next(r for r in at(100, seen) if r["group_id"] == "g")
    assert {column: row[column] for column in expected} == expected


def test_every_column_is_explained() -> None:
    assert lag.partitions(Rows(), now_ns=0).column_names == list(lag.COLUMNS)


def request(at: float, api: int, asked: Row, answer: Row | str) -> Row:
    return {"time_": at, "latency": 0.5, "req_cmd": api, "req_body": json.dumps(asked), "resp": answer if isinstance(answer, str) else json.dumps(answer)}


def list_offsets(at: float, timestamp: int, offset: int, *, isolation: int = 0, error: int = 0) -> Row:
    asked = {"isolation_level": isolation, "topics": [{"name": "t", "partitions": [{"partition_index": 0, "timestamp": timestamp}]}]}
    answer = {"topics": [{"name": "t", "partitions": [{"partition_index": 0, "error_code": error, "offset": offset}]}]}
    return request(at, 2, asked, answer)


@pytest.mark.parametrize(
    ("requests", "end"),
    [
        ([list_offsets(50, -1, 12)], 12),
        ([list_offsets(50, -1, 12), list_offsets(50, -2, 3)], 12),
        ([list_offsets(50, -2, 3)], None),
        ([list_offsets(50, 1700000000000, 3)], None),
        ([list_offsets(50, -1, 9, isolation=1)], None),
        ([list_offsets(50, -1, -1, error=6)], None),
        ([list_offsets(99.8, -1, 12)], None),
        ([list_offsets(50, -1, 12) | {"resp": '{"topics": [{"na'}], None),
        ([request(50, 2, {"topics": [{"name": "t", "partitions": [{"partition_index": 0, "timestamp": -1}]}]},
                  {"topics": [{"name": "t", "partitions": [{"partition_index": 0, "error_code": 0, "old_style_offsets": [12, 0]}]}]})], 12),
    ],
    ids=["latest", "both", "earliest", "by time", "committed only", "refused", "not answered yet", "cut short", "version 0"],
)  # fmt: skip
def test_ends_somebody_asked_for_count(requests: list[Row], end: int | None) -> None:
    row = one(100, rows([commit(10, 5)], ends=told.ends(table("kafka_events.beta", *requests))))
    source, age = ("list_offsets", seconds(49.5)) if end else ("", None)
    assert (row["end_offset"], row["end_source"], row["end_age_ns"]) == (end, source, age)


def seconds(value: float) -> int:
    return round(value * SECOND)


def delete_topic(name: str | None, topic_id: str = "", error: int = 0) -> Row:
    return request(50, 20, {}, {"responses": [{"name": name, "topic_id": topic_id, "error_code": error}]})


def delete_group(name: str, error: int = 0) -> Row:
    return request(50, 42, {}, {"results": [{"group_id": name, "error_code": error}]})


def delete_offsets(topic: str, partition: int, error: int = 0) -> Row:
    answer = {"error_code": 0, "topics": [{"name": topic, "partitions": [{"partition_index": partition, "error_code": error}]}]}
    return request(50, 47, {"group_id": "g"}, answer)


@pytest.mark.parametrize(
    ("name", "deleted", "left"),
    [
        ("nothing", [], {("g", "t", 5), ("g", "u", 6), ("h", "t", 7)}),
        ("a topic", [delete_topic("t")], {("g", "u", 6)}),
        ("a topic by its id", [delete_topic(None, "id-t")], {("g", "u", 6)}),
        ("a group", [delete_group("g")], {("h", "t", 7)}),
        ("a group's offsets of a topic", [delete_offsets("t", 0)], {("g", "t", None), ("g", "u", 6), ("h", "t", 7)}),
        ("offsets of another partition", [delete_offsets("t", 1)], {("g", "t", 5), ("g", "u", 6), ("h", "t", 7)}),
        ("refused", [delete_topic("t", error=3), delete_group("g", error=68), delete_offsets("t", 0, error=86)], {("g", "t", 5), ("g", "u", 6), ("h", "t", 7)}),
        ("cut short", [delete_topic("t") | {"resp": '{"respo'}], {("g", "t", 5), ("g", "u", 6), ("h", "t", 7)}),
    ],
)  # fmt: skip
def test_what_was_deleted_is_gone(name: str, deleted: list[Row], left: set[tuple[str, str, int | None]]) -> None:
    seen = rows(
        [commit(10, 5, topic_id="id-t"), commit(10, 6, topic="u"), commit(10, 7, group_id="h", topic_id="id-t")],
        [fetch(10, 9, fetch_offset=5, topic_id="id-t")],
        deletions=told.deletions(table("kafka_events.beta", *deleted)),
    )
    found = at(100, seen)
    assert {(r["group_id"], r["topic"], r["committed"]) for r in found} == left
    assert {(r["group_id"], r["topic"], r["committed"]) for r in at(40, seen)} == {("g", "t", 5), ("g", "u", 6), ("h", "t", 7)}
    assert all(r["end_offset"] == 9 for r in found if r["topic"] == "t")


def test_a_group_that_has_no_member_is_kept_and_one_that_comes_back_after_its_deletion_is_new() -> None:
    gone = told.deletions(table("kafka_events.beta", delete_group("g")))
    assert one(10**6, rows([commit(10, 5)]))["committed"] == 5
    assert one(100, rows([commit(10, 5), commit(60, 1)], deletions=gone))["committed"] == 1


@pytest.mark.parametrize(
    ("end", "now", "committed"),
    [(None, 100, 3), ((20, True), 100, 8), ((20, False), 100, 3), ((20, True), 19, 3)],
    ids=["open", "committed", "aborted", "not yet committed"],
)
def test_offsets_of_a_transaction_count_when_it_commits(end: tuple[int, bool] | None, now: int, committed: int) -> None:
    made = [{"transactional_id": "x", "cluster_id": "", "time_": end[0] * SECOND, "response_time": end[0] * SECOND, "committed": end[1]}] if end else []
    seen = rows(
        [commit(5, 3), commit(10, 8, transactional_id="x"), commit(11, 99, transactional_id="other")],
        transactions=pa.Table.from_pylist(made, schema=transactions.ENDS),
    )
    assert one(now, seen)["committed"] == committed


@pytest.mark.parametrize(
    ("name", "commits", "trend", "drain"),
    [
        ("nothing is read while 2 a second come", [commit(0, 0)], 2.0, None),
        ("reads as fast as is produced", [commit(i, 2 * i) for i in range(101)], 0.0, 0.0),
        ("gains 1 record a second", [commit(40, 0), *(commit(i, 3 * (i - 40)) for i in range(41, 101))], -1.0, 20.0),
        ("one commit, this moment", [commit(100, 0)], None, None),
    ],
)
def test_trend_is_what_the_lag_gained_in_the_last_minute(name: str, commits: list[Row], trend: float | None, drain: float | None) -> None:
    row = one(100, rows(commits, [], [produce(i, 2 * i - 2, 2 * i - 1) for i in range(1, 101)]), trend_ns=60 * SECOND)
    assert (row["trend"], row["drain_seconds"]) == (trend, drain)


def test_a_group_sums_what_is_known_and_counts_what_is_not() -> None:
    seen = rows(
        [commit(10, 5), commit(10, 1, partition=1), commit(10, 4, partition=2)],
        [fetch(20, 8, group_id=""), fetch(50, 9, partition=1, group_id="")],
    )
    (group,) = lag.groups(lag.partitions(seen, now_ns=100 * SECOND)).to_pylist()
    expected = {"partitions": 3, "unknown": 1, "lag": 11, "max_lag": 8, "max_lag_seconds": 80.0, "max_lag_seconds_at_least": True}
    assert {column: group[column] for column in expected} == expected


def test_commits_carry_the_lag_they_left() -> None:
    seen = rows([commit(2, 1), commit(10, 5), commit(20, 8)], [fetch(5, 5)], [produce(15, 5, 10)])
    with lag.Lag(seen, now_ns=100 * SECOND) as answers:
        samples = answers.commit_samples(limit=3).to_pylist()
        ends = answers.end_samples(every_ns=10 * SECOND).to_pylist()
        assert len(answers.commit_samples(limit=1)) == 1
        merged = answers.commit_samples(every_ns=15 * SECOND).to_pylist()
    assert [(s["offset"], s["time_"] // SECOND, s["lag"]) for s in samples] == [(1, 2, None), (5, 10, 0), (8, 20, 3)]
    assert [(s["offset"], s["time_"] // SECOND, s["lag"]) for s in merged] == [(5, 2, 0), (8, 20, 3)]
    assert [e["end_offset"] for e in ends] == [11, 5]


steps = st.lists(st.tuples(st.sampled_from("pcfa"), st.integers(1, 5), st.integers(0, 9)), max_size=40)


@settings(max_examples=40, deadline=None)
@given(steps, st.integers(0, 30))
def test_a_simulated_partition(moves: list[tuple[str, int, int]], wait: int) -> None:
    """Appends, reads, commits and aborted produces in any order: lag and time lag are those of the simulation."""
    clock, end, position, committed = 0, 0, 0, None
    appended: list[int] = []
    made: dict[str, list[Row]] = {"commits": [], "fetches": [], "produces": []}
    told = False
    for move, size, pause in moves:
        clock += 1 + pause
        if move == "p":
            made["produces"].append(produce(clock, end, end + size - 1))
            appended += [clock] * size
            end, told = end + size, True
        elif move == "f":
            taken = min(size, end - position)
            more = {"first_offset": position, "last_offset": position + taken - 1, "max_timestamp": 1} if taken else {}
            made["fetches"].append(fetch(clock, end, fetch_offset=position, **more))
            position, told = position + taken, True
        elif move == "c":
            committed = position
            made["commits"].append(commit(clock, position))
        else:
            made["produces"].append(produce(clock, end, end, error_code=87))
    now = clock + wait
    found = at(now, rows(made["commits"], made["fetches"], made["produces"]))
    if not made["commits"] and not made["fetches"]:
        assert found == []
        return
    (row,) = found
    consumed = committed if committed is not None else position
    expected: Row = {"committed": committed, "end_offset": end if told else None}
    expected["lag"] = end - committed if told and committed is not None else None
    expected["read_lag"] = end - position if made["fetches"] else None
    expected["lag_seconds"] = None if not told else float(now - appended[consumed]) if consumed < end else 0.0
    assert {column: row[column] for column in expected} == expected


class Broker:
    """What a broker's request log says of groups and logs, replayed without any of our decoding."""

    def __init__(self, capture: str) -> None:
        names = {r["topic_id"]: r["topic"] for r in captured(capture)["kafka_topic_names"].to_pylist()}
        self.states: list[tuple[int, dict[tuple[str, str, int], int], dict[tuple[str, int], int]]] = []
        committed: dict[tuple[str, str, int], int] = {}
        pending: dict[str, dict[tuple[str, str, int], int]] = {}
        ends: dict[tuple[str, int], int] = {}
        for entry in request_log(capture):
            request, response = entry["request"], entry["response"]
            name = entry["requestHeader"]["requestApiKeyName"]

            def topic(t: Row) -> str:
                return t.get("name") or t.get("topic") or names.get(t.get("topicId"), "")

            if name in {"OFFSET_COMMIT", "TXN_OFFSET_COMMIT"}:
                new = {(request["groupId"], topic(t), p["partitionIndex"]): p["committedOffset"] for t in request["topics"] for p in t["partitions"]}
                assert all(p["errorCode"] == 0 for t in response["topics"] for p in t["partitions"])
                if name == "OFFSET_COMMIT":
                    committed |= new
                else:
                    pending.setdefault(request["transactionalId"], {}).update(new)
            elif name == "END_TXN" and response["errorCode"] == 0:
                new = pending.pop(request["transactionalId"], {})
                committed |= new if request["committed"] else {}
            elif name == "FETCH":
                for t in response["responses"]:
                    for p in t["partitions"]:
                        if p["errorCode"] == 0:
                            key = (topic(t), p["partitionIndex"])
                            ends[key] = max(ends.get(key, 0), p["highWatermark"])
            self.states.append((entry["t_done_ms"], dict(committed), dict(ends)))


@pytest.mark.parametrize("capture", CAPTURED)
def test_equal_to_the_brokers_own_words_whenever_it_was_quiet(capture: str) -> None:
    broker = Broker(capture)
    seen = observed.rows(captured(capture))
    quiet = [i for i in range(len(broker.states)) if i + 1 == len(broker.states) or broker.states[i + 1][0] - broker.states[i][0] >= 100]
    assert len(quiet) > 5
    compared = 0
    for i in [*quiet[::max(1, len(quiet) // 12)], quiet[-1]]:
        time_ms, committed, ends = broker.states[i]
        found = at((time_ms + 50) / 1000, seen)
        assert {(r["group_id"], r["topic"], r["partition"]): r["committed"] for r in found if r["committed"] is not None} == committed
        for r in found:
            end = ends.get((r["topic"], r["partition"]))
            if r["end_source"] == "high_watermark":
                assert r["end_offset"] == end
                if r["committed"] is not None:
                    assert r["lag"] == end - r["committed"] and r["lag_seconds"] is not None
                    assert (r["lag"] == 0) == (r["lag_seconds_source"] == "caught_up")
                    compared += 1
            elif end is not None:
                assert r["end_offset"] >= end
    assert compared > 5


@pytest.mark.parametrize("capture", CAPTURED)
def test_attached_in_the_middle_nothing_is_said_that_is_not_known(capture: str) -> None:
    tables = captured(capture)
    first, last = (f(tables["kafka_events.beta"]["time_"].to_pylist()) for f in (min, max))
    middle = (first + last) // 2

    def late(name: str) -> pa.Table:
        return tables[name].filter(pc.greater(tables[name]["time_"], middle))

    whole = Rows(tables["kafka_commits"], tables["kafka_fetch"], tables["kafka_produce"])
    part = Rows(late("kafka_commits"), late("kafka_fetch"), late("kafka_produce"))
    now = (last + SECOND) / SECOND
    truth = {(r["group_id"], r["topic"], r["partition"]): r for r in at(now, whole)}
    for row in at(now, part):
        true = truth[row["group_id"], row["topic"], row["partition"]]
        if row["committed"] is not None and row["end_offset"] is not None:
            assert (row["lag"], row["end_offset"]) == (true["lag"], true["end_offset"])
        if row["lag_seconds_at_least"]:
            assert row["lag_seconds"] <= true["lag_seconds"]
