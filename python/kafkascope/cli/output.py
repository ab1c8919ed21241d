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

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from kafkascope.cli import format as fmt
from kafkascope.tui.text import fit, plain

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
        _tables(tables, out)
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


_NUMERIC = {"INT64", "FLOAT64"}
_STATE = {"Running": "green", "Pending": "yellow", "Waiting": "yellow", "Failed": "red", "Terminated": "red", "Succeeded": "blue"}


#: Text is not cut shorter than this to make room for other columns.
MIN_TEXT = 12
MAX_TEXT = 60


def _tables(tables: Iterable[Output], out: TextIO) -> None:
    console = Console(file=out, highlight=False, width=None if out.isatty() else 1 << 20)
    for number, table in enumerate(tables):
        if number:
            console.print()
        console.print(Text.assemble(("Table ID: ", "dim"), (table.name, "bold")))
        if table.rows:
            _table(table, console, console.width if out.isatty() else None)
        else:
            console.print(Text("  no rows", style="dim"))
        if table.truncated:
            console.print(Text(f"  only the first {len(table.rows):,} rows are shown", style="yellow"))


def _table(table: Output, console: Console, width: int | None) -> None:
    """Aligned columns. In a pipe each is as wide as its values; on a terminal text gives way, and columns without room are named below."""
    cells = [[cell(item, column) for item, column in zip(row, table.columns, strict=True)] for row in table.rows]
    right = [column.type in _NUMERIC and not column.semantic_type.endswith("QUANTILES") for column in table.columns]
    heads = [cell_len(column.name) for column in table.columns]
    widths = [max([head, *(row[at].cell_len for row in cells)]) for at, head in enumerate(heads)]
    left_out: list[str] = []
    if width is not None:
        widths = [w if right[at] else min(w, max(MAX_TEXT, heads[at])) for at, w in enumerate(widths)]
        least = [w if right[at] or table.columns[at].type != "STRING" else min(w, max(MIN_TEXT, heads[at])) for at, w in enumerate(widths)]
        shown = len(widths)
        while shown > 1 and sum(least[:shown]) + 3 * (shown - 1) > width:
            shown -= 1
        left_out = [column.name for column in table.columns[shown:]]
        widths = widths[:shown]
        while (over := sum(widths) + 3 * (shown - 1) - width) > 0:
            at = max(range(shown), key=lambda at: widths[at] - least[at])
            if widths[at] <= least[at]:
                break
            # No further than to the next widest, so that the long ones share what is missing.
            widths[at] -= min(over, widths[at] - least[at], 4)
    lines = [Text("   ".join(fit(column.name.upper(), w, right[at]) for at, (column, w) in enumerate(zip(table.columns, widths, strict=False))), style="bold")]
    lines.append(Text("─" * (sum(widths) + 3 * (len(widths) - 1))))
    for row in cells:
        line = Text()
        for at, w in enumerate(widths):
            line.append("   " if at else "")
            line.append(fit(row[at].plain, w, right[at]), style=row[at].style)
        lines.append(line)
    for line in lines:
        line.rstrip()
        console.print(line, no_wrap=True, overflow="ignore", crop=False)
    if left_out:
        console.print(Text(f"  no room for {', '.join(left_out)}: -o json has all, as has a wider terminal", style="yellow"))


def cell(item: Any, column: Column) -> Text:
    """A value as one line of text, coloured by its state."""
    text = plain(fmt.value(item, column.type, column.semantic_type))
    style = ""
    if column.semantic_type in ("POD_STATUS", "CONTAINER_STATUS"):
        style = _STATE.get(text.split(" ")[0], "")
    elif column.semantic_type == "DURATION_NS" and column.name.startswith("latency") and isinstance(item, int | float):
        style = "red" if item > 400e6 else "yellow" if item > 200e6 else ""
    elif column.name == "error_code" and isinstance(item, int) and item:
        style = "red"
    elif column.name == "outcome" and text not in ("complete", ""):
        style = "yellow"
    if len(text) > 300:
        text = text[:299] + "…"
    return Text(text, style=style)


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
