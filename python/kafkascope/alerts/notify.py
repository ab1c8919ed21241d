"""Sends events to webhooks and commands, each in a thread of its own: a slow receiver holds up nothing, nor any other."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import os
import queue
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from kafkascope.alerts.engine import Event, as_json
from kafkascope.alerts.rules import Notify

_WAITING = 1_000
_TIMEOUT_S = 10.0
_TRIES = 3
_CLOSE_S = 5.0


@dataclass(eq=False)
class _Receiver:
    """A target with the events that wait for it. What is left at ``until`` (of the monotonic clock) is sent no more."""

    target: Notify
    waiting: queue.SimpleQueue[Event | None] = field(default_factory=queue.SimpleQueue)
    until: float = math.inf
    thread: threading.Thread | None = None


class Notifier:
    """Events wait in a queue of bounded length for each target; ``problems`` counts those that did not arrive, ``last_problem`` says why."""

    def __init__(self, targets: Sequence[Notify], *, pause_s: float = 2.0, timeout_s: float = _TIMEOUT_S) -> None:
        self.sent = 0
        self.problems = 0
        self.last_problem = ""
        self._pause_s = pause_s
        self._timeout_s = timeout_s
        self._counting = threading.Lock()
        self._receivers: list[_Receiver] = []
        self.retarget(targets)

    def retarget(self, targets: Sequence[Notify]) -> None:
        """Other targets from now on. One that stays keeps what waits for it; one that goes is sent what waits, for a few seconds at most."""
        former, self._receivers = self._receivers, []
        for target in targets:
            receiver = next((one for one in former if one.target == target), None)
            if receiver is None:
                receiver = _Receiver(target)
                receiver.thread = threading.Thread(target=self._run, args=(receiver,), name="alerts", daemon=True)
                receiver.thread.start()
            else:
                former.remove(receiver)
            self._receivers.append(receiver)
        for receiver in former:
            receiver.until = time.monotonic() + _CLOSE_S
            receiver.waiting.put(None)

    def send(self, events: Sequence[Event]) -> None:
        """Returns at once."""
        for receiver in self._receivers:
            for event in events:
                if event.severity not in receiver.target.severities:
                    continue
                if receiver.waiting.qsize() < _WAITING:
                    receiver.waiting.put(event)
                else:
                    self._problem(f"{_name(receiver.target)}: more than {_WAITING} events wait")

    def close(self) -> None:
        """Sends what waits, for a few seconds at most; what is left then is a problem."""
        receivers = self._receivers
        self.retarget(())
        end = time.monotonic() + _CLOSE_S
        for receiver in receivers:
            assert receiver.thread is not None
            receiver.thread.join(timeout=max(0.0, end - time.monotonic()))
            if receiver.thread.is_alive():
                self._problem(_late(receiver.target))

    def _run(self, receiver: _Receiver) -> None:
        while (event := receiver.waiting.get()) is not None:
            if time.monotonic() < receiver.until:
                self._deliver(receiver.target, json.dumps(as_json(event)).encode())
            else:
                self._problem(_late(receiver.target))

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


def _late(target: Notify) -> str:
    return f"{_name(target)}: did not take everything within {_CLOSE_S:g} s of the end"
