"""Result tables as people read them: aligned columns, values coloured by their state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from kafkascope.cli import format as fmt
from kafkascope.cli.output import Column, Output
from kafkascope.cli.plain import plain
from kafkascope.tui.text import fit

_NUMERIC = {"INT64", "FLOAT64"}
_STATE = {"Running": "green", "Pending": "yellow", "Waiting": "yellow", "Failed": "red", "Terminated": "red", "Succeeded": "blue"}


#: Text is not cut shorter than this to make room for other columns.
MIN_TEXT = 12
MAX_TEXT = 60


def print_tables(tables: Iterable[Output], out: TextIO) -> None:
    """Each table with its name, as wide as the terminal, or in a pipe as its values."""
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
