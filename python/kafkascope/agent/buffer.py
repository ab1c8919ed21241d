"""What waits for a server that is away, on disk: in order, bounded, there again after a restart."""

from __future__ import annotations

import json
import struct
import zlib
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

_SEGMENT_BYTES = 8 << 20
_SUFFIX = ".waiting"
#: Length and CRC-32 of what follows.
_HEADER = struct.Struct("<II")
_LARGEST = 256 << 20
#: Names begin in the middle: something may have to come before them.
_FIRST = 500_000_000_000
_COMPRESSED = pa.ipc.IpcWriteOptions(compression="zstd")


@dataclass(slots=True)
class Waiting:
    """One batch with its place in its sender's stream; ``session`` may be that of an earlier run."""

    table: str
    batch: pa.RecordBatch
    session: str
    sequence: int


class DiskBuffer:
    """A queue of batches in ``folder``, of at most ``max_bytes``. Not thread-safe.

    A segment is removed when its last batch was taken: after a kill its batches come again, which their sequence numbers tell the server.
    Raises ``OSError`` when the folder cannot be made or read.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self.damaged = 0
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._segments: deque[tuple[Path, int]] = deque()
        self.bytes = 0
        for path in sorted(folder.glob(f"*{_SUFFIX}")):
            size = path.stat().st_size
            self._segments.append((path, size))
            self.bytes += size
        self._number = int(self._segments[-1][0].stem) if self._segments else _FIRST
        self._out: IO[bytes] | None = None
        self._in: IO[bytes] | None = None
        self._taken: list[Path] = []

    def __bool__(self) -> bool:
        return bool(self._segments)

    def append(self, item: Waiting) -> bool:
        """Add at the end; false when there is no room. Raises ``OSError`` when the disk refuses; nothing is added then."""
        body = _encode(item)
        size = _HEADER.size + len(body)
        if self.bytes + size > self.max_bytes:
            return False
        if self._out is None or self._segments[-1][1] + size > _SEGMENT_BYTES:
            self._close_out()
            self._number += 1
            path = self.folder / f"{self._number:012d}{_SUFFIX}"
            self._out = path.open("xb", buffering=0)
            self._segments.append((path, 0))
        path, length = self._segments[-1]
        try:
            self._out.write(_HEADER.pack(len(body), zlib.crc32(body)) + body)
        except OSError:
            # Half a batch must not stand before whole ones.
            try:
                self._out.truncate(length)
                self._out.seek(length)
            except OSError:
                self._close_out()
            raise
        self._segments[-1] = (path, length + size)
        self.bytes += size
        return True

    def prepend(self, items: list[Waiting]) -> bool:
        """Put ``items`` before everything that is here; false when there is no room. Raises ``OSError``; nothing is added then."""
        if not items:
            return True
        bodies = [_encode(item) for item in items]
        size = sum(_HEADER.size + len(body) for body in bodies)
        if self.bytes + size > self.max_bytes:
            return False
        first = min((int(path.stem) for path in (*self._taken, *(path for path, _ in self._segments))), default=_FIRST + 1) - 1
        path = self.folder / f"{first:012d}{_SUFFIX}"
        try:
            path.write_bytes(b"".join(_HEADER.pack(len(body), zlib.crc32(body)) + body for body in bodies))
        except OSError:
            path.unlink(missing_ok=True)
            raise
        self._close_in()
        self._segments.appendleft((path, size))
        self.bytes += size
        return True

    def take(self) -> Waiting | None:
        """The oldest batch; ``None`` when there is none. Its file stays until ``forget``."""
        while self._segments:
            path, size = self._segments[0]
            if self._in is None:
                self._in = path.open("rb")
            item, damaged = _decode(self._in)
            if item is not None:
                return item
            if damaged:
                # What stands behind the damage cannot be found again.
                self.damaged += 1
            self._close_in()
            if len(self._segments) == 1:
                self._close_out()
            self._segments.popleft()
            self.bytes -= size
            self._taken.append(path)
        return None

    def forget(self) -> None:
        """All that was taken has arrived: remove its files."""
        for path in self._taken:
            path.unlink(missing_ok=True)
        self._taken.clear()

    def _close_out(self) -> None:
        if self._out is not None:
            self._out.close()
            self._out = None

    def _close_in(self) -> None:
        if self._in is not None:
            self._in.close()
            self._in = None

    def close(self) -> None:
        """Close the files; what was not forgotten is there at the next start."""
        self._close_out()
        self._close_in()


def _encode(item: Waiting) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, item.batch.schema, options=_COMPRESSED) as writer:
        writer.write_batch(item.batch)
    tag = json.dumps({"table": item.table, "session": item.session, "sequence": item.sequence}).encode()
    return bytes(struct.pack("<I", len(tag)) + tag + sink.getvalue().to_pybytes())


def _decode(file: IO[bytes]) -> tuple[Waiting | None, bool]:
    """The next batch; without one, whether damage stands in its place."""
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None, bool(header)
    length, checksum = _HEADER.unpack(header)
    body = file.read(length) if length <= _LARGEST else b""
    if len(body) < length or not length or zlib.crc32(body) != checksum:
        return None, True
    try:
        (size,) = struct.unpack_from("<I", body)
        tag: dict[str, Any] = json.loads(body[4 : 4 + size])
        batch = pa.ipc.open_stream(body[4 + size :]).read_next_batch()
        return Waiting(str(tag["table"]), batch, str(tag["session"]), int(tag["sequence"])), False
    except (struct.error, ValueError, KeyError, pa.ArrowException, StopIteration):
        return None, True
