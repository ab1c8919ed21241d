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
    """``field`` of the metadata row whose key equals ``key``; the type's default when there is none."""

    relation: str
    field: str
    key: Expr
    type: DataType
    semantic: SemanticType = NONE
    nullable: bool = False


Expr = Column | Literal | Call | Lookup
Schema = Mapping[str, Column]


def children(expr: Expr) -> tuple[Expr, ...]:
    """The expressions directly below."""
    return expr.args if isinstance(expr, Call) else (expr.key,) if isinstance(expr, Lookup) else ()


def walk(expr: Expr) -> Iterator[Expr]:
    """The expression and all below it, deepest first."""
    for child in children(expr):
        yield from walk(child)
    yield expr


def columns(expr: Expr) -> set[str]:
    """Names of the columns that it reads."""
    if isinstance(expr, Column):
        return {expr.name}
    found: set[str] = set()
    for child in children(expr):
        found |= columns(child)
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
        return Lookup(expr.relation, expr.field, substitute(expr.key, replace), expr.type, expr.semantic)
    return expr


def with_semantic(expr: Expr, semantic: SemanticType) -> Expr:
    """The same value under another meaning."""
    if isinstance(expr, Literal):
        return Literal(expr.value, expr.type, semantic)
    if isinstance(expr, Lookup):
        return Lookup(expr.relation, expr.field, expr.key, expr.type, semantic)
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
        return f"{expr.relation}[{show(expr.key)}].{expr.field}"
    return f"{expr.fn}({', '.join(show(a) for a in expr.args)})"
