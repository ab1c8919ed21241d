"""Operators on constants, computed while a script is compiled."""

from __future__ import annotations

import math
from typing import Any

from kafkascope.pxl.errors import Place, error
from kafkascope.pxl.functions import scalars, semantics
from kafkascope.pxl.functions.scalars import SCALARS
from kafkascope.pxl.given import LONGEST, Given
from kafkascope.pxl.types import DataType, SemanticType
from kafkascope.pxl.values import Const

MAX_TEXT = 1 << 16
_INT_MIN, _INT_MAX = -(1 << 63), (1 << 63) - 1


def _divide(a: Any, b: Any) -> float:
    if b == 0:
        return math.nan if a == 0 or a != a else math.copysign(math.inf, a)
    return float(a) / float(b)


_COMPUTE: dict[str, Any] = {
    "add": lambda a, b: a + b, "subtract": lambda a, b: a - b, "multiply": lambda a, b: a * b, "divide": _divide, "modulo": lambda a, b: int(math.fmod(a, b)) if b else 0,
    "equal": lambda a, b: a == b, "notEqual": lambda a, b: a != b, "lessThan": lambda a, b: a < b, "lessThanEqual": lambda a, b: a <= b,
    "greaterThan": lambda a, b: a > b, "greaterThanEqual": lambda a, b: a >= b, "logicalAnd": lambda a, b: bool(a) and bool(b),
    "logicalOr": lambda a, b: bool(a) or bool(b), "logicalNot": lambda a: not a, "negate": lambda a: -a, "invert": lambda a: ~a,
}  # fmt: skip
FOLDED = frozenset(_COMPUTE)


def fold(fn: str, args: list[Const], at: Place) -> Const | None:
    """The constant that an operator gives; ``None`` when no overload takes the types."""
    result = scalars.resolve(SCALARS[fn], [a.type for a in args])
    if result is None:
        return None
    if fn in ("equal", "notEqual") and args[0].type is args[1].type is DataType.STRING:
        given, other = args if isinstance(args[0], Given) else reversed(args)
        return Const(given.equals(other) is (fn == "equal"), result, semantics.of_call(fn, [a.semantic for a in args]), at)
    if fn == "add" and result is DataType.STRING and isinstance(args[0], Given) is not isinstance(args[1], Given):
        joined = _around(args[0], args[1], semantics.of_call(fn, [a.semantic for a in args]), at)
        if joined is not None:
            return joined
    values = [a.value for a in args]
    if fn == "add" and result is DataType.STRING and sum(len(v) for v in values) > MAX_TEXT:
        raise error(f"the text is longer than {MAX_TEXT} characters", at)
    if fn == "modulo":
        a, b = values
        value = 0 if b == 0 else (abs(a) % abs(b)) * (-1 if a < 0 else 1)
    else:
        try:
            value = _COMPUTE[fn](*values)
        except OverflowError:
            value = math.inf
    if result in (DataType.INT64, DataType.TIME64NS) and not _INT_MIN <= value <= _INT_MAX:
        raise error("the number does not fit 64 bits", at)
    if result is DataType.FLOAT64:
        value = float(value)
    return Const(value, result, semantics.of_call(fn, [a.semantic for a in args]), at)


def _around(left: Const, right: Const, semantic: SemanticType, at: Place) -> Const | None:
    """A text of the script joined to one from outside, which stays open; ``None`` when they are long."""
    given, before, after = (left, "", right.value) if isinstance(left, Given) else (right, left.value, "")
    if not isinstance(given, Given) or len(given.text) + len(before) + len(after) + LONGEST > MAX_TEXT:
        return None
    return given.between(before, after, semantic, at)
