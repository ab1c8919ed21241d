"""One query over Arrow tables, in a database of its own on one core."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa

#: A topic's name, or its id while the name is unknown.
TOPIC = "CASE WHEN topic = '' THEN topic_id ELSE topic END"

#: A thread keeps its empty database: opening one takes several times as long as a query over the rows of two seconds.
_OPEN = threading.local()


def query(sql: str, params: Mapping[str, Any] | None = None, **tables: pa.Table) -> pa.Table:
    """The answer to a query over tables that it calls by the names given here."""
    con = getattr(_OPEN, "con", None)
    if con is None:
        con = _OPEN.con = duckdb.connect(config={"threads": 1})
    try:
        for name, table in tables.items():
            con.register(name, table)
        return con.sql(sql, params=dict(params) if params else None).to_arrow_table()
    finally:
        for name in tables:
            con.unregister(name)
