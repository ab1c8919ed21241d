"""Plans as DuckDB SQL: one common table expression for each node."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from kafkascope.pxl import derived
from kafkascope.pxl.expr import Call, Column, Expr, Literal, Lookup, has_lookup
from kafkascope.pxl.functions.metadata import OF_A_TIME, RELATIONS
from kafkascope.pxl.lower.duckdb_bodies import Bodies, parses
from kafkascope.pxl.lower.duckdb_functions import (
    DEFAULTS,
    SQL_TYPES,
    aggregate,
    array_of,
    call,
    elements,
    identifier,
    joined,
    json_text,
    literal,
    quoted,
)
from kafkascope.pxl.lower.duckdb_metadata import LOOKUPS, PODS_BY, stretch
from kafkascope.pxl.plan import (
    Aggregate,
    Append,
    Filter,
    Join,
    Limit,
    Node,
    Project,
    Scan,
    Sort,
    Spread,
    Unnest,
    Values,
    order_of,
    post_order,
)
from kafkascope.pxl.rules.rebuild import readers
from kafkascope.pxl.types import DataType

#: Marks rows of a side that can be without a partner; no column of a script has this name in SQL.
_PARTNER = '"^partner"'


@dataclass(frozen=True, slots=True)
class Lowered:
    """SQL of the results of one script. Of several, it gives one row with a list of rows for each; ``orders`` is the order of each one's rows."""

    sql: str
    orders: tuple[tuple[tuple[str, bool], ...], ...]


def lower(roots: Sequence[Node], engine: Any, max_rows: int, wraps: bool = False) -> Lowered:
    """SQL for the rows of every root, one more than ``max_rows`` of each so that a cut is seen; whole numbers beyond 64 bits are an error of the engine unless it ``wraps``.

    One statement for all, so that what they have in common is read and computed once.
    """
    return _Lowering(engine, wraps).run(roots, max_rows)


def overflowed(problem: Exception) -> bool:
    """Whether the engine found a whole number beyond 64 bits, by the words it has for that."""
    return _BEYOND.search(str(problem)) is not None


_BEYOND = re.compile(r"Out of Range Error: Overflow (in|on) |Type INT128 with value \S+ can't be cast because the value is out of range for the destination type INT64")


class _Lowering:
    def __init__(self, engine: Any, wraps: bool) -> None:
        self.engine = engine
        self.wraps = wraps
        self.parts: list[str] = []
        self.names: dict[int, str] = {}
        self.metadata: dict[str, str] = {}
        #: Nodes whose rows may hold the greatest or smallest number for the minimum or maximum of nothing: computing from it is no error.
        self.nothing: set[int] = set()
        #: Nodes that cost less to compute for each reader than to share.
        self.cheap: set[int] = set()
        self.bodies = Bodies((), ())

    def run(self, roots: Sequence[Node], max_rows: int) -> Lowered:
        nodes = list(post_order(roots))
        kept, copies = _kept(nodes, roots)
        self.bodies = Bodies(nodes, roots)
        for node in nodes:
            self.bodies.enter(node)
            if self.wraps or _of_nothing(node) or any(id(child) in self.nothing for child in node.inputs):
                self.nothing.add(id(node))
            body = getattr(self, f"_{type(node).__name__.lower()}")(node)
            if id(node) not in kept and 1 < copies[id(node)] <= _MOST_COPIES and self._is_cheap(node, body):
                # The engine reads a table expression once for all that name it, with the columns of all, and hands the rows on: dearer than each reading its own.
                self.names[id(node)] = f"({body})"
                continue
            name = self.names[id(node)] = f"n{len(self.names)}"
            self.parts.append(f"{name} AS {'' if id(node) in kept else 'NOT '}MATERIALIZED ({body})")
        orders = tuple(order_of(root) or ((("time_", False),) if "time_" in root.schema else ()) for root in roots)
        finals = [self._final(root, order, max_rows) for root, order in zip(roots, orders, strict=True)]
        if len(finals) > 1:
            self.parts += [f"o{i} AS NOT MATERIALIZED ({final})" for i, final in enumerate(finals)]
            final = "SELECT " + ", ".join(f"(SELECT list(o{i}) FROM o{i}) AS o{i}" for i in range(len(finals)))
        else:
            final = finals[0]
        metadata = [f"{name} AS {'' if LOOKUPS[relation].small else 'NOT '}MATERIALIZED ({LOOKUPS[relation].sql})" for relation, name in self.metadata.items()]
        return Lowered("WITH\n" + ",\n".join([*metadata, *self.parts]) + "\n" + final, orders)

    def _is_cheap(self, node: Node, body: str) -> bool:
        """Rows of one table without its long texts, at most filtered."""
        if isinstance(node, Scan):
            relation = self.engine.relations()[node.table]
            long = any(relation.by_name[c.name].pattern.name == "STRUCTURED" for c in node.columns)
            cheap = relation.kind.value in ("observed", "sampled") and not long and " JOIN " not in body
        else:
            cheap = isinstance(node, Filter) and not has_lookup(node.condition) and id(node.input) in self.cheap
        if cheap:
            self.cheap.add(id(node))
        return cheap

    def _final(self, root: Node, order: tuple[tuple[str, bool], ...], max_rows: int) -> str:
        columns = ", ".join(identifier(c) for c in root.schema)
        return f"SELECT {columns} FROM {self.names[id(root)]}{_order_by(order)} LIMIT {max_rows + 1}"

    # ---- nodes ----

    def _scan(self, node: Scan) -> str:
        names = [c.name for c in node.columns]
        end = None if node.end is None else node.end + 1
        relation = self.engine.relations()[node.table]
        if relation.kind.value == "derived":
            listed = ", ".join(identifier(n) for n in names)
            return f"SELECT {listed} FROM ({derived.sql(node.table, self.engine.scan, node.start, end)})"
        return str(self.engine.scan(node.table, node.start, end, names))

    def _values(self, node: Values) -> str:
        # One JSON text for each column: the engine's own parser of long lists of constants is ten times slower.
        texts = [quoted(json.dumps([row[i] for row in node.rows])) for i in range(len(node.columns))]
        kinds = [f"'[\"{SQL_TYPES[c.type]}\"]'" for c in node.columns]
        listed = ", ".join(f"unnest(from_json({t}, {k})) AS {identifier(c.name)}" for t, k, c in zip(texts, kinds, node.columns, strict=True))
        return f"SELECT {listed}"

    def _project(self, node: Project) -> str:
        scope = _Lookups(self, node)
        listed = ", ".join(f"{self.bodies.value(node, name, expr, scope.sql) or scope.sql(expr)} AS {identifier(name)}" for name, expr in node.items)
        return f"SELECT {listed} FROM {self.names[id(node.input)]} AS t{scope.joins()}"

    def _filter(self, node: Filter) -> str:
        scope = _Lookups(self, node)
        condition = scope.sql(node.condition)
        return f"SELECT t.* FROM {self.names[id(node.input)]} AS t{scope.joins()} WHERE {condition}"

    def _unnest(self, node: Unnest) -> str:
        scope = _Lookups(self, node)
        kept = [f"t.{identifier(n)}" for n in node.schema if n != node.name]
        read = self.bodies.elements(node, node.array, scope.sql)
        # What is no array has no elements; an element that is null is empty text, as px.pluck_array gives it.
        element = f"unnest({read})" if read else f"coalesce(unnest(TRY(json_extract_string({json_text(scope.sql(node.array))}, '$[*]'))), '')"
        return f"SELECT {', '.join([*kept, f'{element} AS {identifier(node.name)}'])} FROM {self.names[id(node.input)]} AS t{scope.joins()}"

    def _spread(self, node: Spread) -> str:
        scope = _Lookups(self, node)
        kept = [f"t.{identifier(n)}" for n in node.schema if n != node.name]
        array = array_of(node.values)
        read = self.bodies.elements(node, array, scope.sql) if array is not None else None
        values = f"({read})[1:{len(node.values)}]" if read else elements(node.values, scope.sql)
        if node.filled and not read:
            values = f"list_filter({values}, lambda value: value <> '')"
        return f"SELECT {', '.join([*kept, f'unnest({values}) AS {identifier(node.name)}'])} FROM {self.names[id(node.input)]} AS t{scope.joins()}"

    def _aggregate(self, node: Aggregate) -> str:
        known = node.input.schema
        keys = [f"t.{identifier(k)}" for k in node.keys]
        measures = [f"{aggregate(m, known[m.args[0]], bool(node.keys), id(node) in self.nothing)} AS {identifier(m.name)}" for m in node.measures]
        group = f" GROUP BY {', '.join(keys)}" if keys else ""
        return f"SELECT {', '.join(keys + measures)} FROM {self.names[id(node.input)]} AS t{group}"

    def _join(self, node: Join) -> str:
        left, right = self.names[id(node.left)], self.names[id(node.right)]
        outer_left, outer_right = node.how in ("right", "outer"), node.how in ("left", "outer")
        listed = []
        for output in node.outputs:
            column = node.inputs[output.side].schema[output.source]
            text = f"{'lr'[output.side]}.{identifier(output.source)}"
            if (outer_left, outer_right)[output.side]:
                # A row without a partner has the types' defaults; a null of a row with one stays unknown.
                default = DEFAULTS[column.type]
                partner = f"{'lr'[output.side]}.{_PARTNER}"
                text = f"CASE WHEN {partner} IS NULL THEN {default} ELSE {text} END" if column.nullable else f"coalesce({text}, {default})"
            listed.append(f"{text} AS {identifier(output.name)}")
        how = {"inner": "INNER", "left": "LEFT", "right": "RIGHT", "outer": "FULL OUTER"}[node.how]
        on = " AND ".join(f"l.{identifier(a)} = r.{identifier(b)}" for a, b in node.keys)
        join = f"{how} JOIN {{}} AS r ON {on or 'true'}" if on or node.how != "inner" else "CROSS JOIN {} AS r"
        left_from = f"(SELECT *, true AS {_PARTNER} FROM {left})" if outer_left else left
        right_from = f"(SELECT *, true AS {_PARTNER} FROM {right})" if outer_right else right
        return f"SELECT {', '.join(listed)} FROM {left_from} AS l {join.format(right_from)}"

    def _append(self, node: Append) -> str:
        listed = ", ".join(identifier(n) for n in node.schema)
        return " UNION ALL ".join(f"SELECT {listed} FROM {self.names[id(part)]}" for part in node.parts)

    def _sort(self, node: Sort) -> str:
        return f"SELECT * FROM {self.names[id(node.input)]}"

    def _limit(self, node: Limit) -> str:
        return f"SELECT * FROM {self.names[id(node.input)]}{_order_by(node.keys)} LIMIT {node.count}"


class _Lookups:
    """The metadata joins of one SELECT: each (relation, key) joined once."""

    def __init__(self, lowering: _Lowering, node: Node) -> None:
        self.lowering = lowering
        self.node = node
        self.wraps = id(node) in lowering.nothing
        self.aliases: dict[tuple[str, Expr, Expr | None], str] = {}
        self.texts: list[str] = []

    def sql(self, expr: Expr) -> str:
        """SQL of an expression over the alias ``t``."""
        if isinstance(expr, Column):
            return f"t.{identifier(expr.name)}"
        if isinstance(expr, Literal):
            return literal(expr.value, expr.type)
        if isinstance(expr, Call):
            read = self.lowering.bodies.text(self.node, expr, self.sql)
            if read is not None:
                return read
            if expr.fn == "add" and expr.type is DataType.STRING and not expr.nullable:
                # Joined two at a time, each text would be kept beside the next until the rows are done.
                return f"concat({', '.join(self.sql(part) for part in joined(expr))})"
            return call(expr, [self.sql(arg) for arg in expr.args], self.wraps)
        return self._lookup(expr)

    def _lookup(self, expr: Lookup) -> str:
        if expr.relation == "pod" and isinstance(expr.key, Lookup) and expr.key.relation in PODS_BY and expr.key.field == "pod_id":
            # That row is the pod's already.
            expr = replace(expr.key, field=expr.field, type=expr.type, semantic=expr.semantic)
        joined = (expr.relation, expr.key, expr.at)
        alias = self.aliases.get(joined)
        if alias is None:
            key, time = self.sql(expr.key), "" if expr.at is None else self.sql(expr.at)
            alias = self.aliases[joined] = f"m{len(self.aliases)}"
            view = self.lowering.metadata.setdefault(expr.relation, f"md_of_{expr.relation}")
            when = stretch(alias, time) if expr.relation in OF_A_TIME else ""
            self.texts.append(f" LEFT JOIN {view} AS {alias} ON {alias}.{identifier(RELATIONS[expr.relation])} = {key}{when}")
        return f"coalesce({alias}.{identifier(expr.field)}, {DEFAULTS[expr.type]})"

    def joins(self) -> str:
        """The joins that the expressions so far need, in the order that they need one another."""
        return "".join(self.texts)


def _of_nothing(node: Node) -> bool:
    return isinstance(node, Aggregate) and not node.keys and any(m.fn in ("min", "max") for m in node.measures)


#: A node is computed at most so often before its rows are kept instead.
_MOST_COPIES = 8


def _kept(nodes: list[Node], roots: Sequence[Node]) -> tuple[set[int], Counter[int]]:
    """The nodes whose rows are kept for all that read them: where that is cheaper than computing them again, or a copy of each would be too many.

    Also how often each node would be computed if only those were shared.
    """
    uses = readers(nodes, roots)
    work: set[int] = set()
    for node in nodes:
        # Rows that several read are kept: what stands on them does not do their work again, and keeping them once more would take as much memory.
        if isinstance(node, (Aggregate, Join, Limit, Unnest, Spread)) or parses(node) or any(id(child) in work and uses[id(child)] == 1 for child in node.inputs):
            work.add(id(node))
    copies = Counter(map(id, roots))
    kept: set[int] = set()
    for node in reversed(nodes):
        if uses[id(node)] > 1 and not isinstance(node, (Scan, Values)) and (id(node) in work or copies[id(node)] > _MOST_COPIES):
            kept.add(id(node))
            copies[id(node)] = 1
        for child in node.inputs:
            copies[id(child)] += copies[id(node)]
    return kept, copies


def _order_by(keys: tuple[tuple[str, bool], ...]) -> str:
    return " ORDER BY " + ", ".join(f"{identifier(name)} {'ASC' if up else 'DESC'}" for name, up in keys) if keys else ""
