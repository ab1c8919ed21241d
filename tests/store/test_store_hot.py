"""Rows in memory: as they came while nobody reads, in few batches for those who do."""

from __future__ import annotations

import pyarrow as pa
import pytest

from kafkascope.store import hot
from kafkascope.store.hot import HotRows

SCHEMA = pa.schema([("time_", pa.int64())])


def batch(first: int, rows: int) -> pa.RecordBatch:
    return pa.record_batch([pa.array(range(first, first + rows), pa.int64())], schema=SCHEMA)


def filled(sizes: list[int], read_every: int = 0) -> HotRows:
    rows, first = HotRows(SCHEMA), 0
    for number, size in enumerate(sizes, 1):
        rows.append(batch(first, size), (first, first + size - 1))
        first += size
        if read_every and number % read_every == 0:
            rows.merged()
    return rows


@pytest.mark.parametrize("sizes", [[1] * 500, [3000] * 40, [1, 20_000, 1, 1, 20_000], [700, 1, 30, 5] * 90])
@pytest.mark.parametrize("read_every", [0, 1, 7, 100])
def test_rows_stay_in_order_and_whole_however_they_come_and_are_read(sizes, read_every):
    rows = filled(sizes, read_every)
    assert rows.table().column("time_").to_pylist() == list(range(sum(sizes)))
    assert (rows.rows, rows.first_ns, rows.last_ns) == (sum(sizes), 0, sum(sizes) - 1)
    few = rows.merged()
    assert pa.Table.from_batches(few).column("time_").to_pylist() == list(range(sum(sizes)))
    assert rows.bytes == sum(one.get_total_buffer_size() for one in few)


def test_a_reader_meets_few_batches():
    assert len(filled([1] * 1000).merged()) <= 11
    assert len(filled([1] * 1000, read_every=1).merged()) <= 11


def test_rows_that_nobody_reads_are_not_copied():
    came = [batch(10 * number, 10) for number in range(hot._UNMERGED)]
    rows = HotRows(SCHEMA)
    for one in came:
        rows.append(one, (0, 9))
    assert [one.column(0).buffers()[1].address for one in rows.table().to_batches()] == [one.column(0).buffers()[1].address for one in came]


def test_what_nobody_reads_does_not_add_up_to_ever_more_batches():
    rows = filled([1] * 5000)
    assert rows.table().column(0).num_chunks <= hot._UNMERGED + 11


@pytest.mark.parametrize("read", [False, True])
def test_the_oldest_go_first(read):
    rows = filled([10] * 5)
    if read:
        rows.merged()
    dropped = rows.drop_oldest()
    assert rows.table().column("time_").to_pylist() == list(range(dropped, 50))
    while rows:
        rows.drop_oldest()
    assert (rows.rows, rows.bytes, rows.first_ns, rows.merged()) == (0, 0, None, [])
    rows.append(batch(7, 1), (7, 7))
    assert len(rows.merged()) == 1
