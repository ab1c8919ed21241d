"""Whose turn it is: what ends at once does not wait for what runs long."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from kafkascope.store import turns
from kafkascope.store.turns import Expected, NotInTime, Trust, Turn, Turns, shape

#: Longer than anything here takes on the slowest machine; nothing waits so long unless something is wrong.
PATIENCE_S = 60.0


def ran(seconds: float) -> Turn:
    """A turn that was held so long."""
    return Turn(began=time.monotonic() - seconds)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


@contextlib.contextmanager
def waits(all_turns: Turns, query: bytes, got: list[bytes]) -> Iterator[threading.Thread]:
    """A query that waits in a thread of its own, and says when it got its turn."""
    def run() -> None:
        with all_turns.take(query, PATIENCE_S):
            got.append(query)

    before = len(all_turns._waiting)
    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: len(all_turns._waiting) > before or query in got)
    yield thread
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_runs_of_one_query_are_known_by_all_but_their_numbers() -> None:
    assert shape('SELECT 1 FROM "scan:a:17000:18000:n"') == shape('SELECT 2 FROM "scan:a:19000:20000:n"')
    assert shape("SELECT a") != shape("SELECT b")


def test_a_query_that_runs_long_does_not_take_the_turns_of_others() -> None:
    all_turns = Turns(1, 1)
    all_turns.was_ended(b"long", ran(30))
    with all_turns.take(b"long", PATIENCE_S) as long, all_turns.take(b"new", PATIENCE_S) as new:
        assert long.expected.long and not new.expected.long
        with pytest.raises(NotInTime), all_turns.take(b"long", 0.0):
            pass
        with pytest.raises(NotInTime), all_turns.take(b"other", 0.0):
            pass
    with all_turns.take(b"long", 0.0), all_turns.take(b"other", 0.0):
        pass


def test_of_those_that_wait_the_shortest_is_next() -> None:
    all_turns, got = Turns(1, 1), list[bytes]()
    all_turns.ended(b"quick", ran(0.0))
    with contextlib.ExitStack() as stack, all_turns.take(b"first", PATIENCE_S):
        for query in (b"new", b"newer", b"quick"):
            stack.enter_context(waits(all_turns, query, got))
    assert got == [b"quick", b"new", b"newer"]


def test_what_one_run_of_a_query_tells_holds_for_those_that_wait() -> None:
    all_turns, got = Turns(1, 1), list[bytes]()
    with contextlib.ExitStack() as stack, all_turns.take(b"endless", PATIENCE_S):
        stack.enter_context(waits(all_turns, b"endless", got))
        all_turns.was_ended(b"endless", ran(30))
        until(lambda: bool(got))
    assert got == [b"endless"]


NEW, QUICK, SLOW, SLOWER = Expected(), Expected(Trust.ENDS, 0.01, True), Expected(Trust.ENDS, 5.0, True), Expected(Trust.ENDS, 9.0, True)
GAVE_WAY, ENDED = Expected(Trust.GAVE_WAY, 1.5, True), Expected(Trust.WAS_ENDED, 30.0, True)


@pytest.mark.parametrize(("runs", "waits", "gives_way"), [
    (NEW, NEW, True), (NEW, QUICK, True), (QUICK, NEW, True), (NEW, SLOW, False), (QUICK, ENDED, False),
    (SLOWER, SLOW, True), (SLOW, SLOWER, False), (SLOW, GAVE_WAY, False), (SLOW, ENDED, False), (SLOW, NEW, False),
    (GAVE_WAY, SLOWER, True), (GAVE_WAY, Expected(Trust.GAVE_WAY, 1.1, True), False), (GAVE_WAY, ENDED, False),
    (ENDED, SLOWER, True), (ENDED, GAVE_WAY, True), (ENDED, ENDED, False), (ENDED, QUICK, False),
])  # fmt: skip
def test_what_is_overdue_gives_way_to_what_needs_its_turn_for_a_shorter_time(runs: Expected, waits: Expected, gives_way: bool) -> None:
    all_turns, turn = Turns(1, 1), Turn(runs)
    all_turns._expected[b"waits"] = waits
    all_turns._waiting.append(turns._Waiter(b"waits", 0))
    turn.began = time.monotonic() + 1000
    assert not all_turns.should_give_way(turn)
    turn.began = time.monotonic() - 1000
    assert all_turns.should_give_way(turn) == gives_way


def test_nothing_gives_way_while_nobody_waits() -> None:
    assert not Turns(1, 1).should_give_way(Turn(ENDED, began=time.monotonic() - 1000))


@pytest.mark.parametrize(("expected", "allowed_s"), [(NEW, turns.QUANTUM_S), (QUICK, turns.QUANTUM_S), (SLOW, 50.0), (GAVE_WAY, turns.QUANTUM_S), (ENDED, turns.QUANTUM_S)])
def test_how_long_a_query_may_run_while_others_wait(expected: Expected, allowed_s: float) -> None:
    assert expected.allowed_s == allowed_s


def test_what_is_expected_of_a_query() -> None:
    all_turns = Turns(1, 1)

    def expected() -> Expected:
        with all_turns.take(b"query", PATIENCE_S) as turn:
            return turn.expected

    assert expected() == NEW
    all_turns.gave_way(b"query", ran(200))
    assert expected().trust is Trust.GAVE_WAY and 200 <= expected().seconds < 300
    all_turns.was_ended(b"query", ran(300))
    assert expected().trust is Trust.WAS_ENDED
    all_turns.gave_way(b"query", ran(200))
    assert expected().trust is Trust.WAS_ENDED
    all_turns.ended(b"query", ran(900))
    assert expected().trust is Trust.ENDS and 900 <= expected().seconds < 1000
    all_turns.ended(b"query", ran(500))
    assert 500 <= expected().seconds < 600
    # Once it has ended by itself, a limit only says that others were in its way.
    all_turns.was_ended(b"query", ran(1000))
    assert expected().trust is Trust.ENDS and 1000 <= expected().seconds < 1100
    for number in range(turns._MOST_KNOWN):
        all_turns.gave_way(str(number).encode(), ran(1))
    assert expected() == NEW


def test_a_query_without_room_has_the_long_ones_give_way_and_begin_again_after_it() -> None:
    all_turns, got = Turns(1, 1), list[bytes]()
    all_turns.was_ended(b"long", ran(30))
    all_turns.was_ended(b"longer", ran(30))
    freed = threading.Event()

    def hog() -> None:
        with all_turns.take(b"long", PATIENCE_S) as turn:
            until(lambda: all_turns.should_give_way(turn))
        freed.set()

    thread = threading.Thread(target=hog)
    with contextlib.ExitStack() as stack, all_turns.take(b"query", PATIENCE_S) as turn:
        thread.start()
        until(lambda: any(other.expected.long for other in all_turns._running))
        stack.enter_context(waits(all_turns, b"longer", got))
        all_turns.make_room(turn, PATIENCE_S)
        assert freed.wait(PATIENCE_S) and got == []
    thread.join(PATIENCE_S)
    assert got == [b"longer"]


def test_a_long_query_without_room_waits_until_another_has_ended() -> None:
    all_turns = Turns(1, 1)
    all_turns.was_ended(b"long", ran(30))
    with all_turns.take(b"long", PATIENCE_S) as turn:
        all_turns.make_room(turn, PATIENCE_S)
        thread = threading.Thread(target=lambda: all_turns.make_room(turn, PATIENCE_S))
        with all_turns.take(b"query", PATIENCE_S):
            thread.start()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
