"""The store: every table's rows in memory and on disk, with what bounds them."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.store import batches, catalogue, topics
from kafkascope.store import folder as place_of_store
from kafkascope.store.audience import Audience
from kafkascope.store.catalogue import Kind
from kafkascope.store.errors import StoreError, UnknownTable, UnreadableStore
from kafkascope.store.inspection import AT_OPENING_BYTES, Inspection
from kafkascope.store.limits import parse_bytes, physical_memory, usual_memory
from kafkascope.store.newest_table import NewestTable
from kafkascope.store.segments import COMPACT_LEVEL, Segment
from kafkascope.store.table import ROLL_BYTES, Lost, ObservedTable, time_span

if TYPE_CHECKING:
    from kafkascope.store.engine import DuckDBEngine

TOPIC_NAMES = "kafka_topic_names"
#: While the disk refuses or is nearly full, it is tried again after this long.
_DISK_RETRY_S = 5.0
_NOTES = 100
#: Hot rows are read again when a store opens, and more of them in memory answer no sooner.
_MOST_HOT = 256_000_000
#: Metadata of what has ended is kept as long as its rows; that it goes a little later is no harm.
_FORGET_S = 10.0
#: A kill loses nothing, a power cut this much: syncing more often would be felt by a broker on the same disk.
SYNC_S = 5.0
RETENTION_AGE_S = 7 * 86400.0
#: An age that times of 64 bits do not reach back to.
_ENDLESS_S = (1 << 63) / 1e9
#: Of one segment. Retention drops whole segments: they must not reach over too long a time.
_COMPACT_ROWS = 1 << 20
_LOG = logging.getLogger("kafkascope.store")
_NOWHERE: Mapping[str, int] = MappingProxyType({})
_NONE: Mapping[str, Any] = MappingProxyType({})


class Store:
    """Rows of all tables. ``folder`` None keeps everything in memory.

    ``retention_age_s`` is a week when not given, in memory endless. ``memory_limit`` bounds hot rows and queries together, a part of the machine's memory when
    not given; ``retention_bytes`` and ``retention_age_s`` bound what is on disk (or, without a folder, in memory), those of ``table_…`` one table more; on a file system with less than ``min_free_bytes`` free nothing is written.
    ``read_only`` looks at a folder, also one that another process writes, as it is now; it changes nothing and takes no rows.
    Thread-safe. Raises ``StoreInUse`` or ``UnreadableStore`` when the folder cannot be used.
    """

    def __init__(self, folder: Path | None, *, memory_limit: str | int | None = None, retention_bytes: str | int = "10GB",
                 retention_age_s: float | None = None, min_free_bytes: str | int = "256MB", table_retention_bytes: Mapping[str, int] = _NONE,
                 table_retention_age_s: Mapping[str, float] = _NONE, maintenance_s: float = 1.0, read_only: bool = False) -> None:
        self.folder = folder
        self.read_only = read_only
        if memory_limit is None:
            memory_limit = usual_memory() if folder is not None else max(physical_memory() // 2, 64 << 20)
        self.memory_limit = parse_bytes(memory_limit)
        self.retention_bytes = parse_bytes(retention_bytes)
        # What was read from an old capture is as old as the capture.
        self.retention_age_s = retention_age_s if retention_age_s is not None else RETENTION_AGE_S if folder is not None else float("inf")
        self.table_retention_bytes = {catalogue.relation(name).name: size for name, size in table_retention_bytes.items()}
        self.table_retention_age_s = {catalogue.relation(name).name: age for name, age in table_retention_age_s.items()}
        self.min_free_bytes = parse_bytes(min_free_bytes)
        self.hot_limit = min(self.memory_limit // 4, _MOST_HOT) if folder is not None else self.memory_limit // 2
        self.query_memory = self.memory_limit // 2
        self.relations = {name: relation for name, relation in catalogue.load().items()}
        self.notes: deque[str] = deque(maxlen=_NOTES)
        self.problem: str | None = None
        self.rows_by_retention = 0
        self._refused_until = 0.0
        self._synced = 0.0
        self._forgot = float("-inf")
        self._lock_fd: int | None = None
        self._closed = threading.Event()
        self._wake = threading.Event()
        self._engine: DuckDBEngine | None = None
        self._engine_lock = threading.Lock()
        self._names: tuple[pa.Table | None, pa.Table] = (None, _no_names())
        #: Called with each table's name and batch once it is kept, in the thread that brought it; must return at once.
        self.listeners: list[Callable[[str, pa.RecordBatch], None]] = []
        #: Whoever answers questions from the store tells it; who fills it does so as is worth it.
        self.audience = Audience()
        self.observed: dict[str, ObservedTable] = {}
        self.newest: dict[str, NewestTable] = {}
        self._opening = True
        self._lost: list[tuple[str, Lost]] = []
        if folder is not None and read_only:
            place_of_store.look(folder)
        elif folder is not None:
            self._lock_fd = place_of_store.claim(folder, self._tell)
        try:
            for name, relation in self.relations.items():
                if not relation.stored:
                    continue
                place = folder / name if folder is not None else None
                if relation.kind is Kind.METADATA or name == TOPIC_NAMES:
                    key = relation.key or "topic_id"
                    self.newest[name] = NewestTable(relation, key, place, self._tell, read_only=read_only)
                else:
                    self.observed[name] = ObservedTable(relation, place, self._tell, read_only=read_only)
        except OSError as error:
            self._unlock()
            raise UnreadableStore(f"{folder} cannot be read or written: {error.strerror}", "does it belong to this user?") from error
        self._inspection = Inspection(self.observed.values())
        self._inspection.go_on(AT_OPENING_BYTES)
        self._opening = False
        for text, lost in self._lost:
            self._record(text, lost)
        self._maintenance_s = maintenance_s
        self._thread = threading.Thread(target=self._maintain, name="store-maintenance", daemon=True)
        if not read_only:
            self._thread.start()

    @classmethod
    def configured(cls, config: Mapping[str, Any]) -> Store:
        """The store of a configuration's ``store.*`` keys; without ``store.data``, one in memory."""
        return cls(Path(config["store.data"]) if config["store.data"] else None, memory_limit=config["store.memory_limit"] or usual_memory(), retention_bytes=config["store.retention_bytes"],
                   retention_age_s=config["store.retention_age"], min_free_bytes=config["store.min_free_bytes"],
                   table_retention_bytes=config["store.table_retention_bytes"], table_retention_age_s=config["store.table_retention_age"])  # fmt: skip

    # ---- opening ----

    def _unlock(self) -> None:
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def _tell(self, text: str, lost: Lost | None = None) -> None:
        """Say what is out of the ordinary where users look: the log, the status, and ``kafka_loss`` when rows are gone."""
        self.notes.append(text)
        _LOG.warning("%s", text)
        if lost is None or self.read_only:
            return
        if self._opening:
            self._lost.append((text, lost))
        else:
            self._record(text, lost)

    def _record(self, text: str, lost: Lost) -> None:
        relation = self.relations["kafka_loss"]
        given = {"time_": time.time_ns(), "reason": "store_damaged", "events": lost.rows, "bytes": lost.bytes, "detail": text}
        filler: dict[pa.DataType, Any] = {pa.int64(): 0, pa.string(): "", pa.bool_(): False, pa.float64(): 0.0}
        columns = [pa.array([given.get(field.name, filler[field.type])], field.type) for field in relation.schema]
        self.append("kafka_loss", pa.RecordBatch.from_arrays(columns, schema=relation.schema))

    # ---- writing ----

    def append(self, table: str, batch: Any, position: Mapping[str, int] = _NOWHERE) -> None:
        """Add the rows of an Arrow batch, with its sender's position (session: sequence number), kept with them.

        Raises ``UnknownTable`` or ``SchemaMismatch``; never because of the disk.
        """
        if self.read_only:
            raise StoreError(f"{self.folder} is open for reading only")
        relation = catalogue.relation(table, self.relations)
        rows = batches.conform(relation, batches.record_batch(batch))
        span = time_span(rows)
        if span is None:
            return
        on_disk = self.folder is not None and self._refused_until == 0.0
        if table in self.newest:
            failure = self.newest[table].append(rows, on_disk, position)
        elif table in self.observed:
            observed = self.observed[table]
            failure = observed.append(rows, span, on_disk, position)
            if observed.hot_bytes > ROLL_BYTES:
                self._wake.set()
        else:
            raise UnknownTable(f"rows of '{table}' are computed and not stored")
        if failure is not None:
            self._disk_refused(failure)
        for listener in self.listeners:
            listener(table, rows)

    def positions(self) -> dict[str, dict[str, int]]:
        """Of each table the sequence number that is stored of each sender."""
        tables: dict[str, ObservedTable | NewestTable] = {**self.observed, **self.newest}
        return {name: dict(table.positions) for name, table in tables.items() if table.positions}

    def agent_started(self, asid: int) -> None:
        """An agent began anew and will tell what is there: what an earlier run of it left as running has ended."""
        now = time.time_ns()
        processes = self.newest["md_process"].table()
        running = processes.filter(pc.and_(pc.equal(processes.column("asid"), asid), pc.equal(processes.column("stop_time"), 0)))
        nodes = pc.unique(running.column("node_name"))
        pods = self.newest["md_pod"].table()
        pods = pods.filter(pc.and_(pc.is_in(pods.column("node_name"), value_set=nodes), pc.equal(pods.column("stop_time"), 0)))
        containers = self.newest["md_container"].table()
        containers = containers.filter(pc.and_(pc.is_in(containers.column("pod_id"), value_set=pc.unique(pods.column("pod_id"))), pc.equal(containers.column("stop_time"), 0)))
        for table, ended in (("md_process", running), ("md_pod", pods), ("md_container", containers)):
            for name in ("stop_time", "time_"):
                ended = ended.set_column(ended.schema.get_field_index(name), ended.schema.field(name), pa.repeat(pa.scalar(now), ended.num_rows))
            for batch in ended.combine_chunks().to_batches():
                self.append(table, batch)

    def _disk_refused(self, error: OSError) -> None:
        self._refused_until = time.monotonic() + _DISK_RETRY_S
        text = f"nothing is stored on disk now: {error.strerror or error}; rows stay in memory as far as it reaches"
        if self.problem != text:
            self._tell(text)
        self.problem = text

    # ---- reading ----

    def engine(self) -> DuckDBEngine:
        """The engine that answers SQL over this store."""
        from kafkascope.store.engine import DuckDBEngine

        with self._engine_lock:
            if self._engine is None:
                self._engine = DuckDBEngine(self)
            return self._engine

    def inspect(self, table: str, start_ns: int | None = None, end_ns: int | None = None) -> None:
        """Read what of an earlier run has rows of ``start_ns <= time_ < end_ns`` with its checksums, if that was not done yet; damaged segments are left out and told."""
        if table in self.observed:
            self._inspection.of(self.observed[table], start_ns, end_ns)

    def topic_names(self) -> pa.Table:
        """Columns ``topic_id``, ``topic``: every name that is known."""
        table = self.newest[TOPIC_NAMES].table()
        seen, names = self._names
        if seen is not table:
            names = table.select(["topic_id", "topic"]).combine_chunks() if table.num_rows else _no_names()
            self._names = (table, names)
        return names

    def stats(self) -> dict[str, Any]:
        """What is kept, of each table and in all; what was dropped; whether and why nothing is stored."""
        tables = {name: (self.newest[name] if name in self.newest else self.observed[name]).stats() for name, relation in self.relations.items() if relation.stored}
        found: dict[str, Any] = {
            "tables": tables, "folder": str(self.folder) if self.folder is not None else None, "storing": self.folder is not None and self.problem is None,
            "problem": self.problem, "notes": list(self.notes), "hotBytes": self._hot_bytes(), "hotLimit": self.hot_limit,
            "diskBytes": self._disk_bytes(), "retentionBytes": self.retention_bytes, "retentionAgeS": self.retention_age_s if self.retention_age_s < float("inf") else None,
            "rowsDroppedByRetention": self.rows_by_retention, "rowsDroppedByMemory": sum(t.rows_dropped for t in self.observed.values()),
        }  # fmt: skip
        return found

    def _hot_bytes(self) -> int:
        return sum(table.hot_bytes for table in self.observed.values())

    def _disk_bytes(self) -> int:
        if self.folder is None:
            return 0
        return sum(table.disk_bytes for table in self.observed.values()) + sum(t.wal_bytes for t in self.newest.values())

    # ---- maintenance ----

    def _maintain(self) -> None:
        while not self._closed.is_set():
            self._wake.wait(self._maintenance_s)
            self._wake.clear()
            if self._closed.is_set():
                return
            try:
                self.maintain()
            except Exception as error:
                # The thread must outlive any surprise: without it memory would grow.
                self._tell(f"maintenance failed: {type(error).__name__}: {error}")

    def maintain(self) -> None:
        """One round: roll what is due, sync, apply the limits. Called every second by the store itself."""
        if self.folder is not None:
            self._check_disk(self.folder)
        if self.folder is not None and self._refused_until == 0.0:
            now = time.monotonic()
            pressed = self._hot_bytes() > self.hot_limit // 2
            sync = now - self._synced > SYNC_S
            if sync:
                self._synced = now
            for table in sorted(self.observed.values(), key=lambda t: -t.hot_bytes):
                if table.wants_roll(now) or (pressed and table.hot_bytes > self.hot_limit // 16):
                    self._try(lambda table=table: table.roll(lambda rows: topics.complete(rows, self.topic_names())))
                if sync:
                    table.sync()
            for newest in self.newest.values():
                if newest.wants_rewrite():
                    self._try(newest.rewrite)
                if sync:
                    newest.sync()
            for table in self.observed.values():
                self._try(lambda table=table: table.merge_small(largest=8 << 20, fewest=8, most_rows=512 * 1024))
            pa.default_memory_pool().release_unused()
        # One segment a round.
        self._inspection.go_on(1)
        self._retain()
        while self._hot_bytes() > self.hot_limit:
            fullest = max(self.observed.values(), key=lambda t: t.hot_bytes)
            if not fullest.drop_oldest_hot():
                break

    def _try(self, action: Any) -> None:
        if self._refused_until:
            return
        try:
            action()
        except OSError as error:
            self._disk_refused(error)

    def _check_disk(self, folder: Path) -> None:
        if self._refused_until and time.monotonic() < self._refused_until:
            return
        try:
            space = os.statvfs(folder)
        except OSError as error:
            self._disk_refused(error)
            return
        free = space.f_bavail * space.f_frsize
        if free < self.min_free_bytes:
            self._disk_refused(OSError(28, f"only {free >> 20} MiB are free on the disk, {self.min_free_bytes >> 20} MiB must stay free"))
        elif self._refused_until:
            self._refused_until = 0.0
            self.problem = None
            self._tell("storing on disk again")

    def _retain(self) -> None:
        for name, table in self.observed.items():
            oldest_ns = self._oldest_ns(name)
            for segment in list(table.segments):
                if segment.last_ns < oldest_ns:
                    self._retire(table, segment)
            if table.folder is None:
                self.rows_by_retention += table.drop_hot_before(oldest_ns)
            if name in self.table_retention_bytes:
                self._shrink([table], self.table_retention_bytes[name])
        if time.monotonic() - self._forgot > _FORGET_S:
            self._forgot = time.monotonic()
            for newest in self.newest.values():
                newest.forget_before(self._oldest_ns(newest.relation.name))
        self._shrink(list(self.observed.values()), self.retention_bytes - sum(table.wal_bytes for table in self.newest.values()))

    def _oldest_ns(self, table: str) -> int:
        age_s = self.table_retention_age_s.get(table, self.retention_age_s)
        return time.time_ns() - int(age_s * 1e9) if age_s < _ENDLESS_S else -(1 << 63)

    def _shrink(self, tables: Sequence[ObservedTable], limit: int) -> None:
        """Drop the oldest segments (in memory: the oldest rows) of ``tables`` until they take at most ``limit`` bytes together."""
        if self.folder is None:
            while sum(table.hot_bytes for table in tables) > limit:
                oldest = min((t for t in tables if t.hot_bytes), key=lambda t: t.hot_first_ns or 0)
                dropped = oldest.drop_oldest_hot()
                self.rows_by_retention += dropped
                if not dropped:
                    return
            return
        while sum(table.disk_bytes for table in tables) > limit:
            segments = [(segment.last_ns, segment, table) for table in tables for segment in table.segments]
            if not segments:
                return
            _, segment, table = min(segments, key=lambda entry: entry[0])
            self._retire(table, segment)

    def _retire(self, table: ObservedTable, segment: Segment) -> None:
        table.drop(segment)
        self.rows_by_retention += segment.rows

    def roll(self) -> None:
        """Write all hot rows as segments now. Raises ``OSError`` when the disk refuses."""
        for table in self.observed.values():
            table.roll(lambda rows: topics.complete(rows, self.topic_names()))

    def compact(self) -> None:
        """Write all hot rows and as few segments as there can be, compressed harder. Raises ``OSError`` when the disk refuses."""
        self.roll()
        for table in self.observed.values():
            while table.merge_small(largest=1 << 62, fewest=2, most_rows=_COMPACT_ROWS, level=COMPACT_LEVEL):
                pass
        for newest in self.newest.values():
            if newest.folder is not None:
                newest.rewrite()

    def close(self) -> None:
        """Stop; what is in the write-ahead files is read again at the next start."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._wake.set()
        if not self.read_only:
            self._thread.join(timeout=60)
        if self._engine is not None:
            self._engine.close()
        kept: list[ObservedTable | NewestTable] = [*self.observed.values(), *self.newest.values()]
        for table in kept:
            with contextlib.suppress(OSError):
                table.close()
        self._unlock()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _no_names() -> pa.Table:
    return pa.table({"topic_id": pa.array([], pa.string()), "topic": pa.array([], pa.string())})
