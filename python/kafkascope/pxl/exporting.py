"""``px.export``, ``px.otel``, ``px.plugin`` and ``px.vis`` of a script: read and checked, so that scripts made for an exporter run; nothing is sent from here.

What would be exported is a result of its own, whose name begins with ``_`` as that of ``px.debug``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kafkascope.pxl.binder import column
from kafkascope.pxl.errors import Place, error
from kafkascope.pxl.frames import Frame
from kafkascope.pxl.types import DataType
from kafkascope.pxl.values import (
    NOTHING,
    Builtin,
    Const,
    Function,
    Mapping,
    Module,
    Ref,
    Sequence,
    builtin,
    kind,
    text_of,
)

if TYPE_CHECKING:
    from kafkascope.pxl.interpreter import Interpreter

#: Names of ``px`` that belong here.
NAMES = ("export", "otel", "plugin", "vis")
#: The time that a script asks a plugin for. Nothing runs scripts at intervals here, so it is the interval that exporters are set to at first.
PLUGIN_WINDOW_NS = 10_000_000_000
_NOT_SENT = "px.export: nothing is sent to OpenTelemetry from a query; the rows are in the table"
_METRIC_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_SPAN_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")


@dataclass(frozen=True, slots=True, eq=False)
class OtelPart:
    """A part of an export, with the columns that it reads."""

    what: str
    columns: tuple[Ref, ...] = ()


def modules(interpreter: Interpreter) -> dict[str, Any]:
    """The names of ``px`` that belong to exporting and showing."""
    metric = Module("px.otel.metric", {"Gauge": _GAUGE, "Summary": _SUMMARY})
    kinds = {f"SPAN_KIND_{name}": Const(number, DataType.INT64) for number, name in enumerate(_SPAN_KINDS)}
    trace = Module("px.otel.trace", {"Span": _SPAN, **kinds})
    otel = Module("px.otel", {"Data": _DATA, "Endpoint": _ENDPOINT, "metric": metric, "trace": trace})
    export = Builtin("export", _EXPORT.parameters, lambda at, **given: _export(interpreter, at, **given))
    start, end = (interpreter.clock.ago(ns) for ns in (PLUGIN_WINDOW_NS, 0))
    return {"export": export, "otel": otel, "plugin": Module("px.plugin", {"start_time": start, "end_time": end}), "vis": Module("px.vis", {"vega": _VEGA})}


def _export(interpreter: Interpreter, at: Place, out: Any, spec: Any) -> Any:
    if not isinstance(out, Frame):
        raise error(f"px.export takes a data frame, found {kind(out)}", at)
    if not isinstance(spec, OtelPart) or spec.what != "data":
        raise error(f"px.export takes px.otel.Data, found {kind(spec)}", at, "px.export(df, px.otel.Data(resource={...}, data=[...]))")
    for ref in spec.columns:
        column(ref.name, out.schema, ref.at)
    interpreter.display("_export", out, at)
    interpreter.warn(_NOT_SENT)
    return NOTHING


def _reads(value: Any, what: str, at: Place) -> Ref:
    if not isinstance(value, Ref):
        raise error(f"{what} takes a column, found {kind(value)}", at, "assign it before: df.x = ..., then df.x")
    return value


def _attributes(given: Any, what: str, at: Place) -> tuple[Ref, ...]:
    if not isinstance(given, Mapping):
        raise error(f"{what} is a dict, found {kind(given)}", at, "{'name': df.column}")
    for key, _ in given.items:
        text_of(key, f"{what}: a name", at)
    return tuple(_reads(value, f"{what}: a value", at) for _, value in given.items if not isinstance(value, Const))


def _metric_name(name: Any, at: Place) -> None:
    if not _METRIC_NAME.fullmatch(text_of(name, "the metric's name", at)):
        raise error(f"'{name.value}' is no name of a metric", at, "letters, digits, '_', '.' and '-', a letter first")


def _gauge(at: Place, name: Any, value: Any, description: Any, unit: Any, attributes: Any) -> OtelPart:
    _metric_name(name, at)
    return OtelPart("metric", (Ref("time_", at), _reads(value, "px.otel.metric.Gauge: value", at), *_attributes(attributes, "attributes", at)))


def _summary(at: Place, name: Any, count: Any, sum: Any, quantile_values: Any, description: Any, unit: Any, attributes: Any) -> OtelPart:
    _metric_name(name, at)
    if not isinstance(quantile_values, Mapping) or not quantile_values.items:
        raise error(f"px.otel.metric.Summary: quantile_values is a dict of quantiles, found {kind(quantile_values)}", at, "{0.5: df.p50, 0.99: df.p99}")
    quantiles = tuple(_reads(value, "px.otel.metric.Summary: a quantile", at) for _, value in quantile_values.items)
    total = (_reads(count, "px.otel.metric.Summary: count", at), _reads(sum, "px.otel.metric.Summary: sum", at))
    return OtelPart("metric", (Ref("time_", at), *total, *quantiles, *_attributes(attributes, "attributes", at)))


def _span(at: Place, name: Any, start_time: Any, end_time: Any, attributes: Any, **others: Any) -> OtelPart:
    times = (_reads(start_time, "px.otel.trace.Span: start_time", at), _reads(end_time, "px.otel.trace.Span: end_time", at))
    ids = tuple(_reads(others[key], f"px.otel.trace.Span: {key}", at) for key in ("trace_id", "span_id", "parent_span_id") if others[key] is not NOTHING)
    named = () if isinstance(name, Const) else (_reads(name, "px.otel.trace.Span: name", at),)
    return OtelPart("span", (*times, *ids, *named, *_attributes(attributes, "attributes", at)))


def _data(at: Place, resource: Any, data: Any, endpoint: Any) -> OtelPart:
    if not isinstance(data, Sequence) or not data.items or not all(isinstance(d, OtelPart) and d.what in ("metric", "span") for d in data.items):
        raise error("px.otel.Data: data is a list of metrics and spans", at, "[px.otel.metric.Gauge(...)]")
    if endpoint is not NOTHING and not (isinstance(endpoint, OtelPart) and endpoint.what == "endpoint"):
        raise error(f"px.otel.Data: endpoint is px.otel.Endpoint, found {kind(endpoint)}", at)
    columns = _attributes(resource, "px.otel.Data: resource", at)
    if "service.name" not in {key.value for key, _ in resource.items}:
        raise error("px.otel.Data: resource needs 'service.name'", at, "{'service.name': df.service}")
    return OtelPart("data", (*columns, *(ref for part in data.items for ref in part.columns)))


def _endpoint(at: Place, url: Any, headers: Any, insecure: Any, timeout: Any) -> OtelPart:
    text_of(url, "px.otel.Endpoint: url", at)
    return OtelPart("endpoint")


def _vega(at: Place, spec: Any) -> Builtin:
    text_of(spec, "px.vis.vega", at)
    return builtin("vis.vega", "fn", _decorated)


def _decorated(at: Place, fn: Any) -> Any:
    if not isinstance(fn, Function):
        raise error(f"px.vis.vega decorates a function, found {kind(fn)}", at)
    return fn


_EMPTY, _NO_TEXT = Mapping(()), Const("", DataType.STRING)
_EXPORT = builtin("export", "out spec", _export)
_GAUGE = builtin("otel.metric.Gauge", "name value description unit attributes", _gauge, description=_NO_TEXT, unit=_NO_TEXT, attributes=_EMPTY)
_SUMMARY = builtin("otel.metric.Summary", "name count sum quantile_values description unit attributes", _summary, description=_NO_TEXT, unit=_NO_TEXT, attributes=_EMPTY)
_SPAN = builtin("otel.trace.Span", "name start_time end_time trace_id span_id parent_span_id kind status attributes", _span,
                trace_id=NOTHING, span_id=NOTHING, parent_span_id=NOTHING, kind=NOTHING, status=NOTHING, attributes=_EMPTY)  # fmt: skip
_DATA = builtin("otel.Data", "resource data endpoint", _data, endpoint=NOTHING)
_ENDPOINT = builtin("otel.Endpoint", "url headers insecure timeout", _endpoint, headers=_EMPTY, insecure=NOTHING, timeout=NOTHING)
_VEGA = builtin("vis.vega", "spec", _vega)
