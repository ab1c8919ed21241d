"""Rewrites of a plan that keep its result: each rule one file, applied in order."""

from __future__ import annotations

from collections.abc import Sequence

from kafkascope.pxl.plan import Graph, Node, post_order
from kafkascope.pxl.rules import columns, filters, limits, spread, timerange
from kafkascope.pxl.rules.rebuild import over

RULES = (spread.gather, filters.push_down, limits.push_down, timerange.narrow_scans, columns.prune)


def intern(roots: Sequence[Node], graph: Graph) -> list[Node]:
    """The plans with equal parts made one."""
    done: dict[int, Node] = {}
    for node in post_order(roots):
        done[id(node)] = graph.add(over(node, tuple(done[id(child)] for child in node.inputs)))
    return [done[id(root)] for root in roots]


def optimize(roots: Sequence[Node], graph: Graph) -> list[Node]:
    """The plans after every rule, taken together: what several of them read stays one node."""
    plans = intern(roots, graph)
    for rule in RULES:
        plans = rule(plans, graph)
    return plans
