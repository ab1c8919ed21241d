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
from kafkascope.cli.columns import cell
from kafkascope.cli.output import Column, Output
from kafkascope.cli.plain import plain
from kafkascope.tui.text import crop, fit
from kafkascope.tui.verdict import FIRST_COLUMNS, Verdict, judged, seconds, trend, verdict
from kafkascope.tui.view import View

MAX_COLUMN = 36
#: Text in a table that does not fit otherwise.
TIGHT_COLUMN = 18
#: Rows from which on a column with one value is worth a word above rather than its place.
ENOUGH_ROWS = 3
#: Widths are measured on this many rows, those first to be seen.
MEASURED = 200
_NUMERIC = ("INT64", "FLOAT64")


class TableView(View):
    """Rows under a header."""

    kind = "table"

    def __init__(self, output: Output, gutter: str = "") -> None:
        """``gutter`` names the column that stands first and stays."""
        super().__init__(output)
        self._gutter = gutter
        #: Position in ``order``.
        self.column = 0
        self.left = 0
        self.sort: tuple[str, bool] | None = None
        self.wide = False
        self.hidden: set[str] = set()
        #: Columns as they are shown, by index.
        self.order: list[int] = []
        self._pinned = 0
        self._widths: dict[str, int] = {}
        self._rows: list[Sequence[Any]] = []
        #: Columns of times that all lie in one day: the day would say nothing.
        self._one_day: set[int] = set()
        #: Columns that had different values once; they stay for good, as nothing may jump while live.
        self._varied: set[str] = set()
        #: The rows of which that is known.
        self._looked: Output | None = None
        #: Cells of the last header, for the mouse: first, end, position.
        self._heads: list[tuple[int, int, int]] = []
        self._head_line = 0
        self._naming = naming(output.columns)
        #: Columns that every run so far came sorted by.
        self._sorted = monotonic(output)
        self.rebuild()

    @property
    def chosen(self) -> int:
        """The index of the chosen column."""
        return self.order[self.column] if self.order else 0

    @property
    def about(self) -> str:
        """What of the columns is not shown, and how to see it."""
        shown = set(self.order)
        same = [f"{plain(c.name)} {self._text(self._rows[0], i) or chr(8211)}" for i, c in enumerate(self.output.columns) if i not in shown and c.name not in self.hidden and self._rows]
        parts = [f"{len(self.hidden)} columns hidden" if len(self.hidden) > 1 else "1 column hidden"] if self.hidden and not self.wide else []
        return "; ".join(([f"same in all: {', '.join(same)}"] if same else []) + parts) + (" (w shows)" if same or parts else "")

    def __len__(self) -> int:
        return len(self._rows)

    def rebuild(self) -> None:
        self._rows = self.matching()
        looked, self._looked = self._looked, self.output
        self._naming = naming(self.output.columns)
        names = [c.name for c in self.output.columns]
        if self.sort is not None and self.sort[0] in names:
            index, descending = names.index(self.sort[0]), self.sort[1]
            known = [row for row in self._rows if _known(row[index])]
            # Unknown is neither small nor great: it stands last either way.
            self._rows = sorted(known, key=lambda row: _order(row[index], self.output.columns[index]), reverse=descending) + [r for r in self._rows if not _known(r[index])]
        for index, column in enumerate(self.output.columns):
            if column.type == "TIME64NS":
                times = [row[index] for row in self._rows if row[index]]
                one_day = bool(times) and fmt.local_time(min(times))[:10] == fmt.local_time(max(times))[:10]
                self._one_day = self._one_day | {index} if one_day else self._one_day - {index}
            measured = max((cell_len(self._text(row, index)) for row in self._rows[:MEASURED]), default=0)
            width = min(max(measured, max(len(part) for part in split(column.name)) + 1), MAX_COLUMN)
            # A column that has been wide stays so: nothing jumps while live.
            self._widths[column.name] = max(self._widths.get(column.name, 0), width)
            if looked is not self.output and column.name not in self._varied and (len(self.output.rows) < ENOUGH_ROWS or any(row[index] != self.output.rows[0][index] for row in self.output.rows)):
                self._varied.add(column.name)
        if not self.order or max(self.order) >= len(names):
            self.order = []
            self._arrange(1 << 30)

    def _arrange(self, width: int) -> None:
        """Which columns are shown, in which order: the gutter first, none with one value where there is no room for all."""
        columns = self.output.columns
        # At first the leftmost is chosen, wherever the script has it: the chosen column is always in view.
        before = self.chosen if self.order else None
        names = [c.name for c in columns]
        first = [names.index(self._gutter)] if self._gutter in names else []
        order = first + [i for i in range(len(columns)) if i not in first]
        if self._gutter in ("", "status") and any(verdict(row[i], c) for i, c in enumerate(columns) if c.name == "status" for row in self.output.rows[:MEASURED]):
            # Who is behind, and by how much, before anything else of them.
            order.sort(key=lambda i: FIRST_COLUMNS.index(names[i]) if names[i] in FIRST_COLUMNS else len(FIRST_COLUMNS))
            first = order[: 2 if names[order[1]] in FIRST_COLUMNS[:3] else 1] if len(order) > 1 else order
        order = [i for i in order if self.wide or i in first or names[i] not in self.hidden]
        if not self.wide and sum(self._widths[names[i]] + 2 for i in order) > width + 2:
            order = [i for i in order if i in first or names[i] in self._varied] or order[:1]
        self.order, self._pinned = order, len(first)
        self.column = order.index(before) if before in order else max(min(self.column, len(order) - 1), 0)

    def row_at(self, entry: int) -> Sequence[Any] | None:
        return self._rows[entry]

    def identity(self, entry: int) -> Any:
        return identity(self._rows[entry], self._naming)

    def update(self, output: Output) -> None:
        """Rows of a later run. Where the script does not sort, rows stay in the order they were in, new ones after them: a database gives any order."""
        self._sorted &= monotonic(output)
        known: dict[Any, int] = {}
        for row in self.output.rows:
            known.setdefault(identity(row, self._naming), len(known))
        naming_now = naming(output.columns)
        rows = sorted(output.rows, key=lambda row: known.get(identity(row, naming_now), len(known)))
        if self._sorted:
            # Equals stay in their order too.
            places = {c.name: i for i, c in enumerate(output.columns)}
            name, descending = max(sorted(self._sorted), key=lambda by: len({row[places[by[0]]] for row in rows}))
            index = places[name]
            rows.sort(key=lambda row: _order(row[index], output.columns[index]), reverse=descending)
        super().update(replace(output, rows=rows))

    def key(self, key: str) -> bool:
        last = len(self.order) - 1
        if key in ("h", "left", "l", "right", "0", "$"):
            self.column = {"h": self.column - 1, "left": self.column - 1, "0": 0, "$": last}.get(key, self.column + 1)
            self.column = max(min(self.column, last), 0)
        elif key in ("s", "S", "<", ">") and last >= 0:
            self._sort_by(key)
        elif key in ("w", "ctrl+w"):
            self.wide = not self.wide
        elif key == "H" and last > 0:
            self.hidden ^= {self.output.columns[self.chosen].name}
        else:
            return super().key(key)
        return True

    def click(self, line: int, column: int) -> bool:
        if line == self._head_line:
            for first, end, position in self._heads:
                if first <= column < end:
                    self.column = position
                    self._sort_by("s")
        return super().click(line, column)

    def _sort_by(self, key: str) -> None:
        columns = self.output.columns
        if key in ("<", ">"):
            self.column = max(min(self.column + (1 if key == ">" else -1), len(self.order) - 1), 0)
        column = columns[self.chosen]
        numeric = column.type in (*_NUMERIC, "TIME64NS")
        if key in ("<", ">"):
            self.sort = (column.name, numeric)
        elif self.sort is None or self.sort[0] != column.name:
            self.sort = (column.name, numeric if key == "s" else not numeric)
        elif self.sort[1] == numeric:
            self.sort = (column.name, not numeric)
        else:
            self.sort = None
        self._keep(self.rebuild)

    def draw(self, width: int, height: int) -> list[Text]:
        self._arrange(width - 2)
        columns = self._visible(width - 2)
        titles = [self._title(self.output.columns[self.order[at]], room) for at, room in columns]
        lines: list[Text] = []
        for part in range(2) if any(first for first, _ in titles) else (1,):
            header = Text("  ")
            self._heads, self._head_line = [], len(lines)
            for (at, room), title in zip(columns, titles, strict=True):
                start = header.cell_len
                header.append(fit(title[part], room, _right(self.output.columns[self.order[at]])), style="bold reverse" if at == self.column and part == 1 and self.focused else "bold")
                self._heads.append((start, start + room, at))
                header.append("  ")
            header.rstrip()
            lines.append(crop(header, width))
        self.places = {}
        if not self._rows:
            nothing = "  no row matches the filter; esc clears it" if self.filter and self.output.rows else "  no rows"
            return [*lines, crop(Text(nothing, style="dim"), width)]
        for entry in self.window(height - len(lines)):
            row = self._rows[entry]
            chosen = entry == self.cursor and self.focused
            text = Text("▸ " if chosen else "  ")
            for at, room in columns:
                index = self.order[at]
                column = self.output.columns[index]
                text.append(fit(self._text(row, index), room, _right(column)), style=cell_style(row[index], column, judged(row, index, self.output.columns)))
                text.append("  ")
            text.rstrip()
            line = crop(text, width)
            if chosen:
                line.stylize("reverse")
            self.places[len(lines)] = entry
            lines.append(line)
        return lines

    def _text(self, row: Sequence[Any], index: int) -> str:
        text = cell_text(row[index], self.output.columns[index], judged(row, index, self.output.columns))
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
        """The positions that fit, with their widths; the chosen one is among them, and the gutter always."""
        columns = [self.output.columns[index] for index in self.order]
        widths = [self._widths[c.name] for c in columns]
        whole = [max(w, len(c.name) + 1) for w, c in zip(widths, columns, strict=True)]
        if sum(w + 2 for w in whole) <= width:
            # Room for every head on one line.
            widths = whole
        elif sum(w + 2 for w in widths) > width + 2:
            widths = _tight(widths, columns, width)
        fixed = list(range(self._pinned if sum(w + 2 for w in widths[: self._pinned]) + 12 < width else 0))
        room = width - sum(widths[at] + 2 for at in fixed)
        self.left = max(min(self.left, self.column), len(fixed))
        while self.left < self.column and sum(w + 2 for w in widths[self.left : self.column + 1]) > room + 2:
            self.left += 1
        found, used = [(at, widths[at]) for at in fixed], width - room
        for at in range(self.left, len(widths)):
            space = min(widths[at], width - used)
            if space < min(widths[at], 6):
                break
            found.append((at, space))
            used += space + 2
        if found and found[-1][0] == len(widths) - 1 and columns[-1].type == "STRING":
            # Text at the end has what is left of the line.
            at, space = found[-1]
            found[-1] = (at, max(space, width - (used - space - 2)))
        return found


def _tight(widths: Sequence[int], columns: Sequence[Column], width: int) -> list[int]:
    """Widths with text cut; what of ``width`` is left then goes to the cut columns."""
    text = [c.type == "STRING" and not c.semantic_type.endswith("QUANTILES") for c in columns]
    found = [min(w, max(TIGHT_COLUMN, max(len(part) for part in split(c.name)) + 1)) if t else w for w, c, t in zip(widths, columns, text, strict=True)]
    left = width + 2 - sum(w + 2 for w in found)
    while left > 0 and (cut := [at for at, w in enumerate(found) if w < widths[at]]):
        for at in cut[:left]:
            found[at] += 1
        left -= min(len(cut), left)
    return found


def split(name: str) -> tuple[str, str]:
    """A name at that underscore which makes the longer part shortest; the first part may be empty."""
    places = [(max(at + 1, len(name) - at - 1), at + 1) for at, char in enumerate(name) if char == "_" and 0 < at < len(name) - 1]
    at = min(places)[1] if places else 0
    return name[:at], name[at:]


def naming(columns: Sequence[Column]) -> tuple[int, ...]:
    """The columns whose values tell a row from others, by index."""
    return tuple(index for index, column in enumerate(columns) if _names(column))


def identity(row: Sequence[Any], naming: Sequence[int]) -> Any:
    """The names in a row, which tell it from others while its numbers change."""
    return tuple(row[index] for index in naming)


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


def cell_text(item: Any, column: Column, said: Verdict | None = None) -> str:
    """A value as one line; ``said`` is the verdict of its row, where that is known."""
    said = said or verdict(item, column)
    if said is not None:
        return f"{said.mark} {said.word}"
    moved = trend(item, column)
    if moved is not None:
        return moved[0]
    late = seconds(item, column)
    if late is not None:
        return late
    text = fmt.value(item[:400] if isinstance(item, str) and column.semantic_type == "NONE" else item, column.type, column.semantic_type)
    return plain(text[:300])


def cell_style(item: Any, column: Column, said: Verdict | None = None) -> str:
    """How a value is coloured: by its state, and only by that."""
    said = said or verdict(item, column)
    if said is not None:
        return said.style
    moved = trend(item, column)
    return moved[1] if moved is not None else str(cell(item, column).style)


def _right(column: Column) -> bool:
    return column.type in _NUMERIC and not column.semantic_type.endswith("QUANTILES")


def _known(item: Any) -> bool:
    return item is not None and not (isinstance(item, float) and math.isnan(item))


def _order(item: Any, column: Column) -> Any:
    if column.type == "STRING":
        text = fmt.value(item, column.type, column.semantic_type) if column.semantic_type == "SCRIPT_REFERENCE" else str(item)
        return text.lower()
    return item
