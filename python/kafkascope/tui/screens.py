"""What lies over the results: pager, script palette, argument form."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.text import Text

from kafkascope.cli.plain import plain
from kafkascope.tui.text import Input, crop, fit, wrap


class Screen:
    """Takes keys and draws until it says it is done."""

    title = ""
    hint = ""
    closed = False

    def key(self, key: str) -> None:
        """Take a key."""
        raise NotImplementedError

    def click(self, line: int) -> None:
        """A click on a line of the last drawing."""

    def draw(self, width: int, height: int) -> list[Text]:
        """At most ``height`` lines."""
        raise NotImplementedError


class Choice(Screen):
    """One of a few values."""

    hint = "enter choose  ↑ ↓  esc close"

    def __init__(self, title: str, values: Sequence[tuple[str, str]], choose: Callable[[str], None]) -> None:
        self.title, self._values, self._choose = title, values, choose
        self._cursor = self._top = 0

    def key(self, key: str) -> None:
        if key in ("esc", "q"):
            self.closed = True
        elif key in ("down", "j", "ctrl+n", "up", "k", "ctrl+p"):
            self._cursor = (self._cursor + (1 if key in ("down", "j", "ctrl+n") else -1)) % len(self._values)
        elif key == "enter":
            self.closed = True
            self._choose(self._values[self._cursor][0])

    def click(self, line: int) -> None:
        if 0 <= self._top + line < len(self._values):
            self._cursor = self._top + line
            self.key("enter")

    def draw(self, width: int, height: int) -> list[Text]:
        self._top = max(self._cursor - height + 1, 0)
        lines = []
        for number, (value, text) in list(enumerate(self._values))[self._top : self._top + height]:
            line = crop(Text.assemble("▸ " if number == self._cursor else "  ", f"{value:<6}", (text, "dim")), width)
            line.stylize("reverse" if number == self._cursor else "")
            lines.append(line)
        return lines


class Pager(Screen):
    """Lines to read: help, a script, a row. ``keys`` are what else it answers to."""

    hint = "j k scroll  / find  esc close"

    def __init__(self, title: str, lines: Sequence[Text], keys: Mapping[str, Callable[[], None]] | None = None, hint: str = "") -> None:
        self.title = title
        self.lines = list(lines)
        self._keys = dict(keys or {})
        self.hint = hint or self.hint
        self._top = 0
        self._page = 10
        self._wrapped: tuple[int, list[Text]] = (0, [])
        self._search: Input | None = None
        self._wanted = ""

    def set_lines(self, title: str, lines: Sequence[Text]) -> None:
        self.title, self.lines, self._top, self._wrapped = title, list(lines), 0, (0, [])

    def key(self, key: str) -> None:
        steps = {"j": 1, "down": 1, "k": -1, "up": -1, " ": self._page, "pagedown": self._page, "ctrl+f": self._page, "pageup": -self._page, "ctrl+b": -self._page,
                 "ctrl+d": self._page // 2, "ctrl+u": -(self._page // 2), "g": -(1 << 30), "home": -(1 << 30), "G": 1 << 30, "end": 1 << 30}  # fmt: skip
        if self._search is not None:
            self._find(key, self._search)
        elif key in ("/", "ctrl+s"):
            self._search = Input()
        elif self._wanted and key in ("n", "N", "esc"):
            # As in less; the row's own n and p come back with esc.
            self._wanted = "" if key == "esc" else self._wanted
            self._jump(-1 if key == "N" else 1)
        elif key in self._keys:
            self._keys[key]()
        elif key in ("esc", "q", "enter", "?", "backspace"):
            self.closed = True
        elif key in steps:
            self._top += steps[key]

    def _find(self, key: str, search: Input) -> None:
        if key == "esc" or (key == "backspace" and not search.value):
            self._search, self._wanted = None, ""
        elif key == "enter":
            self._search, self._wanted = None, search.value.lower()
            self._jump(0)
        else:
            search.key(key)

    def _jump(self, step: int) -> None:
        """To the next line with what is looked for, from the top one on when ``step`` is 0."""
        lines = self._wrapped[1]
        if not self._wanted or not lines:
            return
        start = self._top + step
        order = [(start + (-n if step < 0 else n)) % len(lines) for n in range(len(lines))]
        self._top = next((at for at in order if self._wanted in lines[at].plain.lower()), self._top)

    def draw(self, width: int, height: int) -> list[Text]:
        if self._wrapped[0] != width:
            self._wrapped = (width, [part for line in self.lines for part in _wrap(line, width - 2)])
        lines = self._wrapped[1]
        self._page = max(height, 1)
        self._top = max(min(self._top, len(lines) - height), 0)
        drawn = [crop(Text.assemble(" ", line), width) for line in lines[self._top : self._top + height]]
        for line in drawn if self._wanted else []:
            at = line.plain.lower().find(self._wanted)
            while at >= 0:
                line.stylize("reverse", at, at + len(self._wanted))
                at = line.plain.lower().find(self._wanted, at + len(self._wanted))
        if self._search is not None:
            drawn = [*drawn[: height - 1], *[crop(Text(""), width)] * max(height - 1 - len(drawn), 0), crop(Text.assemble((" /", "bold"), self._search.render()), width)][-height:]
        return drawn

    def position(self) -> str:
        """Where in the text it is."""
        if self._wanted:
            hits = sum(self._wanted in line.plain.lower() for line in self._wrapped[1])
            return f"{hits} line{'' if hits == 1 else 's'} with {plain(self._wanted)}  n N next  esc ends"
        total = len(self._wrapped[1])
        return "" if total <= self._page else f"{min(self._top + self._page, total)}/{total}"


#: Up to this many characters a line is broken at its spaces.
_PROSE = 4_000
#: What stands before a value: its name and the gap, or the indent of JSON.
_VALUE = re.compile(r"\s*(?:\S+ {2,})?")


def _wrap(line: Text, width: int) -> list[Text]:
    """Long lines go on below, never to the side."""
    if line.cell_len <= width or width < 10:
        return [line]
    if len(line) > _PROSE:
        return [line[start : start + width] for start in range(0, len(line), width)]
    value = _VALUE.match(line.plain)
    indent = value.end() if value is not None else 2
    return wrap(line, width, _PROSE, indent if indent <= width // 2 else 2)


def fuzzy(wanted: str, name: str) -> float | None:
    """How well ``wanted`` is a subsequence of ``name``: the lower the better; ``None`` when it is not."""
    lowered, at, score = name.lower(), -1, 0.0
    for char in wanted.lower():
        found = lowered.find(char, at + 1)
        if found < 0:
            return None
        starts = found == 0 or not lowered[found - 1].isalnum()
        score += 0 if found == at + 1 and at >= 0 else 0.5 if starts else 1 + (found - at) * 0.1
        at = found
    position = lowered.find(wanted.lower())
    return score + len(name) * 0.01 - (5 if position >= 0 else 0) - (2 if position == 0 or (position > 0 and not lowered[position - 1].isalnum()) else 0)


#: Kinds of entities that complete a variable, by its type, else by its name.
_KIND_OF_TYPE = {"PX_NAMESPACE": "namespace", "PX_POD": "pod", "PX_SERVICE": "service", "PX_NODE": "node"}
_KIND_OF_NAME = {"topic": "topic", "group": "group", "group_id": "group", "consumer_group": "group", "client": "client", "client_id": "client", "pod": "pod", "namespace": "namespace", "service": "service", "node": "node"}


def entity_kind(variable: Mapping[str, Any]) -> str | None:
    """What completes a variable."""
    return _KIND_OF_TYPE.get(str(variable.get("type"))) or _KIND_OF_NAME.get(str(variable["name"]))


class Palette(Screen):
    """Scripts by a part of their name; what follows the name are arguments: ``topic order``, ``kafka_data max_num_records=10``."""

    title = "Scripts"
    hint = "enter open  tab complete  ↑ ↓ choose  esc close"

    def __init__(self, scripts: Sequence[Mapping[str, Any]], choose: Callable[[str, tuple[str, ...]], None], leave: Callable[[], None], suggest: Callable[[str, str], None]) -> None:
        self.input = Input()
        self.cursor = self._top = 0
        self._scripts = [s for s in scripts if not s.get("hidden")]
        self._choose, self._quit, self._suggest = choose, leave, suggest
        self._values: list[str] = []
        self._next = 0
        self.message = ""

    def found(self) -> list[Mapping[str, Any]]:
        """Scripts that match, the best first."""
        words = self.input.value.split()
        if not words:
            return list(self._scripts)
        wanted = words[0].lower()
        scored = [(score, s) for s in self._scripts if (score := fuzzy(wanted, s["name"])) is not None]
        # `topic` is px/kafka_topic, as somebody means it who types the whole of a last word.
        return [s for _, s in sorted(scored, key=lambda pair: (pair[1]["name"] not in (wanted, f"px/{wanted}", f"px/kafka_{wanted}"), pair[0]))]

    def key(self, key: str) -> None:
        found = self.found()
        if key == "esc" or (key == "backspace" and not self.input.value):
            self.closed = True
        elif key in ("up", "down", "ctrl+p", "ctrl+n"):
            self.cursor = max(min(self.cursor + (1 if key in ("down", "ctrl+n") else -1), len(found) - 1), 0)
        elif key == "enter":
            self._enter(found)
        elif key == "tab":
            self._complete(found)
        elif self.input.key(key):
            self.cursor = 0
            self._values, self.message = [], ""

    def _enter(self, found: Sequence[Mapping[str, Any]]) -> None:
        words = self.input.value.split()
        if words and words[0] in ("q", "q!", "quit", "exit"):
            self._quit()
        elif found:
            self.closed = True
            self._choose(found[min(self.cursor, len(found) - 1)]["name"], tuple(words[1:]))

    def click(self, line: int) -> None:
        found = self.found()
        if line >= 1 and self._top + line - 1 < len(found):
            self.cursor = self._top + line - 1
            self._enter(found)

    def _argument(self, found: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any] | None, str]:
        """The argument that the last word is a value of, and what of it is typed."""
        script, words = found[min(self.cursor, len(found) - 1)], self.input.value.split()
        typed = "" if self.input.value.endswith(" ") else words[-1]
        name, equals, value = typed.removeprefix("--").partition("=")
        variables = sorted(script.get("variables") or [], key=lambda v: not v.get("required"))
        if equals:
            return next((v for v in variables if v["name"] == name), None), value
        return next((v for v in variables if v["name"] != "start_time"), None), typed

    def _complete(self, found: Sequence[Mapping[str, Any]]) -> None:
        if not found:
            return
        words = self.input.value.split()
        if len(words) < 2 and not (words and self.input.value.endswith(" ")):
            self.input.set(found[min(self.cursor, len(found) - 1)]["name"] + " ")
            self.cursor = 0
            return
        if self._values:
            self._put(self._values[self._next % len(self._values)])
            self._next += 1
            return
        variable, typed = self._argument(found)
        if variable is None:
            self.message = "no argument of this name"
        elif variable.get("validValues"):
            self.offered([v for v in variable["validValues"] if v.startswith(typed)])
        elif (kind := entity_kind(variable)) is not None:
            self._suggest(kind, typed)
        else:
            self.message = f"{variable['name']} is free text"

    def _put(self, value: str) -> None:
        """A value in place of what is typed of it."""
        before, _, last = self.input.value.rpartition(" ")
        name, equals, _ = last.partition("=")
        self.input.set(f"{before} {name}={value}" if equals else f"{before} {value}")

    def offered(self, values: Sequence[str], message: str = "") -> None:
        """Values for the last word; one alone is taken."""
        # A space ends a word here: such names go into the form.
        self._values, self._next = [v for v in values if v and not any(c.isspace() for c in v)][:50], 0
        self.message = message or ("" if self._values else "nothing seen that matches")
        if len(self._values) == 1:
            self._put(self._values.pop())

    def draw(self, width: int, height: int) -> list[Text]:
        lines = [crop(Text.assemble((" :", "bold"), self.input.render()), width)]
        found = self.found()
        self.cursor = max(min(self.cursor, len(found) - 1), 0)
        below = self._below(found, width) if " " in self.input.value and found else []
        names = min(max((len(s["name"]) for s in found), default=0), width // 2)
        height -= len(below)
        self._top = max(self.cursor - (height - 2), 0)
        for number, script in list(enumerate(found))[self._top : self._top + height - 1]:
            line = crop(Text.assemble("▸ " if number == self.cursor else "  ", fit(plain(script["name"]), names), "  ", (plain(script["short"]), "dim")), width)
            if number == self.cursor:
                line.stylize("reverse")
            lines.append(line)
        if not found:
            lines.append(crop(Text("  no script of this name; backspace", style="dim"), width))
        return lines + below

    def _below(self, found: Sequence[Mapping[str, Any]], width: int) -> list[Text]:
        """The arguments of the script that is chosen, and values to complete with."""
        variables = found[self.cursor].get("variables") or []
        text = Text("  ")
        for variable in variables:
            text.append(plain(str(variable["name"])), style="bold" if variable.get("required") else "")
            text.append("  " if variable.get("required") else f"={plain(str(variable.get('defaultValue', '')))}  ", style="dim")
        lines = [crop(text if variables else Text("  takes no arguments", style="dim"), width)]
        if self._values:
            lines.append(crop(Text.assemble(("  tab: ", "dim"), "  ".join(plain(v) for v in self._values)), width))
        if self.message:
            lines.append(crop(Text("  " + plain(self.message), style="yellow"), width))
        return lines


class Form(Screen):
    """A script's arguments, one a line."""

    hint = "enter run  tab complete  ↑ ↓ argument  esc cancel"

    def __init__(self, script: str, variables: Sequence[Mapping[str, Any]], values: Mapping[str, str], run: Callable[[dict[str, str]], None],
                 suggest: Callable[[str, str], None], message: str = "") -> None:  # fmt: skip
        self.title = f"Arguments of {script}"
        self.variables = list(variables)
        self.inputs = [Input(values.get(v["name"], str(v.get("defaultValue", "")))) for v in self.variables]
        self.cursor = next((i for i, v in enumerate(self.variables) if v.get("required") and v["name"] not in values), 0)
        self.suggestions: list[str] = []
        #: Nothing was typed here yet: the first character replaces what stands there.
        self._untouched = True
        self._confirmed: list[str] = []
        self._given = set(values)
        self._next = 0
        self._run, self._suggest, self.message = run, suggest, message

    def key(self, key: str) -> None:
        if key == "esc":
            self.closed = True
        elif not self.variables or key == "enter":
            self._enter()
        elif key in ("up", "shift+tab", "down", "ctrl+n", "ctrl+p"):
            self.cursor = (self.cursor + (1 if key in ("down", "ctrl+n") else -1)) % len(self.variables)
            self.suggestions, self._untouched = [], True
        elif key == "tab":
            self._complete()
        else:
            if self._untouched and len(key) == 1:
                self.inputs[self.cursor].set("")
            if self.inputs[self.cursor].key(key):
                self.suggestions, self._untouched = [], False

    def _enter(self) -> None:
        values = {v["name"]: i.value for v, i in zip(self.variables, self.inputs, strict=True)}
        missing = [v["name"] for v in self.variables if v.get("required") and not values[v["name"]]]
        if missing and missing != self._confirmed:
            self._confirmed = missing
            self.message = f"no value for {', '.join(missing)}; enter again runs with it empty"
            self.cursor = next(i for i, v in enumerate(self.variables) if v["name"] == missing[0])
            return
        self.closed = True
        self._run({v["name"]: values[v["name"]] for v in self.variables if v["name"] in self._given or v.get("required") or values[v["name"]] != str(v.get("defaultValue", ""))})

    def _complete(self) -> None:
        variable, typed = self.variables[self.cursor], self.inputs[self.cursor].value
        if self.suggestions:
            self.inputs[self.cursor].set(self.suggestions[self._next % len(self.suggestions)])
            self._next += 1
        elif variable.get("validValues"):
            self.offered([v for v in variable["validValues"] if v.startswith(typed)] or list(variable["validValues"]))
        elif (kind := entity_kind(variable)) is not None:
            self._suggest(kind, typed)
        else:
            self.message = f"{variable['name']} is free text"

    def click(self, line: int) -> None:
        if 0 <= line < len(self.variables) and line != self.cursor:
            self.cursor = line
            self.suggestions, self._untouched = [], True

    def offered(self, values: Sequence[str], message: str = "") -> None:
        """Values for the argument at the cursor; one alone is taken."""
        self.message = message or ("" if values else "nothing seen that matches")
        self.suggestions, self._next = list(values)[:50], 0
        if len(self.suggestions) == 1:
            self.inputs[self.cursor].set(self.suggestions[0])
            self.suggestions = []

    def draw(self, width: int, height: int) -> list[Text]:
        if not self.variables:
            return [crop(Text("  takes no arguments", style="dim"), width)]
        room = max(len(v["name"]) for v in self.variables)
        lines = []
        for number, (variable, value) in enumerate(zip(self.variables, self.inputs, strict=True)):
            here = number == self.cursor
            shown = value.render() if here else Text(plain(value.value) or "–")
            note = "required. " if variable.get("required") else ""
            lines.append(crop(Text.assemble("▸ " if here else "  ", (fit(variable["name"], room), "bold"), "  ", shown, ("  " + note + plain(str(variable.get("description", ""))), "dim")), width))
        top = max(self.cursor - (height - 3), 0)
        lines = lines[top : top + height - 2]
        if self.suggestions:
            lines.append(crop(Text.assemble(("  tab: ", "dim"), "  ".join(plain(s) for s in self.suggestions)), width))
        if self.message:
            lines.append(crop(Text("  " + self.message, style="yellow"), width))
        return lines
