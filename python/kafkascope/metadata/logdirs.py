"""What the log directories of brokers on this host tell: names of topic ids (``partition.metadata``), the broker's cluster and node (``meta.properties``)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from kafkascope.metadata.proc import Proc
from kafkascope.metadata.processes import Process

#: The directory of a partition; those of deleted or moving ones end in something else.
_PARTITION = re.compile(r"^(?P<topic>[A-Za-z0-9._-]+)-(?P<partition>\d+)$")
_TOPIC_ID = re.compile(r"^topic_id:\s*([A-Za-z0-9_-]{22})\s*$", re.MULTILINE)
_CLUSTER_ID = re.compile(r"^cluster\.id=(.+)$", re.MULTILINE)
_NODE_ID = re.compile(r"^(?:node|broker)\.id=(\d{1,9})\s*$", re.MULTILINE)
_LOOKS = 8
_LOOK_EVERY_NS = 2_000_000_000
_DESCRIPTORS = 4096
_READS_A_ROUND = 2000
_TOPICS = 200_000
#: Partitions of clusters that are older than topic ids never get the file.
_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class TopicName:
    """What a directory tells."""

    cluster_id: str
    topic_id: str
    topic: str


@dataclass(frozen=True, slots=True)
class BrokerId:
    """Which cluster the broker with this process belongs to, and its node id."""

    upid: str
    cluster_id: str
    node_id: int | None


@dataclass
class _LogDir:
    path: str
    cluster_id: str
    mtime_ns: int = -1
    #: Directory entries by inode: a topic made again under the same name has another one.
    seen: set[tuple[str, int]] = field(default_factory=set)
    complete: bool = False
    rounds: int = 0


@dataclass
class _Broker:
    looks: int = 0
    next_look_ns: int = 0
    directories: dict[str, _LogDir] = field(default_factory=dict)
    node_id: int | None = None
    told: bool = False


class LogDirectories:
    """Follows brokers' log directories; cheap while no topic is made."""

    def __init__(self, proc: Proc) -> None:
        self._proc = proc
        self._brokers: dict[str, _Broker] = {}
        self._known: set[tuple[str, str]] = set()
        self._new_brokers: list[BrokerId] = []
        self.unreadable = 0

    def look(self, processes: Iterable[Process], now_ns: int) -> list[TopicName]:
        """Names not told before."""
        found: list[TopicName] = []
        alive = set()
        for process in processes:
            if not process.is_broker:
                continue
            alive.add(process.upid)
            broker = self._brokers.setdefault(process.upid, _Broker())
            if broker.looks < _LOOKS and now_ns >= broker.next_look_ns:
                broker.looks += 1
                broker.next_look_ns = now_ns + _LOOK_EVERY_NS * (1 << broker.looks) // 2
                self._find_directories(process, broker)
            for directory in broker.directories.values():
                self._read(process, directory, found)
        for gone in self._brokers.keys() - alive:
            del self._brokers[gone]
        return found

    def take_brokers(self) -> list[BrokerId]:
        """Brokers that were found since the last call."""
        taken, self._new_brokers = self._new_brokers, []
        return taken

    def _find_directories(self, process: Process, broker: _Broker) -> None:
        # A broker holds a lock file open in each of its log directories.
        for link in self._proc.fd_links(process.pid, _DESCRIPTORS):
            if not link.endswith("/.lock"):
                continue
            path = link[: -len("/.lock")]
            if path in broker.directories:
                continue
            try:
                with open(self._proc.inside(process.pid, path + "/meta.properties"), encoding="utf-8") as file:
                    properties = file.read(4096)
            except (OSError, UnicodeDecodeError):
                continue
            cluster, node = _CLUSTER_ID.search(properties), _NODE_ID.search(properties)
            broker.directories[path] = _LogDir(path, cluster[1].strip() if cluster else "")
            broker.node_id = int(node[1]) if node else None
        # One process may be the brokers of several clusters, in tests: then its directories do not tell which connection is whose.
        clusters = {directory.cluster_id for directory in broker.directories.values()}
        if not broker.told and len(clusters) == 1 and clusters != {""}:
            broker.told = True
            self._new_brokers.append(BrokerId(process.upid, clusters.pop(), broker.node_id))

    def _read(self, process: Process, directory: _LogDir, found: list[TopicName]) -> None:
        inside = self._proc.inside(process.pid, directory.path)
        try:
            mtime = os.stat(inside).st_mtime_ns
            if mtime == directory.mtime_ns and directory.complete:
                return
            with os.scandir(inside) as entries:
                parts = [(entry.name, entry.inode()) for entry in entries if _PARTITION.match(entry.name)]
        except OSError:
            return
        directory.rounds = directory.rounds + 1 if mtime == directory.mtime_ns else 0
        directory.mtime_ns = mtime
        directory.complete = True
        here = set(parts)
        directory.seen &= here
        topics_read: set[str] = set()
        reads = 0
        for name, inode in sorted(here - directory.seen):
            match = _PARTITION.match(name)
            assert match is not None
            if match["topic"] in topics_read:
                directory.seen.add((name, inode))
                continue
            if reads >= _READS_A_ROUND:
                directory.complete = False
                return
            reads += 1
            topic_id = self._topic_id(f"{inside}/{name}/partition.metadata")
            if topic_id is None:
                # Written just after the directory: looked at again in the next round.
                directory.complete = directory.rounds >= _ROUNDS
                continue
            directory.seen.add((name, inode))
            topics_read.add(match["topic"])
            if (topic_id, match["topic"]) not in self._known and len(self._known) < _TOPICS:
                self._known.add((topic_id, match["topic"]))
                found.append(TopicName(directory.cluster_id, topic_id, match["topic"]))

    def _topic_id(self, path: str) -> str | None:
        try:
            with open(path, encoding="utf-8") as file:
                match = _TOPIC_ID.search(file.read(1024))
        except (OSError, UnicodeDecodeError):
            self.unreadable += 1
            return None
        return match[1] if match is not None else None
