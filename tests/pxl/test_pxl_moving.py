"""A plan that is kept from an earlier run is the one that compiling the script again would give."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from pxl_documents import NOW
from test_pxl_scripts import ARGS

from kafkascope import pxl
from kafkascope.pxl import program, vis
from kafkascope.pxl.moving import MAX_KEPT, Shelf
from kafkascope.scripts import Library
from kafkascope.store import DuckDBEngine, Store, catalogue

RELATIONS = catalogue.load()
SCRIPTS = Library.load(()).scripts
#: No bin, no second and no window has this length.
LATER = 61_000_000_007


@pytest.fixture(autouse=True)
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    mine = Shelf()
    monkeypatch.setattr(program, "_SHELF", mine)
    return mine


def again(source: str, calls: list[pxl.FuncCall], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the script is kept; what it gives a minute later must be what a compilation gives."""
    first = pxl.compile(source, RELATIONS, calls, NOW)
    kept = program._SHELF.find(program.shelf_key(source, calls), RELATIONS) is not None
    second = pxl.compile(source, RELATIONS, calls, NOW + LATER)
    monkeypatch.setattr(program, "_SHELF", Shelf())
    fresh = pxl.compile(source, RELATIONS, calls, NOW + LATER)
    assert second.explain() == fresh.explain()
    assert (second.warnings, second.max_rows, list(second.outputs)) == (fresh.warnings, fresh.max_rows, list(fresh.outputs))
    assert first.explain() == pxl.compile(source, RELATIONS, calls, NOW).explain()
    return kept


@pytest.mark.parametrize("name", SCRIPTS)
def test_bundled_scripts_move(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = vis.load(SCRIPTS[name].vis)
    given = {v["name"]: ARGS.get(name, {}).get(v["name"], "x") for v in (spec or {}).get("variables", []) if "defaultValue" not in v}
    again(SCRIPTS[name].pxl, vis.calls(spec, given), monkeypatch)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("df = px.DataFrame('kafka_events.beta', start_time='-5m')", True),
        ("df = px.DataFrame('kafka_events.beta', start_time='-5m', end_time=px.now())", True),
        ("df = px.DataFrame('kafka_events.beta', start_time='2027-01-15 00:00:00', end_time='-1m')", True),
        ("df = px.DataFrame('kafka_events.beta', start_time=px.plugin.start_time, end_time=px.plugin.end_time)", True),
        ("df = px.DataFrame('kafka_events.beta', start_time=px.now() - px.minutes(5))", False),
        ("df = px.DataFrame('kafka_events.beta', start_time=px.parse_time('-5m'))", False),
        ("df = px.DataFrame('kafka_events.beta')\ndf.age = px.now() - px.time_to_int64(df.time_)", False),
        ("df = px.DataFrame('kafka_events.beta')\ndf = df[df.time_ > px.parse_time('-1m')]", False),
        ("df = px.DataFrame('kafka_events.beta', start_time='-5m')\ndf = df[df.time_ > px.int64_to_time(5)]", True),
        ("df = px.DataFrame('kafka_events.beta', start_time='-5m')\ndf = df[df.latency > (1 if px.now() > 5 else 2)]", False),
        ("df = px.GetAgentStatus()", False),
    ],
)
def test_only_windows_move(body: str, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert again(f"import px\n{body}\npx.display(df)", [], monkeypatch) is kept


def test_other_arguments_and_other_tables_are_compiled(shelf: Shelf) -> None:
    source = "import px\ndef f(table: str):\n    return px.DataFrame(table, start_time='-5m')"
    for table in ("kafka_produce", "kafka_fetch"):
        found = pxl.compile(source, RELATIONS, [pxl.FuncCall("f", {"table": table})], NOW)
        assert f"scan {table} " in found.explain()
    with pytest.raises(pxl.PxLError, match="Table 'kafka_fetch' not found"):
        pxl.compile(source, {"kafka_produce": RELATIONS["kafka_produce"]}, [pxl.FuncCall("f", {"table": "kafka_fetch"})], NOW)


def test_what_was_used_longest_ago_goes(shelf: Shelf) -> None:
    sources = [f"import px\npx.display(px.DataFrame('kafka_produce', start_time='-{i}m'))" for i in range(1, MAX_KEPT + 2)]
    for source in sources:
        pxl.compile(source, RELATIONS, (), NOW)
    found = [shelf.find(program.shelf_key(source, ()), RELATIONS) is not None for source in sources]
    assert found == [False] + [True] * MAX_KEPT


def test_what_turned_out_to_need_wide_numbers_is_computed_once_from_then_on() -> None:
    asked: list[str] = []

    class Counted:
        def __init__(self, engine: DuckDBEngine) -> None:
            self.dialect, self.relations, self.scan, self._engine = engine.dialect, engine.relations, engine.scan, engine

        def execute(self, sql: str, **options: Any) -> pa.Table:
            asked.append(sql)
            return self._engine.execute(sql, **options)

    source = "import px\ndf = px.DataFrame('process_stats', start_time='-5m')\npx.display(df.agg(n=('rss_bytes', px.sum)))"
    with Store(None) as store:
        relation = RELATIONS["process_stats"]
        filler = {pa.int64(): 0, pa.string(): "", pa.bool_(): False, pa.float64(): 0.0}
        given = {"time_": NOW - 1, "rss_bytes": (1 << 63) - 1}
        store.append("process_stats", pa.record_batch([pa.array([given.get(f.name, filler[f.type])] * 2, f.type) for f in relation.schema], schema=relation.schema))
        for look, queries in enumerate((2, 3, 4)):
            found = pxl.run(pxl.compile(source, RELATIONS, now_ns=NOW + look), Counted(store.engine()))
            assert found[0].table.column("n").to_pylist() == [-2]
            assert len(asked) == queries
