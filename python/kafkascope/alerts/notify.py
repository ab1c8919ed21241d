"""Sends events to webhooks and commands, in a thread of its own: a slow receiver holds up nothing."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
import urllib.request
from collections.abc import Sequence

from kafkascope.alerts.engine import Event, as_json
from kafkascope.alerts.rules import Notify

_WAITING = 1_000
_TIMEOUT_S = 10.0
_TRIES = 3


class Notifier:
    """Events wait in a queue of bounded length; ``problems`` counts those that did not arrive, ``last_problem`` says why."""

    def __init__(self, targets: Sequence[Notify], *, pause_s: float = 2.0) -> None:
        self.targets = tuple(targets)
        self.sent = 0
        self.problems = 0
        self.last_problem = ""
        self._pause_s = pause_s
        self._waiting: queue.Queue[Event | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)
        if self.targets:
            self._thread.start()

    def send(self, events: Sequence[Event]) -> None:
        """Returns at once."""
        if not self.targets:
            return
        for event in events:
            try:
                self._waiting.put_nowait(event)
            except queue.Full:
                self._problem(f"more than {_WAITING} events wait")

    def close(self) -> None:
        """Sends what waits, for a few seconds at most."""
        if self.targets:
            try:
                self._waiting.put(None, timeout=1)
            except queue.Full:
                return
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while (event := self._waiting.get()) is not None:
            body = json.dumps(as_json(event)).encode()
            for target in self.targets:
                if event.severity in target.severities:
                    self._deliver(target, body)

    def _deliver(self, target: Notify, body: bytes) -> None:
        for attempt in range(_TRIES):
            try:
                _post(target, body) if target.webhook else _run_command(target, body)
                self.sent += 1
                return
            except (OSError, subprocess.SubprocessError, ValueError) as error:
                reason = f"{target.webhook or target.command[0]}: {error}"
                if attempt + 1 < _TRIES:
                    time.sleep(self._pause_s * (attempt + 1))
        self._problem(reason)

    def _problem(self, text: str) -> None:
        self.problems += 1
        self.last_problem = text


def _post(target: Notify, body: bytes) -> None:
    request = urllib.request.Request(target.webhook, body, {"content-type": "application/json", **target.headers}, method="POST")
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
        answer.read(1 << 16)


def _run_command(target: Notify, body: bytes) -> None:
    done = subprocess.run(target.command, input=body, capture_output=True, timeout=_TIMEOUT_S, check=False)
    if done.returncode:
        raise subprocess.SubprocessError(f"ended with {done.returncode}: {done.stderr[-200:].decode('utf-8', 'replace').strip()}")
