"""Rewrites of a plan that keep its result: each rule one file, applied in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kafkascope.pxl.plan import Aggregate, Append, Filter, Graph, Limit, Node, Spread, post_order
from kafkascope.pxl.rules import columns, filters, late, limits, parse, spread, timerange
from kafkascope.pxl.rules.rebuild import over

#: Each rule with the operator that it is about, if it is about one.
RULES: tuple[tuple[Callable[[Sequence[Node], Graph], list[Node]], type[Node] | None], ...] = (
    (spread.gather, Append), (filters.push_down, Filter), (spread.leave_out_empty, Spread), (limits.push_down, Limit), (timerange.narrow_scans, Filter),
    (parse.parse_once, Spread), (columns.prune, None), (late.put_off, Aggregate),
)  # fmt: skip


def intern(roots: Sequence[Node], graph: Graph) -> list[Node]:
    """The plans with equal parts made one."""
    done: dict[int, Node] = {}
    for node in post_order(roots):
        done[id(node)] = graph.add(over(node, tuple(done[id(child)] for child in node.inputs)))
    return [done[id(root)] for root in roots]


def optimize(roots: Sequence[Node], graph: Graph) -> list[Node]:
    """The plans after every rule, taken together: what several of them read stays one node."""
    plans = intern(roots, graph)
    for rule, about in RULES:
        if about is None or about in graph.kinds:
            plans = rule(plans, graph)
    return plans
