"""A graph as a tree: what flows out of a node hangs below it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from kafkascope.cli.output import Column, Output
from kafkascope.cli.plain import plain
from kafkascope.tui.table import cell_style, cell_text
from kafkascope.tui.text import crop, fit
from kafkascope.tui.verdict import VERDICT_COLUMNS, judged
from kafkascope.tui.view import View

MAX_ENTRIES = 20_000
MAX_DEPTH = 30
_BAR = 8


@dataclass(frozen=True)
class Entry:
    """A node under the one it was reached from; a root has no row."""

    prefix: str
    name: str
    row: Sequence[Any] | None
    path: tuple[str, ...]
    note: str = ""


def ends(spec: Mapping[str, Any], columns: Sequence[Column]) -> list[tuple[int, int]]:
    """The columns of a graph widget's edges, by position; of a RequestGraph's several pairs the first counts that a row has names in."""
    names = [c.name for c in columns]
    adjacency = spec.get("adjacencyList") or {}
    pairs = [(adjacency.get("fromColumn"), adjacency.get("toColumn"))]
    pairs += [(spec.get(f"requestor{what}Column"), spec.get(f"responder{what}Column")) for what in ("Pod", "Service", "IP")]
    return [(names.index(a), names.index(b)) for a, b in pairs if a in names and b in names]


class GraphView(View):
    """Edges as a tree, the heaviest first. A node that was shown with its children already is not unfolded again."""

    kind = "graph"

    def __init__(self, output: Output, spec: Mapping[str, Any]) -> None:
        super().__init__(output)
        self._spec = spec
        self._entries: list[Entry] = []
        #: What stands beside each entry, and how wide that and the names are.
        self._texts: list[list[str]] = []
        self._rooms: list[int] = []
        self._longest = 0
        #: Edges and roots in the order they first had: nothing jumps because a rate changed a little.
        self._ranks: dict[tuple[str, str], int] = {}
        self.rebuild()

    def __len__(self) -> int:
        return len(self._entries)

    def row_at(self, entry: int) -> Sequence[Any] | None:
        return self._entries[entry].row

    def identity(self, entry: int) -> Any:
        return self._entries[entry].path

    def rebuild(self) -> None:
        self._entries = []
        found = ends(self._spec, self.output.columns)
        used = {index for pair in found for index in pair}
        names = [c.name for c in self.output.columns]
        weight = self._spec.get("edgeWeightColumn")
        # RequestGraph names its columns otherwise; what it has of them is shown.
        shown = [weight, *(self._spec.get("edgeHoverInfo") or [v for k, v in self._spec.items() if k.endswith("Column") and k not in ("edgeColorColumn",)])]
        self._shown = [names.index(name) for name in dict.fromkeys(shown) if name in names and names.index(name) not in used]
        self._weight = names.index(weight) if weight in names else self._shown[0] if self._shown else None
        # On a narrow terminal the last columns are out of sight, and how readers do is asked first.
        self._shown.sort(key=lambda index: names[index] not in VERDICT_COLUMNS)
        children: dict[str, list[tuple[str, Sequence[Any]]]] = {}
        targets = set()
        for row in self.matching():
            a, b = (self._name(row, [pair[side] for pair in found]) for side in (0, 1))
            children.setdefault(a, []).append((b, row))
            if a != b:
                targets.add(b)
        for node, edges in children.items():
            edges.sort(key=lambda edge: -self._load(edge[1]))
            self._in_order(edges, lambda edge, node=node: (node, edge[0]))  # type: ignore[misc]
        self._heaviest = max((self._load(row) for edges in children.values() for _, row in edges), default=0.0)
        unfolded: set[str] = set()
        by_load = sorted(children, key=lambda node: -sum(self._load(row) for _, row in children[node]))
        self._in_order(by_load, lambda node: ("", node))
        # Nodes that nothing flows into first; then what is left, which lies on circles.
        for root in [n for n in by_load if n not in targets] + [n for n in by_load if n in targets]:
            if root not in unfolded:
                self._entries.append(Entry("", root, None, (root,)))
                self._unfold(root, "", (root,), children, unfolded)
        columns = self.output.columns
        self._texts = [[cell_text(e.row[i], columns[i], judged(e.row, i, columns)) for i in self._shown] if e.row is not None else [] for e in self._entries]
        self._rooms = [max([len(columns[i].name), *(cell_len(t[n]) for t in self._texts if t)]) for n, i in enumerate(self._shown)]
        self._longest = max((cell_len(e.prefix + e.name + e.note) for e in self._entries), default=0)

    def _in_order(self, items: list[Any], key: Callable[[Any], tuple[str, str]]) -> None:
        """Sort ``items`` as they were before, new ones after them as they are now."""
        for item in items:
            if len(self._ranks) < MAX_ENTRIES:
                self._ranks.setdefault(key(item), len(self._ranks))
        items.sort(key=lambda item: self._ranks.get(key(item), MAX_ENTRIES))

    def _unfold(self, node: str, prefix: str, path: tuple[str, ...], children: Mapping[str, Any], unfolded: set[str]) -> None:
        unfolded.add(node)
        edges = children.get(node, [])
        for number, (name, row) in enumerate(edges):
            if len(self._entries) >= MAX_ENTRIES:
                return
            last = number == len(edges) - 1
            again = name in children and (name in unfolded or len(path) >= MAX_DEPTH)
            self._entries.append(Entry(prefix + ("└─ " if last else "├─ "), name, row, (*path, name), " (itself)" if name == node else " ↑ shown above" if again else ""))
            if name in children and not again:
                self._unfold(name, prefix + ("   " if last else "│  "), (*path, name), children, unfolded)

    def _name(self, row: Sequence[Any], indexes: Sequence[int]) -> str:
        return next((cell_text(row[i], self.output.columns[i]) for i in indexes if row[i]), "–")

    def _load(self, row: Sequence[Any]) -> float:
        value = row[self._weight] if self._weight is not None else None
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0

    def draw(self, width: int, height: int) -> list[Text]:
        if not self._entries:
            nothing = "  no edge matches the filter; esc clears it" if self.filter and self.output.rows else "  no edges"
            return [crop(Text(nothing, style="dim"), width)]
        self.places = {}
        texts, rooms = self._texts, self._rooms
        bar = _BAR + 2 if self._weight is not None else 0
        names = max(min(self._longest, width - 4 - bar - sum(r + 2 for r in rooms[:2])), 16)
        header = Text("  " + fit("", names + 2 + bar))
        for room, index in zip(rooms, self._shown, strict=True):
            name = self.output.columns[index].name
            header.append(fit(plain(name).upper(), room, right=name not in VERDICT_COLUMNS) + "  ", style="bold")
        lines = [crop(header, width)]
        for number in self.window(height - 1):
            entry = self._entries[number]
            text = Text("▸ " if number == self.cursor and self.focused else "  ")
            text.append(entry.prefix, style="dim")
            text.append(fit(entry.name + entry.note, names - cell_len(entry.prefix)), style="bold" if entry.row is None else "")
            text.append("  ")
            if entry.row is not None:
                if bar:
                    text.append(fit(_bar(self._load(entry.row), self._heaviest), bar), style="blue")
                for room, index, value in zip(rooms, self._shown, texts[number], strict=True):
                    column = self.output.columns[index]
                    text.append(fit(value, room, right=column.name not in VERDICT_COLUMNS) + "  ", style=cell_style(entry.row[index], column, judged(entry.row, index, self.output.columns)))
            line = crop(text, width)
            if number == self.cursor and self.focused:
                line.stylize("reverse")
            self.places[len(lines)] = number
            lines.append(line)
        return lines


def _bar(value: float, greatest: float) -> str:
    if greatest <= 0 or value <= 0:
        return ""
    eighths = max(round(value / greatest * _BAR * 8), 1)
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]
