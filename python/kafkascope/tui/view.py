"""What every widget's view shares: a cursor over entries, a filter, and keys to move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from kafkascope.cli.output import Output
from kafkascope.tui import filter as filters


class View:
    """A widget's table, shown in some way. Subclasses say what their entries are and how they look."""

    kind = "view"
    #: Lines an entry takes where other widgets want room too.
    lines_each = 1

    def __init__(self, output: Output) -> None:
        self.output = output
        self.filter = ""
        #: Rows that the filter leaves.
        self.matched = len(output.rows)
        #: What the filter left of which rows: a longer word only looks through these.
        self._left: tuple[Output, str, Sequence[Sequence[Any]]] = (output, "", output.rows)
        self.cursor = 0
        self.top = 0
        #: Whether keys go here; of other widgets the cursor is not shown.
        self.focused = True
        self._tallest = 0
        #: Entries that fit on the screen, known after the first drawing.
        self.page = 10
        #: The entry on each line of the last drawing, for the mouse.
        self.places: dict[int, int] = {}
        #: What the user should know of how it is shown.
        self.note = ""

    # What a subclass gives.
    def __len__(self) -> int:
        raise NotImplementedError

    def rebuild(self) -> None:
        """Entries anew, after other rows or another filter."""
        raise NotImplementedError

    def row_at(self, entry: int) -> Sequence[Any] | None:
        """The row behind an entry."""
        raise NotImplementedError

    def identity(self, entry: int) -> Any:
        """What stays the same of an entry from run to run."""
        raise NotImplementedError

    def draw(self, width: int, height: int) -> list[Text]:
        """At most ``height`` lines."""
        raise NotImplementedError

    def wanted(self) -> int:
        """Lines that show all of it; a filter takes none away, as nothing may jump while one types."""
        self._tallest = max(self._tallest, len(self), 1)
        return self._tallest * self.lines_each + 2

    # What they share.
    def matching(self) -> list[Sequence[Any]]:
        """The rows that the filter leaves."""
        output, text, left = self._left
        rows = left if output is self.output and filters.narrows(text, self.filter) else self.output.rows
        if self.filter.strip():
            matches = filters.compile_filter(self.filter, self.output.columns)
            rows = [row for row in rows if matches(row)]
        self._left = self.output, self.filter, rows
        self.matched = len(rows)
        return list(rows)

    @property
    def filter_problem(self) -> str | None:
        """What of the filter is not understood."""
        return filters.problem(self.filter, self.output.columns)

    def set_filter(self, text: str) -> None:
        if text != self.filter:
            self.filter = text
            self._keep(self.rebuild)

    def update(self, output: Output) -> None:
        """Rows of a later run; the cursor stays on what it was on."""
        self.output = output
        self._tallest = 0
        self._keep(self.rebuild)

    def _keep(self, change: Any) -> None:
        held = self.identity(self.cursor) if self.cursor and self.cursor < len(self) else None
        offset = self.cursor - self.top
        change()
        if held is not None:
            found = next((entry for entry in range(len(self)) if self.identity(entry) == held), None)
            self.cursor = found if found is not None else self.cursor
        self.cursor = max(min(self.cursor, len(self) - 1), 0)
        self.top = max(self.cursor - offset, 0)

    def current(self) -> Sequence[Any] | None:
        return self.row_at(self.cursor) if 0 <= self.cursor < len(self) else None

    def key(self, key: str) -> bool:
        """Take a key of movement; whether it was one."""
        last = max(len(self) - 1, 0)
        moves = {
            "j": 1, "down": 1, "k": -1, "up": -1, "pagedown": self.page, "ctrl+f": self.page, " ": self.page, "pageup": -self.page, "ctrl+b": -self.page,
            "ctrl+d": self.page // 2, "ctrl+u": -(self.page // 2), "g": -last - 1, "home": -last - 1, "G": last + 1, "end": last + 1,
        }  # fmt: skip
        if key not in moves:
            return False
        self.cursor = max(min(self.cursor + moves[key], last), 0)
        return True

    def click(self, line: int, column: int) -> bool:
        """A click into the last drawing; whether it chose an entry."""
        if line not in self.places:
            return False
        self.cursor = self.places[line]
        return True

    def window(self, height: int) -> range:
        """The entries to show, the cursor among them."""
        self.page = max(height, 1)
        if self.cursor < self.top:
            self.top = self.cursor
        elif self.cursor >= self.top + self.page:
            self.top = self.cursor - self.page + 1
        self.top = max(min(self.top, len(self) - self.page), 0)
        return range(self.top, min(self.top + self.page, len(self)))
