"""Write crates/wire/schema/*.kafka from the message definitions of two Kafka releases.

A version valid in the newer release is taken from there, any other from the older one: between the
two no version's bytes differ except where a version was unstable. Names are the newer release's.

usage: generate.py [FOLDER]
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from definitions import HERE, camel, fetch_jars, load, valid, versions

SCHEMA = HERE.parent.parent / "crates" / "wire" / "schema"

# Fields that only the older release has, under the name that the newer one gives to the same thing.
RENAMED: dict[tuple[str, str], str] = {}

# What must never be shown (KIP-48 HMACs, SASL tokens, KIP-554 salts and salted passwords, configuration values).
SECRETS = {
    ("SaslAuthenticateRequest", "authBytes"), ("SaslAuthenticateResponse", "authBytes"),
    ("AlterUserScramCredentialsRequest", "salt"), ("AlterUserScramCredentialsRequest", "saltedPassword"),
    ("CreateDelegationTokenResponse", "hmac"), ("RenewDelegationTokenRequest", "hmac"),
    ("ExpireDelegationTokenRequest", "hmac"), ("DescribeDelegationTokenResponse", "hmac"),
    ("AlterConfigsRequest", "value"), ("IncrementalAlterConfigsRequest", "value"),
    ("DescribeConfigsResponse", "value"),
}  # fmt: skip

DATA_FILES = {
    "consumer_protocol": ["ConsumerProtocolSubscription", "ConsumerProtocolAssignment"],
    "control_records": ["ControlRecordTypeSchema", "EndTxnMarker", "LeaderChangeMessage", "SnapshotHeaderRecord",
                        "SnapshotFooterRecord", "KRaftVersionRecord", "VotersRecord"],
    "principal": ["DefaultPrincipalData"],
}  # fmt: skip


@dataclass
class Field:
    name: str
    type: str
    versions: frozenset[int]
    nullable: frozenset[int] = frozenset()
    tag: int | None = None
    tagged: frozenset[int] = frozenset()
    default: str | None = None
    entity: str | None = None
    plain: bool = False
    secret: bool = False
    children: list[Field] = field(default_factory=list)

    def key(self) -> tuple:
        return self.name, self.type.lstrip("[]")[:1].isupper() or self.type, self.tag


def fields_of(message: dict, only: frozenset[int]) -> list[Field]:
    """A message's fields with its common structs written in place, for the versions `only`."""
    common = {struct["name"]: struct["fields"] for struct in message.get("commonStructs", [])}
    top = max(only, default=-1)

    def walk(items: list[dict], within: frozenset[int], depth: int) -> list[Field]:
        if depth > 16:
            sys.exit(f"{message['name']}: a struct contains itself")
        out = []
        for item in items:
            # `versions` may be missing where `taggedVersions` stands.
            held = versions(item.get("versions", item.get("taggedVersions")), top) & within
            if not held:
                continue
            kind, name = item["type"], camel(item["name"])
            base = kind.removeprefix("[]")
            default = item.get("default")
            out.append(
                Field(
                    name, kind, held,
                    nullable=versions(item.get("nullableVersions"), top) & held,
                    tag=int(item["tag"]) if "tag" in item else None,
                    tagged=versions(item.get("taggedVersions"), top) & held,
                    default=None if default is None else str(default).lower() if kind == "bool" else str(default),
                    entity=item.get("entityType"),
                    plain=item.get("flexibleVersions") == "none",
                    secret=(message["name"], name) in SECRETS,
                    children=walk(item.get("fields") or common.get(base) or [], held, depth + 1) if base[0].isupper() else [],
                )
            )  # fmt: skip
        return out

    return walk(message["fields"], only, 0)


def merge(message: str, old: list[Field], new: list[Field]) -> list[Field]:
    """One list that has the fields of both, in an order that suits both."""
    old_names = {RENAMED.get((message, f.name), f.name): f for f in old}
    out: list[Field] = []
    keys = {f.key() for f in new}
    waiting = []
    for f in old:
        f.name = RENAMED.get((message, f.name), f.name)
        waiting.append(f)
    for item in new:
        twin = next((f for f in waiting if f.key() == item.key()), None)
        if twin:
            # What only the older release has stands before what follows it there.
            while waiting[0] is not twin:
                first = waiting.pop(0)
                if first.key() in keys:
                    sys.exit(f"{message}: {first.name} stands elsewhere in the older release")
                out.append(first)
            waiting.pop(0)
            item.versions |= twin.versions
            item.nullable |= twin.nullable
            item.tagged |= twin.tagged
            item.children = merge(message, twin.children, item.children)
        out.append(item)
    if waiting and old_names:
        out += waiting
    return out


def span(held: frozenset[int], top: int) -> str:
    low, high = min(held), max(held)
    if len(held) != high - low + 1:
        sys.exit(f"versions with a gap: {sorted(held)}")
    return f"{low}+" if high == top else f"{low}-{high}" if low < high else f"{low}"


def lines(items: list[Field], within: frozenset[int], top: int, depth: int) -> list[str]:
    out = []
    for f in items:
        text = "  " * depth + f.name + " " + f.type
        if f.nullable:
            text += "?" if f.nullable == f.versions else "?" + span(f.nullable, top)
        if f.versions != within:
            text += " " + span(f.versions, top)
        if f.tagged:
            text += f" tag {f.tag}" + ("" if f.tagged == f.versions else " in " + span(f.tagged, top))
        if f.plain:
            text += " plain"
        if f.default is not None:
            text += " = " + (f.default if f.default else '""')
        if f.entity:
            text += " @" + f.entity
        if f.secret:
            text += " secret"
        out.append(text)
        out += lines(f.children, f.versions, top, depth + 1)
    return out


def message_text(old: dict | None, new: dict | None) -> list[str]:
    message = new or old
    in_new = valid(new)
    only_old = valid(old) - in_new
    if message["type"] == "header":
        only_old = frozenset({0})
        in_new = frozenset({1, 2}) if message["name"] == "RequestHeader" else frozenset({0, 1})
        only_old -= in_new
        old = old or new
    held = in_new | only_old
    top = max(held)
    fields = merge(
        message["name"], fields_of(old, only_old) if only_old else [], fields_of(new, in_new) if in_new else []
    )
    flexible = frozenset()
    for source, part in ((old, only_old), (new, in_new)):
        if source and part:
            flexible |= versions(source.get("flexibleVersions"), top) & part
    head = f"{message['type']} {message['name']}"
    if "apiKey" in message:
        head += f" key {message['apiKey']}"
    head += f" versions {span(held, 10**6)}"
    if flexible:
        head += f" flexible {span(flexible, top)}"
    if only_old and message["type"] != "header":
        head += f" removed {span(only_old, 10**6)}"
    unstable = {max(valid(m)) for m in (old, new) if m and m.get("latestVersionUnstable") and valid(m)}
    if new and in_new:
        unstable -= in_new - ({max(in_new)} if new.get("latestVersionUnstable") else set())
    for v in sorted(unstable):
        head += f" unstable {v}"
    return [head, *lines(fields, held, top, 1), ""]


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SCHEMA
    folder.mkdir(parents=True, exist_ok=True)
    old, new = map(load, fetch_jars())
    names = {
        m["apiKey"]: m["name"].removesuffix("Request") for d in (old, new) for m in d.values() if m["type"] == "request"
    }
    by_key: dict[tuple, list[dict | None]] = {}
    for i, release in enumerate((old, new)):
        for m in release.values():
            if m["type"] in ("request", "response"):
                by_key.setdefault((m["apiKey"], m["type"]), [None, None])[i] = m
    for key, name in sorted(names.items()):
        text = []
        for direction in ("request", "response"):
            text += message_text(*by_key[key, direction])
        (folder / f"{key:02}_{snake(name)}.kafka").write_text("\n".join(text))
    headers = [message_text(old.get(n), new.get(n)) for n in ("RequestHeader", "ResponseHeader")]
    (folder / "header.kafka").write_text("\n".join(chain.from_iterable(headers)))
    for file, members in DATA_FILES.items():
        (folder / f"{file}.kafka").write_text(
            "\n".join(chain.from_iterable(message_text(old.get(n), new.get(n)) for n in members))
        )


if __name__ == "__main__":
    main()
