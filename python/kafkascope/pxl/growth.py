"""Texts that a script makes out of themselves again and again are refused before they fill the memory.

An engine's limit of memory does not see the text of rows on their way; a text doubled twenty times is a million times as long.
"""

from __future__ import annotations

from collections.abc import Sequence

from kafkascope.pxl.errors import error
from kafkascope.pxl.expr import Call, Column, Expr, Literal, Lookup
from kafkascope.pxl.plan import Aggregate, Append, Join, Node, Project, Spread, Unnest, post_order
from kafkascope.pxl.types import DataType

#: A text may hold so many texts of the tables.
MOST_TEXTS = 64


def check(roots: Sequence[Node]) -> None:
    """Raise ``PxLError`` when a column's text could hold more than ``MOST_TEXTS`` texts of the tables."""
    known: dict[int, dict[str, int]] = {}
    for node in post_order(roots):
        texts = known[id(node)] = _texts(node, known)
        for name, count in texts.items():
            if count > MOST_TEXTS:
                raise error(f"column '{name}' joins more than {MOST_TEXTS} texts into one", hint="a text that is joined with itself again and again does not fit into memory")


def _texts(node: Node, known: dict[int, dict[str, int]]) -> dict[str, int]:
    inputs = [known[id(child)] for child in node.inputs]
    if isinstance(node, Project):
        return {name: _count(expr, inputs[0]) for name, expr in node.items}
    if isinstance(node, Unnest):
        return {**inputs[0], node.name: _count(node.array, inputs[0])}
    if isinstance(node, Spread):
        return {**inputs[0], node.name: max(_count(value, inputs[0]) for value in node.values)}
    if isinstance(node, Aggregate):
        return {**{k: inputs[0].get(k, 1) for k in node.keys}, **{m.name: inputs[0].get(m.args[0], 1) for m in node.measures}}
    if isinstance(node, Join):
        return {o.name: inputs[o.side].get(o.source, 1) for o in node.outputs}
    if isinstance(node, Append):
        return {name: max(texts.get(name, 1) for texts in inputs) for name in inputs[0]}
    return inputs[0] if inputs else dict.fromkeys(node.schema, 1)


def _count(expr: Expr, texts: dict[str, int]) -> int:
    if isinstance(expr, Column):
        return texts.get(expr.name, 1)
    if isinstance(expr, (Literal, Lookup)) or expr.type is not DataType.STRING:
        return 1
    if expr.fn in ("select", "coalesce"):
        return max(_count(arg, texts) for arg in expr.args)
    if expr.fn == "replace":
        return _count(expr.args[1], texts) * (1 + _references(expr))
    return sum(_count(arg, texts) for arg in expr.args if arg.type is DataType.STRING and not isinstance(arg, Literal)) or 1


def _references(expr: Call) -> int:
    substitution = expr.args[2]
    return str(substitution.value).count("\\") if isinstance(substitution, Literal) else 1
