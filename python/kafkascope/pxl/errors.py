"""Errors of a script, each with its place and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PxLError(Exception):
    """A script that cannot be compiled or run.

    ``line`` and ``column`` count from 1; 0 when the error has no place in the text (an argument, a limit).
    """

    def __init__(self, message: str, hint: str = "", line: int = 0, column: int = 0) -> None:
        place = f"line {line}, column {column}: " if line else ""
        super().__init__(f"{place}{message}{f' ({hint})' if hint else ''}")
        self.message = message
        self.hint = hint
        self.line = line
        self.column = column


#: A place in the text: line and column, both from 1.
Place = tuple[int, int]
NOWHERE: Place = (0, 0)


def error(message: str, at: Place = NOWHERE, hint: str = "") -> PxLError:
    """A ``PxLError`` at a place."""
    return PxLError(message, hint, at[0], at[1])


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """A hint with the known names that are most like ``name``."""
    names = list(known)
    close = difflib.get_close_matches(name, names, 3, 0.6)
    if not close:
        folded = {n.lower().replace("_", ""): n for n in names}
        same = folded.get(name.lower().replace("_", ""))
        close = [same] if same else []
    if close:
        return "did you mean " + " or ".join(f"'{n}'" for n in close) + "?"
    return otherwise


def listing(names: Iterable[str], limit: int = 12) -> str:
    """The names as a short list."""
    items = list(names)
    if not items:
        return "none"
    return ", ".join(items[:limit]) + (f" and {len(items) - limit} more" if len(items) > limit else "")
