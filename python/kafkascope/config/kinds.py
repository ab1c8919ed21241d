"""What kinds of values a key takes: how each is read from a file's value or from text, and how it is written back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kafkascope.store.errors import StoreError
from kafkascope.store.limits import parse_bytes

_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")


@dataclass(frozen=True)
class Kind:
    """``read`` takes what a file holds (text, number, list, table) or the text of a flag or variable; ``ValueError`` says what was expected and found."""

    metavar: str
    read: Callable[[Any], Any]
    write: Callable[[Any], str] = str
    #: The flag may be repeated; in a variable, commas part the values.
    many: bool = False
    #: A switch: the flag takes no value.
    switch: bool = False
    choices: tuple[str, ...] = ()


def parse_duration(value: str | int | float) -> float:
    """Seconds from ``90s``, ``1h30m``, ``7d`` or a number of seconds. Raises ``ValueError``."""
    if isinstance(value, bool):
        raise ValueError(f"expected a duration such as 30s, 12h or 7d, found {value}")
    if isinstance(value, int | float):
        seconds = float(value)
    else:
        text = value.strip().lower()
        if re.fullmatch(r"\d+(\.\d+)?", text):
            seconds = float(text)
        elif re.fullmatch(rf"({_DURATION.pattern}\s*)+", text):
            seconds = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text))
        else:
            raise ValueError(f"expected a duration such as 30s, 12h or 7d, found '{value}'")
    if not 0 < seconds < 1e11:
        raise ValueError(f"expected a duration above zero, found '{value}'")
    return seconds


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, found {_shown(value)}")
    if "\0" in value or "\n" in value:
        raise ValueError("expected text of one line")
    return value


def _address(value: Any) -> str:
    """``host:port``, with or without a scheme; a socket's path; nothing."""
    text = _text(value)
    place = text.partition("://")[2] or text
    host, _, port = place.rpartition(":")
    if text and not place.startswith("/") and not (host and (host.startswith("[") or ":" not in host) and re.fullmatch(r"\d{1,5}", port) and int(port) <= 65535):
        raise ValueError(f"expected host:port, found {_shown(value)}")
    return text


def _size(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"expected a size such as 512MB or 2GiB, found {_shown(value)}")
    try:
        return parse_bytes(value)
    except StoreError as error:
        raise ValueError(error.message) from None


def _duration(value: Any) -> float:
    if not isinstance(value, str | int | float):
        raise ValueError(f"expected a duration such as 30s, 12h or 7d, found {_shown(value)}")
    return parse_duration(value)


def _switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off", ""):
        return False
    raise ValueError(f"expected true or false, found {_shown(value)}")


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list | tuple):
        return tuple(_text(item) for item in value)
    raise ValueError(f"expected a list of texts, found {_shown(value)}")


def integer(low: int, high: int, metavar: str = "N") -> Kind:
    """Whole numbers from ``low`` to ``high``."""

    def read(value: Any) -> int:
        text = str(value).strip()
        if isinstance(value, bool) or not re.fullmatch(r"-?\d{1,18}", text) or not low <= int(text) <= high:
            raise ValueError(f"expected a whole number from {low} to {high}, found {_shown(value)}")
        return int(text)

    return Kind(metavar, read)


def size(low: int, high: int) -> Kind:
    """Sizes from ``low`` to ``high`` bytes."""

    def read(value: Any) -> int:
        bytes_ = _size(value)
        if not low <= bytes_ <= high:
            raise ValueError(f"expected a size from {low} to {high} bytes, found {_shown(value)}")
        return bytes_

    return Kind("SIZE", read)


def or_none(inner: Kind) -> Kind:
    """A value or, written as an empty text, none: its stage finds one by itself."""
    return Kind(inner.metavar, lambda value: None if value == "" else inner.read(value), lambda value: "" if value is None else inner.write(value))


def choice(*values: str) -> Kind:
    """One of ``values``."""

    def read(value: Any) -> str:
        if value not in values:
            raise ValueError(f"expected one of {', '.join(values)}, found {_shown(value)}")
        return str(value)

    return Kind("|".join(values), read, choices=values)


def by_table(inner: Kind) -> Kind:
    """A value for each of some tables: a table in a file, ``TABLE=VALUE`` in a flag or variable."""

    def read(value: Any) -> dict[str, Any]:
        if isinstance(value, Mapping):
            pairs = list(value.items())
        else:
            pairs = []
            for part in _texts(value):
                name, equals, rest = part.partition("=")
                if not equals:
                    raise ValueError(f"expected TABLE=VALUE, found '{part}'")
                pairs.append((name.strip(), rest.strip()))
        found = {}
        for name, one in pairs:
            try:
                found[str(name)] = inner.read(one)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return found

    return Kind(f"TABLE={inner.metavar}", read, lambda pairs: ",".join(f"{name}={one}" for name, one in pairs.items()), many=True)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f"'{value}'"
    # As TOML writes them; only of a list or a table its kind is the fault.
    return str(value).lower() if isinstance(value, bool | int | float) else f"{type(value).__name__} {str(value)[:60]}"


TEXT = Kind("TEXT", _text)
ADDRESS = Kind("HOST:PORT", _address)
FILE = Kind("FILE", _text)
DIR = Kind("DIR", _text)
SIZE = Kind("SIZE", _size)
DURATION = Kind("DURATION", _duration, lambda seconds: f"{seconds:g}s")
SWITCH = Kind("", _switch, lambda on: "true" if on else "false", switch=True)
PORT = integer(0, 65535, "PORT")
TEXTS = Kind("NAME", _texts, ",".join, many=True)
DIRS = Kind("DIR", _texts, ",".join, many=True)
