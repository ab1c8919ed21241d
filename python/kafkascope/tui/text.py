"""Text that fits a place on the screen."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from kafkascope.cli.plain import plain


def fit(text: str, width: int, right: bool = False) -> str:
    """``text`` in exactly ``width`` cells, cut with an ellipsis or filled with spaces."""
    if width <= 0:
        return ""
    length = cell_len(text)
    if length > width:
        if width >= 8 and " " not in text and text[:1] not in "{[":
            # A name tells itself apart at its end (…-0, /partition-3) as much as at its beginning.
            tail = (width - 1) // 2
            return set_cell_size(set_cell_size(text, width - 1 - tail) + "…" + text[-tail:], width)
        return set_cell_size(set_cell_size(text, width - 1).rstrip(" ") + "…", width)
    return " " * (width - length) + text if right else text + " " * (width - length)


def crop(text: Text, width: int) -> Text:
    """``text`` in exactly ``width`` cells."""
    text = text.copy()
    text.no_wrap = True
    text.truncate(width, overflow="ellipsis", pad=True)
    return text


def wrap(text: Text, width: int, lines: int = 3, indent: int = 3) -> list[Text]:
    """``text`` in at most ``lines`` lines, broken at spaces; what is cut ends in an ellipsis."""
    found: list[Text] = []
    while text.cell_len > width and len(found) < lines - 1 and width > 2 * indent:
        end = len(set_cell_size(text.plain, width).rstrip("\0"))
        space = text.plain.rfind(" ", indent + 1, end)
        cut = space if space > width // 2 else end
        found.append(crop(text[:cut], width))
        text = Text.assemble(" " * indent, text[cut:].copy() if cut == end else text[cut + 1 :])
    return [*found, crop(text, width)]


def between(width: int, left: Text, right: Text) -> Text:
    """``left`` and ``right`` at the two ends of a line; the left one gives way."""
    room = max(width - right.cell_len - 1, 0)
    return crop(Text.assemble(crop(left, room), " ", right), width)


class Input:
    """One line being typed."""

    def __init__(self, value: str = "") -> None:
        self.value = value
        self.at = len(value)

    def key(self, key: str) -> bool:
        """Take a key; whether it was one of editing."""
        before, after = self.value[: self.at], self.value[self.at :]
        if len(key) == 1:
            if len(self.value) < 1000:
                self.value, self.at = before + key + after, self.at + 1
        elif key == "backspace":
            self.value, self.at = before[:-1] + after, max(self.at - 1, 0)
        elif key == "delete":
            self.value = before + after[1:]
        elif key in ("left", "right"):
            self.at = min(max(self.at + (1 if key == "right" else -1), 0), len(self.value))
        elif key in ("home", "ctrl+a"):
            self.at = 0
        elif key in ("end", "ctrl+e"):
            self.at = len(self.value)
        elif key == "ctrl+u":
            self.value, self.at = after, 0
        elif key == "ctrl+w":
            kept = before.rstrip(" ").rpartition(" ")
            self.value, self.at = kept[0] + kept[1] + after, len(kept[0] + kept[1])
        else:
            return False
        return True

    def set(self, value: str) -> None:
        self.value, self.at = value, len(value)

    def render(self) -> Text:
        """With the cursor shown as a reversed cell."""
        shown = Text(plain(self.value) + " ")
        shown.stylize("reverse", self.at, self.at + 1)
        return shown
