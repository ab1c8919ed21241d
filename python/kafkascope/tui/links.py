"""Where a cell leads: another script about what it names, or the same one narrowed to it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafkascope.cli.output import Column
from kafkascope.tui.requests import names

#: Of a body with more names these are enough to go on.
MAX_INNER = 9

#: Scripts about one entity, with the argument that names it: by semantic type, else by the column's name.
_BY_TYPE = {
    "POD_NAME": ("px/pod", "pod"), "SERVICE_NAME": ("px/service", "service"), "NAMESPACE_NAME": ("px/namespace", "namespace"), "NODE_NAME": ("px/node", "node"), "IP_ADDRESS": ("px/ip", "ip"),
}  # fmt: skip
_BY_NAME = {"topic": ("px/kafka_topic", "topic"), "topic_name": ("px/kafka_topic", "topic"), "group": ("px/kafka_group", "group_id"), "group_id": ("px/kafka_group", "group_id"),
            "client_id": ("px/kafka_client", "client_id")}  # fmt: skip


@dataclass(frozen=True)
class Link:
    """A script with its arguments, behind a value."""

    label: str
    script: str
    args: dict[str, str]


@dataclass(frozen=True)
class Place:
    """Where one is: the script with its arguments, and the names of the scripts there are."""

    script: str = ""
    args: Mapping[str, str] = ()  # type: ignore[assignment]
    scripts: frozenset[str] = frozenset()

    def link(self, item: Any, column: Column) -> Link | None:
        """The link of a value; none to where one is already."""
        if not isinstance(item, str) or not item:
            return None
        if column.semantic_type == "SCRIPT_REFERENCE":
            return _reference(item)
        script, name = _BY_TYPE.get(column.semantic_type) or _BY_NAME.get(column.name) or ("", "")
        here = script == self.script and dict(self.args).get(name) == item
        return Link(item, script, {name: item}) if script in self.scripts and not here else None

    def links(self, row: Sequence[Any], columns: Sequence[Column]) -> list[Link]:
        """The links of a row's cells, from left to right."""
        return [found for item, column in zip(row, columns, strict=True) if (found := self.link(item, column)) is not None]

    def inner(self, item: Any, column: Column) -> list[Link]:
        """The links of topics and groups within a decoded body; none of any other value."""
        body = structured(item) if column.semantic_type == "NONE" else None
        if body is None:
            return []
        topics, groups = names(body)
        named = [("topic", topic) for topic in topics] + [("group", group) for group in groups]
        return [found for kind, name in named[:MAX_INNER] if (found := self.link(name, Column(kind, "STRING", "NONE"))) is not None]

    def all(self, row: Sequence[Any], columns: Sequence[Column]) -> list[Link]:
        """The links of a row in full: each column's own, then those within it."""
        found: list[Link] = []
        for item, column in zip(row, columns, strict=True):
            own = self.link(item, column)
            found += [own] if own is not None else [link for link in self.inner(item, column) if link not in found]
        return found


def structured(item: Any) -> Any:
    """The value of a text that is a JSON object or array; ``None`` of any other."""
    if isinstance(item, str) and item[:1] in "{[" and item:
        try:
            return json.loads(item)
        except ValueError:
            return None
    return None


def _reference(item: str) -> Link | None:
    try:
        value = json.loads(item)
        return Link(str(value["label"]), str(value["script"]), {str(k): str(v) for k, v in (value.get("args") or {}).items()})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
