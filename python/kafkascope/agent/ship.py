"""The agent's side of the link to a store: a bounded queue, sent over Arrow Flight, sent again until acknowledged."""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.flight as flight

#: Batches on the way at once.
_WINDOW = 32
_IDLE_STREAM_S = 2.0
_BACK_OFF_S = (0.1, 5.0)
_CALL_TIMEOUT_S = 30.0


@dataclass(slots=True)
class _Item:
    table: str
    batch: pa.RecordBatch
    bytes: int
    sequence: int


@dataclass(slots=True)
class _Stream:
    writer: Any
    reader: Any
    used: float


class Shipper:
    """Sends batches in the background. When the store is away the queue fills up to ``max_bytes``; what comes then is dropped and counted.

    ``address`` is the path of a Unix socket, or ``grpc+tcp://…`` or ``grpc+tls://…``.
    """

    def __init__(self, address: str, *, token: str | None = None, root_certificate: bytes | None = None, max_bytes: int = 64 << 20,
                 asid: int = 0, log: Callable[[str], None] = lambda _: None) -> None:
        self._location = address if address.startswith("grpc") else f"grpc+unix://{address}"
        self._token = token
        self._root = root_certificate
        self._max_bytes = max_bytes
        self._log = log
        self._asid = asid
        self.session = uuid.uuid4().hex
        self._queue: deque[_Item] = deque()
        self._unacknowledged: deque[_Item] = deque()
        self._queued_bytes = 0
        self._sequences: dict[str, int] = {}
        self._condition = threading.Condition()
        self._closing = False
        self._client: Any = None
        self._streams: dict[str, _Stream] = {}
        self.connected = False
        #: Which run of a server acknowledged last: another one may have begun with nothing.
        self.server_run = ""
        self.rows_sent = 0
        self.rows_dropped: dict[str, int] = {}
        self.rows_refused: dict[str, int] = {}
        self.reconnects = 0
        self._thread = threading.Thread(target=self._run, name="ship", daemon=True)
        self._thread.start()

    def submit(self, table: str, batch: pa.RecordBatch) -> bool:
        """Queue a batch; false when there was no room and its rows were dropped. Never waits."""
        if batch.num_rows == 0:
            return True
        size = batch.nbytes
        with self._condition:
            if self._closing or self._queued_bytes + size > self._max_bytes:
                self.rows_dropped[table] = self.rows_dropped.get(table, 0) + batch.num_rows
                return False
            sequence = self._sequences.get(table, -1) + 1
            self._sequences[table] = sequence
            self._queue.append(_Item(table, batch, size, sequence))
            self._queued_bytes += size
            self._condition.notify()
        return True

    def take_dropped(self) -> dict[str, int]:
        """Rows dropped or refused since the last call, by table."""
        with self._condition:
            found = dict(self.rows_dropped)
            for table, rows in self.rows_refused.items():
                found[table] = found.get(table, 0) + rows
            self.rows_dropped.clear()
            self.rows_refused.clear()
            return found

    def put_back_dropped(self, rows: dict[str, int]) -> None:
        """What ``take_dropped`` gave could not be told: it is given again."""
        with self._condition:
            for table, count in rows.items():
                self.rows_dropped[table] = self.rows_dropped.get(table, 0) + count

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait for their acknowledgement."""
        return self._queued_bytes

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything is acknowledged; false when that took too long."""
        end = time.monotonic() + timeout_s
        with self._condition:
            while self._queue or self._unacknowledged:
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._condition.wait(min(left, 0.1))
        return True

    def close(self, timeout_s: float = 5.0) -> int:
        """Send what is queued, stop; the number of rows that could not be sent."""
        self.flush(timeout_s)
        with self._condition:
            self._closing = True
            self._condition.notify()
        self._thread.join(timeout=timeout_s)
        with self._condition:
            return sum(item.batch.num_rows for item in (*self._unacknowledged, *self._queue))

    # ---- the thread ----

    def _run(self) -> None:
        back_off = _BACK_OFF_S[0]
        while True:
            with self._condition:
                if not self._queue and not self._unacknowledged and not self._closing:
                    self._condition.wait(_IDLE_STREAM_S / 2)
                if self._closing:
                    break
            try:
                self._exchange()
                back_off = _BACK_OFF_S[0]
            except (pa.ArrowException, OSError) as error:
                self._disconnect(error)
                with self._condition:
                    if not self._closing:
                        self._condition.wait_for(lambda: self._closing, back_off * random.uniform(0.5, 1.0))
                back_off = min(back_off * 2, _BACK_OFF_S[1])
        self._close_streams()
        if self._client is not None:
            with contextlib.suppress(Exception):
                self._client.close()

    def _exchange(self) -> None:
        """Send a window of batches and wait for their acknowledgements."""
        with self._condition:
            while self._queue and len(self._unacknowledged) < _WINDOW:
                self._unacknowledged.append(self._queue.popleft())
            window = list(self._unacknowledged)
        self._close_streams(idle_s=_IDLE_STREAM_S)
        for item in window:
            stream = self._stream(item)
            tag = json.dumps({"session": self.session, "asid": self._asid, "sequence": item.sequence}).encode()
            stream.writer.write_with_metadata(item.batch, pa.py_buffer(tag))
        for item in window:
            raw = self._streams[item.table].reader.read()
            if raw is None:
                raise pa.ArrowIOError("the store ended the stream")
            answer = json.loads(raw.to_pybytes())
            self.server_run = answer.get("run", "")
            with self._condition:
                if "refused" in answer:
                    self.rows_refused[item.table] = self.rows_refused.get(item.table, 0) + item.batch.num_rows
                    self._log(f"the store refused {item.batch.num_rows} rows of {item.table}: {answer['refused']}")
                else:
                    self.rows_sent += item.batch.num_rows
                self._unacknowledged.popleft()
                self._queued_bytes -= item.bytes
                self._condition.notify_all()

    def _stream(self, item: _Item) -> _Stream:
        stream = self._streams.get(item.table)
        if stream is None:
            options = flight.FlightCallOptions(headers=[(b"authorization", f"Bearer {self._token}".encode())] if self._token else [])
            if self._client is None:
                extra = {"tls_root_certs": self._root} if self._root is not None else {}
                self._client = flight.connect(self._location, **extra)
            writer, reader = self._client.do_put(flight.FlightDescriptor.for_path(item.table), item.batch.schema, options)
            stream = self._streams[item.table] = _Stream(writer, reader, 0.0)
            if not self.connected:
                self.connected = True
                self._log("connected to the store")
        stream.used = time.monotonic()
        return stream

    def _close_streams(self, idle_s: float | None = None) -> None:
        now = time.monotonic()
        for table, stream in list(self._streams.items()):
            if idle_s is None or now - stream.used > idle_s:
                del self._streams[table]
                with contextlib.suppress(pa.ArrowException, OSError):
                    stream.writer.close()

    def _disconnect(self, error: BaseException) -> None:
        if self.connected:
            self._log(f"lost the store: {str(error)[:160] or type(error).__name__}")
        self.connected = False
        self.reconnects += 1
        self._close_streams()
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.close()
