"""An engine over hand-made rows: DuckDB in memory, the tables of the catalogue, no store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from kafkascope.pxl.types import DataType
from kafkascope.store import catalogue

_DEFAULTS = {DataType.BOOLEAN: False, DataType.INT64: 0, DataType.UINT128: "", DataType.FLOAT64: 0.0, DataType.STRING: "", DataType.TIME64NS: 0}


class MemoryEngine:
    """``rows``: table -> rows as mappings; columns left out have their type's default, or null where they may be unknown."""

    dialect = "duckdb"

    def __init__(self, rows: Mapping[str, Iterable[Mapping[str, Any]]] | None = None, tables: Mapping[str, pa.Table] | None = None) -> None:
        self.queries: list[str] = []
        self._connection = duckdb.connect(":memory:", config={"threads": 2})
        for name, relation in catalogue.load().items():
            if not relation.stored:
                continue
            self.fill(name, (rows or {}).get(name, ()), (tables or {}).get(name))

    def fill(self, name: str, rows: Iterable[Mapping[str, Any]], table: pa.Table | None = None) -> None:
        """Rows, or a whole table, in place of a table's rows."""
        relation = catalogue.load()[name]
        given = [dict(row) for row in rows]
        for row in given:
            unknown = row.keys() - relation.by_name.keys()
            assert not unknown, f"{name} has no column {unknown}"
        if table is None:
            table = pa.table({c.name: pa.array([row.get(c.name, None if c.nullable else _DEFAULTS[c.type]) for row in given], c.arrow) for c in relation.columns})
        self._connection.register(f"rows:{name}", table)
        body = f'SELECT * FROM "rows:{name}"'
        if relation.key is not None:
            body += f" QUALIFY row_number() OVER (PARTITION BY {relation.key} ORDER BY time_ DESC) = 1"
        self._connection.execute(f'CREATE OR REPLACE TABLE "{name}" AS {body}')

    def relations(self) -> Mapping[str, Any]:
        return catalogue.load()

    def scan(self, table: str, start_ns: int | None, end_ns: int | None, columns: Sequence[str]) -> str:
        listed = ", ".join(f'"{c}"' for c in columns)
        bounds = [f"time_ >= {start_ns}"] if start_ns is not None else []
        bounds += [f"time_ < {end_ns}"] if end_ns is not None else []
        metadata = catalogue.load()[table].key is not None
        where = f" WHERE {' AND '.join(bounds)}" if bounds and not metadata else ""
        return f'SELECT {listed} FROM "{table}"{where}'

    def execute(self, sql: str, *, timeout_s: float, max_rows: int | None = None) -> pa.Table:
        self.queries.append(sql)
        with self._connection.cursor() as cursor:
            result = cursor.sql(sql).to_arrow_table()
        return result if max_rows is None else result.slice(0, max_rows)
