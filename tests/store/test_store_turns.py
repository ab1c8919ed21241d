"""Whose turn it is: what ends at once does not wait for what runs long."""

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from kafkascope.store import turns
from kafkascope.store.turns import NotInTime, Turn, Turns, shape

#: Longer than anything here takes on the slowest machine; nothing waits so long unless something is wrong.
PATIENCE_S = 60.0


def known(all_turns: Turns, query: bytes, seconds: float) -> None:
    """Let a query have taken so long, ``inf`` for one that was ended at a limit."""
    turn = Turn(0.0, began=time.monotonic() - min(seconds, 1e6))
    all_turns.was_ended(query, turn) if seconds == math.inf else all_turns.ended(query, turn)


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
    known(all_turns, b"long", math.inf)
    with all_turns.take(b"long", PATIENCE_S) as long, all_turns.take(b"new", PATIENCE_S) as new:
        assert long.long and not new.long
        with pytest.raises(NotInTime), all_turns.take(b"long", 0.0):
            pass
        with pytest.raises(NotInTime), all_turns.take(b"other", 0.0):
            pass
    with all_turns.take(b"long", 0.0), all_turns.take(b"other", 0.0):
        pass


def test_of_those_that_wait_the_shortest_is_next() -> None:
    all_turns, got = Turns(1, 1), list[bytes]()
    known(all_turns, b"quick", 0.01)
    with contextlib.ExitStack() as stack, all_turns.take(b"first", PATIENCE_S):
        for query in (b"new", b"newer", b"quick"):
            stack.enter_context(waits(all_turns, query, got))
    assert got == [b"quick", b"new", b"newer"]


def test_what_one_run_of_a_query_tells_holds_for_those_that_wait() -> None:
    all_turns, got = Turns(1, 1), list[bytes]()
    with contextlib.ExitStack() as stack, all_turns.take(b"endless", PATIENCE_S):
        stack.enter_context(waits(all_turns, b"endless", got))
        known(all_turns, b"endless", math.inf)
        until(lambda: bool(got))
    assert got == [b"endless"]


@pytest.mark.parametrize(("runs", "waits", "gives_way"), [
    (turns.QUANTUM_S, turns.QUANTUM_S, True), (turns.QUANTUM_S, 0.01, True), (0.01, turns.QUANTUM_S, True), (turns.QUANTUM_S, 5.0, False), (turns.QUANTUM_S, math.inf, False),
    (math.inf, 5.0, True), (9.0, 5.0, True), (5.0, 9.0, False), (5.0, math.inf, False), (math.inf, math.inf, False), (math.inf, 0.01, False),
])  # fmt: skip
def test_what_is_overdue_gives_way_to_what_needs_its_turn_for_a_shorter_time(runs: float, waits: float, gives_way: bool) -> None:
    all_turns, turn = Turns(1, 1), Turn(runs)
    all_turns._expected[b"waits"] = waits
    all_turns._waiting.append(turns._Waiter(b"waits", 0))
    turn.began = time.monotonic() + 1000
    assert not all_turns.should_give_way(turn)
    turn.began = time.monotonic() - 1000
    assert all_turns.should_give_way(turn) == gives_way


def test_nothing_gives_way_while_nobody_waits() -> None:
    assert not Turns(1, 1).should_give_way(Turn(math.inf, began=time.monotonic() - 1000))


def test_what_is_expected_of_a_query() -> None:
    all_turns = Turns(1, 1)

    def expected() -> float:
        with all_turns.take(b"query", PATIENCE_S) as turn:
            return turn.expected_s

    def ran(seconds: float) -> Turn:
        return Turn(0.0, began=time.monotonic() - seconds)

    assert expected() == turns.QUANTUM_S
    all_turns.gave_way(b"query", ran(20))
    assert 20 <= expected() < math.inf
    all_turns.was_ended(b"query", ran(30))
    assert expected() == math.inf
    all_turns.ended(b"query", ran(500))
    assert 500 <= expected() < 1000
    all_turns.ended(b"query", ran(900))
    assert 500 <= expected() < 900
    # Once it has ended by itself, a limit only says that others were in its way.
    all_turns.was_ended(b"query", ran(1000))
    assert 1000 <= expected() < math.inf
    for number in range(turns._MOST_KNOWN):
        all_turns.gave_way(str(number).encode(), ran(1))
    assert expected() == turns.QUANTUM_S and len(all_turns._known_to_end) == 0


def test_a_query_without_room_has_the_long_ones_give_way_and_begin_again_after_it() -> None:
    all_turns, got = Turns(1, 1), list[bytes]()
    known(all_turns, b"long", math.inf)
    known(all_turns, b"longer", math.inf)
    freed = threading.Event()

    def hog() -> None:
        with all_turns.take(b"long", PATIENCE_S) as turn:
            until(lambda: all_turns.should_give_way(turn))
        freed.set()

    thread = threading.Thread(target=hog)
    with contextlib.ExitStack() as stack, all_turns.take(b"query", PATIENCE_S) as turn:
        thread.start()
        until(lambda: any(other.long for other in all_turns._running))
        stack.enter_context(waits(all_turns, b"longer", got))
        all_turns.make_room(turn, PATIENCE_S)
        assert freed.wait(PATIENCE_S) and got == []
    thread.join(PATIENCE_S)
    assert got == [b"longer"]


def test_a_long_query_without_room_waits_until_another_has_ended() -> None:
    all_turns = Turns(1, 1)
    known(all_turns, b"long", math.inf)
    with all_turns.take(b"long", PATIENCE_S) as turn:
        all_turns.make_room(turn, PATIENCE_S)
        thread = threading.Thread(target=lambda: all_turns.make_room(turn, PATIENCE_S))
        with all_turns.take(b"query", PATIENCE_S):
            thread.start()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
