"""Rewrites of a plan that keep its result: each rule one file, applied in order."""

from __future__ import annotations

from collections.abc import Sequence

from kafkascope.pxl.plan import Graph, Node
from kafkascope.pxl.rules import columns, filters, limits, timerange

RULES = (filters.push_down, limits.push_down, timerange.narrow_scans, columns.prune)


def optimize(roots: Sequence[Node], graph: Graph) -> list[Node]:
    """The plans after every rule, taken together: what several of them read stays one node."""
    plans = list(roots)
    for rule in RULES:
        plans = rule(plans, graph)
    return plans
