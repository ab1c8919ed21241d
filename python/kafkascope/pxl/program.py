"""Compile a script into plans, and run them on an engine."""

from __future__ import annotations

import ast
import time
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import pyarrow as pa

from kafkascope.pxl import growth, syntax, times, uncaptured
from kafkascope.pxl.errors import did_you_mean, error, listing
from kafkascope.pxl.frames import Frame, Grouped, after_groupby
from kafkascope.pxl.given import Arguments, Blank, Given
from kafkascope.pxl.interpreter import Interpreter
from kafkascope.pxl.lower import dialect
from kafkascope.pxl.moving import Kept, Shelf
from kafkascope.pxl.plan import Node, Scan, Values, explain, order_of, post_order
from kafkascope.pxl.rules import optimize
from kafkascope.pxl.types import DataType, SemanticType
from kafkascope.pxl.values import Const, Function, TypeObject, kind
from kafkascope.pxl.values import Sequence as ListValue

#: Rows of a result table unless the script or the caller says otherwise.
DEFAULT_MAX_ROWS = 10_000
MOST_ROWS = 1_000_000


class Engine(Protocol):
    """What a store offers to a compiled script."""

    @property
    def dialect(self) -> str: ...
    def relations(self) -> Mapping[str, Any]: ...
    def scan(self, table: str, start_ns: int | None, end_ns: int | None, columns: Sequence[str]) -> str: ...
    def execute(self, sql: str, *, timeout_s: float, max_rows: int | None = None) -> pa.Table: ...


@dataclass(frozen=True, slots=True)
class FuncCall:
    """One call of a script's function: arguments as text, and the name of its result."""

    name: str
    args: Mapping[str, str] = field(default_factory=dict)
    output: str = "output"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use."""

    timeout_s: float = 30.0
    max_rows: int = DEFAULT_MAX_ROWS


@dataclass(frozen=True, slots=True)
class Column:
    """A result's column."""

    name: str
    type: DataType
    semantic_type: SemanticType


@dataclass(frozen=True, slots=True)
class Result:
    """One result table."""

    name: str
    columns: list[Column]
    table: pa.Table
    truncated: bool
    stats: dict[str, Any]


@dataclass(slots=True)
class Numbers:
    """What runs of a script found out about its numbers: whether one needed more than 64 bits."""

    wrap: bool = False


@dataclass(frozen=True)
class Program:
    """A compiled script: a plan for each result table."""

    outputs: dict[str, Node]
    warnings: list[str] = field(default_factory=list)
    max_rows: int | None = None
    #: Shared with the programs of later looks, or a table that is looked at again would be computed twice each time.
    numbers: Numbers = field(default_factory=Numbers, compare=False)

    def explain(self) -> str:
        """The plans as stable text."""
        return "\n\n".join(f"{name}:\n{explain(node)}" for name, node in self.outputs.items())

    def reads(self, output: str) -> frozenset[str]:
        """The tables that a result is made from, those included of which nothing is captured."""
        nodes = list(post_order([self.outputs[output]]))
        empty = {node.name for node in nodes if isinstance(node, Values)} & uncaptured.relations().keys()
        return frozenset(node.table for node in nodes if isinstance(node, Scan)) | empty

    def sql(self, engine: Engine, max_rows: int = DEFAULT_MAX_ROWS) -> str:
        """The statement that gives all results."""
        return str(dialect(engine.dialect).lower(list(self.outputs.values()), engine, max_rows).sql)


def compile(source: str, relations: Mapping[str, Any], funcs: Sequence[FuncCall] = (), now_ns: int | None = None) -> Program:
    """Compile a script: its displays, or the results of ``funcs`` when some are given. Raises ``PxLError``."""
    now = time.time_ns() if now_ns is None else now_ns
    slots = _slots(funcs)
    key, arguments = shelf_key(source, funcs, slots), Arguments(tuple(text for _, text in slots))
    kept = _SHELF.find(key, arguments.texts, relations)
    if kept is not None:
        return replace(kept.rest, outputs=kept.at(now, arguments.texts))
    tree = syntax.parse(source)
    interpreter = Interpreter(relations, now, bool(funcs))
    try:
        interpreter.run(tree)
        for call in funcs:
            _call(interpreter, call, arguments, slots)
        if not interpreter.displays:
            raise error("the script has no result", (1, 1), "add px.display(df), or call a function of the script from its vis spec")
        written = [frame.node for frame in interpreter.displays.values()]
        growth.check((frame.node, frame.at) for frame in interpreter.displays.values())
        plans = optimize(written, interpreter.graph)
        outputs = dict(zip(interpreter.displays, plans, strict=True))
    except RecursionError:
        raise error("the script is nested too deeply", hint="name the parts of long expressions") from None
    program = Program(outputs, interpreter.warnings, _row_limit(syntax.pragmas(source)))
    order = interpreter.graph.order(plans)
    if interpreter.clock.windows_only(order):
        windows = interpreter.clock.ends_of(arguments)
        if not _windows(order) <= _windows(post_order(written)):
            # Which of two ends is the narrower depends on what the argument says.
            arguments.read.update(windows.values())
        _SHELF.keep(key, Kept(outputs, now, frozenset(interpreter.clock.moving), arguments.answers(windows), dict(relations), program))
    return program


def _windows(nodes: Iterable[Node]) -> set[tuple[int | None, int | None]]:
    return {(node.start, node.end) for node in nodes if isinstance(node, Scan)}


_SHELF = Shelf()


def _slots(funcs: Sequence[FuncCall]) -> dict[tuple[str, str], int]:
    """Arguments by name and text, numbered: functions that are given the same share a slot."""
    found: dict[tuple[str, str], int] = {}
    for call in funcs:
        for item in sorted(call.args.items()):
            found.setdefault(item, len(found))
    return found


def shelf_key(source: str, funcs: Sequence[FuncCall], slots: Mapping[tuple[str, str], int]) -> Hashable:
    """What two compilations share that differ in nothing but the texts of arguments, the time and the tables."""
    return (source, *((call.name, call.output, *((name, slots[name, text]) for name, text in sorted(call.args.items()))) for call in funcs))


def _row_limit(pragmas: Mapping[str, str]) -> int | None:
    text = pragmas.get("max_output_rows_per_table")
    if text is None:
        return None
    if not text.isdigit() or not 0 < int(text) <= MOST_ROWS:
        raise error(f"#px:set max_output_rows_per_table={text}: expected a number from 1 to {MOST_ROWS}", (1, 1))
    return int(text)


def _call(interpreter: Interpreter, call: FuncCall, arguments: Arguments, slots: Mapping[tuple[str, str], int]) -> None:
    """Call one function of the script and keep what it returns as results."""
    function = interpreter.module.names.get(call.name)
    if not isinstance(function, Function):
        known = [n for n, v in interpreter.module.names.items() if isinstance(v, Function)]
        raise error(f"the script has no function '{call.name}'", hint=did_you_mean(call.name, known, f"it has {listing(known)}"))
    at = syntax.place(function.node)
    for name in call.args:
        if name not in function.parameters:
            raise error(f"{call.name}() has no argument '{name}'", at, did_you_mean(name, function.parameters, f"it has {listing(function.parameters)}"))
    values = {}
    for name, text in call.args.items():
        value, slot = argument(function, name, text), slots[name, text]
        if isinstance(value, Const) and value.type is DataType.STRING:
            values[name] = Given(arguments, Blank(slot), value.semantic, value.at)
        else:
            arguments.read.add(slot)
            values[name] = value
    found = interpreter.invoke(function, [], values, at)
    if isinstance(found, Grouped):
        raise after_groupby(at)
    if isinstance(found, Frame):
        interpreter.display(call.output, found, at)
    elif isinstance(found, ListValue) and found.items and all(isinstance(f, Frame) for f in found.items):
        for index, frame in enumerate(found.items):
            interpreter.display(f"{call.output}[{index}]", frame, at)
    else:
        raise error(f"{call.name}() returns {kind(found)}: expected a data frame or a list of them", at, "end it with: return df")


_TRUE, _FALSE = {"true", "t", "yes", "y", "1"}, {"false", "f", "no", "n", "0"}


def argument(function: Function, name: str, text: str) -> Any:
    """The value that a text stands for, by its parameter's annotation."""
    at = syntax.place(function.node)
    if not syntax.is_text(text):
        raise error(f"{function.name}(): '{name}' has half of a character", at, "text is Unicode without lone surrogates")
    annotation = function.annotations.get(name)
    if not isinstance(annotation, TypeObject):
        raise error(f"{function.name}(): the parameter '{name}' needs a type to be given from outside", at, f"write {name}: str")
    if annotation.kind == "list":
        return _list(text, f"{function.name}(): '{name}'")
    expected = f"{function.name}(): '{name}' takes {annotation.name}, found '{text}'"
    try:
        if annotation.type is DataType.BOOLEAN:
            if text.strip().lower() not in _TRUE | _FALSE:
                raise error(expected, hint="true or false")
            return Const(text.strip().lower() in _TRUE, DataType.BOOLEAN)
        if annotation.type is DataType.INT64:
            value = int(text)
            if not -(1 << 63) <= value < 1 << 63:
                raise error(expected, hint="a number of 64 bits")
            return Const(value, DataType.INT64, annotation.semantic)
        if annotation.type is DataType.FLOAT64:
            return Const(float(text), DataType.FLOAT64, annotation.semantic)
        if annotation.type is DataType.TIME64NS:
            return Const(int(text), DataType.TIME64NS, annotation.semantic)
    except ValueError:
        raise error(expected, hint="a number") from None
    if annotation.type is DataType.UINT128:
        raise error(f"{function.name}(): '{name}': a UPID cannot be given from outside", at)
    return Const(text, DataType.STRING, annotation.semantic)


def _list(text: str, what: str) -> ListValue:
    try:
        items = ast.literal_eval(syntax.expression(text.strip() or "[]"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise error(f"{what} takes a list, found '{text}'", hint="['a', 'b']") from None
    types = {bool: DataType.BOOLEAN, int: DataType.INT64, float: DataType.FLOAT64, str: DataType.STRING}
    if not isinstance(items, (list, tuple)) or any(type(i) not in types for i in items):
        raise error(f"{what} takes a list of constants, found '{text}'", hint="['a', 'b']")
    return ListValue(tuple(Const(i, types[type(i)]) for i in items))


_ARROW = {
    DataType.BOOLEAN: pa.bool_(), DataType.INT64: pa.int64(), DataType.UINT128: pa.string(), DataType.FLOAT64: pa.float64(), DataType.STRING: pa.string(),
    DataType.TIME64NS: pa.int64(),
}  # fmt: skip


def run(program: Program, engine: Engine, limits: Limits | None = None) -> list[Result]:
    """Run the plans of a program, as one statement. Raises the engine's own errors."""
    limits = limits or Limits()
    max_rows = min(program.max_rows or limits.max_rows, MOST_ROWS)
    roots = list(program.outputs.values())
    began = time.perf_counter()
    lowering = dialect(engine.dialect)
    lowered = lowering.lower(roots, engine, max_rows, wraps=program.numbers.wrap)
    try:
        answer = engine.execute(lowered.sql, timeout_s=limits.timeout_s, max_rows=None)
    except Exception as problem:
        if program.numbers.wrap or not lowering.overflowed(problem):
            raise
        # Numbers of 64 bits wrap, as in Pixie. Wider ones in between cost every row, so they are used only where a number turned out to need them.
        program.numbers.wrap = True
        lowered = lowering.lower(roots, engine, max_rows, wraps=True)
        answer = engine.execute(lowered.sql, timeout_s=max(0.1, limits.timeout_s - (time.perf_counter() - began)), max_rows=None)
    duration = round((time.perf_counter() - began) * 1e3, 2)
    results = []
    for index, (name, node) in enumerate(program.outputs.items()):
        table = answer if len(roots) == 1 else _unlist(answer.column(index))
        columns = [Column(c.name, c.type, c.semantic) for c in node.schema.values()]
        schema = pa.schema([pa.field(c.name, _ARROW[c.type]) for c in columns])
        table = schema.empty_table() if table is None else table.rename_columns(schema.names).cast(schema)
        truncated = table.num_rows > max_rows
        table = _arrange(table.slice(0, max_rows), order_of(node), lowered.orders[index])
        results.append(Result(name, columns, table, truncated, {"rows": table.num_rows, "durationMs": duration}))
    return results


def _unlist(column: pa.ChunkedArray) -> pa.Table | None:
    """The rows of a list of rows; ``None`` when there are none."""
    rows = column.combine_chunks()
    flat = rows.flatten() if len(rows) else rows
    return pa.Table.from_struct_array(flat) if len(flat) else None


def _arrange(table: pa.Table, asked: tuple[tuple[str, bool], ...], kept: tuple[tuple[str, bool], ...]) -> pa.Table:
    """The rows in the order that was asked for; otherwise by time, of which the newest were kept."""
    order = asked or tuple((name, True) for name, _ in kept)
    return table.sort_by([(name, "ascending" if up else "descending") for name, up in order]) if order else table


__all__ = ["Column", "Engine", "FuncCall", "Limits", "Program", "Result", "compile", "run", "times"]
