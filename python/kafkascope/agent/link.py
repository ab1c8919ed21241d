"""How batches go from an agent to a store: in shared memory to one on the same host, otherwise over Arrow Flight."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.flight as flight

from kafkascope.shared_memory import SUFFIX, SharedMemoryError, Window, lines, say
from kafkascope.tokens import Token

#: A server that vanished without a word is noticed, and an address where nobody answers is given up, in seconds.
_CHANNEL = [("grpc.keepalive_time_ms", 20_000), ("grpc.keepalive_timeout_ms", 10_000), ("grpc.min_reconnect_backoff_ms", 3_000)]


@dataclass(slots=True)
class Item:
    """A batch on its way."""

    table: str
    batch: pa.RecordBatch
    bytes: int
    session: str
    sequence: int
    #: It came from the disk and is still there.
    on_disk: bool = False

    def tag(self, asid: int) -> dict[str, Any]:
        """Whose batch it is and which, for the store."""
        return {"session": self.session, "asid": asid, "sequence": self.sequence}


class Link(Protocol):
    """A connection to a store. Every call raises ``OSError`` or Arrow's exceptions when it is broken; it is closed then."""

    def exchange(self, items: Sequence[Item]) -> Iterator[dict[str, Any]]:
        """Send batches; the store's acknowledgement of each, in their order."""
        ...

    def rest(self, idle_s: float) -> None:
        """Give up what was not used for so long."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Destination:
    """Where a store is and what it asks for: ``address`` is the path of a Unix socket, or ``grpc+tcp://…`` or ``grpc+tls://…``."""

    address: str
    token: Token | None = None
    root_certificate: bytes | None = None
    asid: int = 0

    def connect(self, *, by_memory: bool = True) -> Link:
        """By shared memory where that can be; Flight tells what is wrong where nothing can be. Nothing is sent yet."""
        if by_memory and self.is_path:
            with contextlib.suppress(OSError):
                return MemoryLink(self)
        return FlightLink(self)

    @property
    def is_path(self) -> bool:
        return not self.address.startswith("grpc")

    @property
    def given_token(self) -> str:
        return self.token.text if self.token is not None else ""


class MemoryLink:
    """Batches in memory that both ends reach. Raises ``OSError`` when there is none."""

    def __init__(self, store: Destination) -> None:
        self._store = store
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._answers = lines(self._socket)
        self._window: Window | None = None
        try:
            self._socket.connect(store.address + SUFFIX)
            self._window = Window()
            self._window.offer(self._socket)
        except OSError:
            self.close()
            raise

    def exchange(self, items: Sequence[Item]) -> Iterator[dict[str, Any]]:
        assert self._window is not None
        places = self._window.write(item.batch for item in items)
        batches = [{"table": item.table, **item.tag(self._store.asid), "at": place.at, "length": place.length} for item, place in zip(items, places, strict=True)]
        say(self._socket, {"token": self._store.given_token, "batches": batches})
        answer = json.loads(next(self._answers, b"{}"))
        if "failed" in answer:
            raise SharedMemoryError(str(answer["failed"]))
        if len(answer.get("answers", ())) != len(items):
            raise SharedMemoryError("the store ended the connection")
        yield from answer["answers"]

    def rest(self, idle_s: float) -> None:
        return

    def close(self) -> None:
        self._answers.close()
        self._socket.close()
        if self._window is not None:
            self._window.close()
            self._window = None


@dataclass(slots=True)
class _Stream:
    writer: Any
    reader: Any
    used: float


class FlightLink:
    """One DoPut stream per table."""

    def __init__(self, store: Destination) -> None:
        self._store = store
        self._client: Any = None
        self._streams: dict[str, _Stream] = {}

    def exchange(self, items: Sequence[Item]) -> Iterator[dict[str, Any]]:
        for item in items:
            self._stream(item).writer.write_with_metadata(item.batch, pa.py_buffer(json.dumps(item.tag(self._store.asid)).encode()))
        for item in items:
            raw = self._streams[item.table].reader.read()
            if raw is None:
                # Why it ended is told when the stream is closed.
                self._streams.pop(item.table).writer.close()
                raise pa.ArrowIOError("the store ended the stream")
            yield json.loads(raw.to_pybytes())

    def _stream(self, item: Item) -> _Stream:
        stream = self._streams.get(item.table)
        if stream is None:
            token = self._store.given_token
            options = flight.FlightCallOptions(headers=[(b"authorization", f"Bearer {token}".encode())] if token else [])
            if self._client is None:
                address, root = self._store.address, self._store.root_certificate
                extra = {"tls_root_certs": root} if root is not None else {}
                self._client = flight.connect(f"grpc+unix://{address}" if self._store.is_path else address, generic_options=_CHANNEL, **extra)
            writer, reader = self._client.do_put(flight.FlightDescriptor.for_path(item.table), item.batch.schema, options)
            stream = self._streams[item.table] = _Stream(writer, reader, 0.0)
        stream.used = time.monotonic()
        return stream

    def rest(self, idle_s: float) -> None:
        now = time.monotonic()
        self._close_streams([table for table, stream in self._streams.items() if now - stream.used > idle_s])

    def _close_streams(self, tables: Sequence[str]) -> None:
        for table in tables:
            with contextlib.suppress(pa.ArrowException, OSError):
                self._streams.pop(table).writer.close()

    def close(self) -> None:
        self._close_streams(list(self._streams))
        if self._client is not None:
            with contextlib.suppress(Exception):
                self._client.close()
