"""Copies of a node over other inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import replace

from kafkascope.pxl.plan import Aggregate, Append, Filter, Join, Limit, Node, Project, Sort, Spread, Unnest


def over(node: Node, inputs: tuple[Node, ...]) -> Node:
    """The operator over other inputs; itself when they are the same."""
    if inputs == node.inputs:
        return node
    if isinstance(node, Join):
        return replace(node, left=inputs[0], right=inputs[1])
    if isinstance(node, Append):
        return replace(node, parts=inputs)
    if isinstance(node, (Project, Filter, Aggregate, Sort, Limit, Unnest, Spread)):
        return replace(node, input=inputs[0])
    return node


def readers(nodes: Sequence[Node], roots: Sequence[Node]) -> Counter[int]:
    """How often each of ``nodes``, which are all below ``roots``, is read, by operators and as a result, by identity."""
    return Counter([*(id(child) for node in nodes for child in node.inputs), *map(id, roots)])


def hidden(name: str, taken: Container[str]) -> str:
    """A name that no script gave and that is not among ``taken``."""
    name = "^" + name
    while name in taken:
        name = "^" + name
    return name
