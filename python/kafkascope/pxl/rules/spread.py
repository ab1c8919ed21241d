"""Copies of one frame that differ in one column, appended to one another, are read once: the frame with a row for each value of that column.

Scripts that take elements 0, 1, 2 … out of a JSON array append so many copies; two arrays inside one another would read the frame five times five times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from kafkascope.pxl.expr import Call, Column, Expr, Literal, conjuncts, substitute
from kafkascope.pxl.plan import Append, Filter, Graph, Node, Project, Spread
from kafkascope.pxl.rules.filters import conjunction
from kafkascope.pxl.rules.rebuild import hidden, over, readers
from kafkascope.pxl.types import DataType


def gather(roots: Sequence[Node], graph: Graph) -> list[Node]:
    """Every append of such copies as one operator."""
    uses = readers(graph.order(roots), roots)
    done: dict[int, Node] = {}
    for node in graph.order(roots):
        new = graph.add(over(node, tuple(done[id(child)] for child in node.inputs)))
        if isinstance(node, Append) and isinstance(new, Append):
            new = _gathered(node, done, uses, graph) or new
        done[id(node)] = new
    return [done[id(root)] for root in roots]


def leave_out_empty(roots: Sequence[Node], graph: Graph) -> list[Node]:
    """Where only values that are not empty go on, the others make no rows in the first place."""
    uses = readers(graph.order(roots), roots)
    done: dict[int, Node] = {}
    for node in graph.order(roots):
        new = graph.add(over(node, tuple(done[id(child)] for child in node.inputs)))
        if isinstance(new, Filter) and isinstance(new.input, Spread) and uses[id(node.inputs[0])] == 1:
            spread = new.input
            one = spread.schema[spread.name]
            parts = conjuncts(new.condition)
            left = [part for part in parts if part != Call("notEqual", (one, _EMPTY), DataType.BOOLEAN)]
            if len(left) < len(parts):
                filled = graph.add(replace(spread, filled=True))
                new = graph.add(Filter(filled, conjunction(left))) if left else filled
        done[id(node)] = new
    return [done[id(root)] for root in roots]


_EMPTY = Literal("", DataType.STRING)


def _gathered(append: Append, done: dict[int, Node], uses: Counter[int], graph: Graph) -> Node | None:
    parts = [_project(done[id(part)]) for part in _parts(append, uses)]
    first = parts[0]
    if first is None or any(part is None or part.input is not first.input for part in parts):
        return None
    columns = [dict(part.items) for part in parts if part is not None]
    differing = [name for name in columns[0] if any(other[name] != columns[0][name] for other in columns)]
    if len(differing) != 1:
        return None
    values = tuple(column[differing[0]] for column in columns)
    name = hidden(differing[0], first.input.schema)
    spread = graph.add(Spread(first.input, name, values))
    one = spread.schema[name]
    return graph.add(Project(spread, tuple((n, one if n == differing[0] else expr) for n, expr in first.items)))


def _parts(append: Append, uses: Counter[int]) -> list[Node]:
    """What is appended, through appends that nothing else reads."""
    found: list[Node] = []
    for part in append.parts:
        found += _parts(part, uses) if isinstance(part, Append) and uses[id(part)] == 1 else [part]
    return found


def _project(node: Node) -> Project | None:
    """The node as one projection of what is no projection of other columns."""
    while isinstance(node, Project) and isinstance(node.input, Project) and all(isinstance(expr, Column) for _, expr in node.items):
        below: dict[str, Expr] = dict(node.input.items)
        node = Project(node.input.input, tuple((name, substitute(expr, lambda c, b=below: b[c.name])) for name, expr in node.items))  # type: ignore[misc]
    return node if isinstance(node, Project) else None
