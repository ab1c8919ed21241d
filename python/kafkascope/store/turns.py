"""Whose turn it is to run: queries that end at once never wait for those that run long, however many of those there are."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

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


class Trust(IntEnum):
    """What the earlier runs of a query say of the next one, best first."""

    ENDS = 0  # by itself, or nobody knows
    GAVE_WAY = 1
    WAS_ENDED = 2  # at a limit of time or memory


@dataclass(frozen=True, slots=True)
class Expected:
    """The least seconds that a query took, or those it took at least, by how far that can be trusted."""

    trust: Trust = Trust.ENDS
    seconds: float = QUANTUM_S
    known: bool = False

    @property
    def has_ended(self) -> bool:
        """Whether it ended by itself at some time."""
        return self.known and self.trust is Trust.ENDS

    @property
    def long(self) -> bool:
        """Whether it needs a turn for queries that run long."""
        return self.trust is not Trust.ENDS or self.seconds > QUANTUM_S

    @property
    def allowed_s(self) -> float:
        """How long it may run while others wait."""
        return max(QUANTUM_S, _ALLOWANCE * self.seconds) if self.has_ended else QUANTUM_S

    @property
    def order(self) -> tuple[int, float]:
        """Of two that wait, the lower one is next."""
        return self.trust, self.seconds


@dataclass(eq=False, slots=True)
class Turn:
    """The right of one query to run."""

    expected: Expected = Expected()
    began: float = field(default_factory=time.monotonic)
    gives_way: bool = False

    @property
    def ran_s(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    @property
    def overdue(self) -> bool:
        """Whether it has run as long as it may while others wait."""
        return self.ran_s > self.expected.allowed_s


@dataclass(frozen=True, slots=True)
class _Waiter:
    query: bytes
    arrival: int


class Turns:
    """``quick`` turns for queries of which nothing else is known, ``long`` ones for those that run long, each for the least expected time first.

    A query that is overdue gives way: a quick one to any that waits, one that runs long to those that are more to be trusted, or end sooner.
    """

    def __init__(self, quick: int, long: int) -> None:
        self._room = {False: quick, True: long}
        self._running: set[Turn] = set()
        self._waiting: list[_Waiter] = []
        self._alone: set[Turn] = set()
        self._changed = threading.Condition()
        self._arrivals = itertools.count()
        self._expected: OrderedDict[bytes, Expected] = OrderedDict()

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
            turn = Turn(self._expectation(query))
            self._running.add(turn)
        try:
            yield turn
        finally:
            with self._changed:
                self._running.discard(turn)
                self._alone.discard(turn)
                self._changed.notify_all()

    def _expectation(self, query: bytes) -> Expected:
        return self._expected.get(query, _UNKNOWN)

    def _is_next(self, waiter: _Waiter) -> bool:
        # What is expected may have changed since it came: another run of the query has told.
        expected = self._expectation(waiter.query)
        if (expected.long and self._alone) or sum(turn.expected.long == expected.long for turn in self._running) >= self._room[expected.long]:
            return False
        rivals = ((self._expectation(other.query), other.arrival) for other in self._waiting)
        return (expected.order, waiter.arrival) == min((rival.order, arrival) for rival, arrival in rivals if rival.long == expected.long)

    def should_give_way(self, turn: Turn) -> bool:
        """Whether others need what the query holds; once it has to give way, it has to."""
        with self._changed:
            waiting = [self._expectation(waiter.query) for waiter in self._waiting]
            awaited = any(other.long == turn.expected.long and _goes_before(other, turn.expected) for other in waiting)
            turn.gives_way = turn.gives_way or (awaited and turn.overdue)
            return turn.gives_way

    def make_room(self, turn: Turn, patience_s: float) -> None:
        """Let those that run long give way to a query that has no room beside them, and begin again when it has ended; one that runs long itself waits until another ends."""
        with self._changed:
            others = self._running - {turn}
            if turn.expected.long:
                self._changed.wait_for(lambda: not others or others - self._running, patience_s)
                return
            self._alone.add(turn)
            for other in others:
                other.gives_way = other.gives_way or other.expected.long
            self._changed.wait_for(lambda: not any(other.expected.long for other in self._running), patience_s)

    def ended(self, query: bytes, turn: Turn) -> None:
        """Remember what a query took that ended by itself."""
        with self._changed:
            known = self._expectation(query)
            shortest = min(known.seconds, turn.ran_s) if known.has_ended else turn.ran_s
            self._remember(query, Expected(Trust.ENDS, shortest, True))

    def gave_way(self, query: bytes, turn: Turn) -> None:
        """Remember what a query took at least."""
        self._was_stopped(query, turn, Trust.GAVE_WAY)

    def was_ended(self, query: bytes, turn: Turn) -> None:
        """Remember that a query was ended at a limit."""
        self._was_stopped(query, turn, Trust.WAS_ENDED)

    def _was_stopped(self, query: bytes, turn: Turn, trust: Trust) -> None:
        with self._changed:
            known = self._expectation(query)
            # One that ended by itself at another time may do so again.
            kept = Trust.ENDS if known.has_ended else max(trust, known.trust)
            self._remember(query, Expected(kept, max(known.seconds, turn.ran_s), True))

    def _remember(self, query: bytes, expected: Expected) -> None:
        self._expected[query] = expected
        self._expected.move_to_end(query)
        while len(self._expected) > _MOST_KNOWN:
            self._expected.popitem(last=False)
        self._changed.notify_all()


_UNKNOWN = Expected()


def _goes_before(waiting: Expected, running: Expected) -> bool:
    """Whether one that waits goes before an overdue one that runs."""
    if not running.long:
        return True
    return waiting.trust < running.trust or (waiting.trust is running.trust is Trust.ENDS and waiting.seconds < running.seconds)
