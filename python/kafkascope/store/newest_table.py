"""A table of newest rows with its write-ahead file, which is rewritten when it has grown."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from kafkascope.store import wal
from kafkascope.store.catalogue import Relation
from kafkascope.store.newest import NewestRows
from kafkascope.store.segments import FORMAT_VERSION
from kafkascope.store.table import Tell, recover_wal, remember, time_span, wal_files

_REWRITE_BYTES = 4 << 20
_KEYS = 200_000


class NewestTable:
    """One row per key, kept over restarts. Thread-safe."""

    def __init__(self, relation: Relation, key: str, folder: Path | None, tell: Tell, limit: int = _KEYS, *, read_only: bool = False) -> None:
        self.relation = relation
        self.folder = folder
        self._lock = threading.Lock()
        self._rows = NewestRows(relation.schema, key, limit)
        self._wal: wal.WriteAhead | None = None
        self._old: list[Path] = []
        self._old_bytes = 0
        self._generation = 0
        self._rewritten_bytes = 0
        self.positions: dict[str, int] = {}
        if folder is not None:
            if not read_only:
                folder.mkdir(mode=0o750, exist_ok=True)
                for temporary in folder.glob("*.tmp"):
                    temporary.unlink()
            for generation, path in wal_files(folder, tell, relation.name):
                self._generation = generation
                self._old.append(path)
                self._old_bytes += path.stat().st_size
                recovered, positions = recover_wal(path, relation, tell)
                self.positions.update(positions)
                for batch in recovered:
                    self._rows.append(batch)

    def append(self, batch: pa.RecordBatch, store_on_disk: bool, position: Mapping[str, int]) -> OSError | None:
        """Add rows, with the sender's position that is reached with them; the error when they could not be written to disk (they hold in memory then)."""
        failure: OSError | None = None
        with self._lock:
            if self.folder is not None and store_on_disk:
                try:
                    if self._wal is None:
                        self._wal = self._new_wal(self.folder)
                    self._wal.append(batch, position)
                except OSError as error:
                    failure = error
            self._rows.append(batch)
            remember(self.positions, position)
        return failure

    def _new_wal(self, folder: Path) -> wal.WriteAhead:
        self._generation += 1
        return wal.WriteAhead(folder / f"{self._generation:09d}.v{FORMAT_VERSION}{wal.SUFFIX}", self.relation.schema, self.positions)

    def wants_rewrite(self) -> bool:
        return self.folder is not None and self.wal_bytes > _REWRITE_BYTES + 2 * self._rewritten_bytes

    def rewrite(self) -> None:
        """Replace the write-ahead files by one with the newest rows. ``OSError`` when the disk refuses; nothing is lost then."""
        assert self.folder is not None
        with self._lock:
            table = self._rows.table()
            self._generation += 1
            name = f"{self._generation:09d}.v{FORMAT_VERSION}{wal.SUFFIX}"
            fresh = wal.WriteAhead(self.folder / (name + ".tmp"), self.relation.schema, self.positions)
            try:
                for batch in table.to_batches(max_chunksize=16384):
                    fresh.append(batch)
                fresh.sync()
                fresh.path.rename(self.folder / name)
            except OSError:
                fresh.remove()
                raise
            fresh.path = self.folder / name
            old = [*self._old, *([self._wal.path] if self._wal is not None else [])]
            if self._wal is not None:
                self._wal.close()
            self._wal, self._old, self._old_bytes, self._rewritten_bytes = fresh, [], 0, fresh.bytes
        for path in old:
            path.unlink(missing_ok=True)

    def table(self) -> pa.Table:
        """The newest row of each key."""
        with self._lock:
            return self._rows.table()

    def forget_before(self, time_ns: int) -> None:
        """Forget what ended before ``time_ns``."""
        with self._lock:
            self._rows.forget_before(time_ns)

    @property
    def wal_bytes(self) -> int:
        return self._old_bytes + (self._wal.bytes if self._wal is not None else 0)

    def sync(self) -> None:
        current = self._wal
        if current is not None:
            try:
                current.sync()
            except (OSError, ValueError):
                pass

    def stats(self) -> dict[str, int | None]:
        """Rows, bytes, oldest and newest time, forgotten keys."""
        table = self.table()
        span = time_span(table) if table.num_rows else None
        return {"rows": table.num_rows, "bytes": table.get_total_buffer_size(), "oldestNs": span[0] if span else None, "newestNs": span[1] if span else None,
                "segments": 0, "rowsDropped": self._rows.forgotten}  # fmt: skip

    def close(self) -> None:
        self.sync()
        with self._lock:
            if self._wal is not None:
                self._wal.close()
                self._wal = None
