"""``px live``'s state: what is shown, what keys do, what is asked next. It knows neither terminals nor threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.text import Text

from kafkascope.cli.errors import CommandError
from kafkascope.cli.plain import plain
from kafkascope.cli.run import decode_table
from kafkascope.tui import detail, help
from kafkascope.tui.frame import Frame
from kafkascope.tui.keys import mouse
from kafkascope.tui.links import Link, Place
from kafkascope.tui.screens import Choice, Form, Pager, Palette, Screen
from kafkascope.tui.source import Source
from kafkascope.tui.table import TableView
from kafkascope.tui.text import Input
from kafkascope.tui.view import View
from kafkascope.tui.views import views

INTERVALS_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
MAX_HISTORY = 50
MAX_TRAIL = 3
TIMES = (("-1m", "last minute"), ("-5m", "last 5 minutes"), ("-15m", "last 15 minutes"), ("-1h", "last hour"), ("-6h", "last 6 hours"), ("-24h", "last day"), ("-7d", "last week"))
WHEEL_LINES = 3
DOUBLE_CLICK_S = 0.5
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
        self.running = False
        self._due: float | None = None
        self._asked = self._answered = 0.0
        self._history: list[tuple[Target, int]] = []
        self._undone: list[tuple[Target, int]] = []
        self._clicked: tuple[str, float] = ("", 0.0)
        self._frame = Frame(self)

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
            self._history, self._undone = [*self._history, (self.target, self.tab)][-MAX_HISTORY:], []
        self.target, self.tab = target, tab
        self.widgets, self.result, self.error, self.typing = [], None, None, None
        self.run()

    def run(self) -> None:
        """Ask now; an answer that is still under way counts no more."""
        if self.target is None:
            return
        self._generation += 1
        self.running, self._due, self._asked = True, None, self._clock()
        args = {v["name"]: str(v["defaultValue"]) for v in self.variables(self.target.name) if "defaultValue" in v} | self.target.args
        request = {**(self.target.request or {"script": self.target.name}), "args": args}
        self._submit("run", self._generation, lambda: self.source.run(request))

    def finished(self, tag: str, generation: int, value: Any, error: CommandError | None) -> None:
        """The outcome of a submitted function."""
        if tag == "entities":
            for screen in self.screens:
                if isinstance(screen, Form | Palette):
                    screen.offered(value if error is None else [], error.message if error is not None else "")
            return
        if tag == "script":
            self._show_script(value, error)
            return
        if generation != self._generation:
            return
        self.running = False
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
            made = views(output, spec.get("displaySpec") or {})
            if old is not None and [v.kind for v in old.views] == [v.kind for v in made]:
                for view in old.views:
                    view.update(output)
                self.widgets.append(old)
            else:
                self.widgets.append(Widget(spec["name"], made))
        self.tab = max(min(self.tab, len(self.widgets) - 1), 0)
        if first and self.tab == 0:
            # Where nothing is to be seen nobody wants to begin.
            self.tab = next((i for i, w in enumerate(self.widgets) if w.view.output.rows), 0)

    def wait_s(self) -> float | None:
        """Seconds until something is due by itself; a second at most while an age is on the screen."""
        waits = [1.0] if self.running or (self.error is not None and self.result is not None) else []
        if self._due is not None:
            waits.append(max(self._due - self._clock(), 0.0))
        return min(waits) if waits else None

    @property
    def age_s(self) -> float:
        """Seconds since the answer that is shown."""
        return self._clock() - self._answered

    @property
    def waited_s(self) -> float:
        """Seconds since the question that is under way."""
        return self._clock() - self._asked

    def tick(self) -> None:
        """Do what is due."""
        if self._due is not None and self._clock() >= self._due:
            self.run()

    # ---- keys ----

    @property
    def widget(self) -> Widget | None:
        return self.widgets[self.tab] if self.tab < len(self.widgets) else None

    @property
    def typed(self) -> bool:
        """Whether a letter is text now, and no command."""
        return self.typing is not None or any(not isinstance(screen, Pager) for screen in self.screens)

    def key(self, key: str) -> None:
        """Take a key, or what the mouse did."""
        moved = mouse(key)
        if moved is not None:
            self._mouse(*moved)
            return
        self.note = ""
        if key == "ctrl+c":
            self.done = True
        elif self.screens:
            self._on_screen(lambda screen: screen.key(key))
        elif self.typing is not None:
            self._type(key)
        elif key in _COMMANDS:
            _COMMANDS[key](self)
        elif key in "123456789" and len(key) == 1:
            self.tab = int(key) - 1 if int(key) <= len(self.widgets) else self.tab
        elif self.widget is not None:
            self.widget.view.key(key)

    def _on_screen(self, act: Callable[[Screen], Any]) -> None:
        screen = self.screens[-1]
        act(screen)
        if screen.closed and screen in self.screens:
            self.screens.remove(screen)

    def _mouse(self, what: str, column: int, line: int) -> None:
        """The wheel moves; a click chooses a row, a tab or a column to sort by; a second one opens."""
        kind, number = self._frame.click(column, line)
        if what != "click":
            for _ in range(WHEEL_LINES):
                self.key("up" if what == "wheelup" else "down")
            return
        self.note = ""
        if kind == "screen":
            self._on_screen(lambda screen: screen.click(number))
        elif kind == "tab":
            self.tab = number
        elif kind == "widget":
            other = number != self.tab
            self.tab = number
            view = self.widgets[number].view
            if view.click(self._frame.line_in(number, line), column):
                now, entry = self._clock(), f"{number} {view.cursor}"
                if not other and self._clicked[0] == entry and now - self._clicked[1] <= DOUBLE_CLICK_S:
                    self.show_row()
                self._clicked = (entry, now)

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
        else:
            self.back()

    def back(self) -> None:
        """To the script before, as it was left."""
        if self._history:
            if self.target is not None:
                self._undone.append((self.target, self.tab))
            target, tab = self._history.pop()
            self.open(target, remember=False, tab=tab)

    def forward(self) -> None:
        """To where one came back from."""
        if self._undone and self.target is not None:
            self._history.append((self.target, self.tab))
            target, tab = self._undone.pop()
            self.open(target, remember=False, tab=tab)

    def trail(self) -> list[str]:
        """The scripts one came through, the last few of them."""
        names = [next((value for key, value in target.args.items() if key != "start_time"), target.name.removeprefix("px/")) for target, _ in self._history]
        return (["…"] if len(names) > MAX_TRAIL else []) + names[-MAX_TRAIL:]

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
        self.screens.append(Palette([s for _, s in sorted(self.scripts.items())], self._choose, self.quit, self._suggest))

    def _suggest(self, kind: str, typed: str) -> None:
        self._submit("entities", self._generation, lambda: self.source.entities(kind, typed))

    def times(self) -> None:
        """How far back to look, where the script asks for it."""
        target = self.target
        if target is None or not any(v["name"] == "start_time" for v in self.variables(target.name)):
            self.note = "this script has no start_time"
            return
        self.screens.append(Choice("Time", TIMES, lambda value: self.open(Target(target.name, {**target.args, "start_time": value}, target.request), tab=self.tab, remember=False)))

    def _choose(self, name: str, words: tuple[str, ...]) -> None:
        args: dict[str, str] = {}
        for word in words:
            key, equals, value = word.removeprefix("--").partition("=")
            # A word alone is the value of what the script is about: `topic order`.
            free = next((v["name"] for v in sorted(self.variables(name), key=lambda v: not v.get("required")) if v["name"] not in (*args, "start_time")), None)
            if not equals and free is None:
                self.note = f"'{word}' is no argument of {name}; write name=value"
                return
            if equals:
                args[key] = value
            elif free is not None:
                args[free] = word
        self.open(Target(name, args))

    def form(self, target: Target | None = None, message: str = "") -> None:
        target = target or self.target
        if target is None:
            return
        asked = target

        def run(args: dict[str, str]) -> None:
            self.open(Target(asked.name, args, asked.request), tab=self.tab if self.target is not None and asked.name == self.target.name else 0)

        self.screens.append(Form(target.name, self.variables(target.name), target.args, run, self._suggest, message))

    def show_row(self) -> None:
        widget = self.widget
        row = widget.view.current() if widget is not None else None
        if widget is None or row is None:
            return
        view = widget.view

        def text() -> tuple[str, list[Text]]:
            here = view.current()
            return f"{widget.name}  {view.cursor + 1} of {len(view)}", detail.lines(here, view.output.columns, self.place) if here is not None else []

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

    @property
    def place(self) -> Place:
        """Where one is, for links."""
        target = self.target or Target("")
        return Place(target.name, target.args, frozenset(self.scripts))

    def _follow(self, number: int) -> None:
        row = self.widget.view.current() if self.widget is not None else None
        found = self.place.all(row, self.widget.view.output.columns) if self.widget is not None and row is not None else []
        if number < len(found):
            self._open_link(found[number])

    def link_here(self) -> Link | None:
        """Where ``o`` leads."""
        view = self.widget.view if self.widget is not None else None
        row = view.current() if view is not None else None
        if view is None or row is None:
            return None
        columns = view.output.columns
        here = self.place.link(row[view.chosen], columns[view.chosen]) if isinstance(view, TableView) and columns else None
        return here or next(iter(self.place.links(row, columns)), None)

    def follow_link(self) -> None:
        """The link in the chosen column, else the first of the row, else the first name in its bodies."""
        row = self.widget.view.current() if self.widget is not None else None
        target = self.link_here() or (next(iter(self.place.all(row, self.widget.view.output.columns)), None) if self.widget is not None and row is not None else None)
        if target is None:
            self.note = "no link in this row"
        else:
            self._open_link(target)

    def _open_link(self, target: Link) -> None:
        if target.script not in self.scripts:
            self.note = f"there is no script {plain(target.script)} here"
            return
        self.screens.clear()
        known = {v["name"] for v in self.variables(target.script)}
        # The time one looks at is kept.
        start = {"start_time": self.target.args["start_time"]} if self.target is not None and "start_time" in self.target.args else {}
        self.open(Target(target.script, {k: v for k, v in (start | target.args).items() if k in known}))

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

    def frame(self, width: int, height: int) -> list[Text]:
        """The whole screen, ``height`` lines of ``width`` cells."""
        return self._frame.lines(width, height)


def plain_line(text: Text) -> Text:
    """A highlighted line whose characters are safe to print."""
    safe = Text(plain(text.plain))
    safe._spans = text.spans
    return safe


_COMMANDS: dict[str, Callable[[App], None]] = {
    ":": App.palette, "ctrl+k": App.palette, "/": App.start_filter, "ctrl+s": App.start_filter, "?": App.show_help, "f1": App.show_help, "a": App.form, "r": App.run, "ctrl+r": App.run,
    "p": App.toggle_pause, "+": lambda app: app.change_interval(-1), "=": lambda app: app.change_interval(-1), "-": lambda app: app.change_interval(1), "v": App.toggle_view,
    "tab": App.next_tab, "ctrl+n": App.next_tab, "shift+tab": lambda app: app.next_tab(-1), "ctrl+p": lambda app: app.next_tab(-1), "enter": App.show_row, "o": App.follow_link,
    "d": App.show_row, "y": App.copy_row, "c": App.copy_row, "t": App.times, "[": App.back, "]": App.forward, "e": App.show_script, "ctrl+v": App.show_script, "esc": App.escape, "q": App.quit,
}  # fmt: skip
