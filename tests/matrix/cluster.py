"""Real brokers in KRaft mode, one or several in a cluster, each with its request log."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from toolchain import HERE, cache, jars, java

from kafkascope.demo import jars as demo_jars
from kafkascope.demo.broker import JVM, SMALL, STARTED, write_properties
from kafkascope.demo.paths import paths

CLUSTER_ID = "kafkascopeMatrix000000"
_START_S = 150
#: In front of each line's JSON.
COMPLETED = "Completed request:"


def free_ports(n: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports: list[int] = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Cluster:
    """``nodes`` brokers of one version on loopback; the first is the controller too. ``start`` them, ``stop`` them, read ``requests``.

    ``{node}`` in one of ``settings`` is the broker's number, from 1.
    """

    def __init__(self, version: str, nodes: int, folder: Path, settings: Mapping[str, object] | None = None) -> None:
        self.version = version
        self.folder = folder
        self._more = settings or {}
        self.jars = demo_jars.ready(paths("matrix").cache) if version == demo_jars.VERSION else jars(HERE / "brokers" / version)
        *self.ports, self.controller_port = free_ports(nodes + 1)
        self._brokers: list[subprocess.Popen[bytes]] = []
        #: Nanoseconds since the epoch.
        self.stopped_ns = 0
        #: The port of each broker that was killed, and when.
        self.killed: list[tuple[int, int]] = []

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.ports[0]}"

    @property
    def all_ports(self) -> list[int]:
        return [*self.ports, self.controller_port]

    def _settings(self, node: int) -> dict[str, object]:
        first = node == 1
        port = self.ports[node - 1]
        # A listener has its security's name.
        name = self._more.get("inter.broker.listener.name", "PLAINTEXT")
        return {
            "process.roles": "broker,controller" if first else "broker",
            "node.id": node,
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}",
            "listeners": f"{name}://127.0.0.1:{port}" + (f",CONTROLLER://127.0.0.1:{self.controller_port}" if first else ""),
            "advertised.listeners": f"{name}://127.0.0.1:{port}",
            "listener.security.protocol.map": f"{name}:{name},CONTROLLER:PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": name,
            "log.dirs": "data",
            "num.partitions": 3,
            **SMALL,
            **{key: str(value).replace("{node}", str(node)) for key, value in self._more.items()},
        }

    def _java(self, *more: str) -> list[str]:
        # From 4.0 on, brokers log with Log4j 2.
        old = self.version.startswith("3.")
        logging = f"-Dlog4j.configuration=file:{HERE / 'brokers' / self.version / 'log4j.properties'}" if old else f"-Dlog4j2.configurationFile={HERE / 'brokers/log4j2.properties'}"
        return [java(), *JVM, logging, "-cp", f"{self.jars}/*", *more]

    def _format(self, node: int, folder: Path) -> None:
        """Formatting takes a JVM of its own, and gives the same every time but for ports."""
        template = cache() / f"formatted-{self.version}-{node}"
        if not template.exists():
            done = subprocess.run(self._java("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", "server.properties"), cwd=folder, capture_output=True, text=True, timeout=120, check=False)
            if done.returncode != 0:
                raise RuntimeError(f"the data folder could not be formatted: {(done.stdout + done.stderr)[-1000:]}")
            shutil.copytree(folder / "data", template)
        else:
            shutil.copytree(template, folder / "data")

    def start(self) -> None:
        for node in range(1, len(self.ports) + 1):
            folder = self._folder(node)
            folder.mkdir(parents=True)
            write_properties(folder, self._settings(node))
            self._format(node, folder)
            self._brokers.append(self._launch(node))

    def _folder(self, node: int) -> Path:
        return self.folder / f"node{node}"

    def _launch(self, node: int) -> subprocess.Popen[bytes]:
        folder = self._folder(node)
        log = folder / "out.log"
        with log.open("ab") as out:
            before = out.tell()
            broker = subprocess.Popen(self._java("kafka.Kafka", "server.properties"), cwd=folder, stdout=out, stderr=subprocess.STDOUT)
        until = time.monotonic() + _START_S
        while STARTED not in (text := log.read_bytes()[before:].decode(errors="replace")):
            if broker.poll() is not None or time.monotonic() > until:
                broker.kill()
                raise RuntimeError(f"broker {node} of {self.version} did not start: {text[-1500:]}")
            time.sleep(0.1)
        return broker

    def kill(self, node: int) -> None:
        """The broker has no time to say anything, nor to log what it has just answered."""
        self.killed.append((self.ports[node - 1], time.time_ns()))
        self._brokers[node - 1].kill()
        self._brokers[node - 1].wait()

    def restart(self, node: int) -> None:
        self._brokers[node - 1] = self._launch(node)

    @property
    def pids(self) -> list[int]:
        return [broker.pid for broker in self._brokers]

    def stop(self) -> None:
        """What brokers say among themselves after ``stopped_ns`` may be in no log any more."""
        self.stopped_ns = time.time_ns()
        for broker in reversed(self._brokers):
            broker.terminate()
        for broker in reversed(self._brokers):
            try:
                broker.wait(25)
            except subprocess.TimeoutExpired:
                broker.kill()
                broker.wait()

    def requests(self) -> Iterator[dict[str, Any]]:
        """Every entry of the request logs, as the brokers wrote them; complete once they have stopped."""
        for log in sorted(self.folder.glob("node*/requests.log")):
            for line in log.read_text(encoding="utf-8", errors="strict").splitlines():
                if line.startswith(COMPLETED):
                    yield json.loads(line.removeprefix(COMPLETED))


def environment() -> dict[str, str]:
    return {**os.environ, "NODE_NO_WARNINGS": "1"}
