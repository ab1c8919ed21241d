"""Rewrites of a plan that keep its result: each rule one file, applied in order."""

from __future__ import annotations

from kafkascope.pxl.plan import Graph, Node
from kafkascope.pxl.rules import columns, filters, limits, timerange

RULES = (filters.push_down, limits.push_down, timerange.narrow_scans, columns.prune)


def optimize(root: Node, graph: Graph) -> Node:
    """The plan after every rule."""
    for rule in RULES:
        root = rule(root, graph)
    return root
