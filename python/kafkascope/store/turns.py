"""Whose turn it is to run: queries that end at once never wait for those that run long, however many of those there are."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import math
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

#: A query that runs longer than this is one that runs long.
QUANTUM_S = 1.0
#: How many times what is expected of it a query may run before it gives way: beside others everything takes longer.
_ALLOWANCE = 10.0
#: Queries whose time is remembered.
_MOST_KNOWN = 1024
_NUMBER = re.compile(r"\d+")


def shape(sql: str) -> bytes:
    """What two runs of one query have in common: all but its numbers, of which the time is one."""
    return hashlib.blake2b(_NUMBER.sub("0", sql).encode(), digest_size=16).digest()


class NotInTime(Exception):
    """A turn did not come while the query could wait."""


@dataclass(eq=False, slots=True)
class Turn:
    """The right of one query to run, of which ``expected_s`` is expected; it is overdue after ``allowed_s``."""

    expected_s: float
    allowed_s: float = QUANTUM_S
    began: float = field(default_factory=time.monotonic)
    gives_way: bool = False

    @property
    def long(self) -> bool:
        """Whether its turn is one of those for queries that run long."""
        return self.expected_s > QUANTUM_S

    @property
    def ran_s(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    @property
    def overdue(self) -> bool:
        """Whether it has run as long as it may while others wait."""
        return self.ran_s > self.allowed_s


@dataclass(frozen=True, slots=True)
class _Waiter:
    query: bytes
    arrival: int


class Turns:
    """``quick`` turns for queries of which nothing else is known, ``long`` ones for those that run long, each for the least expected time first.

    A query that is overdue gives way: a quick one to any that waits, one that runs long to those of which less is expected.
    """

    def __init__(self, quick: int, long: int) -> None:
        self._room = {False: quick, True: long}
        self._running: set[Turn] = set()
        self._waiting: list[_Waiter] = []
        self._alone: set[Turn] = set()
        self._changed = threading.Condition()
        self._arrivals = itertools.count()
        self._expected: OrderedDict[bytes, float] = OrderedDict()
        self._known_to_end: set[bytes] = set()

    @contextlib.contextmanager
    def take(self, query: bytes, patience_s: float) -> Iterator[Turn]:
        """Wait for the query's turn and hold it. Raises ``NotInTime`` when it does not come within ``patience_s``."""
        with self._changed:
            waiter = _Waiter(query, next(self._arrivals))
            self._waiting.append(waiter)
            try:
                if not self._changed.wait_for(lambda: self._is_next(waiter), patience_s):
                    raise NotInTime
            finally:
                self._waiting.remove(waiter)
                self._changed.notify_all()
            known_s = self._expected.get(query, math.inf)
            turn = Turn(self._expectation(query), QUANTUM_S if known_s == math.inf else max(QUANTUM_S, _ALLOWANCE * known_s))
            self._running.add(turn)
        try:
            yield turn
        finally:
            with self._changed:
                self._running.discard(turn)
                self._alone.discard(turn)
                self._changed.notify_all()

    def _expectation(self, query: bytes) -> float:
        """Seconds that a query is known to take, infinite when it was ended at a limit; of one that is not known, the most that is quick."""
        return self._expected.get(query, QUANTUM_S)

    def _is_next(self, waiter: _Waiter) -> bool:
        # What is expected may have changed since it came: another run of the query has told.
        expected_s = self._expectation(waiter.query)
        long = expected_s > QUANTUM_S
        if (long and self._alone) or sum(turn.long == long for turn in self._running) >= self._room[long]:
            return False
        rivals = ((self._expectation(other.query), other.arrival) for other in self._waiting)
        return (expected_s, waiter.arrival) == min(rival for rival in rivals if (rival[0] > QUANTUM_S) == long)

    def should_give_way(self, turn: Turn) -> bool:
        """Whether others need what the query holds; once it has to give way, it has to."""
        with self._changed:
            before = turn.expected_s if turn.long else math.inf
            expected = [self._expectation(waiter.query) for waiter in self._waiting]
            awaited = any((seconds > QUANTUM_S) == turn.long and seconds < before for seconds in expected)
            turn.gives_way = turn.gives_way or (awaited and turn.overdue)
            return turn.gives_way

    def make_room(self, turn: Turn, patience_s: float) -> None:
        """Let those that run long give way to a query that has no room beside them, and begin again when it has ended; one that runs long itself waits until another ends."""
        with self._changed:
            others = self._running - {turn}
            if turn.long:
                self._changed.wait_for(lambda: not others or others - self._running, patience_s)
                return
            self._alone.add(turn)
            for other in others:
                other.gives_way = other.gives_way or other.long
            self._changed.wait_for(lambda: not any(other.long for other in self._running), patience_s)

    def ended(self, query: bytes, turn: Turn) -> None:
        """Remember what a query took that ended by itself."""
        with self._changed:
            known = self._expected.get(query, math.inf)
            self._remember(query, min(known, turn.ran_s), known_to_end=True)

    def gave_way(self, query: bytes, turn: Turn) -> None:
        """Remember what a query took at least."""
        with self._changed:
            self._remember(query, max(self._expected.get(query, 0.0), turn.ran_s), known_to_end=query in self._known_to_end)

    def was_ended(self, query: bytes, turn: Turn) -> None:
        """Remember that a query was ended at a limit. One that ended by itself at another time may do so again."""
        if query in self._known_to_end:
            self.gave_way(query, turn)
        else:
            with self._changed:
                self._remember(query, math.inf, known_to_end=False)

    def _remember(self, query: bytes, expected_s: float, *, known_to_end: bool) -> None:
        self._expected[query] = expected_s
        self._expected.move_to_end(query)
        (self._known_to_end.add if known_to_end else self._known_to_end.discard)(query)
        while len(self._expected) > _MOST_KNOWN:
            self._known_to_end.discard(self._expected.popitem(last=False)[0])
        self._changed.notify_all()
