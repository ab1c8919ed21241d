"""Rules of alerts and where their events go, read from TOML.

    close_after = "30s"                  # how long a condition must be gone before its alert closes

    [[notify]]                           # each event as JSON: posted to a webhook, or on a command's standard input
    webhook = "https://hooks.example/kafka"
    headers = { Authorization = "Bearer …" }

    [[notify]]
    command = ["/usr/local/bin/page-me", "--kafka"]
    severities = ["critical"]

    [[alert]]
    name = "consumer_behind"
    on = "group"                         # group, partition, rebalances, client, topic, finding
    when = "lag_seconds > 60"
    for = "1m"                           # how long it must hold before the alert opens
    severity = "warning"
    group = "orders-.*"                  # regular expressions for whole names, all optional: group, topic, client, kind
    summary = "{group} is {value:.0f} s behind"
"""

from __future__ import annotations

import operator
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kafkascope.analysis.verdict import Status

#: The fields that can be compared, by what a rule is about.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "group": ("lag", "max_lag", "lag_seconds", "trend", "time_to_drain", "members", "partitions_unknown", "status", "state"),
    "partition": ("lag", "read_lag", "stable_lag", "lag_seconds", "trend", "time_to_drain", "status"),
    "rebalances": ("per_hour",),
    "client": ("error_rate", "errors_per_minute", "throttled_share"),
    "topic": ("silent_seconds",),
    "finding": ("age_seconds",),
}
SEVERITIES = ("warning", "critical")
DEFAULTS = Path(__file__).parent / "default.toml"
_MAX_BYTES = 1 << 20
_MAX_RULES = 500

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_WHEN = re.compile(r"\s*([a-z_]+)\s*(>=|<=|==|!=|>|<)\s*(.+?)\s*")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_VERDICTS = {str(status): status.number for status in Status}


class RuleError(Exception):
    """A rule file that does not fit; ``message`` says where, what was expected and found, ``hint`` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} ({hint})" if hint else message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Rule:
    """One alert: what must hold of each subject, and for how long (s)."""

    name: str
    on: str
    when: str
    column: str
    compare: Callable[[Any, Any], bool]
    against: float | str
    for_s: float = 0.0
    severity: str = "warning"
    summary: str = ""
    patterns: Mapping[str, re.Pattern[str]] = field(default_factory=dict)

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether the condition is true of a subject's values; what is not known fulfils nothing."""
        value = values.get(self.column)
        if value is None or value == "UNKNOWN":
            return False
        if self.column == "status":
            value = _VERDICTS.get(value, 0)
        return self.compare(value, self.against)

    def concerns(self, labels: Mapping[str, str]) -> bool:
        """Whether the subject is one that the rule is about."""
        return all(pattern.fullmatch(labels.get(name, "")) for name, pattern in self.patterns.items())


@dataclass(frozen=True)
class Notify:
    """Where events go: a webhook or a command."""

    webhook: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    severities: tuple[str, ...] = SEVERITIES


@dataclass(frozen=True)
class RuleFile:
    """What a file holds; ``path`` where somebody named it."""

    rules: tuple[Rule, ...]
    notify: tuple[Notify, ...]
    close_after_s: float
    path: Path | None = None


def load(path: Path | str | None = None) -> RuleFile:
    """Rules of a file, those that come with Kafkascope when there is none. Raises ``RuleError``."""
    named = Path(path) if path else None
    path = named or DEFAULTS
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RuleError(f"{path} cannot be read: {error.strerror}", "name a TOML file of alert rules") from error
    if len(data) > _MAX_BYTES:
        raise RuleError(f"{path} has {len(data)} bytes, expected at most {_MAX_BYTES}")
    try:
        return replace(parse(data.decode("utf-8"), str(path)), path=named)
    except UnicodeDecodeError as error:
        raise RuleError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error


def parse(text: str, where: str = "rules") -> RuleFile:
    """Rules out of TOML text. Raises ``RuleError``."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{where}: {error}") from error
    _only(found, {"alert", "notify", "close_after"}, where)
    rules = tuple(_rule(entry, place) for entry, place in _tables(found, "alert", where, text))
    if len(rules) > _MAX_RULES:
        raise RuleError(f"{where}: {len(rules)} alerts, expected at most {_MAX_RULES}")
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise RuleError(f"{where}: the name {name!r} is used twice", "give each alert its own")
    notify = tuple(_notify(entry, place) for entry, place in _tables(found, "notify", where, text))
    return RuleFile(rules, notify, _seconds(found.get("close_after", "30s"), f"{where}: close_after"))


def _rule(entry: Mapping[str, Any], where: str) -> Rule:
    _only(entry, {"name", "on", "when", "for", "severity", "summary", "group", "topic", "client", "kind"}, where)
    name = entry.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}", name):
        raise RuleError(f"{where}: expected a name of letters, digits, _, - and ., found {name!r}")
    where = f"{where} ({name})"
    on, severity = str(entry.get("on", "")), entry.get("severity", "warning")
    if on not in FIELDS:
        raise RuleError(f"{where}: on: expected one of {', '.join(FIELDS)}, found {on!r}")
    if severity not in SEVERITIES:
        raise RuleError(f"{where}: severity: expected one of {', '.join(SEVERITIES)}, found {severity!r}")
    when = entry.get("when", "age_seconds >= 0" if on == "finding" else None)
    match = _WHEN.fullmatch(when) if isinstance(when, str) else None
    if match is None:
        raise RuleError(f"{where}: when: expected FIELD OPERATOR VALUE, found {when!r}", 'such as when = "lag_seconds > 60"')
    field_, sign, value = match.groups()
    if field_ not in FIELDS[on]:
        raise RuleError(f"{where}: when: {on} has no {field_!r}", f"it has {', '.join(FIELDS[on])}")
    against = _against(field_, sign, value, where)
    patterns = {}
    for name_ in ("group", "topic", "client", "kind"):
        if name_ in entry:
            try:
                patterns[name_] = re.compile(entry[name_])
            except (re.error, TypeError) as error:
                raise RuleError(f"{where}: {name_}: expected a regular expression, found {entry[name_]!r}: {error}") from error
    summary = entry.get("summary", "")
    try:
        str(summary).format(**dict.fromkeys(("group", "topic", "partition", "client", "api", "kind", "cluster", "reason"), "x"), value=1.0)
    except (KeyError, IndexError, ValueError) as error:
        raise RuleError(f"{where}: summary: {error} is nothing to put in", "there are group, topic, partition, client, api, kind, cluster, reason, value") from error
    return Rule(name, on, str(when), field_, _OPERATORS[sign], against, _seconds(entry.get("for", "0s"), f"{where}: for"), severity, str(summary), patterns)


def _against(field_: str, sign: str, value: str, where: str) -> float | str:
    if field_ == "status":
        if value not in _VERDICTS:
            raise RuleError(f"{where}: when: expected one of {', '.join(_VERDICTS)}, found {value!r}")
        return float(_VERDICTS[value])
    if field_ == "state":
        if sign not in ("==", "!="):
            raise RuleError(f"{where}: when: a state is compared with == or !=, found {sign}")
        return value
    if field_.endswith("seconds") or field_ == "time_to_drain":
        match = _DURATION.fullmatch(value)
        if match is not None:
            return float(match[1]) * _UNITS[match[2]]
    percent = value.endswith("%")
    try:
        return float(value.rstrip("%")) / (100 if percent else 1)
    except ValueError:
        raise RuleError(f"{where}: when: expected a number, found {value!r}") from None


def _notify(entry: Mapping[str, Any], where: str) -> Notify:
    _only(entry, {"webhook", "headers", "command", "severities"}, where)
    webhook, command = entry.get("webhook", ""), entry.get("command", ())
    if bool(webhook) == bool(command):
        raise RuleError(f"{where}: expected either webhook or command")
    if webhook and not re.match(r"https?://[^/]", webhook):
        raise RuleError(f"{where}: webhook: expected an http or https URL, found {webhook!r}")
    if command and not (isinstance(command, list) and all(isinstance(word, str) and word for word in command)):
        raise RuleError(f"{where}: command: expected a list of words, found {command!r}", 'such as command = ["/usr/bin/logger", "-t", "kafka"]')
    severities = tuple(entry.get("severities", SEVERITIES))
    if not set(severities) <= set(SEVERITIES):
        raise RuleError(f"{where}: severities: expected {', '.join(SEVERITIES)}, found {', '.join(map(str, severities))}")
    return Notify(webhook, dict(entry.get("headers", {})), tuple(command), severities)


def _tables(found: Mapping[str, Any], name: str, where: str, text: str) -> list[tuple[Mapping[str, Any], str]]:
    """The tables of a name, each with its place in the file."""
    entries = found.get(name, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise RuleError(f"{where}: expected tables [[{name}]]")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if re.match(rf"\s*\[\[\s*{name}\s*\]\]", line)]
    # Tables may be written inline, too, which have no line of their own.
    places = [f"line {line}, " for line in lines] if len(lines) == len(entries) else [""] * len(entries)
    return [(entry, f"{where}, {place}{name} {number}") for number, (entry, place) in enumerate(zip(entries, places, strict=True), 1)]


def _only(entry: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(entry.keys() - known)
    if unknown:
        raise RuleError(f"{where}: unknown key {unknown[0]!r}", f"there are {', '.join(sorted(known))}")


def _seconds(value: Any, where: str) -> float:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise RuleError(f"{where}: expected a duration, found {value!r}", "such as 30s, 5m or 1h")
    return float(match[1]) * _UNITS[match[2]]
