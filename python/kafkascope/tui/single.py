"""One value for a whole widget: a stat, a gauge, a text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from kafkascope.cli.output import Output
from kafkascope.cli.plain import plain
from kafkascope.tui.bars import nice, text
from kafkascope.tui.chart import bars, buckets, step, time_column
from kafkascope.tui.table import cell_text
from kafkascope.tui.text import crop
from kafkascope.tui.view import View

SPARK_ROWS = 3


class StatView(View):
    """The newest value, with the way it came where the table has times."""

    kind = "stat"

    def __init__(self, output: Output, spec: Mapping[str, Any]) -> None:
        super().__init__(output)
        fields = spec.get("stat") or spec.get("gauge") or spec
        names = [c.name for c in output.columns]
        self._name = str(fields.get("value") or (names[0] if names else ""))
        self._title = str(spec.get("title") or self._name)
        self._rows: list[Sequence[Any]] = []
        self.rebuild()

    def __len__(self) -> int:
        return 1 if self._rows else 0

    def row_at(self, entry: int) -> Sequence[Any] | None:
        return self._rows[-1]

    def identity(self, entry: int) -> Any:
        return self._name

    def rebuild(self) -> None:
        at = time_column(self.output.columns)
        rows = self.matching()
        self._rows = rows if at is None else sorted(rows, key=lambda row: row[at] or 0)

    def _at(self) -> int:
        return [c.name for c in self.output.columns].index(self._name)

    def _history(self) -> tuple[list[int], list[float]]:
        time_at, at = time_column(self.output.columns), self._at()
        points = [(row[time_at], float(row[at])) for row in self._rows if isinstance(row[at], int | float) and math.isfinite(row[at]) and row[time_at]] if time_at is not None else []
        return [t for t, _ in points], [v for _, v in points]

    def wanted(self) -> int:
        return 3 + SPARK_ROWS

    def draw(self, width: int, height: int) -> list[Text]:
        self.places = {1: 0}
        if not self._rows:
            return [crop(Text("  no value in this time", style="dim"), width)]
        column = self.output.columns[self._at()]
        lines = [Text(""), Text.assemble("  ", (cell_text(self._rows[-1][self._at()], column) or "–", "bold"), "  ", (plain(self._title), "dim"))]
        times, values = self._history()
        if len(values) > 2:
            plot = min(max(width - 4, 8), 60)
            usual = step(times)
            drawn = bars(buckets(times, values, times[0], times[-1] + usual, plot, usual), min(*values, 0.0), max(values), SPARK_ROWS)
            lines += [Text("  " + line, style="cyan") for line in drawn]
        return [crop(line, width) for line in lines[:height]]


class GaugeView(StatView):
    """The newest value beside what it could be: the whole of a share, else a round number above what was seen."""

    kind = "gauge"

    def draw(self, width: int, height: int) -> list[Text]:
        self.places = {1: 0}
        if not self._rows:
            return [crop(Text("  no value in this time", style="dim"), width)]
        column = self.output.columns[self._at()]
        value = self._rows[-1][self._at()]
        known = isinstance(value, int | float) and math.isfinite(value)
        top = 1.0 if column.semantic_type == "PERCENT" else nice(max([float(value) if known else 0.0, *self._history()[1]])) or 1.0
        plot = min(max(width - 24, 8), 50)
        filled = round(min(max(float(value) / top, 0.0), 1.0) * plot) if known else 0
        line = Text.assemble("  ", ("█" * filled, "cyan"), ("░" * (plot - filled), "dim"), "  ", (cell_text(value, column) or "–", "bold"), (f" of {text(top, column)}", "dim"))
        return [crop(part, width) for part in (Text(""), line, Text("  " + plain(self._title), style="dim"))[:height]]

    def wanted(self) -> int:
        return 4


class TextView(View):
    """Words that a script's author wrote."""

    kind = "text"

    def __init__(self, output: Output, spec: Mapping[str, Any]) -> None:
        super().__init__(output)
        self._lines = [plain(line) for line in str(spec.get("body") or "").expandtabs(4).splitlines()]

    def __len__(self) -> int:
        return len(self._lines)

    def row_at(self, entry: int) -> Sequence[Any] | None:
        return None

    def identity(self, entry: int) -> Any:
        return entry

    def rebuild(self) -> None:
        self.matched = len(self.output.rows)

    def draw(self, width: int, height: int) -> list[Text]:
        return [crop(Text("  " + self._lines[number]), width) for number in self.window(height)]
