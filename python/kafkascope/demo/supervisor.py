"""Keeps a demo's pods running: ``python -m kafkascope.demo.supervisor NAME PORT``, started by ``px demo deploy``."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import queue
import shutil
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import kafkascope
from kafkascope.demo import jars, network, pods_file
from kafkascope.demo.broker import Broker, settings
from kafkascope.demo.errors import DemoError
from kafkascope.demo.paths import Paths, paths
from kafkascope.demo.plan import MAX_REPLICAS, Demo, Deployment, find, pod_name
from kafkascope.demo.pod import Pod

_PULSE_S = 0.25
_MAX_REQUEST = 4096


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Supervisor:
    """The pods of one demo, and the commands about them."""

    def __init__(self, demo: Demo, where: Paths, front: socket.socket) -> None:
        self.demo, self.where, self.front = demo, where, front
        self.port = int(front.getsockname()[1])
        self.wanted = {d.name: 1 for d in demo.deployments}
        self.pods: list[Pod] = []
        self.orders: queue.Queue[tuple[str, int]] = queue.Queue(16)
        self.stopping = threading.Event()
        self.failure = ""
        self.network: network.Namespaces | network.Loopback = network.Namespaces.create(demo.name) if os.geteuid() == 0 else network.Loopback(demo.name)
        self.broker = ""
        self._published = ""

    def pods_of(self, deployment: str) -> list[Pod]:
        return [pod for pod in self.pods if pod.deployment.name == deployment]

    def _add(self, deployment: Deployment) -> None:
        name = pod_name(self.demo.name, deployment, len(self.pods_of(deployment.name)))
        place = self.network.add(name)
        port = deployment.port if self.network.isolated else free_port()
        fds: tuple[int, ...] = ()
        environment = {"DEMO_LISTEN": f"{place.address}:{port}", "DEMO_BROKER": self.broker, "DEMO_STATE": str(self.where.data), "DEMO_ENDPOINTS": str(self.where.run / "endpoints.json"),
                       "PYTHONPATH": str(Path(kafkascope.__file__).resolve().parent.parent), "PYTHONUNBUFFERED": "1"}  # fmt: skip
        folder = self.where.data
        if deployment.module:
            command = deployment.command()
        else:
            java, folder = jars.java(), self.where.data / name
            broker = Broker(java, jars.ready(self.where.cache), self.where.cache, folder)
            controller = 9093 if self.network.isolated else free_port()
            broker.prepare(settings(host=place.address, advertised=place.address, port=port, controller_port=controller, data=folder / "data"))
            command = broker.command()
            self.broker = f"{place.address}:{port}"
        if deployment.name == self.demo.front:
            fds = (self.front.fileno(),)
            environment["DEMO_LISTEN_FD"] = str(self.front.fileno())
        pod = Pod(name, deployment, place, port, command, environment, self.where.log(name), folder, fds)
        self.pods.append(pod)
        pod.start()

    def _drop(self, pod: Pod) -> None:
        self.pods.remove(pod)
        pod.stop()
        self.network.drop(pod.place)

    def _pulse(self) -> None:
        with suppress(queue.Empty):
            while True:
                name, replicas = self.orders.get_nowait()
                self.wanted[name] = replicas
        for deployment in self.demo.deployments:
            have = self.pods_of(deployment.name)
            ready = all(any(pod.ready for pod in self.pods_of(other)) for other in deployment.after)
            if len(have) < self.wanted[deployment.name] and (ready or have):
                self._add(deployment)
            elif len(have) > self.wanted[deployment.name]:
                self._drop(have[-1])
        for pod in list(self.pods):
            pod.check()
        self._publish()

    def _publish(self) -> None:
        described = pods_file.describe(self.demo, platform.node(), self.pods)
        text = json.dumps(described)
        if text == self._published:
            return
        # Pods that do not answer stay listed: the front counts them as missing rather than forgetting them.
        pods_file.write(self.where.run / "endpoints.json", {d.name: [f"{p.place.address}:{p.port}" for p in self.pods_of(d.name) if p.pid] for d in self.demo.deployments})
        pods_file.write(self.where.pods_file(self.demo.name), described)
        self._published = text

    def status(self) -> dict[str, Any]:
        pods = [{"name": p.name, "deployment": p.deployment.name, "phase": p.phase, "ready": p.ready, "reason": p.reason, "restarts": p.restarts, "pid": p.pid,
                 "address": f"{p.place.address}:{p.port}", "ageS": round(time.time() - p.created), "log": str(p.log)} for p in list(self.pods)]  # fmt: skip
        return {"name": self.demo.name, "isolated": self.network.isolated, "front": f"http://127.0.0.1:{self.port}", "broker": self.broker, "wanted": dict(self.wanted), "pods": pods,
                "ready": all(sum(bool(p["ready"]) for p in pods if p["deployment"] == name) == count == sum(p["deployment"] == name for p in pods)
                             for name, count in list(self.wanted.items()))}  # fmt: skip

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a command of the control socket."""
        match request.get("command"):
            case "status":
                return self.status()
            case "stop":
                self.stopping.set()
                return {"ok": True}
            case "scale":
                deployment, replicas = self.demo.by_name.get(str(request.get("deployment"))), request.get("replicas")
                if deployment is None or not deployment.scalable or not isinstance(replicas, int) or not 1 <= replicas <= MAX_REPLICAS:
                    return {"error": "a scalable deployment and a number of pods were expected"}
                try:
                    self.orders.put_nowait((deployment.name, replicas))
                except queue.Full:
                    return {"error": "too many commands wait; try again"}
                return {"ok": True}
        return {"error": "unknown command"}

    def _listen(self, control: socket.socket) -> None:
        while True:
            connection, _ = control.accept()
            with connection, suppress(OSError, ValueError):
                connection.settimeout(2)
                request = json.loads(connection.makefile("rb").readline(_MAX_REQUEST))
                connection.sendall(json.dumps(self.answer(request)).encode() + b"\n")

    def run(self) -> None:
        """Work until told to stop; afterwards nothing of the demo runs."""
        self.where.control.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as control:
            control.bind(str(self.where.control))
            self.where.control.chmod(0o600)
            control.listen(8)
            threading.Thread(target=self._listen, args=(control,), daemon=True).start()
            try:
                while not self.stopping.is_set():
                    self._pulse()
                    self.stopping.wait(_PULSE_S)
            finally:
                self.close()

    def close(self) -> None:
        # The broker last: consumers want to leave their groups.
        for pod in reversed(self.pods):
            if pod.pid and pod.deployment.module:
                with suppress(ProcessLookupError):
                    os.kill(pod.pid, signal.SIGTERM)
        for pod in list(reversed(self.pods)):
            self._drop(pod)
        self.network.close()
        self.where.pods_file(self.demo.name).unlink(missing_ok=True)
        shutil.rmtree(self.where.data, ignore_errors=True)


def main() -> None:
    demo = find(sys.argv[1])
    where = paths(demo.name)
    where.run.mkdir(parents=True, exist_ok=True)
    where.data.mkdir(parents=True, exist_ok=True)
    with (where.run / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit(f"{demo.name} is running already")
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        # The front inherits this socket, so that it answers on the host from inside its namespace.
        front = socket.socket()
        front.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            front.bind(("127.0.0.1", int(sys.argv[2])))
        except OSError as error:
            sys.exit(f"port {sys.argv[2]} of 127.0.0.1 cannot be used: {error.strerror}")
        front.listen(64)
        try:
            supervisor = Supervisor(demo, where, front)
            signal.signal(signal.SIGTERM, lambda *_: supervisor.stopping.set())
            supervisor.run()
        except DemoError as error:
            sys.exit(f"{error.message}\nhint: {error.hint}")


if __name__ == "__main__":
    main()
