"""Result tables on standard output: ``-o table``, ``json``, ``csv``, ``arrow``.

``json`` is one object a line, first key ``_tableName_``; ``csv`` has a header ``table_id,<columns>`` for each table; both carry plain values (times in
RFC 3339, durations in nanoseconds). ``arrow`` is one IPC stream for each table, one after the other.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from kafkascope.cli import format as fmt
from kafkascope.cli.plain import plain

FORMATS = ("table", "json", "csv", "arrow")


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    semantic_type: str


@dataclass
class Output:
    """One table to print; ``rows`` hold Python values, times as integers of nanoseconds."""

    name: str
    columns: list[Column]
    rows: Sequence[Sequence[Any]]
    truncated: bool = False


def write(tables: Iterable[Output], how: str, out: TextIO | None = None) -> None:
    """Print ``tables`` as ``how`` (one of ``FORMATS``)."""
    out = out or sys.stdout
    if how == "table":
        # Only what draws pays for rich.
        from kafkascope.cli.columns import print_tables

        print_tables(tables, out)
    elif how == "json":
        for table in tables:
            names = [column.name for column in table.columns]
            kinds = [column.type for column in table.columns]
            for row in table.rows:
                record = {"_tableName_": table.name, **{n: plain_value(v, k) for n, v, k in zip(names, row, kinds, strict=True)}}
                out.write(json_text(record) + "\n")
    elif how == "csv":
        writer = csv.writer(out, lineterminator="\n")
        # A file gets values as they are; a terminal would act on what is no text.
        shown = plain if out.isatty() else str
        for table in tables:
            writer.writerow(["table_id", *(column.name for column in table.columns)])
            for row in table.rows:
                cells = [plain_value(v, c.type) for v, c in zip(row, table.columns, strict=True)]
                writer.writerow([table.name, *("" if cell is None else str(cell).lower() if isinstance(cell, bool) else shown(cell) if isinstance(cell, str) else cell for cell in cells)])
    else:
        _arrow(tables, out)


#: JSON escapes control characters below space; terminals act on those above ~ as well.
_C1 = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}


def json_text(record: Any, **options: Any) -> str:
    """``record`` as JSON that any terminal shows as text."""
    return json.dumps(record, ensure_ascii=False, **options).translate(_C1)


def plain_value(item: Any, kind: str) -> Any:
    if item is None:
        return None
    if kind == "TIME64NS":
        return fmt.rfc3339(int(item))
    if kind == "FLOAT64" and isinstance(item, float) and item != item:
        return None
    if kind == "FLOAT64" and isinstance(item, float) and item in (float("inf"), float("-inf")):
        return "Infinity" if item > 0 else "-Infinity"
    return item


def _arrow(tables: Iterable[Output], out: TextIO) -> None:
    import pyarrow as pa

    kinds = {"INT64": pa.int64(), "TIME64NS": pa.int64(), "FLOAT64": pa.float64(), "BOOLEAN": pa.bool_()}
    for table in tables:
        fields = [pa.field(c.name, kinds.get(c.type, pa.string()), metadata={"type": c.type, "semanticType": c.semantic_type}) for c in table.columns]
        schema = pa.schema(fields, metadata={"table": table.name})
        columns = list(zip(*table.rows, strict=True)) or [()] * len(fields)
        batch = pa.table([pa.array(list(values), field.type) for values, field in zip(columns, fields, strict=True)], schema=schema)
        with pa.ipc.new_stream(out.buffer, schema) as writer:
            writer.write_table(batch)
