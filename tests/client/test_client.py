"""kafkascope.Client: pxapi's habits, the same answers from a server and from a file, and every failure with its words."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import kafkascope
from kafkascope.client import Client, ClientError, NoServer, PxLError, Row, TableSub

TOPICS = """
import px
df = px.DataFrame('kafka_produce', start_time='-1d')
df.big = df.bytes > 1000
df.mean = df.bytes / 2.0
px.display(df.groupby('topic').agg(requests=('time_', px.count), bytes=('bytes', px.sum)), 'topics')
px.display(df[['time_', 'client_upid', 'topic', 'bytes', 'big', 'mean', 'producer_id']].head(5), 'rows')
"""


def test_results_runs_the_script_and_goes_through_rows(client: Client) -> None:
    found = {row["topic"]: row["requests"] for row in client.prepare_script(TOPICS).results("topics")}
    assert found.keys() >= {"o28", "o39", "op10", "op9"} and all(n > 0 for n in found.values())


def test_values_have_the_types_of_their_columns(client: Client) -> None:
    table = client.prepare_script(TOPICS).tables()["rows"]
    assert [(c.name, c.type, c.semantic_type) for c in table.columns[:4]] == [
        ("time_", "TIME64NS", "TIME_NS"), ("client_upid", "UINT128", "UPID"), ("topic", "STRING", "NONE"), ("bytes", "INT64", "BYTES"),
    ]  # fmt: skip
    row = next(iter(table))
    assert [type(v) for v in row][:6] == [int, str, str, int, bool, float]
    assert row["time_"] > 10**18 and row[3] == row["bytes"] and len(row) == 7


def test_a_row_is_json_as_text_and_a_mapping(client: Client) -> None:
    row = next(iter(client.prepare_script(TOPICS).results("topics")))
    assert json.loads(str(row)) == dict(row)
    assert row == Row({name: place for place, name in enumerate(row.keys())}, tuple(row))
    with pytest.raises(KeyError, match="no column 'topics'; the row has topic, requests, bytes"):
        row["topics"]


def test_not_a_number_is_text_in_a_rows_json() -> None:
    assert str(Row({"a": 0, "b": 1, "c": 2}, (float("nan"), float("-inf"), None))) == '{"a": "nan", "b": "-inf", "c": null}'


def test_callbacks_get_each_row(client: Client) -> None:
    executor = client.prepare_script(TOPICS)
    topics: list[Row] = []
    rows: list[Row] = []
    executor.add_callback("topics", topics.append)
    executor.add_callback("rows", rows.append)
    executor.run()
    assert len(topics) >= 4 and len(rows) == 5


def test_subscriptions_are_async_iterables(client: Client) -> None:
    async def main() -> tuple[list[Row], list[Row]]:
        executor = client.prepare_script(TOPICS)
        one, other = executor.subscribe("topics"), executor.subscribe("rows")

        async def read(sub: TableSub) -> list[Row]:
            return [row async for row in sub]

        first, second, _ = await asyncio.gather(read(one), read(other), executor.run_async())
        return first, second

    topics, rows = asyncio.run(main())
    assert len(topics) >= 4 and len(rows) == 5


def test_all_tables_come_as_subscriptions(client: Client) -> None:
    async def main() -> dict[str, int]:
        executor = client.prepare_script(TOPICS)
        tables = executor.subscribe_all_tables()
        running = asyncio.create_task(executor.run_async())
        found = {sub.table_name: len([row async for row in sub]) async for sub in tables()}
        await running
        return found

    assert asyncio.run(main()).keys() == {"topics", "rows"}


@pytest.mark.parametrize("use", ["results", "callback", "subscribe"])
def test_a_table_that_never_comes(client: Client, use: str) -> None:
    executor = client.prepare_script(TOPICS)
    with pytest.raises(ValueError, match="table 'topcis' did not come; the script gives topics, rows"):
        if use == "results":
            next(executor.results("topcis"))
        elif use == "callback":
            executor.add_callback("topcis", print)
            executor.run()
        else:
            executor.subscribe("topcis")
            executor.run()


def test_an_executor_runs_once_and_a_table_is_subscribed_to_once(client: Client) -> None:
    executor = client.prepare_script(TOPICS)
    executor.subscribe("topics")
    with pytest.raises(ValueError, match="subscribed to already"):
        executor.subscribe("topics")
    executor.run()
    for again in (executor.run, executor.tables, lambda: next(executor.results("topics")), lambda: executor.add_callback("topics", print)):
        with pytest.raises(ValueError, match="ran already"):
            again()


def test_a_failing_run_reaches_those_who_wait_for_rows(client: Client) -> None:
    async def main() -> list[Any]:
        executor = client.prepare_script("import px\npx.display(px.DataFrame('nothing'), 'a')\n")
        sub, tables = executor.subscribe("a"), executor.subscribe_all_tables()

        async def read() -> None:
            async for _ in sub:
                pass

        async def read_all() -> None:
            async for _ in tables():
                pass

        return await asyncio.gather(read(), read_all(), executor.run_async(), return_exceptions=True)

    assert [type(found) for found in asyncio.run(main())] == [PxLError] * 3


def test_a_script_error_has_its_place_and_a_hint(client: Client) -> None:
    with pytest.raises(PxLError) as caught:
        client.prepare_script("import px\ndf = px.DataFrame('kafka_prodce')\npx.display(df)\n").tables()
    assert (caught.value.line, caught.value.column > 0) == (2, True)
    assert "kafka_produce" in caught.value.hint


def test_the_library_runs_by_name_with_arguments(client: Client) -> None:
    results = client.run("px/kafka_overview", topic="o28")
    assert [row["topic_name"] for row in results["kafka_topics_overview"]] == ["o28"]
    assert asyncio.run(client.run_async("px/kafka_overview", topic="o28")).keys() == results.keys()
    assert "px/kafka_overview" in {script["name"] for script in client.scripts()}
    with pytest.raises(KeyError, match="the script gives no table 'topics'"):
        results["topics"]


@pytest.mark.parametrize(
    ("script", "args", "kind", "words"),
    [("px/kafka_overvie", {}, "not_found", "px/kafka_overview"), ("px/kafka_overview", {"tpic": "x"}, "argument", "topic")],
)
def test_wrong_names_are_told_with_the_nearest(client: Client, script: str, args: dict[str, Any], kind: str, words: str) -> None:
    with pytest.raises(ClientError) as caught:
        client.run(script, **args)
    assert caught.value.kind == kind and words in str(caught.value)


def test_a_script_with_a_vis_spec_runs_its_functions(client: Client) -> None:
    text = "import px\ndef f(start_time: str, least: int):\n    df = px.DataFrame('kafka_produce', start_time=start_time)\n    return df[df.bytes > least][['topic']]\n"
    vis = {"variables": [{"name": "start_time", "type": "PX_STRING"}, {"name": "least", "type": "PX_INT64", "defaultValue": "0"}],
           "widgets": [{"name": "out", "displaySpec": {"@type": "types.px.dev/px.vispb.Table"}, "func": {"name": "f", "args": [{"name": "start_time", "variable": "start_time"}, {"name": "least", "variable": "least"}]}}]}  # fmt: skip
    assert len(client.prepare_script(text, vis=vis, args={"start_time": "-1d"}).tables()["out"]) > 0
    assert len(client.prepare_script(text, vis=vis, args={"start_time": "-1d", "least": 10**9}).tables()["out"]) == 0


def test_a_vis_spec_that_is_none_is_refused(client: Client) -> None:
    with pytest.raises(PxLError, match=r"vis spec: widgets\[0\] 'out': what it shows is missing"):
        client.prepare_script("import px\n", vis={"widgets": [{"name": "out"}]}).tables()


def test_watch_runs_again_and_again(client: Client) -> None:
    watching = client.watch("px/kafka_overview", interval_s=0.01)
    assert next(watching).keys() == next(watching).keys()

    async def main() -> int:
        count = 0
        async for _ in client.watch_async("px/kafka_overview", interval_s=0.01):
            count += 1
            if count == 2:
                break
        return count

    assert asyncio.run(main()) == 2


def test_arrow_has_times_as_timestamps_or_plain(client: Client) -> None:
    table = client.prepare_script(TOPICS).tables()["rows"]
    assert table.to_arrow().schema.field("time_").type == pa.timestamp("ns", "UTC")
    plain = table.to_arrow(timestamps=False)
    assert plain.schema.types == [pa.int64(), pa.string(), pa.string(), pa.int64(), pa.bool_(), pa.float64(), pa.int64()]
    assert table.to_arrow().column("time_").cast(pa.int64()).to_pylist() == plain.column("time_").to_pylist()


def test_polars(client: Client) -> None:
    pytest.importorskip("polars", reason="to_polars needs polars, which is optional")
    frame = client.prepare_script(TOPICS).tables()["rows"].to_polars()
    assert frame.shape == (5, 7) and str(frame.schema["time_"]) == "Datetime(time_unit='ns', time_zone='UTC')"


def test_pandas(client: Client) -> None:
    pytest.importorskip("pandas", reason="to_pandas needs pandas, which is optional")
    text = "import px\ndf = px.DataFrame('kafka_produce', start_time='-1d')\npx.display(df[['time_', 'acks', 'transactional_id', 'error_code']], 'rows')\n"
    table = client.prepare_script(text).tables()["rows"]
    frame = table.to_pandas()
    assert list(frame.columns) == ["time_", "acks", "transactional_id", "error_code"] and len(frame) == len(table)
    assert str(frame["time_"].dtype) == "datetime64[ns, UTC]" and frame["acks"].dtype == "int64"


@pytest.mark.parametrize("library", ["polars", "pandas"])
def test_a_library_that_is_not_there_is_named(client: Client, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=f"needs {library}, which is not installed: pip install {library}"):
        getattr(client.prepare_script(TOPICS).tables()["topics"], f"to_{library}")()


# ---- connecting ----


def test_pxapis_way_to_a_connection(client: Client) -> None:
    (cluster,) = client.list_healthy_clusters()
    assert client.connect_to_cluster(cluster) is client and client.connect_to_cluster(cluster.id) is client
    assert client.name() == cluster.name()
    with pytest.raises(ValueError, match="no cluster 'other'"):
        client.connect_to_cluster("other")


def test_nothing_listens() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(NoServer, match=f"no Kafkascope server at http://127.0.0.1:{port}.*px up"):
            Client(server_url=f"http://127.0.0.1:{port}").scripts()


@pytest.mark.parametrize("status", [200, 404])
def test_another_server_is_not_mistaken_for_this_one(status: int) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with pytest.raises(NoServer, match="no Arrow stream" if status == 200 else "answered 404"):
            Client(server_url=f"http://127.0.0.1:{server.server_port}").run("px/kafka_overview")
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"token": "http://localhost:8765"}, ValueError, "server_url='http://localhost:8765'"),
        ({"server_url": "localhost:8765"}, ValueError, "expected an address such as http://"),
        ({"server_url": "http://a", "capture": "x.pcap"}, ValueError, "expected one of server_url, capture and data"),
        ({"scripts": ["x"]}, ValueError, "a server has its own"),
        ({"capture": "nothing.pcap"}, FileNotFoundError, "no such file: nothing.pcap"),
        ({"capture": __file__}, ClientError, "no packet capture"),
        ({"data": "/nothing/here"}, FileNotFoundError, "no such folder"),
    ],
    ids=lambda value: "" if not isinstance(value, dict) else ",".join(value),
)
def test_what_a_client_cannot_be_made_of(arguments: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Client(**arguments)


def test_the_server_of_the_configuration_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKASCOPE_SERVER", "http://configured:1/")
    assert kafkascope.Client().name() == "http://configured:1"


def test_a_stores_folder(tmp_path: Any) -> None:
    from kafkascope.agent import captures
    from kafkascope.store import Store

    loaded = captures.load([str(Path(__file__).resolve().parents[2] / "captures" / "kafka-3.9.pcap.gz")])
    rows = loaded.store.observed["kafka_produce"].snapshot(None, None)
    with Store(tmp_path / "data", retention_age_s=1e9) as store:
        for batch in rows.hot.to_batches():
            store.append("kafka_produce", batch)
    rows.release()
    loaded.store.close()
    with Client(data=tmp_path / "data") as client:
        text = "import px\npx.display(px.DataFrame('kafka_produce', start_time='-90000d').agg(n=('time_', px.count)), 'n')\n"
        assert [row["n"] for row in client.prepare_script(text).results("n")] == [rows.hot.num_rows]
