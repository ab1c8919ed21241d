"""The processes of this host and the pod each belongs to, kept up to date at bounded cost."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kafkascope.metadata import cgroups
from kafkascope.metadata.cgroups import Membership
from kafkascope.metadata.execs import ExecWatcher
from kafkascope.metadata.pods import Container, Pod, World
from kafkascope.metadata.proc import TICK_NS, Proc

_LIMIT = 32_768
_TOLD_LIMIT = 65_536
_ANCESTORS = 32
#: What a process is may change after its start (exec, setns); it is looked at again at these ages, then at the interval.
_RECHECK_AGES_NS = tuple(int(s * 1e9) for s in (0.2, 1, 3, 10))
_RECHECK_NS = 60 * 1_000_000_000
#: Holds a pod's namespaces: the runtime's process, none of the pod's containers.
_SANDBOX = "/pause"
#: The command line of a Kafka server.
_BROKER = re.compile(r"kafka\.Kafka\b|SupportedKafka\b|KafkaDockerWrapper|KafkaRaftServer\b")


@dataclass(slots=True)
class Process:
    """One process and where it belongs."""

    pid: int
    start_ticks: int
    upid: str
    first_seen_ns: int
    comm: str = ""
    cmdline: str = ""
    ppid: int = 0
    kernel_thread: bool = False
    netns: int | None = None
    membership: Membership = cgroups.NONE
    pod: Pod | None = None
    container: Container | None = None
    services: str = ""
    #: It speaks Kafka or is in a pod: sampled every time.
    wanted: bool = False
    is_broker: bool = False
    rechecks: int = 0


@dataclass
class _Index:
    """Pods by what a process can be recognised by."""

    by_netns: dict[int, Pod] = field(default_factory=dict)
    by_pid: dict[int, tuple[Pod, Container]] = field(default_factory=dict)
    by_container: dict[str, tuple[Pod, Container]] = field(default_factory=dict)
    by_uid: dict[str, Pod] = field(default_factory=dict)
    services: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, world: World, host_netns: int | None) -> _Index:
        index = cls()
        for pod in world.pods.values():
            index.by_uid[pod.uid] = pod
            index.services[pod.uid] = json_names([s.full_name for s in world.services_of(pod)])
            if pod.netns and pod.netns != host_netns:
                index.by_netns[pod.netns] = pod
            for container in pod.containers:
                if container.id:
                    index.by_container[container.id] = (pod, container)
                for pid in container.pids:
                    index.by_pid[pid] = (pod, container)
        return index


def json_names(names: list[str]) -> str:
    """No name: empty; one: itself; several: a JSON array."""
    return names[0] if len(names) == 1 else json.dumps(names) if names else ""


class ProcessTable:
    """Finds processes, follows them, says what changed as rows of ``md_process``."""

    def __init__(self, proc: Proc, asid: int, hostname: str, boot_ns: int, limit: int = _LIMIT, execs: ExecWatcher | None = None, node_name: str = "") -> None:
        self._proc = proc
        self._execs = execs
        self._asid = asid
        self._hostname = hostname
        self._boot_ns = boot_ns
        self._limit = limit
        self._given_node = node_name
        self.node_name = node_name or hostname
        self.processes: dict[int, Process] = {}
        self.not_followed = 0
        self._host_netns = proc.netns(1)
        self._index = _Index()
        self._young: dict[int, Process] = {}
        self._turn: list[Process] = []
        self._turned_ns = 0
        self._told: OrderedDict[str, None] = OrderedDict()

    def set_world(self, world: World, now_ns: int) -> list[dict[str, Any]]:
        """Pods and services are new: rows of the processes whose place changed."""
        self._index = _Index.of(world, self._host_netns)
        nodes = {pod.node for pod in world.pods.values() if pod.node}
        if len(nodes) == 1 and not self._given_node:
            self.node_name = nodes.pop()
        return [self.row(p, now_ns) for p in self.processes.values() if self._place(p)]

    def scan(self, now_ns: int) -> list[dict[str, Any]]:
        """Look at the list of processes: rows of new ones, ended ones, and those that turned out to be something else."""
        rows: list[dict[str, Any]] = []
        alive = set(self._proc.pids())
        for pid in self.processes.keys() - alive:
            rows += self._ended(pid, now_ns)
        for pid in sorted(alive - self.processes.keys()):
            rows += self._found(pid, now_ns)
        for process in self._due(now_ns):
            rows += self.check(process, now_ns)
        return rows

    def told(self, upids: Iterable[str], now_ns: int) -> list[dict[str, Any]]:
        """Processes that appear in captured data: looked up at once when they are new, wanted from now on."""
        rows: list[dict[str, Any]] = []
        for upid in upids:
            if not upid or upid in self._told:
                continue
            parts = upid.split(":")
            if len(parts) != 3 or not all(part.isdigit() for part in parts) or int(parts[0]) != self._asid:
                continue
            self._told[upid] = None
            if len(self._told) > _TOLD_LIMIT:
                self._told.popitem(last=False)
            pid, ticks = int(parts[1]), int(parts[2])
            process = self.processes.get(pid)
            if process is None or process.start_ticks != ticks:
                rows += self._ended(pid, now_ns) if process is not None and ticks > process.start_ticks else []
                rows += self._found(pid, now_ns)
                process = self.processes.get(pid)
            if process is not None and process.start_ticks == ticks:
                process.wanted = True
            else:
                rows.append(self._gone(upid, pid, ticks, now_ns))
        return rows

    def check(self, process: Process, now_ns: int) -> list[dict[str, Any]]:
        """Look at a process again: its row when something changed; the pid may be another process by now."""
        stat = self._proc.stat(process.pid)
        if stat is None:
            return []
        if stat.start_ticks != process.start_ticks:
            return self._ended(process.pid, now_ns) + self._found(process.pid, now_ns)
        process.rechecks += 1
        before = (process.comm, process.cmdline, process.netns, process.membership, process.ppid)
        self._identify(process)
        process.comm, process.ppid = stat.comm, stat.ppid
        changed = before[:4] != (process.comm, process.cmdline, process.netns, process.membership)
        if changed or before[4] != process.ppid:
            changed |= self._place(process)
        return [self.row(process, now_ns)] if changed and not process.kernel_thread else []

    def all_rows(self, now_ns: int) -> list[dict[str, Any]]:
        """A row of every process."""
        return [self.row(p, now_ns) for p in self.processes.values() if not p.kernel_thread]

    def row(self, process: Process, now_ns: int, stop_ns: int = 0) -> dict[str, Any]:
        pod, container = process.pod, process.container
        return {
            "time_": now_ns, "upid": process.upid, "asid": self._asid, "pid": process.pid, "start_time": self._boot_ns + process.start_ticks * TICK_NS,
            "stop_time": stop_ns, "comm": process.comm, "cmdline": process.cmdline, "hostname": self._hostname,
            "node_name": pod.node if pod is not None and pod.node else self.node_name,
            "container_id": process.membership.container_id or (container.id if container is not None else ""),
            "container_name": container.name if container is not None else "", "pod_id": pod.uid if pod is not None else process.membership.pod_uid if process.cmdline != _SANDBOX else "",
            "pod_name": pod.full_name if pod is not None else "", "namespace": pod.namespace if pod is not None else "", "service_name": process.services,
        }  # fmt: skip

    # ---- one process ----

    def _found(self, pid: int, now_ns: int) -> list[dict[str, Any]]:
        if len(self.processes) >= self._limit:
            self.not_followed += 1
            return []
        stat = self._proc.stat(pid)
        if stat is None:
            return []
        upid = f"{self._asid}:{pid}:{stat.start_ticks}"
        process = Process(pid, stat.start_ticks, upid, now_ns, stat.comm, ppid=stat.ppid, kernel_thread=stat.kernel_thread)
        self.processes[pid] = process
        if process.kernel_thread:
            return []
        self._young[pid] = process
        self._identify(process)
        self._place(process)
        return [self.row(process, now_ns)]

    def _gone(self, upid: str, pid: int, ticks: int, now_ns: int) -> dict[str, Any]:
        """The row of a process that ended before it could be followed: what was seen at its exec, else its ids alone."""
        process = Process(pid, ticks, upid, now_ns)
        seen = self._execs.seen(pid, ticks) if self._execs is not None else None
        if seen is not None:
            process.comm, process.cmdline, process.ppid, process.netns, process.membership = seen.comm, seen.cmdline, seen.ppid, seen.netns, seen.membership
            self._place(process)
        return self.row(process, now_ns, stop_ns=max(now_ns, self._boot_ns + ticks * TICK_NS))

    def _identify(self, process: Process) -> None:
        process.cmdline = self._proc.cmdline(process.pid) or process.cmdline
        process.is_broker = _BROKER.search(process.cmdline) is not None
        process.netns = self._proc.netns(process.pid) or process.netns
        if text := self._proc.cgroup(process.pid):
            process.membership = cgroups.parse(text)

    def _ended(self, pid: int, now_ns: int) -> list[dict[str, Any]]:
        process = self.processes.pop(pid, None)
        return [self.row(process, now_ns, stop_ns=now_ns)] if process is not None and not process.kernel_thread else []

    def _due(self, now_ns: int) -> list[Process]:
        """The processes to look at again: young ones at their ages, the others in turn, all of them within the interval."""
        due: list[Process] = []
        for pid, process in list(self._young.items()):
            if self.processes.get(pid) is not process or process.rechecks >= len(_RECHECK_AGES_NS):
                del self._young[pid]
            elif now_ns - process.first_seen_ns >= _RECHECK_AGES_NS[process.rechecks]:
                due.append(process)
        share = min(max(now_ns - self._turned_ns, 0) / _RECHECK_NS, 1.0)
        count = int(share * len(self.processes))
        if count:
            self._turned_ns = now_ns
            if not self._turn:
                self._turn = [p for p in self.processes.values() if not p.kernel_thread]
            due += [p for p in self._turn[-count:] if p.pid not in self._young and self.processes.get(p.pid) is p]
            del self._turn[-count:]
        return due

    def _place(self, process: Process) -> bool:
        """Find the process's pod and container; whether they changed."""
        index = self._index
        pod: Pod | None = None
        container: Container | None = None
        named = index.by_container.get(process.membership.container_id) or self._by_pid(process, index.by_pid)
        if named is not None:
            pod, container = named
        elif process.netns is not None and (by_netns := index.by_netns.get(process.netns)) is not None:
            pod = by_netns
            container = pod.containers[0] if len(pod.containers) == 1 else None
        elif process.membership.pod_uid and process.cmdline != _SANDBOX:
            pod, container = self._by_cgroup(process)
        services = index.services.get(pod.uid, process.services) if pod is not None else ""
        changed = (pod, container, services) != (process.pod, process.container, process.services)
        # A pod's description changes often, the place of its processes does not: only a place is told again.
        told = _place_key(pod, container, services) != _place_key(process.pod, process.container, process.services)
        if changed:
            process.pod, process.container, process.services = pod, container, services
            process.wanted = process.wanted or pod is not None
        return told

    def _by_cgroup(self, process: Process) -> tuple[Pod | None, Container | None]:
        """The pod that the control group names. An API server forgets a container that was restarted and a pod that was removed by force while
        their last processes still run: those keep the place they had."""
        membership = process.membership
        pod = self._index.by_uid.get(membership.pod_uid)
        if pod is None and process.pod is not None and process.pod.uid == membership.pod_uid:
            pod = process.pod
        known = process.container if pod is not None else None
        return pod, known if known is not None and known.id and known.id == membership.container_id else None

    def _by_pid(self, process: Process, by_pid: Mapping[int, tuple[Pod, Container]]) -> tuple[Pod, Container] | None:
        if not by_pid:
            return None
        pid, parent = process.pid, process.ppid
        for _ in range(_ANCESTORS):
            if pid in by_pid:
                return by_pid[pid]
            if parent <= 1:
                return None
            pid = parent
            known = self.processes.get(pid)
            parent = known.ppid if known is not None else 0
        return None


def _place_key(pod: Pod | None, container: Container | None, services: str) -> tuple[Any, ...]:
    return (pod.uid, pod.full_name, pod.node) if pod is not None else None, (container.name, container.id) if container is not None else None, services
