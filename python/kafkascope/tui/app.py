"""``px live``'s state: what is shown, what keys do, what is asked next. It knows neither terminals nor threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.text import Text

from kafkascope.cli.errors import CommandError
from kafkascope.cli.output import Output
from kafkascope.cli.run import _table as decode_table
from kafkascope.tui import detail, help
from kafkascope.tui.chart import ChartView, time_column
from kafkascope.tui.graph import GraphView, ends
from kafkascope.tui.screens import Form, Pager, Palette, Screen
from kafkascope.tui.source import Source
from kafkascope.tui.table import TableView
from kafkascope.tui.text import Input, between, crop, plain
from kafkascope.tui.view import View

INTERVALS_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
MAX_HISTORY = 50
#: Lines below which another widget says nothing.
MIN_STACKED = 6
Submit = Callable[[str, int, Callable[[], Any]], None]


@dataclass(frozen=True)
class Target:
    """What is run: a script of the library, or a text given with ``-f``."""

    name: str
    args: dict[str, str] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)


@dataclass
class Widget:
    """One widget of the result: the view its display asks for, and its table."""

    name: str
    views: list[View]
    shown: int = 0

    @property
    def view(self) -> View:
        return self.views[self.shown]


class App:
    """The live screen. ``submit(tag, generation, function)`` runs a function elsewhere; its outcome comes back by ``finished``."""

    def __init__(self, source: Source, scripts: Sequence[Mapping[str, Any]], submit: Submit, *, interval_s: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.source = source
        self.scripts = {str(s["name"]): s for s in scripts}
        self.done = False
        self.clipboard: str | None = None
        self.screens: list[Screen] = []
        self.target: Target | None = None
        self.widgets: list[Widget] = []
        self.tab = 0
        self.paused = not source.live
        self.interval_s = interval_s
        self.typing: Input | None = None
        self.note = source.notes[0] if source.notes else ""
        self.result: dict[str, Any] | None = None
        self.error: CommandError | None = None
        self._submit, self._clock = submit, clock
        self._generation = 0
        self._running = False
        self._due: float | None = None
        self._answered = 0.0
        self._history: list[tuple[Target, int]] = []

    # ---- runs ----

    def variables(self, name: str) -> list[dict[str, Any]]:
        return list(self.scripts.get(name, {}).get("variables") or [])

    def open(self, target: Target, *, remember: bool = True, tab: int = 0) -> None:
        """Show another script; asks for arguments that it needs."""
        missing = [v["name"] for v in self.variables(target.name) if v.get("required") and v["name"] not in target.args]
        if missing:
            self.form(target, f"{target.name} needs {', '.join(missing)}")
            return
        if remember and self.target is not None:
            self._history = [*self._history, (self.target, self.tab)][-MAX_HISTORY:]
        self.target, self.tab = target, tab
        self.widgets, self.result, self.error, self.typing = [], None, None, None
        self.run()

    def run(self) -> None:
        """Ask now; an answer that is still under way counts no more."""
        if self.target is None:
            return
        self._generation += 1
        self._running, self._due = True, None
        args = {v["name"]: str(v["defaultValue"]) for v in self.variables(self.target.name) if "defaultValue" in v} | self.target.args
        request = {**(self.target.request or {"script": self.target.name}), "args": args}
        self._submit("run", self._generation, lambda: self.source.run(request))

    def finished(self, tag: str, generation: int, value: Any, error: CommandError | None) -> None:
        """The outcome of a submitted function."""
        if tag == "entities":
            for screen in self.screens:
                if isinstance(screen, Form) and error is None:
                    screen.offer("", value)
                elif isinstance(screen, Form):
                    screen.message = error.message if error is not None else ""
            return
        if tag == "script":
            self._show_script(value, error)
            return
        if generation != self._generation:
            return
        self._running = False
        if self.source.live and not self.paused:
            self._due = self._clock() + self.interval_s
        self.error = error
        if error is None:
            self._answered = self._clock()
            self._take(value)

    def _take(self, result: dict[str, Any]) -> None:
        first = self.result is None
        self.result = result
        tables = {table["name"]: decode_table(table) for table in result["tables"]}
        before = {widget.name: widget for widget in self.widgets}
        self.widgets = []
        for spec in result["widgets"]:
            output = tables.get(spec["table"])
            if output is None:
                continue
            old = before.get(spec["name"])
            views = _views(output, spec.get("displaySpec") or {})
            if old is not None and [v.kind for v in old.views] == [v.kind for v in views]:
                for view in old.views:
                    view.update(output)
                self.widgets.append(old)
            else:
                self.widgets.append(Widget(spec["name"], views))
        self.tab = max(min(self.tab, len(self.widgets) - 1), 0)
        if first and self.tab == 0:
            # Where nothing is to be seen nobody wants to begin.
            self.tab = next((i for i, w in enumerate(self.widgets) if w.view.output.rows), 0)

    def wait_s(self) -> float | None:
        """Seconds until something is due by itself; a second at most while an age is on the screen."""
        waits = [1.0] if self.error is not None and self.result is not None else []
        if self._due is not None:
            waits.append(max(self._due - self._clock(), 0.0))
        return min(waits) if waits else None

    def tick(self) -> None:
        """Do what is due."""
        if self._due is not None and self._clock() >= self._due:
            self.run()

    # ---- keys ----

    @property
    def widget(self) -> Widget | None:
        return self.widgets[self.tab] if self.tab < len(self.widgets) else None

    def key(self, key: str) -> None:
        """Take a key."""
        self.note = ""
        if key == "ctrl+c":
            self.done = True
        elif self.screens:
            screen = self.screens[-1]
            screen.key(key)
            if screen.closed and screen in self.screens:
                self.screens.remove(screen)
        elif self.typing is not None:
            self._type(key)
        elif key in _COMMANDS:
            _COMMANDS[key](self)
        elif key in "123456789" and len(key) == 1:
            self.tab = int(key) - 1 if int(key) <= len(self.widgets) else self.tab
        elif self.widget is not None:
            self.widget.view.key(key)

    def _type(self, key: str) -> None:
        assert self.typing is not None
        widget = self.widget
        if key == "enter" or widget is None:
            self.typing = None
        elif key == "esc" or (key == "backspace" and not self.typing.value):
            self.typing = None
            widget.view.set_filter("")
        elif key in ("up", "down", "pageup", "pagedown"):
            widget.view.key(key)
        elif self.typing.key(key):
            widget.view.set_filter(self.typing.value)

    def start_filter(self) -> None:
        if self.widget is not None:
            self.typing = Input(self.widget.view.filter)

    def escape(self) -> None:
        """Clear the filter; without one, go back."""
        if self.widget is not None and self.widget.view.filter:
            self.widget.view.set_filter("")
        elif self._history:
            target, tab = self._history.pop()
            self.open(target, remember=False, tab=tab)

    def quit(self) -> None:
        self.done = True

    def next_tab(self, step: int = 1) -> None:
        if self.widgets:
            self.tab = (self.tab + step) % len(self.widgets)

    def toggle_pause(self) -> None:
        if not self.source.live:
            self.note = "a capture does not change"
            return
        self.paused = not self.paused
        self._due = None
        if not self.paused:
            self.run()

    def change_interval(self, step: int) -> None:
        at = min(range(len(INTERVALS_S)), key=lambda i: abs(INTERVALS_S[i] - self.interval_s))
        self.interval_s = INTERVALS_S[max(min(at + step, len(INTERVALS_S) - 1), 0)]
        if self._due is not None:
            self._due = self._clock() + self.interval_s

    def toggle_view(self) -> None:
        if self.widget is not None:
            self.widget.shown = (self.widget.shown + 1) % len(self.widget.views)

    # ---- screens ----

    def palette(self) -> None:
        self.screens.append(Palette([s for _, s in sorted(self.scripts.items())], self._choose, self.quit))

    def _choose(self, name: str, words: tuple[str, ...]) -> None:
        args = {}
        for word in words:
            key, equals, value = word.removeprefix("--").partition("=")
            if not equals:
                self.note = f"'{word}' is no argument; write name=value"
                return
            args[key] = value
        self.open(Target(name, args))

    def form(self, target: Target | None = None, message: str = "") -> None:
        target = target or self.target
        if target is None:
            return
        asked = target

        def suggest(kind: str, typed: str) -> None:
            self._submit("entities", self._generation, lambda: self.source.entities(kind, typed))

        def run(args: dict[str, str]) -> None:
            self.open(Target(asked.name, args, asked.request), tab=self.tab if self.target is not None and asked.name == self.target.name else 0)

        self.screens.append(Form(target.name, self.variables(target.name), target.args, run, suggest, message))

    def show_row(self) -> None:
        widget = self.widget
        row = widget.view.current() if widget is not None else None
        if widget is None or row is None:
            return
        view = widget.view

        def text() -> tuple[str, list[Text]]:
            here = view.current()
            return f"{widget.name}  {view.cursor + 1} of {len(view)}", detail.lines(here, view.output.columns) if here is not None else []

        def step(by: str) -> Callable[[], None]:
            def move() -> None:
                view.key(by)
                pager.set_lines(*text())

            return move

        keys: dict[str, Callable[[], None]] = {"n": step("down"), "p": step("up"), "right": step("down"), "left": step("up"), "y": self.copy_row}
        for number in range(1, 10):
            keys[str(number)] = lambda number=number: self._follow(number - 1)  # type: ignore[misc]
        keys["o"] = lambda: self._follow(0)
        pager = Pager(*text(), keys, hint="j k scroll  n p next row  1-9 follow link  y copy  esc close")
        self.screens.append(pager)

    def _follow(self, number: int) -> None:
        row = self.widget.view.current() if self.widget is not None else None
        found = detail.links(row, self.widget.view.output.columns) if self.widget is not None and row is not None else []
        if number < len(found):
            self._open_link(found[number])

    def follow_link(self) -> None:
        """The link in the chosen column, else the first of the row."""
        widget = self.widget
        row = widget.view.current() if widget is not None else None
        if widget is None or row is None:
            return
        columns = widget.view.output.columns
        chosen = widget.view.column if isinstance(widget.view, TableView) else 0
        target = detail.link(row[chosen], columns[chosen]) or next(iter(detail.links(row, columns)), None)
        if target is None:
            self.note = "no link in this row"
        else:
            self._open_link(target)

    def _open_link(self, target: detail.Link) -> None:
        if target.script not in self.scripts:
            self.note = f"there is no script {plain(target.script)} here"
            return
        self.screens.clear()
        known = {v["name"] for v in self.variables(target.script)}
        self.open(Target(target.script, {k: v for k, v in target.args.items() if k in known}))

    def copy_row(self) -> None:
        widget = self.widget
        row = widget.view.current() if widget is not None else None
        if widget is not None and row is not None:
            self.clipboard = detail.record(row, widget.view.output.columns)
            self.note = "row copied"

    def show_script(self) -> None:
        if self.target is None:
            return
        name, text = self.target.name, self.target.request.get("pxl")
        if text is not None:
            self._show_script({"name": name, "pxl": text}, None)
        else:
            self._submit("script", self._generation, lambda: self.source.script(name))

    def _show_script(self, value: Any, error: CommandError | None) -> None:
        if error is not None:
            self.note = error.message
            return
        from rich.syntax import Syntax

        text = Syntax("", "python", theme="ansi_dark").highlight(value["pxl"].expandtabs(4))
        self.screens.append(Pager(value["name"], [plain_line(line) for line in text.split("\n")]))

    def show_help(self) -> None:
        self.screens.append(Pager("Keys", help.lines()))

    # ---- drawing ----

    def frame(self, width: int, height: int) -> list[Text]:
        """The whole screen, ``height`` lines of ``width`` cells."""
        body = max(height - 4, 1)
        screen = self.screens[-1] if self.screens else None
        lines = [self._bar(width), self._sentence(width)]
        if screen is not None:
            lines.append(crop(Text.assemble(" ", (plain(screen.title), "bold")), width))
            drawn = screen.draw(width, body)
        else:
            lines.append(self._tabs(width))
            drawn = self._body(width, body)
        lines += drawn + [crop(Text(""), width)] * (body - len(drawn))
        lines.append(self._bottom(width, screen))
        return [crop(line, width) for line in lines[:height]]

    def _body(self, width: int, height: int) -> list[Text]:
        if self.widget is not None:
            return self._stack(self.widget, width, height)
        if self.error is not None:
            # All of it, where there is room: a message that was cut is no help.
            texts = [Text(self.error.message, style="red"), *(Text(f"hint: {part}") for part in self.error.hint.splitlines())]
            return [line for text in texts for line in Pager("", [text]).draw(width, 8)]
        return []

    def _stack(self, widget: Widget, width: int, height: int) -> list[Text]:
        """The chosen widget, and below it those that follow, where there is room."""
        rest = self.widgets[self.tab + 1 :]
        room = min(widget.view.wanted(), height) if rest and height - widget.view.wanted() >= MIN_STACKED else height
        lines: list[Text] = []
        for other in (widget, *rest):
            other.view.focused = other is widget
            if other is not widget:
                left = height - len(lines) - 2
                if left < MIN_STACKED - 2:
                    break
                room = min(other.view.wanted(), left)
                title = f" {plain(other.name)}: {_rows(len(other.view.output.rows))}"
                lines += [crop(Text(""), width), crop(Text(title, style="bold dim"), width)]
            drawn = other.view.draw(width, room)
            lines += drawn + [crop(Text(""), width)] * (room - len(drawn) if other is widget and rest else 0)
        return lines

    def _bar(self, width: int) -> Text:
        left = Text(" Kafkascope " if width >= 100 else "", style="bold")
        if self.target is not None:
            left.append(f" {plain(self.target.name)} ", style="bold cyan")
            values = {v["name"]: str(v.get("defaultValue", "")) for v in self.variables(self.target.name)} | self.target.args
            # What was chosen stands before what is as always.
            chosen = self.target.args
            for name, value in sorted(values.items(), key=lambda item: item[0] not in chosen):
                left.append(f" {name} ", style="dim")
                left.append(plain(value) or "–")
        state = "capture" if not self.source.live else "paused" if self.paused else f"live {self.interval_s:g} s"
        right = Text(state, style="bold yellow" if self.paused and self.source.live else "")
        if width >= 100:
            right.append(" │ ", style="dim")
            right.append(plain(self.source.label))
            right.truncate(width // 3, overflow="ellipsis")
        return between(width, left, right.append(" "))

    def _sentence(self, width: int) -> Text:
        if self.note:
            return crop(Text(" " + plain(self.note), style="yellow"), width)
        if self.error is not None:
            age = f" (shown: {self._clock() - self._answered:.0f} s old)" if self.result is not None else ""
            return crop(Text(f" ✗ {plain(self.error.message)}{age}", style="red"), width)
        if self.result is None:
            return crop(Text(" asking …" if self._running else " : chooses a script, ? shows the keys", style="dim"), width)
        at = time.strftime("%H:%M:%S", time.localtime(self.result["executedAt"] / 1000))
        state = Text(f"{self.result['durationMs']:.0f} ms  {at} ", style="dim")
        messages = self.result.get("messages") or []
        if messages:
            return between(width, Text(" ! " + plain(" ".join(str(messages[0]["text"]).split())), style="yellow"), state)
        widget = self.widget
        if widget is None:
            return between(width, Text(" no tables"), state)
        total = len(widget.view.output.rows)
        text = f" {plain(widget.name)}: {_rows(total)}"
        if widget.view.filter:
            text = f" {plain(widget.name)}: {widget.view.matched:,} of {total:,} rows match {plain(widget.view.filter)}"
        left = Text(text)
        if widget.view.output.truncated:
            left.append("  only the first rows are here; filter in the script", style="yellow")
        return between(width, left, state)

    def _tabs(self, width: int) -> Text:
        parts = [Text(f" {number + 1} {plain(widget.name)} ", style="reverse" if number == self.tab else "dim") for number, widget in enumerate(self.widgets)]
        # From the left, as many before the chosen one as leave it whole.
        start = 0
        while start < self.tab and sum(p.cell_len + 1 for p in parts[start : self.tab + 1]) > width:
            start += 1
        return crop(Text(" ").join(parts[start:]) if parts else Text(""), width)

    def _bottom(self, width: int, screen: Screen | None) -> Text:
        if screen is not None:
            position = screen.position() if isinstance(screen, Pager) else ""
            return between(width, Text(" " + screen.hint, style="dim"), Text(position + " ", style="dim"))
        if self.typing is not None:
            return crop(Text.assemble((" /", "bold"), self.typing.render(), ("   enter keeps  esc clears", "dim")), width)
        position = f"{self.widget.view.cursor + 1}/{len(self.widget.view)} " if self.widget is not None and len(self.widget.view) else ""
        return between(width, Text(_HINTS if width >= 100 else _SHORT_HINTS, style="dim"), Text(position, style="dim"))


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def plain_line(text: Text) -> Text:
    """A highlighted line whose characters are safe to print."""
    safe = Text(plain(text.plain))
    safe._spans = text.spans
    return safe


def _views(output: Output, spec: Mapping[str, Any]) -> list[View]:
    """The view a display asks for, where the terminal has it, and the table."""
    kind = str(spec.get("@type", "")).rpartition(".")[2]
    views: list[View] = []
    if kind in ("Graph", "RequestGraph") and ends(spec, output.columns):
        views.append(GraphView(output, spec))
    elif kind == "TimeseriesChart" and time_column(output.columns) is not None:
        views.append(ChartView(output, spec))
    return [*views, TableView(output)]


_HINTS = " :scripts  /filter  a arguments  enter row  s sort  tab next  v view  p pause  ? keys  q quit"
_SHORT_HINTS = " :scripts /filter a args enter row s sort tab next v view ? keys q quit"

_COMMANDS: dict[str, Callable[[App], None]] = {
    ":": App.palette, "ctrl+k": App.palette, "/": App.start_filter, "ctrl+s": App.start_filter, "?": App.show_help, "f1": App.show_help, "a": App.form, "r": App.run, "ctrl+r": App.run,
    "p": App.toggle_pause, "+": lambda app: app.change_interval(-1), "=": lambda app: app.change_interval(-1), "-": lambda app: app.change_interval(1), "v": App.toggle_view,
    "tab": App.next_tab, "ctrl+n": App.next_tab, "shift+tab": lambda app: app.next_tab(-1), "ctrl+p": lambda app: app.next_tab(-1), "enter": App.show_row, "o": App.follow_link,
    "y": App.copy_row, "e": App.show_script, "ctrl+v": App.show_script, "esc": App.escape, "q": App.quit,
}  # fmt: skip
