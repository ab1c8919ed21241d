"""A table: sort, filter, columns to the side."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from kafkascope.cli import format as fmt
from kafkascope.cli.output import Column, Output, _cell
from kafkascope.tui.text import crop, fit, plain
from kafkascope.tui.view import View

MAX_COLUMN = 36
#: Widths are measured on this many rows, those first to be seen.
MEASURED = 200
_NUMERIC = ("INT64", "FLOAT64")


class TableView(View):
    """Rows under a header."""

    kind = "table"

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self.column = 0
        self.left = 0
        self.sort: tuple[str, bool] | None = None
        self._widths: dict[str, int] = {}
        self._rows: list[Sequence[Any]] = []
        #: Columns of times that all lie in one day: the day would say nothing.
        self._one_day: set[int] = set()
        #: Columns that every run so far came sorted by.
        self._sorted = monotonic(output)
        self.rebuild()

    def __len__(self) -> int:
        return len(self._rows)

    def rebuild(self) -> None:
        self._rows = self.matching()
        names = [c.name for c in self.output.columns]
        if self.sort is not None and self.sort[0] in names:
            index, descending = names.index(self.sort[0]), self.sort[1]
            known = [row for row in self._rows if _known(row[index])]
            # Unknown is neither small nor great: it stands last either way.
            self._rows = sorted(known, key=lambda row: _order(row[index], self.output.columns[index]), reverse=descending) + [r for r in self._rows if not _known(r[index])]
        self.column = max(min(self.column, len(names) - 1), 0)
        for index, column in enumerate(self.output.columns):
            if column.type == "TIME64NS":
                days = {fmt.local_time(row[index])[:10] for row in self._rows if row[index]}
                self._one_day = self._one_day | {index} if len(days) == 1 else self._one_day - {index}
            measured = max((cell_len(self._text(row, index)) for row in self._rows[:MEASURED]), default=0)
            width = min(max(measured, max(len(part) for part in split(column.name)) + 1), MAX_COLUMN)
            # A column that has been wide stays so: nothing jumps while live.
            self._widths[column.name] = max(self._widths.get(column.name, 0), width)

    def row_at(self, entry: int) -> Sequence[Any] | None:
        return self._rows[entry]

    def identity(self, entry: int) -> Any:
        return identity(self._rows[entry], self.output.columns)

    def update(self, output: Output) -> None:
        """Rows of a later run. Where the script does not sort, rows stay in the order they were in, new ones after them: a database gives any order."""
        self._sorted &= monotonic(output)
        known: dict[Any, int] = {}
        for row in self.output.rows:
            known.setdefault(identity(row, self.output.columns), len(known))
        rows = sorted(output.rows, key=lambda row: known.get(identity(row, output.columns), len(known)))
        if self._sorted:
            # Equals stay in their order too.
            places = {c.name: i for i, c in enumerate(output.columns)}
            name, descending = max(sorted(self._sorted), key=lambda by: len({row[places[by[0]]] for row in rows}))
            index = places[name]
            rows.sort(key=lambda row: _order(row[index], output.columns[index]), reverse=descending)
        super().update(replace(output, rows=rows))

    def key(self, key: str) -> bool:
        last = len(self.output.columns) - 1
        if key in ("h", "left", "l", "right", "0", "$"):
            self.column = {"h": self.column - 1, "left": self.column - 1, "0": 0, "$": last}.get(key, self.column + 1)
            self.column = max(min(self.column, last), 0)
        elif key in ("s", "S", "<", ">") and last >= 0:
            self._sort_by(key)
        else:
            return super().key(key)
        return True

    def _sort_by(self, key: str) -> None:
        names = [c.name for c in self.output.columns]
        numeric = self.output.columns[self.column].type in (*_NUMERIC, "TIME64NS")
        if key in ("<", ">"):
            self.column = max(min(self.column + (1 if key == ">" else -1), len(names) - 1), 0)
            self.sort = (names[self.column], self.output.columns[self.column].type in (*_NUMERIC, "TIME64NS"))
        elif self.sort is None or self.sort[0] != names[self.column]:
            self.sort = (names[self.column], numeric if key == "s" else not numeric)
        elif self.sort[1] == numeric:
            self.sort = (names[self.column], not numeric)
        else:
            self.sort = None
        self._keep(self.rebuild)

    def draw(self, width: int, height: int) -> list[Text]:
        columns = self._visible(width - 2)
        titles = [self._title(self.output.columns[index], room) for index, room in columns]
        lines = []
        for part in range(2) if any(first for first, _ in titles) else (1,):
            header = Text("  ")
            for (index, room), title in zip(columns, titles, strict=True):
                header.append(fit(title[part], room, _right(self.output.columns[index])), style="bold reverse" if index == self.column and part == 1 and self.focused else "bold")
                header.append("  ")
            header.rstrip()
            lines.append(crop(header, width))
        if not self._rows:
            nothing = "  no row matches the filter; esc clears it" if self.filter and self.output.rows else "  no rows"
            return [*lines, crop(Text(nothing, style="dim"), width)]
        for entry in self.window(height - len(lines)):
            row = self._rows[entry]
            text = Text("▸ " if entry == self.cursor and self.focused else "  ")
            for index, room in columns:
                column = self.output.columns[index]
                text.append(fit(self._text(row, index), room, _right(column)), style=_cell(row[index], column).style)
                text.append("  ")
            text.rstrip()
            line = crop(text, width)
            if entry == self.cursor and self.focused:
                line.stylize("reverse")
            lines.append(line)
        return lines

    def _text(self, row: Sequence[Any], index: int) -> str:
        text = cell_text(row[index], self.output.columns[index])
        return text[11:] if index in self._one_day and row[index] else text

    def _title(self, column: Column, room: int) -> tuple[str, str]:
        """A column's head on two lines, the first empty when one is enough."""
        mark = "" if self.sort is None or self.sort[0] != column.name else "▼" if self.sort[1] else "▲"
        name = plain(column.name).upper()
        if len(name) + 1 <= room:
            return "", name + mark
        first, second = split(name)
        return first, second + mark

    def _visible(self, width: int) -> list[tuple[int, int]]:
        """The columns that fit, with their widths; the chosen one is among them."""
        widths = [self._widths[c.name] for c in self.output.columns]
        whole = [max(w, len(c.name) + 1) for w, c in zip(widths, self.output.columns, strict=True)]
        if sum(w + 2 for w in whole) <= width:
            # Room for every head on one line.
            widths = whole
        self.left = min(self.left, self.column)
        while self.left < self.column and sum(w + 2 for w in widths[self.left : self.column + 1]) > width + 2:
            self.left += 1
        found, used = [], 0
        for index in range(self.left, len(widths)):
            room = min(widths[index], width - used)
            if room < min(widths[index], 6):
                break
            found.append((index, room))
            used += room + 2
        if found and found[-1][0] == len(widths) - 1 and self.output.columns[-1].type == "STRING":
            # Text at the end has what is left of the line.
            index, room = found[-1]
            found[-1] = (index, max(room, width - (used - room - 2)))
        return found


def split(name: str) -> tuple[str, str]:
    """A name at that underscore which makes the longer part shortest; the first part may be empty."""
    places = [(max(at + 1, len(name) - at - 1), at + 1) for at, char in enumerate(name) if char == "_" and 0 < at < len(name) - 1]
    at = min(places)[1] if places else 0
    return name[:at], name[at:]


def identity(row: Sequence[Any], columns: Sequence[Column]) -> Any:
    """The names in a row, which tell it from others while its numbers change."""
    return tuple(item for item, column in zip(row, columns, strict=True) if _names(column))


_NAMING = ("partition", "port", "pid", "_id", "code", "epoch", "generation")


def _names(column: Column) -> bool:
    if column.type == "TIME64NS":
        return column.name == "time_"
    if column.type == "INT64":
        return column.semantic_type in ("NONE", "PORT") and column.name.endswith(_NAMING)
    return column.type in ("STRING", "UINT128") and not column.semantic_type.endswith("QUANTILES")


def monotonic(output: Output) -> set[tuple[str, bool]]:
    """Columns by which the rows are sorted, with whether they descend."""
    found = set()
    for index, column in enumerate(output.columns):
        values = [_order(row[index], column) for row in output.rows if _known(row[index])]
        if len(values) != len(output.rows) or len(set(values)) < 2:
            continue
        found |= {(column.name, descending) for descending in (False, True) if all((a >= b if descending else a <= b) for a, b in itertools.pairwise(values))}
    return found


def cell_text(item: Any, column: Column) -> str:
    """A value as one line."""
    text = fmt.value(item[:400] if isinstance(item, str) and column.semantic_type == "NONE" else item, column.type, column.semantic_type)
    return plain(text[:300])


def _right(column: Column) -> bool:
    return column.type in _NUMERIC and not column.semantic_type.endswith("QUANTILES")


def _known(item: Any) -> bool:
    return item is not None and not (isinstance(item, float) and math.isnan(item))


def _order(item: Any, column: Column) -> Any:
    if column.type == "STRING":
        text = fmt.value(item, column.type, column.semantic_type) if column.semantic_type == "SCRIPT_REFERENCE" else str(item)
        return text.lower()
    return item
