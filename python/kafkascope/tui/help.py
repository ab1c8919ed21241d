"""The keys, for the ``?`` sheet."""

from __future__ import annotations

from rich.text import Text

KEYS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Go", (
        (":  ctrl+k", "scripts: type a part of a name, then arguments (:kafka_data topic=order); :q quits"),
        ("a", "arguments of this script; tab completes from what was seen"),
        ("1 … 9", "widget by number"), ("tab  shift+tab", "next, previous widget (also ctrl+n, ctrl+p)"),
        ("enter", "row in full"), ("o", "follow the link in the row"), ("esc", "close, clear the filter, then back"), ("q  ctrl+c", "quit"),
    )),
    ("Move", (
        ("j k  ↓ ↑", "row"), ("h l  ← →", "column"), ("0 $", "first, last column"), ("g G  home end", "first, last row"),
        ("space  pgdn pgup", "page"), ("ctrl+d ctrl+u", "half a page"),
    )),
    ("Look", (
        ("/  ctrl+s", "filter as you type: word  !word  column=value  latency>100ms  bytes>=1kb"),
        ("s  S", "sort by the column, the other way round, not at all"), ("< >", "sort by the column to the left, to the right"),
        ("v", "graph or chart as a table, and back"), ("y", "copy the row as JSON (OSC 52)"), ("e  ctrl+v", "the script's text"),
    )),
    ("Live", (("r  ctrl+r", "run now"), ("p", "pause, go on"), ("+ -", "ask more often, less often"))),
)  # fmt: skip


def lines() -> list[Text]:
    """The sheet."""
    found: list[Text] = []
    for title, keys in KEYS:
        found.append(Text(title, style="bold"))
        found += [Text.assemble((f"  {key:<18}", "cyan"), text) for key, text in keys]
    return found
