"""Texts that a script is given as arguments: a plan that was made of one text serves others too, where the compilation would have gone the same way.

A text that only ends up in the plan as a constant is left open there. What the compilation asked of it instead - whether it is a certain text, or all of it -
is remembered, and another text must give the same answer. Texts of the script before and after it are no question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kafkascope.pxl import errors, times
from kafkascope.pxl.errors import PxLError
from kafkascope.pxl.expr import Call, Expr, Literal, Lookup
from kafkascope.pxl.types import DataType, SemanticType
from kafkascope.pxl.values import Const

NONE = SemanticType.NONE


#: Longer texts are compiled by themselves: what texts may be joined to is limited.
LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Blank:
    """Where the text of an argument stands: between two texts of the script."""

    slot: int
    before: str = ""
    after: str = ""

    def text(self, texts: Sequence[str]) -> str:
        return self.before + texts[self.slot] + self.after


class Arguments:
    """The texts of one compilation, by slot, and what it asked of them."""

    def __init__(self, texts: Sequence[str] = ()) -> None:
        self.texts = tuple(texts)
        #: Slots of which something depends on the whole text.
        self.read: set[int] = set()
        #: Blank and text with whether they were the same.
        self.compared: dict[tuple[Blank, str], bool] = {}

    def value(self, blank: Blank) -> str:
        """The text, of which anything may depend from now on."""
        self.read.add(blank.slot)
        return blank.text(self.texts)

    def equal(self, blank: Blank, text: str) -> bool:
        """Whether the text is this one."""
        same = blank.text(self.texts) == text
        self.compared[(blank, text)] = same
        return same

    def answers(self, windows: dict[int, int]) -> Answers:
        """What another compilation's texts must answer alike; ``windows`` are ends of windows with the slot that told them."""
        return Answers(self.texts, frozenset(self.read), tuple((blank, text, same) for (blank, text), same in self.compared.items()), windows)


@dataclass(frozen=True, slots=True)
class Answers:
    """What a plan depends on of the texts that it was made of."""

    texts: tuple[str, ...]
    read: frozenset[int]
    compared: tuple[tuple[Blank, str, bool], ...]
    windows: dict[int, int]

    def fit(self, texts: Sequence[str]) -> bool:
        """Whether a compilation with other texts would have made the same plan around them."""
        return (
            all(text == mine or len(text) <= LONGEST for text, mine in zip(texts, self.texts, strict=True))
            and all(texts[slot] == self.texts[slot] for slot in self.read)
            and all((blank.text(texts) == text) is same for blank, text, same in self.compared)
            and all(texts[slot] == self.texts[slot] or _tells_a_moving_time(texts[slot]) for slot in self.windows.values())
        )


def _tells_a_moving_time(text: str) -> bool:
    try:
        times.instant(text, 0)
    except PxLError:
        return False
    return times.relative(text)


class Given(Const):
    """A text from outside as a constant of a script; to ask for its value is noted."""

    __slots__ = ("_arguments", "blank")
    _arguments: Arguments
    blank: Blank

    def __init__(self, arguments: Arguments, blank: Blank, semantic: SemanticType = NONE, at: errors.Place = errors.NOWHERE) -> None:
        for name, value in (("_arguments", arguments), ("blank", blank), ("type", DataType.STRING), ("semantic", semantic), ("at", at)):
            object.__setattr__(self, name, value)

    @property
    def value(self) -> str:  # type: ignore[override]
        return self._arguments.value(self.blank)

    @property
    def text(self) -> str:
        """The value, for who sees to other texts himself."""
        return self.blank.text(self._arguments.texts)

    @property
    def key(self) -> tuple[Any, ...]:
        return (self.blank, self.semantic)

    def meaning(self, semantic: SemanticType, at: errors.Place) -> Given:
        return Given(self._arguments, self.blank, semantic, at)

    def between(self, before: str, after: str, semantic: SemanticType, at: errors.Place) -> Given:
        """It with texts of the script before and after it."""
        return Given(self._arguments, Blank(self.blank.slot, before + self.blank.before, self.blank.after + after), semantic, at)

    def equals(self, other: Const) -> bool:
        return super().equals(other) if isinstance(other, Given) else self._arguments.equal(self.blank, other.value)

    def literal(self) -> Open:
        return Open(self._arguments, self.blank, self.semantic)


class Open(Literal):
    """A blank in a plan for a text from outside. No other constant is equal to it, whatever its text is now."""

    __slots__ = ("_arguments", "blank")
    _arguments: Arguments
    blank: Blank

    def __init__(self, arguments: Arguments, blank: Blank, semantic: SemanticType) -> None:
        for name, value in (("_arguments", arguments), ("blank", blank), ("type", DataType.STRING), ("semantic", semantic), ("nullable", False)):
            object.__setattr__(self, name, value)

    @property
    def value(self) -> str:  # type: ignore[override]
        return self._arguments.value(self.blank)

    def equals(self, text: str) -> bool:
        return self._arguments.equal(self.blank, text)

    def meaning(self, semantic: SemanticType) -> Open:
        return Open(self._arguments, self.blank, semantic)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Open) and (self.blank, self.semantic) == (other.blank, other.semantic)

    def __hash__(self) -> int:
        return hash((self.blank, self.semantic))


def filled(expr: Expr, texts: Sequence[str]) -> Expr:
    """The expression with the texts in their places; itself when it has none."""
    if isinstance(expr, Open):
        return Literal(expr.blank.text(texts), DataType.STRING, expr.semantic)
    if isinstance(expr, Call):
        args = tuple([filled(arg, texts) for arg in expr.args])
        return expr if all(a is b for a, b in zip(args, expr.args, strict=True)) else Call(expr.fn, args, expr.type, expr.semantic, expr.nullable)
    if isinstance(expr, Lookup):
        key, at = filled(expr.key, texts), None if expr.at is None else filled(expr.at, texts)
        return expr if key is expr.key and at is expr.at else Lookup(expr.relation, expr.field, key, expr.type, expr.semantic, expr.nullable, at)
    return expr
