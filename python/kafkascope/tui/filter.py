"""The filter line: ``order api = Fetch and latency > 100ms !jt``, all of which a row must match; the words that the page's filter takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kafkascope.cli import format as fmt
from kafkascope.cli.output import Column

Match = Callable[[Sequence[Any]], bool]

_TERM = re.compile(r'(!|-(?=[A-Za-z"]))?(?:([A-Za-z_][A-Za-z0-9_]*)\s*(>=|<=|!=|=|>|<|~|:)\s*)?(?:"([^"]*)"?|(\S*))')
#: They join terms, as nothing does too.
_AND = ("and", "&&")
_ORDERS = (">", "<", ">=", "<=")
_NUMERIC = ("INT64", "FLOAT64")
#: What may match more rows when it grows by a letter.
_WIDENS = re.compile(r'[!<>=~:"]|(?:^|\s)(?:-|and\b|&&)', re.IGNORECASE)
#: What people call columns, and the columns that may be meant: ``api`` is a number in some tables and a name in others, and the name is meant.
_ALIASES = {"api": ("req_cmd_name", "req_cmd"), "error": ("error_code",), "size": ("req_bytes",), "version": ("api_version",), "client": ("client_id",), "from": ("source",),
            "to": ("destination",), "group": ("group", "group_id"), "topic": ("topic", "topic_name")}  # fmt: skip
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)\s*([A-Za-zµ%]*)")
_DURATIONS = {"ns": 1.0, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "min": 60e9, "h": 3600e9, "d": 86400e9}
_SIZES = {"b": 1, "k": 1024, "kb": 1024, "m": 1024**2, "mb": 1024**2, "g": 1024**3, "gb": 1024**3, "tb": 1024**4}
_PLAIN = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9}


def compile_filter(text: str, columns: Sequence[Column]) -> Match:
    """Whether a row matches ``text``. Words are looked for in every column; ``column=…`` (a beginning of its name is enough) in one."""
    tests: list[Match] = []
    for term in _terms(text, columns):
        test = _anywhere(term.value, columns) if term.index is None else _in_column(term.index, columns[term.index], term.operator, term.value)
        tests.append(_not(test) if term.negated else test)
    return lambda row: all(test(row) for test in tests)


def problem(text: str, columns: Sequence[Column]) -> str | None:
    """What of a filter cannot be compared: with what is no number, or in a column that is not there; such a term is looked for as the text it is."""
    for term in _terms(text, columns):
        if term.operator not in _ORDERS:
            continue
        if term.index is None:
            return f"no column '{term.name}'"
        column = columns[term.index]
        if column.type in _NUMERIC and _number(term.value, column.semantic_type) is None:
            return f"{column.name}: expected a number such as 100, 100ms or 2kb, found '{term.value}'"
    return None


@dataclass(frozen=True, slots=True)
class _Term:
    negated: bool
    #: The column as it was written; ``index`` is empty where there is none of that name.
    name: str
    index: int | None
    operator: str
    value: str


def _terms(text: str, columns: Sequence[Column]) -> Iterator[_Term]:
    for match in _TERM.finditer(text):
        negated, name, operator, quoted, word = match.groups()
        value = quoted if quoted is not None else word or ""
        if not value or match[0].lower() in _AND:
            continue
        index = _column(name, columns) if name else None
        if name and index is None:
            # The words stand for themselves, as somebody typing a name with = in it expects.
            value = match[0].removeprefix(negated or "")
        yield _Term(bool(negated), name or "", index, operator or "", value)


def narrows(before: str, after: str) -> bool:
    """Whether ``after`` can only match rows that ``before`` matched: more of the same words. Negations and conditions may match more when they grow."""
    return bool(before.strip()) and after.startswith(before) and not _WIDENS.search(after)


def _column(name: str, columns: Sequence[Column]) -> int | None:
    lowered = name.lower()
    names = [c.name.lower() for c in columns]
    for wanted in (*_ALIASES.get(lowered, ()), lowered):
        if wanted in names:
            return names.index(wanted)
    return next((i for i, n in enumerate(names) if n.startswith(lowered)), None)


def _not(test: Match) -> Match:
    return lambda row: not test(row)


def _shown(item: Any, column: Column) -> str:
    return str(item) if _is_text(column) else fmt.value(item, column.type, column.semantic_type)


def _is_text(column: Column) -> bool:
    """Whether values are shown as they are."""
    return column.type == "STRING" and column.semantic_type not in ("SCRIPT_REFERENCE", "POD_STATUS", "CONTAINER_STATUS")


def _anywhere(value: str, columns: Sequence[Column]) -> Match:
    wanted = value.lower()
    # Text that is there is looked through before text that has to be made: of 50,000 rows that decides how typing feels.
    texts = [index for index, column in enumerate(columns) if _is_text(column)]
    others = [(index, column) for index, column in enumerate(columns) if not _is_text(column)]

    def anywhere(row: Sequence[Any]) -> bool:
        for index in texts:
            if row[index] is not None and wanted in str(row[index]).lower():
                return True
        return any(row[index] is not None and wanted in _shown(row[index], column).lower() for index, column in others)

    return anywhere


def _in_column(index: int, column: Column, operator: str, value: str) -> Match:
    wanted = value.lower()
    number = _number(value, column.semantic_type) if column.type in _NUMERIC else None
    if operator in ("=", "!="):
        def equal(row: Sequence[Any]) -> bool:
            item = row[index]
            return item is not None and (_shown(item, column).lower() == wanted or (number is not None and item == number))

        return equal if operator == "=" else _not(equal)
    if operator in ("~", ":") or number is None:
        return lambda row: row[index] is not None and wanted in _shown(row[index], column).lower()
    compare: dict[str, Callable[[Any], bool]] = {">": lambda item: item > number, "<": lambda item: item < number, ">=": lambda item: item >= number, "<=": lambda item: item <= number}
    test = compare[operator]
    return lambda row: row[index] is not None and test(row[index])


def _number(text: str, semantic: str) -> float | None:
    """A number in the column's own unit: nanoseconds, bytes, a fraction, or per nanosecond."""
    match = _NUMBER.fullmatch(text.removesuffix("/s"))
    if match is None:
        return None
    value, unit = float(match[1]), match[2].lower()
    per_ns = 1e-9 if semantic.startswith("THROUGHPUT") else 1.0
    if semantic == "PERCENT":
        return value / 100 if unit in ("", "%") else None
    units = _DURATIONS if semantic == "DURATION_NS" else _SIZES if "BYTES" in semantic else _PLAIN
    factor = 1.0 if not unit else units.get(unit)
    return None if factor is None else value * factor * per_ns
