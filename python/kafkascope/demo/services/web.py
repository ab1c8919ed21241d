"""A small HTTP server for the services: routes to functions, JSON and HTML answers, clear errors."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

MAX_BODY = 64 << 10


@dataclass(frozen=True)
class Answer:
    """What a route returns. ``location`` makes it a redirect."""

    body: str = ""
    status: int = 200
    kind: str = "text/html; charset=utf-8"
    location: str = ""


class BadRequest(Exception):
    """The caller's mistake, told to the caller."""


def as_json(value: object, status: int = 200) -> Answer:
    return Answer(json.dumps(value), status, "application/json")


#: A form's or a JSON object's fields.
Route = Callable[[dict[str, Any]], Answer]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    routes: dict[tuple[str, str], Route]


class _Handler(BaseHTTPRequestHandler):
    timeout = 15
    protocol_version = "HTTP/1.1"
    server_version = "demo"

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def log_message(self, format: str, *args: Any) -> None:
        """Requests come several a second; only errors are worth a line."""

    def _fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {key: values[-1] for key, values in parse_qs(urlsplit(self.path).query).items()}
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            raise BadRequest("Content-Length is no number") from None
        if not 0 <= length <= MAX_BODY:
            self.close_connection = True
            raise BadRequest(f"a body of at most {MAX_BODY} bytes was expected")
        try:
            body = self.rfile.read(length).decode()
            if body and "json" in self.headers.get("Content-Type", ""):
                value = json.loads(body)
                if not isinstance(value, dict):
                    raise BadRequest("a JSON object was expected")
                fields.update(value)
            else:
                fields.update({key: values[-1] for key, values in parse_qs(body).items()})
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise BadRequest(f"the body could not be read: {error}") from error
        return fields

    def _serve(self, method: str) -> None:
        route = cast(_Server, self.server).routes.get((method, urlsplit(self.path).path))
        try:
            fields = self._fields()
            answer = route(fields) if route else as_json({"error": "no such page"}, 404)
        except BadRequest as error:
            answer = as_json({"error": str(error)}, 400)
        except Exception as error:
            print(f"{method} {self.path}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            answer = as_json({"error": str(error)}, 503)
        body = answer.body.encode()
        self.send_response(answer.status)
        if answer.location:
            self.send_header("Location", answer.location)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def setting(name: str) -> str:
    """A setting that the supervisor gives in the environment."""
    value = os.environ.get(f"DEMO_{name}")
    if value is None:
        sys.exit(f"DEMO_{name} is not set: the demo's supervisor sets it")
    return value


def serve(routes: dict[tuple[str, str], Route], stopped: threading.Event) -> None:
    """Serve ``routes`` at ``DEMO_LISTEN``, and at the passed socket ``DEMO_LISTEN_FD``, until SIGTERM."""
    host, _, port = setting("LISTEN").rpartition(":")
    servers = [_Server((host, int(port)), _Handler)]
    if os.environ.get("DEMO_LISTEN_FD"):
        extra = _Server(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        extra.socket.close()
        extra.socket = socket.socket(fileno=int(os.environ["DEMO_LISTEN_FD"]))
        servers.append(extra)
    for server in servers:
        server.routes = routes
        threading.Thread(target=server.serve_forever, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    while not stopped.wait(0.5):
        pass
