"""Functions of text with a grammar of its own - addresses, URIs, SQL, personal data - in DuckDB SQL.

An argument is bound once as a lambda's variable: its SQL may be long.
"""

from __future__ import annotations

from collections.abc import Callable

from kafkascope.pxl.expr import Call

Form = Callable[[Call, list[str]], str]


def _text(pattern: str) -> str:
    return "'" + pattern.replace("'", "''") + "'"


def bound(name: str, value: str, body: str) -> str:
    """``body`` with ``name`` standing for ``value``."""
    return f"list_transform([{value}], lambda {name}: {body})[1]"


# ---- URIs ----

_URI = (
    r"^(?:([A-Za-z][A-Za-z0-9+.-]*):)?"
    r"(?://(?:([^/?#@\s]*)@)?(\[[0-9A-Fa-f:.]+\]|[^/?#:@\[\]\s]*)(?::([0-9]*))?(?:/([^?#\s]*))?|/?([^/?#\s]+(?:/[^/?#\s]+)*/?)?)"
    r"(?:\?([^#\s]*))?(?:#([^\s]*))?$"
)


def _uri_parse(expr: Call, args: list[str]) -> str:
    names = "['scheme', 'userInfo', 'host', 'port', 'path', 'bare', 'query', 'fragment']"
    texts = [f"""CASE WHEN u['{key}'] <> '' THEN '"{key.replace('bare', 'path')}":' || {f"ltrim(u['{key}'], '0')" if key == "port" else f"to_json(u['{key}'])::VARCHAR"} END"""
             for key in ("scheme", "userInfo", "host", "port", "path", "bare", "query", "fragment")]  # fmt: skip
    json = f"'{{' || concat_ws(',', {', '.join(texts)}) || '}}'"
    parsed = bound("u", f"regexp_extract(s, {_text(_URI)}, {names})", json)
    return bound("s", args[0], f"CASE WHEN s IS NULL THEN NULL WHEN regexp_matches(s, {_text(_URI)}) THEN {parsed} ELSE 'Failed to parse URI' END")


def _uri_recompose(expr: Call, args: list[str]) -> str:
    scheme, user, host, port, path, query, fragment = args
    parts = [
        f"CASE WHEN {scheme} <> '' THEN {scheme} || ':' ELSE '' END",
        f"CASE WHEN {host} <> '' THEN '//' || CASE WHEN {user} <> '' THEN {user} || '@' ELSE '' END || {host} ELSE '' END",
        f"CASE WHEN {port} > 0 THEN ':' || {port} ELSE '' END",
        f"'/' || {path}",
        f"CASE WHEN {query} <> '' THEN '?' || {query} ELSE '' END",
        f"CASE WHEN {fragment} <> '' THEN '#' || {fragment} ELSE '' END",
    ]
    return f"CASE WHEN {port} < 0 THEN 'Failed to recompose URI' ELSE {' || '.join(parts)} END"


# ---- addresses ----

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_V4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"


def _number(address: str) -> str:
    """An IPv4 address as a number; null when it is none."""
    parts = " + ".join(f"CAST(split_part({address}, '.', {i + 1}) AS BIGINT) * {256 ** (3 - i)}" for i in range(4))
    return f"CASE WHEN regexp_full_match({address}, {_text(_V4)}) THEN {parts} END"


def _groups(address: str) -> str:
    """An IPv6 address as a list of its eight groups in numbers; null when it is none."""
    side = "CASE WHEN {0} = '' THEN [] ELSE list_transform(string_split({0}, ':'), lambda g: CAST('0x' || g AS BIGINT)) END"
    left, right = f"split_part({address}, '::', 1)", f"split_part({address}, '::', 2)"
    both = "list_concat(list_concat(l, list_transform(range(8 - len(l) - len(r)), lambda z: 0::BIGINT)), r)"
    filled = bound("l", side.format(left), bound("r", side.format(right), both))
    return f"CASE WHEN regexp_full_match({address}, '[0-9A-Fa-f:]*:[0-9A-Fa-f:]*') THEN TRY({filled}) END"


def _in_v6(network: str, address: str, bits: str) -> str:
    same = f"list_bool_and(list_transform(range(8), lambda i: n[i + 1] >> greatest(0, 16 - greatest(0, {bits} - 16 * i)) = a[i + 1] >> greatest(0, 16 - greatest(0, {bits} - 16 * i))))"
    return bound("n", _groups(network), bound("a", _groups(address), f"len(n) = 8 AND len(a) = 8 AND {bits} BETWEEN 0 AND 128 AND {same}"))


def _cidrs_contain_ip(expr: Call, args: list[str]) -> str:
    network, bits = "split_part(c, '/', 1)", "coalesce(TRY_CAST(split_part(c, '/', 2) AS INTEGER), -1)"
    shift = f"(32 - {bits})"
    v4 = f"{bits} BETWEEN 0 AND 32 AND ({_number(network)}) >> {shift} = ({_number('ip')}) >> {shift}"
    found = f"list_bool_or(list_transform(cidrs, lambda c: coalesce({v4}, false) OR coalesce({_in_v6(network, 'ip', bits)}, false)))"
    listed = f"TRY(CAST(CAST({args[0]} AS JSON) AS VARCHAR[]))"
    return f"coalesce({bound('ip', args[1], bound('cidrs', listed, found))}, false)"


# ---- SQL ----

_STRING = r"[A-Za-z]?'(?:[^'\\]|''|\\.)*'"
_CONSTANT = rf"{_STRING}|\b[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\b|\b(?:true|false|TRUE|FALSE|null|NULL)\b"
_PARAMETER = rf"{_STRING}|[^,\s][^,]*"
_EXECUTE = r"^query=\[(.*)\] params=\[(.*)\]$"


def _normalize(placeholder: str, numbered: bool, execute: str) -> Form:
    """The query with a placeholder for every constant; a placeholder that was there stands for its parameter."""
    token = f"{placeholder}|{_CONSTANT}"

    def form(expr: Call, args: list[str]) -> str:
        mark = "'$' || (i - 1)" if numbered else "'?'"
        query = f"array_to_string(list_transform(string_split_regex(q, {_text(token)}), lambda part, i: CASE WHEN i = 1 THEN part ELSE {mark} || part END), '')"
        position = "TRY_CAST(substr(t, 2) AS INTEGER)" if numbered else "len(list_filter(tokens[:i], lambda o: o = '?'))"
        # A number that is none of 32 bits is higher than there can be parameters.
        highest = "coalesce(TRY_CAST(substr(t, 2) AS INTEGER), 2147483647)" if numbered else "i"
        value = f"CASE WHEN regexp_full_match(t, {_text(placeholder)}) THEN coalesce(given[{position}], '') ELSE t END"
        params = f"list_transform(tokens, lambda t, i: {value})"
        count = f"coalesce(list_max(list_transform(list_filter(tokens, lambda t: regexp_full_match(t, {_text(placeholder)})), lambda t, i: {highest})), 0)"
        good = f"CAST(json_object('query', {query}, 'params', {params}, 'error', '') AS VARCHAR)"
        bad = "'{\"query\":\"\",\"params\":[],\"error\":\"Query has more parameter placeholders in it than parameter values were passed in\"}'"
        body = f"CASE WHEN executes AND {count} > len(given) THEN {bad} ELSE {good} END"
        tokens = f"regexp_extract_all(q, {_text(token)})"
        given = f"CASE WHEN executes THEN list_transform(regexp_extract_all(regexp_extract(s, {_text(_EXECUTE)}, 2, 's'), {_text(_PARAMETER)}), lambda p: trim(p)) ELSE []::VARCHAR[] END"
        text = f"CASE WHEN executes THEN regexp_extract(s, {_text(_EXECUTE)}, 1, 's') ELSE s END"
        inner = bound("q", text, bound("tokens", tokens, bound("given", given, body)))
        whole = bound("executes", f"({args[1]} = {execute} AND regexp_matches(s, {_text(_EXECUTE)}, 's'))", inner)
        return bound("s", args[0], f"CASE WHEN s IS NULL THEN NULL ELSE {whole} END")

    return form


# ---- personal data ----

_GROUP = "[0-9A-Fa-f]{1,4}"
_V6 = (
    rf"\b(?:{_GROUP}:){{7}}{_GROUP}\b|\b(?:{_GROUP}:){{6}}{_V4}\b|\b{_GROUP}(?::{_GROUP}){{0,6}}::(?:{_GROUP}:)*(?:{_V4}|{_GROUP})\b"
    rf"|\b{_GROUP}(?::{_GROUP}){{1,6}}::|::(?:{_GROUP}:)+(?:{_V4}|{_GROUP})\b"
)
#: A country with the length of its numbers and their separators; what follows in capitals or digits belongs to it.
_IBAN = r"\b[A-Z]{2}[ -]?[0-9]{2}(?:[ -]?[0-9A-Z]{4}){2,7}(?:[ -]?[0-9A-Z]{1,3})?\b"
_CARD = r"\b[3-6][0-9]{3}(?:[ -]?[0-9]){8,15}\b"
_SSN = r"\b(?:00[1-9]|0[1-9][0-9]|[1-5][0-9]{2}|6[0-57-9][0-9]|66[0-57-9]|[78][0-9]{2})-(?:0[1-9]|[1-9][0-9])-(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})\b"
_BEFORE_CARDS = (
    (r"[A-Za-z0-9.!#$%&*+/=?^_`{|}~-]+(?:@|%40)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*", "EMAIL"),
    (r"\b[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}\b|\b[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}\b", "MAC_ADDR"),
    (_V6, "IPV6"), (rf"\b{_V4}\b", "IPV4"), (_IBAN, "IBAN"), (r"\b[0-9]{2}-[0-9]{6}-[0-9]{6}-[0-9]{1,2}\b", "IMEI"), (_SSN, "SSN"),
)  # fmt: skip


def _luhn(number: str) -> str:
    """Whether a card number's check digit is right."""
    digits = "list_transform(range(length(d)), lambda i: CAST(substr(reverse(d), i + 1, 1) AS INTEGER) * (1 + i % 2))"
    return bound("d", f"regexp_replace({number}, '[^0-9]', '', 'g')", f"list_sum(list_transform({digits}, lambda v: v - 9 * CAST(v > 9 AS INTEGER))) % 10 = 0")


def _redact(expr: Call, args: list[str]) -> str:
    text = args[0]
    for pattern, name in _BEFORE_CARDS:
        text = f"regexp_replace({text}, {_text(pattern)}, '<REDACTED_{name}>', 'g')"
    one = f"CASE WHEN {_luhn('card')} THEN replace(text, card, '<REDACTED_CC_NUMBER>') ELSE text END"
    return bound("t", text, f"list_reduce(regexp_extract_all(t, {_text(_CARD)}), lambda text, card: {one}, t)")


# ---- request paths ----

_ID = r"[0-9]+|[0-9A-Fa-f]{8}-[0-9A-Fa-f-]{27}|[0-9A-Fa-f]{12,}"


def endpoint(path: str) -> str:
    """A path without its query, with ``*`` for each part that is an id: a number, a UUID, or long and hexadecimal."""
    parts = f"string_split(split_part({path}, '?', 1), '/')"
    return f"array_to_string(list_transform({parts}, lambda part: CASE WHEN regexp_full_match(part, {_text(_ID)}) THEN '*' ELSE part END), '/')"


def _predict(expr: Call, args: list[str]) -> str:
    known = f"coalesce(list_contains(TRY(CAST(CAST({args[1]} AS JSON) AS VARCHAR[])), e), false)"
    return bound("e", endpoint(args[0]), f"CASE WHEN {known} THEN e ELSE {args[0]} END")


def _match_endpoint(expr: Call, args: list[str]) -> str:
    same = "len(p) = len(e) AND list_bool_and(list_transform(range(len(p)), lambda i: e[i + 1] IN ('*', p[i + 1])))"
    path, pattern = f"string_split(split_part({args[0]}, '?', 1), '/')", f"string_split({args[1]}, '/')"
    return f"coalesce({bound('p', path, bound('e', pattern, same))}, false)"


FORMS: dict[str, Form] = {
    "_predict_request_path_cluster": _predict, "_match_endpoint": _match_endpoint,
    "uri_parse": _uri_parse, "uri_recompose": _uri_recompose, "cidrs_contain_ip": _cidrs_contain_ip, "redact_pii_best_effort": _redact,
    "normalize_mysql": _normalize(r"\?", False, "23"), "normalize_pgsql": _normalize(r"\$[0-9]+", True, "'Execute'"),
}  # fmt: skip
