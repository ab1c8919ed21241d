"""The write-ahead file of a table's hot rows.

Each record is an Arrow IPC message behind a length and a checksum, so that damage costs the records it touches and not those
after them, which a plain IPC stream would lose too.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

MAGIC = b"KSW1"
_HEADER = struct.Struct("<4sIQ")
SUFFIX = ".wal"


class WriteAhead:
    """One write-ahead file, open for appending. Not thread-safe: the table's lock guards it."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        self.bytes = 0
        self._dirty = False
        try:
            self._write(schema.serialize())
        except OSError:
            os.close(self._fd)
            path.unlink(missing_ok=True)
            raise

    def append(self, batch: pa.RecordBatch) -> None:
        """Write a batch. On ``OSError`` the file is as it was before."""
        self._write(batch.serialize())

    def _write(self, payload: pa.Buffer) -> None:
        header = _HEADER.pack(MAGIC, zlib.crc32(payload), payload.size)
        wanted = len(header) + payload.size
        try:
            written = os.writev(self._fd, [header, payload])
            while written < wanted:
                rest = memoryview(payload)[written - len(header) :] if written >= len(header) else memoryview(header + payload.to_pybytes())[written:]
                written += os.write(self._fd, rest)
        except OSError:
            os.ftruncate(self._fd, self.bytes)
            os.lseek(self._fd, self.bytes, os.SEEK_SET)
            raise
        self.bytes += wanted
        self._dirty = True

    def sync(self) -> None:
        """Make what was written survive a power cut."""
        if self._dirty:
            self._dirty = False
            os.fdatasync(self._fd)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def remove(self) -> None:
        """Close and delete: its rows are elsewhere now."""
        self.close()
        self.path.unlink(missing_ok=True)


@dataclass
class Recovered:
    """What a write-ahead file still held."""

    batches: list[pa.RecordBatch] = field(default_factory=list)
    damaged_bytes: int = 0
    #: The file ends in the middle of a record: the process was killed while it wrote. Not damage.
    torn_bytes: int = 0


def read(path: Path) -> Recovered:
    """The readable batches of a write-ahead file, in order."""
    found = Recovered()
    schema: pa.Schema | None = None
    if path.stat().st_size == 0:
        return found
    with pa.memory_map(str(path)) as mapped:
        whole = mapped.read_buffer()
        view = memoryview(whole)
        for payload, gap, torn in _records(view):
            found.damaged_bytes += gap
            found.torn_bytes += torn
            if payload is None:
                continue
            try:
                message = pa.ipc.read_message(pa.py_buffer(bytes(payload)))
                if message.type == "schema":
                    schema = pa.ipc.read_schema(message)
                elif schema is not None:
                    found.batches.append(pa.ipc.read_record_batch(message, schema))
                else:
                    found.damaged_bytes += len(payload)
            except (pa.ArrowInvalid, OSError):
                found.damaged_bytes += len(payload)
        view.release()
    return found


def _records(view: memoryview) -> Iterator[tuple[memoryview | None, int, int]]:
    """(payload, bytes skipped before it, torn bytes at the end)."""
    at, end = 0, len(view)
    while at < end:
        payload = _record_at(view, at)
        if payload is not None:
            yield payload, 0, 0
            at += _HEADER.size + len(payload)
            continue
        next_at = at + 1
        while (next_at := _find(view, next_at)) >= 0 and _record_at(view, next_at) is None:
            next_at += 1
        if next_at < 0:
            head = view[at : at + 4].tobytes()
            yield (None, 0, end - at) if MAGIC.startswith(head) and _reaches_past_the_end(view, at) else (None, end - at, 0)
            return
        yield None, next_at - at, 0
        at = next_at


def _reaches_past_the_end(view: memoryview, at: int) -> bool:
    if len(view) - at < _HEADER.size:
        return True
    return at + _HEADER.size + _HEADER.unpack_from(view, at)[2] > len(view)


def _find(view: memoryview, start: int, window: int = 1 << 20) -> int:
    for low in range(start, len(view), window):
        hit = view[low : low + window + len(MAGIC) - 1].tobytes().find(MAGIC)
        if hit >= 0:
            return low + hit
    return -1


def _record_at(view: memoryview, at: int) -> memoryview | None:
    if len(view) - at < _HEADER.size:
        return None
    magic, crc, size = _HEADER.unpack_from(view, at)
    start = at + _HEADER.size
    if magic != MAGIC or size > len(view) - start:
        return None
    payload = view[start : start + size]
    return payload if zlib.crc32(payload) == crc else None
