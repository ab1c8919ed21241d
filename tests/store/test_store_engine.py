"""Queries: limits, isolation from the host, many at once."""

import time
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from kafkascope.store import Store
from kafkascope.store.engine import _Crowded
from kafkascope.store.errors import QueryError, QueryTimeout, QueryTooLarge, UnknownTable


@pytest.fixture
def engine(memory):
    return memory.engine()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM '/etc/passwd'",
        "COPY (SELECT 1) TO '/tmp/kafkascope-must-not-exist'",
        "ATTACH '/tmp/kafkascope-must-not-exist.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '100GB'",
        "CREATE TABLE t (i INT)",
        "SELECT 1; SELECT 2",
        "",
        "SELECT nope",
        "SELEC 1",
    ],
)
@pytest.mark.parametrize("on_disk", [True, False], ids=["folder", "memory"])
def test_a_query_reads_the_store_and_nothing_else(folder, on_disk, sql):
    with Store(folder if on_disk else None) as store, pytest.raises(QueryError) as error:
        store.engine().execute(sql, timeout_s=60)
    assert "\n" not in error.value.message


def test_a_query_is_ended_at_its_time_limit_and_the_next_one_runs(engine):
    began = time.monotonic()
    with pytest.raises(QueryTimeout, match=r"longer than 0.2 s"):
        engine.execute("SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b", timeout_s=0.2)
    assert time.monotonic() - began < 30
    assert engine.execute("SELECT 1 AS one", timeout_s=60).to_pylist() == [{"one": 1}]


def test_a_query_beyond_its_memory_fails_alone():
    with Store(None, memory_limit="64MB") as store:
        with pytest.raises(QueryTooLarge, match="needs more than"):
            store.engine().execute("SELECT string_agg(range::VARCHAR || repeat('x', 1000), ',') AS s FROM range(1000000)", timeout_s=60)
        assert store.engine().execute("SELECT 1 AS one", timeout_s=60).num_rows == 1


def test_small_queries_are_answered_while_many_that_would_never_end_run(engine):
    endless = "SELECT sum(a.range * b.range) AS s FROM range(10000000) a, range(10000000) b WHERE a.range + b.range <> length('{}')"

    def attack(kind: str) -> list[str]:
        said = []
        while not said or "closed" not in said[-1]:
            with pytest.raises(QueryError) as caught:
                engine.execute(endless.format(kind), timeout_s=0.5)
            said.append(str(caught.value))
        return said

    with ThreadPoolExecutor(8) as pool:
        attacks = [pool.submit(attack, "x" * number) for number in range(8)]
        for _ in range(10):
            assert engine.execute("SELECT 1 AS one", timeout_s=60).to_pylist() == [{"one": 1}]
        engine.close()
        assert all(set(attacked.result()) <= {"the query ran longer than 0.5 s", "the store was closed while the query ran", "the store is closed"} for attacked in attacks)


def test_a_query_that_others_took_the_memory_of_runs_once_one_of_them_has_ended(engine, monkeypatch):
    """Others that fill the memory at the right moment are hard to arrange: the engine's word for it is given instead."""
    run, words = engine._execute, ["the query and those that run beside it need more than the memory"]

    def crowded(*args):
        if words:
            raise _Crowded(words.pop())
        return run(*args)

    monkeypatch.setattr(engine, "_execute", crowded)
    assert engine.execute("SELECT 1 AS one", timeout_s=60).num_rows == 1
    words += ["again", "still crowded"]
    with pytest.raises(QueryTooLarge, match="again"):
        engine.execute("SELECT 1 AS one", timeout_s=60)


def test_rows_are_limited_in_the_order_of_the_query(engine):
    found = engine.execute("SELECT range AS n FROM range(1000) ORDER BY n DESC", timeout_s=60, max_rows=3)
    assert found.column("n").to_pylist() == [999, 998, 997]
    assert engine.execute("SELECT range AS n FROM range(1000)", timeout_s=60, max_rows=None).num_rows == 1000


def test_strings_are_plain_strings(engine, memory, rows):
    memory.append("kafka_produce", rows("kafka_produce", 3))
    found = engine.execute(f"SELECT topic, topic || 'x' AS t FROM ({engine.scan('kafka_produce', None, None, ['topic'])})", timeout_s=60)
    assert found.schema.types == [pa.string(), pa.string()]


@pytest.mark.parametrize(("table", "columns", "error", "words"), [
    ("kafka_produced", ["time_"], UnknownTable, "did you mean"),
    ("kafka_delivery", ["time_"], UnknownTable, "computed"),
    ("kafka_produce", ["time_", "nope"], QueryError, "no column 'nope'"),
])  # fmt: skip
def test_a_scan_of_what_is_not_there_is_refused(engine, table, columns, error, words):
    with pytest.raises(error, match=words):
        engine.scan(table, None, None, columns)


def test_scans_join_each_other_and_metadata_and_a_table_may_come_twice(engine, memory, rows):
    memory.append("kafka_produce", rows("kafka_produce", 10, client_upid=lambda i: f"1:{i}:1"))
    memory.append("md_process", rows("md_process", 5, upid=lambda i: f"1:{i}:1", cmdline=lambda i: f"process {i}"))
    a, b = (engine.scan("kafka_produce", start, None, ["client_upid", "time_"]) for start in (None, 1))
    sql = f"SELECT count(*) AS n FROM ({a}) a JOIN ({b}) b USING (client_upid) LEFT JOIN md_process p ON p.upid = a.client_upid WHERE p.cmdline IS NOT NULL"
    assert engine.execute(sql, timeout_s=60).to_pylist() == [{"n": 5}]


def test_text_that_looks_like_a_scan_is_only_text(engine):
    assert engine.execute("""SELECT '"scan:kafka_produce:1:2:n" md_pod' AS t""", timeout_s=60).to_pylist() == [{"t": '"scan:kafka_produce:1:2:n" md_pod'}]
    with pytest.raises(QueryError):
        engine.execute('SELECT * FROM "scan:no_such_table::0:n"', timeout_s=60)


def test_a_query_that_runs_does_not_hold_up_appends_or_others(engine, memory, rows):
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(engine.execute, "SELECT sum(a.range * b.range) FROM range(10000000) a, range(1000000) b", timeout_s=90.0)
        for _ in range(10):
            memory.append("kafka_produce", rows("kafka_produce", 10))
        assert engine.execute("SELECT 1 AS one", timeout_s=60).num_rows == 1
        assert not slow.done()
        engine.close()


def test_more_slow_queries_than_run_at_one_time_do_not_hold_up_another(engine):
    with ThreadPoolExecutor(8) as pool:
        slow = [pool.submit(engine.execute, "SELECT sum(a.range * b.range) FROM range(10000000) a, range(1000000) b", timeout_s=90.0) for _ in range(8)]
        assert engine.execute("SELECT 1 AS one", timeout_s=60).num_rows == 1
        assert not any(query.done() for query in slow)
        engine.close()
        assert all(isinstance(query.exception(), QueryError) for query in slow)


def test_closing_ends_queries_under_way(engine):
    with ThreadPoolExecutor(2) as pool:
        slow = [pool.submit(engine.execute, "SELECT sum(a.range * b.range) FROM range(10000000) a, range(1000000) b", timeout_s=60.0) for _ in range(2)]
        time.sleep(0.3)
        began = time.monotonic()
        engine.close()
        assert time.monotonic() - began < 30
        assert all(isinstance(query.exception(), QueryError) for query in slow)
    with pytest.raises(QueryError, match="closed"):
        engine.execute("SELECT 1 AS one", timeout_s=60)


def test_many_queries_at_once_all_answer(engine, memory, rows, count):
    memory.append("kafka_produce", rows("kafka_produce", 1000))
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda _: count(memory), range(100))) == [1000] * 100


def test_after_close_a_query_says_so(rows):
    store = Store(None)
    engine = store.engine()
    store.close()
    with pytest.raises(QueryError, match="closed"):
        engine.execute("SELECT 1", timeout_s=60)
