"""The agent's side of the link to a store: a bounded queue in memory and on disk, sent over Arrow Flight, sent again until acknowledged."""

from __future__ import annotations

import contextlib
import random
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from kafkascope.agent.buffer import DiskBuffer, Waiting
from kafkascope.agent.clock import ClockOffset
from kafkascope.agent.link import Destination, Item, Link, MemoryLink
from kafkascope.tokens import Token

#: Batches on the way at once.
_WINDOW = 32
_IDLE_STREAM_S = 2.0
_BACK_OFF_S = (0.1, 5.0)
#: Topic names that wait to be taken; a server tells them again to an agent that starts anew.
_LEARNED = 100_000


class Shipper:
    """Sends batches in the background. When the store is away the queue fills up to ``max_bytes``, then ``buffer``; what comes then is dropped and counted.

    ``address`` is the path of a Unix socket, or ``grpc+tcp://…`` or ``grpc+tls://…``.
    """

    def __init__(self, address: str, *, token: Token | str | None = None, root_certificate: bytes | None = None, max_bytes: int = 64 << 20,
                 buffer: DiskBuffer | None = None, asid: int = 0, log: Callable[[str], None] = lambda _: None) -> None:
        self._destination = Destination(address, Token(token) if isinstance(token, str) else token, root_certificate, asid)
        self._link: Link | None = None
        #: The way that is tried first when there is no link.
        self._by_memory = True
        self._max_bytes = max_bytes
        self._buffer = buffer
        self._buffer_problem = ""
        self._log = log
        self.session = uuid.uuid4().hex
        self._queue: deque[Item] = deque()
        self._unacknowledged: deque[Item] = deque()
        self._queued_bytes = 0
        self._sequences: dict[str, int] = {}
        self._condition = threading.Condition()
        self._closing = False
        self._learned: list[tuple[str, str]] = []
        self.clock = ClockOffset()
        self.connected = False
        #: Why the store cannot be reached, empty while it can.
        self.problem = ""
        #: Which run of a server acknowledged last: another one may have begun with nothing.
        self.server_run = ""
        #: Whether somebody looks at what the store has; so it is taken to be until the store says otherwise.
        self.watched = True
        #: Rows by table: acknowledged; dropped or refused and not yet taken.
        self.sent: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.reconnects = 0
        self._thread = threading.Thread(target=self._run, name="ship", daemon=True)
        self._thread.start()

    def submit(self, table: str, batch: pa.RecordBatch) -> bool:
        """Queue a batch; false when there was no room and its rows were dropped. Never waits for the store."""
        if batch.num_rows == 0:
            return True
        size = batch.nbytes
        with self._condition:
            sequence = self._sequences.get(table, -1) + 1
            if self._closing or not self._place(table, batch, size, sequence):
                self.dropped[table] += batch.num_rows
                return False
            self._sequences[table] = sequence
            self._condition.notify()
        return True

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """What is submitted within goes in one window: each waits for its acknowledgements, and wakes threads here and at the store."""
        with self._condition:
            yield

    def _place(self, table: str, batch: pa.RecordBatch, size: int, sequence: int) -> bool:
        """Into memory; behind what is on disk, on disk, so that a table's batches stay in order."""
        if not self._buffer and self._queued_bytes + size <= self._max_bytes:
            self._queue.append(Item(table, batch, size, self.session, sequence))
            self._queued_bytes += size
            return True
        return self._to_disk(Waiting(table, batch, self.session, sequence))

    def _to_disk(self, item: Waiting) -> bool:
        if self._buffer is None:
            return False
        try:
            stored = self._buffer.append(item)
            problem = "" if stored else "the buffer on disk is full"
        except OSError as error:
            stored, problem = False, f"the buffer on disk cannot be written: {error.strerror or error}"
        if problem != self._buffer_problem:
            self._buffer_problem = problem
            self._log(problem or "the buffer on disk takes rows again")
        return stored

    def take_dropped(self) -> Counter[str]:
        """Rows dropped or refused since the last call, by table."""
        with self._condition:
            found, self.dropped = self.dropped, Counter()
            return found

    def put_back_dropped(self, rows: Counter[str]) -> None:
        """What ``take_dropped`` gave could not be told: it is given again."""
        with self._condition:
            self.dropped.update(rows)

    def take_learned(self) -> list[tuple[str, str]]:
        """(topic id, name) that the server knows from other agents, each once."""
        with self._condition:
            found, self._learned = self._learned, []
            return found

    @property
    def rows_sent(self) -> int:
        """Rows that the store acknowledged."""
        return self.sent.total()

    @property
    def queued_bytes(self) -> int:
        """Bytes in memory that wait for their acknowledgement."""
        return self._queued_bytes

    @property
    def buffered_bytes(self) -> int:
        """Bytes on disk that wait."""
        return self._buffer.bytes if self._buffer is not None else 0

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything is acknowledged; false when that took too long."""
        end = time.monotonic() + timeout_s
        with self._condition:
            while self._queue or self._unacknowledged or self._buffer:
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._condition.wait(min(left, 0.1))
        return True

    def close(self, timeout_s: float = 5.0) -> int:
        """Send what is queued, stop; the number of rows that could neither be sent nor kept on disk."""
        # What is on disk waits there for the next start.
        self.flush(timeout_s if not self._buffer else min(timeout_s, 1.0))
        with self._condition:
            self._closing = True
            self._condition.notify()
        self._thread.join(timeout=timeout_s)
        with self._condition:
            left = [*self._unacknowledged, *self._queue]
            if self._buffer is not None:
                left = self._keep([item for item in left if not item.on_disk])
                self._buffer.close()
            return sum(item.batch.num_rows for item in left)

    def _keep(self, items: list[Item]) -> list[Item]:
        """Put what is in memory before what is on disk, as it is older; what could not be kept."""
        assert self._buffer is not None
        try:
            kept = self._buffer.prepend([Waiting(item.table, item.batch, item.session, item.sequence) for item in items])
        except OSError as error:
            self._log(f"the buffer on disk cannot be written: {error.strerror or error}")
            kept = False
        return [] if kept else items

    # ---- the thread ----

    def _run(self) -> None:
        back_off = _BACK_OFF_S[0]
        while True:
            with self._condition:
                if not self._queue and not self._unacknowledged and not self._buffer and not self._closing:
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
        self._close_link()

    def _exchange(self) -> None:
        """Send a window of batches and wait for their acknowledgements."""
        with self._condition:
            self._refill()
            while self._queue and len(self._unacknowledged) < _WINDOW:
                self._unacknowledged.append(self._queue.popleft())
            window = list(self._unacknowledged)
        if self._link is None:
            self._link = self._destination.connect(by_memory=self._by_memory)
        self._link.rest(_IDLE_STREAM_S)
        sent_ns = time.time_ns()
        for item, answer in zip(window, self._link.exchange(window), strict=True):
            if item is window[0]:
                self.clock.heard(sent_ns, int(answer.get("now", 0)), time.time_ns())
            self._acknowledged(item, answer)

    def _acknowledged(self, item: Item, answer: dict[str, Any]) -> None:
        self.server_run, self.watched = answer.get("run", ""), bool(answer.get("watched", True))
        if not self.connected:
            self.connected, self.problem = True, ""
            self._log("connected to the store")
        with self._condition:
            if "refused" in answer:
                self.dropped[item.table] += item.batch.num_rows
                self._log(f"the store refused {item.batch.num_rows} rows of {item.table}: {answer['refused']}")
            else:
                self.sent[item.table] += item.batch.num_rows
            if len(self._learned) < _LEARNED:
                self._learned += [(str(topic_id), str(name)) for topic_id, name in answer.get("topics", ())]
            self._unacknowledged.popleft()
            self._queued_bytes -= item.bytes
            self._forget()
            self._condition.notify_all()

    def _refill(self) -> None:
        """Take from disk what was put there, as memory empties."""
        while self._buffer and self._queued_bytes < self._max_bytes // 2:
            try:
                item = self._buffer.take()
            except OSError as error:
                raise OSError(f"the buffer on disk cannot be read: {error}") from error
            if item is not None:
                self._queue.append(Item(item.table, item.batch, item.batch.nbytes, item.session, item.sequence, True))
                self._queued_bytes += item.batch.nbytes
        self._forget()

    def _forget(self) -> None:
        """What came from disk has arrived: its files may go."""
        if self._buffer is not None and not self._queue and not self._unacknowledged:
            self._buffer.forget()

    def _disconnect(self, error: BaseException) -> None:
        problem = _words(error)
        if self.connected:
            self._log(f"lost the store: {problem}")
        elif problem != self.problem:
            self._log(f"the store cannot be reached: {problem}")
        self.problem = problem
        self.connected = False
        self.reconnects += 1
        # A store that takes nothing by one way may by the other.
        self._by_memory = not isinstance(self._link, MemoryLink)
        self._close_link()

    def _close_link(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()


def _words(error: BaseException) -> str:
    """gRPC's error in few words."""
    text = str(error).split(". gRPC client debug context")[0].splitlines()
    return text[0][:200] if text else type(error).__name__
