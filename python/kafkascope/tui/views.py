"""Which view a widget's display gets in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafkascope.cli.output import Output
from kafkascope.tui.bars import BarView, HistogramView, PieView
from kafkascope.tui.chart import ChartView, time_column
from kafkascope.tui.graph import GraphView, ends
from kafkascope.tui.single import GaugeView, StatView, TextView
from kafkascope.tui.table import TableView
from kafkascope.tui.view import View

#: Displays whose part of the spec names the column of values, with that part's key.
_OF_VALUES: dict[str, tuple[type[BarView] | type[StatView], str]] = {
    "BarChart": (BarView, "bar"), "HistogramChart": (HistogramView, "histogram"), "PieChart": (PieView, "pie"), "StatChart": (StatView, "stat"), "GaugeChart": (GaugeView, "gauge"),
}  # fmt: skip


def views(output: Output, spec: Mapping[str, Any]) -> list[View]:
    """The view a display asks for, where the terminal has it and the table its columns, and the table."""
    kind = str(spec.get("@type", "")).rpartition(".")[2]
    table = TableView(output, str(spec.get("gutterColumn") or ""))
    names = [c.name for c in output.columns]
    if kind in ("Graph", "RequestGraph") and ends(spec, output.columns):
        return [GraphView(output, spec), table]
    if kind == "TimeseriesChart" and time_column(output.columns) is not None:
        return [ChartView(output, spec), table]
    if kind == "TextChart" and spec.get("body"):
        return [TextView(output, spec), table]
    if kind in _OF_VALUES:
        view, key = _OF_VALUES[kind]
        if (spec.get(key) or spec).get("value") in names:
            return [view(output, spec), table]
    if kind not in ("", "Table"):
        table.note = f"shown as a table: {'the table lacks columns of its' if kind in _OF_VALUES or 'Graph' in kind or 'Chart' in kind else 'the terminal cannot draw a'} {kind}"
    return [table]
