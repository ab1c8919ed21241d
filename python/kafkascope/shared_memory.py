"""Batches between an agent and a store on one host, through memory that both reach instead of through a socket.

A socket copies every byte into the kernel and out again in small pieces, and each piece wakes a thread. Here the agent writes into a memory file (memfd_create(2)) whose descriptor it
passes once (SCM_RIGHTS, unix(7)), for reading only; after that, lines of JSON say what lies where, and are answered. What is taken is copied before it is looked at: the agent writes
over it as soon as it has the answer, and whatever happens to the file meanwhile breaks nothing.
"""

from __future__ import annotations

import json
import mmap
import os
import socket
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

#: A store's socket for this is beside the one for Flight.
SUFFIX = ".memory"
#: Bytes in a line at most.
_LINE = 4 << 20
#: An agent's file grows in powers of two from here, and once a larger window was taken is not kept above this.
_LEAST, _KEPT = 1 << 20, 16 << 20
#: Arrow's buffers begin at multiples of this.
_ALIGNED = 64


class SharedMemoryError(OSError):
    """Batches cannot be handed over like this; the reason is in words."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the file a batch is, as an Arrow IPC stream of one batch. Bytes."""

    at: int
    length: int


class Window:
    """The agent's side of the file: a window of batches, written over the one before."""

    def __init__(self) -> None:
        try:
            self._file = os.memfd_create("kafkascope", os.MFD_CLOEXEC)
        except OSError as error:
            raise SharedMemoryError(f"no memory file: {error.strerror}") from error
        # Who could shorten it would end this process at its next write.
        os.fchmod(self._file, 0o600)
        self._memory: memoryview | None = None
        self._size = 0
        #: Bytes that there is memory for; a write beyond, where there is none left, would end this process.
        self._reserved = 0

    def offer(self, connection: socket.socket) -> None:
        """Pass the file to the other end."""
        readable = os.open(f"/proc/self/fd/{self._file}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            socket.send_fds(connection, [b"\0"], [readable])
        finally:
            os.close(readable)

    def write(self, batches: Iterable[pa.RecordBatch]) -> list[Place]:
        """Write the batches; their places. Raises ``SharedMemoryError`` when there is no memory for them."""
        batches = list(batches)
        places, end = [], 0
        for batch in batches:
            places.append(Place(end, _length(batch)))
            end += -(-places[-1].length // _ALIGNED) * _ALIGNED
        memory = self._of(end)
        for batch, place in zip(batches, places, strict=True):
            with pa.FixedSizeBufferWriter(pa.py_buffer(memory[place.at : place.at + place.length])) as sink:
                _write(sink, batch)
        return places

    def close(self) -> None:
        self._memory = None
        os.close(self._file)

    def _of(self, size: int) -> memoryview:
        """At least so much memory, and not for good much more."""
        try:
            if self._memory is None or size > self._size or self._size > _KEPT >= size:
                self._memory = None
                self._size = max(1 << (size - 1).bit_length(), _LEAST)
                os.ftruncate(self._file, self._size)
                self._reserved = min(self._reserved, self._size)
                self._memory = memoryview(mmap.mmap(self._file, self._size))
            if size > self._reserved:
                os.posix_fallocate(self._file, self._reserved, size - self._reserved)
                self._reserved = size
        except (OSError, ValueError) as error:
            raise SharedMemoryError(f"no {self._size} bytes of memory to hand over: {error}") from error
        return self._memory


def accepted(connection: socket.socket) -> int | None:
    """The descriptor of the file that the other end passes first, which is the caller's to close; ``None`` when it passed none."""
    _, files, _, _ = socket.recv_fds(connection, 1, 1)
    return files[0] if files else None


def read(file: int, place: Place) -> pa.RecordBatch:
    """A copy of a batch. Raises ``SharedMemoryError`` when there is none."""
    size = os.fstat(file).st_size
    if place.at < 0 or not 0 < place.length <= size:
        raise SharedMemoryError(f"a batch of {place.length} bytes at {place.at} in a file of {size}")
    # Arrow's usual pool takes two to three times as long for pieces of some megabytes.
    buffer = pa.allocate_buffer(place.length, memory_pool=pa.system_memory_pool())
    if (found := os.preadv(file, [memoryview(buffer)], place.at)) != place.length:
        raise SharedMemoryError(f"{found} of a batch's {place.length} bytes")
    try:
        return pa.ipc.open_stream(buffer).read_next_batch()
    except (pa.ArrowException, StopIteration) as error:
        raise SharedMemoryError(f"no Arrow IPC stream of a batch: {error}") from error


def say(connection: socket.socket, message: dict[str, Any]) -> None:
    """One line to the other end."""
    connection.sendall(json.dumps(message).encode() + b"\n")


def lines(connection: socket.socket) -> Generator[bytes]:
    """What the other end says, line by line, until it ends the connection; to be closed before the connection is. Raises ``SharedMemoryError`` for a line without an end."""
    with connection.makefile("rb") as reader:
        while line := reader.readline(_LINE):
            if not line.endswith(b"\n"):
                raise SharedMemoryError(f"a line of {len(line)} bytes without an end")
            yield line


def _length(batch: pa.RecordBatch) -> int:
    sink = pa.MockOutputStream()
    _write(sink, batch)
    return int(sink.size())


def _write(sink: Any, batch: pa.RecordBatch) -> None:
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
