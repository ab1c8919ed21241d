"""The processes of one machine under ``px up``: the agent (privileged) and the server with the page (unprivileged), started, watched and ended together."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import click

from kafkascope.children import die_with_parent
from kafkascope.cli.client import RECORDED
from kafkascope.cli.errors import FAILED, CommandError
from kafkascope.config import Config
from kafkascope.server import privileges

PACKAGE = Path(__file__).resolve().parents[1]
SERVER_START_S = 30.0
AGENT_GRACE_S = 3.0
#: An agent that dies again and again is started less and less often.
MAX_BACKOFF_S = 30.0
#: Keys that the server is told; its own files and variables do not matter then.
SERVER_KEYS = (
    "server.allow_host", "server.query_timeout", "server.max_rows", "store.memory_limit", "store.retention_bytes", "store.retention_age",
    "store.table_retention_bytes", "store.table_retention_age", "store.min_free_bytes",
    "kubernetes.kubernetes", "kubernetes.kubeconfig", "kubernetes.context",
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What ``px up`` decided on, beside the configuration: the captures it serves, or the folder it stores in (``None``: in memory)."""

    config: Config
    source: str
    data: str | None
    token: str | None
    demo: str | None
    captures: tuple[str, ...] = ()


@dataclass
class Machine:
    """The two processes, and the folder they meet in."""

    settings: Settings
    listener: socket.socket
    server: subprocess.Popen[bytes] | None = None
    agent: subprocess.Popen[bytes] | None = None
    stopping: bool = False
    _folder: Path | None = None
    _backoff_s: float = 1.0
    _agent_started: float = 0.0
    _handlers: dict[int, object] = field(default_factory=dict)

    def __enter__(self) -> Machine:
        base = Path("/run/kafkascope") if os.geteuid() == 0 else Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
        base.mkdir(parents=True, exist_ok=True)
        _remove_left(base)
        self._folder = Path(tempfile.mkdtemp(prefix=f"up-{os.getpid()}-", dir=base))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._handlers[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self.agent, self.server):
            _end(process)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self.stopping = True

    @property
    def url(self) -> str:
        address, port = self.listener.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        if self.settings.config["server.host"] == "localhost":
            shown = "localhost"
        elif address in ("0.0.0.0", "::"):
            shown = socket.gethostname()
        token = f"?token={self.settings.token}" if self.settings.token else ""
        return f"http://{shown}:{port}/{token}"

    def run(self) -> None:
        """Start both, say where the page is, and watch them until a signal comes."""
        self._start_server()
        if self.settings.source != "none":
            self._start_agent()
            self._agent_first_seconds()
        if self.stopping:
            return
        click.echo(f"Kafkascope is at {self.url}   (Ctrl-C ends it)")
        if self.settings.demo:
            base = self.url.split("?")[0]
            # A recording knows no namespaces.
            place = "" if self.settings.captures else f"?namespace={self.settings.demo}"
            click.echo(f"Walk: {base}script/px/kafka_overview{place}   (docs/tutorial.md tells the way)")
        sys.stdout.flush()
        while not self.stopping:
            assert self.server is not None
            if self.server.poll() is not None:
                raise CommandError(f"the server ended with code {self.server.returncode}", "its last lines are above", FAILED)
            if self.agent is not None and self.agent.poll() is not None and not self.stopping:
                self._restart_agent()
            time.sleep(0.2)
        click.echo("stopping", err=True)

    def _start_server(self) -> None:
        assert self._folder is not None
        folders = self.settings.config["server.scripts"]
        libraries = [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
        user = privileges.choose(PACKAGE, *libraries, *(Path(name).resolve() for name in (*folders, *self.settings.captures)))
        ready_read, ready_write = os.pipe()
        command = [sys.executable, "-m", "kafkascope.server.main", "--fd", str(self.listener.fileno()), "--ready-fd", str(ready_write),
                   "--ingest-socket", str(self._folder / "ingest.sock"), "--source", RECORDED if self.settings.captures else self.settings.source,
                   "--config", "", *self.settings.config.flags(*SERVER_KEYS)]  # fmt: skip
        if self.settings.data is not None:
            command += ["--data", str(_own_folder(Path(self.settings.data), user))]
        for file in self.settings.captures:
            command += ["--capture", file]
        for folder in folders:
            command += ["--scripts", str(Path(folder).resolve())]
        if user is not None:
            os.chown(self._folder, user.uid, user.gid)
            command += ["--user", f"{user.uid}:{user.gid}"]
        environment = dict(os.environ)
        if self.settings.token:
            environment["KAFKASCOPE_TOKEN"] = self.settings.token
        parent = os.getpid()
        self.server = subprocess.Popen(command, env=environment, pass_fds=(self.listener.fileno(), ready_write), stdin=subprocess.DEVNULL,
                                       start_new_session=True, preexec_fn=lambda: die_with_parent(parent))  # fmt: skip
        os.close(ready_write)
        try:
            self._wait_ready(ready_read)
        finally:
            os.close(ready_read)

    def _wait_ready(self, ready: int) -> None:
        assert self.server is not None
        deadline = time.monotonic() + SERVER_START_S
        while time.monotonic() < deadline and not self.stopping:
            if select.select([ready], [], [], 0.1)[0]:
                if os.read(ready, 1):
                    return
                raise CommandError(f"the server did not start (code {self.server.wait(5)})", "its last lines are above", FAILED)
        if not self.stopping:
            raise CommandError(f"the server was not ready within {SERVER_START_S:.0f} s", "its last lines are above", FAILED)

    def _start_agent(self) -> None:
        assert self._folder is not None
        command = [sys.executable, "-m", "kafkascope.agent", "--server-socket", str(self._folder / "ingest.sock"), "--source", self.settings.source,
                   "--asid", "1", "--log", "text" if sys.stderr.isatty() else "json",
                   "--config", "", *self.settings.config.flags("agent.ring_size", "agent.records_per_s", "kubernetes.kubernetes", "kubernetes.kubeconfig", "kubernetes.context", "kubernetes.node")]  # fmt: skip
        parent = os.getpid()
        self._agent_started = time.monotonic()
        self.agent = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=lambda: die_with_parent(parent))

    def _agent_first_seconds(self) -> None:
        """An agent that cannot capture at all says so within its first moments: then nothing is left running."""
        assert self.agent is not None
        until = time.monotonic() + AGENT_GRACE_S
        while time.monotonic() < until and not self.stopping:
            if self.agent.poll() is not None:
                raise CommandError("the agent could not capture; its reason is above", "run as root, see `px doctor`, or read a file: px run SCRIPT --capture FILE", FAILED)
            if (self._folder or Path()).joinpath("agent.ready").exists():
                return
            time.sleep(0.05)

    def _restart_agent(self) -> None:
        assert self.agent is not None
        if time.monotonic() - self._agent_started > 60:
            self._backoff_s = 1.0
        click.echo(f"px: the agent ended with code {self.agent.returncode}; starting it again in {self._backoff_s:.0f} s", err=True)
        until = time.monotonic() + self._backoff_s
        while time.monotonic() < until and not self.stopping:
            time.sleep(0.1)
        self._backoff_s = min(self._backoff_s * 2, MAX_BACKOFF_S)
        if not self.stopping:
            self._start_agent()


def _remove_left(base: Path) -> None:
    """Remove the folders of killed ones: their names carry the process id."""
    for folder in base.glob("up-*-*"):
        pid = folder.name.split("-")[1]
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _own_folder(folder: Path, user: privileges.User | None) -> Path:
    """Make the store's folder and give it, with what is in it, to the server's user."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if user is not None:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, user.uid, user.gid, follow_symlinks=False)
    except OSError as error:
        raise CommandError(f"the store's folder {folder} cannot be used: {error.strerror}", "give another with --data, or --no-data", FAILED) from error
    return folder.resolve()


def _end(process: subprocess.Popen[bytes] | None, patience_s: float = 5.0) -> None:
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
