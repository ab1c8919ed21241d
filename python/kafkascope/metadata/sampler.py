"""Everything the agent knows about its host, as batches, as often as each is due."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from kafkascope.metadata import rows
from kafkascope.metadata.entities import Entities
from kafkascope.metadata.execs import ExecWatcher
from kafkascope.metadata.host import Host, this_host
from kafkascope.metadata.logdirs import LogDirectories, TopicName
from kafkascope.metadata.pods import PodsFolder, World
from kafkascope.metadata.proc import Proc, boot_time_ns
from kafkascope.metadata.processes import Process, ProcessTable
from kafkascope.metadata.stats import ProcessSampler, network_rows

if TYPE_CHECKING:
    from kafkascope.metadata.kubernetes.node import NodePods

Batches = list[tuple[str, pa.RecordBatch]]

#: Who speaks Kafka is looked up at once, and who lives shorter than this is told of by its exec.
_SCAN_NS = 500_000_000
#: Of a core, one in so many parts.
_SCAN_SHARE = 500
_SAMPLE_NS = 1_000_000_000
#: An agent that makes a round a little sooner takes its samples with it, rather than nearly two seconds after the last.
_EARLY_NS = 150_000_000
#: Everything is told again this often, so that a store which lost it has it again.
_AGAIN_NS = 300 * 1_000_000_000
_ROWS_A_BATCH = 16_384


class Sampler:
    """Watches processes, pods, interfaces and log directories. Not thread-safe."""

    def __init__(self, asid: int, *, proc: Proc | None = None, pods: PodsFolder | None = None, host: Host | None = None, boot_ns: int | None = None,
                 node: str = "", node_pods: NodePods | None = None, execs: ExecWatcher | None = None, log: Callable[[str], None] = lambda _: None) -> None:
        self.host = host or this_host()
        self._proc = proc or Proc()
        self.pods = pods or PodsFolder(log=log)
        self.processes = ProcessTable(self._proc, asid, self.host.hostname, boot_time_ns() if boot_ns is None else boot_ns, execs=execs, node_name=node)
        #: The server itself hears of these from the API server; here they name processes.
        self._node_pods = node_pods
        self.stats = ProcessSampler(self._proc)
        self._entities = Entities()
        self._log_directories = LogDirectories(self._proc)
        self._host_netns = self._proc.netns(1)
        self._next_scan_ns = self._next_sample_ns = 0
        self._next_again_ns: int | None = None
        self._node_told = ""
        self._topics: list[TopicName] = []
        self._all_topics: dict[str, TopicName] = {}

    def due(self, now_ns: int | None = None) -> Batches:
        """What is due now; nothing most of the time when called often."""
        now = time.time_ns() if now_ns is None else now_ns
        found: dict[str, list[dict[str, Any]]] = {}
        batches: Batches = []
        if now >= self._next_scan_ns or now < self._next_scan_ns - _SAMPLE_NS:
            began = time.thread_time_ns()
            described = self.pods.changed()
            if described:
                _add(found, self._entities.update(self.pods.world, now))
            if (self._node_pods is not None and self._node_pods.changed()) or described:
                _add(found, {"md_process": self.processes.set_world(self._world(), now)})
            _add(found, {"md_process": self.processes.scan(now)})
            # The list of thousands of processes is looked at less often; those that speak Kafka are looked up at once anyway.
            self._next_scan_ns = now + min(max(_SCAN_NS, (time.thread_time_ns() - began) * _SCAN_SHARE), _SAMPLE_NS)
        if now >= self._next_sample_ns - _EARLY_NS or now < self._next_sample_ns - _SAMPLE_NS:
            self._next_sample_ns = now + _SAMPLE_NS
            alive = self._here()
            batches.append(("process_stats", self.stats.sample(alive, now)))
            _add(found, {"network_stats": network_rows(self._proc, alive, self._host_netns, now)})
            for name in self._log_directories.look(alive, now):
                self._topics.append(name)
                self._all_topics[name.topic_id] = name
                _add(found, {"kafka_topic_names": [_topic_row(name, now)]})
        if self._next_again_ns is None:
            # The first round tells everything by itself.
            self._next_again_ns = now + _AGAIN_NS
        elif now >= self._next_again_ns:
            self._next_again_ns = now + _AGAIN_NS
            self._node_told = ""
            self._everything(found, now)
        if self._node_pods is None and self._node_told != self.processes.node_name:
            self._node_told = self.processes.node_name
            _add(found, {"md_node": [self.host.node_row(now, self._node_told)]})
        return batches + _batches(found)

    def _here(self) -> list[Process]:
        """The processes, without those in pods of other nodes: nodes that share a kernel each have an agent that sees all of them."""
        everyone = self.processes.processes.values()
        ours = self._node_pods.world.pods if self._node_pods is not None else {}
        # A static pod's processes are found by their container: its control group has another uid than the API.
        return [p for p in everyone if p.pod is not None or p.membership.pod_uid in ours or not p.membership.pod_uid] if ours else list(everyone)

    def _world(self) -> World:
        if self._node_pods is None:
            return self.pods.world
        return World({**self._node_pods.world.pods, **self.pods.world.pods}, {**self._node_pods.world.services, **self.pods.world.services})

    def tell_everything_again(self) -> None:
        """The store may have lost what it was told: the next ``due`` tells it again."""
        if self._next_again_ns is not None:
            self._next_again_ns = 0

    def _everything(self, found: dict[str, list[dict[str, Any]]], now: int) -> None:
        for table, some in self._entities.all_rows(now).items():
            found[table] = [row for row in found.get(table, ()) if row.get("stop_time")] + some
        found["md_process"] = [row for row in found.get("md_process", ()) if row.get("stop_time")] + self.processes.all_rows(now)
        found["kafka_topic_names"] = [_topic_row(name, now) for name in self._all_topics.values()]

    def told(self, upids: Iterable[str], now_ns: int | None = None) -> Batches:
        """Rows of processes that appear in captured data and were not known."""
        return _batches({"md_process": self.processes.told(upids, time.time_ns() if now_ns is None else now_ns)})

    def take_topic_names(self) -> list[tuple[str, str]]:
        """(topic id, name) of brokers' log directories, each once, for the decoder."""
        taken, self._topics = self._topics, []
        return [(name.topic_id, name.topic) for name in taken]

    def take_brokers(self) -> list[tuple[str, str, int | None]]:
        """(upid, cluster id, node id) of brokers by their log directories, for the decoder."""
        return [(broker.upid, broker.cluster_id, broker.node_id) for broker in self._log_directories.take_brokers()]


def _topic_row(name: TopicName, now: int) -> dict[str, Any]:
    return {"time_": now, "cluster_id": name.cluster_id, "topic_id": name.topic_id, "topic": name.topic, "source": "log_directory"}


def _add(found: dict[str, list[dict[str, Any]]], more: dict[str, list[dict[str, Any]]]) -> None:
    for table, some in more.items():
        if some:
            found.setdefault(table, []).extend(some)


def _batches(found: dict[str, list[dict[str, Any]]]) -> Batches:
    batches: Batches = []
    for table, some in found.items():
        for first in range(0, len(some), _ROWS_A_BATCH):
            batches.append((table, rows.build(table, some[first : first + _ROWS_A_BATCH])))
    return batches
