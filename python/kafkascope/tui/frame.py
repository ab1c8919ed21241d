"""Draws the live screen, and knows afterwards what lies where for the mouse."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.text import Text

from kafkascope.cli.plain import plain
from kafkascope.tui.screens import Pager, Screen
from kafkascope.tui.table import TableView
from kafkascope.tui.text import between, crop
from kafkascope.tui.verdict import answer
from kafkascope.tui.view import View

if TYPE_CHECKING:
    from kafkascope.tui.app import App, Widget

#: Lines below which another widget says nothing.
MIN_STACKED = 6
#: Lines of a screen from which on the answer may take more than one.
ROOMY = 20
_HINTS = " :scripts  /filter  a arguments  t time  enter row  o follow  s sort  tab next  v view  ? keys  q quit"
_SHORT_HINTS = " :scripts /filter a args enter row s sort tab next ? keys q quit"


class Frame:
    """Lines of an ``App`` for a size; ``click`` finds what a place of the last drawing belongs to."""

    def __init__(self, app: App) -> None:
        self._app = app
        #: First line, lines after it, number of the widget.
        self._widgets: list[tuple[int, int, int]] = []
        #: Cells of the tabs: first, end, number.
        self._tab_cells: list[tuple[int, int, int]] = []
        self._tab_line = 2
        self._body = 3

    def lines(self, width: int, height: int) -> list[Text]:
        """The whole screen, ``height`` lines of ``width`` cells."""
        app = self._app
        screen = app.screens[-1] if app.screens else None
        self._widgets, self._tab_cells = [], []
        said: list[Text] = []
        if screen is None and app.result is not None:
            said = answer([widget.view.output for widget in app.widgets], width)
            said = said if height >= ROOMY else said[: 1 if height >= 12 else 0]
        self._tab_line = 2 + len(said)
        self._body = self._tab_line + 1
        body = max(height - self._body - 1, 1)
        # The results before what is said of them: a table knows which columns it shows when it has been drawn.
        drawn = screen.draw(width, body) if screen is not None else self._results(width, body)
        title = self._tabs(width) if screen is None else crop(Text.assemble(" ", (plain(screen.title), "bold")), width)
        lines = [self._bar(width), self._sentence(width), *said, title, *drawn, *[crop(Text(""), width)] * (body - len(drawn)), self._bottom(width, screen)]
        return [crop(line, width) for line in lines[:height]]

    def click(self, column: int, line: int) -> tuple[str, int]:
        """``("screen", line within it)``, ``("tab", number)``, ``("widget", number)``, or ``("", 0)``."""
        if self._app.screens:
            return ("screen", line - self._body) if line >= self._body else ("", 0)
        if line == self._tab_line:
            return next((("tab", number) for first, end, number in self._tab_cells if first <= column < end), ("", 0))
        return next((("widget", number) for first, count, number in self._widgets if first <= line < first + count), ("", 0))

    def line_in(self, number: int, line: int) -> int:
        """A line of the screen as one of a widget."""
        return next(line - first for first, _, found in self._widgets if found == number)

    def _results(self, width: int, height: int) -> list[Text]:
        app = self._app
        if app.widget is not None:
            return self._stack(app.widget, width, height)
        if app.error is not None:
            # All of it, where there is room: a message that was cut is no help.
            texts = [Text(app.error.message, style="red"), *(Text(f"hint: {part}") for part in app.error.hint.splitlines())]
            return [line for text in texts for line in Pager("", [text]).draw(width, 8)]
        return []

    def _stack(self, widget: Widget, width: int, height: int) -> list[Text]:
        """The chosen widget, and below it those that follow, where there is room."""
        app = self._app
        rest = list(enumerate(app.widgets))[app.tab + 1 :]
        room = min(widget.view.wanted(), height) if rest and height - widget.view.wanted() >= MIN_STACKED else height
        lines: list[Text] = []
        for number, other in [(app.tab, widget), *rest]:
            other.view.focused = other is widget
            if other is not widget:
                left = height - len(lines) - 2
                if left < MIN_STACKED - 2:
                    break
                room = min(other.view.wanted(), left)
                title = f" {plain(other.name)}: {rows(len(other.view.output.rows))}"
                lines += [crop(Text(""), width), crop(Text(title, style="bold dim"), width)]
            self._widgets.append((self._body + len(lines), room, number))
            drawn = other.view.draw(width, room)
            lines += drawn + [crop(Text(""), width)] * (room - len(drawn) if other is widget and rest else 0)
        return lines

    def _bar(self, width: int) -> Text:
        app = self._app
        left = Text(" Kafkascope " if width >= 100 else "", style="bold")
        if app.target is not None:
            trail = app.trail()
            if trail and width >= 60:
                left.append(" " + " › ".join(plain(name) for name in trail) + " ›", style="dim")
            left.append(f" {plain(app.target.name)} ", style="bold cyan")
            values = {v["name"]: str(v.get("defaultValue", "")) for v in app.variables(app.target.name)} | app.target.args
            # What was chosen stands before what is as always.
            chosen = app.target.args
            for name, value in sorted(values.items(), key=lambda item: item[0] not in chosen):
                left.append(f" {plain(name)} ", style="dim")
                left.append(plain(value) or "–")
        state = "capture" if not app.source.live else "paused" if app.paused else f"live {app.interval_s:g} s"
        right = Text(state, style="bold yellow" if app.paused and app.source.live else "")
        if width >= 100:
            right.append(" │ ", style="dim")
            right.append(plain(app.source.label))
            right.truncate(width // 3, overflow="ellipsis")
        return between(width, left, right.append(" "))

    def _sentence(self, width: int) -> Text:
        app = self._app
        if app.note:
            return crop(Text(" " + plain(app.note), style="yellow"), width)
        if app.error is not None:
            age = f"shown: {app.age_s:.0f} s old " if app.result is not None else ""
            return between(width, Text(f" ✗ {plain(app.error.message)}", style="red"), Text(age, style="bold red"))
        if app.result is None:
            waited = f" {app.waited_s:.0f} s" if app.running and app.waited_s >= 1 else ""
            return crop(Text(f" asking …{waited}" if app.running else " : chooses a script, ? shows the keys", style="dim"), width)
        at = time.strftime("%H:%M:%S", time.localtime(app.result["executedAt"] / 1000))
        state = Text(f"{app.result['durationMs']:.0f} ms  {at} ", style="dim")
        if app.running and app.waited_s >= 2:
            state = Text(f"asking … {app.waited_s:.0f} s  {at} ", style="yellow")
        messages = app.result.get("messages") or []
        if messages:
            return between(width, Text(" ! " + plain(" ".join(str(messages[0]["text"]).split())), style="yellow"), state)
        widget = app.widget
        return between(width, Text(" no tables") if widget is None else _about(widget.name, widget.view), state)

    def _tabs(self, width: int) -> Text:
        app = self._app
        parts = [Text(f" {number + 1} {plain(widget.name)} ", style="reverse" if number == app.tab else "dim") for number, widget in enumerate(app.widgets)]
        # From the left, as many before the chosen one as leave it whole.
        start = 0
        while start < app.tab and sum(p.cell_len + 1 for p in parts[start : app.tab + 1]) > width:
            start += 1
        at = 0
        for number, part in enumerate(parts[start:], start):
            self._tab_cells.append((at, at + part.cell_len, number))
            at += part.cell_len + 1
        return crop(Text(" ").join(parts[start:]) if parts else Text(""), width)

    def _bottom(self, width: int, screen: Screen | None) -> Text:
        app = self._app
        if screen is not None:
            position = screen.position() if isinstance(screen, Pager) else ""
            return between(width, Text(" " + screen.hint, style="dim"), Text(position + " ", style="dim"))
        if app.typing is not None:
            return crop(Text.assemble((" /", "bold"), app.typing.render(), ("   enter keeps  esc clears", "dim")), width)
        position = f"{app.widget.view.cursor + 1}/{len(app.widget.view)} " if app.widget is not None and len(app.widget.view) else ""
        link = app.link_here()
        right = Text.assemble(("o ", "bold"), (f"→ {plain(link.script.removeprefix('px/'))} {plain(link.label)[:24]}  ", "dim")) if link is not None and width >= 80 else Text("")
        return between(width, Text(_HINTS if width >= 140 else _SHORT_HINTS, style="dim"), right.append(position, style="dim"))


def _about(name: str, view: View) -> Text:
    """What of a widget is shown."""
    total = len(view.output.rows)
    text = Text(f" {plain(name)}: {rows(total)}" if not view.filter else f" {plain(name)}: {view.matched:,} of {total:,} rows match {plain(view.filter)}")
    if problem := view.filter_problem:
        text.append(f"  {plain(problem)}", style="yellow")
    if view.output.truncated:
        text.append("  only the first rows are here; filter in the script", style="yellow")
    said = view.note or (view.about if isinstance(view, TableView) else "")
    if said:
        text.append(f"  {plain(said)}", style="dim")
    return text


def rows(count: int) -> str:
    """A number of rows in words."""
    return f"{count:,} row{'' if count == 1 else 's'}"
