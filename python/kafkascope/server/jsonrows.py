"""Result tables as JSON values.

Browsers hold 53 bits of an integer: times (nanoseconds) and greater integers travel as decimal strings. What JSON has no number for
(NaN, infinities) travels as a word, so that it is not mistaken for a null.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pyarrow as pa

_SAFE = 1 << 53


def _integer(value: int | None) -> int | str | None:
    return value if value is None or -_SAFE <= value <= _SAFE else str(value)


def _time(value: int | None) -> str | None:
    return None if value is None else str(value)


def _float(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _same(value: Any) -> Any:
    return value


_ENCODERS: dict[str, Callable[[Any], Any]] = {"INT64": _integer, "TIME64NS": _time, "FLOAT64": _float}


def rows(table: pa.Table, types: list[str]) -> list[list[Any]]:
    """The rows of ``table``; ``types`` are the PxL data types of its columns, by position."""
    columns: list[list[Any]] = []
    for column, kind in zip(table.columns, types, strict=True):
        encode = _ENCODERS.get(kind, _same)
        values = column.to_pylist()
        columns.append(values if encode is _same else [encode(value) for value in values])
    return [list(row) for row in zip(*columns, strict=True)] if columns else []
