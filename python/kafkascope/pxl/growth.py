"""Texts that a script makes out of themselves again and again, or of each row a thousand times, are refused before they fill the memory.

An engine's limit of memory does not see the text of rows on their way: it works on some thousand rows at a time, with all that is written of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kafkascope.pxl.errors import Place, error
from kafkascope.pxl.expr import Call, Column, Expr, Literal, Lookup
from kafkascope.pxl.given import Open
from kafkascope.pxl.plan import Aggregate, Append, Join, Node, Project, Scan, Spread, Unnest, post_order
from kafkascope.pxl.rules.parse import BODIES
from kafkascope.pxl.types import DataType

#: A text may hold so many texts of the tables.
MOST_TEXTS = 64
#: Bytes that a script may write of one row in all its steps: two threads with a vector of rows each take 4,096 times as much.
MOST_WRITTEN = 1 << 17
#: What texts of the tables usually have at most: names, and bodies as JSON.
_NAME, _BODY = 64, 1024
#: How many times as long a text may become by a replacement that no constant tells.
_UNKNOWN = 16


@dataclass(frozen=True, slots=True)
class _Text:
    """How many texts of the tables one holds, and about how many bytes."""

    texts: int = 1
    bytes: int = _NAME


_ONE = _Text()
_Texts = dict[str, _Text]


def check(roots: Iterable[tuple[Node, Place]]) -> None:
    """Raise ``PxLError`` when a column's text could hold more than ``MOST_TEXTS`` texts of the tables, or all that is written of a row more than ``MOST_WRITTEN`` bytes.

    With each root, its place in the script.
    """
    known: dict[int, _Texts] = {}
    written = 0
    for root, at in roots:
        for node in post_order([root]):
            if id(node) in known:
                continue
            texts = known[id(node)] = _texts(node, known)
            for name, text in texts.items():
                if text.texts > MOST_TEXTS:
                    raise error(f"column '{name}' joins more than {MOST_TEXTS} texts into one", at, "a text that is joined with itself again and again does not fit into memory")
            if isinstance(node, Project):
                written += sum(_made(expr, known[id(node.input)])[1] for _, expr in node.items)
                if written > MOST_WRITTEN:
                    raise error(f"the script writes more than {MOST_WRITTEN >> 10} KiB of each row", at, "take the fields that are needed out of a body once, and filter before")


def _texts(node: Node, known: dict[int, _Texts]) -> _Texts:
    inputs = [known[id(child)] for child in node.inputs]
    if isinstance(node, Scan):
        return {name: _Text(1, _BODY) if name in BODIES else _ONE for name in node.schema}
    if isinstance(node, Project):
        return {name: _text(expr, inputs[0]) for name, expr in node.items}
    if isinstance(node, Unnest):
        return {**inputs[0], node.name: _text(node.array, inputs[0])}
    if isinstance(node, Spread):
        return {**inputs[0], node.name: _most([_text(value, inputs[0]) for value in node.values])}
    if isinstance(node, Aggregate):
        return {**{k: inputs[0].get(k, _ONE) for k in node.keys}, **{m.name: inputs[0].get(m.args[0], _ONE) for m in node.measures}}
    if isinstance(node, Join):
        return {o.name: inputs[o.side].get(o.source, _ONE) for o in node.outputs}
    if isinstance(node, Append):
        return {name: _most([texts.get(name, _ONE) for texts in inputs]) for name in inputs[0]}
    return inputs[0] if inputs else dict.fromkeys(node.schema, _ONE)


def _most(texts: Sequence[_Text]) -> _Text:
    return _Text(max(text.texts for text in texts), max(text.bytes for text in texts))


def _text(expr: Expr, of: _Texts) -> _Text:
    return _made(expr, of)[0]


def _made(expr: Expr, of: _Texts) -> tuple[_Text, int]:
    """The text of an expression, and the bytes of all that is written on the way to it. What is joined is written once."""
    if isinstance(expr, Column):
        return of.get(expr.name, _ONE), 0
    if isinstance(expr, Literal):
        return _Text(1, _length(expr)), 0
    if isinstance(expr, Lookup):
        return _ONE, 0
    parts = [_made(arg, of) for arg in expr.args]
    written = sum(size for _, size in parts)
    if expr.type is not DataType.STRING:
        return _ONE, written
    args = [(arg, text) for arg, (text, _) in zip(expr.args, parts, strict=True) if arg.type is DataType.STRING]
    text = _of_call(expr, args)
    if expr.fn == "add":
        written -= sum(part.bytes for arg, part in args if isinstance(arg, Call) and arg.fn == "add")
    return text, written + text.bytes


def _of_call(expr: Call, args: list[tuple[Expr, _Text]]) -> _Text:
    texts = [text for _, text in args]
    if expr.fn in ("select", "coalesce"):
        return _most(texts)
    if expr.fn in ("pluck", "pluck_array"):
        return _Text(texts[0].texts, max(_NAME, texts[0].bytes // 2))
    if expr.fn == "replace":
        times = max(1, _length(expr.args[2])) if isinstance(expr.args[2], Literal) else _UNKNOWN
        return _Text(texts[1].texts * (1 + _references(expr)), texts[1].bytes * times)
    return _Text(sum(text.texts for arg, text in args if not isinstance(arg, Literal)) or 1, sum(text.bytes for text in texts) or _NAME)


def _length(expr: Expr) -> int:
    if isinstance(expr, Open):
        return _NAME
    return len(str(expr.value)) if isinstance(expr, Literal) and expr.type is DataType.STRING else 0


def _references(expr: Call) -> int:
    substitution = expr.args[2]
    return str(substitution.value).count("\\") if isinstance(substitution, Literal) else 1
