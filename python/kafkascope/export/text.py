"""Families as text: Prometheus' format 0.0.4, or OpenMetrics 1.0 with exemplars."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

from kafkascope.analysis.traffic import Exemplar
from kafkascope.export.families import AnyFamily, Family, HistogramFamily

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
#: OpenMetrics allows an exemplar's labels this many characters.
_EXEMPLAR_CHARACTERS = 128


def accepted(accept: str) -> str:
    """The content type to answer an Accept header with: OpenMetrics for whoever asks for it and does not rather have the older format (RFC 9110, weights)."""
    weights: dict[str, float] = {}
    for part in accept.split(","):
        kind, *parameters = (word.strip().lower() for word in part.split(";"))
        weights[kind] = max(weights.get(kind, 0.0), _weight(parameters))
    wanted = weights.get("application/openmetrics-text", 0.0)
    return OPENMETRICS if wanted > 0 and wanted >= weights.get("text/plain", 0.0) else PROMETHEUS


def _weight(parameters: Iterable[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


def render(families: Iterable[AnyFamily], content_type: str = PROMETHEUS) -> str:
    """The exposition of families; those without samples are left out."""
    openmetrics = content_type == OPENMETRICS
    lines: list[str] = []
    for family in families:
        if not family.samples:
            continue
        kind = family.kind if isinstance(family, Family) else "histogram"
        # In OpenMetrics a counter's family is named without the suffix of its samples.
        name = family.name.removesuffix("_total") if openmetrics and kind == "counter" else family.name
        text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
        lines.append(f"# HELP {name} {text}")
        lines.append(f"# TYPE {name} {kind}")
        if isinstance(family, Family):
            _plain(family, lines)
        else:
            _histogram(family, lines, openmetrics)
    if openmetrics:
        lines.append("# EOF")
    return "\n".join(lines) + "\n"


def _plain(family: Family, lines: list[str]) -> None:
    name = family.name
    if not family.labels:
        lines.extend(f"{name} {number(value)}" for _, value in family.samples)
        return
    form = name + "{" + ",".join(f'{label}="%s"' for label in family.labels) + "} %s"
    for labels, value in family.samples:
        values = labels if not any(c in text for text in labels for c in '\\"\n') else tuple(escape(text) for text in labels)
        lines.append(form % (*values, number(value)))


def _histogram(family: HistogramFamily, lines: list[str], openmetrics: bool) -> None:
    bounds = [number(bound) for bound in family.bounds] + ["+Inf"]
    for sample in family.samples:
        inside = "".join(f'{label}="{escape(value)}",' for label, value in zip(family.labels, sample.labels, strict=True))
        for bucket, (bound, count) in enumerate(zip(bounds, accumulate(sample.counts), strict=True)):
            exemplar = sample.exemplars.get(bucket) if openmetrics else None
            lines.append(f'{family.name}_bucket{{{inside}le="{bound}"}} {count}' + (_exemplar(exemplar) if exemplar is not None else ""))
        labels = "{" + inside.rstrip(",") + "}" if inside else ""
        lines.append(f"{family.name}_sum{labels} {number(sample.sum)}")
        lines.append(f"{family.name}_count{labels} {sum(sample.counts)}")


def _exemplar(exemplar: Exemplar) -> str:
    if sum(len(name) + len(value) for name, value in exemplar.labels) > _EXEMPLAR_CHARACTERS:
        return ""
    labels = ",".join(f'{name}="{escape(value)}"' for name, value in exemplar.labels)
    return f" # {{{labels}}} {number(exemplar.value)} {exemplar.at:.3f}"


def number(value: float) -> str:
    """A value as both formats write it; whole numbers without a point, so that offsets keep every digit."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return repr(int(value)) if value == int(value) else repr(float(value))


def escape(text: str) -> str:
    """A label's value between double quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
