"""A plan that is kept from an earlier run is the one that compiling the script again would give."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest
from pxl_documents import NOW
from test_pxl_scripts import ARGS

from kafkascope import pxl
from kafkascope.pxl import program, vis
from kafkascope.pxl.moving import MAX_KEPT, Kept, Shelf
from kafkascope.scripts import Library
from kafkascope.store import DuckDBEngine, Store, catalogue

RELATIONS = catalogue.load()
SCRIPTS = Library.load(()).scripts
#: No bin, no second and no window has this length.
LATER = 61_000_000_007
#: The scripts that take longest to compile.
DEAREST = {"px/kafka_overview", "px/services", "px/cluster", "px/namespace"}


@pytest.fixture(autouse=True)
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    mine = Shelf()
    monkeypatch.setattr(program, "_SHELF", mine)
    return mine


def shelved(source: str, calls: list[pxl.FuncCall]) -> Kept | None:
    slots = program._slots(calls)
    return program._SHELF.find(program.shelf_key(source, calls, slots), [text for _, text in slots], RELATIONS)


def again(source: str, calls: list[pxl.FuncCall], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the script is kept; what it gives a minute later must be what a compilation gives."""
    first = pxl.compile(source, RELATIONS, calls, NOW)
    kept = shelved(source, calls) is not None
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


#: Texts that scripts ask about (none, ``-``), names, and ends of windows that move, that stay, and that are none.
TEXTS = ["", "-", "ns/order", "10.0.0.1", "-5m", "-1h30m", "2027-01-15 00:00:00"]


@pytest.mark.parametrize("name", [name for name, script in SCRIPTS.items() if script.vis])
def test_a_plan_for_other_arguments_is_the_one_that_is_made_of_them(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script, random_ = SCRIPTS[name], random.Random(name)
    spec = vis.load(script.vis)
    usual = {v["name"]: v.get("defaultValue", ARGS.get(name, {}).get(v["name"], "x")) for v in (spec or {}).get("variables", [])}
    shelf = Shelf()
    taken = 0
    for step in range(12):
        given = {k: random_.choice([v, v, *(t for t in TEXTS if step > 5 or k != "start_time")]) for k, v in usual.items()}
        now = NOW + step * LATER
        monkeypatch.setattr(program, "_SHELF", Shelf())
        fresh = outcome(script.pxl, spec, given, now)
        monkeypatch.setattr(program, "_SHELF", shelf)
        try:
            taken += shelved(script.pxl, vis.calls(spec, given)) is not None
        except vis.ArgumentError:
            continue
        assert outcome(script.pxl, spec, given, now) == fresh, given
    assert taken or name not in DEAREST


def outcome(source: str, spec: Any, given: dict[str, str], now_ns: int) -> str:
    try:
        return pxl.compile(source, RELATIONS, vis.calls(spec, given), now_ns).explain()
    except (pxl.PxLError, vis.ArgumentError) as error:
        return str(error)


@pytest.mark.parametrize(
    ("body", "other", "kept"),
    [
        ("df = df[df.topic == a]", "y", True), ("df.x = px.script_reference(df.topic, 'px/pod', {'pod': a})", "y", True), ("df.x = px.Pod(a)", "y", True),
        ("df = df[px.select(df.topic == a, True, a == '')]", "y", True), ("df = df[px.select(df.topic == a, True, a == '')]", "", False),
        ("df = df[px.contains(df.topic, a)]", "y", True), ("df = df[px.contains(df.topic, a)]", "", False),
        ("df.x = 'topic/' + a", "y", True), ("df = df[df.topic == f'a{a}{a}']", "y", False), ("df = df[px.select(df.topic == a, True, a + 'b' == 'yb')]", "y", False), ("df[a] = 1", "y", False), ("df.x = 1 if a == b else 2", "y", False), ("df.x = df.topic if a != 'z' else a", "z", False),
        ("df.x = a\ndf.y = 'y'", "y", True), ("df.x = a\ndf = df[df.topic == b]", "b", True),
    ],
)
def test_a_text_that_only_ends_up_in_the_plan_stays_open_there(body: str, other: str, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    source = f"import px\ndef f(a: str, b: str):\n    df = px.DataFrame('kafka_produce', start_time='-5m')\n    {body.replace(chr(10), chr(10) + '    ')}\n    return df"

    def compiled(a: str) -> str:
        return pxl.compile(source, RELATIONS, [pxl.FuncCall("f", {"a": a, "b": "b"})], NOW).explain()

    compiled("x")
    assert (shelved(source, [pxl.FuncCall("f", {"a": other, "b": "b"})]) is not None) is kept
    found = compiled(other)
    monkeypatch.setattr(program, "_SHELF", Shelf())
    assert compiled(other) == found


def test_a_window_of_an_argument_is_the_one_that_it_tells_now(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "import px\ndef f(start: str, end: str):\n    df = px.DataFrame('kafka_produce', start_time=start, end_time=end)\n    return df{}"

    def windows(narrowed: str, start: str, end: str, now: int) -> str:
        explained = pxl.compile(source.format(narrowed), RELATIONS, [pxl.FuncCall("f", {"start": start, "end": end})], now).explain()
        return explained.split("kafka_produce ")[1].split(" ")[0]

    minute = 60 * 10**9
    assert windows("", "-5m", "-1m", NOW) == f"{NOW - 5 * minute}..{NOW - minute}"
    assert windows("", "-7m", "-2m", NOW + 9) == f"{NOW + 9 - 7 * minute}..{NOW + 9 - 2 * minute}"
    # Both ends at one moment: which argument told which is not known.
    assert windows("", "-3m", "-3m", NOW) == f"{NOW - 3 * minute}..{NOW - 3 * minute}"
    assert windows("", "-4m", "-3m", NOW) == f"{NOW - 4 * minute}..{NOW - 3 * minute}"
    assert windows("", "2027-01-15 00:00:00", "-1m", NOW) == f"1799971200000000000..{NOW - minute}"
    # A filter that is narrower than one argument is not narrower than another.
    early = "[df.time_ >= px.parse_time('2027-01-15 07:50:00')]"
    assert windows(early, "-30m", "-1m", NOW) == f"{NOW - 10 * minute}..{NOW - minute}"
    assert windows(early, "-2m", "-1m", NOW) == f"{NOW - 2 * minute}..{NOW - minute}"


def test_what_was_used_longest_ago_goes(shelf: Shelf) -> None:
    sources = [f"import px\npx.display(px.DataFrame('kafka_produce', start_time='-{i}m'))" for i in range(1, MAX_KEPT + 2)]
    for source in sources:
        pxl.compile(source, RELATIONS, (), NOW)
    found = [shelved(source, []) is not None for source in sources]
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
