"""Data frames: handles on plan nodes, and what their methods add to the plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kafkascope.pxl import binder
from kafkascope.pxl.errors import NOWHERE, Place, did_you_mean, error, listing
from kafkascope.pxl.expr import Call, Column, Expr, Literal, Schema, columns, has_lookup
from kafkascope.pxl.functions import aggregates, semantics
from kafkascope.pxl.plan import (
    Aggregate,
    Append,
    Filter,
    Graph,
    Join,
    Limit,
    Measure,
    Node,
    Output,
    Project,
    Sort,
    Unnest,
    order_of,
)
from kafkascope.pxl.types import DataType
from kafkascope.pxl.values import REQUIRED as _REQUIRED
from kafkascope.pxl.values import (
    AggregateFunction,
    Apply,
    Const,
    Sequence,
    builtin,
    integer_of,
    kind,
    match,
    text_of,
    texts_of,
)

MAX_NODES = 20_000
MAX_COLUMNS = 1_000
MAX_PARTS = 500_000


@dataclass(slots=True, eq=False)
class Run:
    """Consecutive assignments that do not read one another: one projection over ``base``, made when somebody reads it.

    A run that begins with a projection to named columns keeps only these. ``missing`` are those of them that ``base`` does not have: an error,
    unless the assignments that follow give them.
    """

    base: Node
    assigned: dict[str, Expr | None]
    schema: dict[str, Column]
    keeps: bool = True
    missing: dict[str, Exception] | None = None
    _node: Node | None = None

    @property
    def node(self) -> Node:
        """The projection. Raises ``PxLError`` while one of its columns is missing."""
        if self.missing:
            raise next(iter(self.missing.values()))
        if self._node is None:
            kept = [(name, c) for name, c in self.base.schema.items() if name not in self.assigned] if self.keeps else []
            self._node = Project(self.base, (*kept, *((n, e) for n, e in self.assigned.items() if e is not None)))
            # The frame's columns are those of its node: they were typed when they were assigned.
            self._node.__dict__["schema"] = self.schema
        return self._node

    def takes(self, expr: Expr) -> bool:
        """Whether ``expr`` reads nothing that the run assigned. What it only projected is read for metadata as from the frame before."""
        read = columns(expr) & self.assigned.keys()
        return not read or (has_lookup(expr) and all(self.assigned[n] == self.base.schema.get(n) for n in read))

    def assign(self, name: str, expr: Expr) -> Run:
        """The run with one more column: in its place when the run set it before, otherwise the last one."""
        assigned, schema = {**self.assigned, name: expr}, dict(self.schema)
        if name not in self.assigned:
            schema.pop(name, None)
        schema[name] = Column(name, expr.type, expr.semantic, expr.nullable)
        missing = {n: e for n, e in self.missing.items() if n != name} if self.missing else None
        if self.missing:
            schema = {n: schema[n] for n in assigned if n in schema}
        return Run(self.base, assigned, schema, self.keeps, missing)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A data frame of a script: immutable; a script's assignment makes another."""

    graph: Graph
    rows: Node | Run
    at: Place = NOWHERE

    @property
    def node(self) -> Node:
        """What gives its rows. Raises ``PxLError`` while a projected column is missing."""
        return self.rows.node if isinstance(self.rows, Run) else self.rows

    @property
    def schema(self) -> Schema:
        return self.rows.schema

    def _on(self, rows: Node | Run, at: Place) -> Frame:
        self.graph.made += 1
        if self.graph.made > MAX_NODES:
            raise error(f"the script needs more than {MAX_NODES} steps", at, "it may build a frame out of itself again and again")
        if len(rows.schema) > MAX_COLUMNS:
            raise error(f"the data frame has more than {MAX_COLUMNS} columns", at, "project the columns that are needed: df[['a', 'b']]")
        return Frame(self.graph, rows, at)

    def _bind(self, value: Any, at: Place) -> Expr:
        self.graph.parts += getattr(value, "size", 1)
        if self.graph.parts > MAX_PARTS:
            raise error(f"the script's expressions have more than {MAX_PARTS} parts", at, "assign common parts to columns: df.x = ...")
        return binder.bind(value, self.schema, at)

    # ---- assignment, subscripts ----

    def assign(self, name: str, value: Any, at: Place) -> Frame:
        """The frame with a column set: the last one, unless it was set among the assignments just before."""
        if isinstance(value, Apply) and value.fn == "unnest":
            return self._on(Unnest(self.node, name, self._array(value)), at)
        expr = self._bind(value, at)
        run = self.rows if isinstance(self.rows, Run) and self.rows.takes(expr) else None
        if run is None:
            node = self.node
            run = Run(node, {}, dict(node.schema))
        return self._on(run.assign(name, expr), at)

    def _array(self, value: Apply) -> Expr:
        if len(value.args) != 1:
            raise error(f"px.unnest takes one JSON array, found {len(value.args)} arguments", value.at, "df.topic = px.unnest(px.pluck(df.req_body, 'topics'))")
        array = self._bind(value.args[0], value.at)
        if array.type is not DataType.STRING:
            raise error(f"px.unnest takes a JSON array as STRING, found {array.type.name}", value.at)
        return array

    def filter(self, condition: Any, at: Place) -> Frame:
        """The rows for which ``condition`` holds."""
        expr = self._bind(condition, at)
        if expr.type is not DataType.BOOLEAN:
            raise error(f"a filter needs BOOLEAN, found {expr.type.name}", at, "compare: df[df.x == 1]")
        if isinstance(expr, Literal) and expr.value:
            return Frame(self.graph, self.rows, at)
        return self._on(Filter(self.node, expr), at)

    def keep(self, names: list[str], at: Place) -> Frame:
        """The columns ``names`` in that order."""
        _distinct(names, at)
        if not names:
            raise error("a projection needs a column", at)
        schema, node = self.schema, self.node
        found: dict[str, Expr | None] = {n: schema.get(n) for n in names}
        missing = {n: binder.no_column(n, schema, at) for n in names if n not in schema}
        if len(missing) == len(names):
            raise next(iter(missing.values()))
        return self._on(Run(node, found, {n: c for n in names if (c := schema.get(n)) is not None}, keeps=False, missing=missing or None), at)

    # ---- methods ----

    def drop(self, names: Any, at: Place) -> Frame:
        gone = texts_of(names, "drop()", at)
        for name in gone:
            binder.column(name, self.schema, at)
        left = [n for n in self.schema if n not in gone]
        if not left:
            raise error("drop() leaves no column", at)
        return self.keep(left, at)

    def head(self, n: Any, at: Place) -> Frame:
        count = integer_of(n, "head()", at)
        if count < 0:
            raise error(f"head() takes a positive number, found {count}", at)
        order = order_of(self.node) or ((("time_", True),) if "time_" in self.schema else ())
        return self._on(Limit(self.node, count, order), at)

    def sort(self, by: Any, ascending: Any, at: Place) -> Frame:
        names = texts_of(by, "sort()", at)
        for name in names:
            binder.column(name, self.schema, at)
        flags = list(ascending.items) if isinstance(ascending, Sequence) else [ascending] * len(names)
        if len(flags) != len(names) or any(not isinstance(f, Const) or f.type is not DataType.BOOLEAN for f in flags):
            raise error("sort(): ascending is True, False, or a list of them as long as the columns", at)
        return self._on(Sort(self.node, tuple((n, bool(f.value)) for n, f in zip(names, flags, strict=True))), at)

    def groupby(self, by: Any, at: Place) -> Grouped:
        names = texts_of(by, "groupby()", at)
        _distinct(names, at)
        for name in names:
            binder.column(name, self.schema, at)
        return Grouped(self, tuple(names), at)

    def agg(self, keys: tuple[str, ...], outputs: dict[str, Any], at: Place) -> Frame:
        """Groups by ``keys`` with one measure for each keyword."""
        measures = []
        for name, value in outputs.items():
            if name in keys:
                raise error(f"agg(): '{name}' is a group column already", at, f"call the output {name}_agg")
            measures.append(self._measure(name, value, at))
        if not keys and not measures:
            raise error("agg() without groups needs an output", at, "df.agg(n=('time_', px.count))")
        return self._on(Aggregate(self.node, keys, tuple(measures)), at)

    def _measure(self, name: str, value: Any, at: Place) -> Measure:
        form = f"write {name}=('column', px.sum)"
        if not isinstance(value, Sequence) or len(value.items) < 2:
            raise error(f"agg(): '{name}' needs a pair of a column and a function, found {kind(value)}", at, form)
        *names, fn = value.items
        if not isinstance(fn, AggregateFunction):
            raise error(f"agg(): '{name}' needs an aggregate function, found {kind(fn)}", value.at, "px." + ", px.".join(a for a in aggregates.AGGREGATES if not a.startswith("_")))
        args = [binder.column(text_of(n, f"agg(): '{name}'", at), self.schema, getattr(n, "at", at)) for n in names]
        if len(args) != 1:
            raise error(f"px.{fn.name} takes one column, found {len(args)}", value.at)
        result = aggregates.result(fn.name, args[0].type)
        if result is None:
            raise error(f"px.{fn.name} does not take {args[0].type.name} ('{args[0].name}')", value.at, f"it takes {aggregates.takes(fn.name)}")
        nullable = args[0].nullable and fn.name not in ("count", "count_distinct")
        return Measure(name, fn.name, (args[0].name,), result, semantics.of_measure(fn.name, args[0].semantic), nullable)

    def merge(self, right: Any, how: Any, left_on: Any, right_on: Any, suffixes: Any, at: Place) -> Frame:
        if not isinstance(right, Frame):
            raise error(f"merge() takes a data frame, found {kind(right)}", at)
        kind_of = text_of(how, "merge(): how", at)
        if kind_of not in ("inner", "left", "right", "outer"):
            raise error(f"merge(): how is inner, left, right or outer, found '{kind_of}'", at)
        lefts, rights = texts_of(left_on, "merge(): left_on", at), texts_of(right_on, "merge(): right_on", at)
        if len(lefts) != len(rights):
            raise error(f"merge(): left_on has {len(lefts)} columns and right_on {len(rights)}", at, "they are compared pair by pair")
        for a, b in zip(lefts, rights, strict=True):
            one, two = binder.column(a, self.schema, at), binder.column(b, right.schema, at)
            if one.type is not two.type:
                raise error(f"merge(): '{a}' is {one.type.name} and '{b}' is {two.type.name}", at, "keys need the same type")
        ends = texts_of(suffixes, "merge(): suffixes", at)
        if len(ends) != 2:
            raise error("merge(): suffixes are two strings", at, "suffixes=['', '_x']")
        both = self.schema.keys() & right.schema.keys()
        outputs = [Output(n + (ends[side] if n in both else ""), side, n) for side, frame in enumerate((self, right)) for n in frame.schema]
        repeated = _repeated([o.name for o in outputs])
        if repeated:
            raise error(f"duplicate column '{repeated}' after merge", at, "choose other suffixes")
        if kind_of == "outer" and lefts and any(o.name == "time_" for o in outputs):
            raise error("merge(): an outer join cannot have a column time_", at, "rename it before")
        return self._on(Join(self.node, right.node, kind_of, tuple(zip(lefts, rights, strict=True)), tuple(outputs)), at)

    def append(self, others: Any, at: Place) -> Frame:
        frames = others.items if isinstance(others, Sequence) else (others,)
        for frame in frames:
            if not isinstance(frame, Frame):
                raise error(f"append() takes a data frame or a list of them, found {kind(frame)}", at)
            for name, column in self.schema.items():
                other = frame.schema.get(name)
                if other is None:
                    raise error(f"Table schema disagreement: the appended frame has no column '{name}'", at, f"it has {listing(frame.schema)}")
                if other.type is not column.type:
                    raise error(f"Table schema disagreement: '{name}' is {column.type.name} and {other.type.name}", at)
            more = frame.schema.keys() - self.schema.keys()
            if more:
                raise error(f"Table schema disagreement: only the appended frame has the column '{min(more)}'", at, "project both to the same columns")
        return self._on(Append((self.node, *(f.node for f in frames))), at)

    def rolling(self, window: Any, on: Any, keys: tuple[str, ...], at: Place) -> Grouped:
        if text_of(on, "rolling(): on", at) != "time_" or "time_" not in self.schema:
            raise error("rolling() goes over time_ only", at)
        from kafkascope.pxl import times

        is_text = isinstance(window, Const) and window.type is DataType.STRING
        size = times.duration(window.value, at) if is_text else integer_of(window, "rolling(): window", at)
        if size <= 0:
            raise error("rolling() needs a positive window", at)
        binned = Call("bin", (self.schema["time_"], Literal(size, DataType.INT64)), DataType.TIME64NS, self.schema["time_"].semantic)
        items: tuple[tuple[str, Expr], ...] = tuple((n, binned if n == "time_" else c) for n, c in self.schema.items())
        return Grouped(self._on(Project(self.node, items), at), ("time_", *(k for k in keys if k != "time_")), at)


@dataclass(frozen=True, slots=True, eq=False)
class Grouped:
    """What ``groupby`` gives: only ``agg`` and ``rolling`` follow it."""

    frame: Frame
    keys: tuple[str, ...]
    at: Place


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """A method of a frame, not yet called."""

    target: Frame | Grouped
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class ContextOf:
    """``df.ctx``."""

    frame: Frame


FALSE, TRUE = Const(False, DataType.BOOLEAN), Const(True, DataType.BOOLEAN)
_SUFFIXES = Sequence((Const("_x", DataType.STRING), Const("_y", DataType.STRING)))
_ON_TIME = Const("time_", DataType.STRING)
FIVE = Const(5, DataType.INT64)

_METHODS = {
    "drop": builtin("drop", "columns", lambda f, at, columns: f.drop(columns, at)),
    "head": builtin("head", "n", lambda f, at, n: f.head(n, at), n=FIVE),
    "limit": builtin("limit", "n", lambda f, at, n: f.head(n, at), n=FIVE),
    "sort": builtin("sort", "by ascending", lambda f, at, by, ascending: f.sort(by, ascending, at), ascending=TRUE),
    "groupby": builtin("groupby", "by", lambda f, at, by: f.groupby(by, at)),
    "append": builtin("append", "objs", lambda f, at, objs: f.append(objs, at)),
    "merge": builtin("merge", "right how left_on right_on suffixes",
                     lambda f, at, right, how, left_on, right_on, suffixes: f.merge(right, how, left_on, right_on, suffixes, at), suffixes=_SUFFIXES),
    "rolling": builtin("rolling", "window on", lambda f, at, window, on: f.rolling(window, on, (), at), on=_ON_TIME),
    "stream": builtin("stream", "", lambda f, at: f),
    "filter": builtin("filter", "condition", lambda f, at, condition: f.filter(condition, at)),
}  # fmt: skip
_AFTER_GROUPBY = {"agg", "rolling"}
#: Methods that Pixie's language does not have: a column of that name is the column.
_OURS = {"sort", "limit"}
METHODS = frozenset({*_METHODS, "agg", "ctx"})


def attribute(frame: Frame, name: str) -> Method | ContextOf | None:
    """The method or ``ctx`` of that name; ``None`` when it is a column's."""
    if name == "ctx":
        return ContextOf(frame)
    if (name in _METHODS or name == "agg") and not (name in _OURS and name in frame.schema):
        return Method(frame, name)
    return None


def call_method(method: Method, args: list[Any], keywords: dict[str, Any], at: Place) -> Frame | Grouped:
    """Call a method of a frame or of a grouped frame."""
    target = method.target
    if method.name == "agg":
        if args:
            raise error("agg() takes only named outputs", at, "df.agg(total=('bytes', px.sum))")
        return target.frame.agg(target.keys, keywords, at) if isinstance(target, Grouped) else target.agg((), keywords, at)
    if isinstance(target, Grouped):
        if method.name not in _AFTER_GROUPBY:
            raise after_groupby(at)
        found = match("rolling", (("window", _REQUIRED), ("on", _ON_TIME)), args, keywords, at)
        return target.frame.rolling(found["window"], found["on"], target.keys, at)
    spec = _METHODS[method.name]
    return spec.run(target, at, **match(method.name, spec.parameters, args, keywords, at))  # type: ignore[no-any-return]


def after_groupby(at: Place) -> Exception:
    """The error for a grouped frame used as a frame."""
    return error("'groupby()' should be followed by an 'agg()' not a generic dataframe operation", at, "df.groupby('x').agg(n=('y', px.count))")


def unknown_method(name: str, at: Place) -> Exception:
    """The error for a call of what is no method."""
    return error(f"a data frame has no method '{name}'", at, did_you_mean(name, METHODS, f"it has {listing(sorted(METHODS))}"))


def _repeated(names: list[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _distinct(names: list[str], at: Place) -> None:
    repeated = _repeated(names)
    if repeated:
        raise error(f"column '{repeated}' is named twice", at)


def scan_columns(relation: Any) -> tuple[Column, ...]:
    """The typed columns of a catalogue relation."""
    return tuple(Column(c.name, c.type, c.semantic_type, c.nullable) for c in relation.columns)
