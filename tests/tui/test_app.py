"""The live screen without a terminal: any result, any keys, any size, and every line fits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from app_bench import Bench, opened, result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kafkascope.cli.errors import NOTHING_THERE, CommandError
from kafkascope.tui.app import Target

HOSTILE = ["", "order", "\x1b[2J\x1b]52;c;eA==\x07", "‮gnp.exe", "日本語トピック", "👩‍👩‍👧‍👧", "a" * 249, "x\ny\r\tz", "[bold]markup[/bold]", "é́́", '{"a": [1, {"error_code": 3}]}', '{"cut": ', "[]"]


GRAPH = {"@type": "types.px.dev/px.vispb.Graph", "adjacencyList": {"fromColumn": "src", "toColumn": "dst"}, "edgeWeightColumn": "w"}
EDGES = [("src", "STRING", "NONE"), ("dst", "STRING", "NONE"), ("w", "FLOAT64", "THROUGHPUT_BYTES_PER_NS")]
CHART = {"@type": "types.px.dev/px.vispb.TimeseriesChart", "timeseries": [{"value": "v", "series": "s"}]}
POINTS = [("time_", "TIME64NS", "TIME_NS"), ("s", "STRING", "NONE"), ("v", "FLOAT64", "PERCENT")]
WIDE = [("time_", "TIME64NS", "TIME_NS"), ("name", "STRING", "NONE"), ("pod", "STRING", "SCRIPT_REFERENCE"), ("latency", "INT64", "DURATION_NS"), ("a_column_of_a_long_name", "INT64", "BYTES"),
        ("q", "STRING", "DURATION_NS_QUANTILES"), ("ok", "BOOLEAN", "NONE"), ("body", "STRING", "NONE")]  # fmt: skip
LINK = json.dumps({"label": "ns/pod-1", "script": "px/b", "args": {"pod": "ns/pod-1", "unknown": "x"}})

texts = st.sampled_from(HOSTILE) | st.text(max_size=12)
floats = st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32) | st.sampled_from(["NaN", "Infinity", "-Infinity"])
times = st.none() | st.integers(0, 2 * 10**18).map(str)
wide = st.tuples(times, texts, st.just(LINK) | texts, st.none() | st.integers(-(2**53), 2**53), st.none() | st.integers(0, 2**62).map(str), st.just('{"p50": 1, "p90": 2, "p99": 3}') | texts,
                 st.none() | st.booleans(), texts).map(list)  # fmt: skip
results = st.builds(
    lambda a, b, c, m: result(("Wide", WIDE, a, {}), ("Graph", EDGES, b, GRAPH), ("Chart", POINTS, c, CHART), messages=tuple(m)),
    st.lists(wide, max_size=8), st.lists(st.tuples(texts, texts, floats).map(list), max_size=8), st.lists(st.tuples(times, texts, floats).map(list), max_size=8), st.lists(texts, max_size=1),
)  # fmt: skip
keys = st.lists(st.sampled_from([*"jkhlgGsSv123<>/:?aeoyrp+-nq0$ ", "enter", "esc", "tab", "shift+tab", "up", "down", "left", "right", "pagedown", "ctrl+d", "ctrl+u", "backspace", "home", "delete"])
                | st.sampled_from(["name=order", "!x", "latency>1ms", 'body~"a b"', "zzz"]), max_size=25)  # fmt: skip


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(results, results, keys, st.integers(20, 200), st.integers(6, 60))
def test_every_line_fits_whatever_comes(first: dict[str, Any], second: dict[str, Any], pressed: list[str], width: int, height: int) -> None:
    bench = Bench([{"name": "px/a", "short": "\x1b[1m", "variables": [{"name": "topic", "type": "PX_STRING", "defaultValue": ""}]}, {"name": "px/b", "short": "b", "variables": [{"name": "pod", "type": "PX_POD", "required": True}]}])
    bench.source.names = HOSTILE
    bench.source.result = first
    bench.app.open(Target("px/a"))
    bench.work()
    for number, key in enumerate(pressed):
        for part in [key] if key in ("enter", "esc", "tab") or "+" in key or (len(key) > 3 and key.isalpha()) else list(key):
            bench.press(part)
        if number == 5:
            bench.source.result = second
            bench.app.run()
            bench.work()
        lines = bench.app.frame(width, height)
        assert len(lines) == height
        assert {line.cell_len for line in lines} == {width}
        assert all(line.plain.isprintable() for line in lines)


def names(text: str, column: int = 0) -> list[str]:
    return [line[2:].split()[column] for line in text.splitlines()[4:-1] if line.strip()]


ROWS = [["b", 5], ["a", None], ["c", 10]]
SMALL = [("name", "STRING", "NONE"), ("n", "INT64", "NONE")]


def test_unknown_sorts_last_both_ways() -> None:
    bench = opened(("T", SMALL, ROWS, {}))
    bench.press("l", "s")
    assert names(bench.text()) == ["c", "b", "a"]
    bench.press("s")
    assert names(bench.text()) == ["b", "c", "a"]
    bench.press("s")
    assert names(bench.text()) == ["b", "a", "c"]


def test_the_cursor_stays_on_its_row_when_rows_come() -> None:
    bench = opened(("T", SMALL, ROWS, {}))
    bench.press("j")
    assert "▸ a" in bench.text()
    bench.source.result = result(("T", SMALL, [["new", 1], *ROWS, ["z", 3]], {}))
    bench.now = 5.0
    bench.app.tick()
    bench.work()
    assert "▸ a" in bench.text() and "5 rows" in bench.text()


def again(bench: Bench, table: Any) -> str:
    bench.source.result = result(table)
    bench.app.run()
    bench.work()
    return bench.text()


def test_rows_that_nobody_sorted_keep_their_order() -> None:
    columns = [("name", "STRING", "NONE"), ("partition", "INT64", "NONE"), ("n", "INT64", "NONE"), ("last_seen", "TIME64NS", "TIME_NS"), ("replicas", "INT64", "NONE")]
    rows = [["b", 1, 5, "7", 1], ["a", 0, 9, "8", 1], ["b", 0, 1, "9", 1], ["c", 3, 2, "5", 1]]
    bench = opened(("T", columns, rows, {}))
    bench.press("j", "j")
    later = [[name, partition, n + 7, str(int(seen) + 10), 1] for name, partition, n, seen, _ in [["d", 0, 1, "1", 1], *rows[::-1]]]
    text = again(bench, ("T", columns, later, {}))
    assert names(text) == ["b", "a", "b", "c", "d"]
    assert [line.split()[1:4] for line in text.splitlines() if line.startswith("▸")] == [["b", "0", "8"]]


def test_rows_that_the_script_sorts_come_as_it_says() -> None:
    # The version is sorted too, by chance, and says less.
    columns = [("time_", "TIME64NS", "TIME_NS"), ("version", "INT64", "NONE"), ("api", "STRING", "NONE")]
    bench = opened(("T", columns, [["5000000000", 2, "m"], ["4000000000", 2, "a"], ["3000000000", 1, "z"]], {}))
    bench.press("j")
    text = again(bench, ("T", columns, [["7000000000", 2, "v"], ["6000000000", 2, "w"], ["5000000000", 2, "m"], ["4000000000", 1, "a"]], {}))
    assert names(text, 2) == ["v", "w", "m", "a"]
    assert next(line for line in text.splitlines() if line.startswith("▸")).endswith("a")


def test_edges_and_series_keep_their_order() -> None:
    bench = opened(("G", EDGES, [["p", "a", 3.0], ["p", "b", 2.0], ["q", "c", 4.0]], GRAPH))
    before = [line.strip("▸├└─ ").split()[0] for line in bench.text().splitlines()[4:-1] if line.strip()]
    text = again(bench, ("G", EDGES, [["q", "c", 1.0], ["p", "b", 9.0], ["p", "n", 10.0], ["p", "a", 3.0]], GRAPH))
    assert before == ["p", "a", "b", "q", "c"]
    assert [line.strip("▸├└─ ").split()[0] for line in text.splitlines()[4:-1] if line.strip()] == ["p", "a", "b", "n", "q", "c"]
    bench = opened(("C", POINTS, [["1000000000", "x", 0.5], ["1000000000", "y", 0.4]], CHART))
    text = again(bench, ("C", POINTS, [["1000000000", "y", 0.9], ["1000000000", "x", 0.1]], CHART))
    assert text.index("x ") < text.index("y ")


def test_a_graph_with_a_circle_ends_and_shows_each_edge_once() -> None:
    bench = opened(("G", EDGES, [["a", "b", 3.0], ["b", "c", 2.0], ["c", "b", 1.0], ["d", "d", None], ["x", "b", 9.0]], GRAPH))
    tree = [line[2:].strip().split("  ")[0] for line in bench.text().splitlines()[4:-1] if line.strip()]
    assert tree == ["x", "└─ b", "└─ c", "└─ b ↑ shown above", "a", "└─ b ↑ shown above", "d", "└─ d (itself)"]


def test_an_edge_tells_first_how_its_reader_does() -> None:
    edges = [*EDGES, ("lag_seconds", "FLOAT64", "NONE"), ("verdict", "STRING", "NONE")]
    spec = {**GRAPH, "edgeHoverInfo": ["lag_seconds", "verdict"]}
    bench = opened(("G", edges, [["order", "topic/order", 3.0, None, ""], ["topic/order", "invoicing", 1.0, 77.5, "WARN"]], spec))
    line = next(line for line in bench.text(80, 20).splitlines() if "invoicing" in line)
    assert line.index("▲ falling behind") < line.index("1 min 17 s")


def test_a_silence_is_a_gap_not_a_line() -> None:
    second = 10**9
    rows = [[str(t * second), "s", 0.5] for t in (*range(1, 20), *range(60, 80))]
    bench = opened(("C", POINTS, rows, CHART))
    line = next(line for line in bench.text(80, 8).splitlines() if line.startswith("▸ s"))
    blocks = line[4:].strip().rpartition("50.0%  max")[0].rstrip()
    assert "█" in blocks and "   " in blocks
    assert set(blocks) == {"█", " "}


def test_errors_keep_what_was_shown_and_recovery_is_by_itself() -> None:
    bench = opened(("T", SMALL, ROWS, {}))
    bench.source.error = CommandError("no Kafkascope server at x", "start one", NOTHING_THERE)
    bench.now = 5.0
    bench.app.tick()
    bench.work()
    bench.now = 8.0
    assert "✗ no Kafkascope server at x" in bench.text() and "shown: 8 s old" in bench.text() and "▸ b" in bench.text()
    # However narrow: whether rows are old decides what they are worth.
    assert "shown: 8 s old" in bench.text(40, 20)
    bench.source.error = None
    bench.now = 10.0
    bench.app.tick()
    bench.work()
    assert "3 rows" in bench.text()


def test_a_first_failure_says_all_of_it() -> None:
    bench = Bench()
    bench.source.error = CommandError("line 3, column 9: no column 'x'", "did you mean 'y'?")
    bench.app.open(Target("px/a"))
    bench.work()
    assert "no column 'x'" in bench.text() and "hint: did you mean 'y'?" in bench.text()


def test_an_answer_to_an_older_question_is_dropped() -> None:
    bench = opened(("T", SMALL, ROWS, {}))
    bench.app.run()
    late = bench.jobs.pop()
    bench.source.result = result(("T", SMALL, [["newer", 1]], {}))
    bench.app.run()
    bench.work()
    bench.app.finished(late[0], late[1], result(("T", SMALL, [["older", 1]], {})), None)
    assert "newer" in bench.text() and "older" not in bench.text()


def test_pausing_and_intervals() -> None:
    bench = opened(("T", SMALL, ROWS, {}))
    assert bench.app.wait_s() == 5.0
    bench.press("+")
    assert bench.app.wait_s() == 2.0 and "live 2 s" in bench.text()
    bench.press("p")
    assert bench.app.wait_s() is None and "paused" in bench.text()
    asked = len(bench.source.asked)
    bench.press("p")
    assert len(bench.source.asked) == asked + 1


def test_links_take_the_arguments_the_script_has() -> None:
    bench = Bench([{"name": "px/a", "short": "", "variables": []}, {"name": "px/b", "short": "", "variables": [{"name": "pod", "type": "PX_POD", "required": True}]}])
    bench.source.result = result(("T", [("pod", "STRING", "SCRIPT_REFERENCE")], [[LINK]], {}))
    bench.app.open(Target("px/a"))
    bench.work()
    bench.press("o")
    assert bench.source.asked[-1] == {"script": "px/b", "args": {"pod": "ns/pod-1"}}
    bench.press("esc")
    assert bench.source.asked[-1]["script"] == "px/a"


def test_required_arguments_are_asked_for() -> None:
    bench = Bench([{"name": "px/b", "short": "", "variables": [{"name": "start_time", "type": "PX_STRING", "defaultValue": "-5m"}, {"name": "pod", "type": "PX_POD", "required": True}]}])
    bench.source.names, bench.source.result = ["ns/a", "ns/b"], result(("T", SMALL, ROWS, {}))
    bench.press(":", "b", "enter")
    assert "px/b needs pod" in bench.text()
    bench.press("enter")
    assert "enter again" in bench.text()
    bench.press("tab", "tab", "tab", "enter")
    assert bench.source.asked == [{"script": "px/b", "args": {"start_time": "-5m", "pod": "ns/b"}}]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("order", ["order", "order-dlq"]), ("!order", ["pay"]), ("name=order", ["order"]), ("lat>100ms", ["order-dlq", "pay"]), ("latency<=1s bytes>=1kb", ["order", "order-dlq"]),
        ("share>50%", ["pay"]), ("rate>1kb", ["order"]), ("name!=order", ["order-dlq", "pay"]), ('"order-d"', ["order-dlq"]), ("", ["order", "order-dlq", "pay"]), ("nothing=here", []),
        ("name~DLQ", ["order-dlq"]), ("latency>", ["order", "order-dlq", "pay"]),
        # As on the page.
        ("name = order", ["order"]), ("latency > 100ms and bytes < 1kb", ["pay"]), ("order && -dlq", ["order"]), ('-"order-d"', ["order", "pay"]), ("name:dlq", ["order-dlq"]),
        ('"and"', []), ("size >= 2kb", ["order", "order-dlq"]), ("api = 1", ["pay"]), ("order-dlq", ["order-dlq"]), ("18:27:31", []),
    ],
)  # fmt: skip
def test_filter_language(text: str, left: list[str]) -> None:
    from kafkascope.cli.output import Column
    from kafkascope.tui.filter import compile_filter

    columns = [Column("name", "STRING", "NONE"), Column("latency", "INT64", "DURATION_NS"), Column("bytes", "INT64", "BYTES"), Column("share", "FLOAT64", "PERCENT"),
               Column("rate", "FLOAT64", "THROUGHPUT_BYTES_PER_NS"), Column("req_bytes", "INT64", "BYTES"), Column("api_version", "INT64", "NONE"), Column("req_cmd", "INT64", "NONE")]  # fmt: skip
    rows = [("order", 5_000_000, 4096, 0.5, 2e-6, 4096, 1, 0), ("order-dlq", 200_000_000, 2048, 0.1, 5e-7, 2048, 1, 0), ("pay", 3_000_000_000, 10, 0.9, None, 10, 1, 1)]
    matches = compile_filter(text, columns)
    assert [row[0] for row in rows if matches(row)] == left


@pytest.mark.parametrize(
    ("text", "says"),
    [("latency>>5", "latency: expected a number such as 100, 100ms or 2kb, found '>5'"), ("order bytes >= many", "found 'many'"), ("latncy > 5ms", "no column 'latncy'"), ("share<5kb", "share"),
     ("latency>", None), ("name>5", None), ("latncy=5", None), ("order", None), ("", None)],
)  # fmt: skip
def test_what_a_filter_cannot_compare_is_said(text: str, says: str | None) -> None:
    from kafkascope.cli.output import Column
    from kafkascope.tui.filter import problem

    columns = [Column("name", "STRING", "NONE"), Column("latency", "INT64", "DURATION_NS"), Column("bytes", "INT64", "BYTES"), Column("share", "FLOAT64", "PERCENT")]
    found = problem(text, columns)
    assert (found is None) == (says is None)
    assert (says or "") in (found or "")


@pytest.mark.parametrize(
    ("before", "after", "less"),
    [("or", "ord", True), ("or", "or fe", True), ("", "o", False), ("or", "o", False), ("or", "or !x", False), ("lat", "lat>5", False), ("a=1", "a=10", False), ("x an", "x and y", False), ("order ", "order -d", False), ("px", "px-kafka", True), ('"or', '"or"', False)],
)
def test_only_more_of_the_same_words_looks_through_what_is_left(before: str, after: str, less: bool) -> None:
    from kafkascope.tui.filter import narrows

    assert narrows(before, after) is less


def test_typing_finds_what_typing_at_once_finds() -> None:
    rows = [[str(n), f"client-{n % 7}", n % 3] for n in range(40)]
    columns = [("id", "STRING", "NONE"), ("client", "STRING", "NONE"), ("n", "INT64", "NONE")]
    typed, pasted = Bench(), Bench()
    for bench, words in ((typed, list("cl 3")), (pasted, ["cl 3"])):
        bench.source.result = result(("T", columns, rows, {}))
        bench.app.open(Target("px/a"))
        bench.work()
        bench.press("/")
        for word in words:
            bench.press(*word)
    assert typed.text(80, 30) == pasted.text(80, 30) and "client-3" in typed.text(80, 30)
    # Rows that come later are all looked through.
    typed.source.result = result(("T", columns, [["9", "client-3", 3]], {}))
    typed.press("enter", "r")
    typed.work()
    assert "client-3" in typed.text(80, 30)


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([b"j\x1b[A\x1bOB"], ["j", "up", "down"]), ([b"\x1b", b"[", b"5~"], ["pageup"]), ([b"\xc3", b"\xa9"], ["é"]), ([b"\x1b[200~x"], ["x"]), ([b"\x1b[Z\t\r\x7f"], ["shift+tab", "tab", "enter", "backspace"]),
        ([b"\x1bj"], ["esc", "j"]), ([b"\xff"], ["�"]), ([b"\x1b[1;5A"], []), ([b"\x03\x0b\x13"], ["ctrl+c", "ctrl+k", "ctrl+s"]), ([b"\x1b\x1b"], ["esc"]),
    ],
)  # fmt: skip
def test_keys(pieces: list[bytes], expected: list[str]) -> None:
    from kafkascope.tui.keys import KeyReader

    reader = KeyReader()
    assert [key for piece in pieces for key in reader.feed(piece)] == expected


def test_an_escape_alone_is_a_key() -> None:
    from kafkascope.tui.keys import KeyReader

    reader = KeyReader()
    assert reader.feed(b"\x1b") == [] and reader.waiting and reader.flush() == ["esc"] and not reader.waiting


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=30), max_size=10))
def test_any_bytes_are_keys_or_nothing(pieces: list[bytes]) -> None:
    from kafkascope.tui.keys import KeyReader

    reader = KeyReader()
    found = [key for piece in pieces for key in reader.feed(piece)] + reader.flush()
    assert all(key for key in found)
