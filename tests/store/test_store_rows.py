"""What goes in comes out: hot, rolled, or both, and after opening again."""

import threading
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kafkascope.store import Store, catalogue
from kafkascope.store.errors import SchemaMismatch, StoreError, UnknownTable

OBSERVED = [name for name, r in catalogue.load().items() if r.stored and r.key is None and name != "kafka_topic_names"]


@pytest.mark.parametrize("table", OBSERVED)
def test_every_table_gives_back_its_rows_hot_and_from_a_segment(folder, rows, table):
    batch = rows(table, 50)
    columns = batch.schema.names
    with Store(folder) as store:
        engine = store.engine()
        sql = f"SELECT * FROM ({engine.scan(table, None, None, columns)}) ORDER BY time_"
        store.append(table, batch)
        assert engine.execute(sql, timeout_s=60).to_pylist() == batch.to_pylist()
        store.roll()
        assert len(list((folder / table).glob("*.parquet"))) == 1
        assert not list((folder / table).glob("*.wal"))
        assert engine.execute(sql, timeout_s=60).to_pylist() == batch.to_pylist()


def test_nulls_stay_apart_from_zero_and_empty(memory, rows):
    memory.append("kafka_produce", rows("kafka_produce", 3, error_code=lambda i: None if i == 0 else 0, transactional_id=lambda i: None if i == 1 else ""))
    engine = memory.engine()
    found = engine.execute(f"SELECT * FROM ({engine.scan('kafka_produce', None, None, ['error_code', 'transactional_id'])})", timeout_s=60).to_pylist()
    assert [(r["error_code"], r["transactional_id"]) for r in found] == [(None, ""), (0, None), (0, "")]


def test_rows_are_there_after_closing_and_opening_again(folder, rows, count):
    with Store(folder) as store:
        store.append("kafka_produce", rows("kafka_produce", 100))
        store.roll()
        store.append("kafka_produce", rows("kafka_produce", 10))
        store.append("md_pod", rows("md_pod", 3, pod_id=lambda i: f"p{i}"))
    with Store(folder) as store:
        assert count(store) == 110
        assert count(store, "md_pod") == 3
        assert list(store.notes) == []


def test_a_scan_takes_the_times_asked_for_and_reads_only_segments_that_have_them(folder, rows, count):
    with Store(folder) as store:
        for start in (1000, 2000, 3000):
            store.append("kafka_produce", rows("kafka_produce", 100, start=start))
            store.roll()
        store.append("kafka_produce", rows("kafka_produce", 100, start=4000))
        table = store.observed["kafka_produce"]
        for start, end, expected, segments in [(None, None, 400, 3), (1000, 1001, 1, 1), (1099, 2001, 2, 2), (4000, None, 100, 0), (None, 1000, 0, 0), (1100, 2000, 0, 0)]:
            assert count(store, start=start, end=end) == expected, (start, end)
            snapshot = table.snapshot(start, end)
            assert len(snapshot.segments) == segments, (start, end)
            snapshot.release()


def test_rows_out_of_order_are_found_by_their_time(folder, rows, count):
    with Store(folder) as store:
        store.append("kafka_produce", rows("kafka_produce", 100, time_=lambda i: 1000 - i))
        store.append("kafka_produce", rows("kafka_produce", 1, time_=5))
        for _ in range(2):
            assert count(store, start=5, end=6) == 1
            assert count(store, start=950, end=None) == 51
            store.roll()


def test_a_row_is_visible_at_once(memory, rows, count):
    for n in range(1, 20):
        memory.append("kafka_produce", rows("kafka_produce", 1))
        assert count(memory) == n


def test_appends_and_rolls_and_queries_at_the_same_time_lose_and_double_nothing(folder, rows, count):
    batch = rows("kafka_produce", 100)
    problems = []
    with Store(folder, maintenance_s=0.01) as store:
        stop = threading.Event()

        def write():
            for _ in range(50):
                store.append("kafka_produce", batch)

        def read():
            last = 0
            while not stop.is_set():
                seen = count(store)
                if seen < last or seen % 100:
                    problems.append((last, seen))
                last = seen

        def roll():
            while not stop.is_set():
                store.roll()
                time.sleep(0.005)

        writers = [threading.Thread(target=write) for _ in range(4)]
        others = [threading.Thread(target=target) for target in (read, read, roll)]
        for thread in writers + others:
            thread.start()
        for thread in writers:
            thread.join()
        stop.set()
        for thread in others:
            thread.join()
        assert problems == []
        assert count(store) == 20_000
    with Store(folder) as store:
        assert count(store) == 20_000


def test_a_batch_of_an_older_version_is_filled_and_of_a_newer_one_cut(memory, rows):
    whole = rows("kafka_produce", 2)
    older = whole.drop_columns(["codec"])
    newer = pa.RecordBatch.from_arrays([*whole.columns, pa.array([1, 2])], names=[*whole.schema.names, "invented"])
    for batch in (older, newer):
        memory.append("kafka_produce", batch)
    engine = memory.engine()
    found = engine.execute(f"SELECT * FROM ({engine.scan('kafka_produce', None, None, ['codec'])})", timeout_s=60).column("codec").to_pylist()
    assert found == [None, None, "x0", "x1"]


def test_segments_of_an_older_version_answer_with_nulls_for_the_columns_they_lack(folder, rows):
    with Store(folder) as store:
        store.append("kafka_produce", rows("kafka_produce", 2, start=1000))
        store.roll()
    (path,) = (folder / "kafka_produce").glob("*.parquet")
    whole = pq.read_table(path)
    pq.write_table(whole.drop_columns(["codec", "response_time"]), path)
    with Store(folder) as store:
        store.append("kafka_produce", rows("kafka_produce", 1, start=2000))
        engine = store.engine()
        sql = f"SELECT * FROM ({engine.scan('kafka_produce', None, None, ['time_', 'codec', 'topic'])}) ORDER BY time_"
        found = engine.execute(sql, timeout_s=60).to_pylist()
        assert [(r["codec"], r["topic"]) for r in found] == [(None, "x0"), (None, "x1"), ("x0", "x0")]


@pytest.mark.parametrize(
    ("table", "batch", "error", "words"),
    [
        ("kafka_produced", {"time_": [1]}, UnknownTable, "did you mean 'kafka_produce'"),
        ("kafka_delivery", {"time_": [1]}, StoreError, "computed"),
        ("kafka_produce", {"partition": [1]}, SchemaMismatch, "no column time_"),
        ("kafka_produce", {"time_": [1], "partition": ["one"]}, SchemaMismatch, "kafka_produce.partition: expected int64, found string"),
        ("kafka_produce", {"time_": pa.array([None], pa.int64())}, SchemaMismatch, "time_ is null"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(memory, table, batch, error, words):
    with pytest.raises(error, match=words):
        memory.append(table, pa.RecordBatch.from_pydict(batch))


def test_something_that_is_no_batch_is_refused(memory):
    with pytest.raises(SchemaMismatch, match="expected an Arrow record batch, found dict"):
        memory.append("kafka_produce", {})


def test_statistics_tell_rows_bytes_and_times_of_each_table(folder, rows):
    with Store(folder) as store:
        store.append("kafka_produce", rows("kafka_produce", 5, start=100))
        store.roll()
        store.append("kafka_produce", rows("kafka_produce", 5, start=200))
        stats = store.stats()
        produce = stats["tables"]["kafka_produce"]
        assert (produce["rows"], produce["oldestNs"], produce["newestNs"]) == (10, 100, 204)
        assert produce["bytes"] > 0
        assert stats["tables"]["kafka_fetch"] == {"rows": 0, "bytes": 0, "oldestNs": None, "newestNs": None, "segments": 0, "rowsDropped": 0}
        assert stats["storing"] is True
        assert stats["problem"] is None
        assert stats["diskBytes"] > produce["bytes"] // 2
