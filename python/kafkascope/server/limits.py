"""How much one client may ask for."""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kafkascope.server.errors import ApiError

#: Clients whose rate is remembered; of more, the one that was silent longest is forgotten.
MAX_CLIENTS = 1024


class Rate:
    """Tokens that come back with time: ``burst`` at once, ``per_second`` in the long run, for each client."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second, self.burst = per_second, burst
        self.refused = 0
        self._clock = clock
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> float:
        """Seconds to wait before the client may ask; 0 when it may now, which counts."""
        now = self._clock()
        tokens, then = self._clients.pop(client, (float(self.burst), now))
        tokens = min(tokens + (now - then) * self.per_second, float(self.burst))
        allowed = tokens >= 1
        self._clients[client] = (tokens - 1 if allowed else tokens, now)
        if len(self._clients) > MAX_CLIENTS:
            self._clients.popitem(last=False)
        if allowed:
            return 0.0
        self.refused += 1
        return (1 - tokens) / self.per_second

    def check(self, client: str) -> None:
        """Raise ``ApiError`` (429) when the client has to wait."""
        wait = self.take(client)
        if wait > 0:
            raise ApiError("limit", "too many requests", f"try again in {max(wait, 0.1):.1f} s", status=429)


class _TooLarge(Exception):
    pass


class BodyLimit:
    """ASGI middleware: a request's body ends at ``most`` bytes, whether its length was announced or not."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app, self.most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > self.most:
            await self._refuse(scope, receive, send)
            return
        seen, answered = 0, False

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.most:
                raise _TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal answered
            # What the application makes of a body that was cut is not the answer.
            if seen <= self.most or answered:
                answered = True
                await send(message)

        with contextlib.suppress(_TooLarge):
            await self.app(scope, counted, watched)
        if seen > self.most and not answered:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = ApiError("limit", f"the request is larger than {self.most >> 20} MiB", "no script with its vis spec and arguments is that long", status=413)
        await JSONResponse(error.body(), 413)(scope, receive, send)
