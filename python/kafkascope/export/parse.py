"""Families out of an OpenMetrics text, as a running server answers it."""

from __future__ import annotations

import re

from kafkascope.export.families import AnyFamily, Family, HistogramFamily, HistogramSample

_SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? (\S+)')
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")


def families(text: str) -> list[AnyFamily]:
    """The families of an exposition that ``text.render`` made. Raises ``ValueError`` with the line that does not fit."""
    found: list[AnyFamily] = []
    help_, kind, name = "", "", ""
    histogram: dict[tuple[str, ...], tuple[list[float], list[int], list[float]]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("# HELP "):
            _, _, name, help_ = (*line.split(" ", 3), "")[:4]
        elif line.startswith("# TYPE "):
            _close(found, histogram)
            _, _, name, kind = line.split(" ")
            full = f"{name}_total" if kind == "counter" and not name.endswith("_total") else name
            found.append(HistogramFamily(name, help_, ()) if kind == "histogram" else Family(full, kind, help_))
        elif line and not line.startswith("#"):
            match = _SAMPLE.match(line)
            if match is None or not found:
                raise ValueError(f"line {number} is no sample: {line[:100]!r}")
            labels = [(key, _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], value)) for key, value in _LABEL.findall(match[2] or "")]
            _take(found[-1], match[1], labels, match[3], histogram)
    _close(found, histogram)
    return found


def _take(family: AnyFamily, name: str, labels: list[tuple[str, str]], value: str, histogram: dict[tuple[str, ...], tuple[list[float], list[int], list[float]]]) -> None:
    if isinstance(family, Family):
        family.labels = tuple(key for key, _ in labels)
        family.samples.append((tuple(text for _, text in labels), float(value)))
        return
    own = [(key, text) for key, text in labels if key != "le"]
    family.labels = tuple(key for key, _ in own)
    bounds, counts, total = histogram.setdefault(tuple(text for _, text in own), ([], [], []))
    if name.endswith("_bucket"):
        bounds.append(float(dict(labels)["le"]))
        counts.append(int(float(value)))
    elif name.endswith("_sum"):
        total.append(float(value))


def _close(found: list[AnyFamily], histogram: dict[tuple[str, ...], tuple[list[float], list[int], list[float]]]) -> None:
    """Cumulative buckets become counts of each."""
    if found and isinstance(found[-1], HistogramFamily):
        for labels, (bounds, counts, total) in histogram.items():
            found[-1].bounds = tuple(bounds[:-1])
            each = [after - before for before, after in zip([0, *counts], counts, strict=False)]
            found[-1].samples.append(HistogramSample(labels, each, total[0] if total else 0.0, {}))
    histogram.clear()
