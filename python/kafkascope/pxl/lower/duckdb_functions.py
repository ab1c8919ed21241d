"""What each function is in DuckDB SQL, with PxL's meaning where the two differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from kafkascope.pxl.expr import Call, Column, Expr, Literal
from kafkascope.pxl.lower import duckdb_text
from kafkascope.pxl.lower.names import DNS_RCODES, GRPC_CODES, HTTP_REASONS, KAFKA_APIS, KAFKA_ERRORS, PROTOCOLS
from kafkascope.pxl.lower.protocol_names import AMQP_FRAMES, AMQP_METHODS, CQL_OPCODES, MUX_FRAMES, MYSQL_COMMANDS
from kafkascope.pxl.plan import Measure
from kafkascope.pxl.types import DataType

DEFAULTS = {
    DataType.BOOLEAN: "false", DataType.INT64: "0::BIGINT", DataType.UINT128: "''", DataType.FLOAT64: "0.0::DOUBLE", DataType.STRING: "''", DataType.TIME64NS: "0::BIGINT",
}  # fmt: skip
SQL_TYPES = {
    DataType.BOOLEAN: "BOOLEAN", DataType.INT64: "BIGINT", DataType.UINT128: "VARCHAR", DataType.FLOAT64: "DOUBLE", DataType.STRING: "VARCHAR", DataType.TIME64NS: "BIGINT",
}  # fmt: skip
_INT_MAX, _INT_MIN = (1 << 63) - 1, -(1 << 63)
_EPSILON = 2.220446049250313e-16


def identifier(name: str) -> str:
    """A quoted identifier. DuckDB's are the same in any case and never empty; PxL's names are not, so such names are written in hexadecimal."""
    if name != name.casefold() or not name or "\x00" in name:
        name = "^" + name.encode().hex()
    return '"' + name.replace('"', '""') + '"'


def quoted(text: str) -> str:
    """A quoted string; DuckDB has no escapes but the doubled quote, and its statements hold no NUL."""
    parts = ["'" + part.replace("'", "''") + "'" for part in text.split("\x00")]
    return parts[0] if len(parts) == 1 else f"({' || chr(0) || '.join(parts)})"


def literal(value: Any, data_type: DataType) -> str:
    """A constant of a PxL type."""
    if value is None:
        return "NULL"
    if data_type in (DataType.STRING, DataType.UINT128):
        return quoted(str(value))
    if data_type is DataType.BOOLEAN:
        return "true" if value else "false"
    if data_type is DataType.FLOAT64:
        number = float(value)
        return f"{number!r}::DOUBLE" if math.isfinite(number) else f"'{number}'::DOUBLE"
    return f"{int(value)}::BIGINT" if value != _INT_MIN else f"('{_INT_MIN}'::BIGINT)"


def call(expr: Call, args: list[str], wraps: bool = False) -> str:
    """SQL of a function over the SQL of its arguments; a whole number beyond 64 bits is an error unless it ``wraps``."""
    if wraps and expr.fn in _WRAPPING and expr.type in (DataType.INT64, DataType.TIME64NS):
        return _wrapped(_WRAPPING[expr.fn].format(*(f"CAST({arg} AS HUGEINT)" for arg in args)))
    form = _FORMS[expr.fn]
    return form.format(*args) if isinstance(form, str) else form(expr, args)


_WRAPPING = {"add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}", "negate": "-{0}", "abs": "abs({0})"}


def _wrapped(wide: str) -> str:
    """A wide integer as one of 64 bits, as processors count: the smallest follows the greatest."""
    return f"CAST((({wide} + {1 << 63}) & {(1 << 64) - 1}) - {1 << 63} AS BIGINT)"


# ---- scalars ----


def joined(expr: Expr) -> list[Expr]:
    """What a text is joined of, from left to right."""
    return [part for arg in expr.args for part in joined(arg)] if isinstance(expr, Call) and expr.fn == "add" else [expr]


def _add(expr: Call, args: list[str]) -> str:
    return f"({args[0]} || {args[1]})" if expr.type is DataType.STRING else f"({args[0]} + {args[1]})"


def _equality(operator: str) -> Callable[[Call, list[str]], str]:
    def form(expr: Call, args: list[str]) -> str:
        if all(a.type is DataType.FLOAT64 for a in expr.args):
            near = f"(({args[0]} = {args[1]} OR abs({args[0]} - {args[1]}) < {_EPSILON}){_no_nan(expr.args[0], args[0])})"
            return near if operator == "=" else f"(NOT {near})"
        sides = [f"CAST({text} AS BIGINT)" if a.type is DataType.BOOLEAN and any(o.type is DataType.INT64 for o in expr.args) else text
                 for text, a in zip(args, expr.args, strict=True)]  # fmt: skip
        return f"({sides[0]} {operator} {sides[1]})"

    return form


def _no_nan(expr: Expr, text: str) -> str:
    """The condition that a number is one; the engine takes NaN for equal to itself and greater than all others, and nothing is either."""
    return "" if expr.type is not DataType.FLOAT64 or (isinstance(expr, Literal) and not math.isnan(expr.value or 0.0)) else f" AND NOT isnan({text})"


def _order(operator: str) -> Callable[[Call, list[str]], str]:
    def form(expr: Call, args: list[str]) -> str:
        greater = 0 if operator.startswith(">") else 1
        return f"({args[0]} {operator} {args[1]}{_no_nan(expr.args[greater], args[greater])})"

    return form


def _logical(operator: str) -> Callable[[Call, list[str]], str]:
    def form(expr: Call, args: list[str]) -> str:
        sides = [text if a.type is DataType.BOOLEAN else f"({text} <> 0)" for text, a in zip(args, expr.args, strict=True)]
        return f"(NOT {sides[0]})" if operator == "NOT" else f"({sides[0]} {operator} {sides[1]})"

    return form


def _negate(expr: Call, args: list[str]) -> str:
    # Apart from the sign of a constant, which two dashes would make a comment. The engine widens the smallest constant instead of saying that it has no opposite.
    opposite = f"(- {args[0]})"
    return f"CAST({opposite} AS BIGINT)" if isinstance(expr.args[0], Literal) and expr.type is DataType.INT64 else opposite


def _modulo(expr: Call, args: list[str]) -> str:
    divisor = expr.args[1]
    if isinstance(divisor, Literal):
        return f"({args[0]} % {args[1]})" if divisor.value else f"(0 * {args[0]})"
    return f"CASE WHEN {args[1]} = 0 THEN 0 ELSE {args[0]} % nullif({args[1]}, 0) END"


def _bin(expr: Call, args: list[str]) -> str:
    value = f"{_whole('trunc')(expr, args)}" if expr.args[0].type is DataType.FLOAT64 else args[0]
    size = expr.args[1]
    if isinstance(size, Literal):
        return f"({value} - {value} % {args[1]})" if size.value else value
    return f"({value} - coalesce({value} % nullif({args[1]}, 0), 0))"


def _whole(function: str) -> Callable[[Call, list[str]], str]:
    def form(expr: Call, args: list[str]) -> str:
        # A number without an integer (NaN, infinite, too large) gives 0.
        return f"coalesce(TRY_CAST({function}(CAST({args[0]} AS DOUBLE)) AS BIGINT), CASE WHEN {args[0]} IS NULL THEN NULL ELSE 0 END)"

    return form


#: The member whose name is empty: the engine's other grammar of paths, where names are not quoted, can tell it.
_EMPTY_KEY = "/"


def _path(expr: Call, args: list[str]) -> str:
    key = expr.args[1]
    if isinstance(key, Literal):
        return quoted('$."' + str(key.value).replace("\\", "\\\\").replace('"', '\\"') + '"' if key.value else _EMPTY_KEY)
    escaped = f"replace(replace({args[1]}, '\\', '\\\\'), '\"', '\\\"')"
    return f"CASE WHEN {args[1]} = '' THEN '{_EMPTY_KEY}' ELSE '$.\"' || {escaped} || '\"' END"


def json_text(text: str) -> str:
    """A text that is read as JSON. Empty text is none, and is told apart before it is read: of a vector with one bad text the engine reads every text by itself, in ten times the time."""
    return f"nullif({text}, '')"


def _object_only(expr: Call, args: list[str], text: str, otherwise: str) -> str:
    missing = f"CASE WHEN {args[0]} IS NULL THEN NULL ELSE {otherwise} END" if expr.args[0].nullable else otherwise
    return f"coalesce({text}, {missing})"


def _pluck(expr: Call, args: list[str]) -> str:
    return _object_only(expr, args, f"TRY(json_extract_string({json_text(args[0])}, {_path(expr, args)}))", "''")


def _pluck_number(kinds: str, sql_type: str, otherwise: str) -> Callable[[Call, list[str]], str]:
    def form(expr: Call, args: list[str]) -> str:
        json, path = json_text(args[0]), _path(expr, args)
        text = f"CASE WHEN TRY(json_type({json}, {path})) IN ({kinds}) THEN TRY_CAST(TRY(json_extract_string({json}, {path})) AS {sql_type}) END"
        return _object_only(expr, args, text, otherwise)

    return form


def _pluck_array(expr: Call, args: list[str]) -> str:
    json, index = json_text(args[0]), expr.args[1]
    if isinstance(index, Literal):
        text = f"TRY(json_extract_string({json}, '$[{int(index.value)}]'))" if index.value >= 0 else "NULL"
    else:
        text = f"CASE WHEN {args[1]} >= 0 THEN TRY(json_extract_string({json}, '$[' || {args[1]} || ']')) END"
    return _object_only(expr, args, text, "''")


def array_of(values: Sequence[Expr]) -> Expr | None:
    """The one JSON array whose elements from the first on are the values; ``None`` when they are something else."""
    first = values[0]
    if not isinstance(first, Call) or first.fn != "pluck_array" or first.args[0].nullable:
        return None
    array = first.args[0]
    known = all(isinstance(v, Call) and v.fn == "pluck_array" and v.args[0] == array and isinstance(v.args[1], Literal) and v.args[1].value == i for i, v in enumerate(values))
    return array if known else None


def elements(values: Sequence[Expr], sql: Callable[[Expr], str]) -> str:
    """A list of the values. Those that are elements of one JSON array are read out of it at once."""
    array = array_of(values)
    if array is None:
        return f"[{', '.join(map(sql, values))}]"
    paths = ", ".join(f"'$[{index}]'" for index in range(len(values)))
    none = ", ".join(["''"] * len(values))
    return f"coalesce(list_transform(TRY(json_extract_string({json_text(sql(array))}, [{paths}])), lambda element: coalesce(element, '')), [{none}])"


def _substring(expr: Call, args: list[str]) -> str:
    text, position, length = args
    return f"CASE WHEN {position} < 0 OR {position} > strlen({text}) OR {length} < 0 THEN '' ELSE coalesce(TRY(decode(encode({text})[{position} + 1 : {position} + least({length}, strlen({text}))])), '') END"


def _array(names: dict[int, str], otherwise: str) -> Callable[[Call, list[str]], str]:
    items = ", ".join(quoted(names[i]) if i in names else "NULL" for i in range(max(names) + 1))

    def form(expr: Call, args: list[str]) -> str:
        return f"coalesce(CASE WHEN {args[0]} BETWEEN 0 AND {max(names)} THEN [{items}][{args[0]} + 1] END, {otherwise.format(args[0])})"

    return form


def _named(names: dict[int, str], number: str = "{0}") -> str:
    """The name of a number; an unknown one as text."""
    cases = " ".join(f"WHEN {key} THEN {quoted(name)}" for key, name in names.items())
    return f"CASE {number} {cases} ELSE CAST({{0}} AS VARCHAR) END"


def _match_regex_rule(expr: Call, args: list[str]) -> str:
    pattern = f"json_extract_string({args[0]}, '$.\"' || replace(rule, '\"', '\\\"') || '\"')"
    return f"coalesce(list_filter(TRY(json_keys({args[0]})), lambda rule: coalesce(TRY(regexp_full_match({args[1]}, {pattern}, 's')), false))[1], '')"


def _script_reference(expr: Call, args: list[str]) -> str:
    # Put together as text: json_object takes twice as long, and scripts make links of rows before they group them.
    def text(index: int) -> str:
        return f"CAST(to_json(coalesce(CAST({args[index]} AS VARCHAR), '')) AS VARCHAR)"

    inner = ", ',', ".join(f"{text(i)}, ':', {text(i + 1)}" for i in range(2, len(args), 2)) or "''"
    return f"concat('{{\"label\":', {text(0)}, ',\"script\":', {text(1)}, ',\"args\":{{', {inner}, '}}}}')"


def _equals_any(expr: Call, args: list[str]) -> str:
    return f"({args[0]} IN ({', '.join(args[1:])}))"


def _is_member(expr: Call, args: list[str]) -> str:
    one = f"({args[0]} = {args[1]})"
    return f"coalesce({one} OR ({args[0]} LIKE '[%' AND TRY(list_contains(CAST(CAST({args[0]} AS JSON) AS VARCHAR[]), {args[1]}))), false)"


def _namespace(expr: Call, args: list[str]) -> str:
    return f"CASE WHEN strlen({args[0]}) - strlen(replace({args[0]}, '/', '')) = 1 THEN split_part({args[0]}, '/', 1) ELSE '' END"


def _regex_match(expr: Call, args: list[str]) -> str:
    return f"coalesce(TRY(regexp_full_match({args[1]}, {args[0]}, 's')), false)"


#: Bytes that a text may have after a replacement: the engine's limit of memory does not see the texts of rows on their way.
_MOST_REPLACED = 1 << 20


def _replace(expr: Call, args: list[str]) -> str:
    pattern, text, substitution = args

    def replaced(text: str) -> str:
        done = f"coalesce(TRY(regexp_replace({text}, {pattern}, {substitution}, 'gs')), 'invalid pattern or substitution')"
        return f"CASE WHEN strlen({text}) * (strlen({substitution}) + 1) > {_MOST_REPLACED} THEN 'text too long for a replacement' ELSE {done} END"

    return replaced(text) if isinstance(expr.args[1], (Column, Literal)) else duckdb_text.bound("replaced_in", text, replaced("replaced_in"))


_FORMS: dict[str, str | Callable[[Call, list[str]], str]] = {
    "add": _add, "subtract": "({0} - {1})", "multiply": "({0} * {1})", "divide": "(CAST({0} AS DOUBLE) / CAST({1} AS DOUBLE))", "modulo": _modulo,
    "equal": _equality("="), "notEqual": _equality("<>"), "lessThan": _order("<"), "lessThanEqual": _order("<="), "greaterThan": _order(">"),
    "greaterThanEqual": _order(">="), "approxEqual": f"(abs({{0}} - {{1}}) < {_EPSILON})",
    "logicalAnd": _logical("AND"), "logicalOr": _logical("OR"), "logicalNot": _logical("NOT"), "negate": _negate, "invert": "(~ {0})",
    "select": "CASE WHEN {0} THEN {1} ELSE {2} END", "bin": _bin, "floor": _whole("floor"), "ceil": _whole("ceil"), "round": "format('{{:.{{}}f}}', CAST({0} AS DOUBLE), greatest(0, least({1}, 300)))",
    "abs": "abs({0})", "ln": "TRY(ln({0}))", "log": "TRY(ln({1}) / ln({0}))", "log2": "TRY(log2({0}))", "log10": "TRY(log10({0}))", "pow": "pow({0}, {1})",
    "exp": "exp({0})", "sqrt": "TRY(sqrt({0}))", "time_to_int64": "{0}", "int64_to_time": "{0}",
    "pluck": _pluck, "pluck_int64": _pluck_number("'BIGINT', 'UBIGINT'", "BIGINT", "0::BIGINT"), "pluck_float64": _pluck_number("'DOUBLE'", "DOUBLE", "0.0::DOUBLE"),
    "pluck_array": _pluck_array, "split": "CAST(to_json(string_split({0}, {1})) AS VARCHAR)",
    "contains": "contains({0}, {1})", "length": "CAST(strlen({0}) AS BIGINT)",
    "find": "CASE WHEN instr({0}, {1}) = 0 THEN -1::BIGINT ELSE CAST(strlen(left({0}, instr({0}, {1}) - 1)) AS BIGINT) END",
    "substring": _substring, "tolower": "lower({0})", "toupper": "upper({0})", "trim": "trim({0}, E' \\t\\r\\n')",
    "strip_prefix": "CASE WHEN starts_with({1}, {0}) THEN substr({1}, length({0}) + 1) ELSE {1} END",
    "atoi": "CASE WHEN regexp_full_match({0}, '\\s*[+-]?[0-9]+\\s*') THEN coalesce(TRY_CAST({0} AS BIGINT), {1}) ELSE {1} END", "itoa": "CAST({0} AS VARCHAR)",
    "bytes_to_hex": "lower(hex({0}))", "hex_to_ascii": "CASE WHEN strlen({0}) % 2 = 1 THEN '' ELSE coalesce(TRY(decode(unhex({0}))), '') END", "regex_match": _regex_match, "replace": _replace,
    "pod_name_to_namespace": _namespace, "service_name_to_namespace": _namespace, "has_value": _is_member, "has_service_name": _is_member, "has_service_id": _is_member,
    "upid_to_pid": "coalesce(TRY_CAST(split_part({0}, ':', 2) AS BIGINT), 0)", "upid_to_asid": "coalesce(TRY_CAST(split_part({0}, ':', 1) AS BIGINT), 0)",
    "upid_to_string": "{0}", "upid": "(CAST({0} AS VARCHAR) || ':' || CAST({1} AS VARCHAR) || ':' || CAST({2} AS VARCHAR))",
    "kafka_api_key_name": _array(KAFKA_APIS, "CAST({} AS VARCHAR)"),
    "kafka_error_name": _array(KAFKA_ERRORS, "CASE {0} WHEN -1 THEN 'UNKNOWN_SERVER_ERROR' ELSE CAST({0} AS VARCHAR) END"), "protocol_name": _array(PROTOCOLS, "'Invalid (' || {} || ')'"),
    "http_resp_message": _array(HTTP_REASONS, "'Unassigned'"), "grpc_status_code_to_str": _array(GRPC_CODES, "CAST({} AS VARCHAR)"),
    "dns_rcode_name": _array(DNS_RCODES, "CAST({} AS VARCHAR)"),
    "is_null": "({0} IS NULL)", "coalesce": "coalesce({0}, {1})", "script_reference": _script_reference, "equals_any": _equals_any,
    **duckdb_text.FORMS,
    "mysql_command_name": _named(MYSQL_COMMANDS), "cql_opcode_name": _named(CQL_OPCODES), "amqp_frame_type_name": _named(AMQP_FRAMES),
    "amqp_method_name": _named(AMQP_METHODS, "(CAST({0} AS HUGEINT) * 1000 + {1})").replace("CAST({0} AS VARCHAR)", "CAST({0} AS VARCHAR) || '.' || CAST({1} AS VARCHAR)"),
    "mux_frame_type_name": _named(MUX_FRAMES), "shared_libraries": "CASE WHEN {0} IS NULL THEN NULL ELSE '[]' END", "_match_regex_rule": _match_regex_rule, "match_regex_rule": _match_regex_rule,
    "deployment_name_to_namespace": _namespace, "deployment_id_to_namespace": _namespace, "replicaset_name_to_namespace": _namespace,
    "replicaset_id_to_namespace": _namespace,
}  # fmt: skip


# ---- aggregates ----

_QUANTILES = {"p01": 0.01, "p10": 0.1, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9, "p99": 0.99}
_QUANTILE_NAMES = "[" + ", ".join(quoted(name) for name in _QUANTILES) + "]"
_QUANTILE_LIST = "[" + ", ".join(str(value) for value in _QUANTILES.values()) + "]"
_LARGEST = {DataType.INT64: f"{_INT_MAX}::BIGINT", DataType.TIME64NS: f"{_INT_MAX}::BIGINT", DataType.FLOAT64: "1.7976931348623157e308::DOUBLE"}
_SMALLEST = {DataType.INT64: f"('{_INT_MIN}'::BIGINT)", DataType.TIME64NS: f"('{_INT_MIN}'::BIGINT)", DataType.FLOAT64: "-1.7976931348623157e308::DOUBLE"}


def aggregate(measure: Measure, argument: Column, grouped: bool, wraps: bool = False) -> str:
    """SQL of one measure. Over no rows at all it has the initial value; over rows whose values are all unknown it is unknown."""
    x = f"t.{identifier(argument.name)}"
    if measure.fn == "count":
        return "count(*)"
    if measure.fn == "count_distinct":
        return f"count(DISTINCT {x})"
    text, initial = _measure(measure.fn, x, argument.type, measure.type)
    if wraps and measure.fn == "sum" and measure.type is DataType.INT64:
        text = _wrapped(f"sum(CAST({x} AS HUGEINT))")
    if grouped:
        return text
    return f"CASE WHEN count(*) = 0 THEN {initial} ELSE {text} END"


def _measure(fn: str, x: str, kind: DataType, result: DataType) -> tuple[str, str]:
    if fn == "sum":
        value = f"CAST({x} AS BIGINT)" if kind is DataType.BOOLEAN else x
        return f"CAST(sum({value}) AS {'DOUBLE' if result is DataType.FLOAT64 else 'BIGINT'})", DEFAULTS[result]
    if fn == "_build_request_path_clusters":
        return f"CAST(to_json(list_sort(list(DISTINCT {duckdb_text.endpoint(x)}))[1:1000]) AS VARCHAR)", "'[]'"
    if fn == "mean":
        return f"avg({f'CAST({x} AS BIGINT)' if kind is DataType.BOOLEAN else x})", "'nan'::DOUBLE"
    if fn == "min":
        return f"min({x})", _LARGEST[kind]
    if fn == "max":
        return f"max({x})", _SMALLEST[kind]
    if fn == "any":
        return f"any_value({x})", DEFAULTS[kind]
    numbers = f" FILTER (NOT isnan({x}))" if kind is DataType.FLOAT64 else ""
    return f"coalesce(CAST(to_json(map({_QUANTILE_NAMES}, quantile_cont(CAST({x} AS DOUBLE), {_QUANTILE_LIST}){numbers})) AS VARCHAR), '')", "''"
