"""Metric families: a name with its samples, in the terms of Prometheus and OpenMetrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kafkascope.analysis.traffic import Exemplar

Labels = tuple[str, ...]


@dataclass(slots=True)
class Family:
    """Samples of one name. ``labels`` names what the label values of each sample mean; a counter's name ends in ``_total``."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    samples: list[tuple[Labels, float]] = field(default_factory=list)


@dataclass(slots=True)
class HistogramSample:
    """One histogram: ``counts`` by bucket, not cumulative, the last for everything above the greatest bound."""

    labels: Labels
    counts: Sequence[int]
    sum: float
    exemplars: dict[int, Exemplar]


@dataclass(slots=True)
class HistogramFamily:
    """Histograms of one name, all with the same upper bounds (in the metric's unit)."""

    name: str
    help: str
    bounds: tuple[float, ...]
    labels: tuple[str, ...] = ()
    samples: list[HistogramSample] = field(default_factory=list)


AnyFamily = Family | HistogramFamily


def series(family: AnyFamily) -> int:
    """How many series a family has when it is scraped."""
    each = 1 if isinstance(family, Family) else len(family.bounds) + 3
    return each * len(family.samples)
