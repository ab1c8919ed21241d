"""A store as it was at a moment: a page that looks at yesterday must not see today's rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class AsOf:
    """An engine without the rows after ``end_ns``. What is known of pods and processes stays: their names are needed for what they did then."""

    def __init__(self, engine: Any, end_ns: int) -> None:
        self._engine = engine
        self._end_ns = end_ns

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def scan(self, table: str, start_ns: int | None, end_ns: int | None, columns: Sequence[str]) -> str:
        """SQL of the rows with ``start_ns <= time_`` up to the given end or the moment, whichever is earlier."""
        end = self._end_ns + 1
        if not table.startswith("md_"):
            end_ns = end if end_ns is None else min(end_ns, end)
        return str(self._engine.scan(table, start_ns, end_ns, columns))
