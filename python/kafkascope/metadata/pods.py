"""Pods and services that JSON files describe, read again when a file changes."""

from __future__ import annotations

import datetime
import functools
import json
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_VERSION = 1
_FILE_LIMIT = 8 << 20
_FILES = 256


@dataclass(frozen=True)
class Container:
    """One container of a pod."""

    name: str
    id: str
    pids: tuple[int, ...] = ()
    state: str = "Running"
    start_ns: int = 0
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class Pod:
    """One pod; ``name`` without its namespace."""

    uid: str
    name: str
    namespace: str
    node: str
    ip: str = ""
    netns: int = 0
    phase: str = "Unknown"
    ready: bool = False
    restarts: int = 0
    start_ns: int = 0
    labels: tuple[tuple[str, str], ...] = ()
    owner_kind: str = ""
    owner_name: str = ""
    host_network: bool = False
    containers: tuple[Container, ...] = ()
    message: str = ""
    reason: str = ""
    #: Of a pod that a deployment owns through it.
    replica_set: str = ""
    qos_class: str = ""
    #: All addresses, ``ip`` first; empty where only that one is known.
    ips: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Service:
    """One service; it selects the pods of its namespace that carry all labels of its selector."""

    uid: str
    name: str
    namespace: str
    cluster_ip: str = ""
    #: The cluster address of the other family, where there are two.
    further_ips: tuple[str, ...] = ()
    selector: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    external_ips: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def cluster_ips(self) -> list[str]:
        """Its cluster address, or one of each family."""
        return [self.cluster_ip, *self.further_ips] if self.cluster_ip else []

    def selects(self, pod: Pod) -> bool:
        return bool(self.selector) and pod.namespace == self.namespace and set(self.selector) <= set(pod.labels)


@dataclass(frozen=True)
class World:
    """All pods and services now."""

    pods: dict[str, Pod] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)

    @functools.cached_property
    def _by_namespace(self) -> dict[str, list[Service]]:
        found: dict[str, list[Service]] = {}
        for service in self.services.values():
            found.setdefault(service.namespace, []).append(service)
        return found

    def services_of(self, pod: Pod) -> list[Service]:
        return sorted((s for s in self._by_namespace.get(pod.namespace, ()) if s.selects(pod)), key=lambda s: s.full_name)


def default_folder() -> Path:
    """Where pods are described when nothing else is said: for root the system's place, for others their own."""
    if given := os.environ.get("KAFKASCOPE_PODS_D"):
        return Path(given)
    if os.geteuid() == 0:
        return Path("/run/kafkascope/pods.d")
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return (Path(runtime) / "kafkascope" if runtime else Path(tempfile.gettempdir()) / f"kafkascope-{os.getuid()}") / "pods.d"


class PodsFolder:
    """The folder of pod descriptions. ``changed`` is cheap while nothing changes."""

    def __init__(self, folder: Path | str | None = None, log: Callable[[str], None] = lambda _: None) -> None:
        self.folder = str(folder or default_folder())
        self.world = World()
        self.problems: dict[str, str] = {}
        self._log = log
        self._state: dict[str, tuple[int, int, int]] = {}
        self._read: dict[str, tuple[list[Pod], list[Service]]] = {}

    def changed(self) -> bool:
        """Look at the files; whether ``world`` is new."""
        state: dict[str, tuple[int, int, int]] = {}
        try:
            with os.scandir(self.folder) as entries:
                for entry in entries:
                    if entry.name.endswith(".json") and not entry.name.startswith(".") and len(state) < _FILES:
                        stat = entry.stat()
                        state[entry.path] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        except OSError:
            pass
        if state == self._state:
            return False
        for path, mark in state.items():
            if self._state.get(path) != mark:
                self._load(path)
        for gone in self._state.keys() - state.keys():
            self._read.pop(gone, None)
            self.problems.pop(gone, None)
        self._state = state
        pods: dict[str, Pod] = {}
        services: dict[str, Service] = {}
        for _, (some_pods, some_services) in sorted(self._read.items()):
            pods.update((pod.uid, pod) for pod in some_pods)
            services.update((service.uid, service) for service in some_services)
        self.world = World(pods, services)
        return True

    def _load(self, path: str) -> None:
        """Read one file. A bad one is told once, and what it said before still holds."""
        try:
            if os.path.getsize(path) > _FILE_LIMIT:
                raise ValueError(f"larger than {_FILE_LIMIT >> 20} MiB")
            with open(path, encoding="utf-8") as file:
                self._read[path] = parse(json.load(file))
            self.problems.pop(path, None)
        except FileNotFoundError:
            self._read.pop(path, None)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self.problems[path] = f"{type(error).__name__}: {error}"
            self._log(f"{path} is not a pod description: {error!r}")


def parse(document: Any) -> tuple[list[Pod], list[Service]]:
    """Pods and services of one file. Raises ``ValueError`` and its like when the document has another form."""
    if not isinstance(document, dict) or document.get("version") != _VERSION:
        found = document.get("version") if isinstance(document, dict) else type(document).__name__
        raise ValueError(f"expected version {_VERSION}, found {found}")
    namespace, node = str(document["namespace"]), str(document.get("node") or "")
    pods = [
        Pod(
            uid=str(entry.get("uid") or f"{namespace}/{entry['name']}"), name=str(entry["name"]), namespace=namespace, node=node, ip=str(entry.get("ip") or ""),
            netns=int(entry.get("netns") or 0), phase=str(entry.get("phase") or "Unknown"), ready=bool(entry.get("ready", False)),
            restarts=int(entry.get("restarts") or 0), start_ns=time_ns(entry.get("startTime")), labels=_labels(entry.get("labels")),
            owner_kind=str(entry.get("ownerKind") or ""), owner_name=str(entry.get("ownerName") or ""), host_network=not entry.get("netns"),
            containers=tuple(_containers(entry.get("containers") or ())), message=str(entry.get("message") or ""), reason=str(entry.get("reason") or ""),
        )
        for entry in document.get("pods") or ()
    ]  # fmt: skip
    services = [
        Service(
            uid=str(entry.get("uid") or f"{namespace}/{entry['name']}"), name=str(entry["name"]), namespace=namespace, cluster_ip=str(entry.get("clusterIP") or ""),
            selector=_labels(entry.get("selector")), labels=_labels(entry.get("labels")), external_ips=tuple(map(str, entry.get("externalIPs") or ())),
        )
        for entry in document.get("services") or ()
    ]  # fmt: skip
    return pods, services


def _containers(entries: Iterable[Any]) -> Iterable[Container]:
    for entry in entries:
        pids = tuple(int(pid) for pid in entry.get("pids") or ())
        yield Container(str(entry["name"]), str(entry.get("id") or ""), pids, str(entry.get("state") or "Unknown"), time_ns(entry.get("startTime")))


def _labels(labels: Any) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((str(key), str(value)) for key, value in (labels or {}).items()))


def time_ns(text: Any) -> int:
    """An RFC 3339 time as nanoseconds since the epoch; 0 for none."""
    if not text:
        return 0
    when = datetime.datetime.fromisoformat(str(text))
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    seconds = int(when.timestamp())
    return seconds * 1_000_000_000 + when.microsecond * 1000
