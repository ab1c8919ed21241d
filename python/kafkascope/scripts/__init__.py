"""The script library: bundled scripts, and folders of users' own, loaded the same way.

A script is a folder with exactly one ``*.pxl``, a ``manifest.yaml`` (``short``, ``long``, optional ``hidden``) and an optional
``vis.json``; its name is the path below the root (``px/kafka_data``). A bundle is one JSON file
``{"scripts": {name: {"pxl", "vis", "ShortDoc", "LongDoc", "hidden"}}}`` with contents as strings.
"""

from __future__ import annotations

import difflib
import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

BUNDLED = Path(__file__).parent

#: A library of more scripts than this is a mistaken folder, not a library.
MAX_SCRIPTS = 5_000
MAX_SCRIPT_BYTES = 1 << 20

#: libyaml where there is one: every command that takes a script reads all manifests.
_YAML: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ScriptError(ValueError):
    """A script that cannot be loaded or found; ``hint`` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Script:
    """One script of the library."""

    name: str
    pxl: str
    vis: dict[str, Any] | None = None
    short: str = ""
    long: str = ""
    hidden: bool = False
    path: Path | None = None


@dataclass
class Library:
    """Scripts by name, read again when a file below a root changes."""

    roots: tuple[Path, ...]
    scripts: dict[str, Script] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    _stamp: tuple[tuple[str, int], ...] = ()

    @classmethod
    def load(cls, extra: Iterable[str | Path] = ()) -> Library:
        """The bundled scripts and those of the folders or bundles ``extra``; later ones win. Raises ``ScriptError``."""
        roots = [BUNDLED]
        for item in extra:
            path = Path(item)
            if not path.exists():
                raise ScriptError(f"no such script folder or bundle: {path}", "expected a folder with scripts, or a bundle's JSON file")
            roots.append(path)
        library = cls(tuple(roots))
        library.refresh()
        return library

    def refresh(self) -> bool:
        """Read the roots again when something changed; a script that no longer loads keeps its last good text."""
        stamp = tuple(sorted(self._stamps()))
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        before, self.scripts, self.problems = self.scripts, {}, []
        for root in self.roots:
            try:
                found = _bundle(root) if root.is_file() else _folder(root, self.problems, before)
            except ScriptError as error:
                self.problems.append(error.message)
                continue
            self.scripts.update(found)
        return True

    def _stamps(self) -> Iterable[tuple[str, int]]:
        for root in self.roots:
            for file in [root] if root.is_file() else _files(root):
                try:
                    yield str(file), file.stat().st_mtime_ns
                except FileNotFoundError:
                    continue

    def get(self, name: str) -> Script:
        """The script ``name``; raises ``ScriptError`` with the nearest names."""
        script = self.scripts.get(name) or self.scripts.get(f"px/{name}")
        if script is not None:
            return script
        raise ScriptError(f"no script named '{name}'", nearest(name, self.scripts))


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint with names like ``name``."""
    names = list(known)
    tails = {n.rsplit("/", 1)[-1]: n for n in names}
    close = difflib.get_close_matches(name, names, 3, 0.5) or [tails[n] for n in difflib.get_close_matches(name.rsplit("/", 1)[-1], tails, 3, 0.5)]
    return f"did you mean {', '.join(close)}?" if close else "`px script list` lists them"


def _files(root: Path) -> Iterable[Path]:
    """The files of scripts below a folder. Another program may remove folders meanwhile: ``Path.rglob`` would fail then.

    Folders whose name begins with a dot hold no scripts: Kubernetes mounts a ConfigMap as links into one, and a clone has ``.git``.
    """
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.endswith(".pxl") or name in ("vis.json", "manifest.yaml"):
                yield Path(folder, name)


def _read(path: Path) -> str:
    if path.stat().st_size > MAX_SCRIPT_BYTES:
        raise ScriptError(f"{path} is larger than {MAX_SCRIPT_BYTES} bytes", "a script is a short text")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ScriptError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}", "a script is a text file") from error


def _vis(text: str, where: str) -> dict[str, Any] | None:
    if not text.strip():
        return None
    try:
        spec = json.loads(text)
    except json.JSONDecodeError as error:
        raise ScriptError(f"{where}: line {error.lineno}, column {error.colno}: {error.msg}", "vis.json is JSON") from error
    if not isinstance(spec, dict):
        raise ScriptError(f"{where}: expected an object with variables, globalFuncs and widgets, found {type(spec).__name__}")
    return spec


def _folder(root: Path, problems: list[str], before: dict[str, Script]) -> dict[str, Script]:
    found: dict[str, Script] = {}
    scripts = sorted(path for path in _files(root) if path.suffix == ".pxl")
    of_folder = Counter(path.parent for path in scripts)
    for pxl in scripts:
        folder = pxl.parent
        name = folder.relative_to(root).as_posix()
        if name == ".":
            name = f"{root.name}/{pxl.stem}" if of_folder[folder] > 1 else root.name
        try:
            if folder != root and of_folder[folder] > 1:
                raise ScriptError(f"{folder}: expected exactly one .pxl file")
            manifest_path, vis_path = folder / "manifest.yaml", folder / "vis.json"
            manifest = yaml.load(_read(manifest_path), _YAML) if manifest_path.exists() else {}
            if not isinstance(manifest, dict):
                raise ScriptError(f"{manifest_path}: expected a mapping with short and long")
            vis = _vis(_read(vis_path), str(vis_path)) if vis_path.exists() else None
            short, long = str(manifest.get("short") or ""), str(manifest.get("long") or "")
            found[name] = Script(name, _read(pxl), vis, short.strip(), long.strip(), bool(manifest.get("hidden")), folder)
        except (ScriptError, yaml.YAMLError, OSError) as error:
            problems.append(f"{name}: {error}")
            if name in before:
                found[name] = before[name]
        if len(found) > MAX_SCRIPTS:
            raise ScriptError(f"{root}: more than {MAX_SCRIPTS} scripts", "is this a folder of scripts?")
    return found


def _bundle(path: Path) -> dict[str, Script]:
    try:
        scripts = json.loads(path.read_text(encoding="utf-8"))["scripts"]
        items = list(scripts.items())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ScriptError(f"{path}: not a bundle: {error}", 'expected {"scripts": {"px/name": {"pxl": …, "vis": …}}}') from error
    found = {}
    for name, entry in items[:MAX_SCRIPTS]:
        if not isinstance(entry, dict) or not isinstance(entry.get("pxl"), str):
            raise ScriptError(f"{path}: script '{name}' has no text under 'pxl'")
        vis = _vis(entry.get("vis") or "", f"{path}: {name}: vis")
        found[name] = Script(name, entry["pxl"], vis, entry.get("ShortDoc") or "", entry.get("LongDoc") or "", bool(entry.get("hidden")), path)
    return found
