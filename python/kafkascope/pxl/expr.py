"""Expressions over the rows of one relation, with their types known: what plans are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kafkascope.pxl.types import DataType, SemanticType

NONE = SemanticType.NONE


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the input."""

    name: str
    type: DataType
    semantic: SemanticType = NONE
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant."""

    value: Any
    type: DataType
    semantic: SemanticType = NONE
    nullable: bool = False

    def equals(self, text: str) -> bool:
        """Whether it is this text."""
        return bool(self.value == text)

    def meaning(self, semantic: SemanticType) -> Literal:
        """The same value under another meaning."""
        return Literal(self.value, self.type, semantic)


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the registry over expressions."""

    fn: str
    args: tuple[Expr, ...]
    type: DataType
    semantic: SemanticType = NONE
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Lookup:
    """``field`` of the metadata row whose key equals ``key``; the type's default when there is none.

    ``at`` is when the row must have had its key, for keys that are used again; without it, the newest row counts.
    """

    relation: str
    field: str
    key: Expr
    type: DataType
    semantic: SemanticType = NONE
    nullable: bool = False
    at: Expr | None = None


Expr = Column | Literal | Call | Lookup
Schema = Mapping[str, Column]


def children(expr: Expr) -> tuple[Expr, ...]:
    """The expressions directly below."""
    if isinstance(expr, Lookup):
        return (expr.key,) if expr.at is None else (expr.key, expr.at)
    return expr.args if isinstance(expr, Call) else ()


def walk(expr: Expr) -> Iterator[Expr]:
    """The expression and all below it, deepest first."""
    for child in children(expr):
        yield from walk(child)
    yield expr


def columns(expr: Expr) -> set[str]:
    """Names of the columns that it reads."""
    found: set[str] = set()
    left = [expr]
    while left:
        part = left.pop()
        if isinstance(part, Column):
            found.add(part.name)
        else:
            left += children(part)
    return found


def has_lookup(expr: Expr) -> bool:
    """Whether metadata is needed to compute it."""
    return isinstance(expr, Lookup) or any(has_lookup(child) for child in children(expr))


def substitute(expr: Expr, replace: Callable[[Column], Expr]) -> Expr:
    """The expression with each column replaced."""
    if isinstance(expr, Column):
        return replace(expr)
    if isinstance(expr, Call):
        return Call(expr.fn, tuple(substitute(a, replace) for a in expr.args), expr.type, expr.semantic, expr.nullable)
    if isinstance(expr, Lookup):
        at = None if expr.at is None else substitute(expr.at, replace)
        return Lookup(expr.relation, expr.field, substitute(expr.key, replace), expr.type, expr.semantic, at=at)
    return expr


def with_semantic(expr: Expr, semantic: SemanticType) -> Expr:
    """The same value under another meaning."""
    if isinstance(expr, Literal):
        return expr.meaning(semantic)
    if isinstance(expr, Lookup):
        return Lookup(expr.relation, expr.field, expr.key, expr.type, semantic, at=expr.at)
    if isinstance(expr, Call):
        return Call(expr.fn, expr.args, expr.type, semantic, expr.nullable)
    return Column(expr.name, expr.type, semantic, expr.nullable)


def conjuncts(expr: Expr) -> list[Expr]:
    """The parts that must all hold."""
    if isinstance(expr, Call) and expr.fn == "logicalAnd":
        return [part for arg in expr.args for part in conjuncts(arg)]
    return [expr]


def show(expr: Expr) -> str:
    """Stable text of an expression."""
    if isinstance(expr, Column):
        return expr.name
    if isinstance(expr, Literal):
        return repr(expr.value)
    if isinstance(expr, Lookup):
        return f"{expr.relation}[{show(expr.key)}{'' if expr.at is None else f' at {show(expr.at)}'}].{expr.field}"
    return f"{expr.fn}({', '.join(show(a) for a in expr.args)})"
