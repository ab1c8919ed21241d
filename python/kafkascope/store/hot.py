"""The rows of a table that are in memory: many small batches, merged as they come."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.store.segments import unnamed_topics

#: Batches of this many rows or bytes are not copied any more.
_LARGE = 16 * 1024
_LARGE_BYTES = 1 << 20


class HotRows:
    """Batches in the order they came. Not thread-safe; ``batches`` may be shared once copied.

    Neighbours of similar size are merged, so that a query meets few batches and each row is copied only log n times.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self.batches: list[pa.RecordBatch] = []
        self._sizes: list[int] = []
        self.rows = 0
        self.bytes = 0
        self.unnamed_topics = 0
        self.first_ns: int | None = None
        self.last_ns: int | None = None

    def append(self, batch: pa.RecordBatch, span: tuple[int, int]) -> None:
        self.rows += batch.num_rows
        self.unnamed_topics += unnamed_topics(batch)
        self.first_ns = span[0] if self.first_ns is None else min(self.first_ns, span[0])
        self.last_ns = span[1] if self.last_ns is None else max(self.last_ns, span[1])
        self._push(batch)
        while len(self.batches) >= 2 and self.batches[-2].num_rows < _LARGE and self._sizes[-2] < _LARGE_BYTES and self.batches[-1].num_rows * 2 > self.batches[-2].num_rows:
            last, before = self._pop(), self._pop()
            self._push(pa.concat_batches([before, last]))

    def _push(self, batch: pa.RecordBatch) -> None:
        size = batch.get_total_buffer_size()
        self.batches.append(batch)
        self._sizes.append(size)
        self.bytes += size

    def _pop(self) -> pa.RecordBatch:
        self.bytes -= self._sizes.pop()
        return self.batches.pop()

    def drop_oldest(self) -> int:
        """Forget the oldest batch; its number of rows."""
        batch = self.batches.pop(0)
        self.bytes -= self._sizes.pop(0)
        self.rows -= batch.num_rows
        self.unnamed_topics -= unnamed_topics(batch)
        if not self.batches:
            self.first_ns = self.last_ns = None
        return int(batch.num_rows)

    def drop_before(self, time_ns: int) -> int:
        """Forget the oldest batches as long as they are wholly older than ``time_ns``; the number of their rows."""
        dropped = 0
        while self.batches and self.first_ns is not None and self.first_ns < time_ns:
            last = pc.max(self.batches[0].column("time_")).as_py()
            if last >= time_ns:
                break
            dropped += self.drop_oldest()
        return dropped

    def table(self) -> pa.Table:
        return pa.Table.from_batches(self.batches, self.schema)
