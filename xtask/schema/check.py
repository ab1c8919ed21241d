"""Read the message definitions of two Kafka releases again and prove that crates/wire says the same.

For every message and every version of either release: fields in order, types, nullability, tags, defaults, entity types,
and which versions are flexible. Beyond that: error codes and the names of APIs.

usage: check.py      exit code 1 and one line for each difference
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field

from definitions import HERE, camel, fetch_jars, load, valid, versions
from enums import api_names, errors

WIRE = HERE.parent.parent / "crates" / "wire"
TOP = 10**6


@dataclass
class Node:
    """A field in one version."""

    name: str
    type: str
    nullable: bool
    tag: int | None
    default: str | None
    entity: str | None
    children: list[Node] = field(default_factory=list)


@dataclass
class Text:
    """A message of a .kafka file."""

    kind: str
    name: str
    key: int | None
    held: frozenset[int]
    flexible: frozenset[int]
    lines: list[tuple[int, str]]


def parse_files() -> dict[str, Text]:
    out: dict[str, Text] = {}
    for path in sorted((WIRE / "schema").glob("*.kafka")):
        current: Text | None = None
        for line in path.read_text().splitlines():
            if not line:
                continue
            if line.startswith(" "):
                if current is None:
                    sys.exit(f"{path.name}: a field before any message")
                body = line.lstrip(" ")
                current.lines.append(((len(line) - len(body)) // 2, body))
                continue
            kind, name, *rest = line.split(" ")
            words = dict(zip(rest[::2], rest[1::2], strict=True))
            held = versions(words["versions"], TOP)
            current = Text(
                kind, name, int(words["key"]) if "key" in words else None, held,
                versions(words.get("flexible"), max(held)), [],
            )  # fmt: skip
            out[name] = current
    return out


LINE = re.compile(
    r"(?P<name>\w+) (?P<type>[\[\]\w]+)(?P<null>\?(?P<nullin>[\d+-]*))?(?: (?P<held>\d[\d+-]*))?"
    r"(?: tag (?P<tag>\d+)(?: in (?P<tagin>[\d+-]+))?)?(?P<plain> plain)?(?: = (?P<default>\S+))?(?: @(?P<entity>\w+))?"
    r"(?P<secret> secret)?"
)


def ours(text: Text, version: int) -> list[Node]:
    top = max(text.held)
    root: list[Node] = []
    # One list for each depth; None below a field that this version does not have.
    levels: list[list[Node] | None] = [root]
    for depth, line in text.lines:
        match = LINE.fullmatch(line)
        if not match:
            sys.exit(f"{text.name}: cannot read {line!r}")
        del levels[depth:]
        parent = levels[depth - 1]
        held = versions(match["held"], top) if match["held"] else text.held
        if parent is None or version not in held:
            levels.append(None)
            continue
        nullable = match["null"] is not None and (not match["nullin"] or version in versions(match["nullin"], top))
        tagged = match["tag"] is not None and (not match["tagin"] or version in versions(match["tagin"], top))
        node = Node(
            match["name"], match["type"], nullable, int(match["tag"]) if tagged else None,
            match["default"].strip('"') if match["default"] else None, match["entity"],
        )  # fmt: skip
        parent.append(node)
        levels.append(node.children)
    return root


def theirs(message: dict, version: int) -> list[Node]:
    common = {struct["name"]: struct["fields"] for struct in message.get("commonStructs", [])}

    def walk(items: list[dict]) -> list[Node]:
        out = []
        for item in items:
            if version not in versions(item.get("versions", item.get("taggedVersions")), version):
                continue
            base = item["type"].removeprefix("[]")
            default = item.get("default")
            tagged = version in versions(item.get("taggedVersions"), version)
            out.append(
                Node(
                    camel(item["name"]), item["type"], version in versions(item.get("nullableVersions"), version),
                    int(item["tag"]) if tagged else None,
                    None if default is None else str(default).lower() if base == "bool" else str(default),
                    item.get("entityType"),
                    walk(item.get("fields") or common.get(base) or []) if base[0].isupper() else [],
                )
            )  # fmt: skip
        return out

    return walk(message["fields"])


def compare(where: str, a: list[Node], b: list[Node], names: bool) -> list[str]:
    """`names`: the release is the one whose names, defaults and entities hold."""
    out = []
    shape = [(n.type if not n.type.lstrip("[]")[0].isupper() else "[]" * n.type.startswith("[]") + "struct") for n in a]
    want = [(n.type if not n.type.lstrip("[]")[0].isupper() else "[]" * n.type.startswith("[]") + "struct") for n in b]
    if shape != want:
        return [f"{where}: fields {[(n.name, n.type) for n in a]} are {[(n.name, n.type) for n in b]} there"]
    for mine, its in zip(a, b, strict=True):
        place = f"{where}.{mine.name}"
        for what in ("nullable", "tag") + (("name", "default", "entity") if names else ()):
            if getattr(mine, what) != getattr(its, what):
                out.append(f"{place}: {what} {getattr(mine, what)!r} is {getattr(its, what)!r} there")
        out += compare(place, mine.children, its.children, names)
    return out


def check_messages(
    release: str, messages: dict[str, dict], files: dict[str, Text], newest: dict[str, dict]
) -> tuple[int, list[str]]:
    by_key = {(t.kind, t.key): t for t in files.values() if t.key is not None}
    count, out = 0, []
    for name, message in sorted(messages.items()):
        kind = message["type"]
        text = by_key.get((kind, message["apiKey"])) if kind in ("request", "response") else files.get(name)
        held = valid(message) if kind != "header" else frozenset({1})
        if not held:
            continue
        if text is None:
            if kind in ("request", "response", "header"):
                out.append(f"{name}: in {release}, no schema file has it")
            continue
        flexible = versions(message.get("flexibleVersions"), max(held))
        twin = newest.get(name)
        request = messages.get(name.replace("Response", "Request"), message)
        unstable = bool(message.get("latestVersionUnstable") or request.get("latestVersionUnstable"))
        for version in sorted(held):
            # Only an unstable version changes between releases; the newer release's form of it is kept.
            settled = message is twin or version not in valid(twin)
            where = f"{name} v{version} ({release})"
            count += 1
            if version not in text.held:
                out.append(f"{where}: missing")
            elif (version in flexible) != (version in text.flexible):
                out.append(f"{where}: flexible or not")
            elif settled or not unstable:
                out += compare(where, ours(text, version), theirs(message, version), message is twin)
    return count, out


def check_enums(old_jar: object, new_jar: object, files: dict[str, Text]) -> list[str]:
    want = errors(new_jar)  # type: ignore[arg-type]
    found = re.findall(r'^ +\((-?\d+), "(\w+)"\),$', (WIRE / "src" / "errors.rs").read_text(), re.MULTILINE)
    have = {int(code): name for code, name in found}
    out = [
        f"error {c}: {have.get(c)} is {want.get(c)} there"
        for c in sorted(have.keys() | want)
        if have.get(c) != want.get(c)
    ]
    names = api_names(old_jar) | api_names(new_jar)  # type: ignore[arg-type]
    for text in files.values():
        log_name = re.sub(r"(?<!^)(?=[A-Z])", "_", text.name.removesuffix("Request")).upper()
        if text.kind == "request" and log_name not in names:
            out.append(f"{text.name}: no API is named {log_name} there")
    return out


def main() -> None:
    files = parse_files()
    jars = fetch_jars()
    old, new = map(load, jars)
    count, differences = 0, []
    for release, messages in (("old", old), ("new", new)):
        n, found = check_messages(release, messages, files, new)
        count += n
        differences += found
    differences += check_enums(*jars, files)
    for line in differences:
        print(line)
    print(f"{count} versions of messages compared, {len(differences)} differences", file=sys.stderr)
    if differences or count < 1000:
        sys.exit(1)


if __name__ == "__main__":
    main()
