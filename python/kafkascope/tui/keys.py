"""Bytes of a terminal as names of keys."""

from __future__ import annotations

import codecs

_SEQUENCES = {
    "[A": "up", "[B": "down", "[C": "right", "[D": "left", "OA": "up", "OB": "down", "OC": "right", "OD": "left", "[H": "home", "[F": "end", "OH": "home", "OF": "end",
    "[1~": "home", "[4~": "end", "[7~": "home", "[8~": "end", "[3~": "delete", "[5~": "pageup", "[6~": "pagedown", "[Z": "shift+tab", "OP": "f1", "[11~": "f1",
}  # fmt: skip
_NAMED = {"\r": "enter", "\n": "enter", "\t": "tab", "\x7f": "backspace", "\x08": "backspace"}
#: Buttons of the mouse in reports of the form that terminals call SGR (xterm's mode 1006), without shift, alt, control and motion.
_BUTTONS = {0: "click", 64: "wheelup", 65: "wheeldown"}
_MODIFIERS = 4 | 8 | 16
#: Longer than any key: something that is no key, such as an answer to a query nobody made.
_MAX_SEQUENCE = 24


class KeyReader:
    """Takes bytes as they arrive, in whatever pieces, and gives key names; printable characters are their own names."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""

    @property
    def waiting(self) -> bool:
        """Whether an escape has begun that may be a key of its own or the start of a sequence."""
        return bool(self._pending)

    def feed(self, data: bytes) -> list[str]:
        """Keys that are complete with ``data``."""
        self._pending += self._decoder.decode(data)
        keys = []
        while self._pending:
            key, used = _first(self._pending)
            if not used:
                break
            self._pending = self._pending[used:]
            if key:
                keys.append(key)
        return keys

    def flush(self) -> list[str]:
        """What is pending, when nothing more came: the escape key."""
        rest, self._pending = self._pending, ""
        return ["esc"] if rest == "\x1b" else []


def _first(text: str) -> tuple[str, int]:
    """The first key and how many characters it takes; 0 while it is not complete."""
    char = text[0]
    if char != "\x1b":
        if char in _NAMED:
            return _NAMED[char], 1
        if char == "\x00":
            return "ctrl+space", 1
        if char < " ":
            return f"ctrl+{chr(ord(char) + 96)}" if char <= "\x1a" else "", 1
        return (char if char.isprintable() else ""), 1
    if len(text) == 1:
        return "", 0
    if text[1] == "\x1b":
        return "esc", 1
    if text[1] not in "[O":
        # Alt and a key, or an escape and a key typed fast: an escape either way.
        return "esc", 1
    for end in range(2, min(len(text), _MAX_SEQUENCE)):
        if "@" <= text[end] <= "~" and not (end == 2 and text[end] == "["):
            sequence = text[1 : end + 1]
            return _mouse(sequence) if sequence.startswith("[<") else _SEQUENCES.get(sequence, ""), end + 1
    return "", (_MAX_SEQUENCE if len(text) >= _MAX_SEQUENCE else 0)


def mouse(key: str) -> tuple[str, int, int] | None:
    """``click``, ``wheelup`` or ``wheeldown`` with the column and the line, both from 0, of a key that came from a mouse."""
    what, _, place = key.partition("@")
    if not place or what not in _BUTTONS.values():
        return None
    column, _, line = place.partition(",")
    return what, int(column), int(line)


def _mouse(sequence: str) -> str:
    """A button that was pressed, as ``click@column,line``; letting it go is nothing."""
    fields = sequence[2:-1].split(";")
    if sequence[-1] != "M" or len(fields) != 3 or not all(field.isascii() and field.isdigit() for field in fields):
        return ""
    button, column, line = (int(field) for field in fields)
    what = _BUTTONS.get(button & ~_MODIFIERS)
    return f"{what}@{max(column - 1, 0)},{max(line - 1, 0)}" if what else ""
