"""Scalar functions: parameters and overloads.

Types are letters: b BOOLEAN, i INT64, u UINT128, f FLOAT64, s STRING, t TIME64NS. The first overload whose types equal the arguments'
is taken, then the first that they can be promoted to (an integer to a float, a time to an integer).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kafkascope.pxl.types import DataType

LETTERS = {"b": DataType.BOOLEAN, "i": DataType.INT64, "u": DataType.UINT128, "f": DataType.FLOAT64, "s": DataType.STRING, "t": DataType.TIME64NS}
NAMES = {kind: letter for letter, kind in LETTERS.items()}

_TABLE = """
add(a, b): ii>i ff>f if>f fi>f ss>s ti>t it>t
subtract(a, b): ii>i ff>f if>f fi>f ti>t tt>i it>i
multiply(a, b): ii>i ff>f if>f fi>f
divide(a, b): ii>f if>f fi>f ff>f
modulo(a, b): ii>i it>i ti>i tt>i
equal(a, b): ii>b ss>b bb>b tt>b uu>b bi>b ib>b if>b fi>b ff>b ti>b it>b us>b su>b
notEqual(a, b): ii>b ss>b bb>b tt>b uu>b bi>b ib>b if>b fi>b ff>b ti>b it>b us>b su>b
lessThan(a, b): ii>b ff>b ss>b tt>b if>b fi>b ti>b it>b
lessThanEqual(a, b): ii>b ff>b ss>b tt>b if>b fi>b ti>b it>b
greaterThan(a, b): ii>b ff>b ss>b tt>b if>b fi>b ti>b it>b
greaterThanEqual(a, b): ii>b ff>b ss>b tt>b if>b fi>b ti>b it>b
approxEqual(a, b): ff>b
logicalAnd(a, b): bb>b bi>b ib>b ii>b
logicalOr(a, b): bb>b bi>b ib>b ii>b
logicalNot(a): b>b i>b
negate(a): i>i f>f
invert(a): i>i
select(condition, a, b): bbb>b bii>i bff>f btt>t bss>s buu>u bif>f bfi>f
bin(value, size): ti>t tt>t ii>i it>i fi>i
floor(x): f>i
ceil(x): f>i
round(x, digits): fi>s
abs(x): i>i f>f
ln(x): f>f
log(base, x): ff>f
log2(x): f>f
log10(x): f>f
pow(x, y): ff>f
exp(x): f>f
sqrt(x): f>f
time_to_int64(t): t>i
int64_to_time(i): i>t
pluck(json, key): ss>s
pluck_int64(json, key): ss>i
pluck_float64(json, key): ss>f
pluck_array(json, index): si>s
split(s, delimiter): ss>s
contains(s, sub): ss>b
length(s): s>i
find(s, sub): ss>i
substring(s, pos, len): sii>s
tolower(s): s>s
toupper(s): s>s
trim(s): s>s
strip_prefix(prefix, s): ss>s
atoi(s, default): si>i
itoa(i): i>s
bytes_to_hex(s): s>s
hex_to_ascii(s): s>s
uri_parse(uri): s>s
uri_recompose(scheme, userInfo, host, port, path, query, fragment): sssisss>s
cidrs_contain_ip(cidrs, ip): ss>b
normalize_mysql(sql, cmd_code): si>s
normalize_pgsql(sql, cmd_code): ss>s
redact_pii_best_effort(s): s>s
regex_match(pattern, s): ss>b
replace(pattern, s, sub): sss>s
pod_name_to_namespace(pod_name): s>s
service_name_to_namespace(service_name): s>s
has_value(x, value): ss>b
has_service_name(x, name): ss>b
has_service_id(x, id): ss>b
upid_to_pid(upid): u>i
upid_to_asid(upid): u>i
upid_to_string(upid): u>s
upid(asid, pid, start): iii>u
kafka_api_key_name(key): i>s
kafka_error_name(code): i>s
protocol_name(protocol): i>s
http_resp_message(status): i>s
grpc_status_code_to_str(code): i>s
dns_rcode_name(code): i>s
mysql_command_name(command): i>s
cql_opcode_name(opcode): i>s
amqp_frame_type_name(type): i>s
amqp_method_name(class, method): ii>s
mux_frame_type_name(type): i>s
shared_libraries(upid): u>s
_match_regex_rule(rules, s): ss>s
match_regex_rule(rules, s): ss>s
_predict_request_path_cluster(path, clusters): ss>s
_match_endpoint(path, endpoint): ss>b
deployment_name_to_namespace(deployment_name): s>s
deployment_id_to_namespace(deployment_id): s>s
replicaset_name_to_namespace(replicaset_name): s>s
replicaset_id_to_namespace(replicaset_id): s>s
is_null(x): b>b i>b u>b f>b s>b t>b
coalesce(x, otherwise): bb>b ii>i ff>f tt>t ss>s uu>u if>f fi>f
"""


@dataclass(frozen=True, slots=True)
class ScalarSpec:
    """A function over the values of one row."""

    name: str
    parameters: tuple[str, ...]
    overloads: dict[str, DataType]

    @property
    def signature(self) -> str:
        return f"{self.name}({', '.join(self.parameters)})"


def _parse() -> dict[str, ScalarSpec]:
    found = {}
    for line in _TABLE.strip().splitlines():
        head, _, forms = line.partition(": ")
        name, _, parameters = head.rstrip(")").partition("(")
        overloads = {form.split(">")[0]: LETTERS[form.split(">")[1]] for form in forms.split()}
        found[name] = ScalarSpec(name, tuple(p.strip() for p in parameters.split(",")), overloads)
    return found


SCALARS = _parse()

_PROMOTIONS = {"i": "if", "t": "ti", "f": "f", "b": "b", "s": "s", "u": "u"}


def resolve(spec: ScalarSpec, types: Sequence[DataType]) -> DataType | None:
    """The result type for these argument types; ``None`` when no overload takes them."""
    given = "".join(NAMES[t] for t in types)
    exact = spec.overloads.get(given)
    if exact is not None:
        return exact
    for form, result in spec.overloads.items():
        if len(form) == len(given) and all(want in _PROMOTIONS[have] for have, want in zip(given, form, strict=True)):
            return result
    return None


def takes(spec: ScalarSpec) -> str:
    """The overloads in words."""
    forms = ["(" + ", ".join(LETTERS[c].name for c in form) + ")" for form in spec.overloads]
    return " or ".join(forms[:6]) + (" …" if len(forms) > 6 else "")
