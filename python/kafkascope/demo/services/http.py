"""A small HTTP server for the services; the standard library's, so that each service starts quickly and stays small."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

MAX_BODY = 64 << 10


class Answer:
    """Status, type, body and where to go next."""

    def __init__(self, body: str | bytes, kind: str = "text/html; charset=utf-8", status: int = 200, location: str | None = None) -> None:
        self.body = body.encode() if isinstance(body, str) else body
        self.kind, self.status, self.location = kind, status, location

    @classmethod
    def json(cls, value: Any, status: int = 200) -> Answer:
        return cls(json.dumps(value), "application/json", status)


#: Takes path, query or form fields; gives an answer.
Route = Callable[[dict[str, str]], Answer]


def serve(routes: dict[tuple[str, str], Route], *, ready: Callable[[], bool], stop: threading.Event) -> None:
    """Answer (method, path) by ``routes`` on ADDRESS:PORT, and on the inherited socket LISTEN_FD, until ``stop`` or SIGTERM."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:
            self._answer("GET", dict((k, v[0]) for k, v in parse_qs(urlsplit(self.path).query).items()))

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if length > MAX_BODY:
                self._send(Answer("too large\n", "text/plain", 413))
                return
            body = self.rfile.read(length).decode("utf-8", "replace")
            if (self.headers.get("Content-Type") or "").startswith("application/json"):
                try:
                    value = json.loads(body)
                except ValueError:
                    self._send(Answer("not JSON\n", "text/plain", 400))
                    return
                fields = {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else {}
            else:
                fields = {k: v[0] for k, v in parse_qs(body).items()}
            self._answer("POST", fields)

        def _answer(self, method: str, fields: dict[str, str]) -> None:
            path = urlsplit(self.path).path
            if path == "/healthz":
                self._send(Answer("ok\n", "text/plain") if ready() else Answer("not ready\n", "text/plain", 503))
                return
            route = routes.get((method, path))
            try:
                self._send(route(fields) if route is not None else Answer("not found\n", "text/plain", 404))
            except Exception as error:
                print(f"{method} {path}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                self._send(Answer("the service failed\n", "text/plain", 502))

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            if answer.location is not None:
                self.send_header("Location", answer.location)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    servers = [ThreadingHTTPServer((os.environ.get("ADDRESS", "127.0.0.1"), int(os.environ["PORT"])), Handler)]
    if os.environ.get("LISTEN_FD"):
        # A socket stays in the network namespace in which it was made: this one is the host's.
        second = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
        second.socket.close()
        second.socket = socket.socket(fileno=int(os.environ["LISTEN_FD"]))
        servers.append(second)
    for server in servers:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while not stop.wait(0.5):
        pass
