"""A pipe of packets as a source: what has come is there in pieces, each in a store of its own in memory."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from kafkascope.agent.captures import Loaded, in_memory, notes_of

#: Of the core's batches, which have the rows of some packets each. Beyond this, whoever writes the pipe waits.
_WAITING = 256


class _Reader(threading.Thread):
    """Reads on while the rows that came before are shown. Ends with the process: nothing interrupts a read."""

    def __init__(self, files: Sequence[str]) -> None:
        super().__init__(name="pipe", daemon=True)
        self._files = list(files)
        #: The core's batches; behind the last its summary as a list, or what went wrong.
        self.arrived: queue.Queue[Any] = queue.Queue(_WAITING)

    def run(self) -> None:
        from kafkascope import _core

        try:
            pipeline = _core.FilePipeline(self._files)
            while (batches := pipeline.next()) is not None:
                self.arrived.put(batches)
            self.arrived.put([pipeline.summary()])
        except Exception as error:
            self.arrived.put(error)


def pieces(files: Sequence[str], every_s: float) -> Iterator[Loaded]:
    """What has come through ``files`` in each ``every_s`` in which anything did; the last piece has the notes.

    Each row is in one piece. Whoever takes a piece closes its store. Raises the core's ``CaptureFileError`` (message, hint).
    """
    reader = _Reader(files)
    reader.start()
    ended = False
    while not ended:
        came = reader.arrived.get()
        until = time.monotonic() + every_s
        store, notes = in_memory(), []
        while came is not None:
            if isinstance(came, Exception):
                store.close()
                raise came
            if isinstance(came, list):
                ended, notes = True, notes_of(came[0])
                break
            for table, batch in came.items():
                store.append(table, batch)
            try:
                came = reader.arrived.get(timeout=max(until - time.monotonic(), 0))
            except queue.Empty:
                came = None
        now = time.time_ns()
        yield Loaded(store, now, now, notes)
