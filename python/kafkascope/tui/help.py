"""The keys, for the ``?`` sheet."""

from __future__ import annotations

from rich.text import Text

KEYS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Go", (
        (":  ctrl+k", "scripts, with arguments after them: :topic order   :q quits"),
        ("/  ctrl+s", "filter as you type: word !word column=value latency>100ms"),
        ("a", "arguments of this script; tab completes what was seen"), ("t", "how far back to look"),
        ("enter  d", "row in full; there / finds, n p the next row"), ("o", "follow the link: topic, group, client, pod"),
        ("esc", "close, clear the filter, then back"), ("[  ]", "back, forward"),
        ("1 … 9  tab", "widget by number, the next (shift+tab: the one before)"), ("q  ctrl+c", "quit"),
    )),
    ("Look", (
        ("s  S", "sort by the column, the other way round, not at all"), ("< >", "sort by the column to the left, to the right"),
        ("v", "graph or chart as a table, and back"), ("w", "all columns; without those that are the same in each row"),
        ("H", "hide the column; w shows it"), ("y  c", "copy the row as JSON (OSC 52)"), ("e  ctrl+v", "the script's text"),
    )),
    ("Live", (("r  ctrl+r", "run now"), ("p", "pause, go on"), ("+ -", "ask more often, less often"))),
    ("Move", (
        ("j k  ↓ ↑", "row"), ("h l  ← →", "column; in a chart the time whose values are told"), ("0 $", "first, last column"), ("g G  home end", "first, last row"),
        ("space  pgdn pgup", "page"), ("ctrl+d ctrl+u", "half a page"), ("wheel", "row"), ("click", "row, tab, column to sort by; twice: the row in full"),
        ("M", "leave the mouse to the terminal, to select text"),
    )),
)  # fmt: skip


def lines() -> list[Text]:
    """The sheet."""
    found: list[Text] = []
    for title, keys in KEYS:
        found.append(Text(title, style="bold"))
        found += [Text.assemble((f"  {key:<18}", "cyan"), text) for key, text in keys]
    return found
