"""Comparisons of ``time_`` with a constant, directly over a scan, become part of the scan's window."""

from __future__ import annotations

from collections.abc import Sequence

from kafkascope.pxl.expr import Call, Column, Expr, Literal, conjuncts
from kafkascope.pxl.plan import Filter, Graph, Node, Scan
from kafkascope.pxl.rules.filters import conjunction
from kafkascope.pxl.rules.rebuild import over

_MIRROR = {"lessThan": "greaterThan", "lessThanEqual": "greaterThanEqual", "greaterThan": "lessThan", "greaterThanEqual": "lessThanEqual", "equal": "equal"}


def narrow_scans(roots: Sequence[Node], graph: Graph) -> list[Node]:
    """Each filter on ``time_`` over a scan, moved into the scan's window."""
    done: dict[int, Node] = {}
    for node in graph.order(roots):
        new = over(node, tuple(done[id(child)] for child in node.inputs))
        if isinstance(new, Filter) and isinstance(new.input, Scan):
            new = _narrow(new, new.input, graph)
        done[id(node)] = graph.add(new)
    return [done[id(root)] for root in roots]


def _narrow(node: Filter, scan: Scan, graph: Graph) -> Node:
    start, end, left = scan.start, scan.end, []
    for condition in conjuncts(node.condition):
        bounds = _bounds(condition)
        if bounds is None:
            left.append(condition)
            continue
        low, high = bounds
        start = low if start is None else start if low is None else max(start, low)
        end = high if end is None else end if high is None else min(end, high)
    if (start, end) == (scan.start, scan.end) and left:
        return node
    narrowed = graph.add(Scan(scan.table, start, end, scan.columns))
    return Filter(narrowed, conjunction(left)) if left else narrowed


def _bounds(condition: Expr) -> tuple[int | None, int | None] | None:
    """The inclusive window that a comparison of ``time_`` with a constant stands for."""
    if not isinstance(condition, Call) or condition.fn not in _MIRROR:
        return None
    fn, (a, b) = condition.fn, condition.args
    if isinstance(a, Literal) and isinstance(b, Column):
        fn, a, b = _MIRROR[fn], b, a
    if not (isinstance(a, Column) and a.name == "time_" and isinstance(b, Literal) and isinstance(b.value, int)):
        return None
    return {
        "lessThan": (None, b.value - 1), "lessThanEqual": (None, b.value), "greaterThan": (b.value + 1, None), "greaterThanEqual": (b.value, None), "equal": (b.value, b.value),
    }[fn]  # fmt: skip
