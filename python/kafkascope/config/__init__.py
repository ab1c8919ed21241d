"""``kafkascope.toml``, ``KAFKASCOPE_*`` variables and flags, as one configuration that knows where each value came from.

A flag goes before a variable, a variable before the file, the file before the default. The file is the one of ``--config`` or ``KAFKASCOPE_CONFIG`` (empty: none),
else the user's (``$XDG_CONFIG_HOME/kafkascope/kafkascope.toml``), else the system's (``/etc/kafkascope/kafkascope.toml``); files are not merged.

    config = load(flags={"server.port": "9000"})
    config["store.retention_bytes"]         # 10000000000: sizes in bytes, durations in seconds
    config.origin("store.retention_bytes")  # Origin(Level.FILE, "/etc/kafkascope/kafkascope.toml, line 3")

Commands take keys with ``kafkascope.cli.config.configured``; ``keys.py`` lists them.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from kafkascope.config.keys import KEYS, OTHER_VARIABLES, Key

__all__ = ["KEYS", "Config", "ConfigError", "Key", "Level", "Origin", "Setting", "example", "load", "places"]

FILE_NAME = "kafkascope.toml"
_LARGEST = 1 << 20


class ConfigError(Exception):
    """A value or key that does not fit; ``message`` says what was expected, found and where, ``hint`` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} ({hint})" if hint else message)
        self.message = message
        self.hint = hint


class Level(IntEnum):
    """Where a value came from; the greater goes before the lesser."""

    DEFAULT = 0
    FILE = 1
    VARIABLE = 2
    FLAG = 3


@dataclass(frozen=True, slots=True)
class Origin:
    """``where`` names the flag, the variable, or the file and line."""

    level: Level
    where: str


@dataclass(frozen=True, slots=True)
class Setting:
    """A key with the value that holds, as it was written, and where."""

    key: Key
    value: Any
    written: Any
    origin: Origin

    @property
    def text(self) -> str:
        """For people: secrets are masked."""
        if self.key.secret and self.value:
            return "<masked>"
        return _toml(self.written)


class Config(Mapping[str, Any]):
    """Values by key (``section.name``); every key of ``keys.py`` is there."""

    def __init__(self, settings: Mapping[str, Setting], file: Path | None, notes: Iterable[str] = ()) -> None:
        self.settings = dict(settings)
        self.file = file
        #: Variables named KAFKASCOPE_… that no key has.
        self.notes = tuple(notes)

    def __getitem__(self, key: str) -> Any:
        return self.settings[key].value

    def __iter__(self) -> Any:
        return iter(self.settings)

    def __len__(self) -> int:
        return len(self.settings)

    def origin(self, key: str) -> Origin:
        return self.settings[key].origin

    def flags(self, *keys: str) -> list[str]:
        """``keys`` as words of a command line for a child process: values hold there whatever its files and variables say."""
        words: list[str] = []
        for name in keys:
            key, value = self.settings[name].key, self.settings[name].value
            if key.secret:
                raise ValueError(f"{name} is a secret and does not belong on a command line")
            if key.kind.switch:
                words += [key.flag] if value else []
            elif key.kind.many:
                items = value if not isinstance(value, Mapping) else [f"{table}={one}" for table, one in value.items()]
                for item in items:
                    words += [key.flag, str(item)]
            else:
                words += [key.flag, "" if value is None else str(value)]
        return words


def places(environ: Mapping[str, str] | None = None) -> list[Path]:
    """The files that are looked for when none is named: the user's, the system's."""
    environ = os.environ if environ is None else environ
    home = environ.get("XDG_CONFIG_HOME") or (os.path.join(environ["HOME"], ".config") if environ.get("HOME") else "")
    folders = [home] if home else []
    return [Path(folder) / "kafkascope" / FILE_NAME for folder in (*folders, "/etc")]


def load(file: str | Path | None = None, *, flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """The configuration that holds. ``file`` None looks in the usual places, empty reads none. Raises ``ConfigError``."""
    environ = os.environ if environ is None else environ
    path = _file(file, environ)
    settings = {name: Setting(key, key.kind.read(key.default), key.default, Origin(Level.DEFAULT, key.shown or "default")) for name, key in KEYS.items()}
    if path is not None:
        settings.update(_read(path))
    for name, key in KEYS.items():
        if key.variable in environ and not _SERVICE_LINK.match(environ[key.variable]):
            settings[name] = _setting(key, environ[key.variable], Origin(Level.VARIABLE, key.variable))
    for name, value in (flags or {}).items():
        settings[name] = _setting(KEYS[name], value, Origin(Level.FLAG, KEYS[name].flag))
    return Config(settings, path, _unknown_variables(environ))


def _file(file: str | Path | None, environ: Mapping[str, str]) -> Path | None:
    named = file if file is not None else environ.get("KAFKASCOPE_CONFIG")
    if named is not None:
        if str(named) == "":
            return None
        path = Path(named)
        if not path.is_file():
            where = "" if file is not None else " (KAFKASCOPE_CONFIG)"
            raise ConfigError(f"no configuration file {path}{where}", "check the path; `px config example` prints one to begin with")
        return path
    for path in places(environ):
        try:
            if path.is_file():
                return path
        except PermissionError:
            continue
    return None


def _setting(key: Key, value: Any, origin: Origin) -> Setting:
    try:
        return Setting(key, key.kind.read(value), value, origin)
    except ValueError as error:
        raise ConfigError(f"{origin.where}: {key.key}: {error}", key.help) from None


def _read(path: Path) -> dict[str, Setting]:
    try:
        with open(path, "rb") as file:
            raw = file.read(_LARGEST + 1)
        if len(raw) > _LARGEST:
            raise ConfigError(f"{path} is larger than {_LARGEST} bytes", "is this the right file?")
        text = raw.decode("utf-8")
        document = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", "does it belong to this user?") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}", "is this the right file?") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}", "the form is TOML: name = \"text\", 5, true or [\"a\", \"b\"] below [section]") from error
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply", "is this the right file?") from None
    lines = _lines(text)
    found: dict[str, Setting] = {}
    for section, entries in document.items():
        if not isinstance(entries, dict):
            near = [key for key in KEYS.values() if key.name == section]
            raise ConfigError(f"{path}{_at(lines, section)}: '{section}' stands outside a section", f"put it below [{near[0].section}]" if near else _nearest_section(section))
        if section not in _SECTIONS:
            raise ConfigError(f"{path}{_at(lines, section)}: no section '{section}'", _nearest_section(section))
        for name, value in entries.items():
            full = f"{section}.{name}"
            if full not in KEYS:
                raise ConfigError(f"{path}{_at(lines, full)}: no key '{full}'", _nearest(name, section))
            found[full] = _setting(KEYS[full], value, Origin(Level.FILE, f"{path}{_at(lines, full)}"))
    return found


_SECTIONS = tuple(dict.fromkeys(key.section for key in KEYS.values()))


def _nearest_section(section: str) -> str:
    close = difflib.get_close_matches(section, _SECTIONS, 1)
    return f"did you mean [{close[0]}]?" if close else f"the sections are {', '.join(_SECTIONS)}"


def _nearest(name: str, section: str) -> str:
    """The key that was probably meant: a near name of the section, or the same name of another."""
    own = [key.name for key in KEYS.values() if key.section == section]
    close = difflib.get_close_matches(name, own, 1) or difflib.get_close_matches(name, [key.name for key in KEYS.values()], 1)
    if not close:
        return f"[{section}] has {', '.join(own)}"
    key = next(key for key in KEYS.values() if key.name == close[0] and (key.section == section or close[0] not in own))
    return f"did you mean '{key.key}'?"


def _lines(text: str) -> dict[str, int]:
    """The line of each section and key; tomllib does not tell."""
    found: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if head := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line):
            section = re.sub(r"[\s\"']", "", head[1])
            found.setdefault(section, number)
            found.setdefault(section.partition(".")[0], number)
        elif entry := re.match(r"\s*([A-Za-z0-9_.\"' -]+?)\s*=", line):
            name = re.sub(r"[\s\"']", "", entry[1])
            found.setdefault(f"{section}.{name}" if section else name, number)
            if not section:
                found.setdefault(name.partition(".")[0], number)
    return found


def _at(lines: Mapping[str, int], name: str) -> str:
    return f", line {lines[name]}" if name in lines else ""


#: What Kubernetes puts into KAFKASCOPE_PORT when a Service is named kafkascope: no value of ours.
_SERVICE_LINK = re.compile(r"(tcp|udp|sctp)://")
_SERVICE_VARIABLE = re.compile(r".*_(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)$")


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    known = {key.variable for key in KEYS.values()} | OTHER_VARIABLES
    notes = []
    for name in sorted(environ):
        if name.startswith("KAFKASCOPE_") and name not in known and not _SERVICE_VARIABLE.match(name):
            close = difflib.get_close_matches(name, known, 1)
            notes.append(f"no key has the variable {name}" + (f"; did you mean {close[0]}?" if close else ""))
    return notes


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        return '"' + "".join(_ESCAPES.get(c, c if c.isprintable() else f"\\U{ord(c):08x}") for c in value) + '"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_toml(str(name))} = {_toml(one)}" for name, one in value.items()) + "}"
    return "[" + ", ".join(_toml(item) for item in value) + "]"


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\t": "\\t"}


def example() -> str:
    """A file with every key, its default and what it does, each commented out."""
    parts = [f"# {FILE_NAME}: every key with its default. Each is a flag and a variable too: --port, KAFKASCOPE_PORT."]
    section = ""
    for key in KEYS.values():
        if key.section != section:
            section = key.section
            parts.append(f"\n[{section}]")
        parts.append(f"# {key.help}" + (f" Default: {key.shown}." if key.shown else ""))
        parts.append(f"#{key.name} = {_toml(key.default)}")
    return "\n".join(parts) + "\n"
