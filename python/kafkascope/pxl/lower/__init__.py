"""From plans to an engine's SQL: one dialect, one file of structure and one of functions."""

from __future__ import annotations

from kafkascope.pxl.errors import PxLError
from kafkascope.pxl.lower import duckdb
from kafkascope.pxl.lower.duckdb import Lowered

#: The module of each dialect: it has ``lower`` and ``overflowed``.
DIALECTS = {"duckdb": duckdb}


def dialect(name: str):  # type: ignore[no-untyped-def]
    """The module that lowers to an engine's dialect."""
    if name not in DIALECTS:
        raise PxLError(f"no lowering to the dialect '{name}'", f"there is {', '.join(DIALECTS)}")
    return DIALECTS[name]


__all__ = ["Lowered", "dialect"]
