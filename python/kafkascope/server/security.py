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
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "kafkascope_session"
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
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_OPEN_PATHS = ("/healthz", "/readyz")


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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refuse(scope, headers)
        if refusal is not None:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 4403, "reason": "refused"})
            else:
                await refusal(scope, receive, _with_headers(send))
            return
        await self.app(scope, receive, _with_headers(send) if scope["type"] == "http" else send)

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
        if scheme.lower() == "bearer" and hmac.compare_digest(given.strip(), self.token):
            return None
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        if cookie is not None and hmac.compare_digest(cookie.value, self.token):
            return None
        query = dict(part.partition("=")[::2] for part in scope.get("query_string", b"").decode("latin-1").split("&"))
        if scope["type"] == "http" and scope["method"] == "GET" and hmac.compare_digest(query.get("token", ""), self.token):
            # The link that px up prints: the token moves into a cookie and out of the address bar.
            answer = RedirectResponse(scope["path"], 303)
            answer.set_cookie(COOKIE, self.token, httponly=True, samesite="strict")
            return answer
        return _error(401, "argument", "a token is needed", "open the link that px up printed, or send 'Authorization: Bearer TOKEN'")


def _error(status: int, kind: str, message: str, hint: str) -> JSONResponse:
    return JSONResponse({"error": {"kind": kind, "message": message, "hint": hint}}, status)


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *_HEADERS]
        await send(message)

    return wrapped
