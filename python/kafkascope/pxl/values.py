"""What a name in a script can stand for while it is interpreted."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kafkascope.pxl.errors import NOWHERE, Place, did_you_mean, error, listing
from kafkascope.pxl.expr import Literal
from kafkascope.pxl.types import DataType, SemanticType

NONE = SemanticType.NONE
#: A column expression larger than this is a script that doubles itself.
MAX_EXPRESSION = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class Const:
    """A constant with its type."""

    value: Any
    type: DataType
    semantic: SemanticType = NONE
    at: Place = NOWHERE

    @property
    def key(self) -> Any:
        """What constants have in common that no call can tell apart."""
        return (self.value, self.type, self.semantic)

    def meaning(self, semantic: SemanticType, at: Place) -> Const:
        """The same value under another meaning."""
        return Const(self.value, self.type, semantic, at)

    def equals(self, other: Const) -> bool:
        """Whether the other has the same value."""
        return bool(self.value == other.value)

    def literal(self) -> Literal:
        """It as a part of a plan."""
        return Literal(self.value, self.type, self.semantic)


@dataclass(frozen=True, slots=True, eq=False)
class Ref:
    """A column by name; which frame's is known where it is used."""

    name: str
    at: Place = NOWHERE
    size: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """``df.ctx[key]``."""

    key: str
    at: Place = NOWHERE
    size: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Apply:
    """A function over column expressions and constants."""

    fn: str
    args: tuple[Any, ...]
    at: Place = NOWHERE
    size: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Cast:
    """A column expression under another meaning."""

    name: str
    type: DataType
    semantic: SemanticType
    arg: Any
    at: Place = NOWHERE
    size: int = 1


ColumnValue = Const | Ref | Context | Apply | Cast


def apply(fn: str, args: tuple[Any, ...], at: Place) -> Apply:
    """A function application, refused when it grows out of bounds."""
    size = 1 + sum(getattr(a, "size", 1) for a in args)
    if size > MAX_EXPRESSION:
        raise error(f"the expression has more than {MAX_EXPRESSION} parts", at, "assign its parts to columns: df.x = ...")
    return Apply(fn, args, at, size)


class _Nothing:
    def __repr__(self) -> str:
        return "None"


NOTHING = _Nothing()


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """A list or tuple."""

    items: tuple[Any, ...]
    at: Place = NOWHERE


@dataclass(frozen=True, slots=True, eq=False)
class Mapping:
    """A dict, whose only use is as an argument."""

    items: tuple[tuple[Any, Any], ...]
    at: Place = NOWHERE


@dataclass(slots=True, eq=False)
class Scope:
    """Names of a module or of one call."""

    names: dict[str, Any]
    parent: Scope | None = None

    def find(self, name: str) -> Any:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return None

    def known(self) -> list[str]:
        scope: Scope | None = self
        names: list[str] = []
        while scope is not None:
            names += scope.names
            scope = scope.parent
        return names

    def in_a_module(self, name: str) -> str:
        """The name as it is written when an imported module has it; empty when none has."""
        modules = ((known, self.find(known)) for known in self.known())
        return next((f"{known}.{name}" for known, value in modules if isinstance(value, Module) and name in value.names), "")


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function that the script defines."""

    name: str
    node: ast.FunctionDef
    annotations: dict[str, Any]
    defaults: dict[str, Any]
    doc: str
    home: Scope

    @property
    def parameters(self) -> list[str]:
        return [a.arg for a in self.node.args.args]


@dataclass(frozen=True, slots=True, eq=False)
class TypeObject:
    """``px.Pod``, ``str``: annotates a parameter, and casts."""

    name: str
    type: DataType | None
    semantic: SemanticType = NONE
    kind: str = "const"

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, eq=False)
class ScalarFunction:
    """A function of columns, such as ``px.contains``."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class AggregateFunction:
    """A function of ``.agg``, such as ``px.sum``."""

    name: str


_REQUIRED: Any = object()


@dataclass(frozen=True, slots=True, eq=False)
class Builtin:
    """A function computed while the script is compiled: parameters with defaults, and what it does."""

    name: str
    parameters: tuple[tuple[str, Any], ...]
    run: Callable[..., Any]
    doc: str = ""


def builtin(name: str, signature: str, run: Callable[..., Any], /, **defaults: Any) -> Builtin:
    """A builtin with parameters ``signature`` (names separated by blanks); those in ``defaults`` may be left out."""
    return Builtin(name, tuple((p, defaults.get(p, _REQUIRED)) for p in signature.split()), run)


def match(name: str, parameters: tuple[tuple[str, Any], ...], args: list[Any], keywords: dict[str, Any], at: Place) -> dict[str, Any]:
    """Arguments by parameter name; raises what a reader of the call needs to know."""
    if len(args) > len(parameters):
        raise error(f"{name}() takes {len(parameters)} argument{'s' if len(parameters) != 1 else ''}, found {len(args)}", at, _signature(name, parameters))
    known = dict(parameters)
    found = dict(zip(known, args, strict=False))
    for key, value in keywords.items():
        if key not in known:
            raise error(f"{name}() has no argument '{key}'", at, did_you_mean(key, known, _signature(name, parameters)))
        if key in found:
            raise error(f"{name}() got '{key}' twice", at, _signature(name, parameters))
        found[key] = value
    found = {**known, **found}
    missing = [p for p, value in found.items() if value is _REQUIRED]
    if missing:
        raise error(f"{name}() misses the argument{'s' if len(missing) > 1 else ''} {listing(missing)}", at, _signature(name, parameters))
    return found


def _signature(name: str, parameters: tuple[tuple[str, Any], ...]) -> str:
    return f"{name}({', '.join(p if default is _REQUIRED else f'{p}=…' for p, default in parameters)})"


REQUIRED = _REQUIRED


@dataclass(slots=True, eq=False)
class Module:
    """``px``: names with what they stand for."""

    name: str
    names: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str, at: Place) -> Any:
        value = self.names.get(name)
        if value is None:
            raise error(f"'{self.name}' has no '{name}'", at, did_you_mean(name, self.names))
        return value


def kind(value: Any) -> str:
    """What a value is, in a user's words."""
    if isinstance(value, Const):
        return f"a constant {value.type.name}"
    if isinstance(value, (Ref, Context, Apply, Cast)):
        return "a column expression"
    if value is NOTHING:
        return "None"
    words = {
        "Sequence": "a list", "Mapping": "a dict", "Function": "a function", "ScalarFunction": "a function", "AggregateFunction": "an aggregate function",
        "Builtin": "a function", "Module": "a module", "TypeObject": "a type", "Frame": "a data frame", "Grouped": "a grouped data frame", "Method": "a method",
        "OtelPart": "a part of an export", "ContextOf": "df.ctx",
    }  # fmt: skip
    return words.get(type(value).__name__, type(value).__name__)


def text_of(value: Any, what: str, at: Place) -> str:
    """The text of a constant string."""
    if isinstance(value, Const) and value.type is DataType.STRING:
        return str(value.value)
    raise error(f"{what}: expected a constant string, found {kind(value)}", _place(value, at))


def integer_of(value: Any, what: str, at: Place) -> int:
    """The value of a constant integer."""
    if isinstance(value, Const) and value.type in (DataType.INT64, DataType.TIME64NS):
        return int(value.value)
    raise error(f"{what}: expected a constant integer, found {kind(value)}", _place(value, at))


def texts_of(value: Any, what: str, at: Place) -> list[str]:
    """The texts of a constant string or a list of them."""
    if isinstance(value, Sequence):
        return [text_of(item, what, at) for item in value.items]
    return [text_of(value, what, at)]


def _place(value: Any, at: Place) -> Place:
    own = getattr(value, "at", NOWHERE)
    return own if own != NOWHERE else at
