"""Rows of metadata and samples as Arrow batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from kafkascope.store import catalogue

_EMPTY: dict[pa.DataType, Any] = {pa.bool_(): False, pa.int64(): 0, pa.string(): "", pa.float64(): 0.0}


def build(table: str, rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """A batch of ``table``; what a row leaves out is null where that may be, else empty. Unknown keys are refused."""
    relation = catalogue.relation(table)
    if rows and (unknown := set().union(*rows) - relation.by_name.keys()):
        raise ValueError(f"{table} has no column {', '.join(sorted(unknown))}")
    columns = []
    for column in relation.columns:
        default = None if column.nullable else _EMPTY[column.arrow]
        columns.append(pa.array([row.get(column.name, default) for row in rows], column.arrow))
    return pa.RecordBatch.from_arrays(columns, schema=relation.schema)
