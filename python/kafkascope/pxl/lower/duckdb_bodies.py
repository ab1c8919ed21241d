"""Bodies of ``kafka_events.beta`` are parsed once: what a script takes out of them step by step is read as one value of that shape.

A script takes arrays and fields out of JSON text with one function after another, each of which would parse the text that the one before wrote.
Here the steps up to a body are followed back, and the body is read into structs and lists of what they end at. That gives the same rows because
a body has a known form: the core wrote it by Kafka's schemas, so no text in it holds JSON again, and no array holds null or empty text
among objects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from kafkascope.pxl.expr import Call, Column, Expr, Literal, children
from kafkascope.pxl.lower.duckdb_functions import array_of, json_text
from kafkascope.pxl.plan import Aggregate, Filter, Limit, Node, Project, Scan, Sort, Spread, Unnest
from kafkascope.pxl.rules.parse import BODIES

#: What a column holds: text (None), an object of such values by key, or a list, written as a list of its elements' shape.
Shape = None | dict[str, "Shape"] | list["Shape"]
TEXT: Shape = None
#: Elements of which nothing is read but how many there are: objects, when another reader takes fields out of them, and else text.
COUNTED: Shape = {}
#: Columns by name with what is wanted of them, or with what they hold.
Shapes = dict[str, Shape]
#: Keys that are the same field in a struct, whose fields have no case, as in JSON.
_KEY = re.compile(r"[a-z_][a-z0-9_]*")


class Bodies:
    """For the nodes of one statement: which columns hold bodies, and which hold values that were read out of one."""

    def __init__(self, nodes: Sequence[Node], roots: Sequence[Node]) -> None:
        """``nodes`` are all below ``roots``, inputs first."""
        self._wanted: dict[int, Shapes] = {id(node): {} for node in nodes}
        for root in roots:
            _all_text(root, self._wanted)
        for node in reversed(nodes):
            _want(node, self._wanted)
        self._bodies: dict[int, frozenset[str]] = {}
        self._held: dict[int, Shapes] = {}

    def enter(self, node: Node) -> None:
        """Make known what the node's columns hold; its inputs were entered before."""
        if isinstance(node, Scan):
            self._bodies[id(node)] = BODIES.intersection(node.schema) if node.table == "kafka_events.beta" else frozenset()
        elif isinstance(node, (Filter, Sort, Limit)):
            self._bodies[id(node)], self._held[id(node)] = self._bodies.get(id(node.input), frozenset()), self._held.get(id(node.input), {})
        elif isinstance(node, Project):
            bodies = self._bodies.get(id(node.input), frozenset())
            self._bodies[id(node)] = frozenset(name for name, e in node.items if isinstance(e, Column) and e.name in bodies)
            self._held[id(node)] = {name: shape for name, e in node.items if (shape := self._shape(node, e, self._wanted[id(node)].get(name)))}
        elif isinstance(node, (Spread, Unnest)):
            self._bodies[id(node)] = self._bodies.get(id(node.input), frozenset()) - {node.name}
            kept = {name: shape for name, shape in self._held.get(id(node.input), {}).items() if name != node.name}
            array = array_of(node.values) if isinstance(node, Spread) else node.array
            shape = self._shape(node, array, [self._wanted[id(node)].get(node.name)]) if array is not None else TEXT
            self._held[id(node)] = {**kept, node.name: shape[0]} if isinstance(shape, list) else kept

    def value(self, node: Node, name: str, expr: Expr, sql: Callable[[Expr], str]) -> str | None:
        """SQL of an expression of ``node`` that becomes its column ``name``; ``None`` when it is none of a body's values."""
        held = self._held[id(node)].get(name)
        return self._sql(node, expr, held, sql) if held else None

    def text(self, node: Node, expr: Expr, sql: Callable[[Expr], str]) -> str | None:
        """SQL of the text of an expression that reads a body's value; ``None`` when it does not."""
        found = self._sql(node, expr, TEXT, sql) if isinstance(expr, Call) and expr.fn == "pluck" else None
        return None if found is None else f"coalesce({found}, '')"

    def elements(self, node: Spread | Unnest, array: Expr, sql: Callable[[Expr], str]) -> str | None:
        """SQL of a list of the elements of ``array``, each of the shape that is wanted of it; ``None`` when they are text."""
        held = self._held[id(node)].get(node.name)
        return self._sql(node, array, [held], sql) if held else None

    def _shape(self, node: Node, expr: Expr, wanted: Shape) -> Shape:
        """What an expression over the node's input gives; ``wanted`` matters where a body is read first."""
        (below,) = node.inputs
        if isinstance(expr, Column):
            return self._held.get(id(below), {}).get(expr.name)
        step = _step(expr)
        if step is None:
            return TEXT
        value, key = step
        if isinstance(value, Column) and value.name in self._bodies.get(id(below), ()):
            return _settled(wanted) if isinstance(key, str) else TEXT
        found = self._shape(node, value, _around(key, wanted))
        if isinstance(found, dict) and isinstance(key, str):
            return found.get(key)
        return found[0] if isinstance(found, list) and isinstance(key, int) else TEXT

    def _sql(self, node: Node, expr: Expr, wanted: Shape, sql: Callable[[Expr], str]) -> str | None:
        step = _step(expr)
        if step is None:
            held = isinstance(expr, Column) and self._shape(node, expr, wanted)
            return sql(expr) if held else None
        value, key = step
        if isinstance(value, Column) and value.name in self._bodies.get(id(node.inputs[0]), ()):
            wanted = _settled(wanted)
            if not wanted or not isinstance(key, str):
                return None
            form = json.dumps({key: _form(wanted)}).replace("'", "''")
            return f"TRY(from_json({json_text(sql(value))}, '{form}')).\"{key}\""
        around = _around(key, wanted)
        shape = self._shape(node, value, around)
        inner = self._sql(node, value, around, sql)
        if inner is None or not isinstance(shape, dict if isinstance(key, str) else list) or (isinstance(shape, dict) and key not in shape):
            return None
        return f'{inner}."{key}"' if isinstance(key, str) else f"({inner})[{key + 1}]"


def parses(node: Node) -> bool:
    """Whether the node reads a field out of a body: dearer than to keep it for all that read the node."""
    return isinstance(node, Project) and any(isinstance(step[0], Column) and step[0].name in BODIES for _, expr in node.items if (step := _step(expr)) is not None)


def _step(expr: Expr) -> tuple[Expr, str | int] | None:
    """The value and the key or index of ``pluck`` and ``pluck_array`` with a constant one."""
    if not isinstance(expr, Call) or expr.fn not in ("pluck", "pluck_array") or not isinstance(expr.args[1], Literal):
        return None
    key = expr.args[1].value
    good = _KEY.fullmatch(key) is not None if isinstance(key, str) else key >= 0
    return (expr.args[0], key) if good else None


def _settled(shape: Shape) -> Shape:
    """The shape, with text for what no reader takes fields out of."""
    if isinstance(shape, dict):
        return {key: _settled(part) for key, part in shape.items()} or TEXT
    if isinstance(shape, list):
        element = _settled(shape[0])
        return TEXT if element is TEXT and isinstance(shape[0], dict) else [element]
    return shape


def _around(key: str | int, shape: Shape) -> Shape:
    return {key: shape} if isinstance(key, str) else [shape]


def _form(shape: Shape) -> object:
    """The shape as the engine's own description of JSON."""
    if isinstance(shape, dict):
        return {key: _form(part) for key, part in shape.items()}
    return [_form(shape[0])] if isinstance(shape, list) else "VARCHAR"


# ---- what is wanted ----


def _merge(into: Shapes, name: str, shape: Shape) -> None:
    into[name] = _merged(into[name], shape) if name in into else shape


def _merged(a: Shape, b: Shape) -> Shape:
    """What serves two readers; text serves all."""
    if isinstance(a, dict) and isinstance(b, dict):
        return {**a, **b, **{key: _merged(a[key], b[key]) for key in a.keys() & b.keys()}}
    if isinstance(a, list) and isinstance(b, list):
        return [_merged(a[0], b[0])]
    return TEXT


def _read(expr: Expr, shape: Shape, into: Shapes) -> None:
    """Note what ``expr`` needs of its columns to give a value of that shape."""
    step = _step(expr)
    if isinstance(expr, Column):
        _merge(into, expr.name, shape)
    elif step is not None and (isinstance(step[1], str) or isinstance(shape, dict)):
        _read(step[0], _around(step[1], shape), into)
    else:
        for child in children(expr):
            _read(child, TEXT, into)


def _all_text(node: Node, wanted: dict[int, Shapes]) -> None:
    wanted[id(node)].update(dict.fromkeys(node.schema, TEXT))


def _want(node: Node, wanted: dict[int, Shapes]) -> None:
    """Note what ``node`` needs of its inputs' columns."""
    mine = wanted[id(node)]
    if isinstance(node, Project):
        for name, expr in node.items:
            _read(expr, mine.get(name), wanted[id(node.input)])
    elif isinstance(node, (Filter, Sort, Limit, Spread, Unnest)):
        below = wanted[id(node.input)]
        for name, shape in mine.items():
            if name in node.input.schema and not (isinstance(node, (Spread, Unnest)) and name == node.name):
                _merge(below, name, shape)
        if isinstance(node, Filter):
            _read(node.condition, TEXT, below)
        elif isinstance(node, (Spread, Unnest)):
            array = array_of(node.values) if isinstance(node, Spread) and node.filled else node.array if isinstance(node, Unnest) else None
            element = mine.get(node.name, COUNTED)
            if array is not None and isinstance(element, dict):
                _read(array, [element], below)
            else:
                for expr in node.values if isinstance(node, Spread) else (node.array,):
                    _read(expr, TEXT, below)
        else:
            for name, _ in node.keys:
                _merge(below, name, TEXT)
    elif isinstance(node, Aggregate):
        for name in (*node.keys, *(arg for m in node.measures for arg in m.args)):
            _merge(wanted[id(node.input)], name, TEXT)
    else:
        for child in node.inputs:
            _all_text(child, wanted)


