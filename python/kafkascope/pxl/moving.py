"""Plans that are kept between runs: a live script is asked for every few seconds with nothing changed but the time.

A plan is kept when the clock went into nothing but the windows of its scans: then the same plan a minute later is the one with its windows a
minute later. A script that computes with ``px.now()`` is compiled anew each time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kafkascope.pxl.plan import Node, Scan, post_order
from kafkascope.pxl.rules.rebuild import over
from kafkascope.pxl.types import DataType, SemanticType
from kafkascope.pxl.values import NOWHERE, Const

#: Scripts with their arguments, the ones used last: a page has some twenty.
MAX_KEPT = 128


class Moving(Const):
    """``px.now()`` and what moves with it: a constant, and a word to the compilation once something asks for its value."""

    __slots__ = ("_instant", "_read")
    _instant: int
    _read: Callable[[], None]

    def __init__(self, instant: int, kind: DataType, read: Callable[[], None]) -> None:
        for name, value in (("_instant", instant), ("_read", read), ("type", kind), ("semantic", SemanticType.NONE), ("at", NOWHERE)):
            object.__setattr__(self, name, value)

    @property
    def end(self) -> int:
        """The value for the end of a window, which may move."""
        return self._instant

    @property
    def value(self) -> int:  # type: ignore[override]
        self._read()
        return self._instant


class Clock:
    """The time of one compilation, and what it went into."""

    def __init__(self, now_ns: int) -> None:
        self.ns = now_ns
        #: Whether a constant or a row depends on it.
        self.read = False
        #: The ends of windows: those that move with it, and those that stay.
        self.moving: set[int] = set()
        self.fixed: set[int] = set()
        self.now = Moving(now_ns, DataType.INT64, self.note)

    def note(self) -> None:
        """Something other than a window depends on the time."""
        self.read = True

    def ago(self, ns: int) -> Moving:
        """The constant of so many nanoseconds ago."""
        return Moving(self.ns - ns, DataType.TIME64NS, self.note)

    def window(self, instant: int, moves: bool) -> None:
        """A window has this end."""
        (self.moving if moves else self.fixed).add(instant)

    def windows_only(self, nodes: Iterable[Node]) -> bool:
        """Whether the time is in nothing but ends of scans, and it is known of each whether it moves."""
        ends = {end for node in nodes if isinstance(node, Scan) for end in (node.start, node.end) if end is not None}
        return not self.read and ends <= self.moving ^ self.fixed


@dataclass(frozen=True, slots=True)
class Kept:
    """The plans of a script as of a time."""

    plans: Mapping[str, Node]
    now_ns: int
    moving: frozenset[int]
    relations: Mapping[str, Any]
    #: What else the compilation gave.
    rest: Any

    def at(self, now_ns: int) -> dict[str, Node]:
        """The plans as of another time."""
        later = now_ns - self.now_ns

        def moved(end: int | None) -> int | None:
            return end + later if end is not None and end in self.moving else end

        done: dict[int, Node] = {}
        for node in post_order(self.plans.values()):
            new = replace(node, start=moved(node.start), end=moved(node.end)) if isinstance(node, Scan) else over(node, tuple(done[id(child)] for child in node.inputs))
            done[id(node)] = new
        return {name: done[id(node)] for name, node in self.plans.items()}


class Shelf:
    """The plans that are kept. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()

    def find(self, key: Hashable, relations: Mapping[str, Any]) -> Kept | None:
        """What is kept of a script and its arguments, for these tables."""
        with self._lock:
            found = self._kept.get(key)
            if found is None or found.relations != relations:
                return None
            self._kept.move_to_end(key)
            return found

    def keep(self, key: Hashable, kept: Kept) -> None:
        """Keep it in the place of what was used longest ago."""
        with self._lock:
            self._kept[key] = kept
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
