"""Rows, hot and on disk, and the engine that answers SQL over them."""

from kafkascope.store.engine import DuckDBEngine
from kafkascope.store.store import Store

__all__ = ["DuckDBEngine", "Store"]
