"""Values over time: one sparkline for each series, all of one scale."""

from __future__ import annotations

import itertools
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
from kafkascope.tui.verdict import seconds
from kafkascope.tui.view import View

MAX_SERIES = 200
MAX_ROWS = 8
#: Finer steps are samples rather than bins.
MIN_BIN_NS = 5_000_000_000
_LEVELS = " ▁▂▃▄▅▆▇█"


@dataclass
class Series:
    """A named line of points."""

    name: str
    column: Column
    times: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    row: Sequence[Any] | None = None


def time_column(columns: Sequence[Column]) -> int | None:
    """The column of time, by position."""
    return next((i for i, c in enumerate(columns) if c.type == "TIME64NS"), None)


class ChartView(View):
    """A time chart's series, each as tall as the place allows."""

    kind = "chart"
    lines_each = 4

    def __init__(self, output: Output, spec: Mapping[str, Any]) -> None:
        super().__init__(output)
        self._spec = spec
        self._series: list[Series] = []
        self._dropped = 0
        #: The cell of the plot whose values the legend tells; ``None`` for the newest.
        self._mark: int | None = None
        self._plot = 8
        #: Series in the order they first had.
        self._ranks: dict[str, int] = {}
        self.rebuild()

    def __len__(self) -> int:
        return len(self._series)

    def row_at(self, entry: int) -> Sequence[Any] | None:
        return self._series[entry].row

    def identity(self, entry: int) -> Any:
        return (self._series[entry].name, self._series[entry].column.name)

    def rebuild(self) -> None:
        columns = self.output.columns
        names = [c.name for c in columns]
        at = time_column(columns)
        assert at is not None, "a chart is made only of tables with times"
        found: dict[tuple[str, str], Series] = {}
        lines = [s for s in self._spec.get("timeseries") or [] if s.get("value") in names]
        rows = sorted(self.matching(), key=lambda row: row[at] or 0)
        cut = cut_bins([row[at] for row in rows if row[at]])
        for row in rows:
            for line in lines if row[at] not in cut else ():
                value_at = names.index(line["value"])
                by = line.get("series")
                label = cell_text(row[names.index(by)], columns[names.index(by)]) if by in names else ""
                key = (label, line["value"])
                if key not in found:
                    name = f"{label} {line['value']}".strip() if len(lines) > 1 else label or line["value"]
                    found[key] = Series(name, columns[value_at])
                value = row[value_at]
                if isinstance(value, int | float) and math.isfinite(value) and row[at] is not None:
                    found[key].times.append(row[at])
                    found[key].values.append(float(value))
                    found[key].row = row
        # As a legend is sorted, the greatest last value first; but not anew at each run, or lines would change places under the eye.
        ordered = sorted(found.values(), key=lambda s: -(s.values[-1] if s.values else -math.inf))
        for series in ordered[:MAX_SERIES]:
            if len(self._ranks) < 10 * MAX_SERIES:
                self._ranks.setdefault(series.name, len(self._ranks))
        ordered.sort(key=lambda s: self._ranks.get(s.name, len(self._ranks)))
        self._series, self._dropped = ordered[:MAX_SERIES], max(len(ordered) - MAX_SERIES, 0)

    def key(self, key: str) -> bool:
        if key in ("h", "left"):
            self._mark = max((self._plot if self._mark is None else self._mark) - 1, 0)
        elif key in ("l", "right"):
            self._mark = self._mark + 1 if self._mark is not None and self._mark < self._plot - 1 else None
        elif key == "$":
            self._mark = None
        elif key == "0":
            self._mark = 0
        else:
            return super().key(key)
        return True

    def draw(self, width: int, height: int) -> list[Text]:
        times = [t for s in self._series for t in s.times]
        if not times:
            nothing = "  no series matches the filter; esc clears it" if self.filter and self.output.rows else "  no points in this time"
            return [crop(Text(nothing, style="dim"), width)]
        first = min(times)
        # Each point stands for the time until the next one.
        steps = sorted(found for s in self._series if (found := step(s.times)))
        usual = bin_width(times) or (steps[len(steps) // 2] if steps else 0)
        last = max(times) + usual
        top = max(max(s.values, default=0.0) for s in self._series)
        low = min(0.0, min(min(s.values, default=0.0) for s in self._series))
        names = min(max(cell_len(plain(s.name)) for s in self._series), max(width // 4, 12))
        legend = {id(s): f"{_value(s.values[-1], s.column)}  max {_value(max(s.values), s.column)}" if s.values else "–" for s in self._series}
        room = max(cell_len(text) for text in legend.values())
        plot = self._plot = max(width - 2 - names - 2 - room - 2, 8)
        mark = min(self._mark, plot - 1) if self._mark is not None else None
        rows = max(min((height - 2) // len(self._series), MAX_ROWS), 1)
        head = Text(f"  {fit('', names)}  {_value(low, self._series[0].column)} to {_value(top, self._series[0].column)}", style="dim")
        if mark is not None:
            head.append(f"   at {fmt.local_time(first + int((mark + 0.5) / plot * (last - first)))[11:19]}  ← → moves", style="yellow")
        lines = [crop(head, width)]
        self.places = {}
        for number in self.window((height - 2) // rows):
            series = self._series[number]
            cells = buckets(series.times, series.values, first, last, plot, usual)
            drawn = bars(cells, low, top, rows)
            for row, text in enumerate(drawn):
                here = row == rows - 1
                chosen = here and number == self.cursor and self.focused
                line = Text("▸ " if chosen else "  ")
                self.places[len(lines)] = number
                line.append(fit(plain(series.name) if here else "", names), style="reverse" if chosen else "")
                line.append("  ")
                start = len(line)
                line.append(text, style="cyan")
                if mark is not None:
                    line.stylize("reverse", start + mark, start + mark + 1)
                    value = cells[mark]
                    line.append("  " + ((_value(value, series.column) if value is not None else "–") if here else ""))
                else:
                    line.append("  " + (legend[id(series)] if here else ""))
                lines.append(crop(line, width))
        since, until = (fmt.local_time(t)[11:19] for t in (first, last))
        axis = Text(f"  {fit('', names)}  {since}{' ' * max(plot - 16, 1)}{until}", style="dim")
        if self._dropped:
            axis.append(f"  {self._dropped} more series are not shown", style="yellow")
        lines.append(crop(axis, width))
        return lines


def bin_width(times: Sequence[int]) -> int:
    """The width of bins that begin at multiples of it, of a second or more; 0 when the times are none of bins. Few points may make it too wide, never wider than a gap."""
    width = math.gcd(*times) if len(set(times)) > 1 else 0
    return width if width >= 1_000_000_000 else 0


def cut_bins(times: Sequence[int]) -> set[int]:
    """The first and the last of times that are starts of bins: the window cuts these bins, and they would look like a drop."""
    distinct = sorted(set(times))
    if len(distinct) <= 4:
        return set()
    smallest = min(b - a for a, b in itertools.pairwise(distinct))
    return {distinct[0], distinct[-1]} if smallest >= MIN_BIN_NS and all(t % smallest == 0 for t in distinct) else set()


def _value(value: float, column: Column) -> str:
    late = seconds(value, column)
    return late if late is not None else fmt.value(round(value) if column.type == "INT64" else value, column.type, column.semantic_type)


def step(times: Sequence[int]) -> int:
    """The usual time between points that are not of the same time."""
    distinct = sorted(set(times))
    steps = sorted(b - a for a, b in itertools.pairwise(distinct))
    return steps[len(steps) // 2] if steps else 0


def buckets(times: Sequence[int], values: Sequence[float], first: int, last: int, width: int, usual: int) -> list[float | None]:
    """The mean of each cell's points. A point stands for the ``usual`` time between points at most; a longer silence stays a gap."""
    sums, counts = [0.0] * width, [0] * width
    span = max(last - first, 1)

    def cell(t: float) -> int:
        return min(int((t - first) / span * width), width - 1)

    for t, value in zip(times, values, strict=True):
        sums[cell(t)] += value
        counts[cell(t)] += 1
    cells = [s / c if c else None for s, c in zip(sums, counts, strict=True)]
    usual = min(step(times) or usual, usual)
    for a, b in itertools.pairwise([*times, times[-1] + usual] if times else []):
        end = b if b - a <= usual * 1.5 else a + usual
        for index in range(cell(a) + 1, width if end >= last else cell(end)):
            if cells[index] is None:
                cells[index] = cells[cell(a)]
    return cells


def bars(cells: Sequence[float | None], low: float, top: float, rows: int) -> list[str]:
    """Cells as columns of block characters, ``rows`` lines tall; a gap is empty, a zero is a hairline."""
    span = top - low

    def height(value: float) -> int:
        part = (value - low) / span if span > 0 else 0.0
        return round(min(max(part, 0.0), 1.0) * rows * 8) if part == part else 0

    heights = [None if c is None else height(c) for c in cells]
    lines = []
    for row in range(rows - 1, -1, -1):
        text = ""
        for filled in heights:
            level = 0 if filled is None else min(max(filled - row * 8, 0), 8)
            text += _LEVELS[max(level, 1)] if filled is not None and row == 0 else _LEVELS[level]
        lines.append(text)
    return lines
