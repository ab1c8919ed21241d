"""What each display kind looks like in a terminal, which columns a table shows, and where cells lead."""

from __future__ import annotations

from typing import Any

import pytest
from app_bench import Bench, opened, result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kafkascope.tui.app import Target

KIND = "types.px.dev/px.vispb."
VALUES = [("api", "STRING", "NONE"), ("outcome", "STRING", "NONE"), ("latency", "INT64", "DURATION_NS"), ("count", "INT64", "NONE")]
ROWS = [["Fetch", "complete", 4_000_000, 60], ["Fetch", "truncated", 9_000_000, 20], ["Produce", "complete", 1_000_000, 15], ["Metadata", "complete", None, 5]]


def body(bench: Bench, width: int = 60, height: int = 14) -> list[str]:
    return [line for line in bench.text(width, height).splitlines()[3:-1] if line.strip()]


def test_a_bar_chart_adds_up_what_has_the_same_label() -> None:
    lines = body(opened(("B", VALUES, ROWS, {"@type": KIND + "BarChart", "bar": {"value": "count", "label": "api"}})))
    assert [line.strip("▸ ").split()[:2] for line in lines[1:]] == [["Fetch", "80"], ["Produce", "15"], ["Metadata", "5"]]
    lengths = [line.count("█") for line in lines[1:]]
    assert lengths[0] > 4 * lengths[1] > 4 * lengths[2]


def test_stacked_parts_tell_themselves_apart_without_colours() -> None:
    lines = body(opened(("B", VALUES, ROWS, {"@type": KIND + "BarChart", "bar": {"value": "count", "label": "api", "stackBy": "outcome"}})))
    assert "██ complete" in lines[0] and "▓▓ truncated" in lines[0]
    full, cut = lines[1].count("█"), lines[1].count("▓")
    assert abs(full - 3 * cut) <= 2


def test_a_histogram_counts_in_round_ranges() -> None:
    lines = body(opened(("H", VALUES, ROWS, {"@type": KIND + "HistogramChart", "histogram": {"value": "latency", "maxbins": 4, "prebinCount": "count"}})))
    assert [line.strip("▸ ").partition("  ")[0] for line in lines[1:]] == ["0 ns – 2.0 ms", "2.0 ms – 4.0 ms", "4.0 ms – 6.0 ms", "6.0 ms – 8.0 ms", "8.0 ms – 10.0 ms"]
    assert [line.split("ms")[-1].split()[0] for line in lines[1:]] == ["15", "0", "60", "0", "20"]


@pytest.mark.parametrize("spec", [{"pie": {"value": "count", "label": "api"}}, {"value": "count", "label": "api"}])
def test_a_pie_is_shares(spec: dict[str, Any]) -> None:
    bench = opened(("P", VALUES, ROWS, {"@type": KIND + "PieChart", **spec}))
    assert [line.strip("▸ ").split()[:3] for line in body(bench)[1:]] == [["Fetch", "80", "80.0"], ["Produce", "15", "15.0"], ["Metadata", "5", "5.0"]]
    # A later answer keeps the places.
    bench.source.result = result(("P", VALUES, [["Metadata", "complete", 1, 50], ["Fetch", "complete", 1, 50]], {"@type": KIND + "PieChart", **spec}))
    bench.press("r")
    assert [line.strip("▸ ").split()[:3] for line in body(bench)[1:]] == [["Fetch", "50", "50.0"], ["Metadata", "50", "50.0"]]


SHARES = [("time_", "TIME64NS", "TIME_NS"), ("share", "FLOAT64", "PERCENT")]
POINTS = [[str(t * 10**9), t / 10] for t in (3, 1, 2, 4)]


def test_a_stat_is_the_newest_value_with_its_way() -> None:
    text = "\n".join(body(opened(("S", SHARES, POINTS, {"@type": KIND + "StatChart", "stat": {"value": "share"}, "title": "complete"}))))
    assert "  40.0%  complete" in text and "█" in text


def test_a_gauge_is_a_part_of_the_whole() -> None:
    line = body(opened(("S", SHARES, POINTS, {"@type": KIND + "GaugeChart", "gauge": {"value": "share"}})))[0]
    assert line.rstrip().endswith("40.0% of 100.0%")
    assert abs(line.count("█") / (line.count("█") + line.count("░")) - 0.4) < 0.02


def test_a_text_is_what_its_author_wrote() -> None:
    assert body(opened(("T", SHARES, [], {"@type": KIND + "TextChart", "body": "first\n\tsecond \x1b[31m"}))) == ["  first", "      second �[31m"]


def test_what_the_terminal_cannot_draw_is_a_table_that_says_so() -> None:
    for spec, said in (({"@type": KIND + "VegaChart"}, "VegaChart"), ({"@type": KIND + "BarChart", "bar": {"value": "nothing"}}, "lacks columns")):
        text = opened(("V", VALUES, ROWS, spec)).text()
        assert "shown as a table" in text and said in text and "▸ Fetch" in text


numbers = st.none() | st.integers(-(2**53), 2**53) | st.sampled_from(["NaN", "Infinity"]) | st.floats(allow_nan=False, width=64).map(lambda v: v if abs(v) < 1e300 else 0.0)
CHARTS: list[dict[str, Any]] = [
    {"@type": KIND + "BarChart", "bar": {"value": "v", "label": "a", "stackBy": "b"}}, {"@type": KIND + "BarChart", "bar": {"value": "v", "groupBy": "b"}},
    {"@type": KIND + "HistogramChart", "histogram": {"value": "v", "maxbins": 7}}, {"@type": KIND + "PieChart", "pie": {"value": "v", "label": "a"}},
    {"@type": KIND + "StatChart", "stat": {"value": "v"}}, {"@type": KIND + "GaugeChart", "value": "v"}, {"@type": KIND + "Table", "gutterColumn": "b"},
]  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(CHARTS), *[st.lists(st.tuples(st.text(max_size=5), st.text(max_size=3), numbers).map(list), max_size=12)] * 2, st.integers(20, 120), st.integers(6, 40))
def test_any_values_fit(spec: dict[str, Any], rows: list[Any], later: list[Any], width: int, height: int) -> None:
    columns = [("a", "STRING", "NONE"), ("b", "STRING", "NONE"), ("v", "FLOAT64", "NONE")]
    bench = opened(("W", columns, rows, spec))
    for given_rows in (rows, later):
        bench.source.result = result(("W", columns, given_rows, spec))
        for key in ("r", "j", "w", "s", "G", "v", "H", "enter", "esc", "v"):
            bench.press(key)
            lines = bench.app.frame(width, height)
            assert len(lines) == height and {line.cell_len for line in lines} == {width}


GROUPS = [("cluster", "STRING", "NONE"), ("group", "STRING", "NONE"), ("kind", "STRING", "NONE"), ("lag", "INT64", "NONE"), ("lag_seconds", "FLOAT64", "NONE"), ("trend", "FLOAT64", "NONE"),
          ("time_to_drain", "FLOAT64", "NONE"), ("status", "STRING", "NONE"), ("reason", "STRING", "NONE")]  # fmt: skip
SCRIPTS = [{"name": "px/a", "short": "", "variables": []}, {"name": "px/kafka_group", "short": "One group", "variables": [{"name": "start_time", "type": "PX_STRING", "defaultValue": "-5m"}, {"name": "group_id", "type": "PX_STRING", "required": True}]},
           {"name": "px/kafka_topic", "short": "One topic", "variables": [{"name": "start_time", "type": "PX_STRING", "defaultValue": "-5m"}, {"name": "topic", "type": "PX_STRING", "required": True}]}]  # fmt: skip


def groups(*rows: list[Any], spec: dict[str, Any] | None = None, **options: Any) -> Bench:
    bench = Bench(SCRIPTS)
    bench.source.result = result(("Groups", GROUPS, list(rows), spec or {}), **options)
    bench.app.open(Target("px/a"))
    bench.work()
    return bench


def test_the_first_sentence_says_who_is_behind_since_when_and_why() -> None:
    bench = groups(
        ["c", "shipping", "classic", 1, 0.2, 0.0, None, "OK", "in order"],
        ["c", "invoicing", "classic", 12418, 80.0, 9.0, None, "WARN", "Its lag grows since 14:02."],
        ["c", "audit", "consumer", 5, 1.0, -2.0, 60.0, "STOP", "No commit for 5 min."],
    )
    lines = bench.text(120, 30).splitlines()
    assert lines[2] == " ■ stopped audit is 1.0 s behind (5 records), catching up by 2/s, done in 1 min 0 s"
    assert lines[3].strip() == "No commit for 5 min."
    assert lines[4] == " ▲ falling behind invoicing is 1 min 20 s behind (12,418 records), falling further behind by 9/s"
    # On a small screen one line is left of it.
    assert "stopped audit" in bench.text(80, 16) and "No commit" not in bench.text(80, 16).partition("Groups")[0]


FINDINGS = [("since", "TIME64NS", "TIME_NS"), ("kind", "STRING", "NONE"), ("group", "STRING", "NONE"), ("topic", "STRING", "NONE"), ("reason", "STRING", "NONE")]


def test_findings_add_to_the_sentence_and_do_not_repeat_it() -> None:
    rows = [["50000000000", "falling_behind", "billing", "order", "billing falls behind."], ["60000000000", "paused", "billing", "pay", "billing does not ask for pay-1."]]
    bench = Bench(SCRIPTS)
    bench.source.result = result(("Groups", GROUPS, [["c", "billing", "classic", 9, 80.0, 1.0, None, "WARN", "It falls behind."]], {}), ("Findings", FINDINGS, rows, {}))
    bench.app.open(Target("px/a"))
    bench.work()
    said = " ".join(line.strip() for line in bench.text(100, 30).splitlines()[2:6])
    assert "billing is 1 min 20 s behind on order, pay (9 records)" in said and "▲ paused billing does not ask for pay-1." in said
    assert "billing falls behind." not in said


def test_nobody_behind_and_nothing_known_are_said_too() -> None:
    assert " ● shipping keeps up; of 1 it is not known." in groups(["c", "shipping", "classic", 1, 0.2, 0.0, None, "OK", ""], ["c", "x", "", None, None, None, None, "OK", ""]).text()
    assert "Nothing is known yet" in groups(["c", "x", "", None, None, None, None, "UNKNOWN", ""]).text()


def test_a_screen_about_one_group_says_how_it_does() -> None:
    bench = Bench(SCRIPTS)
    unnamed = [column for column in GROUPS if column[0] != "group"]
    bench.source.result = result(("Group", unnamed, [["c", "classic", 168, 77.5, 1.23, None, "WARN", "falls behind by 1.23 records/s"]], {}))
    bench.app.open(Target("px/a"))
    bench.work()
    said = [line.strip() for line in bench.text(100, 30).splitlines()[2:4]]
    assert said == ["▲ falling behind the group is 1 min 17 s behind (168 records), falling further behind by 1.2/s", "falls behind by 1.23 records/s"]


PARTITIONS = [("group", "STRING", "NONE"), ("topic", "STRING", "NONE"), ("partition", "INT64", "NONE"), ("lag", "INT64", "NONE"), ("lag_seconds", "FLOAT64", "NONE"), ("status", "STRING", "NONE")]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["billing", "order", 0, 2, 0.5, "OK"], ["billing", "order", 1, 29, 37.0, "OK"]], "● 2 partitions are in order; furthest behind is billing on order-1 by 37.0 s (29 records)."),
        ([["billing", "order", 0, 2, 0.5, "OK"], ["billing", "order", 1, 29, 77.0, "OK"]], "▲ behind billing on order-1 is 1 min 17 s behind (29 records)"),
        ([["billing", "order", 0, 2, 0.5, "OK"]], "● billing on order-0 is in order."),
        # A script about one topic has no column for it.
        ([["billing", "", 0, 2, 0.5, "OK"]], "● billing on partition 0 is in order."),
        ([["billing", "order", 0, 2, 0.5, "OK"], ["billing", "order", 1, 29, 77.0, "STOP"]], "■ stopped billing on order-1 is 1 min 17 s behind (29 records)"),
    ],
)
def test_rows_of_partitions_are_not_groups(rows: list[list[Any]], said: str) -> None:
    bench = Bench(SCRIPTS)
    bench.source.result = result(("Partitions", PARTITIONS, rows, {}))
    bench.app.open(Target("px/a"))
    bench.work()
    assert bench.text(100, 30).splitlines()[2].strip() == said


def test_a_row_in_full_tells_seconds_and_trends_as_the_table_does() -> None:
    bench = groups(["c", "billing", "classic", 168, 77.5, 1.23, None, "WARN", "falls behind"])
    bench.press("enter")
    lines = {line.split()[0]: line.split(None, 1)[1] for line in bench.text(100, 30).splitlines() if len(line.split()) > 1}
    assert (lines["lag_seconds"], lines["trend"], lines["status"]) == ("77.5  1 min 17 s", "1.23  ▲ 1.2/s", "WARN  ▲ falling behind")


def test_hostile_group_names_stay_text() -> None:
    assert all(line.plain.isprintable() for line in groups(["c", "\x1b[2J\x07", "", 1, 9.0, 1.0, None, "ERR", "\x9b31m\n"]).app.frame(100, 30))


@pytest.mark.parametrize(("late", "moves", "word"), [(0.4, -1.0, "● keeps up"), (None, None, "● keeps up"), (500.0, 1.2, "▲ falling behind"), (500.0, -3.0, "▼ catching up"), (500.0, None, "▲ behind")])
def test_who_is_late_does_not_keep_up_whatever_its_commits_look_like(late: float | None, moves: float | None, word: str) -> None:
    shown = groups(["c", "billing", "classic", 36, late, moves, None, "OK", "the lag has gone down"]).text(100, 20)
    assert next(line for line in shown.splitlines() if "▸" in line).removeprefix("▸ ").startswith(word)
    assert ("keeps up" in shown) is (word == "● keeps up")


@pytest.mark.parametrize("spec", [{}, {"@type": KIND + "Table", "gutterColumn": "status"}])
def test_a_small_terminal_begins_with_how_far_behind(spec: dict[str, Any]) -> None:
    # The script's first column is the cluster: it is neither the first shown nor the chosen one.
    rows = [["c", name, "classic", 168.0, 77.5, 1.2, None, "WARN", "falls behind"] for name in ("invoicing", "shipping")]
    lines = groups(*rows, spec=spec).text(60, 14).splitlines()
    at = next(n for n, line in enumerate(lines) if "STATUS" in line)
    assert lines[at].split()[:4] == ["STATUS", "GROUP", "LAG", "SECONDS"] and "CLUSTER" not in lines[at]


def test_the_verdict_comes_first_and_stays_when_one_moves_to_the_side() -> None:
    bench = groups(*[[f"cluster-of-a-long-name-{n}", f"group-{n}", f"kind-{n}", n, float(n), 0.0, None, "OK", f"a reason that is rather long for a column {n}"] for n in range(4)])
    head = bench.text(60, 20).splitlines()
    at = next(n for n, line in enumerate(head) if "STATUS" in line)
    assert head[at].split()[:3] == ["STATUS", "GROUP", "LAG"]
    bench.press("$")
    head = bench.text(60, 20).splitlines()
    at = next(n for n, line in enumerate(head) if "STATUS" in line)
    assert head[at].split()[:2] == ["STATUS", "GROUP"] and "REASON" in head[at] and "LAG" not in head[at]


def test_columns_with_one_value_give_way_and_are_told() -> None:
    bench = groups(*[["cluster-of-a-long-name", f"group-{n}", "classic", n, float(n), 0.1, 5.0, "OK", "x" * 30 + str(n)] for n in range(4)])
    assert "same in all: cluster cluster-of-a-long-name" in bench.text(110, 20) and "CLUSTER" not in bench.text(110, 20)
    bench.press("w")
    assert "CLUSTER" in bench.text(110, 20)
    bench.press("H")
    bench.press("w")
    assert "STATUS" in bench.text(110, 20)


def test_names_lead_to_their_scripts_with_the_time_one_looks_at() -> None:
    bench = groups(["c", "billing", "classic", 1, 1.0, 0.0, None, "OK", ""])
    bench.app.target = Target("px/a", {"start_time": "-1h"})
    bench.press("o")
    assert bench.source.asked[-1] == {"script": "px/kafka_group", "args": {"start_time": "-1h", "group_id": "billing"}}
    assert "a › px/kafka_group" in bench.text()
    # From the group's own page its name leads nowhere.
    bench.press("o")
    assert "no link in this row" in bench.text()
    bench.press("[")
    assert bench.source.asked[-1]["script"] == "px/a"
    bench.press("]")
    assert bench.source.asked[-1]["script"] == "px/kafka_group"


def test_the_palette_takes_a_bare_name_and_completes_it() -> None:
    bench = groups(["c", "billing", "classic", 1, 1.0, 0.0, None, "OK", ""])
    bench.source.names = ["order", "order-dlq", "pay ments"]
    bench.press(":", *"topic ord", "tab")
    assert "tab: order  order-dlq" in bench.text() and "topic" in bench.text()
    bench.press("tab", "tab", "enter")
    assert bench.source.asked[-1] == {"script": "px/kafka_topic", "args": {"start_time": "-5m", "topic": "order-dlq"}}
    bench.press(":", *"topic start_time=-1h order", "enter")
    assert bench.source.asked[-1] == {"script": "px/kafka_topic", "args": {"start_time": "-1h", "topic": "order"}}
    bench.press(":", *"topic a b", "enter")
    assert "'b' is no argument of px/kafka_topic" in bench.text()


def test_the_time_is_chosen_by_key() -> None:
    bench = Bench(SCRIPTS)
    bench.source.result = result(("T", VALUES, ROWS, {}))
    bench.app.open(Target("px/kafka_topic", {"topic": "order"}))
    bench.work()
    bench.press("t", "j", "j", "j", "enter")
    assert bench.source.asked[-1]["args"] == {"start_time": "-1h", "topic": "order"}
    bench.app.open(Target("px/a"))
    bench.work()
    bench.press("t")
    assert "no start_time" in bench.text()


def test_the_mouse_chooses_sorts_opens_and_scrolls() -> None:
    bench = opened(("T", VALUES, ROWS, {}), ("U", VALUES, ROWS[:1], {}))
    lines = bench.text(100, 30).splitlines()
    row = next(n for n, line in enumerate(lines) if "Produce" in line)
    bench.press(f"click@4,{row}")
    assert "▸ Produce" in bench.text(100, 30)
    head = next(n for n, line in enumerate(lines) if "API" in line)
    bench.press(f"click@{lines[head].index('COUNT')},{head}")
    assert "COUNT▼" in bench.text(100, 30)
    bench.press("wheeldown@5,9")
    assert "▸ Metadata" in bench.text(100, 30)
    bench.press(f"click@4,{row - 1}")
    bench.text(100, 30)
    bench.press(f"click@4,{row - 1}")
    assert "n p next row" in bench.text(100, 30)
    bench.press("esc", f"click@{lines[2].index('2 U')},2")
    assert " U: 1 row" in bench.text(100, 30)
    # Clicks beside everything do nothing.
    bench.press("click@99,29", "click@0,0", "click@500,500", "wheelup@500,500")


def test_a_row_in_full_is_searched_as_in_less() -> None:
    rows = [[f"Fetch{n}", '{"topics": [' + ", ".join(f'{{"name": "t{i}"}}' for i in range(60)) + "]}", n, n] for n in range(2)]
    bench = opened(("T", [("api", "STRING", "NONE"), ("resp", "STRING", "NONE"), ("latency", "INT64", "DURATION_NS"), ("count", "INT64", "NONE")], rows, {}))
    bench.press("enter")
    assert '"t55"' not in bench.text()
    bench.press("/", *"T55", "enter")
    assert '"t55"' in bench.text() and "1 line with t55" in bench.text()
    bench.press("esc", "n")
    assert "2 of 2" in bench.text()
    bench.press("esc")
    assert "▸ Fetch1" in bench.text()


def test_topics_and_groups_within_a_body_are_links() -> None:
    bench = Bench(SCRIPTS)
    body_text = '{"group_id": "billing", "topics": [{"name": "order", "partitions": [{"index": 1}]}, {"name": "pay"}]}'
    bench.source.result = result(("T", [("req_cmd", "STRING", "NONE"), ("req_body", "STRING", "NONE"), ("resp", "STRING", "NONE")], [["OffsetCommit", body_text, body_text]], {}))
    bench.app.open(Target("px/a"))
    bench.work()
    bench.press("enter")
    # Each is told once, whatever repeats it.
    assert bench.text(120, 40).count("→ px/kafka_topic topic=order") == 1
    assert "1→ px/kafka_topic topic=order  2→ px/kafka_topic topic=pay  3→ px/kafka_group group_id=billing" in bench.text(120, 40)
    bench.press("3")
    assert bench.source.asked[-1] == {"script": "px/kafka_group", "args": {"start_time": "-5m", "group_id": "billing"}}


LAG = [("time_", "TIME64NS", "TIME_NS"), ("group", "STRING", "NONE"), ("lag", "INT64", "NONE")]
LAG_CHART = {"@type": KIND + "TimeseriesChart", "timeseries": [{"value": "lag", "series": "group"}]}


def test_bins_that_the_window_cuts_are_left_out() -> None:
    rows = [[str(t * 10 * 10**9), "billing", 2 if t == 19 else 100] for t in range(10, 20)]
    assert "  100  max 100" in opened(("C", LAG, rows, LAG_CHART)).text()
    # Samples are whole wherever they end.
    assert "  2  max 100" in opened(("C", LAG, [[str(int(t) + 7), *rest] for t, *rest in rows], LAG_CHART)).text()


def test_few_bins_far_apart_are_no_plateau() -> None:
    text = opened(("C", LAG, [["1764095120000000000", "billing", 5], ["1764095220000000000", "billing", 5]], LAG_CHART)).text(100, 10)
    line = next(line for line in text.splitlines() if line.startswith("▸ billing"))
    assert 5 < line.count("█") < 40


def test_a_chart_tells_its_values_at_a_time() -> None:
    bench = opened(("C", LAG, [[str(t * 10 * 10**9), "billing", t] for t in range(10, 20)], LAG_CHART))
    bench.text()
    bench.press("0")
    assert "← → moves" in bench.text() and "max" not in bench.text()
    bench.press("$")
    assert "max 18" in bench.text()
    bench.press("h", "h", "l", "l")
    assert "max 18" in bench.text()
