"""The state kept row by row answers as the query over all rows does, however the rows are cut into batches."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest
from analysis_rows import CAPTURED, SECOND, captured, table
from hypothesis import given, settings
from hypothesis import strategies as st

from kafkascope.analysis import lag, observed, told
from kafkascope.analysis.judge import partitions as judged
from kafkascope.analysis.lag import Rows
from kafkascope.analysis.tracker import Tracker
from kafkascope.analysis.verdicts import verdicts

Key = tuple[str, str, str, int]
#: Both look at the last minute, but the tracker at moments that it chose itself.
OWN = {"trend", "drain_seconds"}


def by_key(answer: pa.Table) -> dict[Key, dict[str, Any]]:
    return {(r["cluster_id"], r["group_id"], r["topic"], r["partition"]): {k: v for k, v in r.items() if k not in OWN} for r in answer.to_pylist()}


def in_batches(rows: Rows, cuts: list[int]) -> list[Rows]:
    """The rows that had come by each moment, as a capture delivers them: by the time of the answer."""
    found = []
    low = -1
    for high in [*cuts, 1 << 62]:

        def part(rows: pa.Table | None, low: int = low, high: int = high) -> pa.Table | None:
            if rows is None:
                return None
            names = rows.column_names
            at = [r.get("response_time") or r["time_"] for r in rows.select([n for n in ("response_time", "time_") if n in names]).to_pylist()]
            return rows.filter(pa.array([low < t <= high for t in at], pa.bool_()))

        found.append(Rows(*(part(getattr(rows, kind)) for kind in ("commits", "fetch", "produce", "ends", "deletions", "transactions", "offsets", "shares"))))
        low = high
    return found


@pytest.mark.parametrize("parts", [1, 2, 40])
@pytest.mark.parametrize("capture", CAPTURED)
def test_captures_however_cut(capture: str, parts: int) -> None:
    tables = captured(capture)
    rows = observed.rows(tables)
    times = tables["kafka_events.beta"]["time_"].to_pylist()
    first, last = min(times), max(times) + 10 * SECOND
    wanted = by_key(lag.partitions(rows, now_ns=last))
    tracker = Tracker()
    draw = random.Random(parts)
    for batch in in_batches(rows, sorted(draw.randint(first, last) for _ in range(parts - 1))):
        tracker.take(batch)
    assert by_key(tracker.partitions(last)) == wanted
    assert wanted


@pytest.mark.parametrize("capture", CAPTURED)
def test_verdicts_on_captures(capture: str) -> None:
    """Where the window is full or the lag is gone; before that the state says that it is too early."""
    tables = captured(capture)
    rows = observed.rows(tables)
    now_ns = max(tables["kafka_events.beta"]["time_"].to_pylist()) + 120 * SECOND
    tracker = Tracker()
    tracker.take(rows)
    slots = tracker.live()
    got = judged(tracker, slots, now_ns)
    answer = tracker.partitions(now_ns, slots).to_pylist()
    ours = {(r["cluster_id"], r["group_id"], r["topic"], r["partition"]): str(v.status) for r, v in zip(answer, got.verdicts, strict=True)}
    wanted = verdicts(rows, now_ns=now_ns)[0].to_pylist()
    assert {(r["cluster_id"], r["group_id"], r["topic"], r["partition"]): r["status"] for r in wanted}.items() <= ours.items()


class Log:
    """A simulated partition whose every number is known."""

    def __init__(self, topic: str, partition: int) -> None:
        self.topic, self.partition = topic, partition
        self.appends: list[tuple[int, int]] = []

    @property
    def end(self) -> int:
        return self.appends[-1][0] if self.appends else 0

    def append(self, at: int, count: int) -> dict[str, Any]:
        base = self.end
        self.appends.append((base + count, at))
        return {"at": at, "topic": self.topic, "partition": self.partition, "base_offset": base, "last_offset": base + count - 1, "records": count}

    def appended_at(self, offset: int) -> int:
        return next(at for end, at in self.appends if end > offset)


@st.composite
def traffic(draw: st.DrawFn) -> list[tuple[str, int, int, int]]:
    """Steps of one second: what happens, on which partition, to which group, how many records."""
    step = st.tuples(st.sampled_from(["produce", "produce", "read", "commit", "nothing"]), st.integers(0, 2), st.integers(0, 1), st.integers(1, 5))
    return draw(st.lists(step, min_size=1, max_size=60))


@given(traffic(), st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_a_simulated_cluster_has_exactly_this_lag(steps: list[tuple[str, int, int, int]], every: int) -> None:
    logs = [Log("t", p) for p in range(3)]
    position: dict[tuple[int, int], int] = {}
    committed: dict[tuple[int, int], int] = {}
    tracker = Tracker()
    rows: dict[str, list[dict[str, Any]]] = {"commits": [], "fetch": [], "produce": []}

    def hand_over() -> None:
        tables = {"commits": "kafka_commits", "fetch": "kafka_fetch", "produce": "kafka_produce"}
        tracker.take(Rows(**{kind: table(tables[kind], *found) for kind, found in rows.items()}))
        for found in rows.values():
            found.clear()

    now = 100
    for number, (what, p, g, count) in enumerate(steps):
        now = 100 + number
        log = logs[p]
        if what == "produce":
            rows["produce"].append(log.append(now, count))
        elif what == "read":
            at = position.get((g, p), 0)
            got = min(count, log.end - at)
            row = {"at": now, "group_id": f"g{g}", "topic": "t", "partition": p, "fetch_offset": at, "high_watermark": log.end, "last_stable_offset": log.end}
            if got:
                row |= {"first_offset": at, "last_offset": at + got - 1, "records": got, "max_timestamp": log.appended_at(at + got - 1)}
            rows["fetch"].append(row)
            position[g, p] = at + got
        elif what == "commit" and (g, p) in position:
            committed[g, p] = position[g, p]
            rows["commits"].append({"at": now, "group_id": f"g{g}", "topic": "t", "partition": p, "offset": position[g, p]})
        if number % every == 0:
            hand_over()
    hand_over()
    now += 5
    got = {(r["group_id"], r["partition"]): r for r in tracker.partitions(now * SECOND).to_pylist()}
    assert got.keys() == {(f"g{g}", p) for g, p in position}
    for (g, p), at in position.items():
        row, log = got[f"g{g}", p], logs[p]
        done = committed.get((g, p))
        begins = at if done is None else done
        assert (row["position"], row["committed"], row["end_offset"]) == (at, done, log.end)
        assert (row["read_lag"], row["lag"]) == (log.end - at, None if done is None else log.end - done)
        assert row["lag_seconds"] == (now - log.appended_at(begins) if begins < log.end else 0)
        assert row["lag_seconds_source"] == ("produce" if begins < log.end else "caught_up")


def test_more_keys_than_the_limit_are_refused_and_counted() -> None:
    tracker = Tracker(max_pairs=2)
    tracker.take(Rows(commits=table("kafka_commits", *({"at": 1, "partition": p, "offset": 1} for p in range(5)))))
    assert (len(tracker.live()), tracker.stats()["groupPartitionsRefused"]) == (2, 3)


def test_a_commit_without_an_answer_counts_only_where_no_answers_are_seen() -> None:
    commits = [{"at": 1, "offset": 3}, {"time_": 2, "offset": 9, "error_code": None}, {"time_": 2, "group_id": "one-sided", "offset": 7, "error_code": None}]
    rows = Rows(commits=table("kafka_commits", *commits))
    tracker = Tracker()
    tracker.take(rows)
    answers = [{r["group_id"]: r["committed"] for r in answer.to_pylist()} for answer in (tracker.partitions(5 * SECOND), lag.partitions(rows, now_ns=5 * SECOND))]
    assert answers == [{"g": 3, "one-sided": 7}] * 2


def test_a_topic_without_a_name_gets_it_later() -> None:
    tracker = Tracker()
    tracker.take(Rows(commits=table("kafka_commits", {"at": 1, "topic": "", "topic_id": "AAAAAAAAAAAAAAAAAAAAAQ", "offset": 3})))
    assert tracker.partitions(2 * SECOND)["topic"].to_pylist() == ["AAAAAAAAAAAAAAAAAAAAAQ"]
    tracker.learn_topics([("AAAAAAAAAAAAAAAAAAAAAQ", "orders")])
    tracker.take(Rows(produce=table("kafka_produce", {"at": 2, "topic": "orders", "base_offset": 3, "last_offset": 4, "records": 2})))
    (row,) = tracker.partitions(5 * SECOND).to_pylist()
    assert (row["topic"], row["lag"], row["lag_seconds"]) == ("orders", 2, 3.0)


@pytest.mark.parametrize(("asked", "left"), [(4.9, []), (5.1, [8])], ids=["asked before: a long poll", "asked after: a new reader"])
def test_of_a_fetch_answered_after_its_group_was_deleted_counts_when_it_was_asked(asked: float, left: list[int]) -> None:
    deleted = told.deletions(table("kafka_events.beta", {"time_": 5, "latency": 0, "req_cmd": 42, "req_body": "{}", "resp": '{"results":[{"group_id":"g","error_code":0}]}'}))
    fetches = [{"at": 1, "fetch_offset": 0, "last_offset": 7, "records": 8, "high_watermark": 8}, {"time_": asked, "response_time": 5.4, "fetch_offset": 8, "high_watermark": 8}]
    rows = Rows(fetch=table("kafka_fetch", *fetches), deletions=deleted)
    tracker = Tracker()
    for batch in in_batches(rows, [2 * SECOND, 5 * SECOND]):
        tracker.take(batch)
    for answer in (tracker.partitions(6 * SECOND), lag.partitions(rows, now_ns=6 * SECOND)):
        assert [r["position"] for r in answer.to_pylist() if r["group_id"] == "g"] == left


def test_a_partition_that_nobody_uses_any_more_goes() -> None:
    tracker = Tracker()
    tracker.take(Rows(commits=table("kafka_commits", {"at": 10, "offset": 3}, {"at": 90, "partition": 1, "offset": 3})))
    assert tracker.forget_idle(50 * SECOND) == 1
    assert tracker.partitions(100 * SECOND)["partition"].to_pylist() == [1]


def test_the_trend_is_that_of_the_last_minute() -> None:
    tracker = Tracker()
    tracker.take(Rows(commits=table("kafka_commits", {"at": 10, "offset": 0})))
    for second in range(10, 80, 10):
        tracker.take(Rows(produce=table("kafka_produce", {"at": second, "base_offset": second * 5, "last_offset": second * 5 + 49, "records": 50})))
        tracker.note_lag(second * SECOND)
    (row,) = tracker.partitions(80 * SECOND).to_pylist()
    # 50 records every 10 s; the lag was 250 at 20 s... and is 400 now.
    assert row["trend"] == pytest.approx(5, abs=1)
    assert row["drain_seconds"] is None
    tracker.take(Rows(commits=table("kafka_commits", {"at": 80, "offset": 390})))
    (row,) = tracker.partitions(80 * SECOND).to_pylist()
    assert row["trend"] < 0 and row["drain_seconds"] == pytest.approx(row["lag"] / -row["trend"])


@pytest.mark.parametrize(("written", "done", "ahead"), [(50, 30, 0), (30, 30, 500), (20, 50, 9_000), (0, 10, 2_000)], ids=["falls behind", "keeps its distance", "catches up", "nothing new"])
@pytest.mark.parametrize("every", [2, 5, 10, 13], ids=lambda every: f"looked at every {every} s")
def test_trend_and_time_to_drain_are_those_of_steady_rates(written: int, done: int, ahead: int, every: int) -> None:
    """Records per second written and committed, and how many are left at the beginning; recomputed from these."""
    tracker = Tracker()
    for second in range(1, 181):
        end, committed = 10_000 + written * second, 10_000 - ahead + done * second
        produced = [{"at": second, "base_offset": end - max(written, 1), "last_offset": end - 1, "records": written}] if written or second == 1 else []
        tracker.take(Rows(produce=table("kafka_produce", *produced), commits=table("kafka_commits", {"at": second, "offset": committed})))
        if second % every == 0:
            (row,) = tracker.partitions(second * SECOND).to_pylist()
            tracker.note_lag(second * SECOND)
    second = 180 // every * every
    left = 10_000 + written * second - (10_000 - ahead + done * second)
    assert row["lag"] == left
    assert row["trend"] == pytest.approx(written - done)
    assert row["drain_seconds"] == (None if done <= written else pytest.approx(left / (done - written)))
