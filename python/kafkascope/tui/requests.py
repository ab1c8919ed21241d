"""Requests one by one: the PxL that asks for them, and what each is about."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from kafkascope.cli.output import Column
from kafkascope.pxl.lower.names import KAFKA_ERRORS
from kafkascope.tui.filter import Match, compile_filter


@dataclass(frozen=True)
class Filters:
    """Which requests are wanted; empty means all."""

    apis: tuple[str, ...] = ()
    not_apis: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    errors: bool = False
    slow_ns: int = 0
    #: As after ``/`` in px live.
    text: str = ""

    @property
    def local(self) -> bool:
        """Whether ``wants`` may refuse what the conditions let through."""
        return bool(self.topics or self.groups or self.text.strip())

    def pxl(self) -> list[str]:
        """Conditions on a frame ``df``. Topics and groups only narrow: ``wants`` decides by the decoded body."""
        found = []
        if self.apis:
            found.append(_any(f"df.req_cmd_name == {_text(api)}" for api in self.apis))
        found += [f"df.req_cmd_name != {_text(api)}" for api in self.not_apis]
        if self.clients:
            found.append(_any(f"px.contains(df.{column}, {_text(client)})" for client in self.clients for column in ("client_id", "client_pod")))
        for names, or_else in ((self.topics, []), (self.groups, ["df.reader != ''"])):
            if names:
                # Bodies are JSON: a name stands in them as a JSON string.
                found.append(_any([*(f"px.contains(df.{column}, {_text(_text(name))})" for name in names for column in ("req_body", "resp")), *or_else]))
        if self.errors:
            found.append("(df.error_code != 0 or df.outcome != 'complete')")
        if self.slow_ns:
            found.append(f"df.latency >= {self.slow_ns}")
        return found

    def wants(self, request: Request) -> bool:
        """Whether the topics and groups of the decoded bodies match, and the filter text."""
        if self.text.strip() and not _matcher(self.text, request.columns)(request.values):
            return False
        return (not self.topics or any(t in self.topics for t in request.topics)) and (not self.groups or any(g in self.groups for g in request.groups))


@lru_cache(maxsize=4)
def _matcher(text: str, columns: tuple[Column, ...]) -> Match:
    return compile_filter(text, columns)


def _any(conditions: Iterator[str] | Any) -> str:
    return "(" + " or ".join(conditions) + ")"


def _text(value: str) -> str:
    """A string literal of PxL, which is one of JSON too."""
    return json.dumps(value, ensure_ascii=False)


_NAMES = """
df.pod = df.ctx['pod']
df.peer_pod = px.upid_to_pod_name(df.remote_upid)
df.peer_pod = px.select(df.peer_pod == '', px.pod_id_to_pod_name(px.ip_to_pod_id(df.remote_addr)), df.peer_pod)
df.client_pod = px.select(df.trace_role == 2, df.peer_pod, df.pod)
df.broker_pod = px.select(df.trace_role == 2, df.pod, df.peer_pod)
df.end_ns = df.time_ + df.latency
"""

COLUMNS = ("time_", "trace_role", "local_addr", "local_port", "remote_addr", "remote_port", "client_pod", "broker_pod", "req_cmd", "req_cmd_name", "api_version", "correlation_id",
           "client_id", "req_bytes", "resp_bytes", "latency", "error_code", "outcome", "cluster_id", "req_body", "resp", "end_ns", "reader")  # fmt: skip


def _readers(groups: tuple[str, ...], start_ns: int) -> list[str]:
    """PxL that adds ``reader``: which of these groups a Fetch is for. It names none: what is known of its connection and client tells."""
    if not groups:
        return ["df.reader = ''"]
    return [
        f"fetches = px.DataFrame('kafka_fetch', start_time={start_ns})",
        "fetches = fetches[" + _any(f"fetches.group_id == {_text(group)}" for group in groups) + "]",
        "fetches = fetches.groupby(['client_addr', 'client_port', 'client_id']).agg(reader=('group_id', px.any))",
        "df.client_addr = px.select(df.trace_role == 2, df.remote_addr, df.local_addr)",
        "df.client_port = px.select(df.trace_role == 2, df.remote_port, df.local_port)",
        "keys = ['client_addr', 'client_port', 'client_id']",
        "df = df.merge(fetches, how='left', left_on=keys, right_on=keys, suffixes=['', '_of_fetch'])",
        "df.reader = px.select(df.req_cmd_name == 'Fetch', df.reader, '')",
    ]


def script(filters: Filters, start_ns: int, *, answered_from_ns: int | None = None, answered_before_ns: int | None = None, newest: bool, limit: int) -> str:
    """PxL for at most ``limit`` requests since ``start_ns`` in order of their end, the newest or the oldest of them."""
    lines = ["import px", f"df = px.DataFrame('kafka_events.beta', start_time={start_ns})", *_NAMES.strip().splitlines(), *_readers(filters.groups, start_ns)]
    conditions = filters.pxl()
    if answered_from_ns is not None:
        conditions.append(f"df.end_ns >= {answered_from_ns}")
    if answered_before_ns is not None:
        conditions.append(f"df.end_ns <= {answered_before_ns}")
    lines += [f"df = df[{condition}]" for condition in conditions]
    lines.append(f"df = df.sort('end_ns', ascending={not newest}).head({limit})")
    lines.append("px.display(df[[" + ", ".join(f"'{column}'" for column in COLUMNS) + "]], 'requests')")
    return "\n".join(lines) + "\n"


@dataclass
class Request:
    """One request with its response."""

    row: Mapping[str, Any]
    request: Any = None
    response: Any = None
    topics: dict[str, list[int]] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()

    @property
    def values(self) -> Sequence[Any]:
        """The row in the order of its columns."""
        return [self.row[column.name] for column in self.columns]

    @property
    def error_names(self) -> list[str]:
        """The errors of the response as Kafka names them."""
        code = self.row["error_code"]
        return list(self.errors) or ([KAFKA_ERRORS.get(code, "UNKNOWN_SERVER_ERROR" if code == -1 else f"error {code}")] if code else [])

    @property
    def end_ns(self) -> int:
        return int(self.row["end_ns"])

    @property
    def key(self) -> tuple[Any, ...]:
        """Tells one request from every other."""
        row = self.row
        return (row["time_"], row["local_addr"], row["local_port"], row["remote_addr"], row["remote_port"], row["correlation_id"], row["req_cmd"])

    @property
    def failed(self) -> bool:
        return bool(self.row["error_code"]) or self.row["outcome"] != "complete"

    def ends(self) -> tuple[str, str]:
        """Client and broker as address:port."""
        row = self.row
        local, remote = (_address(row[f"{side}_addr"], row[f"{side}_port"]) for side in ("local", "remote"))
        return (remote, local) if row["trace_role"] == 2 else (local, remote)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def columns_of(result: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns of a RunResult of ``script``, which a filter is about."""
    return tuple(Column(c["name"], c["type"], c["semanticType"]) for c in result["tables"][0].get("columns") or ())


def parse(result: Mapping[str, Any]) -> list[Request]:
    """The requests of a RunResult of ``script``."""
    found = []
    columns = columns_of(result)
    for values in result["tables"][0]["rows"]:
        row = dict(zip(COLUMNS, values, strict=True))
        for name in ("time_", "end_ns", "latency"):
            row[name] = int(row[name])
        request = Request(row, _json(row["req_body"]), _json(row["resp"]), columns=columns)
        for body in (request.request, request.response):
            _collect(body, request, 0)
        if row["reader"] and row["reader"] not in request.groups:
            request.groups.append(row["reader"])
        found.append(request)
    return found


def _json(text: str) -> Any:
    """A body that was cut is shown as the text it is."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


_TOPIC_KEYS = ("topic", "topic_name", "name")
_PARTITION_KEYS = ("index", "partition_index", "partition", "partition_id")
#: Lists below keys with "topic" in them name topics; deeper than this no schema of Kafka goes.
_MAX_DEPTH = 12


def _collect(node: Any, request: Request, depth: int, under: str = "") -> None:
    if depth > _MAX_DEPTH:
        return
    if isinstance(node, list):
        for item in node:
            if isinstance(item, str) and under in ("subscribed_topic_names", "topics"):
                request.topics.setdefault(item, [])
            elif isinstance(item, dict):
                if "topic" in under:
                    _topic(item, request)
                _collect(item, request, depth + 1)
    elif isinstance(node, dict):
        group = node.get("group_id")
        if isinstance(group, str) and group and group not in request.groups:
            request.groups.append(group)
        if node.get("error_name"):
            request.errors[str(node["error_name"])] = request.errors.get(str(node["error_name"]), 0) + 1
        if node.get("key_type") == 0:
            for key in (node.get("key"), *(node.get("coordinator_keys") or [])):
                if isinstance(key, str) and key and key not in request.groups:
                    request.groups.append(key)
        for name, child in node.items():
            if isinstance(child, list | dict):
                _collect(child, request, depth + 1, name)


def names(body: Any) -> tuple[list[str], list[str]]:
    """The topics and the groups that a decoded body names, in its order."""
    found = Request({})
    _collect(body, found, 0)
    return list(found.topics), found.groups


def _topic(item: Mapping[str, Any], request: Request) -> None:
    name = next((item[key] for key in _TOPIC_KEYS if isinstance(item.get(key), str) and item[key]), None)
    if name is None:
        return
    partitions = request.topics.setdefault(name, [])
    for key in ("partitions", "partition_indexes", "partition_data"):
        for partition in item.get(key) or [] if isinstance(item.get(key), list) else []:
            number = partition if isinstance(partition, int) else next((partition[k] for k in _PARTITION_KEYS if k in partition), None) if isinstance(partition, dict) else None
            if isinstance(number, int) and number not in partitions:
                partitions.append(number)
