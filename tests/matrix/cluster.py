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

from toolchain import HERE, cache, compiled, jars, java

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
    """``nodes`` brokers of one version on loopback, numbered from 1. ``start`` them, ``stop`` them, read ``requests``.

    ``controllers`` processes of their own, numbered behind the brokers, are the quorum; without any, broker 1 is the
    controller too. ``{node}`` in one of ``settings`` is the number of the broker or controller. ``plugin`` is a Java
    source of ``brokers/`` that the settings name.
    """

    def __init__(self, version: str, nodes: int, folder: Path, settings: Mapping[str, object] | None = None, *, controllers: int = 0, host: str = "127.0.0.1", plugin: str = "") -> None:
        self.version = version
        self.folder = folder
        self._more = settings or {}
        self._host = host
        self.jars = demo_jars.ready(paths("matrix").cache) if version == demo_jars.VERSION else jars(HERE / "brokers" / version)
        self._classpath = f"{self.jars}/*" + (f":{compiled(f'broker-{version}', self.jars, HERE / 'brokers' / plugin)}" if plugin else "")
        ports = free_ports(nodes + max(controllers, 1))
        self._brokers = dict(enumerate(ports[:nodes], 1))
        self._controllers = dict(enumerate(ports[nodes:], nodes + 1 if controllers else 1))
        #: By number, in the order in which they were started.
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        #: Nanoseconds since the epoch.
        self.stopped_ns = 0
        #: The ports of each that was killed, and when.
        self.killed: list[tuple[int, int]] = []

    @property
    def bootstrap(self) -> str:
        return f"{self._host}:{self._brokers[1]}"

    @property
    def all_ports(self) -> list[int]:
        return [*self._brokers.values(), *self._controllers.values()]

    def _settings(self, node: int) -> dict[str, object]:
        # A listener has its security's name.
        name = self._more.get("inter.broker.listener.name", "PLAINTEXT")
        listeners = {name: self._brokers.get(node), "CONTROLLER": self._controllers.get(node)}
        at = [f"{listener}://{self._host}:{port}" for listener, port in listeners.items() if port]
        return {
            "process.roles": ",".join(self._roles(node)),
            "node.id": node,
            "controller.quorum.voters": ",".join(f"{number}@{self._host}:{port}" for number, port in self._controllers.items()),
            "listeners": ",".join(at),
            **({"advertised.listeners": at[0], "inter.broker.listener.name": name} if node in self._brokers else {}),
            "listener.security.protocol.map": f"{name}:{name},CONTROLLER:PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": "data",
            "num.partitions": 3,
            **SMALL,
            **{key: str(value).replace("{node}", str(node)) for key, value in self._more.items()},
        }

    def _roles(self, node: int) -> list[str]:
        return [role for role, ports in (("broker", self._brokers), ("controller", self._controllers)) if node in ports]

    def _java(self, *more: str) -> list[str]:
        # From 4.0 on, brokers log with Log4j 2.
        old = self.version.startswith("3.")
        logging = f"-Dlog4j.configuration=file:{HERE / 'brokers' / self.version / 'log4j.properties'}" if old else f"-Dlog4j2.configurationFile={HERE / 'brokers/log4j2.properties'}"
        return [java(), *JVM, logging, "-cp", self._classpath, *more]

    def _format(self, node: int, folder: Path, directories: list[str]) -> None:
        """Formatting takes a JVM of its own, and gives the same every time but for ports."""
        template = cache() / "-".join(["formatted", self.version, *self._roles(node), str(node), *directories])
        if not template.exists():
            done = subprocess.run(self._java("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", "server.properties"), cwd=folder, capture_output=True, text=True, timeout=120, check=False)
            if done.returncode != 0:
                raise RuntimeError(f"the data folder could not be formatted: {(done.stdout + done.stderr)[-1000:]}")
            made = template.with_name(f"{template.name}.making")
            shutil.rmtree(made, ignore_errors=True)
            for directory in directories:
                shutil.copytree(folder / directory, made / directory)
            made.rename(template)
        else:
            shutil.copytree(template, folder, dirs_exist_ok=True)

    def start(self) -> None:
        for node in sorted(self._brokers | self._controllers):
            folder = self._folder(node)
            folder.mkdir(parents=True)
            settings = self._settings(node)
            write_properties(folder, settings)
            self._format(node, folder, str(settings["log.dirs"]).split(","))
        # A quorum needs its majority before one of it has started.
        for node in self._controllers:
            self._launch(node)
        for node in self._controllers:
            self._until_started(node)
        for node in sorted(self._brokers.keys() - self._controllers.keys()):
            self._launch(node)
            self._until_started(node)

    def _folder(self, node: int) -> Path:
        return self.folder / f"node{node}"

    def _launch(self, node: int) -> None:
        folder = self._folder(node)
        with (folder / "out.log").open("wb") as out:
            self._running[node] = subprocess.Popen(self._java("kafka.Kafka", "server.properties"), cwd=folder, stdout=out, stderr=subprocess.STDOUT)

    def _until_started(self, node: int) -> None:
        process, log = self._running[node], self._folder(node) / "out.log"
        until = time.monotonic() + _START_S
        while STARTED not in (text := log.read_text(errors="replace")):
            if process.poll() is not None or time.monotonic() > until:
                process.kill()
                raise RuntimeError(f"node {node} of {self.version} did not start: {text[-1500:]}")
            time.sleep(0.1)

    def kill(self, node: int) -> None:
        """It has no time to say anything, nor to log what it has just answered."""
        now = time.time_ns()
        self.killed += [(ports[node], now) for ports in (self._brokers, self._controllers) if node in ports]
        self._running[node].kill()
        self._running[node].wait()

    def restart(self, node: int) -> None:
        self._launch(node)
        self._until_started(node)

    def stop(self) -> None:
        """Brokers before the controllers that they need. What they say after ``stopped_ns`` may be in no log any more."""
        self.stopped_ns = time.time_ns()
        brokers = [process for node, process in self._running.items() if node in self._brokers]
        controllers = [process for node, process in self._running.items() if node not in self._brokers]
        for group in (brokers[::-1], controllers):
            for process in group:
                process.terminate()
            for process in group:
                try:
                    process.wait(25)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def requests(self) -> Iterator[dict[str, Any]]:
        """Every entry of the request logs, as the brokers wrote them; complete once they have stopped."""
        for log in sorted(self.folder.glob("node*/requests.log")):
            for line in log.read_text(encoding="utf-8", errors="strict").splitlines():
                if line.startswith(COMPLETED):
                    yield json.loads(line.removeprefix(COMPLETED))


def environment() -> dict[str, str]:
    return {**os.environ, "NODE_NO_WARNINGS": "1", "PYTHONFAULTHANDLER": "1"}
