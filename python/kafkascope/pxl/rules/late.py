"""Texts that only tell groups apart are made once for each group and not for each row: links to other scripts above all.

Rows are grouped by what such a text is made of, the text is made of the groups, and groups with the same text become one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kafkascope.pxl.expr import Call, Column, Expr, Literal, children, columns, substitute, walk, with_semantic
from kafkascope.pxl.plan import (
    Aggregate,
    Filter,
    Graph,
    Limit,
    Measure,
    Node,
    Project,
    Sort,
    Spread,
    Unnest,
)
from kafkascope.pxl.rules.rebuild import hidden, over
from kafkascope.pxl.types import DataType

#: How a measure of groups becomes that of the groups' group.
_OF_PARTS = {"sum": "sum", "count": "sum", "min": "min", "max": "max"}
_DEAR = frozenset({"script_reference", "add"})
#: What keeps texts apart that differ, so that not many more groups come out than there are texts.
_MOVABLE = _DEAR | {"select", "equal", "notEqual", "logicalAnd", "logicalOr", "logicalNot"}
_FEW_VALUES = (DataType.STRING, DataType.BOOLEAN)
_MOST_PARTS = 100

#: Columns that are not computed yet, by the name that the script gave them, over the columns that there are.
_Late = dict[str, Expr]


def put_off(roots: Sequence[Node], graph: Graph) -> list[Node]:
    """Every text that is nothing but a group's key, computed behind the grouping."""
    order = graph.order(roots)
    if not any(isinstance(node, Project) and any(_dear(expr) for _, expr in node.items) for node in _before_grouping(order)):
        return list(roots)
    read = _read_by_row(roots, order)
    replaced = {node.name for node in order if isinstance(node, (Spread, Unnest))}
    done: dict[int, Node] = {}
    late: dict[int, _Late] = {}
    for node in order:
        inputs = tuple(done[id(child)] for child in node.inputs)
        below = late[id(node.inputs[0])] if len(node.inputs) == 1 else {}
        if isinstance(node, Project):
            new, late[id(node)] = _projected(node, inputs[0], below, read[id(node)], replaced)
        elif isinstance(node, Aggregate):
            new, late[id(node)] = _grouped(node, inputs[0], below, graph), {}
        else:
            own = node.name if isinstance(node, (Spread, Unnest)) else None
            new, late[id(node)] = over(node, inputs), {name: text for name, text in below.items() if name != own}
        done[id(node)] = graph.add(new)
    return [done[id(root)] for root in roots]


def _before_grouping(order: Sequence[Node]) -> list[Node]:
    """The nodes whose rows go into groups that can be made in two steps."""
    found: set[int] = set()
    for node in reversed(order):
        if id(node) in found or (isinstance(node, Aggregate) and node.keys and _apart(node)):
            found.update(map(id, node.inputs))
    return [node for node in order if id(node) in found]


def _apart(node: Aggregate) -> bool:
    return all(m.fn in _OF_PARTS for m in node.measures)


def _read_by_row(roots: Sequence[Node], order: Sequence[Node]) -> dict[int, set[str]]:
    """The columns of each node whose value is needed in every row; the others are keys of groups, at most."""
    parts = _parts(order)
    read: dict[int, set[str]] = {id(node): set() for node in order}
    for root in roots:
        read[id(root)].update(root.schema)
    for node in reversed(order):
        mine = read[id(node)]
        if isinstance(node, Project):
            mine.update(name for name, expr in node.items if not _movable(expr) or parts[id(node)][name] > _MOST_PARTS)
            for name, expr in node.items:
                if name in mine:
                    read[id(node.input)] |= columns(expr)
        elif isinstance(node, Aggregate):
            read[id(node.input)].update(a for m in node.measures for a in m.args)
            read[id(node.input)].update(() if _apart(node) else node.keys)
        elif isinstance(node, Filter):
            read[id(node.input)] |= mine | columns(node.condition)
        elif isinstance(node, (Spread, Unnest)):
            values = node.values if isinstance(node, Spread) else (node.array,)
            read[id(node.input)] |= (mine - {node.name}).union(*map(columns, values))
        elif isinstance(node, (Sort, Limit)):
            read[id(node.input)] |= mine | {name for name, _ in node.keys}
        else:
            for child in node.inputs:
                read[id(child)].update(child.schema)
    return read


def _parts(order: Sequence[Node]) -> dict[int, dict[str, int]]:
    """How many parts the expression of each column has that is put off as long as it can be: texts made of one another double."""
    found: dict[int, dict[str, int]] = {}
    for node in order:
        below = found[id(node.inputs[0])] if len(node.inputs) == 1 else {}
        if isinstance(node, Project):
            found[id(node)] = {name: min(_count(expr, below), _MOST_PARTS + 1) for name, expr in node.items}
        elif isinstance(node, (Spread, Unnest)):
            found[id(node)] = {**below, node.name: 1}
        else:
            found[id(node)] = {} if isinstance(node, Aggregate) else below
    return found


def _count(expr: Expr, below: dict[str, int]) -> int:
    return below.get(expr.name, 1) if isinstance(expr, Column) else 1 + sum(_count(child, below) for child in children(expr))


def _dear(expr: Expr) -> bool:
    return isinstance(expr, Call) and ((expr.fn in _DEAR and expr.type is DataType.STRING) or any(map(_dear, expr.args)))


def _movable(expr: Expr) -> bool:
    """Whether it may be computed of groups: it is as good as its columns at telling them apart."""
    return isinstance(expr, Column) or all(
        isinstance(part, Literal) or (part.type in _FEW_VALUES and (isinstance(part, Column) or (isinstance(part, Call) and part.fn in _MOVABLE))) for part in walk(expr)
    )


def _projected(node: Project, below: Node, late: _Late, read: set[str], replaced: set[str]) -> tuple[Node, _Late]:
    """The projection without the texts that can wait, with the columns that those are made of instead: under names that stay theirs, as none of ``replaced`` would."""
    items: list[tuple[str, Expr]] = []
    waiting: _Late = {}
    for name, expr in node.items:
        whole = expr if name in read else _over_late(expr, late)
        if name not in read and _dear(whole):
            waiting[name] = whole
        else:
            items.append((name, expr))
    if not waiting:
        return over(node, (below,)), {}
    taken = replaced.union(name for name, _ in node.items)
    held = {expr.name: name for name, expr in items if isinstance(expr, Column) and name not in replaced}

    def kept(column: Column) -> Column:
        if column.name not in held:
            name = hidden(column.name.lstrip("^"), taken)
            taken.add(name)
            held[column.name] = name
            items.append((name, column))
        return replace(column, name=held[column.name])

    after = {name: substitute(expr, kept) for name, expr in waiting.items()}
    return Project(below, tuple(items)), after


def _over_late(expr: Expr, late: _Late) -> Expr:
    if isinstance(expr, Column) and expr.name in late:
        whole = late[expr.name]
        return whole if whole.semantic is expr.semantic else with_semantic(whole, expr.semantic)
    return substitute(expr, lambda column: late.get(column.name, column)) if late else expr


def _grouped(node: Aggregate, below: Node, late: _Late, graph: Graph) -> Node:
    texts = {key: late[key] for key in node.keys if key in late}
    if not texts:
        return over(node, (below,))
    made_of = {name: None for key in node.keys for name in (sorted(columns(texts[key])) if key in texts else (key,))}
    # What a text is made of may have the name of a measure.
    measured = {m.name: hidden(m.name, made_of) if m.name in made_of else m.name for m in node.measures}
    fine = graph.add(Aggregate(below, tuple(made_of), tuple(replace(m, name=measured[m.name]) for m in node.measures)))
    known = fine.schema
    items = [(key, texts.get(key) or known[key]) for key in node.keys] + [(name, known[name]) for name in measured.values()]
    parts = tuple(Measure(m.name, _OF_PARTS[m.fn], (measured[m.name],), m.type, m.semantic, m.nullable) for m in node.measures)
    return Aggregate(graph.add(Project(fine, tuple(items))), node.keys, parts)
