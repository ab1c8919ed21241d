"""The agent's loop: what the capture saw and what the host says, to the store."""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.agent.buffer import DiskBuffer
from kafkascope.agent.ship import Shipper
from kafkascope.metadata import rows
from kafkascope.metadata.execs import ExecWatcher
from kafkascope.metadata.host import machine_id, this_host
from kafkascope.metadata.pods import PodsFolder
from kafkascope.metadata.proc import Proc
from kafkascope.metadata.sampler import Sampler
from kafkascope.tokens import Token

if TYPE_CHECKING:
    from kafkascope.metadata.kubernetes.node import NodePods

POLL_MS = 200
#: Between two rounds while nobody looks: each batch costs as much as hundreds of rows, and one who begins to look shall see rows that are a second old at most.
UNWATCHED_S = 0.85
_LOOK_UP_S = 0.17
HEARTBEAT_NS = 1_000_000_000
#: A heartbeat goes with the second's samples, although these began their second a moment earlier.
_WITH_THE_SAMPLES_NS = 150_000_000
_UPID_COLUMNS = ("upid", "remote_upid", "client_upid", "broker_upid")


class Pipeline(Protocol):
    """The core's live capture (``kafkascope._core.LivePipeline``)."""

    @property
    def hook(self) -> str: ...
    def poll(self, timeout_ms: int) -> Mapping[str, Any]: ...
    def stats(self) -> Mapping[str, int]: ...
    def learn_topics(self, names: list[tuple[str, str]]) -> None: ...
    def learn_brokers(self, brokers: list[tuple[str, str, int | None]]) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Settings:
    """What an agent needs to know. ``source`` ``none`` samples the host without capturing."""

    server: str
    source: str = "auto"
    asid: int = 1
    token: Token | None = None
    root_certificate: bytes | None = None
    interfaces: tuple[str, ...] = ()
    exclude_pids: tuple[int, ...] = ()
    #: Of an eBPF capture; ``None`` for the core's own.
    ring_bytes: int | None = None
    records_per_s: int | None = None
    queue_bytes: int = 64 << 20
    #: Where what does not fit into memory waits while the server is away.
    buffer: DiskBuffer | None = None
    pods_folder: str | None = None
    #: Of the node, as Kubernetes calls it; empty for the host's name.
    node: str = ""
    #: Stays the same over restarts, so that a server shows one agent and not its every run.
    agent_id: str = ""


def open_pipeline(settings: Settings) -> Pipeline | None:
    """Start capturing; ``None`` for source ``none``. Raises the core's ``CaptureError``."""
    if settings.source == "none":
        return None
    from kafkascope import _core

    pipeline: Pipeline = _core.LivePipeline(
        settings.source, asid=settings.asid, exclude_pids=[os.getpid(), *settings.exclude_pids], interfaces=list(settings.interfaces) or None,
        ring_bytes=settings.ring_bytes, records_per_s=settings.records_per_s,
    )  # fmt: skip
    return pipeline


class Agent:
    """Polls the capture, follows the host, ships both. Runs in the caller's thread until ``stop``."""

    def __init__(self, settings: Settings, *, pipeline: Pipeline | None, sampler: Sampler | None = None, shipper: Shipper | None = None,
                 node_pods: NodePods | None = None, log: logging.Logger | None = None) -> None:
        self.settings = settings
        self._agent_id = settings.agent_id or str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{settings.asid}.{settings.node or machine_id()}"))
        self._node_pods = node_pods
        self.log = log or logging.getLogger("kafkascope.agent")
        self._pipeline = pipeline
        self._server_run = ""
        self._execs: ExecWatcher | None = None
        self.sampler = sampler or self._sampler()
        self.shipper = shipper or Shipper(settings.server, token=settings.token, root_certificate=settings.root_certificate, max_bytes=settings.queue_bytes,
                                          buffer=settings.buffer, asid=settings.asid, log=self.log.info)  # fmt: skip
        self.started_ns = time.time_ns()
        #: When the last round ended, by the monotonic clock: an agent that hangs is started again.
        self.alive_s = time.monotonic()
        self._next_heartbeat_ns = 0
        self._stop = False
        #: Rows by table that were dropped; of these, those that the store could not be told of yet.
        self._dropped: Counter[str] = Counter()
        self._untold: Counter[str] = Counter()
        self._lost_told = 0

    def _sampler(self) -> Sampler:
        proc = Proc()
        host = this_host()
        if self.settings.node:
            # In a pod the host's name is the pod's.
            host = replace(host, hostname=self.settings.node)
        self._execs = ExecWatcher(proc)
        if (reason := self._execs.start()) is not None:
            self.log.info("processes that live less than a second may stay without a name: %s", reason)
        return Sampler(self.settings.asid, proc=proc, host=host, pods=PodsFolder(self.settings.pods_folder, self.log.warning), node=self.settings.node, node_pods=self._node_pods,
                       execs=self._execs, log=self.log.warning)  # fmt: skip

    def run(self) -> None:
        """Until ``stop``: one round every 200 ms, or as soon as the capture hands something over; fewer while nobody looks. Raises the core's ``CaptureError`` when the capture breaks."""
        while not self._stop:
            self.round(POLL_MS)
            until = time.monotonic() + UNWATCHED_S
            while not self._stop and not self.shipper.watched and (left := until - time.monotonic()) > 0:
                time.sleep(min(left, _LOOK_UP_S))

    def stop(self) -> None:
        """End ``run`` after its round; safe in a signal handler."""
        self._stop = True

    def round(self, timeout_ms: int) -> None:
        """Ship what was captured within ``timeout_ms``, and what is due of the host."""
        found: list[tuple[str, pa.RecordBatch]] = []
        if self._pipeline is not None:
            found += self._captured(self._pipeline.poll(timeout_ms))
        else:
            time.sleep(timeout_ms / 1000)
        if self.shipper.server_run != self._server_run:
            # A store without a folder begins empty: it must hear of everything, not only of changes.
            self._server_run = self.shipper.server_run
            self.sampler.tell_everything_again()
        found += self.sampler.due()
        with self.shipper.together():
            self._ship(found)
            now = time.time_ns()
            if not _WITH_THE_SAMPLES_NS < self._next_heartbeat_ns - now <= HEARTBEAT_NS:
                self._next_heartbeat_ns = now + HEARTBEAT_NS
                self._heartbeat(now, "AGENT_STATE_HEALTHY")
        topics, brokers = self.sampler.take_topic_names() + self.shipper.take_learned(), self.sampler.take_brokers()
        if self._pipeline is not None:
            if topics:
                self._pipeline.learn_topics(topics)
            if brokers:
                self._pipeline.learn_brokers(brokers)
        self.alive_s = time.monotonic()

    def counters(self) -> dict[str, float]:
        """What the agent did and what waits, for its own metrics."""
        shipper = self.shipper
        found = {
            "rows_sent_total": shipper.rows_sent, "rows_dropped_total": self._dropped.total(), "reconnects_total": shipper.reconnects, "queued_bytes": shipper.queued_bytes,
            "buffered_bytes": shipper.buffered_bytes, "connected": int(shipper.connected), "processes": len(self.sampler.processes.processes),
            "processes_not_followed_total": self.sampler.processes.not_followed, "clock_offset_seconds": (shipper.clock.offset_ns or 0) / 1e9,
        }  # fmt: skip
        by_table = {f'table_rows_{what}_total{{table="{table}"}}': rows for what, tables in (("sent", dict(shipper.sent)), ("dropped", dict(self._dropped))) for table, rows in tables.items()}
        capture = self._pipeline.stats() if self._pipeline is not None else {}
        return {**found, **by_table, **{f"capture_{name}": value for name, value in capture.items()}}

    def close(self) -> None:
        """Ship what the capture still holds, say goodbye, stop."""
        self._heartbeat(time.time_ns(), "AGENT_STATE_DISCONNECTED")
        if self._pipeline is not None:
            self._pipeline.close()
            while captured := self._pipeline.poll(0):
                self._ship(self._captured(captured))
        if self._execs is not None:
            self._execs.close()
        if self._node_pods is not None:
            self._node_pods.close()
        left = self.shipper.close()
        if left:
            self.log.warning("rows could not be shipped", extra={"rows": left})

    def _captured(self, captured: Mapping[str, Any]) -> list[tuple[str, pa.RecordBatch]]:
        batches = [(table, pa.record_batch(batch)) for table, batch in captured.items()]
        # Processes first: their rows are there when a query meets what they sent.
        return [*self.sampler.told(self._new_upids(batch for _, batch in batches)), *batches]

    def _new_upids(self, batches: Iterable[pa.RecordBatch]) -> set[str]:
        found: set[str] = set()
        for batch in batches:
            for name in _UPID_COLUMNS:
                place = batch.schema.get_field_index(name)
                if place >= 0:
                    found.update(value for value in pc.unique(batch.column(place)).to_pylist() if value)
        return found

    def _ship(self, batches: Iterable[tuple[str, pa.RecordBatch]]) -> None:
        for table, batch in batches:
            self.shipper.submit(table, batch)

    def _heartbeat(self, now_ns: int, state: str) -> None:
        stats = dict(self._pipeline.stats()) if self._pipeline is not None else {}
        dropped = self.shipper.take_dropped()
        loss = [{"time_": now_ns, "reason": "limit", "events": count, "bytes": 0, "detail": f"rows of {table} that could not be shipped to the store"}
                for table, count in dropped.items() if table != "kafka_loss"]  # fmt: skip
        new, self._untold = dropped - self._untold, Counter()
        if new:
            self._dropped += new
            self.log.warning("rows dropped: the store is away or too slow", extra={"rows": new.total(), "total": self._dropped.total()})
        if loss and not self.shipper.submit("kafka_loss", rows.build("kafka_loss", loss)):
            self.shipper.put_back_dropped(dropped)
            self._untold = dropped
        lost = stats.get("events_lost", stats.get("lost_events", 0))
        if lost > self._lost_told:
            self.log.warning("the capture lost events", extra={"events": lost - self._lost_told, "total": lost})
            self._lost_told = lost
        self.shipper.submit("md_agent", rows.build("md_agent", [{
            "time_": now_ns, "agent_id": self._agent_id, "asid": self.settings.asid, "hostname": self.sampler.host.hostname,
            "ip_address": self.sampler.host.address, "agent_state": state, "create_time": self.started_ns,
            "hook": self._pipeline.hook if self._pipeline is not None else "none", "events": stats.get("events", 0), "events_lost": lost,
            "detail": self._detail(),
        }]))  # fmt: skip

    def _detail(self) -> str:
        """What limits this agent, in words; empty when nothing does."""
        found = []
        if self._pipeline is None:
            found.append("does not capture")
        if self._dropped:
            found.append(f"{self._dropped.total()} rows not shipped")
        if self.sampler.processes.not_followed:
            found.append("more processes than it follows")
        if clock := self.shipper.clock.words():
            found.append(clock)
        if waiting := self.shipper.buffered_bytes:
            found.append(f"{waiting >> 10} KiB wait on disk")
        if self._node_pods is not None:
            found += self._node_pods.problems
        found += [f"{path}: {problem}" for path, problem in sorted(self.sampler.pods.problems.items())]
        return "; ".join(found)
