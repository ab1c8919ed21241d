"""The agent's own health over HTTP: for probes of its pod and for Prometheus."""

from __future__ import annotations

import itertools
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kafkascope.agent.agent import Agent

#: A round takes 50 ms; one that takes longer than this hangs.
_HANGS_S = 30.0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    agent: Agent


class _Handler(BaseHTTPRequestHandler):
    timeout = 10
    server_version = "kafkascope-agent"
    sys_version = ""

    def do_GET(self) -> None:
        agent: Agent = self.server.agent  # type: ignore[attr-defined]
        hangs = time.monotonic() - agent.alive_s > _HANGS_S
        if self.path == "/healthz":
            self._answer(503 if hangs else 200, "hangs\n" if hangs else "ok\n")
        elif self.path == "/readyz":
            # A server that is away is no reason to start an agent again: what it sees waits on disk.
            ready = agent.shipper.connected and not hangs
            self._answer(200 if ready else 503, "ok\n" if ready else f"not connected to the server: {agent.shipper.problem or 'not yet'}\n")
        elif self.path == "/metrics":
            self._answer(200, exposition(agent.counters()))
        else:
            self._answer(404, "one of /healthz, /readyz, /metrics\n")

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Probes come every few seconds; none is worth a line."""


def exposition(counters: dict[str, float]) -> str:
    """In Prometheus's text form; a counter's name may end with its labels."""
    lines: list[str] = []
    for family, some in itertools.groupby(sorted(counters.items()), lambda counter: counter[0].partition("{")[0]):
        lines.append(f"# TYPE kafkascope_agent_{family} {'counter' if family.endswith('_total') else 'gauge'}")
        lines += [f"kafkascope_agent_{name} {int(value) if float(value).is_integer() else value}" for name, value in some]
    return "\n".join(lines) + "\n"


class Health:
    """Answers on ``host:port`` until ``close``. Raises ``OSError`` when that cannot be listened on."""

    def __init__(self, host: str, port: int, agent: Agent) -> None:
        self._server = _Server((host, port), _Handler)
        self._server.agent = agent
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
