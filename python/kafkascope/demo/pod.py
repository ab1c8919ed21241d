"""One pod: a process in its place, started again when it dies, asked whether it is ready."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from kafkascope.children import die_with_parent
from kafkascope.demo.network import Place
from kafkascope.demo.plan import Deployment

_BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
#: A pod that ran this long starts at once when it dies again.
_STEADY_S = 60.0
_MAX_LOG = 8 << 20


@dataclass
class Pod:
    """A pod and its one container."""

    name: str
    deployment: Deployment
    place: Place
    port: int
    command: list[str]
    environment: dict[str, str]
    log: Path
    folder: Path
    pass_fds: tuple[int, ...] = ()
    uid: str = field(default_factory=lambda: str(uuid4()))
    created: float = field(default_factory=time.time)
    started: float | None = None
    process: subprocess.Popen[bytes] | None = None
    ready: bool = False
    restarts: int = 0
    reason: str = ""
    container_id: str = ""
    _deaths: int = 0
    _start_at: float = 0.0

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process is not None and self.process.returncode is None else None

    @property
    def phase(self) -> str:
        return "Pending" if self.started is None else "Running"

    @property
    def container_state(self) -> str:
        return "Running" if self.pid else "Waiting"

    def start(self) -> None:
        """Start the container's process."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > _MAX_LOG:
            self.log.replace(self.log.with_suffix(".old"))
        parent = os.getpid()
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(self.place.command(self.command), cwd=self.folder, env={**os.environ, **self.environment}, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=subprocess.STDOUT, start_new_session=True, pass_fds=self.pass_fds, preexec_fn=lambda: die_with_parent(parent))  # fmt: skip
        self.started = time.time()
        self.container_id = uuid4().hex * 2
        self.reason = ""

    def check(self) -> bool:
        """Notice a death, start again when its time has come, ask for readiness; whether anything changed."""
        before = (self.pid, self.ready, self.reason)
        if self.process is not None and self.process.poll() is not None and self._start_at == 0.0:
            self._deaths = 0 if time.time() - (self.started or 0) > _STEADY_S else self._deaths + 1
            wait = _BACKOFF_S[min(self._deaths, len(_BACKOFF_S) - 1)]
            self._start_at = time.monotonic() + wait
            self.ready = False
            self.reason = "CrashLoopBackOff" if self._deaths > 2 else f"exited with code {self.process.returncode}"
        if self._start_at and time.monotonic() >= self._start_at:
            self._start_at = 0.0
            self.restarts += 1
            self.start()
        elif self.pid:
            self.ready = self._probe()
        return before != (self.pid, self.ready, self.reason)

    def _probe(self) -> bool:
        try:
            if self.deployment.module == "":
                with socket.create_connection((self.place.address, self.port), 1.0):
                    return True
            with urllib.request.urlopen(f"http://{self.place.address}:{self.port}/healthz", timeout=1.0) as answer:
                return bool(answer.status == 200)
        except (OSError, http.client.HTTPException, ValueError):
            return False

    def stop(self, patience_s: float = 8.0) -> None:
        """End the process, politely first."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(patience_s)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
