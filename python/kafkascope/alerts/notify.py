"""Sends events to webhooks and commands, each in a thread of its own: a slow receiver holds up nothing, nor any other."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import queue
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any, NoReturn

from kafkascope.alerts.engine import Event, as_json
from kafkascope.alerts.rules import Notify

_WAITING = 1_000
_TIMEOUT_S = 10.0
_TRIES = 3
_CLOSE_S = 5.0


class Notifier:
    """Events wait in a queue of bounded length for each target; ``problems`` counts those that did not arrive, ``last_problem`` says why."""

    def __init__(self, targets: Sequence[Notify], *, pause_s: float = 2.0, timeout_s: float = _TIMEOUT_S) -> None:
        self.targets = tuple(targets)
        self.sent = 0
        self.problems = 0
        self.last_problem = ""
        self._pause_s = pause_s
        self._timeout_s = timeout_s
        self._counting = threading.Lock()
        self._queues: list[queue.Queue[Event | None]] = [queue.Queue(_WAITING) for _ in self.targets]
        self._threads = [threading.Thread(target=self._run, args=pair, name="alerts", daemon=True) for pair in zip(self.targets, self._queues, strict=True)]
        for thread in self._threads:
            thread.start()

    def send(self, events: Sequence[Event]) -> None:
        """Returns at once."""
        for target, waiting in zip(self.targets, self._queues, strict=True):
            for event in events:
                if event.severity not in target.severities:
                    continue
                try:
                    waiting.put_nowait(event)
                except queue.Full:
                    self._problem(f"{_name(target)}: more than {_WAITING} events wait")

    def close(self) -> None:
        """Sends what waits, for a few seconds at most; what is left then is a problem."""
        for waiting in self._queues:
            # Where the queue is full, the target does not keep up anyway.
            with contextlib.suppress(queue.Full):
                waiting.put_nowait(None)
        end = time.monotonic() + _CLOSE_S
        for target, thread in zip(self.targets, self._threads, strict=True):
            thread.join(timeout=max(0.0, end - time.monotonic()))
            if thread.is_alive():
                self._problem(f"{_name(target)}: did not take everything within {_CLOSE_S:g} s of the end")

    def _run(self, target: Notify, waiting: queue.Queue[Event | None]) -> None:
        while (event := waiting.get()) is not None:
            self._deliver(target, json.dumps(as_json(event)).encode())

    def _deliver(self, target: Notify, body: bytes) -> None:
        for attempt in range(_TRIES):
            try:
                _post(target, body, self._timeout_s) if target.webhook else _run_command(target, body, self._timeout_s)
            except (OSError, http.client.HTTPException, subprocess.SubprocessError, ValueError) as error:
                reason = f"{_name(target)}: {error}"
                if attempt + 1 < _TRIES:
                    time.sleep(self._pause_s * (attempt + 1))
            else:
                with self._counting:
                    self.sent += 1
                return
        self._problem(reason)

    def _problem(self, text: str) -> None:
        with self._counting:
            self.problems += 1
            self.last_problem = text


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET without the event, whose answer looks like success."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> NoReturn:
        raise urllib.error.HTTPError(req.full_url, code, f"redirects to {newurl}: name that in the rules", headers, fp)


_OPENER = urllib.request.build_opener(_NoRedirects)


def _post(target: Notify, body: bytes, timeout_s: float) -> None:
    request = urllib.request.Request(target.webhook, body, {"content-type": "application/json", **target.headers}, method="POST")
    try:
        # The status says all; an answer without end is not waited for.
        _OPENER.open(request, timeout=timeout_s).close()
    except urllib.error.HTTPError as error:
        error.close()
        raise


def _run_command(target: Notify, body: bytes, timeout_s: float) -> None:
    with subprocess.Popen(target.command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True) as process:
        try:
            _, said = process.communicate(body, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            # With what it started: a hanging child would be one more for every event.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise subprocess.SubprocessError(f"did not end within {timeout_s:g} s and was killed") from None
    if process.returncode:
        raise subprocess.SubprocessError(f"ended with {process.returncode}: {said[-200:].decode('utf-8', 'replace').strip()}")


def _name(target: Notify) -> str:
    return target.webhook or target.command[0]
