"""Batches as they come from the core or an agent, brought into their table's columns."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from kafkascope.store.catalogue import Relation
from kafkascope.store.errors import SchemaMismatch


def record_batch(value: Any) -> pa.RecordBatch:
    """Anything that hands over an Arrow array of structs (PyCapsule interface) as a record batch."""
    if isinstance(value, pa.RecordBatch):
        return value
    if hasattr(value, "__arrow_c_array__"):
        return pa.record_batch(value)
    raise SchemaMismatch(f"expected an Arrow record batch, found {type(value).__name__}")


def conform(relation: Relation, batch: pa.RecordBatch) -> pa.RecordBatch:
    """``batch`` with exactly the table's columns: those of an older version are filled with nulls, those of a newer one left out.

    Raises ``SchemaMismatch`` when a column has another type or the time is missing or null.
    """
    if not batch.schema.equals(relation.schema):
        columns = []
        names = batch.schema.names
        if "time_" not in names:
            raise SchemaMismatch(f"{relation.name}: no column time_ in {', '.join(names[:5]) or 'an empty batch'}")
        for field in relation.schema:
            if field.name not in names:
                columns.append(pa.nulls(batch.num_rows, field.type))
                continue
            column = batch.column(names.index(field.name))
            if column.type != field.type:
                raise SchemaMismatch(f"{relation.name}.{field.name}: expected {field.type}, found {column.type}", "core and catalogue are of different versions")
            columns.append(column)
        batch = pa.RecordBatch.from_arrays(columns, schema=relation.schema)
    if batch.column(0).null_count:
        raise SchemaMismatch(f"{relation.name}: time_ is null in {batch.column(0).null_count} rows")
    return batch
