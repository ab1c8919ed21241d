"""Times and durations as scripts write them."""

from __future__ import annotations

import datetime as dt
import re

from kafkascope.pxl.errors import NOWHERE, Place, error

UNITS = {"ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000, "d": 86_400_000_000_000}
_RELATIVE = re.compile(r"\s*([+-]?)(\d{1,12})(ms|s|m|h|d)\s*")
_ABSOLUTE = re.compile(r"\s*(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\s*(Z|[+-]\d\d:?\d\d)?\s*")
_NUMBER = re.compile(r"\s*\d{13,19}\s*")
_MAX = (1 << 63) - 1
HINT = "write -5m, -30s, -2h, -1d, -500ms, or 2020-07-13 18:02:05.00 +0000"


def duration(text: str, at: Place = NOWHERE) -> int:
    """Nanoseconds of ``-5m``; several units may follow one another (``1h30m``)."""
    sign, rest, total = 1, text.strip(), 0
    if rest[:1] in "+-" and rest:
        sign, rest = (-1 if rest[0] == "-" else 1), rest[1:]
    position = 0
    while position < len(rest):
        match = _RELATIVE.match(rest, position)
        if match is None or match[1]:
            break
        total += int(match[2]) * UNITS[match[3]]
        position = match.end()
    if not rest or position < len(rest) or total > _MAX:
        raise error(f"'{text}' is not a duration", at, HINT.partition(", or 2020")[0])
    return sign * total


def instant(text: str, now_ns: int, at: Place = NOWHERE) -> int:
    """Nanoseconds since the epoch of a relative or absolute time."""
    match = _ABSOLUTE.fullmatch(text)
    if match is not None:
        zone = (match[4] or "Z").replace("Z", "+0000").replace(":", "")
        try:
            whole = dt.datetime.strptime(f"{match[1]} {match[2]} {zone}", "%Y-%m-%d %H:%M:%S %z")
        except ValueError as problem:
            raise error(f"'{text}' is not a time: {problem}", at, HINT) from None
        nanoseconds = int((match[3] or "").ljust(9, "0"))
        return int(whole.timestamp()) * 1_000_000_000 + nanoseconds
    if _NUMBER.fullmatch(text):
        return min(int(text), _MAX)
    try:
        result = now_ns + duration(text, at)
    except Exception:
        raise error(f"'{text}' is not a time", at, HINT) from None
    if not -_MAX <= result <= _MAX:
        raise error(f"'{text}' is too far away", at, HINT)
    return result


def relative(text: str) -> bool:
    """Whether a time is told from now on."""
    return _ABSOLUTE.fullmatch(text) is None and _NUMBER.fullmatch(text) is None


def show_duration(nanoseconds: int) -> str:
    """The largest whole unit, rounded towards zero: 90 s are ``1m``."""
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    for unit in ("d", "h", "m", "s", "ms"):
        if rest >= UNITS[unit]:
            return f"{sign}{rest // UNITS[unit]}{unit}"
    return "0ms"
