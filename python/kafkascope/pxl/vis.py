"""The vis spec of a script: its variables, the functions to call, and the widgets that show what they return."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kafkascope.pxl import times
from kafkascope.pxl.errors import PxLError, did_you_mean, listing
from kafkascope.pxl.program import FuncCall

VARIABLE_TYPES = frozenset({
    "PX_UNKNOWN", "PX_BOOLEAN", "PX_INT64", "PX_FLOAT64", "PX_STRING", "PX_SERVICE", "PX_POD", "PX_CONTAINER", "PX_NAMESPACE", "PX_NODE", "PX_LIST", "PX_STRING_LIST",
})  # fmt: skip
DISPLAY_KINDS = frozenset({
    "Table", "Graph", "RequestGraph", "TimeseriesChart", "BarChart", "HistogramChart", "PieChart", "GaugeChart", "StatChart", "TextChart", "VegaChart",
    "StackTraceFlameGraph",
})  # fmt: skip
PREFIX = "types.px.dev/px.vispb."
MAX_SPEC = 1 << 20
MAX_WIDGETS = 200


class VisError(ValueError):
    """A vis spec that is not in the form that it should be."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} ({hint})" if hint else message)
        self.message = message
        self.hint = hint


class ArgumentError(ValueError):
    """An argument that the script does not take, or a required one that is missing."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} ({hint})" if hint else message)
        self.message = message
        self.hint = hint


def load(given: str | bytes | Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A vis spec from its text or object, checked. ``None`` for an empty text. Raises ``VisError``."""
    if given is None or (isinstance(given, (str, bytes)) and not given.strip()):
        return None
    if isinstance(given, (str, bytes)):
        if len(given) > MAX_SPEC:
            raise VisError(f"the vis spec is longer than {MAX_SPEC} bytes")
        try:
            spec = json.loads(given)
        except (ValueError, RecursionError) as problem:
            place = f"line {problem.lineno}, column {problem.colno}: {problem.msg}" if isinstance(problem, json.JSONDecodeError) else str(problem)
            raise VisError(f"the vis spec is not JSON: {place}") from None
    else:
        spec = dict(given)
    check(spec)
    return spec  # type: ignore[no-any-return]


def check(spec: Any) -> None:
    """Raise ``VisError`` for the first thing that is not in form."""
    if not isinstance(spec, dict):
        raise VisError(f"expected an object with variables, globalFuncs and widgets, found {type(spec).__name__}")
    names: set[str] = set()
    for index, variable in enumerate(_list(spec, "variables", "the vis spec")):
        where = f"variables[{index}]"
        name = _text(variable, "name", where)
        if name in names:
            raise VisError(f"{where}: the variable '{name}' is there twice")
        names.add(name)
        kind = variable.get("type", "PX_STRING")
        if kind not in VARIABLE_TYPES:
            raise VisError(f"{where}: no type '{kind}'", did_you_mean(str(kind), VARIABLE_TYPES, f"types are {listing(sorted(VARIABLE_TYPES))}"))
        if not isinstance(variable.get("defaultValue", ""), str):
            raise VisError(f"{where}: defaultValue is a string, found {type(variable['defaultValue']).__name__}", 'write "5", not 5')
    outputs: set[str] = set()
    for index, entry in enumerate(_list(spec, "globalFuncs", "the vis spec")):
        where = f"globalFuncs[{index}]"
        output = _text(entry, "outputName", where)
        if output in outputs:
            raise VisError(f"{where}: the output '{output}' is there twice")
        outputs.add(output)
        _check_func(entry.get("func"), names, f"{where}.func")
    widgets = _list(spec, "widgets", "the vis spec")
    if len(widgets) > MAX_WIDGETS:
        raise VisError(f"more than {MAX_WIDGETS} widgets")
    for index, widget in enumerate(widgets):
        where = f"widgets[{index}]" + (f" '{widget['name']}'" if isinstance(widget, dict) and widget.get("name") else "")
        _check_widget(widget, names, outputs, where)


def _check_widget(widget: Any, variables: set[str], outputs: set[str], where: str) -> None:
    if not isinstance(widget, dict):
        raise VisError(f"{where}: expected an object, found {type(widget).__name__}")
    source = widget.get("globalFuncOutputName")
    if source and "func" in widget:
        raise VisError(f"{where}: either func or globalFuncOutputName, not both")
    if source:
        if source not in outputs:
            raise VisError(f"{where}: no global function has the output '{source}'", did_you_mean(str(source), outputs, f"there are {listing(sorted(outputs))}"))
    elif "func" in widget:
        _check_func(widget["func"], variables, f"{where}.func")
    else:
        raise VisError(f"{where}: what it shows is missing", "give it func or globalFuncOutputName")
    display = widget.get("displaySpec") or {}
    kind = str(display.get("@type", "")).removeprefix(PREFIX) if isinstance(display, dict) else ""
    if kind not in DISPLAY_KINDS:
        raise VisError(f"{where}: no display '{kind}'", did_you_mean(kind, DISPLAY_KINDS, f"displays are {listing(sorted(DISPLAY_KINDS))}"))
    position = widget.get("position")
    if position is not None and not (isinstance(position, dict) and all(isinstance(position.get(k, 0), int) for k in "xywh")):
        raise VisError(f"{where}: position is {{x, y, w, h}} in numbers")


def _check_func(func: Any, variables: set[str], where: str) -> None:
    if not isinstance(func, dict):
        raise VisError(f"{where}: expected an object with name and args")
    _text(func, "name", where)
    for index, arg in enumerate(_list(func, "args", where)):
        place = f"{where}.args[{index}]"
        _text(arg, "name", place)
        if ("variable" in arg) == ("value" in arg):
            raise VisError(f"{place}: exactly one of variable and value")
        if "variable" in arg and arg["variable"] not in variables:
            raise VisError(f"{place}: no variable '{arg['variable']}'", did_you_mean(str(arg["variable"]), variables, f"there are {listing(sorted(variables))}"))


def _list(parent: Any, key: str, where: str) -> list[Any]:
    value = parent.get(key) or []
    if not isinstance(value, list):
        raise VisError(f"{where}: {key} is a list, found {type(value).__name__}")
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            raise VisError(f"{where}: {key}[{index}] is an object, found {type(item).__name__}")
    return value


def _text(parent: Any, key: str, where: str) -> str:
    value = parent.get(key)
    if not isinstance(value, str) or not value:
        raise VisError(f"{where}: {key} is missing")
    return value


def variables(spec: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The variables of a spec."""
    return list((spec or {}).get("variables") or [])


def arguments(spec: Mapping[str, Any] | None, given: Mapping[str, str]) -> dict[str, str]:
    """The value of every variable: the one given, otherwise the default. Raises ``ArgumentError``."""
    known = {v["name"]: v for v in variables(spec)}
    for name in given:
        if name not in known:
            raise ArgumentError(f"the script has no argument '{name}'", did_you_mean(name, known, f"it has {listing(known)}" if known else "it has none"))
    missing = [name for name, v in known.items() if name not in given and "defaultValue" not in v]
    if missing:
        raise ArgumentError(f"missing argument{'s' if len(missing) > 1 else ''} {listing(missing)}", f"give --{missing[0]} VALUE")
    values = {name: str(given[name]) if name in given else v["defaultValue"] for name, v in known.items()}
    for name, variable in known.items():
        valid = variable.get("validValues") or []
        if valid and name in given and values[name] not in valid:
            raise ArgumentError(f"'{values[name]}' is no value of '{name}'", f"values are {listing(valid)}")
        if name in given and variable.get("type") in _NUMBERS and not _is_number(values[name], variable["type"]):
            raise ArgumentError(f"'{name}' is a number, found '{values[name]}'", "write 10" if variable["type"] == "PX_INT64" else "write 0.5")
        if name in given and name in _TIMES and variable.get("type") == "PX_STRING":
            try:
                times.instant(values[name], 0)
            except PxLError as error:
                raise ArgumentError(f"{name}: {error.message}", error.hint) from error
    return values


#: What every script that takes it hands to px.DataFrame, and the page's time picker fills in.
_TIMES = frozenset({"start_time", "end_time"})


_NUMBERS = {"PX_INT64": int, "PX_FLOAT64": float}


def _is_number(text: str, kind: str) -> bool:
    try:
        _NUMBERS[kind](text)
    except ValueError:
        return False
    return True


def calls(spec: Mapping[str, Any] | None, given: Mapping[str, str]) -> list[FuncCall]:
    """The calls that the spec's global functions and widgets make: one for each result table."""
    if spec is None:
        if given:
            raise ArgumentError(f"the script takes no arguments, found '{next(iter(given))}'", "it has no vis spec")
        return []
    values = arguments(spec, given)
    kinds = {v["name"]: v.get("type") for v in variables(spec)}
    found = [_call(entry["func"], entry["outputName"], values, kinds) for entry in spec.get("globalFuncs") or []]
    for index, widget in enumerate(spec.get("widgets") or []):
        if "func" in widget and not widget.get("globalFuncOutputName"):
            found.append(_call(widget["func"], widget.get("name") or f"widget_{index}", values, kinds))
    return found


def _call(func: Mapping[str, Any], output: str, values: Mapping[str, str], kinds: Mapping[str, Any]) -> FuncCall:
    args = {}
    for arg in func.get("args") or []:
        text = values[arg["variable"]] if "variable" in arg else str(arg["value"])
        if kinds.get(arg.get("variable")) == "PX_STRING_LIST":
            text = repr([part.strip() for part in text.split(",") if part.strip()])
        args[arg["name"]] = text
    return FuncCall(func["name"], args, output)
