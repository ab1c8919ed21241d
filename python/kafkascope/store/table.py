"""One table's rows: hot batches with their write-ahead files, and segments on disk."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.store import segments as seg
from kafkascope.store import wal
from kafkascope.store.catalogue import Relation
from kafkascope.store.errors import SchemaMismatch
from kafkascope.store.hot import HotRows
from kafkascope.store.segments import Segment

#: A segment is written when the hot rows are this many, this large, or (when worth a file) this old.
ROLL_ROWS = 256 * 1024
ROLL_BYTES = 48 << 20
ROLL_AGE_S = 120.0
ROLL_AGE_FEW_S = 1800.0
_FEW_ROWS = 5000
#: Senders whose positions a table remembers.
_SENDERS = 256
#: How often a folder that another process writes is read again until it holds still.
_LOOKS = 5
_WAL_NAME = re.compile(r"^(?P<generation>\d+)\.v(?P<version>\d+)\.wal$")


@dataclass(frozen=True)
class Lost:
    """What damage cost: rows as far as their number is known, and bytes of files."""

    rows: int
    bytes: int


class Tell(Protocol):
    """Where a table says what is out of the ordinary, with what was lost by it."""

    def __call__(self, text: str, lost: Lost | None = None) -> None: ...


@dataclass(frozen=True)
class Snapshot:
    """What a query sees of a table: it stays readable until ``release``."""

    hot: pa.Table
    hot_unnamed_topics: int
    segments: tuple[Segment, ...]
    release: Callable[[], None]


class ObservedTable:
    """Rows over time. Thread-safe."""

    def __init__(self, relation: Relation, folder: Path | None, tell: Tell, *, read_only: bool = False) -> None:
        self.relation = relation
        self.folder = folder
        self._tell = tell
        self._read_only = read_only
        self._lock = threading.Lock()
        self._rolling = threading.Lock()
        self._hot = HotRows(relation.schema)
        self._frozen: HotRows | None = None
        self._hot_since: float | None = None
        self._wal: wal.WriteAhead | None = None
        self._hot_wals: list[Path] = []
        self._frozen_wals: list[Path] = []
        self._generation = 0
        self._frozen_generations = (0, 0)
        self._hot_low = 1
        self._segments: list[Segment] = []
        self._pins: dict[Path, int] = {}
        self._doomed: set[Path] = set()
        self._roll_soon = False
        self.rows_dropped = 0
        self.positions: dict[str, int] = {}
        if folder is not None:
            if read_only:
                self._look(folder)
            else:
                folder.mkdir(mode=0o750, exist_ok=True)
                self._recover(folder)

    # ---- opening ----

    def _look(self, folder: Path) -> None:
        """Read what a store that another process may be writing holds now."""
        for _ in range(_LOOKS):
            before = _names(folder)
            self._hot, self._hot_wals, self._segments = HotRows(self.relation.schema), [], []
            if before:
                self._recover(folder)
            if _names(folder) == before:
                return
        self._tell(f"{self.relation.name}: its files changed while they were read; rows may be missing")

    def _recover(self, folder: Path) -> None:
        found: list[Segment] = []
        for path in sorted(folder.iterdir()):
            if path.name.endswith(seg.TEMPORARY):
                self._unlink(path)
            elif path.suffix == ".parquet":
                try:
                    found.append(seg.open_segment(path, self.relation))
                except seg.UnreadableSegment as error:
                    if error.damaged:
                        self._quarantine(path, str(error), 0)
                    else:
                        self._tell(f"{self.relation.name}: {path.name} left out: {error}")
        self._segments = [s for s in found if not any(_supersedes(other, s) for other in found)]
        for superseded in set(found) - set(self._segments):
            self._unlink(superseded.path)
        rolled = max((s.high for s in self._segments), default=0)
        self._generation = rolled
        self._hot_low = rolled + 1
        for generation, path in wal_files(folder, self._tell, self.relation.name):
            if generation <= rolled:
                self._unlink(path)
                continue
            self._generation = max(self._generation, generation)
            self._hot_wals.append(path)
            recovered, positions = recover_wal(path, self.relation, self._tell_damage)
            self.positions.update(positions)
            for batch in recovered:
                span = time_span(batch)
                if span is not None:
                    self._hot.append(batch, span)
        if self._hot.rows:
            self._hot_since = time.monotonic()

    def _tell_damage(self, text: str, lost: Lost | None = None) -> None:
        # Rolled at once, the damaged file goes, and is not told of at every start.
        self._roll_soon = self._roll_soon or lost is not None
        self._tell(text, lost)

    def _unlink(self, path: Path) -> None:
        if not self._read_only:
            path.unlink(missing_ok=True)

    def _quarantine(self, path: Path, why: str, rows: int) -> None:
        lost = Lost(rows, path.stat().st_size if path.exists() else 0)
        if not self._read_only:
            with contextlib.suppress(OSError):
                path.rename(path.with_name(path.name + ".damaged"))
        self._tell(f"{self.relation.name}: {path.name} left out: {why}", lost)

    # ---- writing ----

    def append(self, batch: pa.RecordBatch, span: tuple[int, int], store_on_disk: bool, position: Mapping[str, int]) -> OSError | None:
        """Add rows, with the sender's position that is reached with them; the error when they could not be written to disk (they are in memory then)."""
        failure: OSError | None = None
        with self._lock:
            if self.folder is not None and store_on_disk:
                try:
                    self._open_wal(self.folder).append(batch, position)
                except OSError as error:
                    failure = error
            self._hot.append(batch, span)
            remember(self.positions, position)
            if self._hot_since is None:
                self._hot_since = time.monotonic()
        return failure

    def _open_wal(self, folder: Path) -> wal.WriteAhead:
        if self._wal is None:
            path = folder / f"{self._generation + 1:09d}.v{seg.FORMAT_VERSION}{wal.SUFFIX}"
            self._wal = wal.WriteAhead(path, self.relation.schema, self.positions)
            self._generation += 1
            self._hot_wals.append(path)
        return self._wal

    def wants_roll(self, now: float) -> bool:
        if self.folder is None:
            return False
        if self._frozen is not None or (self._roll_soon and self._hot.rows):
            return True
        hot, since = self._hot, self._hot_since
        if since is None:
            return False
        age = now - since
        return hot.rows >= ROLL_ROWS or hot.bytes >= ROLL_BYTES or age >= ROLL_AGE_FEW_S or (age >= ROLL_AGE_S and hot.rows >= _FEW_ROWS)

    def roll(self, complete: Callable[[pa.Table], pa.Table]) -> bool:
        """Write the hot rows as a segment; ``complete`` fills in what was learned since. Raises ``OSError`` when the disk refuses."""
        if self.folder is None:
            return False
        with self._rolling:
            with self._lock:
                if self._frozen is None:
                    if not self._hot.rows:
                        return False
                    self._freeze()
                frozen = self._frozen
                assert frozen is not None
                table, (low, high) = frozen.table(), self._frozen_generations
            segment = seg.write(self.folder, complete(table), low, high)
            with self._lock:
                self._frozen = None
                self._segments.append(segment)
                old, self._frozen_wals = self._frozen_wals, []
            for path in old:
                path.unlink(missing_ok=True)
            return True

    def _freeze(self) -> None:
        if self._wal is not None:
            self._wal.close()
            self._wal = None
        # Rows that never reached a write-ahead file take a generation of their own.
        self._generation = max(self._generation, self._hot_low)
        self._frozen_generations = (self._hot_low, self._generation)
        self._hot_low = self._generation + 1
        self._frozen, self._hot = self._hot, HotRows(self.relation.schema)
        self._frozen_wals, self._hot_wals = self._hot_wals, []
        self._roll_soon = False
        self._hot_since = None
        if self.folder is not None and self.positions:
            # The old file takes its positions with it.
            with contextlib.suppress(OSError):
                self._open_wal(self.folder)

    def sync(self) -> None:
        """Make the write-ahead file survive a power cut."""
        current = self._wal
        if current is not None:
            try:
                current.sync()
            except (OSError, ValueError):
                pass

    # ---- reading ----

    def snapshot(self, start_ns: int | None, end_ns: int | None) -> Snapshot:
        """The rows that may lie in [start, end), fixed."""
        with self._lock:
            chosen = tuple(s for s in self._segments if s.overlaps(start_ns, end_ns))
            for segment in chosen:
                self._pins[segment.path] = self._pins.get(segment.path, 0) + 1
            parts = [h for h in (self._frozen, self._hot) if h is not None and _hot_overlaps(h, start_ns, end_ns)]
            batches = [batch for part in parts for batch in part.merged()]
            unnamed = sum(part.unnamed_topics for part in parts)
        return Snapshot(pa.Table.from_batches(batches, self.relation.schema), unnamed, chosen, lambda: self._release(chosen))

    def _release(self, chosen: Iterable[Segment]) -> None:
        with self._lock:
            for segment in chosen:
                left = self._pins[segment.path] - 1
                if left:
                    self._pins[segment.path] = left
                else:
                    del self._pins[segment.path]
                    if segment.path in self._doomed:
                        self._doomed.discard(segment.path)
                        segment.path.unlink(missing_ok=True)

    # ---- limits ----

    @property
    def segments(self) -> list[Segment]:
        return self._segments

    def drop(self, segment: Segment) -> None:
        """Forget a segment; its file goes when no query reads it."""
        with self._lock:
            self._segments = [s for s in self._segments if s.path != segment.path]
            self._remove(segment.path)

    def _remove(self, path: Path) -> None:
        if path in self._pins:
            self._doomed.add(path)
        else:
            path.unlink(missing_ok=True)

    def leave_out_damaged(self, among: Iterable[Segment] | None = None) -> int:
        """Read segments (all, or those of ``among`` that are still there) with their checksums; leave out those which fail. Their number."""
        kept = list(self._segments)
        chosen = kept if among is None else [segment for segment in among if segment in kept]
        bad = [(segment, why) for segment in chosen if (why := seg.verify(segment.path)) is not None]
        # One that was merged or dropped meanwhile is no damage.
        bad = [(segment, why) for segment, why in bad if segment in self._segments]
        for segment, why in bad:
            with self._lock:
                self._segments = [s for s in self._segments if s.path != segment.path]
            self._quarantine(segment.path, f"damaged: {why}; {segment.rows} rows are lost", segment.rows)
            self.rows_dropped += segment.rows
        return len(bad)

    def merge_small(self, largest: int, fewest: int, most_rows: int, level: int = seg.LEVEL) -> bool:
        """Write a run of at least ``fewest`` (two or more) neighbouring segments below ``largest`` bytes as one of at most ``most_rows``; whether there was one."""
        if self.folder is None:
            return False
        with self._rolling:
            run: list[Segment] = []
            rows = 0
            for segment in sorted(self._segments, key=lambda s: s.low):
                alike = not run or (segment.columns, segment.differences) == (run[0].columns, run[0].differences)
                if segment.bytes < largest and rows + segment.rows <= most_rows and alike:
                    run.append(segment)
                    rows += segment.rows
                elif len(run) >= fewest:
                    break
                else:
                    fits = segment.bytes < largest and segment.rows <= most_rows
                    run, rows = ([segment], segment.rows) if fits else ([], 0)
            if len(run) < max(fewest, 2):
                return False
            try:
                merged = seg.merge(self.folder, run, level)
            except pa.ArrowException:
                self.leave_out_damaged()
                return False
            with self._lock:
                gone = {s.path for s in run}
                self._segments = [s for s in self._segments if s.path not in gone] + [merged]
                for path in gone:
                    self._remove(path)
            return True

    def drop_oldest_hot(self) -> int:
        """Forget the oldest hot batch: memory is short. Its rows are counted."""
        with self._lock:
            for part in (self._frozen, self._hot):
                if part:
                    if part is self._frozen and self._rolling.locked():
                        continue
                    rows = part.drop_oldest()
                    self.rows_dropped += rows
                    if part is self._frozen and not part:
                        self._frozen = None
                        for path in self._frozen_wals:
                            path.unlink(missing_ok=True)
                        self._frozen_wals = []
                    return rows
        return 0

    @property
    def hot_bytes(self) -> int:
        frozen = self._frozen
        return self._hot.bytes + (frozen.bytes if frozen is not None else 0)

    @property
    def hot_first_ns(self) -> int | None:
        return min((h.first_ns for h in (self._frozen, self._hot) if h is not None and h.first_ns is not None), default=None)

    def drop_hot_before(self, time_ns: int) -> int:
        """Forget hot batches that are wholly older than ``time_ns``; the number of their rows."""
        with self._lock:
            return self._hot.drop_before(time_ns)

    @property
    def wal_bytes(self) -> int:
        return self._wal.bytes if self._wal is not None else 0

    @property
    def disk_bytes(self) -> int:
        return sum(segment.bytes for segment in self._segments) + self.wal_bytes

    def stats(self) -> dict[str, int | None]:
        """Rows, bytes, oldest and newest time, dropped rows."""
        with self._lock:
            hots = [h for h in (self._frozen, self._hot) if h is not None and h.rows]
            firsts = [s.first_ns for s in self._segments] + [h.first_ns for h in hots if h.first_ns is not None]
            lasts = [s.last_ns for s in self._segments] + [h.last_ns for h in hots if h.last_ns is not None]
            return {
                "rows": sum(s.rows for s in self._segments) + sum(h.rows for h in hots), "bytes": sum(s.bytes for s in self._segments) + sum(h.bytes for h in hots),
                "oldestNs": min(firsts, default=None), "newestNs": max(lasts, default=None), "segments": len(self._segments), "rowsDropped": self.rows_dropped,
            }  # fmt: skip

    def close(self) -> None:
        with self._rolling, self._lock:
            if self._wal is not None:
                try:
                    self._wal.sync()
                except OSError:
                    pass
                self._wal.close()
                self._wal = None


def _supersedes(other: Segment, segment: Segment) -> bool:
    return other.low <= segment.low and other.high >= segment.high and (other.high - other.low) > (segment.high - segment.low)


def _hot_overlaps(hot: HotRows, start_ns: int | None, end_ns: int | None) -> bool:
    if hot.first_ns is None or hot.last_ns is None:
        return False
    return (start_ns is None or hot.last_ns >= start_ns) and (end_ns is None or hot.first_ns < end_ns)


def time_span(batch: pa.RecordBatch) -> tuple[int, int] | None:
    """First and last ``time_`` of a batch."""
    found = pc.min_max(batch.column("time_")).as_py()
    return None if found["min"] is None else (found["min"], found["max"])


def _names(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir()}
    except FileNotFoundError:
        return set()


def wal_files(folder: Path, tell: Tell, table: str) -> list[tuple[int, Path]]:
    """The write-ahead files of a table's folder by generation; those of a newer version are left alone and noted."""
    found = []
    for path in sorted(folder.glob(f"*{wal.SUFFIX}")):
        match = _WAL_NAME.match(path.name)
        if match is None or int(match["version"]) > seg.FORMAT_VERSION:
            tell(f"{table}: {path.name} left out: a newer version's write-ahead file")
            continue
        found.append((int(match["generation"]), path))
    return found


def remember(positions: dict[str, int], position: Mapping[str, int]) -> None:
    """Note a sender's position; of many senders only the latest are kept."""
    for session, sequence in position.items():
        positions.pop(session, None)
        positions[session] = sequence
    while len(positions) > _SENDERS:
        del positions[next(iter(positions))]


def recover_wal(path: Path, relation: Relation, tell: Tell) -> tuple[list[pa.RecordBatch], dict[str, int]]:
    """The rows of a write-ahead file as batches of the table, and the senders' positions; damage is told."""
    from kafkascope.store.batches import conform

    try:
        found = wal.read(path)
    except OSError as error:
        tell(f"{relation.name}: {path.name} cannot be read: {error}", Lost(0, 0))
        return [], {}
    if found.damaged_bytes:
        tell(f"{relation.name}: {found.damaged_bytes} bytes of {path.name} are damaged; their rows are lost", Lost(0, found.damaged_bytes))
    batches = []
    for batch in found.batches:
        try:
            if batch.num_rows:
                batches.append(conform(relation, batch))
        except SchemaMismatch as error:
            tell(f"{relation.name}: {batch.num_rows} rows of {path.name} left out: {error.message}", Lost(batch.num_rows, 0))
    return batches, found.positions
