"""Rebalances of every group protocol: recorded ones, and told ones for what no recording has."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from analysis_rows import SECOND, table
from hypothesis import given, settings
from hypothesis import strategies as st

from kafkascope.analysis.rebalances import COLUMNS, INPUT, SCHEMA, rebalances

Row = dict[str, Any]


def told(*rows: Row, **common: Any) -> list[Row]:
    return rebalances(table("kafka_group_events", *(common | row for row in rows))).to_pylist()


def event(time: float, event: str, member: str, generation: int = -1, duration: float = 0.1, **more: Any) -> Row:
    return {"time_": time, "event": event, "member_id": member, "client_id": f"client-{member}", "generation": generation, "duration": duration} | more


def join(time: float, member: str, generation: int, **more: Any) -> Row:
    return event(time, "join", member, generation, protocol_name="range") | more


def sync(time: float, member: str, generation: int, partitions: list[int] | None, **more: Any) -> Row:
    return event(time, "sync", member, generation, assigned=assigned(partitions), protocol_name="range") | more


def assigned(partitions: list[int] | None) -> str:
    return "" if partitions is None else json.dumps([{"topic": "t", "partitions": partitions}] if partitions else [])


def heartbeat(time: float, member: str, error: int, **more: Any) -> Row:
    return event(time, "heartbeat", member, error_code=error, **more)


def leave(time: float, member: str, **more: Any) -> Row:
    return event(time, "leave", member, **more)


def one(found: list[Row]) -> Row:
    (row,) = found
    return row


TWO = [join(0, "a", 1), join(0, "b", 1), sync(1, "a", 1, [0, 1]), sync(1, "b", 1, [2, 3])]


def after_two(*rows: Row, **common: Any) -> list[Row]:
    """What follows on the first rebalance of a group of two, which read two partitions each."""
    found = told(*TWO, *rows, **common)
    assert found[0]["outcome"] == "completed" and found[0]["end_time"] == round(1.1 * SECOND)
    return found[1:]


def check(row: Row, **expected: Any) -> None:
    assert {column: row[column] for column in expected} == expected


def part(row: Row, member: str) -> Row:
    return next(m for m in row["members"] if m["member_id"] == member)


def seconds(value: float) -> int:
    return round(value * SECOND)


def test_a_group_begins() -> None:
    row = one(told(join(0, "a", -1, error_code=79), join(0.2, "a", 1, duration=3), sync(3.3, "a", 1, [0, 1, 2])))
    check(row, trigger="member_joined", outcome="completed", style="eager", generation_before=None, generation=1, members_before=0,
          members_after=1, partitions_gained=3, partitions_moved=0, retries=0, duration=seconds(3.4), stopped_max=None)  # fmt: skip


def test_a_member_joins_and_everybody_stops() -> None:
    row = one(after_two(
        join(10, "c", 2, duration=2.5), heartbeat(12, "a", 27), join(12.2, "a", 2, duration=0.3), heartbeat(12.3, "b", 27),
        join(12.4, "b", 2, is_leader=True, members=3), sync(12.6, "a", 2, [0, 1]), sync(12.6, "b", 2, [2]), sync(12.7, "c", 2, [3]),
    ))  # fmt: skip
    check(row, trigger="member_joined", trigger_client_id="client-c", members_before=2, members_after=3, partitions_moved=1, partitions_gained=1,
          partitions_lost=1, duration=seconds(2.8), stopped_max=seconds(0.5), unowned_max=seconds(0.4), retries=0)  # fmt: skip
    check(part(row, "a"), partitions_before=2, partitions_after=2, stopped=seconds(0.5), left=False)
    check(part(row, "c"), partitions_before=0, partitions_after=1, stopped=None, settled=seconds(2.8))


def test_a_generation_that_comes_to_nothing_is_a_retry_and_no_rebalance() -> None:
    row = one(after_two(
        join(10, "c", 2), join(10, "a", 2), join(10, "b", 2), sync(10.3, "a", 2, None, error_code=27), sync(10.3, "b", 2, None, error_code=27),
        leave(10.4, "c"), join(10.5, "a", 3), join(10.5, "b", 3), sync(10.7, "a", 3, [0, 1]), sync(10.7, "b", 3, [2, 3]),
    ))  # fmt: skip
    check(row, trigger="member_joined", generation_before=1, generation=3, members_before=2, members_after=2, partitions_moved=0, retries=1,
          duration=seconds(0.8))  # fmt: skip


def test_a_member_leaves_and_says_why() -> None:
    row = one(after_two(leave(10, "b", reason="the consumer is being closed"), heartbeat(13, "a", 27), join(13.2, "a", 2), sync(13.4, "a", 2, [0, 1, 2, 3])))
    check(row, trigger="member_left", reason="the consumer is being closed", trigger_client_id="client-b", members_after=1, partitions_moved=2,
          unowned_max=seconds(3.5), stopped_max=seconds(0.3), duration=seconds(3.5))  # fmt: skip
    check(part(row, "b"), left=True, partitions_before=2, partitions_after=0, stopped=None)


def test_a_member_is_gone_without_a_word() -> None:
    row = one(after_two(heartbeat(50, "a", 27), join(50.2, "a", 2), sync(50.4, "a", 2, [0, 1, 2, 3])))
    check(row, trigger="member_timed_out", trigger_client_id="client-b", trigger_member_id="b", members_before=2, members_after=1,
          partitions_moved=2, partitions_lost=2, unowned_max=None)  # fmt: skip


def test_a_member_that_was_not_seen_joins() -> None:
    row = one(after_two(
        heartbeat(50, "a", 27), heartbeat(50, "b", 27), join(50.2, "a", 2, is_leader=True, members=3), join(50.2, "b", 2),
        sync(50.4, "a", 2, [0]), sync(50.4, "b", 2, [2]),
    ))  # fmt: skip
    check(row, trigger="unseen", members_before=2, members_after=3, partitions_lost=2)


def test_the_leader_asks_for_a_rebalance() -> None:
    why = "cached metadata has changed"
    row = one(after_two(
        join(10, "a", 2, reason=why), heartbeat(11, "b", 27), join(11, "b", 2), sync(11.2, "a", 2, [0, 1]), sync(11.2, "b", 2, [2, 3, 4]),
    ))  # fmt: skip
    check(row, trigger="member_rejoined", reason=why, partitions_gained=1, partitions_moved=0, members_before=2, members_after=2)


def test_a_fenced_member_comes_back() -> None:
    row = one(after_two(
        heartbeat(90, "a", 25), join(90.2, "a2", -1, error_code=79), join(90.4, "a2", 3), join(91, "b", 3), sync(92, "a2", 3, [0, 1]), sync(92, "b", 3, [2, 3]),
    ))  # fmt: skip
    check(row, trigger="member_fenced", trigger_member_id="a", partitions_moved=2, generation=3)


def test_cooperative_members_read_on_and_partitions_pause() -> None:
    sticky = {"protocol_name": "cooperative-sticky"}
    found = told(
        *[r | sticky for r in TWO],
        join(10, "c", 2) | sticky, join(10.1, "a", 2) | sticky, join(10.1, "b", 2) | sticky,
        sync(10.3, "a", 2, [0]) | sticky, sync(10.3, "b", 2, [2, 3]) | sticky, sync(10.3, "c", 2, []) | sticky,
        join(10.5, "a", 3) | sticky, join(10.5, "b", 3) | sticky, join(10.5, "c", 3) | sticky,
        sync(10.8, "a", 3, [0]) | sticky, sync(10.8, "b", 3, [2, 3]) | sticky, sync(10.8, "c", 3, [1]) | sticky,
    )  # fmt: skip
    first, second = found[1:]
    check(first, style="cooperative", trigger="member_joined", partitions_lost=1, partitions_moved=0, stopped_max=0)
    check(second, style="cooperative", trigger="member_rejoined", partitions_moved=1, stopped_max=0, unowned_max=seconds(0.5))


def test_the_assignor_of_streams_is_cooperative() -> None:
    stream = {"protocol_name": "stream"}
    found = told(*[r | stream for r in TWO], join(10, "a", 2) | stream, heartbeat(13, "b", 27), join(13, "b", 2) | stream, sync(13.2, "a", 2, [0, 1]), sync(13.2, "b", 2, [2, 3]))
    check(found[1], style="cooperative", stopped_max=0)


def test_a_static_member_that_comes_back_in_time_is_no_rebalance() -> None:
    static = {"instance_id": "i-1"}
    begin = [join(0, "a", 1) | static, join(0, "b", 1), sync(1, "a", 1, [0, 1]) | static, sync(1, "b", 1, [2, 3])]
    back = [join(20, "a-again", 1) | static, sync(20.2, "a-again", 1, [0, 1]) | static]
    found = told(*begin, *back, leave(40, "b"), join(41, "a-again", 2) | static, sync(42, "a-again", 2, [0, 1, 2, 3]) | static)
    assert [r["trigger"] for r in found] == ["member_joined", "member_left"]
    check(found[1], partitions_moved=2, members_before=2, members_after=1)


def test_the_last_member_leaves_and_a_new_group_begins() -> None:
    found = after_two(leave(10, "a"), leave(10.05, "b"), join(70, "n", 1), sync(70.2, "n", 1, [0, 1, 2, 3]))
    check(found[0], outcome="emptied", members_after=0, partitions_lost=4)
    check(found[1], outcome="completed", trigger="member_joined", members_before=0, members_after=1, partitions_moved=0, partitions_gained=4)


def test_a_rebalance_that_does_not_end_is_open() -> None:
    row = one(after_two(join(10, "c", 2), join(10, "a", 2), sync(10.2, "a", 2, [0])))
    check(row, outcome="open", end_time=None, duration=None)


def test_a_refused_member_is_no_rebalance() -> None:
    assert after_two(join(10, "c", -1, error_code=23), join(11, "d", -1, error_code=30), heartbeat(12, "a", 16)) == []


def test_attached_in_the_middle() -> None:
    row = one(told(heartbeat(5, "a", 27), join(5.2, "a", 8, is_leader=True, members=2), join(5.2, "b", 8), sync(6, "a", 8, [0]), sync(6, "b", 8, [1])))
    check(row, generation_before=None, members_before=None, generation=8, members_after=2, trigger="unseen", stopped_max=None)


CONSUMER = {"protocol": "consumer"}


def given_assignment(time: float, member: str, epoch: int, partitions: list[int], **more: Any) -> Row:
    return event(time, "assignment", member, epoch, assigned=assigned(partitions), **more)


def test_incremental_groups_move_partitions_one_by_one() -> None:
    found = told(
        event(0, "join", "a", 1), given_assignment(0, "a", 1, [0, 1]),
        event(20, "join", "b", 2),
        given_assignment(22, "a", 1, [0]), event(24, "epoch", "a", 2), given_assignment(25, "b", 2, [1]),
        **CONSUMER,
    )  # fmt: skip
    check(found[0], style="incremental", trigger="member_joined", outcome="completed", partitions_gained=2, members_after=1)
    check(found[1], trigger="member_joined", trigger_client_id="client-b", generation_before=1, generation=2, members_before=1, members_after=2,
          partitions_moved=1, partitions_lost=1, unowned_max=seconds(3.0), stopped_max=0, duration=seconds(5.1), outcome="completed")  # fmt: skip
    check(part(found[1], "b"), partitions_after=1, settled=seconds(5.1))


def test_an_incremental_member_that_falls_silent_is_found_when_its_partitions_go() -> None:
    found = told(
        event(0, "join", "a", 2), given_assignment(0, "a", 2, [0]), event(0, "join", "b", 2), given_assignment(0, "b", 2, [1]),
        given_assignment(50, "a", 3, [0, 1]),
        **CONSUMER,
    )  # fmt: skip
    check(found[-1], trigger="member_timed_out", trigger_client_id="client-b", members_before=2, members_after=1, partitions_moved=1)


@pytest.mark.parametrize(
    ("name", "rows", "trigger"),
    [
        ("subscription", [event(50, "heartbeat", "a", 2, reason="subscription changed"), given_assignment(52, "a", 3, [0])], "subscription_changed"),
        ("new partitions", [given_assignment(50, "a", 3, [0, 1])], "assignment_changed"),
        ("fenced", [heartbeat(50, "a", 110), event(51, "join", "a", 3), given_assignment(51, "a", 3, [0])], "member_fenced"),
    ],
)
def test_what_begins_an_incremental_rebalance(name: str, rows: list[Row], trigger: str) -> None:
    found = told(event(0, "join", "a", 2), given_assignment(0, "a", 2, [0]), *rows, **CONSUMER)
    check(found[1], trigger=trigger, outcome="completed", generation=3, members_after=1)
    assert len(found) == 2


def test_a_static_member_of_the_new_protocol_that_is_away_is_no_rebalance() -> None:
    static = {"instance_id": "i-1"} | CONSUMER
    found = told(
        event(0, "join", "a", 2, **static), given_assignment(0, "a", 2, [0, 1], instance_id="i-1"),
        leave(20, "a", generation=-2, **static),
        event(22, "join", "a-again", 2, **static), given_assignment(22, "a-again", 2, [0, 1], instance_id="i-1"),
        leave(60, "a-again", generation=-1, **static),
        **CONSUMER,
    )  # fmt: skip
    assert [(r["trigger"], r["outcome"]) for r in found] == [("member_joined", "completed"), ("member_left", "emptied")]
    check(found[0], partitions_gained=2, partitions_lost=0)
    check(found[1], partitions_lost=2)


def test_a_member_of_the_new_protocol_is_removed_by_an_admin() -> None:
    """The request is the classic protocol's LeaveGroup."""
    found = told(
        event(0, "join", "a", 2), given_assignment(0, "a", 2, [0]), event(0, "join", "b", 2), given_assignment(0, "b", 2, [1]),
        leave(50, "b", protocol="classic", client_id="admin", reason="member was removed by an admin"),
        given_assignment(52, "a", 3, [0, 1]),
        **CONSUMER,
    )  # fmt: skip
    check(found[-1], protocol="consumer", trigger="member_left", trigger_client_id="admin", reason="member was removed by an admin", members_before=2, members_after=1, partitions_moved=1)
    assert len(found) == 2


def test_joins_of_the_new_protocol_that_are_refused_for_now_are_retries() -> None:
    row = one(told(event(0, "join", "a", 0, error_code=14), event(1, "join", "a", 0, error_code=16), event(2, "join", "a", 1), given_assignment(2, "a", 1, [0]), **CONSUMER))
    check(row, trigger="member_joined", outcome="completed", retries=2, duration=seconds(2.1), members_after=1)


def test_an_incremental_group_waits_for_all_and_gives_up_on_who_never_follows() -> None:
    begin = [event(0, "join", "a", 2), given_assignment(0, "a", 2, [0, 1]), event(20, "join", "b", 3)]
    check(told(*begin, **CONSUMER)[1], outcome="open", end_time=None)
    found = told(*begin, event(200, "join", "c", 4), **CONSUMER)
    check(found[1], outcome="completed", members_after=1)
    assert part(found[1], "b")["left"] is False


def test_two_members_of_a_share_group_read_one_partition() -> None:
    found = told(
        event(0, "join", "a", 1), given_assignment(0, "a", 1, [0, 1]), event(20, "join", "b", 2), given_assignment(20, "b", 2, [0, 1]),
        event(21, "epoch", "a", 2), leave(60, "a"), event(62, "epoch", "b", 3),
        protocol="share",
    )  # fmt: skip
    check(found[1], partitions_moved=0, partitions_gained=2, partitions_lost=0, members_after=2)
    check(found[2], trigger="member_left", partitions_lost=2, members_after=1, unowned_max=None, outcome="completed")


def test_a_group_on_its_way_to_the_new_protocol_speaks_both() -> None:
    found = told(
        *TWO, event(30, "join", "n", 2, protocol="consumer"), join(30, "a", 2), given_assignment(30, "n", 2, [3], protocol="consumer"), join(30, "b", 2),
        sync(30.2, "a", 2, [0]), sync(30.2, "b", 2, [2]),
    )  # fmt: skip
    assert Counter((r["protocol"], r["outcome"]) for r in found) == {("classic", "completed"): 2, ("consumer", "completed"): 1}


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("", None),
        ("[]", 0),
        ('[{"topic":"t","partitions":[0,1]},{"topic":"u","partitions":[0]}]', 3),
        ('[{"topic_id":"MGkRaWeNQrqwMs3Mf4jW3g","partitions":[4]}]', 1),
        ('[{"topic":"","topic_id":"MGkRaWeNQrqwMs3Mf4jW3g","partitions":[4]}]', 1),
        ('[{"topic":"t","part', None),
    ],
    ids=["unknown", "none", "two topics", "a topic without a name", "the same", "cut short"],
)
def test_assignments_as_rows_have_them(text: str, known: int | None) -> None:
    row = one(told(event(0, "join", "a", 1, **CONSUMER), event(0, "assignment", "a", 1, assigned=text, **CONSUMER)))
    assert (row["partitions_gained"], part(row, "a")["partitions_after"]) == (known or 0, known or 0)


def test_every_column_is_explained() -> None:
    assert list(COLUMNS) == SCHEMA.names
    assert rebalances(table("kafka_group_events")).num_rows == 0
    assert set(INPUT) <= set(table("kafka_group_events").column_names)


names = st.sampled_from("abc")
happenings = st.builds(
    lambda kind, member, generation, error, partitions, protocol, reason: event(
        0, kind, member, generation, error_code=error, assigned=assigned(partitions), protocol=protocol, reason=reason, protocol_name="range"
    ),
    st.sampled_from(["join", "sync", "heartbeat", "leave", "assignment", "epoch"]),
    names,
    st.integers(-1, 5),
    st.sampled_from([0, 0, 0, 0, None, 14, 22, 25, 27, 79, 110]),
    st.none() | st.lists(st.integers(0, 4), unique=True),
    st.sampled_from(["classic", "consumer", "share", "streams"]),
    st.sampled_from(["", "", "subscription changed"]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(happenings, st.floats(0, 80)), max_size=30))
def test_whatever_is_seen_makes_sound_rows(moves: list[tuple[Row, float]]) -> None:
    """Lost rows, odd brokers and a start in the middle: no order of events breaks the table."""
    clock, rows = 0.0, []
    for row, pause in moves:
        clock += pause
        rows.append(row | {"time_": clock})
    for r in told(*rows):
        assert r["outcome"] in {"completed", "emptied", "open"}
        assert (r["end_time"] is None) == (r["outcome"] == "open") == (r["duration"] is None)
        numbers = [r[c] for c in ("duration", "partitions_moved", "partitions_gained", "partitions_lost", "retries", "unowned_max", "stopped_max")]
        assert all(n is None or n >= 0 for n in numbers)
        assert r["partitions_moved"] <= r["partitions_gained"]
        assert r["trigger"] in COLUMNS["trigger"]
