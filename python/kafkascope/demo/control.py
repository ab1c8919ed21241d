"""What ``px demo`` does with a demo: deploy, ask, scale, delete."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import kafkascope
from kafkascope.demo import jars, network
from kafkascope.demo.broker import Broker, settings
from kafkascope.demo.errors import DemoError
from kafkascope.demo.paths import Paths, paths
from kafkascope.demo.plan import MAX_REPLICAS, Demo
from kafkascope.demo.supervisor import free_port

_DEPLOY_S = 240.0
_SCALE_S = 120.0
Say = Callable[[str], None]


def ask(where: Paths, **request: object) -> dict[str, Any] | None:
    """The supervisor's answer; None when none runs."""
    try:
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(5)
            control.connect(str(where.control))
            control.sendall(json.dumps(request).encode() + b"\n")
            answer: dict[str, Any] = json.loads(control.makefile("rb").readline())
            return answer
    except (OSError, ValueError):
        return None


def status(demo: Demo) -> dict[str, Any]:
    """State of a running demo. Raises ``DemoError`` when it does not run."""
    told = ask(paths(demo.name), command="status")
    if told is None:
        raise DemoError(f"{demo.name} is not running", f"px demo deploy {demo.name}", 3)
    return told


def runs(demo: Demo) -> bool:
    """Whether the demo runs on this host, or something of it was left."""
    return paths(demo.name).run.exists()


def _holder(where: Paths) -> int | None:
    """The supervisor's process id, when one lives."""
    try:
        with (where.run / "lock").open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return int(lock.read() or 0) or None
    except (OSError, ValueError):
        return None
    return None


def _tail(path: Path, lines: int = 8) -> str:
    with suppress(OSError):
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    return ""


def deploy(demo: Demo, port: int, say: Say) -> dict[str, Any]:
    """Start a demo and wait until all its pods are ready; a failed start leaves nothing behind."""
    where = paths(demo.name)
    told = ask(where, command="status")
    if told is None:
        delete(demo)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise DemoError(f"port {port} of 127.0.0.1 cannot be used: {error.strerror}", "choose another one with --port") from error
        say("the broker's jars")
        java = jars.java()
        folder = jars.ready(where.cache)
        say("the broker's class-data archive (once)")
        with tempfile.TemporaryDirectory(prefix="kafkascope-demo-") as scratch:
            Broker(java, folder, where.cache, Path(scratch)).make_archive(
                settings(host="127.0.0.1", advertised="127.0.0.1", port=free_port(), controller_port=free_port(), data=Path(scratch) / "data"))  # fmt: skip
        where.run.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "PYTHONPATH": str(Path(kafkascope.__file__).resolve().parent.parent)}
        with where.supervisor_log.open("wb") as out:
            process = subprocess.Popen([sys.executable, "-m", "kafkascope.demo.supervisor", demo.name, str(port)], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                       start_new_session=True, env=environment, cwd="/")  # fmt: skip
    else:
        process = None
    return _wait(demo, where, process, say)


def _wait(demo: Demo, where: Paths, process: subprocess.Popen[bytes] | None, say: Say) -> dict[str, Any]:
    end = time.monotonic() + _DEPLOY_S
    told = None
    try:
        while time.monotonic() < end:
            told = ask(where, command="status")
            if told and told["ready"]:
                if process is not None:
                    # It is meant to outlive this program, of which Popen would warn.
                    process.returncode = 0
                return told
            if process is not None and process.poll() is not None:
                raise DemoError(f"the demo did not start: {_tail(where.supervisor_log) or 'no reason given'}", "what it had started was removed")
            if told:
                dying = next((p for p in told["pods"] if p["restarts"] >= 4 and not p["ready"]), None)
                if dying is not None and process is not None:
                    raise DemoError(f"pod {dying['name']} does not stay up; its log ends:\n{_tail(Path(dying['log']))}", "what had started was removed")
                say(f"{sum(p['ready'] for p in told['pods'])} of {sum(told['wanted'].values())} pods are ready")
            time.sleep(0.2)
        late = next((p for p in (told or {}).get("pods", []) if not p["ready"]), None)
        log = f"; the log of {late['name']} ends:\n{_tail(Path(late['log']))}" if late else ""
        raise DemoError(f"not all pods were ready within {_DEPLOY_S:.0f} s{log}", "what had started was removed; try again")
    except BaseException:
        if process is not None:
            delete(demo)
        raise


def scale(demo: Demo, deployment: str, replicas: int, say: Say) -> dict[str, Any]:
    """Set the number of pods and wait until each is ready and, for a consumer, has partitions of its group."""
    found = demo.by_name.get(deployment)
    able = ", ".join(d.name for d in demo.deployments if d.scalable)
    if found is None:
        raise DemoError(f"{demo.name} has no deployment named '{deployment}'", f"these can be scaled: {able}", 2)
    if not found.scalable:
        raise DemoError(f"{deployment} cannot be scaled", f"these can: {able}", 2)
    if not 1 <= replicas <= MAX_REPLICAS:
        raise DemoError(f"between 1 and {MAX_REPLICAS} pods were expected, found {replicas}", "", 2)
    status(demo)
    where = paths(demo.name)
    done = ask(where, command="scale", deployment=deployment, replicas=replicas) or {"error": "the demo's supervisor does not answer"}
    if "error" in done:
        raise DemoError(done["error"], f"px demo status {demo.name}")
    end = time.monotonic() + _SCALE_S
    while time.monotonic() < end:
        told = status(demo)
        pods = [p for p in told["pods"] if p["deployment"] == deployment]
        if told["wanted"][deployment] == replicas and told["ready"]:
            held = [partitions for p in pods for partitions in [_partitions(p["address"])]]
            # More members than partitions: the rest are in the group with none.
            if sum(map(len, held)) == 5 and sum(bool(h) for h in held) == min(replicas, 5):
                return told
        say(f"{sum(p['ready'] for p in pods)} of {replicas} pods are ready; waiting for the group")
        time.sleep(0.3)
    raise DemoError(f"{deployment} did not reach {replicas} members within {_SCALE_S:.0f} s", f"px demo status {demo.name}")


def _partitions(address: str) -> list[int]:
    with suppress(OSError, ValueError, KeyError), urllib.request.urlopen(f"http://{address}/list", timeout=2) as answer:
        return list(json.load(answer)["partitions"])
    return []


def delay(demo: Demo, state: str | None) -> bool:
    """Switch the invoicing delay, or ask with None; whether it is on."""
    url = f"{status(demo)['front']}/invoicing/delay"
    body = None if state is None else json.dumps({"delay": state}).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "application/json"}), timeout=10) as answer:
            return bool(json.load(answer)["delay"])
    except (OSError, ValueError) as error:
        raise DemoError(f"the front did not answer: {error}", f"px demo status {demo.name}") from error


def delete(demo: Demo) -> bool:
    """Stop a demo and remove all of it, also what a killed one left; whether there was anything."""
    where = paths(demo.name)
    there = where.run.exists() or where.data.exists()
    holder = _holder(where)
    if holder is not None:
        ask(where, command="stop")
        if not _gone(where, 20):
            with suppress(ProcessLookupError):
                os.kill(holder, signal.SIGKILL)
            _gone(where, 5)
    network.remove(demo.name)
    where.pods_file(demo.name).unlink(missing_ok=True)
    for folder in (where.run, where.data):
        shutil.rmtree(folder, ignore_errors=True)
    return there


def _gone(where: Paths, patience_s: float) -> bool:
    end = time.monotonic() + patience_s
    while _holder(where) is not None:
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
