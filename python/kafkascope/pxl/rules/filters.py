"""Filters move towards the scans, so that less is joined, named and grouped."""

from __future__ import annotations

from collections.abc import Sequence

from kafkascope.pxl.expr import Call as _Call
from kafkascope.pxl.expr import Column, Expr, Literal, columns, conjuncts, has_lookup, substitute
from kafkascope.pxl.plan import Aggregate, Append, Filter, Graph, Join, Node, Project, Sort, Spread, Unnest
from kafkascope.pxl.rules.rebuild import over, readers
from kafkascope.pxl.types import DataType


def push_down(roots: Sequence[Node], graph: Graph) -> list[Node]:
    """Every filter as far down as its columns allow; never below a node that something else reads too."""
    shared = {key for key, count in readers(graph.order(roots), roots).items() if count > 1}
    done: dict[int, Node] = {}
    fixed: set[int] = set()
    for node in graph.order(roots):
        inputs = tuple(done[id(child)] for child in node.inputs)
        if isinstance(node, Filter):
            new = _push(inputs[0], conjuncts(node.condition), graph, fixed)
        else:
            new = graph.add(over(node, inputs))
        done[id(node)] = new
        if id(node) in shared:
            fixed.add(id(new))
    return [done[id(root)] for root in roots]


def _push(node: Node, conditions: list[Expr], graph: Graph, fixed: set[int]) -> Node:
    """``node`` with the conditions applied as deep as they can be, but above the nodes of ``fixed``."""
    if id(node) in fixed:
        return graph.add(Filter(node, conjunction(conditions)))
    here: list[Expr] = []
    if isinstance(node, Filter):
        return _push(node.input, conjuncts(node.condition) + conditions, graph, fixed)
    if isinstance(node, Sort):
        return graph.add(Sort(_push(node.input, conditions, graph, fixed), node.keys))
    if isinstance(node, Append):
        return graph.add(Append(tuple(_push(part, conditions, graph, fixed) for part in node.parts)))
    if isinstance(node, Project):
        items = dict(node.items)
        below = []
        for condition in conditions:
            if all(_cheap(items[name]) for name in columns(condition)):
                below.append(substitute(condition, lambda c: items[c.name]))
            else:
                here.append(condition)
        if below:
            node = Project(_push(node.input, below, graph, fixed), node.items)
    elif isinstance(node, (Unnest, Spread)):
        below = [c for c in conditions if node.name not in columns(c)]
        here = [c for c in conditions if node.name in columns(c)]
        if below:
            node = over(node, (_push(node.input, below, graph, fixed),))
    elif isinstance(node, Aggregate) and node.keys:
        below = [c for c in conditions if columns(c) and columns(c) <= set(node.keys)]
        here = [c for c in conditions if not (columns(c) and columns(c) <= set(node.keys))]
        if below:
            node = Aggregate(_push(node.input, below, graph, fixed), node.keys, node.measures)
    elif isinstance(node, Join) and node.how in ("inner", "left"):
        source = {o.name: o.source for o in node.outputs if o.side == 0}
        below = [c for c in conditions if columns(c) and columns(c) <= source.keys()]
        here = [c for c in conditions if not (columns(c) and columns(c) <= source.keys())]
        if below:
            renamed = [substitute(c, lambda column: Column(source[column.name], column.type, column.semantic, column.nullable)) for c in below]
            node = Join(_push(node.left, renamed, graph, fixed), node.right, node.how, node.keys, node.outputs)
    else:
        here = conditions
    node = graph.add(node)
    return graph.add(Filter(node, conjunction(here))) if here else node


def _cheap(expr: Expr) -> bool:
    """Computing it twice costs less than carrying rows that will be dropped."""
    return isinstance(expr, (Column, Literal)) or (isinstance(expr, _Call) and not has_lookup(expr) and expr.fn in ("equal", "notEqual", "select"))


def conjunction(parts: list[Expr]) -> Expr:
    """One condition of several that must all hold."""
    result = parts[0]
    for part in parts[1:]:
        result = _Call("logicalAnd", (result, part), DataType.BOOLEAN, nullable=result.nullable or part.nullable)
    return result
