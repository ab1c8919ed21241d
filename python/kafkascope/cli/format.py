"""Values as people read them: one text for each data type and semantic type, without markup."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any


def value(item: Any, kind: str, semantic: str) -> str:
    """``item`` of data type ``kind`` (BOOLEAN, INT64 …) and semantic type ``semantic`` (BYTES, DURATION_NS …) as text; a null is –."""
    if item is None:
        return "–"
    formatter = _SEMANTIC.get(semantic)
    if formatter is not None:
        return formatter(item)
    if kind == "TIME64NS":
        return local_time(item)
    if kind == "FLOAT64":
        return number(item)
    if kind == "INT64":
        return f"{item:,}" if semantic != "PORT" else str(item)
    if kind == "BOOLEAN":
        return "true" if item else "false"
    return str(item)


def number(item: float) -> str:
    if not math.isfinite(item):
        return "–" if math.isnan(item) else "∞" if item > 0 else "-∞"
    return f"{item:,.2f}".rstrip("0").rstrip(".") if item else "0"


def size(item: float) -> str:
    """1024-based, one decimal."""
    if not math.isfinite(item):
        return number(item)
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if abs(item) < 1024 or unit == "TB":
            return f"{item:.0f} B" if unit == "B" and item == int(item) else f"{item:.1f} {unit}"
        item /= 1024
    raise AssertionError("the last unit always returns")


def duration(item: float) -> str:
    """Nanoseconds as the largest fitting unit; from a minute on two units."""
    if not math.isfinite(item):
        return number(item)
    ns = abs(item)
    sign = "-" if item < 0 else ""
    if ns < 1_000:
        return f"{sign}{ns:.0f} ns"
    for limit, unit, scale in ((1e6, "µs", 1e3), (1e9, "ms", 1e6), (60e9, "s", 1e9)):
        if ns < limit:
            return f"{sign}{ns / scale:.1f} {unit}"
    seconds = int(ns / 1e9)
    for big, small, step, names in ((3600, 60, 60, ("min", "s")), (86400, 3600, 60, ("h", "min")), (10**12, 86400, 24, ("d", "h"))):
        if seconds < big:
            return f"{sign}{seconds // small} {names[0]} {seconds % small // (small // step)} {names[1]}"
    return f"{sign}{seconds} s"


def percent(item: float) -> str:
    """What is less than all is never 100 %: rounding up would hide a loss."""
    return number(item) if not math.isfinite(item) else "99.9%" if 0.9995 <= item < 1 else f"{item * 100:.1f}%"


def throughput(item: float) -> str:
    """Per nanosecond to per second."""
    if not math.isfinite(item):
        return number(item)
    rate = item * 1e9
    for unit in ("", "K", "M", "B"):
        if abs(rate) < 1000 or unit == "B":
            return f"{rate:.1f}{unit}/s" if rate != int(rate) or unit else f"{rate:.0f}/s"
        rate /= 1000
    raise AssertionError("the last unit always returns")


def local_time(item: int) -> str:
    """Nanoseconds since the epoch in local time, to the millisecond."""
    return datetime.fromtimestamp(item / 1e9).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] if item else "–"


def rfc3339(item: int) -> str:
    """Nanoseconds since the epoch in UTC, all nine digits."""
    seconds, ns = divmod(item, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ns:09d}Z"


def _quantiles(item: Any, unit: Any) -> str:
    try:
        values = json.loads(item)
        return "  ".join(f"p{p} {unit(float(values[f'p{p}']))}" for p in ("50", "90", "99"))
    except (ValueError, KeyError, TypeError):
        return str(item)


def _label(item: Any) -> str:
    try:
        return str(json.loads(item)["label"])
    except (ValueError, KeyError, TypeError):
        return str(item)


def _status(key: str) -> Any:
    def text(item: Any) -> str:
        try:
            status = json.loads(item)
            reason = status.get("reason") or status.get("message")
            return f"{status[key]} ({reason})" if reason else str(status[key])
        except (ValueError, KeyError, TypeError, AttributeError):
            return str(item)

    return text


_SEMANTIC: dict[str, Any] = {
    "BYTES": size,
    "DURATION_NS": duration,
    "PERCENT": percent,
    "THROUGHPUT_PER_NS": throughput,
    "THROUGHPUT_BYTES_PER_NS": lambda item: f"{size(round(item * 1e9, 1))}/s",
    "QUANTILES": lambda item: _quantiles(item, number),
    "DURATION_NS_QUANTILES": lambda item: _quantiles(item, duration),
    "SCRIPT_REFERENCE": _label,
    "POD_STATUS": _status("phase"),
    "CONTAINER_STATUS": _status("state"),
    "TIME_NS": local_time,
    "PORT": str,
}
