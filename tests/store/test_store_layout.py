"""How columns lie in segments: the same values come back, whatever is unknown or overflows, from a query and from a merge; what repeats is written once."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kafkascope.store import Store, catalogue, layout, segments

FETCH = catalogue.relation("kafka_fetch")
OFFSETS = ("fetch_offset", "first_offset", "last_offset", "high_watermark", "last_stable_offset", "latency", "response_time")
NUMBER = st.none() | st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(0, 1000)


def table(rows: list[dict[str, int | None]]) -> pa.Table:
    filler = {pa.int64(): 0, pa.string(): "x", pa.bool_(): False}
    columns = [pa.array([row.get(f.name, filler[f.type]) for row in rows], f.type) for f in FETCH.schema]
    return pa.table(columns, schema=FETCH.schema)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(st.fixed_dictionaries({name: NUMBER for name in OFFSETS}), min_size=2, max_size=4))
def test_a_query_and_a_merge_see_the_values(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, int | None]]) -> None:
    with Store(tmp_path_factory.mktemp("layout") / "s", maintenance_s=60) as store:
        wanted = []
        for number, row in enumerate(rows):
            one = {**row, "time_": number + 1}
            wanted.append(tuple(one[name] for name in ("time_", *OFFSETS)))
            store.append("kafka_fetch", table([one]).to_batches()[0])
            store.roll()
        kept = store.observed["kafka_fetch"]
        for _ in range(2):
            sql = f"SELECT * FROM ({store.engine().scan('kafka_fetch', None, None, ['time_', *OFFSETS])}) ORDER BY time_"
            found = store.engine().execute(sql, timeout_s=60)
            assert list(zip(*(c.to_pylist() for c in found.columns), strict=True)) == wanted
            kept.merge_small(largest=1 << 20, fewest=2, most_rows=1000)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"time_": 5, "latency": 7, "response_time": 13}, {"response_time": 1}),
        ({"fetch_offset": None, "first_offset": 9}, {"first_offset": 9}),
        ({"fetch_offset": 100, "high_watermark": 103, "last_stable_offset": 103}, {"fetch_offset": 100, "high_watermark": 3, "last_stable_offset": 0}),
        ({"latency": 1, "time_": 1, "response_time": -(1 << 63)}, {"response_time": -(1 << 63)}),
    ],
    ids=["a response is the request's time and the latency", "an unknown base counts as 0", "offsets near each other", "what would overflow stays"],
)
def test_differences(row: dict[str, int | None], expected: dict[str, int]) -> None:
    written, _ = layout.differences(table([row]))
    assert {name: written.column(name)[0].as_py() for name in expected} == expected


def test_bodies_that_are_alike_far_apart_are_written_once(tmp_path: Path) -> None:
    events = catalogue.relation("kafka_events.beta")
    rng = random.Random(5)
    bodies = [rng.randbytes(10_000).hex() for _ in range(300)]  # more than a compression looks back
    filler = {pa.int64(): 0, pa.string(): "x", pa.bool_(): False, pa.float64(): 0.0}
    given = {"time_": list(range(900)), "req_body": bodies * 3}
    columns = [pa.array(given.get(f.name, [filler[f.type]] * 900), f.type) for f in events.schema]
    segment = segments.write(tmp_path, pa.table(columns, schema=events.schema), 1, 1)
    # a byte for two digits
    assert segment.bytes < 1.5 * sum(len(body) for body in bodies) / 2


def test_bodies_of_which_no_two_are_equal_have_no_dictionary_and_none_after_a_merge(tmp_path: Path) -> None:
    events = catalogue.relation("kafka_events.beta")
    filler = {pa.int64(): 0, pa.string(): "x", pa.bool_(): False, pa.float64(): 0.0}

    def dictionaries(path: Path) -> dict[str, bool]:
        group = pq.read_metadata(path).row_group(0)
        return {name: group.column(events.schema.get_field_index(name)).has_dictionary_page for name in ("req_body", "resp")}

    written = []
    for number in range(2):
        rows = range(number * 2000, number * 2000 + 2000)
        given = {"time_": list(rows), "req_body": [f'{{"partition": {row % 7}}}' for row in rows], "resp": [f'{{"base_offset": {row}}}' for row in rows]}
        columns = [pa.array(given.get(f.name, [filler[f.type]] * 2000), f.type) for f in events.schema]
        written.append(segments.write(tmp_path, pa.table(columns, schema=events.schema), number + 1, number + 1))
    merged = segments.merge(tmp_path, written)
    assert [dictionaries(segment.path) for segment in (*written, merged)] == [{"req_body": True, "resp": False}] * 3
    assert pq.read_table(merged.path, columns=["resp"])["resp"].to_pylist() == [f'{{"base_offset": {row}}}' for row in range(4000)]


def test_rows_stay_as_they_came_and_a_merge_sorts_them(tmp_path: Path) -> None:
    came = [[50, 40, 60], [10, 30, 20]]
    chunks = pa.concat_tables([table([{"time_": time} for time in times]) for times in came])
    written = [segments.write(tmp_path, chunks, number, number) for number in (1, 2)]
    assert [(segment.first_ns, segment.last_ns, segment.rows) for segment in written] == [(10, 60, 6)] * 2
    assert segments.open_segment(written[0].path, FETCH) == written[0]
    assert pq.read_table(written[0].path)["time_"].to_pylist() == [50, 40, 60, 10, 30, 20]
    assert pq.read_table(segments.merge(tmp_path, written).path)["time_"].to_pylist() == [10, 10, 20, 20, 30, 30, 40, 40, 50, 50, 60, 60]
