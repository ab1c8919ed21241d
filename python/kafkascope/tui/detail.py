"""One row in full: every value, JSON unfolded, links to follow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.text import Text

from kafkascope.cli import format as fmt
from kafkascope.cli.output import Column, plain_value
from kafkascope.cli.plain import plain
from kafkascope.tui.links import Link, Place, structured
from kafkascope.tui.verdict import judged, seconds, trend

#: A body may be a megabyte; nobody reads that far down in a terminal.
MAX_LINES = 5_000


def record(row: Sequence[Any], columns: Sequence[Column]) -> str:
    """The row as JSON, bodies as objects, to copy."""
    values = {c.name: body if (body := structured(item)) is not None else plain_value(item, c.type) for item, c in zip(row, columns, strict=True)}
    return json.dumps(values, ensure_ascii=False, indent=2)


def lines(row: Sequence[Any], columns: Sequence[Column], place: Place) -> list[Text]:
    """What the detail pane shows."""
    room = max((len(c.name) for c in columns), default=0)
    found: list[Text] = []
    shown: list[Link] = []
    for index, (item, column) in enumerate(zip(row, columns, strict=True)):
        head = Text()
        head.append(f"{plain(column.name):<{room}}  ", style="bold")
        target = place.link(item, column)
        value = structured(item) if column.semantic_type == "NONE" else None
        if target is not None:
            head.append(plain(target.label))
            shown.append(target)
            head.append(_lead(target, len(shown)), style="dim")
            found.append(head)
        elif value is not None:
            for inner in place.inner(item, column):
                if inner not in shown:
                    shown.append(inner)
                    head.append(_lead(inner, len(shown)), style="dim")
            found.append(head)
            found += _json(value)
        elif isinstance(item, str) and item[:1] in ("{", "[") and column.semantic_type == "NONE":
            head.append("(not whole, as it was captured)", style="yellow")
            found.append(head)
            found += [Text("  " + plain(part)) for part in item.splitlines() or [""]]
        else:
            head.append(plain(fmt.value(item, column.type, column.semantic_type)))
            said = judged(row, index, columns)
            if said is not None:
                head.append(f"  {said.mark} {said.word}", style=said.style)
            elif (moved := trend(item, column)) is not None:
                head.append(f"  {moved[0]}", style=moved[1])
            elif (late := seconds(item, column)) is not None:
                head.append(f"  {late}", style="dim")
            exact = "" if item is None else fmt.rfc3339(item) if column.type == "TIME64NS" else f"{item:,}" if isinstance(item, int) and not isinstance(item, bool) and column.semantic_type != "PORT" else ""
            if exact and exact != head.plain[room + 2 :]:
                head.append(f"  {exact}", style="dim")
            found.append(head)
        if len(found) >= MAX_LINES:
            return [*found[:MAX_LINES], Text(f"cut after {MAX_LINES:,} lines; y copies the row", style="yellow")]
    return found


def _lead(target: Link, number: int) -> str:
    """Where a link leads, with the key that follows it."""
    args = " ".join(f"{k}={v}" for k, v in target.args.items() if k != "start_time")
    return f"  {number}→ {plain(target.script)} {plain(args)}"


def _json(value: Any) -> list[Text]:
    """Pretty-printed, names and kinds of values told apart, error codes that are errors in red."""
    found = []
    for raw in json.dumps(value, ensure_ascii=False, indent=2).splitlines():
        line = Text("  " + plain(raw))
        stripped = raw.strip()
        if stripped.startswith('"') and '": ' in stripped:
            name, _, rest = stripped.partition('": ')
            indent = len(raw) - len(raw.lstrip()) + 2
            line.stylize("cyan", indent, indent + len(name) + 1)
            rest = rest.rstrip(",")
            if name.endswith("error_name") or (name.endswith("error_code") and rest not in ("0", "null")):
                line.stylize("red", indent)
            elif rest in ("0", "-1", "null", '""', "false", "[]", "{}"):
                line.stylize("dim", indent + len(name) + 3)
        found.append(line)
        if len(found) >= MAX_LINES:
            break
    return found
