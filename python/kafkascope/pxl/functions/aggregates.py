"""Aggregate functions: what they take and give."""

from __future__ import annotations

from kafkascope.pxl.functions.scalars import LETTERS, NAMES
from kafkascope.pxl.types import DataType

#: Result letter by argument letter; ``*`` is the argument's own type.
AGGREGATES: dict[str, dict[str, str]] = {
    "count": dict.fromkeys("biufst", "i"),
    "count_distinct": dict.fromkeys("biufst", "i"),
    "sum": {"i": "i", "f": "f", "b": "i"},
    "mean": {"i": "f", "f": "f", "b": "f"},
    "min": {"i": "i", "f": "f", "t": "t"},
    "max": {"i": "i", "f": "f", "t": "t"},
    "any": {letter: letter for letter in "biufst"},
    "quantiles": {"i": "s", "f": "s"},
    "_build_request_path_clusters": {"s": "s"},
}


def result(fn: str, arg: DataType) -> DataType | None:
    """The result type over a column of that type; ``None`` when the function does not take it."""
    letter = AGGREGATES[fn].get(NAMES[arg])
    return LETTERS[letter] if letter else None


def takes(fn: str) -> str:
    """The types it takes, in words."""
    return ", ".join(LETTERS[letter].name for letter in AGGREGATES[fn])
