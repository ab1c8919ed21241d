"""Stores, and rows for them."""

import pytest
from table_rows import NOW, make_rows

from kafkascope.store import Store


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
        return store.engine().execute(sql, timeout_s=60, max_rows=None).to_pylist()[0]["n"]

    return of
