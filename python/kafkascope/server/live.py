"""Scripts that run again and again for open pages.

Pages that watch the same script with the same arguments share one run. A page that reads slowly gets the newest result when it is
ready for one; older ones are dropped, so that a slow browser costs no memory here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from kafkascope.server import models
from kafkascope.server.errors import not_in_form
from kafkascope.server.limits import Rate

MIN_INTERVAL_MS = 250
MAX_INTERVAL_MS = 3_600_000
#: Per connection and over all of them; a page needs one.
MAX_WATCHES = 16
MAX_SHARED = 512
#: Open connections, and messages of one of them: a page that is clicked through sends a few a second.
MAX_SOCKETS = 256
MESSAGES_PER_SECOND, MESSAGES_AT_ONCE = 20.0, 200

#: Runs a request; gives "result" or "error", and that as a JSON object.
Runner = Callable[[dict[str, Any]], Awaitable[tuple[str, str]]]


class TooMany(Exception):
    """More live scripts than the server runs."""


@dataclass
class _Shared:
    request: dict[str, Any]
    interval_s: float
    subscribers: dict[int, Callable[[str, str], None]] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None
    last: tuple[str, str] | None = None


class Hub:
    """All running live scripts of a server."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._shared: dict[str, _Shared] = {}
        self._next = 0
        self.sockets = 0

    @property
    def running(self) -> int:
        return len(self._shared)

    def subscribe(self, request: dict[str, Any], interval_ms: int, deliver: Callable[[str, str], None]) -> Callable[[], None]:
        """Deliver (kind, JSON text) now and every ``interval_ms``; returns how to stop."""
        interval = min(max(interval_ms, MIN_INTERVAL_MS), MAX_INTERVAL_MS) / 1000
        key = json.dumps([request, interval], sort_keys=True)
        shared = self._shared.get(key)
        if shared is None:
            if len(self._shared) >= MAX_SHARED:
                raise TooMany(f"{MAX_SHARED} scripts run live already")
            shared = self._shared[key] = _Shared(request, interval)
        self._next += 1
        token = self._next
        shared.subscribers[token] = deliver
        if shared.last is not None:
            deliver(*shared.last)
        if shared.task is None:
            shared.task = asyncio.create_task(self._run(shared))

        def stop() -> None:
            shared.subscribers.pop(token, None)
            if not shared.subscribers:
                self._shared.pop(key, None)
                if shared.task is not None:
                    shared.task.cancel()

        return stop

    async def _run(self, shared: _Shared) -> None:
        """Until the last subscriber stops, who cancels it."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            shared.last = await self._runner(shared.request)
            for deliver in list(shared.subscribers.values()):
                deliver(*shared.last)
            # A script slower than its interval must not take the machine: at least as long a rest as the run.
            spent = loop.time() - began
            await asyncio.sleep(max(shared.interval_s - spent, min(spent, 5.0), 0.05))


@dataclass
class _Watch:
    request: dict[str, Any]
    interval_ms: int
    stop: Callable[[], None] | None = None


async def serve(socket: WebSocket, hub: Hub, max_bytes: int) -> None:
    """Speak the live protocol on one connection until it ends."""
    await socket.accept()
    if hub.sockets >= MAX_SOCKETS:
        await socket.close(1013, f"{MAX_SOCKETS} pages are connected already")
        return
    hub.sockets += 1
    try:
        await _speak(socket, hub, max_bytes)
    finally:
        hub.sockets -= 1


async def _speak(socket: WebSocket, hub: Hub, max_bytes: int) -> None:
    rate = Rate(MESSAGES_PER_SECOND, MESSAGES_AT_ONCE)
    watches: dict[str, _Watch] = {}
    pending: dict[str, tuple[str, str]] = {}
    ready = asyncio.Event()

    def deliver(watch: str, kind: str, text: str) -> None:
        pending[watch] = (kind, text)
        ready.set()

    def start(name: str, watch: _Watch) -> None:
        watch.stop = hub.subscribe(watch.request, watch.interval_ms, lambda kind, text: deliver(name, kind, text))

    async def writer() -> None:
        while True:
            await ready.wait()
            ready.clear()
            for name, (kind, text) in list(pending.items()):
                pending.pop(name, None)
                await socket.send_text(f'{{"type":{json.dumps(kind)},"id":{json.dumps(name)},"{kind}":{text}}}')

    writing = asyncio.create_task(writer())
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                await socket.close(1003, "expected text, found a binary message")
                return
            if len(text) > max_bytes:
                await socket.close(1009, "message too large")
                return
            if rate.take("") > 0:
                await socket.close(1008, "too many messages")
                return
            problem = _handle(text, watches, start, pending)
            if problem is not None:
                await socket.send_text(json.dumps({"type": "error", **problem}))
    except WebSocketDisconnect:
        # It went away while it was answered.
        pass
    finally:
        for watch in watches.values():
            if watch.stop is not None:
                watch.stop()
        writing.cancel()
        with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
            await writing


def _handle(text: str, watches: dict[str, _Watch], start: Callable[[str, _Watch], None], pending: dict[str, Any]) -> dict[str, Any] | None:
    try:
        message = json.loads(text)
        kind, given = message["type"], message["id"]
    except (ValueError, KeyError, TypeError):
        given = None
    if not isinstance(given, str | int):
        return {"id": "", "error": {"kind": "argument", "message": "expected a JSON object with type and id", "hint": 'such as {"type": "run", "id": "1", "script": "px/kafka_overview"}'}}
    name = str(given)
    if kind == "run":
        old = watches.pop(name, None)
        if old is not None and old.stop is not None:
            old.stop()
        pending.pop(name, None)
        if len(watches) >= MAX_WATCHES:
            return {"id": name, "error": {"kind": "limit", "message": f"{MAX_WATCHES} scripts run on this connection already", "hint": "stop one first"}}
        try:
            interval = int(message.get("intervalMs") or 5000)
            asked = models.RunRequest.model_validate({k: message[k] for k in ("script", "pxl", "vis", "args", "until") if message.get(k) is not None})
            watch = _Watch(asked.model_dump(exclude_none=True), interval)
            start(name, watch)
        except ValidationError as error:
            return {"id": name, **not_in_form(error.errors()[0]).body()}
        except TooMany as error:
            return {"id": name, "error": {"kind": "limit", "message": str(error), "hint": "close other pages"}}
        except (TypeError, ValueError, OverflowError):
            return {"id": name, "error": {"kind": "argument", "message": "intervalMs: expected a number of milliseconds", "hint": f"from {MIN_INTERVAL_MS} to {MAX_INTERVAL_MS}"}}
        watches[name] = watch
    elif kind in ("pause", "stop") and name in watches:
        watch = watches[name]
        if watch.stop is not None:
            watch.stop()
            watch.stop = None
        if kind == "stop":
            del watches[name]
    elif kind == "resume" and name in watches:
        if watches[name].stop is None:
            start(name, watches[name])
    else:
        return {"id": name, "error": {"kind": "argument", "message": f"unknown message type or id: {kind} {name}", "hint": "run, pause, resume or stop"}}
    return None
