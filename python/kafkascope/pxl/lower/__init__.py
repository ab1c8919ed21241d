"""From plans to an engine's SQL: one dialect, one file of structure and one of functions."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from kafkascope.pxl.errors import PxLError

#: The module of each dialect: it has ``lower`` and ``overflowed``.
DIALECTS = {"duckdb": "kafkascope.pxl.lower.duckdb"}


def dialect(name: str) -> ModuleType:
    """The module that lowers to an engine's dialect."""
    if name not in DIALECTS:
        raise PxLError(f"no lowering to the dialect '{name}'", f"there is {', '.join(DIALECTS)}")
    # The names of errors and APIs beside it are read by much that lowers nothing.
    return import_module(DIALECTS[name])
