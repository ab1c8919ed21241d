"""Cases written in Markdown: a heading, a script, the rows it reads, and what must come out.

Blocks of a case: ``pxl`` the script; ``rows TABLE`` input; ``vis`` a vis spec with ``args`` (JSON); ``result NAME`` expected rows, in any order
unless ``result NAME ordered``; ``error`` expected error as ``line:column message | hint``; ``plan`` expected plan text. Rows are a line of column
names and lines of values, separated by ``|``; a time is relative to now (``-10s``), an empty value the type's default, ``null`` a null. A
column of a result may carry its type and meaning: ``total:INT64:BYTES``. ``rows`` and ``result`` of a document's part before its first case
hold for every case.

``BLESS=1`` writes what comes out into the document, to be read before it is committed.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafkascope.pxl import times
from kafkascope.pxl.types import DataType, SemanticType
from kafkascope.store import catalogue

NOW = 1_800_000_000_000_000_000
_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.M | re.S)


@dataclass
class Block:
    """A fenced block: its kind, the words after it, its text, and where the text stands."""

    kind: str
    words: list[str]
    text: str
    span: tuple[int, int]


@dataclass
class Case:
    """One heading of a document with its blocks."""

    path: Path
    name: str
    blocks: list[Block]
    shared: list[Block] = field(default_factory=list)

    def all(self, kind: str) -> list[Block]:
        return [b for b in (*self.shared, *self.blocks) if b.kind == kind]

    def one(self, kind: str) -> Block | None:
        found = self.all(kind)
        return found[-1] if found else None


def cases(path: Path) -> list[Case]:
    """The cases of a document."""
    text = path.read_text(encoding="utf-8")
    heads = [(m.start(), m[1].strip()) for m in re.finditer(r"^## (.+)$", text, re.M)]
    blocks = [Block(m[1], m[2].split(), m[3], m.span(3)) for m in _BLOCK.finditer(text)]
    first = heads[0][0] if heads else len(text)
    shared = [b for b in blocks if b.span[0] < first]
    found = []
    for (start, name), end in zip(heads, [h[0] for h in heads[1:]] + [len(text)], strict=True):
        found.append(Case(path, name, [b for b in blocks if start <= b.span[0] < end], shared))
    return found


def table(text: str) -> tuple[list[str], list[list[str]]]:
    """Column names and cells of a block of rows."""
    lines = [line for line in text.splitlines() if line.strip()]
    rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    return rows[0], rows[1:]


def input_rows(case: Case) -> dict[str, list[dict[str, Any]]]:
    """The rows of the case's tables."""
    found: dict[str, list[dict[str, Any]]] = {}
    for block in case.all("rows"):
        names, rows = table(block.text)
        columns = catalogue.load()[block.words[0]].by_name
        for row in rows:
            assert len(row) == len(names), f"{case.name}: {row} has {len(row)} cells, expected {len(names)}"
            values = {n: value(cell, columns[n].type) for n, cell in zip(names, row, strict=True) if cell != ""}
            found.setdefault(block.words[0], []).append(values)
    return found


def value(cell: str, data_type: DataType) -> Any:
    """The value of a cell."""
    if cell == "null":
        return None
    if data_type is DataType.TIME64NS:
        return int(cell) if cell.lstrip("-").isdigit() else NOW + times.duration(cell)
    if data_type is DataType.INT64:
        return int(cell.replace("_", ""))
    if data_type is DataType.FLOAT64:
        return float(cell)
    if data_type is DataType.BOOLEAN:
        return cell == "true"
    return "" if cell == "''" else cell


def show(value: Any, data_type: DataType) -> str:
    """A value as a cell."""
    if value is None:
        return "null"
    if data_type is DataType.TIME64NS and abs(value - NOW) < 10**15:
        milliseconds = (value - NOW) / 1e6
        return f"{milliseconds:g}ms".replace("000ms", "s") if milliseconds == int(milliseconds) else str(value)
    if data_type is DataType.BOOLEAN:
        return "true" if value else "false"
    if data_type is DataType.FLOAT64:
        return "nan" if math.isnan(value) else f"{value:.12g}"
    return "''" if value == "" else str(value)


def shown(result: Any, header: list[str] | None, ordered: bool) -> str:
    """A result as the text of a block, with the types for the columns whose name in ``header`` carries them."""
    typed = {name.split(":")[0]: name.count(":") for name in header or []}
    names = []
    for column in result.columns:
        parts = [column.name, column.type.name, column.semantic_type.name]
        names.append(":".join(parts[: 1 + typed.get(column.name, 0 if header else (2 if column.semantic_type is not SemanticType.NONE else 0))]))
    kinds = [c.type for c in result.columns]
    rows = [" | ".join(show(v, k) for v, k in zip(row.values(), kinds, strict=True)) for row in result.table.to_pylist()]
    return "\n".join([" | ".join(names), *(rows if ordered else sorted(rows))]) + "\n"


def arguments(case: Case) -> dict[str, str]:
    """Arguments for the case's vis spec."""
    block = case.one("args")
    return json.loads(block.text) if block else {}


def bless(case: Case, block: Block, text: str) -> None:
    """Write what came out into the document."""
    whole = case.path.read_text(encoding="utf-8")
    fresh = next(c for c in cases(case.path) if c.name == case.name)
    own = [b for b in fresh.blocks if b.kind == block.kind and b.words == block.words]
    start, end = own[0].span
    case.path.write_text(whole[:start] + text + whole[end:], encoding="utf-8")
