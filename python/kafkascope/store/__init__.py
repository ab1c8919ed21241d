"""Rows, hot and on disk, and the engine that answers SQL over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kafkascope.store.engine import DuckDBEngine
    from kafkascope.store.store import Store

__all__ = ["DuckDBEngine", "Store"]


def __getattr__(name: str) -> Any:
    # An agent needs the catalogue from here, and not a query engine in its memory.
    if name == "Store":
        from kafkascope.store.store import Store

        return Store
    if name == "DuckDBEngine":
        from kafkascope.store.engine import DuckDBEngine

        return DuckDBEngine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
