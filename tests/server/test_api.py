"""The API as a program uses it: shapes as described, errors in one form, limits."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from kafkascope.scripts import Library
from kafkascope.server import app as app_module
from kafkascope.server import layout, live, models
from kafkascope.server.app import MAX_BODY, create_app
from kafkascope.server.limits import MAX_CLIENTS, Rate
from kafkascope.server.service import STATUS_FRESH_S, Service
from kafkascope.store import Store


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    store = Store(None)
    yield Service(store.engine(), Library.load(()), store_stats=store.stats)
    store.close()


@pytest.fixture
def app(service: Service) -> Any:
    return create_app(service)


def ask(app: Any, method: str, path: str, **kwargs: Any) -> httpx.Response:
    async def call() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app, raise_app_exceptions=False), base_url="http://127.0.0.1:8765") as http:
            return await http.request(method, path, **kwargs)

    return asyncio.run(call())


# ---- the description ----


def test_every_call_describes_its_answer_and_its_errors(app: Any) -> None:
    openapi = ask(app, "GET", "/api/openapi.json").json()
    for path, methods in openapi["paths"].items():
        for method, call in methods.items():
            assert call["summary"], (path, method)
            if path.startswith("/api/"):
                assert "$ref" in json.dumps(call["responses"]["200"]["content"]["application/json"]["schema"]), path
                assert any(int(status) >= 400 for status in call["responses"]), path
    shapes = openapi["components"]["schemas"]
    assert {"RunRequest", "RunResult", "ErrorAnswer", "Status", "Entity", "Script"} <= set(shapes)
    assert all(shape.get("description") for name, shape in shapes.items() if hasattr(models, name))
    assert shapes["RunRequest"]["examples"] and shapes["ErrorAnswer"]["examples"]


@pytest.mark.parametrize(
    ("path", "model"),
    [("/api/scripts", models.ScriptSummary), ("/api/scripts/px/kafka_overview", models.Script), ("/api/status", models.Status), ("/api/schema", models.Schema)],
)
def test_answers_have_the_shapes_that_are_described(app: Any, path: str, model: Any) -> None:
    answer = ask(app, "GET", path).json()
    for each in answer if isinstance(answer, list) else [answer]:
        model.model_validate(each)


def test_a_run_has_the_shape_that_is_described(app: Any) -> None:
    answer = ask(app, "POST", "/api/run", json={"script": "px/kafka_topics"})
    assert answer.status_code == 200, answer.text
    assert {table.name for table in models.RunResult.model_validate(answer.json()).tables} >= {"Topics"}


def test_the_readable_description_names_every_call_and_shape(app: Any) -> None:
    page = ask(app, "GET", "/api/docs").text
    for text in ("POST /api/run", "RunRequest", "ErrorAnswer", "kafka_overview"):
        assert text in page
    assert "<script" not in page


# ---- the bytes of a message ----

HEARTBEAT = {"api": "Heartbeat", "apiVersion": 0, "response": True, "body": '{"error_code":27}', "size": 6}


def test_the_bytes_of_a_message_are_told_by_field(app: Any) -> None:
    answer = ask(app, "POST", "/api/layout", json=HEARTBEAT)
    assert answer.status_code == 200, answer.text
    fields = {field.path: (field.type, field.offset, field.length) for field in models.Layout.model_validate(answer.json()).fields}
    assert fields == {"header/correlation_id": ("int32", 0, 4), "/error_code": ("int16", 4, 2)}


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"api": "Hartbeat"}, 400, "Hartbeat"),
        ({"apiVersion": 999}, 400, "version 999"),
        ({"apiVersion": -1}, 400, "apiVersion"),
        ({"apiVersion": 1 << 40}, 400, "apiVersion"),
        ({"body": "[1]"}, 400, "not a JSON object"),
        ({"body": '{"error_code":27} [TRUNCATED]'}, 400, "JSON"),
        ({"body": "x" * (models.MAX_PXL + 1)}, 400, "body"),
        ({"size": -1}, 400, "size"),
        ({"more": 1}, 400, "more"),
    ],
)
def test_a_message_that_cannot_be_laid_out_is_said_why(app: Any, change: dict[str, Any], status: int, says: str) -> None:
    answer = ask(app, "POST", "/api/layout", json={**HEARTBEAT, **change})
    assert answer.status_code == status, answer.text
    error = models.ErrorAnswer.model_validate(answer.json()).error
    assert error.kind == "argument"
    assert says in error.message


def test_more_fields_than_anyone_unfolds_are_cut_and_said_so(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "MAX_FIELDS", 1)
    answer = ask(app, "POST", "/api/layout", json=HEARTBEAT).json()
    assert (len(answer["fields"]), answer["truncated"]) == (1, True)


# ---- errors ----


@pytest.mark.parametrize(
    ("request_", "status", "kind", "says"),
    [
        ({"json": {}}, 400, "argument", "nothing to run"),
        ({"json": {"script": "px/nothing"}}, 404, "not_found", "px/nothing"),
        ({"json": {"script": "px/kafka_overview", "args": {"nonsense": "1"}}}, 400, "argument", "nonsense"),
        ({"json": {"pxl": "import px\npx.display(px.DataFrame('kafka_evnts.beta'))"}}, 400, "script", "kafka_evnts"),
        ({"json": {"script": "px/kafka_overview", "until": -5}}, 400, "argument", "until"),
        ({"json": {"script": "px/kafka_overview", "until": "now"}}, 400, "argument", "until"),
        ({"json": {"script": 5}}, 400, "argument", "script: expected a valid string, found 5"),
        ({"json": {"scrpt": "px/pod"}}, 400, "argument", "no field 'scrpt'"),
        ({"json": {"pxl": "", "vis": []}}, 400, "argument", "vis: expected a valid dictionary, found []"),
        ({"json": {"pxl": "", "vis": {"widgets": 5}}}, 400, "script", "vis spec: widgets is a list"),
        ({"json": ["px/pod"]}, 400, "argument", "a JSON object"),
        ({"content": b'{"script": "px/pod"}', "headers": {"content-type": "text/plain"}}, 400, "argument", "content-type application/json"),
        ({"json": {"script": "x" * 501}}, 400, "argument", "script"),
        ({"json": {"script": "px/pod", "args": {str(i): "" for i in range(201)}}}, 400, "argument", "args"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "argument", "no JSON: expecting property name enclosed in double quotes at character 1"),
        ({"content": b"x" * (MAX_BODY + 1)}, 413, "limit", "larger"),
    ],
)
def test_errors_have_one_form(app: Any, request_: dict[str, Any], status: int, kind: str, says: str) -> None:
    answer = ask(app, "POST", "/api/run", **request_)
    assert answer.status_code == status, answer.text
    error = models.ErrorAnswer.model_validate(answer.json()).error
    assert error.kind == kind
    assert says.lower() in error.message.lower()


def test_an_error_that_repeats_what_was_sent_is_cut(app: Any) -> None:
    answer = ask(app, "POST", "/api/run", json={"pxl": "x" * 100_000})
    assert answer.status_code == 400
    assert len(answer.text) < 5_000 and answer.json()["error"]["message"].endswith("…")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/"])
def test_what_load_balancers_ask_has_a_head(app: Any, path: str) -> None:
    answer = ask(app, "HEAD", path)
    assert answer.status_code == ask(app, "GET", path).status_code
    assert answer.content == b""


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/api/nothing", 404), ("GET", "/api/entities", 400), ("GET", "/api/entities?kind=planet", 400), ("DELETE", "/api/run", 405)])
def test_so_have_those_of_other_calls(app: Any, method: str, path: str, status: int) -> None:
    answer = ask(app, method, path)
    assert answer.status_code == status
    models.ErrorAnswer.model_validate(answer.json())


@pytest.mark.parametrize("path", ["/%00", "/script/px/%00", "/a%0ab", "/..%2f..%2fetc%2fpasswd", "/../../etc/passwd", "/" + "a" * 5000, "/%ff%fe", "/assets/%00", "/assets/../index.html"])
def test_no_path_reaches_beyond_the_page(app: Any, path: str) -> None:
    answer = ask(app, "GET", path)
    assert answer.status_code in (200, 404, 503), answer.text
    assert "root:" not in answer.text


def test_a_file_of_the_page_is_served_by_its_name(service: Service, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>the page</p>")
    (tmp_path / "icon.svg").write_text("<svg/>")
    app = create_app(service, static=tmp_path)
    assert [ask(app, "GET", path).text for path in ("/icon.svg", "/script/px/kafka_data", "/icon.svg/x")] == ["<svg/>", "<p>the page</p>", "<p>the page</p>"]


def test_pages_that_ask_for_the_status_at_once_share_it(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter("12")
    monkeypatch.setattr(service, "_status_now", lambda: {"version": next(answers)})
    monkeypatch.setattr(service, "_status", (float("-inf"), {}))
    with ThreadPoolExecutor(8) as pool:
        assert {answer["version"] for answer in pool.map(lambda _: service.status(), range(50))} == {"1"}
    monkeypatch.setattr(service, "_status", (time.monotonic() - STATUS_FRESH_S, {}))
    assert service.status()["version"] == "2"


def test_a_fault_is_told_without_its_inside(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("secret path /etc")

    monkeypatch.setattr(service, "schema", broken)
    answer = ask(create_app(service), "GET", "/api/schema")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    models.ErrorAnswer.model_validate(answer.json())


def test_a_live_run_that_fails_is_told_to_the_page(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Any) -> None:
        raise RuntimeError("inside")

    monkeypatch.setattr(service, "run", broken)
    kind, text = asyncio.run(create_app(service).state.runs.text({"script": "px/pod"}))
    assert kind == "error"
    assert json.loads(text)["kind"] == "internal"


# ---- limits ----


def test_a_body_of_unannounced_length_ends_at_the_limit(app: Any) -> None:
    async def endless() -> Any:
        for _ in range(MAX_BODY // 65536 + 2):
            yield b" " * 65536

    answer = ask(app, "POST", "/api/run", content=endless(), headers={"content-type": "application/json"})
    assert answer.status_code == 413


def test_a_client_that_asks_too_fast_has_to_wait(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "REQUESTS_AT_ONCE", 3)
    monkeypatch.setattr(app_module, "REQUESTS_PER_SECOND", 0.001)
    limited = create_app(service)
    answers = [ask(limited, "GET", "/api/entities?kind=topic") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].json()["error"]["kind"] == "limit"
    assert ask(limited, "GET", "/api/scripts").status_code == 200, "reading the library costs nothing"


def test_a_rate_comes_back_with_time_and_forgets_silent_clients() -> None:
    now = 0.0
    rate = Rate(per_second=2, burst=2, clock=lambda: now)
    assert [rate.take("a") for _ in range(3)] == [0, 0, 0.5]
    assert rate.take("b") == 0, "each client has its own"
    now = 0.5
    assert rate.take("a") == 0
    for index in range(MAX_CLIENTS + 10):
        rate.take(str(index))
    assert len(rate._clients) == MAX_CLIENTS
    assert rate.refused == 1


def test_a_run_as_of_a_moment_does_not_see_what_came_later(service: Service) -> None:
    seen: list[tuple[str, int | None]] = []

    class Watching:
        def __getattr__(self, name: str) -> Any:
            return getattr(service.engine, name)

        def scan(self, table: str, start: int | None, end: int | None, columns: Any) -> str:
            seen.append((table, end))
            return str(service.engine.scan(table, start, end, columns))

    until = int(time.time() * 1000) - 60_000
    Service(Watching(), service.library).run({"script": "px/kafka_topics", "until": until})
    ends = {end for table, end in seen if not table.startswith("md_")}
    assert ends == {until * 1_000_000 + 1}


@pytest.mark.parametrize(
    ("pxl", "says"),
    [
        ("px.DataFrame('process_stats')", "none reports, as over a packet capture"),
        ("px.DataFrame('conn_stats')", "none reports, as over a packet capture"),
        ("px.DataFrame('kafka_alerts')", "no alert opened or closed"),
        ("px.DataFrame('kafka_fetch')", "no Kafka request was seen"),
    ],
)
def test_an_empty_answer_says_why_by_what_was_asked(app: Any, pxl: str, says: str) -> None:
    answer = ask(app, "POST", "/api/run", json={"pxl": f"import px\npx.display({pxl})"}).json()
    assert [says in message["text"] for message in answer["messages"]] == [True]


# ---- live ----


def handle(text: str) -> dict[str, Any] | None:
    return live._handle(text, {}, lambda _name, _watch: None, {})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "JSON object"),
        ("[]", "JSON object"),
        ('{"type":"run"}', "JSON object"),
        ('{"type":"run","id":"1","script":5}', "script"),
        ('{"type":"run","id":"1","script":"px/a","args":{"a":1}}', "args"),
        ('{"type":"run","id":"1","script":"px/a","intervalMs":"soon"}', "intervalMs"),
        ('{"type":"run","id":"1","script":"px/a","intervalMs":1e999}', "intervalMs"),
        ('{"type":"resume","id":"9"}', "resume 9"),
        ('{"type":"dance","id":"1"}', "dance"),
    ],
)
def test_live_messages_that_are_wrong_are_told_so(text: str, says: str) -> None:
    answer = handle(text)
    assert answer is not None
    assert says in answer["error"]["message"]


class Socket:
    """A browser's end: sends what it is given, takes one message for each ``reads``."""

    def __init__(self, messages: list[str | bytes]) -> None:
        self.messages = messages
        self.sent: list[Any] = []
        self.closed: tuple[int, str] | None = None
        self.may_read = asyncio.Event()

    async def accept(self) -> None: ...

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    async def receive(self) -> dict[str, Any]:
        if self.messages:
            message = self.messages.pop(0)
            return {"type": "websocket.receive", "text" if isinstance(message, str) else "bytes": message}
        await asyncio.sleep(3600)
        raise AssertionError

    async def send_text(self, text: str) -> None:
        await self.may_read.wait()
        self.sent.append(json.loads(text))


def test_a_slow_browser_gets_the_newest_result_and_no_heap_of_old_ones() -> None:
    async def scenario() -> None:
        count = 0

        async def runner(_: dict[str, Any]) -> tuple[str, str]:
            nonlocal count
            count += 1
            return "result", f'{{"n":{count}}}'

        socket = Socket(['{"type":"run","id":"1","script":"px/a","intervalMs":250}'])
        serving = asyncio.create_task(live.serve(socket, live.Hub(runner), MAX_BODY))  # type: ignore[arg-type]
        while count < 5:
            await asyncio.sleep(0.01)
        socket.may_read.set()
        while not socket.sent or socket.sent[-1]["result"]["n"] < 5:
            await asyncio.sleep(0.01)
        serving.cancel()
        # The one that was on its way when the browser stopped reading, and the newest.
        assert len(socket.sent) <= 3

    asyncio.run(scenario())


def test_a_flood_of_messages_ends_the_connection() -> None:
    async def scenario() -> None:
        socket = Socket(['{"type":"stop","id":"1"}'] * (live.MESSAGES_AT_ONCE + 5))
        socket.may_read.set()
        hub = live.Hub(lambda _: asyncio.sleep(0))  # type: ignore[arg-type, return-value]
        await live.serve(socket, hub, MAX_BODY)  # type: ignore[arg-type]
        assert socket.closed == (1008, "too many messages")
        assert hub.sockets == 0

    asyncio.run(scenario())


def test_a_binary_message_ends_the_connection_and_says_why() -> None:
    socket = Socket([b"\x00\xff"])
    asyncio.run(live.serve(socket, live.Hub(lambda _: asyncio.sleep(0)), MAX_BODY))  # type: ignore[arg-type, return-value]
    assert socket.closed == (1003, "expected text, found a binary message")


def test_more_pages_than_the_server_takes_are_told_so() -> None:
    async def scenario() -> None:
        socket = Socket([])
        hub = live.Hub(lambda _: asyncio.sleep(0))  # type: ignore[arg-type, return-value]
        hub.sockets = live.MAX_SOCKETS
        await live.serve(socket, hub, MAX_BODY)  # type: ignore[arg-type]
        assert socket.closed is not None and socket.closed[0] == 1013

    asyncio.run(scenario())
