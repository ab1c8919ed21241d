"""Sizes as people write them, and how memory is shared out."""

from __future__ import annotations

import os
import re

from kafkascope.store.errors import StoreError

_UNITS = {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4, "KI": 1 << 10, "MI": 1 << 20, "GI": 1 << 30, "TI": 1 << 40}


def parse_bytes(value: str | int) -> int:
    """A number of bytes from ``1GB``, ``512MiB``, ``100 kB`` or a number. Raises ``StoreError``."""
    if isinstance(value, int):
        size = value
    else:
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*((?:[KMGT]I?)?)B?\s*", value.upper())
        if match is None:
            raise StoreError(f"expected a size such as 512MB or 2GiB, found '{value}'")
        size = int(float(match[1]) * _UNITS[match[2]])
    if size <= 0:
        raise StoreError(f"expected a size above zero, found '{value}'")
    return size


def usual_memory() -> int:
    """Bytes that a store takes when nobody says how many: a quarter of the memory, so that large answers need no disk, and never so much that a host misses it."""
    return min(max(physical_memory() // 4, 64 << 20), 8_000_000_000)


def physical_memory() -> int:
    """Bytes of memory of this machine, or of this process's cgroup when that allows less."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path, encoding="ascii") as file:
                total = min(total, int(file.read()))
        except (OSError, ValueError):
            continue
    return total
