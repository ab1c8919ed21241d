"""From a column expression, whose columns are only names, to an expression over one relation with its types known."""

from __future__ import annotations

from typing import Any

from kafkascope.pxl.errors import NOWHERE, Place, did_you_mean, error, listing
from kafkascope.pxl.expr import Call, Column, Expr, Literal, Lookup, Schema, with_semantic
from kafkascope.pxl.functions import scalars, semantics
from kafkascope.pxl.functions.metadata import ALIASES, CONTEXT, METADATA
from kafkascope.pxl.functions.scalars import SCALARS
from kafkascope.pxl.types import DataType, SemanticType
from kafkascope.pxl.values import NOTHING, Apply, Cast, Const, Context, Ref, kind

TRUE = Literal(True, DataType.BOOLEAN)
FALSE = Literal(False, DataType.BOOLEAN)
_SYMBOLS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "modulo": "%", "equal": "==", "notEqual": "!=", "lessThan": "<", "lessThanEqual": "<=",
    "greaterThan": ">", "greaterThanEqual": ">=", "logicalAnd": "and", "logicalOr": "or", "logicalNot": "not", "negate": "-", "invert": "~",
}  # fmt: skip


def no_column(name: str, schema: Schema, at: Place) -> Exception:
    """The error for a column that is not there."""
    return error(f"Column '{name}' not found in parent dataframe", at, did_you_mean(name, schema, f"it has {listing(schema)}"))


def column(name: str, schema: Schema, at: Place) -> Column:
    """The column of that name."""
    found = schema.get(name)
    if found is None:
        raise no_column(name, schema, at)
    return found


def bind(value: Any, schema: Schema, at: Place = NOWHERE) -> Expr:
    """The expression ``value`` over a relation with ``schema``. Raises ``PxLError`` at the part that cannot be."""
    if isinstance(value, Ref):
        return column(value.name, schema, value.at)
    if isinstance(value, Const):
        return value.literal()
    if isinstance(value, Apply):
        args = [None if arg is NOTHING else bind(arg, schema, value.at) for arg in value.args]
        return call(value.fn, _unknown(args, value.at), schema, value.at)
    if isinstance(value, Cast):
        return cast(value.name, value.type, value.semantic, bind(value.arg, schema, value.at), value.at)
    if isinstance(value, Context):
        return context(value.key, schema, value.at)
    raise error(f"expected a column or a constant, found {kind(value)}", at)


def _unknown(args: list[Expr | None], at: Place) -> list[Expr]:
    """The arguments of ``px.select``, a None among them being an unknown value of the other's type."""
    other = next((a for a in args[1:] if a is not None), None)
    if other is None and None in args:
        raise error("px.select: one of the two values needs a type", at, "px.select(df.seen, df.lag, None)")
    return [Literal(None, other.type, other.semantic, nullable=True) if a is None and other is not None else a for a in args]  # type: ignore[misc]


def cast(name: str, data_type: DataType, semantic: SemanticType, expr: Expr, at: Place) -> Expr:
    """The same value under another meaning; its data type must fit."""
    if expr.type is not data_type:
        raise error(f"Cannot cast from '{expr.type.name}' to '{name}'. Only semantic type casts are allowed.", at, f"px.{name} takes {data_type.name}")
    return with_semantic(expr, semantic)


def call(fn: str, args: list[Expr], schema: Schema, at: Place) -> Expr:
    """A function over typed arguments, simplified where constants decide it."""
    special = _SPECIAL.get(fn)
    if special is not None:
        return special(args, schema, at)
    metadata = METADATA.get(fn)
    if metadata is not None:
        if len(args) < 1 or len(args) > (2 if fn == "ip_to_pod_id" else 1):
            raise error(f"{fn}() takes one argument, found {len(args)}", at, metadata.signature)
        if args[0].type is not metadata.argument:
            raise error(f"{fn}() takes {metadata.argument.name}, found {args[0].type.name}", at)
        if len(args) == 2 and args[1].type not in (DataType.TIME64NS, DataType.INT64):
            raise error(f"{fn}() takes a time as its second argument, found {args[1].type.name}", at, "without one, it is the row's time_")
        return metadata.apply(args[0], args[1] if len(args) == 2 else _time_of_row(schema))
    spec = SCALARS[fn]
    result = scalars.resolve(spec, [a.type for a in args])
    if result is None:
        found = ", ".join(a.type.name for a in args)
        if fn in _SYMBOLS:
            hint = "write the number as text with px.itoa" if fn == "add" and DataType.STRING in {a.type for a in args} else f"it takes {scalars.takes(spec)}"
            raise error(f"'{_SYMBOLS[fn]}' does not take ({found})", at, hint)
        raise error(f"{fn}() does not take ({found})", at, f"{spec.signature} takes {scalars.takes(spec)}")
    simple = _simplify(fn, args)
    if simple is not None:
        return simple
    semantic = semantics.of_call(fn, [a.semantic for a in args])
    if fn == "select":
        nullable = args[1].nullable or args[2].nullable
    elif fn == "is_null":
        nullable = False
    elif fn == "coalesce":
        nullable = args[1].nullable
    else:
        nullable = any(a.nullable for a in args)
    return Call(fn, tuple(args), result, semantic, nullable)


def _time_of_row(schema: Schema) -> Expr | None:
    """When a row's addresses belonged to whom it tells of; None where the frame does not say."""
    column = schema.get("time_")
    return column if column is not None and column.type is DataType.TIME64NS else None


def _simplify(fn: str, args: list[Expr]) -> Expr | None:
    if fn == "logicalOr" or fn == "logicalAnd":
        absorbing = fn == "logicalOr"
        for mine, other in ((args[0], args[1]), (args[1], args[0])):
            if isinstance(mine, Literal):
                if bool(mine.value) is absorbing:
                    return TRUE if absorbing else FALSE
                return other if other.type is DataType.BOOLEAN else None
    elif fn == "logicalNot" and isinstance(args[0], Literal):
        return FALSE if args[0].value else TRUE
    elif fn == "select" and isinstance(args[0], Literal) and args[1].type is args[2].type:
        return args[1] if args[0].value else args[2]
    elif fn == "cidrs_contain_ip" and isinstance(args[0], Literal) and args[0].value.strip() in ("", "[]") and not args[1].nullable:
        # px.get_cidrs() where nobody tells the cluster's networks: costly for every row, and known.
        return FALSE
    elif fn == "contains" and isinstance(args[1], Literal) and args[1].equals("") and not args[0].nullable:
        return TRUE
    return None


def context(key: str, schema: Schema, at: Place) -> Expr:
    """``df.ctx[key]``: told by the first column of the frame that can tell."""
    name = ALIASES.get(key, key)
    sources = CONTEXT.get(name)
    if sources is None:
        raise error(f"'{key}' unavailable metadata key", at, did_you_mean(key, [*CONTEXT, *ALIASES], f"known are {listing([*ALIASES, *CONTEXT], 20)}"))
    source = next((s for s in sources if s in schema), None)
    if source is None:
        raise error(f"Can't resolve metadata because of lack of converting columns: '{key}' needs one of {listing(sources)}", at, f"the frame has {listing(schema)}")
    if source == "upid" and name == "qos_class":
        return call("upid_to_pod_qos", [schema["upid"]], schema, at)
    found = call(f"{source}_to_{name}", [schema[source]], schema, at)
    if name == "pod_name" and source == "upid" and "local_addr" in schema and "time_" in schema:
        by_address = METADATA["pod_id_to_pod_name"].apply(METADATA["ip_to_pod_id"].apply(schema["local_addr"], _time_of_row(schema)))
        unknown = Call("equal", (found, Literal("", DataType.STRING)), DataType.BOOLEAN)
        return Call("select", (unknown, by_address, found), DataType.STRING, SemanticType.POD_NAME)
    return found


def _script_reference(args: list[Expr], schema: Schema, at: Place) -> Expr:
    return Call("script_reference", tuple(args), DataType.STRING, SemanticType.SCRIPT_REFERENCE)


def _equals_any(args: list[Expr], schema: Schema, at: Place) -> Expr:
    value, *options = args
    for option in options:
        if scalars.resolve(SCALARS["equal"], (value.type, option.type)) is None:
            raise error(f"equals_any() compares {value.type.name} with {option.type.name}", at)
    return Call("equals_any", tuple(args), DataType.BOOLEAN, nullable=value.nullable)


def _of_host(field: str, otherwise: Literal) -> Any:
    def build(args: list[Expr], schema: Schema, at: Place) -> Expr:
        if "upid" not in schema:
            return otherwise
        if field == "num_cpus":
            return Lookup("node", "num_cpus", Lookup("process", "node_name", schema["upid"], DataType.STRING), DataType.INT64)
        if field == "asid":
            return Call("upid_to_asid", (schema["upid"],), DataType.INT64, SemanticType.ASID)
        return Lookup("process", field, schema["upid"], DataType.STRING)

    return build


def _nslookup(args: list[Expr], schema: Schema, at: Place) -> Expr:
    if len(args) != 1 or args[0].type is not DataType.STRING:
        raise error("nslookup() takes one address as STRING", at)
    name = METADATA["service_id_to_service_name"].apply(METADATA["ip_to_service_id"].apply(args[0], _time_of_row(schema)))
    return Call("select", (Call("equal", (name, Literal("", DataType.STRING)), DataType.BOOLEAN), args[0], with_semantic(name, SemanticType.NONE)), DataType.STRING)


def _unnest(args: list[Expr], schema: Schema, at: Place) -> Expr:
    raise error("px.unnest makes rows: it stands alone in an assignment", at, "df.topic = px.unnest(px.pluck(df.req_body, 'topics'))")


def _constant(text: str) -> Any:
    """A function of the cluster that is told by nothing here."""
    def build(args: list[Expr], schema: Schema, at: Place) -> Expr:
        if args:
            raise error(f"no arguments expected, found {len(args)}", at)
        return Literal(text, DataType.STRING)

    return build


_SPECIAL: dict[str, Any] = {
    "unnest": _unnest, "vizier_id": _constant(""), "vizier_name": _constant(""), "vizier_namespace": _constant(""), "get_cidrs": _constant("[]"),
    "script_reference": _script_reference, "equals_any": _equals_any, "nslookup": _nslookup,
    "_exec_hostname": _of_host("hostname", Literal("", DataType.STRING)), "_exec_host_num_cpus": _of_host("num_cpus", Literal(0, DataType.INT64)),
    "asid": _of_host("asid", Literal(0, DataType.INT64)),
}  # fmt: skip
#: Functions of columns that have no fixed form in ``SCALARS``, with their parameters.
VARIADIC = {"unnest": "json", "nslookup": "ip", "_exec_hostname": "", "_exec_host_num_cpus": "", "asid": "", **dict.fromkeys(("vizier_id", "vizier_name", "vizier_namespace", "get_cidrs"), "")}
