"""From text to a syntax tree: Python's grammar, read but never executed, and what PxL accepts of it."""

from __future__ import annotations

import ast
import io
import keyword
import re
import threading
import tokenize
import warnings
from functools import lru_cache
from itertools import pairwise

from kafkascope.pxl.errors import PxLError, error

MAX_SOURCE = 1 << 18
#: CPython before 3.12 counts the depth of the tree it builds for all threads together and fails with "AST constructor recursion depth mismatch"
#: when two build one at a time (cpython issue 106905); and which warnings are caught is a fact of the process as well.
_ONE_AT_A_TIME = threading.Lock()
_PRAGMA = re.compile(r"^[ \t]*#px:set[ \t]+(\w+)=(\S+)[ \t]*$", re.M)

#: How a user calls the things that a script cannot hold.
_FOREIGN = {
    "If": "an if statement", "For": "a for loop", "While": "a while loop", "With": "a with statement", "ClassDef": "a class", "Try": "a try statement",
    "Delete": "del", "Pass": "pass", "Assert": "assert", "Global": "global", "Nonlocal": "nonlocal", "AugAssign": "an augmented assignment",
    "Lambda": "a lambda", "ListComp": "a comprehension", "SetComp": "a comprehension", "DictComp": "a comprehension", "GeneratorExp": "a comprehension",
    "Await": "await", "Yield": "yield", "Starred": "a starred argument", "NamedExpr": "an assignment expression", "Set": "a set", "Slice": "a slice",
    "Raise": "raise", "AsyncFunctionDef": "an async function", "AnnAssign": "an annotated assignment", "Match": "a match statement", "TryStar": "a try statement",
    "AsyncFor": "a for loop", "AsyncWith": "a with statement", "YieldFrom": "yield", "TypeAlias": "a type alias",
}  # fmt: skip
_HINTS = {
    "AugAssign": "write df.x = df.x + 1", "If": "use px.select(condition, a, b) for columns, or `a if condition else b` for constants",
    "For": "PxL has no loops: aggregate, or append frames", "While": "PxL has no loops: aggregate, or append frames", "Slice": "use df.head(n), or px.substring for text",
    "Lambda": "write a def", "Pass": "leave it out",
}  # fmt: skip


def foreign(node: ast.AST) -> PxLError:
    """The error for a construct that Python has and PxL has not."""
    kind = type(node).__name__
    return error(f"PxL has no {_FOREIGN.get(kind, kind).removeprefix('a ').removeprefix('an ')}: can't parse expression of type {kind}", place(node), _HINTS.get(kind, ""))


def place(node: ast.AST) -> tuple[int, int]:
    """Where a node begins."""
    return node.lineno, node.col_offset + 1  # type: ignore[attr-defined]


def is_text(text: str) -> bool:
    """Whether every character is one: half of a surrogate pair has no place in an engine's text."""
    return text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)


def expression(source: str) -> ast.expr:
    """The syntax tree of one expression. Raises ``SyntaxError``, ``ValueError``, ``RecursionError`` or ``MemoryError`` as Python's parser does."""
    with _ONE_AT_A_TIME:
        return ast.parse(source, mode="eval").body


@lru_cache(maxsize=256)
def parse(source: str) -> ast.Module:
    """The syntax tree of a script. Raises ``PxLError`` with the place."""
    if len(source) > MAX_SOURCE:
        raise error(f"the script is longer than {MAX_SOURCE} characters", hint="a script is a short text")
    if not source.strip():
        raise error("the script is empty", (1, 1), "begin with: import px")
    try:
        tree = _read(source)
    except SyntaxError as first:
        repaired = repair(source)
        if repaired == source:
            raise _syntax(first) from None
        try:
            tree = _read(repaired)
        except SyntaxError as second:
            raise _syntax(second) from None
    if not tree.body:
        raise error("No runnable code found", (1, 1), "the script has only comments")
    return tree


def _read(source: str) -> ast.Module:
    try:
        with _ONE_AT_A_TIME, warnings.catch_warnings():
            # A backslash that escapes nothing stays: regular expressions are written so.
            warnings.simplefilter("ignore", SyntaxWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            return ast.parse(source)
    except (RecursionError, MemoryError):
        raise error("the script is nested too deeply", hint="name the parts of long expressions") from None
    except ValueError as problem:
        raise error(f"the script cannot be read: {problem}", (1, 1)) from None


def _syntax(problem: SyntaxError) -> PxLError:
    text = problem.msg or "syntax error"
    hint = "in a call, separate arguments by commas" if "comma" in text else ""
    if problem.text and re.match(r"\s*print\b", problem.text):
        hint = "show a frame with px.display(df)"
    return PxLError(f"syntax error: {text}", hint, problem.lineno or 1, problem.offset or 1)


def pragmas(source: str) -> dict[str, str]:
    """Settings of ``#px:set name=value`` lines."""
    return dict(_PRAGMA.findall(source)) if "#px:set" in source else {}


_ENDS = {tokenize.NAME, tokenize.NUMBER, tokenize.STRING}
_SKIP = {tokenize.NL, tokenize.COMMENT, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
_BLANK = {tokenize.NL, tokenize.COMMENT}
_WHOLE = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]+")
#: Names that an expression does not end with.
_UNENDED = frozenset(keyword.kwlist) - {"True", "False", "None"}


def repair(source: str) -> str:
    """The text with what scripts in use leave out, and the parser they were written for lets pass.

    In a call, a comma before a keyword argument, and doubled commas. The L of a long integer. A semicolon between a text, the module's
    docstring, and ``import`` after it. Brackets around a text that is continued on indented lines.
    """
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError, IndentationError):
        return source
    edits = [*_commas([t for t in tokens if t.type not in _SKIP]), *_longs(tokens), *_imports(tokens), *_continued_texts(tokens)]
    lines = source.splitlines(keepends=True)
    for (row, column), width, text in sorted(edits, reverse=True):
        line = lines[row - 1]
        lines[row - 1] = line[:column] + text + line[column + width :]
    return "".join(lines)


#: A place, how many characters are taken out there, and what is put in.
_Edit = tuple[tuple[int, int], int, str]


def _commas(tokens: list[tokenize.TokenInfo]) -> list[_Edit]:
    found: list[_Edit] = []
    depth: list[str] = []
    for index, token in enumerate(tokens[:-1]):
        if token.type == tokenize.OP and token.string in "([{":
            depth.append(token.string)
        elif token.type == tokenize.OP and token.string in ")]}" and depth:
            depth.pop()
        before = tokens[index - 1] if index else None
        if not depth or depth[-1] != "(" or before is None:
            continue
        ended = (before.type in _ENDS and before.string not in _UNENDED) or before.string in (")", "]", "}")
        if token.type == tokenize.NAME and tokens[index + 1].string == "=" and ended:
            found.append((before.end, 0, ","))
        elif token.string == "," and before.string == ",":
            found.append((token.start, 1, " "))
    return found


def _longs(tokens: list[tokenize.TokenInfo]) -> list[_Edit]:
    pairs = pairwise(tokens)
    return [(after.start, 1, "") for number, after in pairs if number.type == tokenize.NUMBER and _WHOLE.fullmatch(number.string) and after.string in ("L", "l") and number.end == after.start]


def _imports(tokens: list[tokenize.TokenInfo]) -> list[_Edit]:
    pairs = pairwise(tokens)
    return [(after.start, 0, "; ") for text, after in pairs if text.type == tokenize.STRING and after.string in ("import", "from") and text.end == after.start]


def _continued_texts(tokens: list[tokenize.TokenInfo]) -> list[_Edit]:
    found: list[_Edit] = []
    for index, token in enumerate(tokens[:-3]):
        if token.type != tokenize.STRING or tokens[index + 1].type != tokenize.NEWLINE:
            continue
        after = index + 2
        while tokens[after].type in _BLANK:
            after += 1
        if tokens[after].type != tokenize.INDENT or tokens[after + 1].type != tokenize.STRING:
            continue
        last = after + 1
        while tokens[last].type in (tokenize.STRING, tokenize.NEWLINE, *_BLANK):
            last += 1
        end = next(t for t in reversed(tokens[:last]) if t.type == tokenize.STRING)
        found += [(token.start, 0, "("), (end.end, 0, ")")]
    return found
