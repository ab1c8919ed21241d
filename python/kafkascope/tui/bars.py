"""Bars with their labels: bar charts, histograms, and pies as shares of their sum."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from kafkascope.cli import format as fmt
from kafkascope.cli.output import Column, Output
from kafkascope.cli.plain import plain
from kafkascope.tui.table import cell_text
from kafkascope.tui.text import crop, fit
from kafkascope.tui.view import View

MAX_BARS = 1_000
MAX_PARTS = 8
#: What is stacked on one another tells itself apart without colours too.
_FILLS = (("█", "cyan"), ("▓", "magenta"), ("▒", "blue"), ("░", "white"), ("█", "bright_black"), ("▓", "bright_cyan"), ("▒", "bright_magenta"), ("░", "bright_blue"))


@dataclass
class Bar:
    """A labelled value, of parts where something is stacked."""

    label: str
    row: Sequence[Any] | None
    parts: dict[str, float] = field(default_factory=dict)
    key: Any = None

    @property
    def value(self) -> float:
        return sum(self.parts.values())


def text(value: float, column: Column) -> str:
    """A sum or a mean in its column's unit."""
    return fmt.value(round(value) if column.type == "INT64" else value, column.type, column.semantic_type)


class BarView(View):
    """A bar chart: a line for each label, the greatest first unless the labels are times."""

    kind = "bars"

    def __init__(self, output: Output, spec: Mapping[str, Any]) -> None:
        super().__init__(output)
        self._spec = spec
        self._bars: list[Bar] = []
        self._dropped = 0
        self._column = Column("count", "INT64", "NONE")
        #: Bars and parts in the order they first had.
        self._ranks: dict[Any, int] = {}
        self._parts: list[str] = []
        self.rebuild()

    def __len__(self) -> int:
        return len(self._bars)

    def row_at(self, entry: int) -> Sequence[Any] | None:
        return self._bars[entry].row

    def identity(self, entry: int) -> Any:
        return self._bars[entry].key

    def rebuild(self) -> None:
        bars = self._make()
        for bar in bars[:MAX_BARS]:
            if len(self._ranks) < 10 * MAX_BARS:
                self._ranks.setdefault(bar.key, len(self._ranks))
            for part in bar.parts:
                if part not in self._parts and len(self._parts) < MAX_PARTS:
                    self._parts.append(part)
        bars.sort(key=lambda bar: self._ranks.get(bar.key, len(self._ranks)))
        self._bars, self._dropped = bars[:MAX_BARS], max(len(bars) - MAX_BARS, 0)

    def _make(self) -> list[Bar]:
        spec = self._spec.get("bar") or {}
        columns = self.output.columns
        names = [c.name for c in columns]
        at = names.index(spec["value"])
        self._column = columns[at]
        label, stack, group = (names.index(spec[name]) if spec.get(name) in names else None for name in ("label", "stackBy", "groupBy"))
        found: dict[Any, Bar] = {}
        for row in self.matching():
            shown = [cell_text(row[index], columns[index]) for index in (label, group) if index is not None]
            key = tuple(shown)
            bar = found.setdefault(key, Bar("  ".join(reversed(shown)) if group is not None and label is not None else "".join(shown), row, key=key))
            value = row[at]
            if isinstance(value, int | float) and math.isfinite(value):
                part = cell_text(row[stack], columns[stack]) if stack is not None else ""
                bar.parts[part] = bar.parts.get(part, 0.0) + float(value)
        bars = list(found.values())
        return bars if label is not None and columns[label].type == "TIME64NS" else sorted(bars, key=lambda bar: -bar.value)

    def _note(self, bar: Bar, total: float) -> str:
        return text(bar.value, self._column)

    def draw(self, width: int, height: int) -> list[Text]:
        self.places = {}
        if not self._bars:
            nothing = "  nothing matches the filter; esc clears it" if self.filter and self.output.rows else "  no values in this time"
            return [crop(Text(nothing, style="dim"), width)]
        total = sum(max(bar.value, 0.0) for bar in self._bars)
        notes = [self._note(bar, total) for bar in self._bars]
        names = min(max(cell_len(plain(bar.label)) for bar in self._bars), max(width // 3, 12))
        room = max(cell_len(note) for note in notes)
        plot = max(width - 2 - names - 2 - room - 2, 6)
        greatest = max((bar.value for bar in self._bars), default=0.0)
        lines = [self._head(width)]
        for entry in self.window(height - 1 - bool(self._dropped)):
            bar = self._bars[entry]
            chosen = entry == self.cursor and self.focused
            line = Text("▸ " if chosen else "  ")
            line.append(fit(plain(bar.label), names), style="reverse" if chosen else "")
            line.append("  " + fit(notes[entry], room, right=True) + "  ")
            line.append(self._fill(bar, greatest, plot))
            self.places[len(lines)] = entry
            lines.append(crop(line, width))
        if self._dropped:
            lines.append(crop(Text(f"  {self._dropped:,} more are not shown; v shows the table", style="yellow"), width))
        return lines

    def _head(self, width: int) -> Text:
        line = Text(f"  {plain(self._column.name)}", style="dim")
        for at, part in enumerate(self._parts if len(self._parts) > 1 else []):
            sign, style = _FILLS[at % len(_FILLS)]
            line.append("  ")
            line.append(sign * 2, style=style)
            line.append(f" {plain(part) or '–'}")
        return crop(line, width)

    def _fill(self, bar: Bar, greatest: float, plot: int) -> Text:
        drawn = Text()
        if greatest <= 0:
            return drawn
        end, sofar = 0, 0.0
        several = len(self._parts) > 1
        for part, value in sorted(bar.parts.items(), key=lambda item: self._parts.index(item[0]) if item[0] in self._parts else MAX_PARTS):
            sofar += max(value, 0.0)
            if several:
                cells = round(_share(sofar, greatest) * plot)
                sign, style = _FILLS[self._parts.index(part) % len(_FILLS)] if part in self._parts else _FILLS[-1]
                drawn.append(sign * max(cells - end, 0), style=style)
                end = max(cells, end)
            else:
                eighths = round(_share(sofar, greatest) * plot * 8)
                drawn.append("█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8] or ("▏" if sofar else ""), style="cyan")
        return drawn


def _share(part: float, whole: float) -> float:
    """``part`` of ``whole``, at most all of it: sums of what a stranger's script returns may be infinite."""
    share = part / whole
    return min(share, 1.0) if share == share else 1.0


class HistogramView(BarView):
    """How many values lie in each of some equal ranges."""

    kind = "histogram"

    def _make(self) -> list[Bar]:
        spec = self._spec.get("histogram") or {}
        columns = self.output.columns
        names = [c.name for c in columns]
        at = names.index(spec["value"])
        value, counted = columns[at], spec.get("prebinCount")
        count_at = names.index(counted) if counted in names else None
        found: list[tuple[float, float, Sequence[Any]]] = []
        for row in self.matching():
            weight = row[count_at] if count_at is not None else 1
            if isinstance(row[at], int | float) and math.isfinite(row[at]) and isinstance(weight, int | float) and math.isfinite(weight):
                found.append((float(row[at]), float(weight), row))
        if not found:
            return []
        low, high = min(v for v, _, _ in found), max(v for v, _, _ in found)
        most = max(int(spec.get("maxbins") or 10), 1)
        step = max(nice((high - low) / most), float(spec.get("minstep") or 0)) or 1.0
        first = math.floor(low / step)
        bars = [Bar(f"{text(n * step, value)} – {text((n + 1) * step, value)}", None, {"": 0.0}, n - first) for n in range(first, min(math.floor(high / step), first + MAX_BARS) + 1)]
        for number, weight, row in found:
            bar = bars[min(math.floor(number / step) - first, len(bars) - 1)]
            bar.parts[""] += weight
            bar.row = bar.row if bar.row is not None else row
        self._column = Column(counted or f"rows by {value.name}", "INT64", "NONE")
        # Ranges stand in their order, whatever was seen first.
        self._ranks = {bar.key: bar.key for bar in bars}
        return bars


class PieView(BarView):
    """Shares of a sum; those after the eighth are one line."""

    kind = "pie"

    def _make(self) -> list[Bar]:
        self._spec = {"bar": self._spec.get("pie") or self._spec.get("bar") or self._spec}
        bars = [bar for bar in super()._make() if bar.value > 0]
        if len(bars) > MAX_PARTS:
            rest = bars[MAX_PARTS - 1 :]
            bars = [*bars[: MAX_PARTS - 1], Bar(f"{len(rest):,} others", None, {"": sum(bar.value for bar in rest)}, ("others",))]
            self._ranks[("others",)] = 1 << 30
        return bars

    def _note(self, bar: Bar, total: float) -> str:
        return f"{text(bar.value, self._column)}  {bar.value / total * 100 if total else 0:5.1f} %"


def nice(step: float) -> float:
    """The next greater of 1, 2, 5 times a power of ten."""
    if not 0 < step < math.inf:
        return 0.0
    power = 10.0 ** math.floor(math.log10(step))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= step * 0.999_999), 10 * power)
