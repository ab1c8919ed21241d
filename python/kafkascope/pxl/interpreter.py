"""Walks a script's syntax tree and builds plans. Nothing of a script is ever executed as Python."""

from __future__ import annotations

import ast
from collections.abc import Mapping as Known
from typing import Any

from kafkascope.pxl import constants, frames, pxmodule, syntax, views
from kafkascope.pxl.errors import NOWHERE, Place, PxLError, did_you_mean, error, listing
from kafkascope.pxl.expr import Column
from kafkascope.pxl.frames import ContextOf, Frame, Grouped, Method
from kafkascope.pxl.given import Given
from kafkascope.pxl.moving import Clock
from kafkascope.pxl.plan import Graph
from kafkascope.pxl.types import DataType
from kafkascope.pxl.values import (
    NOTHING,
    AggregateFunction,
    Apply,
    Builtin,
    Cast,
    Const,
    Context,
    Function,
    Mapping,
    Module,
    Ref,
    ScalarFunction,
    Scope,
    Sequence,
    TypeObject,
    apply,
    kind,
    match,
    text_of,
    texts_of,
)
from kafkascope.pxl.values import REQUIRED as _REQUIRED

MAX_STEPS = 50_000
MAX_DEPTH = 40
MAX_TEXT = 1 << 26
#: What a column can be computed from.
_VALUE = (Ref, Const, Apply, Cast, Context)
_BINARY = {"Add": "add", "Sub": "subtract", "Mult": "multiply", "Div": "divide", "Mod": "modulo"}
_COMPARE = {"Eq": "equal", "NotEq": "notEqual", "Lt": "lessThan", "LtE": "lessThanEqual", "Gt": "greaterThan", "GtE": "greaterThanEqual"}
_UNARY = {"Not": "logicalNot", "USub": "negate", "Invert": "invert"}
_LITERALS = {bool: DataType.BOOLEAN, int: DataType.INT64, float: DataType.FLOAT64, str: DataType.STRING}
_OF_NONE = "an unknown value: px.is_null(x), px.coalesce(x, otherwise), px.select(condition, x, None)"
_REFUSED = {
    "pxtrace": "new probes are not put into processes: what is captured is Kafka's protocol",
    "pxconfig": "a script cannot change how the server runs",
}


class _Return(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


class Interpreter:
    """One compilation of one script."""

    def __init__(self, relations: Known[str, Any], now_ns: int, calls_functions: bool) -> None:
        self.relations = relations
        self.clock = Clock(now_ns)
        self.calls_functions = calls_functions
        self.graph = Graph()
        self.module = Scope(dict(pxmodule.GLOBALS))
        self.displays: dict[str, Frame] = {}
        #: The typed columns of the tables that the script has read so far.
        self.columns: dict[str, tuple[Column, ...]] = {}
        self.warnings: list[str] = []
        self._steps = 0
        self._depth = 0
        self._text = 0
        self._memo: dict[Any, Any] | None = None
        self._px: Module | None = None
        self._views: dict[str, Module] = {}
        #: The scope of the module that is being read: functions see its names.
        self._home = self.module

    @property
    def now_ns(self) -> int:
        """The time, for what is computed from it."""
        self.clock.note()
        return self.clock.ns

    def display(self, name: str, frame: Frame, at: Place) -> None:
        """Make a frame a result; a name used again gets a number."""
        unique, number = name, 0
        while unique in self.displays:
            number += 1
            unique = f"{name}_{number}"
        if len(self.displays) >= 100:
            raise error("the script displays more than 100 tables", at)
        self.displays[unique] = frame

    def warn(self, text: str) -> None:
        """Tell the user something, once."""
        if text not in self.warnings:
            self.warnings.append(text)

    # ---- statements ----

    def run(self, tree: ast.Module) -> None:
        """Interpret the module."""
        self._block(tree.body, self.module, docstring=True)
        # From here on the module's names no longer change: the same call gives the same frame.
        self._memo = {}

    def _block(self, body: list[ast.stmt], scope: Scope, docstring: bool) -> None:
        for index, statement in enumerate(body):
            if index == 0 and docstring and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str):
                scope.names["__doc__"] = Const(statement.value.value, DataType.STRING)
                continue
            handler = _STATEMENTS.get(type(statement))
            if handler is None:
                raise syntax.foreign(statement)
            handler(self, statement, scope)

    def _expression(self, node: ast.Expr, scope: Scope) -> None:
        self.eval(node.value, scope)

    def _import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            scope.names[alias.asname or alias.name] = self._module(alias.name, syntax.place(node))

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        at = syntax.place(node)
        module = self._module(node.module or "", at)
        for alias in node.names:
            if alias.name == "*":
                raise error("PxL has no 'import *'", at, "import px")
            scope.names[alias.asname or alias.name] = module.get(alias.name, at)

    def _module(self, name: str, at: Place) -> Module:
        if name == "px":
            self._px = self._px or pxmodule.build(self)
            return self._px
        if name in views.NAMES:
            if name not in self._views:
                self._views[name] = self._read_module(name)
            return self._views[name]
        if name in _REFUSED:
            raise error(f"module '{name}' is not available: {_REFUSED[name]}", at, f"modules are {listing(['px', *views.NAMES])}")
        raise error(f"no module named '{name}'", at, f"modules are {listing(['px', *views.NAMES])}")

    def _read_module(self, name: str) -> Module:
        """A module that is written in PxL: its functions."""
        home, scope = self._home, Scope(dict(pxmodule.GLOBALS))
        self._home = scope
        try:
            self._block(syntax.parse(views.source(name)).body, scope, docstring=True)
        finally:
            self._home = home
        return Module(name, {n: v for n, v in scope.names.items() if isinstance(v, Function)})

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        at = syntax.place(node)
        if len(node.targets) != 1:
            raise error("one target for one value: a = b = c is not PxL", at)
        target = node.targets[0]
        value = self.eval(node.value, scope)
        if isinstance(target, ast.Name):
            if target.id in ("True", "False", "None"):
                raise error(f"cannot assign to {target.id}", at)
            scope.names[target.id] = value
            return
        if isinstance(target, (ast.Attribute, ast.Subscript)):
            if not isinstance(target.value, ast.Name):
                raise error("only a column of a named data frame can be assigned", syntax.place(target), "df.x = ... or df['x'] = ...")
            frame = self.eval(target.value, scope)
            if isinstance(frame, Grouped):
                raise frames.after_groupby(at)
            if isinstance(frame, Module) and isinstance(target, ast.Attribute):
                # ``px.Pod = str``: the module is this compilation's own.
                frame.get(target.attr, syntax.place(target))
                frame.names[target.attr] = value
                return
            if not isinstance(frame, Frame):
                raise error(f"'{target.value.id}' is {kind(frame)}, not a data frame: it has no columns", at)
            name = target.attr if isinstance(target, ast.Attribute) else text_of(self.eval(target.slice, scope), "the column", at)
            if not isinstance(value, _VALUE):
                raise error(f"column '{name}': expected a column or a constant, found {kind(value)}", at)
            scope.names[target.value.id] = frame.assign(name, value, syntax.place(node.value))
            return
        raise error("only a name or a column can be assigned", syntax.place(target), "PxL has no tuple assignment" if isinstance(target, ast.Tuple) else "")

    def _define(self, node: ast.FunctionDef, scope: Scope) -> None:
        arguments, at = node.args, syntax.place(node)
        if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs:
            raise error(f"{node.name}(): only plain parameters", at, "PxL has no *args and **kwargs")
        annotations = {a.arg: self.eval(a.annotation, scope) for a in arguments.args if a.annotation is not None}
        given = arguments.args[len(arguments.args) - len(arguments.defaults) :]
        defaults = {a.arg: self.eval(d, scope) for a, d in zip(given, arguments.defaults, strict=True)}
        function: Any = Function(node.name, node, annotations, defaults, ast.get_docstring(node) or "", self._home)
        if len(node.decorator_list) > 1:
            raise error(f"{node.name}(): at most one decorator", at)
        for decorator in node.decorator_list:
            function = self.call(self.eval(decorator, scope), [function], {}, syntax.place(decorator))
        scope.names[node.name] = function

    def _return(self, node: ast.Return, scope: Scope) -> None:
        if scope is self.module:
            raise error("'return' outside function", syntax.place(node))
        raise _Return(NOTHING if node.value is None else self.eval(node.value, scope))

    # ---- expressions ----

    def eval(self, node: ast.expr, scope: Scope) -> Any:
        """What an expression stands for."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise error(f"the script takes more than {MAX_STEPS} steps", syntax.place(node), "does a function call itself?")
        try:
            handler = _EXPRESSIONS[type(node)]
        except KeyError:
            raise syntax.foreign(node) from None
        return handler(self, node, scope)

    def _constant(self, node: ast.Constant, scope: Scope) -> Any:
        # Trees are kept between compilations, and a constant is always the same.
        found = getattr(node, "constant", None)
        if found is None:
            found = node.constant = self._literal(node)  # type: ignore[attr-defined]
        return found

    def _literal(self, node: ast.Constant) -> Any:
        value: Any = node.value
        if value is None:
            return NOTHING
        data_type = _LITERALS.get(type(value))
        if data_type is None:
            raise error(f"PxL has no {type(value).__name__} constants", syntax.place(node))
        if data_type is DataType.STRING and not syntax.is_text(value):
            raise error("the text has half of a character", syntax.place(node), "text is Unicode without lone surrogates")
        if data_type is DataType.INT64 and not -(1 << 63) <= value < 1 << 63:
            raise error("the number does not fit 64 bits", syntax.place(node))
        return Const(value, data_type, at=syntax.place(node))

    def _name(self, node: ast.Name, scope: Scope) -> Any:
        value = scope.find(node.id)
        if value is None:
            elsewhere = scope.in_a_module(node.id)
            hint = "begin the script with: import px" if node.id == "px" else f"write {elsewhere}" if elsewhere else did_you_mean(node.id, scope.known())
            raise error(f"name '{node.id}' is not defined", syntax.place(node), hint)
        return value

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Any:
        base, at = self.eval(node.value, scope), syntax.place(node)
        if isinstance(base, Module):
            return base.get(node.attr, at)
        if isinstance(base, Frame):
            return frames.attribute(base, node.attr) or _column(node, at)
        if isinstance(base, Grouped):
            if node.attr in ("agg", "rolling"):
                return Method(base, node.attr)
            raise frames.after_groupby(at)
        raise error(f"{kind(base)} has no attribute '{node.attr}'", at, f"write df.ctx['{node.attr}']" if isinstance(base, ContextOf) else "")

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Any:
        base, at = self.eval(node.value, scope), syntax.place(node)
        if isinstance(node.slice, ast.Slice):
            raise syntax.foreign(node.slice)
        index = self.eval(node.slice, scope)
        if isinstance(base, ContextOf):
            return Context(text_of(index, "df.ctx", at), at)
        if isinstance(base, Grouped):
            raise frames.after_groupby(at)
        if isinstance(base, Sequence) and isinstance(index, Const) and index.type is DataType.INT64:
            if not -len(base.items) <= index.value < len(base.items):
                raise error(f"index {index.value} is out of a list of {len(base.items)}", at)
            return base.items[index.value]
        if not isinstance(base, Frame):
            raise error(f"{kind(base)} cannot be subscripted", at)
        if isinstance(index, Sequence):
            return base.keep(texts_of(index, "a projection", at), at)
        if isinstance(index, Const) and index.type is DataType.STRING:
            return Ref(index.value, at)
        if isinstance(index, _VALUE):
            return base.filter(index, at)
        raise error(f"a data frame takes a column's name, a list of names or a condition, found {kind(index)}", at)

    def _binary(self, node: ast.BinOp, scope: Scope) -> Any:
        fn = _BINARY.get(type(node.op).__name__)
        if fn is None:
            names = {"FloorDiv": "//", "Pow": "**", "BitAnd": "&", "BitOr": "|"}
            operator = names.get(type(node.op).__name__, type(node.op).__name__)
            hint = {"BitAnd": "write 'and'", "BitOr": "write 'or'", "Pow": "write px.pow(x, y)", "FloorDiv": "write px.floor(a / b)"}.get(type(node.op).__name__, "")
            raise error(f"PxL has no operator '{operator}'", syntax.place(node), hint)
        return self.operate(fn, [self.eval(node.left, scope), self.eval(node.right, scope)], syntax.place(node))

    def _bool(self, node: ast.BoolOp, scope: Scope) -> Any:
        fn, at = ("logicalAnd" if isinstance(node.op, ast.And) else "logicalOr"), syntax.place(node)
        result = self.eval(node.values[0], scope)
        for value in node.values[1:]:
            result = self.operate(fn, [result, self.eval(value, scope)], at)
        return result

    def _compare(self, node: ast.Compare, scope: Scope) -> Any:
        at = syntax.place(node)
        if len(node.ops) != 1:
            raise error("one comparison at a time", at, "write a < b and b < c")
        fn = _COMPARE.get(type(node.ops[0]).__name__)
        if fn is None:
            raise error("PxL has no 'in' and 'is'", at, "use px.equals_any(x, [a, b]) or px.contains(text, part)")
        return self.operate(fn, [self.eval(node.left, scope), self.eval(node.comparators[0], scope)], at)

    def _unary(self, node: ast.UnaryOp, scope: Scope) -> Any:
        operand, at = self.eval(node.operand, scope), syntax.place(node)
        fn = _UNARY.get(type(node.op).__name__)
        return operand if fn is None else self.operate(fn, [operand], at)

    def _conditional(self, node: ast.IfExp, scope: Scope) -> Any:
        test = self.eval(node.test, scope)
        if not isinstance(test, Const) or test.type is not DataType.BOOLEAN:
            raise error(f"a condition is a constant BOOLEAN, found {kind(test)}", syntax.place(node.test), "for columns use px.select(condition, a, b)")
        return self.eval(node.body if test.value else node.orelse, scope)

    def _list(self, node: ast.List | ast.Tuple, scope: Scope) -> Sequence:
        found: Sequence | None = getattr(node, "constant", None)
        if found is None:
            found = Sequence(tuple([self.eval(item, scope) for item in node.elts]), syntax.place(node))
            if all(isinstance(item, ast.Constant) for item in node.elts):
                node.constant = found  # type: ignore[union-attr]
        return found

    def _dict(self, node: ast.Dict, scope: Scope) -> Mapping:
        at = syntax.place(node)
        if any(key is None for key in node.keys):
            raise error("PxL has no ** in a dict", at)
        return Mapping(tuple((self.eval(k, scope), self.eval(v, scope)) for k, v in zip(node.keys, node.values, strict=True) if k is not None), at)

    def _joined(self, node: ast.JoinedStr, scope: Scope) -> Any:
        at = syntax.place(node)
        result: Any = Const("", DataType.STRING, at=at)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                if part.format_spec is not None or part.conversion != -1:
                    raise error("an f-string holds plain names: no ':' and '!' in the braces", at)
                value = self.eval(part.value, scope)
                if isinstance(value, Const) and value.type is not DataType.STRING:
                    value = Const(str(value.value), DataType.STRING, at=at)
            else:
                value = self.eval(part, scope)
            result = self.operate("add", [result, value], at)
        return result

    def operate(self, fn: str, operands: list[Any], at: Place) -> Any:
        """An operator: computed now over constants, otherwise a column expression."""
        if all(isinstance(o, Const) for o in operands):
            folded = constants.fold(fn, operands, at)
            if folded is not None:
                if folded.type is DataType.STRING:
                    self._text += len(folded.text if isinstance(folded, Given) else folded.value)
                    if self._text > MAX_TEXT:
                        raise error(f"the script makes more than {MAX_TEXT} characters of text", at)
                return folded
            from kafkascope.pxl.binder import bind

            bind(apply(fn, tuple(operands), at), {}, at)
        for operand in operands:
            if isinstance(operand, (Frame, Grouped)):
                raise error("a data frame is not a value", at, "name a column: df.x")
            if not isinstance(operand, _VALUE):
                raise error(f"an operator takes columns and constants, found {kind(operand)}", at, _OF_NONE if operand is NOTHING else "")
        return apply(fn, tuple(operands), at)

    # ---- calls ----

    def _call(self, node: ast.Call, scope: Scope) -> Any:
        callee = self.eval(node.func, scope)
        args = [self.eval(a, scope) for a in node.args]
        keywords: dict[str, Any] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise error("PxL has no ** in a call", syntax.place(keyword.value))
            if keyword.arg in keywords:
                raise error(f"'{keyword.arg}' is given twice", syntax.place(keyword.value))
            keywords[keyword.arg] = self.eval(keyword.value, scope)
        return self.call(callee, args, keywords, syntax.place(node))

    def call(self, callee: Any, args: list[Any], keywords: dict[str, Any], at: Place) -> Any:
        """Call what can be called."""
        if isinstance(callee, Method):
            return frames.call_method(callee, args, keywords, at)
        if isinstance(callee, ScalarFunction):
            return self._scalar(callee.name, args, keywords, at)
        if isinstance(callee, Builtin):
            return callee.run(at, **match(f"px.{callee.name}", callee.parameters, args, keywords, at))
        if isinstance(callee, Function):
            return self.invoke(callee, args, keywords, at)
        if isinstance(callee, TypeObject):
            if len(args) != 1 or keywords:
                raise error(f"{callee.name}() takes one argument", at)
            return pxmodule.cast(callee, args[0], at)
        if isinstance(callee, AggregateFunction):
            raise error(f"px.{callee.name} is an aggregate: it stands in agg()", at, f"df.agg(x=('column', px.{callee.name}))")
        if isinstance(callee, Ref):
            raise frames.unknown_method(callee.name, callee.at)
        raise error(f"{kind(callee)} cannot be called", at)

    def _scalar(self, name: str, args: list[Any], keywords: dict[str, Any], at: Place) -> Any:
        if keywords:
            from kafkascope.pxl.functions.scalars import SCALARS

            spec = SCALARS.get(name)
            if spec is None:
                raise error(f"px.{name} takes no named arguments", at)
            found = match(f"px.{name}", tuple((p, _REQUIRED) for p in spec.parameters), args, keywords, at)
            args = [found[p] for p in spec.parameters]
        for index, arg in enumerate(args):
            if arg is NOTHING and name == "select" and index > 0:
                continue
            if not isinstance(arg, _VALUE):
                raise error(f"px.{name} takes columns and constants, found {kind(arg)}", at, _OF_NONE if arg is NOTHING else "")
        return apply(name, tuple(args), at)

    def invoke(self, function: Function, args: list[Any], keywords: dict[str, Any], at: Place) -> Any:
        """Interpret a function's body with its arguments."""
        parameters = tuple((p, function.defaults.get(p, _REQUIRED)) for p in function.parameters)
        values = match(function.name, parameters, args, keywords, at)
        for name, value in values.items():
            values[name] = _annotated(function, name, value, at)
        key = None
        if self._memo is not None and all(isinstance(v, (Const, Frame)) for v in values.values()):
            key = (id(function), tuple((n, v.key if isinstance(v, Const) else v) for n, v in values.items()))
            known = self._memo.get(key)
            if known is not None:
                return known
        before = len(self.displays)
        result = self._body(function, values, at)
        if key is not None and self._memo is not None and len(self.displays) == before:
            self._memo[key] = result
        return result

    def _body(self, function: Function, values: dict[str, Any], at: Place) -> Any:
        if self._depth >= MAX_DEPTH:
            raise error(f"functions call one another more than {MAX_DEPTH} deep", at, "PxL has no recursion")
        self._depth += 1
        try:
            self._block(function.node.body, Scope(values, function.home), docstring=True)
        except _Return as done:
            return done.value
        except PxLError as problem:
            if function.home is self.module:
                raise
            # The place in a module's text means nothing to a reader of the script: its call does.
            raise error(f"{function.name}(): {problem.message}", at, problem.hint) from None
        finally:
            self._depth -= 1
        return NOTHING


def _column(node: ast.Attribute, at: Place) -> Ref:
    """The column that ``df.x`` names: the same whatever ``df`` is, so kept with the tree as constants are."""
    found: Ref | None = getattr(node, "column", None)
    if found is None:
        found = node.column = Ref(node.attr, at)  # type: ignore[attr-defined]
    return found


def _annotated(function: Function, name: str, value: Any, at: Place) -> Any:
    """The argument, checked against its parameter's annotation."""
    annotation = function.annotations.get(name)
    if not isinstance(annotation, TypeObject):
        return value
    if annotation.kind == "list":
        if not isinstance(value, Sequence):
            raise error(f"{function.name}(): '{name}' is a list, found {kind(value)}", at)
        return value
    if not isinstance(value, Const):
        raise error(f"{function.name}(): '{name}: {annotation.name}' takes a constant, found {kind(value)}", at, "leave the annotation out to pass a column")
    if value.type is annotation.type:
        return value.meaning(annotation.semantic if annotation.semantic is not pxmodule.St.NONE else value.semantic, value.at)
    if annotation.type is DataType.FLOAT64 and value.type is DataType.INT64:
        return Const(float(value.value), DataType.FLOAT64, annotation.semantic, value.at)
    if annotation.type is DataType.TIME64NS and value.type is DataType.INT64:
        return Const(value.value, DataType.TIME64NS, annotation.semantic, value.at)
    raise error(f"{function.name}(): '{name}' is {annotation.name}, found {kind(value)}", at)


_STATEMENTS: dict[type, Any] = {
    ast.Expr: Interpreter._expression, ast.Import: Interpreter._import, ast.ImportFrom: Interpreter._import_from, ast.Assign: Interpreter._assign,
    ast.FunctionDef: Interpreter._define, ast.Return: Interpreter._return,
}  # fmt: skip
_EXPRESSIONS: dict[type, Any] = {
    ast.Constant: Interpreter._constant, ast.Name: Interpreter._name, ast.Attribute: Interpreter._attribute, ast.Subscript: Interpreter._subscript,
    ast.BinOp: Interpreter._binary, ast.BoolOp: Interpreter._bool, ast.Compare: Interpreter._compare, ast.UnaryOp: Interpreter._unary,
    ast.IfExp: Interpreter._conditional, ast.List: Interpreter._list, ast.Tuple: Interpreter._list, ast.Dict: Interpreter._dict,
    ast.JoinedStr: Interpreter._joined, ast.Call: Interpreter._call,
}  # fmt: skip

__all__ = ["NOWHERE", "Interpreter", "PxLError", "listing"]
