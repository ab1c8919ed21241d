"""The module ``px`` as a script sees it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any
from uuid import UUID

from kafkascope.pxl import exporting, times, uncaptured
from kafkascope.pxl.binder import VARIADIC
from kafkascope.pxl.errors import NOWHERE, Place, did_you_mean, error, listing
from kafkascope.pxl.frames import Frame, Grouped, after_groupby, scan_columns
from kafkascope.pxl.functions.aggregates import AGGREGATES
from kafkascope.pxl.functions.metadata import METADATA
from kafkascope.pxl.functions.scalars import SCALARS
from kafkascope.pxl.functions.tables import TABLE_FUNCTIONS
from kafkascope.pxl.given import Blank, Given
from kafkascope.pxl.moving import Moving
from kafkascope.pxl.plan import Scan, Values
from kafkascope.pxl.types import DataType, SemanticType
from kafkascope.pxl.values import (
    NOTHING,
    AggregateFunction,
    Apply,
    Builtin,
    Cast,
    Const,
    Context,
    Mapping,
    Module,
    Ref,
    ScalarFunction,
    Sequence,
    TypeObject,
    apply,
    builtin,
    integer_of,
    kind,
    text_of,
    texts_of,
)

if TYPE_CHECKING:
    from kafkascope.pxl.interpreter import Interpreter

St = SemanticType
TYPES = {
    "Time": TypeObject("Time", DataType.TIME64NS, St.TIME_NS), "UPID": TypeObject("UPID", DataType.UINT128, St.UPID),
    "Service": TypeObject("Service", DataType.STRING, St.SERVICE_NAME), "Pod": TypeObject("Pod", DataType.STRING, St.POD_NAME),
    "Node": TypeObject("Node", DataType.STRING, St.NODE_NAME), "Namespace": TypeObject("Namespace", DataType.STRING, St.NAMESPACE_NAME),
    "Container": TypeObject("Container", DataType.STRING, St.CONTAINER_NAME), "Bytes": TypeObject("Bytes", DataType.INT64, St.BYTES),
    "DurationNanos": TypeObject("DurationNanos", DataType.INT64, St.DURATION_NS), "Percent": TypeObject("Percent", DataType.FLOAT64, St.PERCENT),
}  # fmt: skip
#: Names that hold without an import.
GLOBALS: dict[str, Any] = {
    "True": Const(True, DataType.BOOLEAN), "False": Const(False, DataType.BOOLEAN), "None": NOTHING,
    "str": TypeObject("str", DataType.STRING), "int": TypeObject("int", DataType.INT64), "float": TypeObject("float", DataType.FLOAT64),
    "bool": TypeObject("bool", DataType.BOOLEAN), "list": TypeObject("list", None, kind="list"),
}  # fmt: skip
_UNITS = {"days": "d", "hours": "h", "minutes": "m", "seconds": "s", "milliseconds": "ms"}
_COLUMN = (Ref, Apply, Cast, Context, Const)
_EMPTY = Mapping(())
MAX_REFERENCE_ARGS = 8


def cast(kind_of: TypeObject, value: Any, at: Place) -> Any:
    """``px.Bytes(x)``: the same value under another meaning."""
    if kind_of.type is None or kind_of.semantic is St.NONE:
        raise error(f"'{kind_of.name}' cannot be called", at, "it annotates a parameter; to convert text use px.atoi, for text of a number px.itoa")
    if isinstance(value, Const):
        if value.type is not kind_of.type:
            raise error(f"Cannot cast from '{value.type.name}' to '{kind_of.name}'. Only semantic type casts are allowed.", at, f"px.{kind_of.name} takes {kind_of.type.name}")
        return value.meaning(kind_of.semantic, at)
    if not isinstance(value, _COLUMN):
        raise error(f"px.{kind_of.name} takes a column or a constant, found {kind(value)}", at)
    return Cast(kind_of.name, kind_of.type, kind_of.semantic, value, at, getattr(value, "size", 1) + 1)


def build(interpreter: Interpreter) -> Module:
    """The module for one compilation."""
    names: dict[str, Any] = {**_STATIC, **exporting.modules(interpreter)}
    for name, run in (("DataFrame", _data_frame), ("display", _display), ("debug", _debug), ("now", _now), ("parse_time", _parse_time)):
        names[name] = Builtin(name, _SIGNATURES[name], lambda at, _run=run, **given: _run(interpreter, at, **given))
    for name, table in TABLE_FUNCTIONS.items():
        def frame(at: Place, _table: Any = table, **_: Any) -> Frame:
            return Frame(interpreter.graph, _table(interpreter.graph, interpreter.relations, interpreter.now_ns), at)

        names[name] = Builtin(name, (("include_kelvin", None),) if name in ("GetAgentStatus", "GetLinuxHeadersStatus") else (), frame)
    return Module("px", names)


# ---- functions that need the compilation ----


def _data_frame(interpreter: Interpreter, at: Place, table: Any, select: Any, start_time: Any, end_time: Any) -> Frame:
    name = text_of(table, "px.DataFrame: table", at)
    relation = interpreter.relations.get(name) or uncaptured.relations().get(name)
    if relation is None:
        known = {**interpreter.relations, **uncaptured.relations()}
        raise error(f"Table '{name}' not found", at, did_you_mean(name, known, f"tables are {listing(interpreter.relations, 20)}"))
    columns = interpreter.columns.get(name)
    if columns is None:
        columns = interpreter.columns[name] = scan_columns(relation)
    wanted = texts_of(select, "px.DataFrame: select", at)
    if wanted:
        known = {c.name: c for c in columns}
        for column in wanted:
            if column not in known:
                raise error(f"Column '{column}' not found in table '{name}'", at, did_you_mean(column, known, f"it has {listing(known)}"))
        if len(set(wanted)) < len(wanted):
            raise error("px.DataFrame: select names a column twice", at)
        columns = tuple(known[column] for column in wanted)
    start, end = (_end(interpreter, value, what, at) for value, what in ((start_time, "start_time"), (end_time, "end_time")))
    if name not in interpreter.relations:
        interpreter.warn(uncaptured.note(name))
        return Frame(interpreter.graph, Values(name, columns, ()), at)
    return Frame(interpreter.graph, interpreter.graph.add(Scan(name, start, end, columns)), at)


def _end(interpreter: Interpreter, value: Any, what: str, at: Place) -> int | None:
    """One end of a window."""
    if value is NOTHING:
        return None
    if isinstance(value, Given) and value.blank == Blank(value.blank.slot):
        found, moves = times.instant(value.text, interpreter.clock.ns, value.at or at), times.relative(value.text)
        interpreter.clock.window(found, moves, value.blank.slot)
        return found
    found, moves = _instant(interpreter, value, f"px.DataFrame: {what}", at)
    interpreter.clock.window(found, moves)
    return found


def _instant(interpreter: Interpreter, value: Any, what: str, at: Place) -> tuple[int, bool]:
    """A time, and whether it moves with the clock."""
    clock = interpreter.clock
    if isinstance(value, Moving):
        return value.end, True
    if isinstance(value, Const) and value.type is DataType.STRING:
        return times.instant(value.value, clock.ns, value.at or at), times.relative(value.value)
    if isinstance(value, Const) and value.type in (DataType.INT64, DataType.TIME64NS):
        return int(value.value), False
    raise error(f"{what} is a constant time, found {kind(value)}", at, times.HINT)


def _sink(interpreter: Interpreter, at: Place, out: Any, name: Any, prefix: str) -> Any:
    if isinstance(out, Grouped):
        raise after_groupby(at)
    if not isinstance(out, Frame):
        raise error(f"px.display takes a data frame, found {kind(out)}", at)
    interpreter.display(prefix + text_of(name, "px.display: name", at), out, at)
    return NOTHING


def _display(interpreter: Interpreter, at: Place, out: Any, name: Any, cols: Any) -> Any:
    return NOTHING if interpreter.calls_functions else _sink(interpreter, at, out, name, "")


def _debug(interpreter: Interpreter, at: Place, out: Any, name: Any, cols: Any) -> Any:
    return _sink(interpreter, at, out, name, "_")


def _now(interpreter: Interpreter, at: Place) -> Const:
    return interpreter.clock.now


def _parse_time(interpreter: Interpreter, at: Place, time: Any) -> Const:
    found, moves = _instant(interpreter, time, "px.parse_time: time", at)
    if moves:
        interpreter.clock.note()
    return Const(found, DataType.TIME64NS, at=at)


_OUTPUT = Const("output", DataType.STRING)
_NO_COLUMNS = Sequence(())
_SIGNATURES = {
    "DataFrame": builtin("", "table select start_time end_time", _data_frame, select=_NO_COLUMNS, start_time=NOTHING, end_time=NOTHING).parameters,
    "display": builtin("", "out name cols", _display, name=_OUTPUT, cols=_NO_COLUMNS).parameters,
    "debug": builtin("", "out name cols", _debug, name=_OUTPUT, cols=_NO_COLUMNS).parameters,
    "now": (), "parse_time": builtin("", "time", _parse_time).parameters,
}  # fmt: skip


# ---- functions of constants alone ----


def _unit(name: str, factor: int) -> Builtin:
    def run(at: Place, n: Any) -> Const:
        count = n.value if isinstance(n, Const) and n.type is DataType.FLOAT64 else integer_of(n, f"px.{name}", at)
        value = count * factor
        if not abs(value) < 1 << 63:
            raise error("the number does not fit 64 bits", at)
        return Const(int(value), DataType.INT64, at=at)

    return builtin(name, "n", run)


def _parse_duration(at: Place, duration: Any) -> Const:
    return Const(times.duration(text_of(duration, "px.parse_duration", at), at), DataType.INT64, at=at)


def _format_duration(at: Place, duration: Any) -> Const:
    return Const(times.show_duration(integer_of(duration, "px.format_duration", at)), DataType.STRING, at=at)


def _strptime(at: Place, date_string: Any, format: Any) -> Const:
    text, form = text_of(date_string, "px.strptime", at), text_of(format, "px.strptime", at)
    try:
        parsed = dt.datetime.strptime(text, form)
    except ValueError as problem:
        raise error(f"px.strptime: {problem}", at) from None
    whole = parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)
    return Const(round(whole.timestamp() * 1e6) * 1000, DataType.INT64, at=at)


def _make_upid(at: Place, asid: Any, pid: Any, start: Any) -> Const:
    parts = [integer_of(v, "px.make_upid", at) for v in (asid, pid, start)]
    return Const(":".join(map(str, parts)), DataType.UINT128, St.UPID, at)


def _uint128(at: Place, uuid: Any) -> Const:
    """The number that a UUID's text stands for, in the form of a process's id: 32 bits, 32 bits, 64 bits."""
    text = text_of(uuid, "px.uint128", at)
    try:
        number = UUID(text).int
    except ValueError:
        raise error(f"px.uint128: '{text}' is no UUID", at, "00000001-0000-000a-0000-00000000004d") from None
    return Const(f"{number >> 96}:{number >> 64 & 0xFFFFFFFF}:{number & 0xFFFFFFFFFFFFFFFF}", DataType.UINT128, at=at)


def _equals_any(at: Place, value: Any, options: Any) -> Any:
    if not isinstance(options, Sequence) or not options.items:
        raise error("px.equals_any takes a value and a list that is not empty", at)
    if isinstance(value, Const) and all(isinstance(o, Const) for o in options.items):
        return Const(any(o.type is value.type and o.value == value.value for o in options.items), DataType.BOOLEAN, at=at)
    for item in (value, *options.items):
        if not isinstance(item, _COLUMN):
            raise error(f"px.equals_any compares columns and constants, found {kind(item)}", at)
    return apply("equals_any", (value, *options.items), at)


def _script_reference(at: Place, label: Any, script: Any, args: Any) -> Any:
    if not isinstance(args, Mapping):
        raise error(f"px.script_reference: args is a dict, found {kind(args)}", at, "{'start_time': start_time, 'pod': df.pod}")
    if len(args.items) > MAX_REFERENCE_ARGS:
        raise error(f"px.script_reference takes at most {MAX_REFERENCE_ARGS} args, found {len(args.items)}", at)
    parts = [label, script]
    for key, value in args.items:
        parts += [Const(text_of(key, "px.script_reference: a name in args", at), DataType.STRING), value]
    for part in parts:
        if not isinstance(part, _COLUMN):
            raise error(f"px.script_reference takes columns and constants, found {kind(part)}", at)
    return apply("script_reference", tuple(parts), at)



_STATIC: dict[str, Any] = {
    **TYPES,
    **{name: ScalarFunction(name) for name in (*SCALARS, *METADATA, *VARIADIC)},
    **{name: AggregateFunction(name) for name in AGGREGATES},
    **{name: _unit(name, times.UNITS[unit]) for name, unit in _UNITS.items()},
    "microseconds": _unit("microseconds", 1000),
    "parse_duration": builtin("parse_duration", "duration", _parse_duration),
    "format_duration": builtin("format_duration", "duration", _format_duration),
    "strptime": builtin("strptime", "date_string format", _strptime),
    "make_upid": builtin("make_upid", "asid pid start", _make_upid),
    "uint128": builtin("uint128", "uuid", _uint128),
    "equals_any": builtin("equals_any", "value options", _equals_any),
    "script_reference": builtin("script_reference", "label script args", _script_reference, args=_EMPTY),
}


def function_names() -> list[str]:
    """Every name of ``px``, for completion in an editor."""
    return sorted({*_STATIC, *_SIGNATURES, *TABLE_FUNCTIONS, *exporting.NAMES})


__all__ = ["GLOBALS", "NOWHERE", "TYPES", "build", "cast", "function_names"]
