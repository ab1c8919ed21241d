"""Sums over the rows of one step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa


def grouped(table: pa.Table, keys: Sequence[str], *aggregates: tuple[str, str]) -> list[dict[str, Any]]:
    """A row for each of the different ``keys``, with Arrow's aggregates ``(column, function)`` called ``column_function``.

    In the caller's thread: the few rows of a step are summed before other threads have woken up, and a watcher takes no second core.
    """
    if table.num_rows == 0:
        return []
    found: list[dict[str, Any]] = table.group_by(list(keys), use_threads=False).aggregate(list(aggregates)).to_pylist()
    return found
