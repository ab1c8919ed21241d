"""Rows of any table, made from what a test cares about."""

import time

import pyarrow as pa

from kafkascope.store import catalogue

NOW = time.time_ns()


def make_rows(table, count=1, *, start=NOW, **given):
    """A batch of ``count`` rows; ``given`` are values or functions of the row's number, the rest is filler."""
    filler = {pa.int64(): lambda i: i % 7, pa.string(): lambda i: f"x{i % 10}", pa.bool_(): lambda i: i % 2 == 0, pa.float64(): float}
    relation = catalogue.relation(table)
    columns = []
    for column in relation.columns:
        value = given.pop(column.name, (lambda i: start + i) if column.name == "time_" else filler[column.arrow])
        columns.append(pa.array([value(i) if callable(value) else value for i in range(count)], column.arrow))
    assert not given, f"no column {given}"
    return pa.RecordBatch.from_arrays(columns, schema=relation.schema)
