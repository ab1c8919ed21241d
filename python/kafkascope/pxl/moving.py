"""Plans that are kept between runs: a live script is asked for every few seconds with nothing changed but the time, or with another pod's name.

A plan is kept when the clock went into nothing but the windows of its scans: then the same plan a minute later is the one with its windows a
minute later. A script that computes with ``px.now()`` is compiled anew each time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kafkascope.pxl import times
from kafkascope.pxl.given import Answers, Arguments, filled
from kafkascope.pxl.plan import Filter, Node, Project, Scan, Spread, Unnest, post_order
from kafkascope.pxl.rules.rebuild import over
from kafkascope.pxl.types import DataType, SemanticType
from kafkascope.pxl.values import NOWHERE, Const

#: Plans, the ones of the scripts used last: a page has some twenty.
MAX_KEPT = 128
#: Plans of one script, for arguments that lead to different ones.
_MOST_PLANS = 8


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

    @property
    def key(self) -> Moving:
        return self


class Clock:
    """The time of one compilation, and what it went into."""

    def __init__(self, now_ns: int) -> None:
        self.ns = now_ns
        #: Whether a constant or a row depends on it.
        self.read = False
        #: The ends of windows: those that move with it, and those that stay.
        self.moving: set[int] = set()
        self.fixed: set[int] = set()
        #: Who told each end: slots of arguments, and None for the script itself.
        self.told: defaultdict[int, set[int | None]] = defaultdict(set)
        self.now = Moving(now_ns, DataType.INT64, self.note)

    def note(self) -> None:
        """Something other than a window depends on the time."""
        self.read = True

    def ago(self, ns: int) -> Moving:
        """The constant of so many nanoseconds ago."""
        return Moving(self.ns - ns, DataType.TIME64NS, self.note)

    def window(self, instant: int, moves: bool, slot: int | None = None) -> None:
        """A window has this end, which an argument told when there is a ``slot``."""
        (self.moving if moves else self.fixed).add(instant)
        self.told[instant].add(slot)

    def ends_of(self, arguments: Arguments) -> dict[int, int]:
        """Ends of windows that move and are an argument's alone, with its slot. An argument that told another end is noted as read."""
        found: dict[int, int] = {}
        for instant, tellers in self.told.items():
            slots = [slot for slot in tellers if slot is not None]
            if instant in self.moving and len(tellers) == len(slots) == 1:
                found[instant] = slots[0]
            else:
                arguments.read.update(slots)
        return found

    def windows_only(self, nodes: Iterable[Node]) -> bool:
        """Whether the time is in nothing but ends of scans, and it is known of each whether it moves."""
        ends = {end for node in nodes if isinstance(node, Scan) for end in (node.start, node.end) if end is not None}
        return not self.read and ends <= self.moving ^ self.fixed


@dataclass(frozen=True, slots=True)
class Kept:
    """The plans of a script as of a time and for the texts of its arguments."""

    plans: Mapping[str, Node]
    now_ns: int
    moving: frozenset[int]
    answers: Answers
    relations: Mapping[str, Any]
    #: What else the compilation gave.
    rest: Any

    def at(self, now_ns: int, texts: Sequence[str]) -> dict[str, Node]:
        """The plans as of another time, for texts that fit."""
        windows = self.answers.windows

        def moved(end: int | None) -> int | None:
            if end is None or end not in self.moving:
                return end
            return times.instant(texts[windows[end]], now_ns) if end in windows else end + now_ns - self.now_ns

        same = tuple(texts) == self.answers.texts
        done: dict[int, Node] = {}
        for node in post_order(self.plans.values()):
            if isinstance(node, Scan):
                new: Node = replace(node, start=moved(node.start), end=moved(node.end))
            else:
                new = over(node, tuple(done[id(child)] for child in node.inputs))
                new = new if same else _with_texts(new, texts)
            done[id(node)] = new
        return {name: done[id(node)] for name, node in self.plans.items()}


def _with_texts(node: Node, texts: Sequence[str]) -> Node:
    if isinstance(node, Project):
        return replace(node, items=tuple([(name, filled(expr, texts)) for name, expr in node.items]))
    if isinstance(node, Filter):
        return replace(node, condition=filled(node.condition, texts))
    if isinstance(node, Unnest):
        return replace(node, array=filled(node.array, texts))
    return replace(node, values=tuple(filled(value, texts) for value in node.values)) if isinstance(node, Spread) else node


class Shelf:
    """The plans that are kept. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, list[Kept]] = OrderedDict()
        self._plans = 0

    def find(self, key: Hashable, texts: Sequence[str], relations: Mapping[str, Any]) -> Kept | None:
        """What is kept of a script and fits the texts of its arguments, for these tables."""
        with self._lock:
            for kept in self._kept.get(key, ()):
                if kept.answers.fit(texts) and kept.relations == relations:
                    self._kept.move_to_end(key)
                    return kept
            return None

    def keep(self, key: Hashable, kept: Kept) -> None:
        """Keep it in the place of what was used longest ago."""
        with self._lock:
            plans = self._kept.setdefault(key, [])
            self._kept.move_to_end(key)
            if len(plans) == _MOST_PLANS:
                del plans[0]
                self._plans -= 1
            plans.append(kept)
            self._plans += 1
            while self._plans > MAX_KEPT:
                self._plans -= len(self._kept.popitem(last=False)[1])
