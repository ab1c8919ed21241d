"""Who may talk to the server.

A page of another site must not read Kafka's traffic through a user's browser: the Host header is checked (against DNS rebinding), the
Origin header of everything that changes or streams, and a bind beyond loopback needs a token.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Iterable
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kafkascope.server import sessions
from kafkascope.server.limits import Rate

#: No inline script, nothing from elsewhere; styles set by script on elements need 'unsafe-inline' for style only.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_OPENER_POLICY = (b"cross-origin-opener-policy", b"same-origin")
#: Bytes of the login form, which strangers send: a token and a path.
MAX_LOGIN = 16 << 10
#: Answered without a token: health says nothing of Kafka, and who logs in has none yet.
_OPEN_PATHS = ("/healthz", "/readyz", "/login")


def is_loopback(host: str) -> bool:
    """Whether ``host`` (a name or an address, without port) is this machine's loopback."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def new_token() -> str:
    return secrets.token_urlsafe(24)


def _host_of(header: str) -> str:
    return (urlsplit(f"//{header}").hostname or "").lower()


class Guard:
    """ASGI middleware: host, origin and token checks, and security headers on every answer."""

    def __init__(self, app: ASGIApp, allowed_hosts: Iterable[str] = (), token: str | None = None) -> None:
        self.app = app
        self.allowed_hosts = {host.lower() for host in allowed_hosts}
        self.token = token
        #: Guesses of the token: ten at once, then one every six seconds.
        self._logins = Rate(per_second=1 / 6, burst=10)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refuse(scope, headers)
        if refusal is None and self.token is not None and scope["type"] == "http" and scope["path"] == "/login":
            refusal = await self._login(scope, receive)
        if refusal is not None:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 4403, "reason": "refused"})
            else:
                await refusal(scope, receive, _with_headers(scope, send))
            return
        await self.app(scope, receive, _with_headers(scope, send) if scope["type"] == "http" else send)

    def _refuse(self, scope: Scope, headers: Headers) -> Response | None:
        host = _host_of(headers.get("host", ""))
        # With a token a foreign name gains nothing: its pages have neither the token nor this host's cookie.
        if self.token is None and not (is_loopback(host) or host in self.allowed_hosts):
            return _error(421, "argument", f"the server does not answer for host '{host}'", "use the address that px up printed, or name the host with --allow-host")
        origin = headers.get("origin")
        streams_or_changes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
        if origin is not None and streams_or_changes and urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
            return _error(403, "argument", f"requests from pages of '{origin}' are refused", "open Kafkascope's own page")
        if self.token is None or scope["path"] in _OPEN_PATHS:
            return None
        return self._check_token(scope, headers)

    def _check_token(self, scope: Scope, headers: Headers) -> Response | None:
        assert self.token is not None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(given.strip(), self.token):
            return None
        cookie = SimpleCookie(headers.get("cookie", "")).get(sessions.COOKIE)
        if cookie is not None and sessions.holds(cookie.value, self.token):
            return None
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True, max_num_fields=100)
        if scope["type"] == "http" and scope["method"] == "GET" and _same(query.get("token", [""])[0], self.token):
            # The link that px up prints: the token moves into a cookie and out of the address bar.
            rest = urlencode([(name, value) for name, values in query.items() if name != "token" for value in values])
            return self._welcome(scope, sessions.local_path(scope["path"]) + (f"?{rest}" if rest else ""))
        if scope["type"] == "http" and scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            return HTMLResponse(sessions.login_page(sessions.local_path(scope["path"])), 401)
        return _error(401, "argument", "a token is needed", "open the link that px up printed, or send 'Authorization: Bearer TOKEN'")

    def _welcome(self, scope: Scope, path: str) -> Response:
        assert self.token is not None
        answer = RedirectResponse(path, 303)
        answer.set_cookie(sessions.COOKIE, sessions.issue(self.token), max_age=sessions.LIFETIME_S, httponly=True, samesite="strict", secure=scope.get("scheme") == "https")
        return answer

    async def _login(self, scope: Scope, receive: Receive) -> Response:
        assert self.token is not None
        if scope["method"] != "POST":
            return HTMLResponse(sessions.login_page("/"))
        body = b""
        async for part in Request(scope, receive).stream():
            body += part
            if len(body) > MAX_LOGIN:
                return _error(413, "limit", f"the form is larger than {MAX_LOGIN} bytes", "send token and next")
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
        path = sessions.local_path(fields.get("next", ["/"])[0])
        client = scope.get("client")
        if self._logins.take(client[0] if client else "") > 0:
            return HTMLResponse(sessions.login_page(path, "Too many attempts. Wait a minute."), 429)
        if not _same(fields.get("token", [""])[0].strip(), self.token):
            return HTMLResponse(sessions.login_page(path, "This is not the token."), 401)
        return self._welcome(scope, path)


def _same(given: str, token: str) -> bool:
    """Compared in constant time; as bytes, because text beyond ASCII cannot be."""
    return hmac.compare_digest(given.encode(), token.encode())


def _error(status: int, kind: str, message: str, hint: str) -> JSONResponse:
    return JSONResponse({"error": {"kind": kind, "message": message, "hint": hint}}, status)


def _with_headers(scope: Scope, send: Send) -> Send:
    # Browsers ignore an opener policy that came in the clear from elsewhere, and complain of it on every page.
    trusted = scope.get("scheme") == "https" or is_loopback(_host_of(Headers(scope=scope).get("host", "")))
    headers = [*_HEADERS, _OPENER_POLICY] if trusted else _HEADERS

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *headers]
        await send(message)

    return wrapped
