"""Columns that nothing reads are not computed and not read from storage: bodies above all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kafkascope.pxl.expr import Column, columns
from kafkascope.pxl.plan import (
    Aggregate,
    Append,
    Filter,
    Graph,
    Join,
    Limit,
    Node,
    Project,
    Scan,
    Sort,
    Spread,
    Unnest,
)
from kafkascope.pxl.rules.rebuild import over


def prune(roots: Sequence[Node], graph: Graph) -> list[Node]:
    """Every node with only the columns that are read from it; the root keeps all."""
    order = graph.order(roots)
    needed: dict[int, set[str]] = {id(node): set() for node in order}
    for root in roots:
        needed[id(root)] = set(root.schema)
    for node in reversed(order):
        _require(node, needed)
    done: dict[int, Node] = {}
    for node in order:
        inputs = tuple(done[id(child)] for child in node.inputs)
        done[id(node)] = graph.add(_narrow(over(node, inputs), needed[id(node)], graph))
    return [done[id(root)] for root in roots]


def _require(node: Node, needed: dict[int, set[str]]) -> None:
    """Add to the inputs' columns what ``node`` reads, given what is read from it."""
    wanted = needed[id(node)]
    if not wanted:
        wanted.add(next(iter(node.schema)))
    if isinstance(node, Project):
        for name, expr in node.items:
            if name in wanted:
                needed[id(node.input)] |= columns(expr)
    elif isinstance(node, Filter):
        needed[id(node.input)] |= wanted | columns(node.condition)
    elif isinstance(node, Unnest):
        needed[id(node.input)] |= (wanted - {node.name}) | columns(node.array)
    elif isinstance(node, Spread):
        needed[id(node.input)] |= (wanted - {node.name}).union(*(columns(v) for v in node.values))
    elif isinstance(node, Aggregate):
        needed[id(node.input)] |= set(node.keys) | {a for m in node.measures if m.name in wanted for a in m.args}
    elif isinstance(node, Join):
        for output in node.outputs:
            if output.name in wanted:
                needed[id(node.inputs[output.side])].add(output.source)
        for left, right in node.keys:
            needed[id(node.left)].add(left)
            needed[id(node.right)].add(right)
    elif isinstance(node, Append):
        for part in node.parts:
            needed[id(part)] |= wanted
    elif isinstance(node, (Sort, Limit)):
        needed[id(node.input)] |= wanted | {name for name, _ in node.keys}


def _narrow(node: Node, wanted: set[str], graph: Graph) -> Node:
    if isinstance(node, Append):
        # Parts are matched by position once they have the same columns: a filter's input may have kept more.
        names = [n for n in node.parts[0].schema if n in wanted]
        return over(node, tuple(_exactly(part, names, graph) for part in node.parts))
    if isinstance(node, Project):
        items = tuple(i for i in node.items if i[0] in wanted)
        if all(isinstance(e, Column) and e.name == name for name, e in items) and list(node.input.schema.values()) == [e for _, e in items]:
            return node.input
        return node if len(items) == len(node.items) else Project(node.input, items)
    if isinstance(node, Scan):
        read = tuple(c for c in node.columns if c.name in wanted)
        return node if len(read) == len(node.columns) else replace(node, columns=read)
    if isinstance(node, Aggregate):
        measures = tuple(m for m in node.measures if m.name in wanted)
        return node if len(measures) == len(node.measures) else Aggregate(node.input, node.keys, measures)
    if isinstance(node, Join):
        outputs = tuple(o for o in node.outputs if o.name in wanted)
        return node if len(outputs) == len(node.outputs) else replace(node, outputs=outputs)
    return node


def _exactly(node: Node, names: list[str], graph: Graph) -> Node:
    if list(node.schema) == names:
        return node
    return graph.add(Project(node, tuple((n, node.schema[n]) for n in names)))
