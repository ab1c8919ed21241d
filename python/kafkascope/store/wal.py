"""The write-ahead file of a table's hot rows.

Each record is an Arrow IPC message, LZ4-compressed when it is large (a broker's disk has better to do), behind lengths and a checksum, so that damage costs the records it touches and not those
after them, which a plain IPC stream would lose too. Beside the message stand the positions (session and sequence number) that
are reached with it: a batch and the knowledge that it was stored are written or lost together.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

#: Before a record: as it is, or compressed.
PLAIN, COMPRESSED = b"KSW1", b"KSW2"
_MAGIC = b"KSW"
_HEADER = struct.Struct("<4sIIQ")
#: Before the compressed message: its size when it is not.
_RAW_SIZE = struct.Struct("<Q")
_LARGE = 4096
#: A length that a damaged record claims is not believed beyond this.
_LARGEST = 1 << 31
SUFFIX = ".wal"


class WriteAhead:
    """One write-ahead file, open for appending. Not thread-safe: the table's lock guards it."""

    def __init__(self, path: Path, schema: pa.Schema, positions: Mapping[str, int] | None = None) -> None:
        self.path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        self.bytes = 0
        self._dirty = False
        self._codec = pa.Codec("lz4")
        try:
            self._write(schema.serialize(), positions)
        except OSError:
            os.close(self._fd)
            path.unlink(missing_ok=True)
            raise

    def append(self, batch: pa.RecordBatch, positions: Mapping[str, int] | None = None) -> None:
        """Write a batch and the positions reached with it. On ``OSError`` the file is as it was before."""
        self._write(batch.serialize(), positions)

    def _write(self, message: pa.Buffer | bytes, positions: Mapping[str, int] | None) -> None:
        tag = json.dumps(positions).encode() if positions else b""
        magic, before = PLAIN, b""
        if len(message) >= _LARGE:
            magic, before = COMPRESSED, _RAW_SIZE.pack(len(message))
            # As bytes: a compressed Buffer shows a memoryview all that was set aside for it.
            message = self._codec.compress(message, asbytes=True)
        body = memoryview(message)
        checksum = zlib.crc32(body, zlib.crc32(before, zlib.crc32(tag)))
        header = _HEADER.pack(magic, checksum, len(tag), len(before) + len(body))
        parts: list[memoryview] = [memoryview(header + tag + before), body]
        wanted = sum(len(part) for part in parts)
        try:
            while parts:
                written = os.writev(self._fd, parts)
                while parts and written >= len(parts[0]):
                    written -= len(parts.pop(0))
                if parts:
                    parts[0] = parts[0][written:]
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
    positions: dict[str, int] = field(default_factory=dict)
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
        for record, gap, torn in _records(view):
            found.damaged_bytes += gap
            found.torn_bytes += torn
            if record is None:
                continue
            try:
                positions = json.loads(record.tag) if record.tag else {}
                message = pa.ipc.read_message(pa.py_buffer(record.message))
                if message.type == "schema":
                    schema = pa.ipc.read_schema(message)
                elif schema is not None:
                    found.batches.append(pa.ipc.read_record_batch(message, schema))
                else:
                    found.damaged_bytes += record.size
                    continue
                found.positions.update(positions)
            except (pa.ArrowInvalid, OSError, ValueError):
                found.damaged_bytes += record.size
        view.release()
    return found


@dataclass(frozen=True, slots=True)
class _Record:
    tag: bytes
    message: bytes
    size: int


def _records(view: memoryview) -> Iterator[tuple[_Record | None, int, int]]:
    """(record, bytes skipped before it, torn bytes at the end)."""
    at, end = 0, len(view)
    while at < end:
        record = _record_at(view, at)
        if record is not None:
            yield record, 0, 0
            at += record.size
            continue
        next_at = at + 1
        while (next_at := _find(view, next_at)) >= 0 and _record_at(view, next_at) is None:
            next_at += 1
        if next_at < 0:
            yield (None, 0, end - at) if _reaches_past_the_end(view, at) else (None, end - at, 0)
            return
        yield None, next_at - at, 0
        at = next_at


def _reaches_past_the_end(view: memoryview, at: int) -> bool:
    if len(view) - at < _HEADER.size:
        return any(magic.startswith(view[at : at + len(magic)].tobytes()) for magic in (PLAIN, COMPRESSED))
    magic, _, tag, size = _HEADER.unpack_from(view, at)
    return magic in (PLAIN, COMPRESSED) and at + _HEADER.size + tag + size > len(view)


def _find(view: memoryview, start: int, window: int = 1 << 20) -> int:
    for low in range(start, len(view), window):
        hit = view[low : low + window + len(_MAGIC) - 1].tobytes().find(_MAGIC)
        if hit >= 0:
            return low + hit
    return -1


def _record_at(view: memoryview, at: int) -> _Record | None:
    if len(view) - at < _HEADER.size:
        return None
    magic, crc, tag, size = _HEADER.unpack_from(view, at)
    start = at + _HEADER.size
    if magic not in (PLAIN, COMPRESSED) or tag + size > len(view) - start:
        return None
    body = view[start : start + tag + size]
    if zlib.crc32(body) != crc:
        return None
    message = _decompressed(body[tag:]) if magic == COMPRESSED else bytes(body[tag:])
    return None if message is None else _Record(bytes(body[:tag]), message, _HEADER.size + tag + size)


def _decompressed(body: memoryview) -> bytes | None:
    if len(body) < _RAW_SIZE.size:
        return None
    (size,) = _RAW_SIZE.unpack_from(body)
    try:
        return bytes(pa.Codec("lz4").decompress(body[_RAW_SIZE.size :], size)) if size <= _LARGEST else None
    except (pa.ArrowException, OSError):
        return None
