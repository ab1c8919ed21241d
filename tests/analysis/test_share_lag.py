"""What a share group has left: against a simulated share partition of a broker, and case by case through a monitor."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest
from analysis_rows import SECOND, captured, table
from hypothesis import given, settings
from hypothesis import strategies as st

from kafkascope.analysis import lag, observed, share_progress
from kafkascope.analysis.monitor import NEEDED, Monitor
from kafkascope.analysis.share_progress import (
    ACQUIRED,
    LATE_NS,
    RELEASED,
    RENEWED,
    SESSION_ENDED,
    ShareProgress,
    ShareRow,
)

LOCK_NS = 30 * SECOND
LIMIT = 5
KEY = 0


@dataclass
class Record:
    """One offset of the simulated partition: done, held by a member until a time, or back with the broker."""

    deliveries: int = 0
    member: str = ""
    until_ns: int = 0
    done: bool = False
    why: str = ""


class SimulatedBroker:
    """A share partition as KIP-932 describes it, record by record; what passes on the wire goes to ``rows``."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.handed = 0
        self.now_ns = SECOND
        self.rows: list[ShareRow[int]] = []
        self.counts = dict.fromkeys(("released", "lock_expired", "session_ended"), 0)
        self.given_up: list[Record] = []

    def row(self, kind: str, member: str, **more: Any) -> None:
        self.rows.append(ShareRow(None if kind == SESSION_ENDED else KEY, "g", kind, member, self.now_ns, self.now_ns, **more))

    def pass_time(self, seconds: int) -> None:
        self.now_ns += seconds * SECOND
        for record in self.records:
            if record.member and record.until_ns < self.now_ns:
                self.come_back(record, "lock_expired")

    def come_back(self, record: Record, why: str) -> None:
        record.member, record.why = "", why
        if why == SESSION_ENDED:
            record.deliveries -= 1
        elif record.deliveries >= LIMIT:
            record.done = True
            self.given_up.append(record)
            self.counts["lock_expired"] += why == "lock_expired"

    def acquire(self, member: str, most: int) -> None:
        runs: list[list[int]] = []
        for offset, record in enumerate(self.records):
            if record.done or record.member or most == 0:
                continue
            most -= 1
            if record.why:
                self.counts[record.why] += 1
            record.deliveries, record.member, record.until_ns, record.why = record.deliveries + 1, member, self.now_ns + LOCK_NS, ""
            self.handed = max(self.handed, offset + 1)
            if runs and runs[-1][1] == offset - 1 and runs[-1][2] == record.deliveries:
                runs[-1][1] = offset
            else:
                runs.append([offset, offset, record.deliveries])
        for first, last, deliveries in runs:
            self.row(ACQUIRED, member, first=first, last=last, deliveries=deliveries, lock_ns=LOCK_NS)

    def acknowledge(self, member: str, first: int, count: int, kind: str) -> None:
        mine = [offset for offset, record in enumerate(self.records) if record.member == member][first : first + count]
        for offset in mine:
            record = self.records[offset]
            if kind == RENEWED:
                record.until_ns = self.now_ns + LOCK_NS
            elif kind == RELEASED:
                self.come_back(record, RELEASED)
            else:
                record.member, record.done = "", True
            self.row(kind, member, first=offset, last=offset)

    def end_session(self, member: str) -> None:
        for record in self.records:
            if record.member == member:
                self.come_back(record, SESSION_ENDED)
        self.row(SESSION_ENDED, member)


MEMBERS = st.sampled_from(["a", "b"])
STEP = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 6)),
    st.tuples(st.just("pass_time"), st.sampled_from([1, 7, 31])),
    st.tuples(st.just("acquire"), MEMBERS, st.integers(1, 8)),
    st.tuples(st.just("acquire"), MEMBERS, st.integers(1, 8)),
    st.tuples(st.just("acknowledge"), MEMBERS, st.integers(0, 3), st.integers(1, 5), st.sampled_from(["accepted", "rejected", RELEASED, RELEASED, RENEWED])),
    st.tuples(st.just("end_session"), MEMBERS),
)


@given(st.lists(STEP, min_size=8, max_size=60), st.integers(1, 5))
@settings(max_examples=300, deadline=None)
def test_a_simulated_share_partition_has_exactly_this_left(steps: list[tuple[Any, ...]], every: int) -> None:
    broker, progress = SimulatedBroker(), ShareProgress[int]()
    for number, (what, *arguments) in enumerate([*steps, ("pass_time", 1)]):
        broker.pass_time(1)
        if what == "append":
            broker.records += [Record() for _ in range(arguments[0])]
        else:
            getattr(broker, what)(*arguments)
        if number % every and number < len(steps):
            continue
        progress.take(broker.rows)
        broker.rows.clear()
        progress.settle(broker.now_ns + LATE_NS)
        if broker.handed == 0:
            continue
        one = progress.partitions[KEY]
        left = [offset for offset, record in enumerate(broker.records) if not record.done]
        assert len(broker.records) - one.next_offset + one.left == len(left)
        assert one.first_left == (left[0] if left else len(broker.records)) or one.next_offset < len(broker.records)
        assert one.held(broker.now_ns) == sum(bool(record.member) for record in broker.records)
        assert {why: one.counts[why] for why in broker.counts} == broker.counts
        assert one.counts["given_up"] == len(broker.given_up)


def acquired(first: int, last: int, deliveries: int = 1, member: str = "a", at: int = 1, asked: int | None = None, lock: int = LOCK_NS) -> ShareRow[int]:
    asked_ns = (at if asked is None else asked) * SECOND
    return ShareRow(KEY, "g", ACQUIRED, member, asked_ns, at * SECOND, first, last, deliveries, lock)


def said(kind: str, first: int, last: int, member: str = "a", at: int = 2, answered: int | None = None) -> ShareRow[int]:
    return ShareRow(KEY, "g", kind, member, at * SECOND, (at if answered is None else answered) * SECOND, first, last)


def ended(at: int, member: str = "a") -> ShareRow[int]:
    return ShareRow(None, "g", SESSION_ENDED, member, at * SECOND, at * SECOND)


CASES: list[tuple[str, list[ShareRow[int]], list[tuple[int, int]], dict[str, int]]] = [
    ("handed out", [acquired(0, 9)], [(0, 9)], {}),
    ("accepted, in the middle first", [acquired(0, 9), said("accepted", 3, 4)], [(0, 2), (5, 9)], {}),
    ("the offsets of markers are settled as gaps", [acquired(0, 9), said("gap", 9, 9)], [(0, 8)], {}),
    ("released and handed out again", [acquired(0, 9), said(RELEASED, 0, 1), acquired(0, 1, 2, "b", 3)], [(0, 1), (2, 9)], {"released": 2}),
    ("a lock ran out", [acquired(0, 1), acquired(0, 1, 2, "b", 40)], [(0, 1)], {"lock_expired": 2}),
    ("a session ended: the delivery does not count", [acquired(0, 1), acquired(0, 1, 1, "b", 3)], [(0, 1)], {"session_ended": 2}),
    ("a session that ends after its lock ran out", [acquired(0, 1), ended(at=40), acquired(0, 1, 2, "b", 41)], [(0, 1)], {"lock_expired": 2}),
    ("the last delivery, undone by the end of its session", [acquired(0, 1, LIMIT), ended(at=3), acquired(0, 1, LIMIT, "b", 50), said(RELEASED, 0, 0, "b", 51)], [(1, 1)],
     {"session_ended": 2, "given_up": 1}),
    ("a release in a long poll is seen after what it led to", [acquired(0, 1), acquired(0, 1, 2, "b", 3), said(RELEASED, 0, 1, at=2, answered=7)], [(0, 1)], {"released": 2}),
    ("renewed", [acquired(0, 1), said(RENEWED, 0, 1, at=25), acquired(2, 3, 1, "b", 41)], [(0, 1), (2, 3)], {}),
    ("released too often", [acquired(0, 0, LIMIT), said(RELEASED, 0, 0)], [], {"given_up": 1}),
    ("a group with a higher limit", [acquired(0, 0, LIMIT + 2), said(RELEASED, 0, 0, at=2), acquired(0, 0, LIMIT + 3, at=3), said(RELEASED, 0, 0, at=4)], [], {"released": 0, "given_up": 2}),
    ("passed over: given up below a lower limit, or deleted", [acquired(0, 1), said(RELEASED, 0, 1), acquired(2, 3, at=5)], [(2, 3)], {"given_up": 2}),
    ("not passed over: it was released when the other request was under way", [acquired(0, 1), said(RELEASED, 0, 1, at=4), acquired(2, 3, 1, "b", 5, 3)], [(0, 1), (2, 3)], {}),
    ("settled, by what no answer was seen to", [acquired(0, 3), said("unanswered", 0, 1), acquired(4, 5, 1, "b", 4)], [(2, 3), (4, 5)], {}),
    ("not settled by what no answer was seen to", [acquired(0, 1), said("unanswered", 0, 1), acquired(0, 1, 1, "b", 4)], [(0, 1)], {"session_ended": 2}),
    ("of a lock whose length is not told nothing is concluded", [acquired(0, 1, lock=-1), acquired(2, 3, 1, "b", 99)], [(0, 1), (2, 3)], {}),
    ("whoever looks in the middle sees what is acknowledged", [said("accepted", 0, 9), said(RELEASED, 10, 11)], [(10, 11)], {}),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "left", "counts"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "one by one"])
def test_what_is_left(rows: list[ShareRow[int]], left: list[tuple[int, int]], counts: dict[str, int], at_once: bool) -> None:
    progress = ShareProgress[int]()
    for batch in [rows] if at_once else [[row] for row in rows]:
        progress.take(batch)
    one = progress.partitions[KEY]
    assert [(part.first, part.last) for part in one.ranges] == left
    assert {why: count for why, count in one.counts.items() if count} == {why: count for why, count in counts.items() if count}
    assert one.next_offset == max(row.last for row in rows) + 1


def test_what_is_open_is_bounded_and_what_the_bounds_cost_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share_progress, "MAX_RANGES", 3)
    monkeypatch.setattr(share_progress, "MAX_ALL_RANGES", 5)
    progress = ShareProgress[int]()
    for key in (0, 1):
        progress.take(acquired(offset, offset)._replace(key=key) for offset in range(0, 10, 2))
    assert [len(one.ranges) for one in progress.partitions.values()] == [2, 3] and progress.dropped == 5
    # The oldest go.
    assert [part.first for part in progress.partitions[1].ranges] == [4, 6, 8]


def share_fetch(at: float, records: list[tuple[int, int, int]], acks: list[dict[str, Any]] = (), *, error: int = 0, member: str = "m", epoch: int = 1) -> dict[str, Any]:  # type: ignore[assignment]
    """A ShareFetch of partition 0 of ``t`` with what it acknowledges and acquires."""
    part = {"partition_index": 0, "acknowledgement_batches": list(acks)}
    asked = {"group_id": "s", "member_id": member, "share_session_epoch": epoch, "topics": [{"topic_id": "id", "topic_name": "t", "partitions": [part]}]}
    got = [{"first_offset": first, "last_offset": last, "delivery_count": n} for first, last, n in records]
    answer = {"error_code": 0, "acquisition_lock_timeout_ms": 30_000, "responses": [{"topic_id": "id", "topic_name": "t", "partitions": [
        {"partition_index": 0, "error_code": 0, "acknowledge_error_code": error, "acquired_records": got}]}]}  # fmt: skip
    return {"time_": at, "latency": 0.1, "req_cmd": 78, "req_cmd_name": "ShareFetch", "req_body": json.dumps(asked), "resp": json.dumps(answer)}


def acks(first: int, last: int, *types: int) -> dict[str, Any]:
    return {"first_offset": first, "last_offset": last, "acknowledge_types": list(types)}


@pytest.mark.parametrize(
    ("requests", "left", "first_at"),
    [
        ([share_fetch(5, [(0, 9, 1)])], 20, 1),
        ([share_fetch(5, [(0, 9, 1)]), share_fetch(6, [(10, 14, 1)], [acks(0, 9, 1)])], 10, 3),
        ([share_fetch(5, [(0, 9, 1)]), share_fetch(6, [(10, 14, 1)], [acks(0, 9, 1)], error=121)], 20, 1),
        ([share_fetch(5, [(0, 9, 1)]), share_fetch(6, [(10, 19, 1)], [acks(0, 9, 1, 1, 1, 1, 1, 2, 2, 3, 1, 1)]), share_fetch(7, [], [acks(10, 19, 1)], epoch=-1)], 2, 2),
        ([share_fetch(5, [(0, 19, 1)]), share_fetch(7, [], [acks(0, 19, 1)])], 0, None),
        ([share_fetch(5, [(0, 9, 1)]), share_fetch(6, [], [acks(0, 9, 1)]) | {"resp": ""}, share_fetch(7, [(10, 11, 1)])], 10, 3),
    ],
    ids=["held", "accepted by the next fetch", "refused", "record by record", "all", "no answer, and passed over by the next"],
)
def test_lag_of_a_share_group(requests: list[dict[str, Any]], left: int, first_at: float | None) -> None:
    """20 records: 0-4 appended at 1 s, 5-9 at 2 s, 10-19 at 3 s."""
    produced = [{"at": at, "base_offset": base, "last_offset": last} for at, base, last in ((1, 0, 4), (2, 5, 9), (3, 10, 19))]
    monitor = Monitor()
    rows = {"kafka_produce": table("kafka_produce", *produced), "kafka_events.beta": table("kafka_events.beta", *requests)}
    for name, found in rows.items():
        for batch in found.to_batches():
            monitor.offer(name, batch)
    monitor.step(10 * SECOND)
    assert monitor.last is not None
    (row,) = monitor.last.lag.to_pylist()
    assert (row["group_id"], row["lag"], row["end_offset"], row["basis"], row["committed"]) == ("s", left, 20, "acknowledged", None)
    assert row["lag_seconds"] == (0 if first_at is None else 10 - first_at)
    assert row["lag_seconds_source"] == ("caught_up" if first_at is None else "produce")
    asked = observed.rows({name: found.select([c for c in NEEDED[name] if c in found.column_names]) for name, found in rows.items()})
    (same,) = lag.partitions(asked, now_ns=10 * SECOND).to_pylist()
    assert {name: same[name] for name in ("lag", "position", "position_at", "lag_seconds")} == {name: row[name] for name in ("lag", "position", "position_at", "lag_seconds")}


def admin(at: float, api: int, asked: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    return {"time_": at, "latency": 0.1, "req_cmd": api, "req_cmd_name": "", "req_body": json.dumps({"group_id": "s"} | asked), "resp": json.dumps({"error_code": 0} | answer)}


def moved(at: float, offset: int, error: int = 0) -> dict[str, Any]:
    asked = {"topics": [{"topic_name": "t", "partitions": [{"partition_index": 0, "start_offset": offset}]}]}
    return admin(at, 91, asked, {"responses": [{"topic_name": "t", "topic_id": "id", "partitions": [{"partition_index": 0, "error_code": error}]}]})


def deleted(at: float) -> dict[str, Any]:
    return admin(at, 42, {}, {"results": [{"group_id": "s", "error_code": 0}]})


def forgotten(at: float, error: int = 0) -> dict[str, Any]:
    return admin(at, 92, {"topics": [{"topic_name": "t"}]}, {"responses": [{"topic_name": "t", "topic_id": "id", "error_code": error}]})


@pytest.mark.parametrize(
    ("request_", "left"), [(moved(8, 0), 20), (moved(8, 15), 5), (moved(8, 15, error=68), 10), (forgotten(8), None), (forgotten(8, error=68), 10), (deleted(8), None)],
    ids=["set back", "set forward", "refused: it has members", "its offsets deleted", "not deleted: it has members", "deleted while a long poll was open"],
)  # fmt: skip
def test_a_share_group_that_is_moved_from_outside(request_: dict[str, Any], left: int | None) -> None:
    """As ``kafka-share-groups --reset-offsets`` and ``--delete-offsets`` do it (KIP-932); 20 records, of which 10 are held."""
    fetch = {"time_": 5, "response_time": 5.1, "group_id": "s", "topic": "t", "topic_id": "id", "first_offset": 0, "last_offset": 9, "records": 10}
    late = [share_fetch(7.5, [(10, 19, 1)]) | {"latency": 1.5}] if request_["req_cmd"] == 42 else []
    rows = {
        "kafka_produce": table("kafka_produce", {"at": 1, "base_offset": 0, "last_offset": 19}),
        "kafka_fetch": table("kafka_fetch", fetch),
        "kafka_events.beta": table("kafka_events.beta", share_fetch(5, [(0, 9, 1)]), share_fetch(6, [], [acks(0, 9, 1)], epoch=-1), request_, *late),
    }
    monitor = Monitor()
    for name, found in rows.items():
        for batch in found.to_batches():
            monitor.offer(name, batch)
    monitor.step(10 * SECOND)
    assert monitor.last is not None
    assert [row["lag"] for row in monitor.last.lag.to_pylist()] == ([] if left is None else [left])
    assert [row["lag"] for row in lag.partitions(observed.rows(rows), now_ns=10 * SECOND).to_pylist() if row["group_id"] == "s"] == ([] if left is None else [left])


def test_rows_of_what_is_not_settled() -> None:
    """One when something is new, each with what was counted since the one before it; the last one of a recording whatever happened."""
    monitor, written = Monitor(), []
    requests = [
        (5, share_fetch(5, [(0, 9, 1)])),
        (6, share_fetch(6, [(10, 14, 1)], [acks(0, 9, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2)])),
        (7, share_fetch(7, [(8, 9, 2)], member="n")),
        (50, share_fetch(50, [(8, 9, 3), (10, 14, 2)], member="o")),
    ]
    for second, request in [*requests, (51, None), (52, None)]:
        if request is not None:
            for batch in table("kafka_events.beta", request).to_batches():
                monitor.offer("kafka_events.beta", batch)
            monitor.take(monitor._take_waiting(), (second + 1) * SECOND)
        written.append(monitor.sample((second + 1) * SECOND, last=second == 52).get("kafka_share_lag", pa.table({})).to_pylist())
    columns = ("next_offset", "held", "available", "released", "lock_expired", "session_ended", "given_up")
    assert [[tuple(row[name] for name in columns) for row in rows] for rows in written] == [
        [(10, 10, 0, 0, 0, 0, 0)], [(15, 5, 2, 0, 0, 0, 0)], [(15, 7, 0, 2, 0, 0, 0)], [(15, 7, 0, 0, 7, 0, 0)], [], [(15, 7, 0, 0, 0, 0, 0)],
    ]  # fmt: skip
    assert {(row["group_id"], row["topic"], row["partition"]) for rows in written for row in rows} == {("s", "t", 0)}
    assert monitor.last is not None
    assert [(row["status"], row["reason"]) for row in monitor.last.lag.to_pylist()] == [("OK", "A share group commits no offsets to judge it by: its lag is what it has not settled.")]


@pytest.mark.parametrize("capture", ["java-clients", "matrix/groups"])
def test_a_recorded_share_group_has_the_brokers_lag(capture: str) -> None:
    """The capture holds the broker's own DescribeShareGroupOffsets."""
    tables = captured(capture)
    events = tables["kafka_events.beta"]
    compared = 0
    for asked in [row for row in events.to_pylist() if row["req_cmd"] == 90]:
        found = lag.partitions(observed.rows(tables), now_ns=asked["time_"] + asked["latency"]).to_pylist()
        for group in json.loads(asked["resp"])["groups"]:
            told = {(topic["topic_name"], part["partition_index"]): part["lag"] for topic in group["topics"] for part in topic["partitions"] if part["lag"] >= 0}
            assert {(r["topic"], r["partition"]): r["lag"] for r in found if r["group_id"] == group["group_id"]} == told
            compared += len(told)
    assert compared
