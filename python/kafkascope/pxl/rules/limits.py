"""A limit moves below projections, so that only the rows that are kept are named and computed."""

from __future__ import annotations

from collections.abc import Sequence

from kafkascope.pxl.expr import Column
from kafkascope.pxl.plan import Graph, Limit, Node, Project, Sort
from kafkascope.pxl.rules.rebuild import over, readers


def push_down(roots: Sequence[Node], graph: Graph) -> list[Node]:
    """Every limit as far down as its order's columns are only passed on."""
    shared = {key for key, count in readers(graph.order(roots), roots).items() if count > 1}
    done: dict[int, Node] = {}
    for node in graph.order(roots):
        new = over(node, tuple(done[id(child)] for child in node.inputs))
        if isinstance(new, Limit) and id(node.inputs[0]) not in shared:
            new = _push(new, graph)
        done[id(node)] = graph.add(new)
    return [done[id(root)] for root in roots]


def _push(limit: Limit, graph: Graph) -> Node:
    below = limit.input
    if isinstance(below, Sort):
        return _push(Limit(below.input, limit.count, limit.keys or below.keys), graph)
    if isinstance(below, Project):
        items = dict(below.items)
        sources = [items[name] for name, _ in limit.keys]
        if limit.keys and all(isinstance(s, Column) for s in sources):
            keys = tuple((s.name, up) for s, (_, up) in zip(sources, limit.keys, strict=True) if isinstance(s, Column))
            return graph.add(Project(graph.add(_push(Limit(below.input, limit.count, keys), graph)), below.items))
    return graph.add(limit)
