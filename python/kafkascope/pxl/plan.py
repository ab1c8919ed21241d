"""The logical plan: an immutable graph of relational operators, the same for every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from operator import attrgetter
from typing import Any

from kafkascope.pxl.expr import Column, Expr, Schema, show
from kafkascope.pxl.types import DataType, SemanticType


@dataclass(frozen=True, eq=False)
class Node:
    """One operator. Nodes are compared by identity; a ``Graph`` gives equal operators one identity."""

    @property
    def inputs(self) -> tuple[Node, ...]:
        return ()

    @cached_property
    def schema(self) -> Schema:
        raise NotImplementedError

    def describe(self) -> str:
        """What it does, in one stable line."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Scan(Node):
    """Rows of a table with ``start <= time_ <= end``."""

    table: str
    start: int | None
    end: int | None
    columns: tuple[Column, ...]

    @cached_property
    def schema(self) -> Schema:
        return {c.name: c for c in self.columns}

    def describe(self) -> str:
        span = f" {self.start if self.start is not None else ''}..{self.end if self.end is not None else ''}" if (self.start, self.end) != (None, None) else ""
        return f"scan {self.table}{span} [{', '.join(c.name for c in self.columns)}]"


@dataclass(frozen=True, eq=False)
class Values(Node):
    """Rows known at compile time."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]

    @cached_property
    def schema(self) -> Schema:
        return {c.name: c for c in self.columns}

    def describe(self) -> str:
        return f"values {self.name} [{', '.join(c.name for c in self.columns)}] {len(self.rows)} rows"


@dataclass(frozen=True, eq=False)
class Project(Node):
    """Columns computed from the input's."""

    input: Node
    items: tuple[tuple[str, Expr], ...]

    @property
    def inputs(self) -> tuple[Node, ...]:
        return (self.input,)

    @cached_property
    def schema(self) -> Schema:
        return {name: e if type(e) is Column and e.name == name else Column(name, e.type, e.semantic, e.nullable) for name, e in self.items}

    def describe(self) -> str:
        return "project " + ", ".join(name if isinstance(e, Column) and e.name == name else f"{name}={show(e)}" for name, e in self.items)


@dataclass(frozen=True, eq=False)
class Filter(Node):
    """Rows for which a condition holds."""

    input: Node
    condition: Expr

    @property
    def inputs(self) -> tuple[Node, ...]:
        return (self.input,)

    @property
    def schema(self) -> Schema:  # type: ignore[override]
        return self.input.schema

    def describe(self) -> str:
        return f"filter {show(self.condition)}"


@dataclass(frozen=True, eq=False)
class Unnest(Node):
    """One row for each element of a JSON array, which is the column ``name``."""

    input: Node
    name: str
    array: Expr

    @property
    def inputs(self) -> tuple[Node, ...]:
        return (self.input,)

    @cached_property
    def schema(self) -> Schema:
        kept = {name: column for name, column in self.input.schema.items() if name != self.name}
        return {**kept, self.name: Column(self.name, DataType.STRING)}

    def describe(self) -> str:
        return f"unnest {self.name}={show(self.array)}"


@dataclass(frozen=True, eq=False)
class Spread(Node):
    """One row for each of ``values``, which is the column ``name``; ``filled`` leaves out those that are empty text."""

    input: Node
    name: str
    values: tuple[Expr, ...]
    filled: bool = False

    @property
    def inputs(self) -> tuple[Node, ...]:
        return (self.input,)

    @cached_property
    def schema(self) -> Schema:
        first = self.values[0]
        return {**self.input.schema, self.name: Column(self.name, first.type, first.semantic, any(v.nullable for v in self.values))}

    def describe(self) -> str:
        return f"spread {self.name}=[{', '.join(show(v) for v in self.values)}]{' filled' if self.filled else ''}"


@dataclass(frozen=True, slots=True)
class Measure:
    """One output of an aggregation."""

    name: str
    fn: str
    args: tuple[str, ...]
    type: DataType
    semantic: SemanticType
    nullable: bool = False


@dataclass(frozen=True, eq=False)
class Aggregate(Node):
    """Groups with measures; without keys one row, even of nothing."""

    input: Node
    keys: tuple[str, ...]
    measures: tuple[Measure, ...]

    @property
    def inputs(self) -> tuple[Node, ...]:
        return (self.input,)

    @cached_property
    def schema(self) -> Schema:
        known = self.input.schema
        return {**{k: known[k] for k in self.keys}, **{m.name: Column(m.name, m.type, m.semantic, m.nullable) for m in self.measures}}

    def describe(self) -> str:
        measures = "".join(f", {m.name}={m.fn}({', '.join(m.args)})" for m in self.measures)
        return f"aggregate by ({', '.join(self.keys)}){measures}"


@dataclass(frozen=True, slots=True)
class Output:
    """One column of a join: its name, the side (0 left, 1 right) and the name there."""

    name: str
    side: int
    source: str


@dataclass(frozen=True, eq=False)
class Join(Node):
    """Rows of two inputs matched by keys; without keys every pair."""

    left: Node
    right: Node
    how: str
    keys: tuple[tuple[str, str], ...]
    outputs: tuple[Output, ...]

    @property
    def inputs(self) -> tuple[Node, ...]:
        return (self.left, self.right)

    @cached_property
    def schema(self) -> Schema:
        sides = (self.left.schema, self.right.schema)
        found = ((o.name, sides[o.side][o.source]) for o in self.outputs)
        return {name: Column(name, c.type, c.semantic, c.nullable) for name, c in found}

    def describe(self) -> str:
        keys = ", ".join(f"{a}={b}" for a, b in self.keys) or "every pair"
        outputs = ", ".join(f"{'lr'[o.side]}.{o.source}" + (f" as {o.name}" if o.name != o.source else "") for o in self.outputs)
        return f"join {self.how} on {keys} [{outputs}]"


@dataclass(frozen=True, eq=False)
class Append(Node):
    """All rows of all inputs, columns matched by name."""

    parts: tuple[Node, ...]

    @property
    def inputs(self) -> tuple[Node, ...]:
        return self.parts

    @cached_property
    def schema(self) -> Schema:
        schemas = [p.schema for p in self.parts]
        return {name: Column(name, c.type, c.semantic, any(s[name].nullable for s in schemas)) for name, c in schemas[0].items()}

    def describe(self) -> str:
        return "append"


@dataclass(frozen=True, eq=False)
class Sort(Node):
    """Rows in an order of columns; ``True`` is ascending."""

    input: Node
    keys: tuple[tuple[str, bool], ...]

    @property
    def inputs(self) -> tuple[Node, ...]:
        return (self.input,)

    @property
    def schema(self) -> Schema:  # type: ignore[override]
        return self.input.schema

    def describe(self) -> str:
        return "sort " + ", ".join(f"{name}{'' if up else ' desc'}" for name, up in self.keys)


@dataclass(frozen=True, eq=False)
class Limit(Node):
    """The first rows, in the order of ``keys``; of any order when there are none."""

    input: Node
    count: int
    keys: tuple[tuple[str, bool], ...]

    @property
    def inputs(self) -> tuple[Node, ...]:
        return (self.input,)

    @property
    def schema(self) -> Schema:  # type: ignore[override]
        return self.input.schema

    def describe(self) -> str:
        order = ", ".join(f"{name}{'' if up else ' desc'}" for name, up in self.keys)
        return f"limit {self.count}" + (f" by {order}" if order else "")


def order_of(node: Node) -> tuple[tuple[str, bool], ...]:
    """The order that a script asked for and that the node's rows still can show."""
    if isinstance(node, Sort):
        return node.keys
    if isinstance(node, Limit):
        return node.keys
    if isinstance(node, Filter):
        return order_of(node.input)
    if isinstance(node, (Unnest, Spread)):
        order = order_of(node.input)
        return order if all(name != node.name for name, _ in order) else ()
    if isinstance(node, Project):
        kept = {e.name: name for name, e in reversed(node.items) if isinstance(e, Column)}
        order = order_of(node.input)
        return tuple((kept[name], up) for name, up in order) if all(name in kept for name, _ in order) else ()
    return ()


def post_order(roots: Iterable[Node]) -> list[Node]:
    """Every node once, inputs before the nodes that read them."""
    found: list[Node] = []
    entered: set[int] = set()
    # A node lies here with False until its inputs have been put above it.
    stack = [(root, False) for root in roots][::-1]
    while stack:
        node, complete = stack.pop()
        if complete:
            found.append(node)
        elif id(node) not in entered:
            entered.add(id(node))
            inputs = node.inputs
            if inputs:
                stack.append((node, True))
                stack.extend([(child, False) for child in inputs if id(child) not in entered][::-1])
            else:
                found.append(node)
    return found


def explain(root: Node) -> str:
    """The plan as text: one line a node, numbered, each naming its inputs."""
    numbers: dict[int, int] = {}
    lines = []
    for node in post_order([root]):
        numbers[id(node)] = len(numbers)
        inputs = " ".join(f"#{numbers[id(child)]}" for child in node.inputs)
        lines.append(f"#{numbers[id(node)]} {node.describe()}{f' <- {inputs}' if inputs else ''}")
    return "\n".join(lines)


class Graph:
    """Makes nodes, giving equal ones the same identity so that a part used twice is computed once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Node] = {}
        self._ids: set[int] = set()
        #: The operators that it was ever given: a rule about another one has nothing to do.
        self.kinds: set[type[Node]] = set()
        self._fields: dict[type, Callable[[Node], Any]] = {}
        self._roots: list[Node] = []
        self._order: list[Node] = []
        #: Nodes made and parts of expressions bound so far, known ones counted again: what a compilation may use is limited.
        self.made = 0
        self.parts = 0

    def order(self, roots: Sequence[Node]) -> list[Node]:
        """``post_order`` of the roots that were asked for last is known: most rules leave a plan as it is. Not to be changed."""
        if self._roots != list(roots):
            self._roots, self._order = list(roots), post_order(roots)
        return self._order

    def add(self, node: Node) -> Node:
        """The node, or the equal one that is known already."""
        if id(node) in self._ids:
            return node
        kind = type(node)
        values = self._fields.get(kind)
        if values is None:
            values = self._fields[kind] = attrgetter(*(f.name for f in fields(node)))
            self.kinds.add(kind)
        # Inputs among the values are compared by identity, as all nodes are.
        key = (kind, values(node))
        found = self._known.setdefault(key, node)
        self._ids.add(id(found))
        return found
