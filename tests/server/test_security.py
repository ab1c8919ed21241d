"""Who may talk to the server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from kafkascope.server import sessions
from kafkascope.server.security import CONTENT_SECURITY_POLICY, Guard


async def _page(_request: object) -> PlainTextResponse:
    return PlainTextResponse("page")


def client(*, token: str | None = None, hosts: tuple[str, ...] = ()) -> httpx.AsyncClient:
    routes = [Route("/", _page, methods=["GET", "POST"]), Route("/healthz", _page), Route("/api/run", _page, methods=["POST"])]
    app = Guard(Starlette(routes=routes), allowed_hosts=hosts, token=token)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8765")


async def ask(method: str, path: str, *, token: str | None = None, hosts: tuple[str, ...] = (), **kwargs: object) -> httpx.Response:
    async with client(token=token, hosts=hosts) as http:
        return await http.request(method, path, **kwargs)  # type: ignore[arg-type]


def run(coroutine: object) -> httpx.Response:
    import asyncio

    return asyncio.run(coroutine)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:8765", 200), ("localhost:8765", 200), ("[::1]:8765", 200), ("127.5.5.5", 200), ("evil.example", 421), ("127.0.0.1.evil.example", 421), ("kafka.corp:8765", 421), ("", 421)],
)
def test_a_name_that_only_resolves_here_gets_no_answer(host: str, status: int) -> None:
    assert run(ask("GET", "/", headers={"host": host})).status_code == status


def test_with_a_token_any_name_will_do() -> None:
    assert run(ask("GET", "/", token="secret", headers={"host": "kafka.corp:8765", "authorization": "Bearer secret"})).status_code == 200
    assert run(ask("GET", "/", token="secret", headers={"host": "kafka.corp:8765"})).status_code == 401


def test_an_allowed_host_gets_an_answer() -> None:
    assert run(ask("GET", "/", hosts=("kafka.corp",), headers={"host": "kafka.corp:8765"})).status_code == 200


@pytest.mark.parametrize(("origin", "status"), [(None, 200), ("http://127.0.0.1:8765", 200), ("http://127.0.0.1:9999", 403), ("https://evil.example", 403), ("null", 403)])
def test_another_sites_page_cannot_run_scripts(origin: str | None, status: int) -> None:
    headers = {} if origin is None else {"origin": origin}
    assert run(ask("POST", "/api/run", headers=headers)).status_code == status


@pytest.mark.parametrize(
    ("how", "status"),
    [({}, 401), ({"headers": {"authorization": "Bearer wrong"}}, 401), ({"headers": {"authorization": "Bearer secret"}}, 200), ({"headers": {"cookie": f"kafkascope_session={sessions.issue('secret')}"}}, 200), ({"headers": {"cookie": "kafkascope_session=secret"}}, 401),
     ({"headers": {"cookie": f"kafkascope_session={sessions.issue('other')}"}}, 401), ({"headers": {"authorization": "Bearer sécret".encode()}}, 401),
     ({"headers": {"cookie": "kafkascope_session=no"}}, 401), ({"params": {"token": "no"}}, 401)],
)  # fmt: skip
def test_with_a_token_nothing_is_answered_without_it(how: dict[str, Any], status: int) -> None:
    assert run(ask("GET", "/", token="secret", **how)).status_code == status


def test_the_printed_link_moves_its_token_into_a_cookie() -> None:
    answer = run(ask("GET", "/", token="secret", params={"token": "secret"}))
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    assert "HttpOnly" in answer.headers["set-cookie"] and "samesite=strict" in answer.headers["set-cookie"].lower()


def test_health_needs_no_token() -> None:
    assert run(ask("GET", "/healthz", token="secret")).status_code == 200


def test_every_answer_carries_the_security_headers() -> None:
    for answer in (run(ask("GET", "/")), run(ask("GET", "/", headers={"host": "evil.example"}))):
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "'unsafe-inline'" not in CONTENT_SECURITY_POLICY.split("script-src")[1].split(";")[0]


@pytest.mark.parametrize(("host", "policy"), [("127.0.0.1:8765", "same-origin"), ("[::1]:8765", "same-origin"), ("10.0.0.1:8765", None)])
def test_an_opener_policy_is_sent_where_browsers_take_it(host: str, policy: str | None) -> None:
    assert run(ask("GET", "/healthz", token="secret", headers={"host": host})).headers.get("cross-origin-opener-policy") == policy


def test_a_session_ends_and_does_not_hold_the_token() -> None:
    value = sessions.issue("secret", clock=lambda: 1000.0)
    assert "secret" not in value
    assert sessions.holds(value, "secret", clock=lambda: 1001.0)
    assert not sessions.holds(value, "secret", clock=lambda: 1000.0 + sessions.LIFETIME_S + 1)
    assert not sessions.holds(value, "another", clock=lambda: 1001.0)
    later = f"{int(value.split('.')[0]) + 9}.{value.split('.')[1]}"
    assert not sessions.holds(later, "secret", clock=lambda: 1001.0)


@pytest.mark.parametrize("value", ["", ".", "5.", "x.y", "99999999999999999999.ab", "5.\u00e9", "\u0665.ab"])
def test_a_cookie_that_is_none_is_refused(value: str) -> None:
    assert not sessions.holds(value, "secret")


@pytest.mark.parametrize(
    ("path", "gone_to"),
    [("/script/px/pod?pod=a", "/script/px/pod?pod=a"), ("//evil.example", "/"), ("https://evil.example", "/"), ("/\\evil.example", "/"), ("/a\r\nset-cookie: x=1", "/"), ("", "/")],
)
def test_logging_in_leads_to_this_server_only(path: str, gone_to: str) -> None:
    answer = run(ask("POST", "/login", token="secret", data={"token": "secret", "next": path}))
    assert (answer.status_code, answer.headers["location"]) == (303, gone_to)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "samesite=strict" in cookie.lower() and "Max-Age" in cookie


def test_a_browser_without_a_token_gets_a_form_and_a_program_an_error() -> None:
    page = run(ask("GET", "/script/<b>", token="secret", headers={"accept": "text/html"}))
    assert page.status_code == 401
    assert "<form" in page.text and "<b>" not in page.text
    assert run(ask("GET", "/", token="secret")).json()["error"]["message"] == "a token is needed"


def test_guessing_the_token_is_slow() -> None:
    async def guesses() -> list[int]:
        async with client(token="secret") as http:
            return [(await http.post("/login", data={"token": f"guess {i}"})).status_code for i in range(12)]

    import asyncio

    assert asyncio.run(guesses()) == [401] * 10 + [429] * 2


def test_a_login_form_without_end_is_not_read() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 64:
            sent += 1
            yield b"token=" + b"x" * 4090

    assert run(ask("POST", "/login", token="secret", content=endless())).status_code == 413
    assert sent < 10


def test_another_sites_form_cannot_log_in() -> None:
    assert run(ask("POST", "/login", token="secret", data={"token": "secret"}, headers={"origin": "https://evil.example"})).status_code == 403
