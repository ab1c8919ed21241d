"""Rows of any table, made from what a test cares about."""

import time

import pyarrow as pa
import pytest

from kafkascope.store import Store, catalogue

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


@pytest.fixture(autouse=True)
def rows_of_any_age(monkeypatch):
    """Many tests count their rows' nanoseconds from 1970."""
    monkeypatch.setattr("kafkascope.store.store.RETENTION_AGE_S", 1e10)


@pytest.fixture
def rows():
    return make_rows


@pytest.fixture
def now():
    return NOW


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def memory():
    with Store(None, memory_limit="256MB") as store:
        yield store


@pytest.fixture
def count():
    """Number of rows a scan sees."""

    def of(store, table="kafka_produce", start=None, end=None):
        sql = f"SELECT count(*) AS n FROM ({store.engine().scan(table, start, end, ['time_'])})"
        return store.engine().execute(sql, timeout_s=20, max_rows=None).to_pylist()[0]["n"]

    return of
