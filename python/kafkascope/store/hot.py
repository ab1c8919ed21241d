"""The rows of a table that are in memory: many small batches, merged when somebody reads them."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.store.segments import unnamed_topics

#: Batches of this many rows or bytes are not copied any more.
_LARGE = 16 * 1024
_LARGE_BYTES = 1 << 20
#: Batches that are kept as they came when nobody reads: what they take beside their rows must not add up.
_UNMERGED = 64


class HotRows:
    """Batches in the order they came. Not thread-safe; what ``merged`` returns may be shared once copied.

    Rows that nobody reads are copied once, when they roll. For those who read, neighbours of similar size are merged, so that a query meets few batches and each row is
    copied only log n times.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self._batches: list[pa.RecordBatch] = []
        #: Of these, the last ones, as they came.
        self._unmerged = 0
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
        self._unmerged += 1
        if self._unmerged > _UNMERGED:
            self._merge()

    def merged(self) -> list[pa.RecordBatch]:
        """The rows in few batches."""
        self._merge()
        return self._batches

    def __bool__(self) -> bool:
        return bool(self._batches)

    def _merge(self) -> None:
        came = self._batches[len(self._batches) - self._unmerged :]
        for _ in came:
            self._pop()
        self._unmerged = 0
        together: list[pa.RecordBatch] = []
        rows = size = 0
        for batch in came:
            together.append(batch)
            rows, size = rows + batch.num_rows, size + batch.get_total_buffer_size()
            if rows >= _LARGE or size >= _LARGE_BYTES or batch is came[-1]:
                self._push(pa.concat_batches(together) if len(together) > 1 else batch)
                together, rows, size = [], 0, 0
                self._merge_last()

    def _merge_last(self) -> None:
        while len(self._batches) >= 2 and self._batches[-2].num_rows < _LARGE and self._sizes[-2] < _LARGE_BYTES and self._batches[-1].num_rows * 2 > self._batches[-2].num_rows:
            last, before = self._pop(), self._pop()
            self._push(pa.concat_batches([before, last]))

    def _push(self, batch: pa.RecordBatch) -> None:
        size = batch.get_total_buffer_size()
        self._batches.append(batch)
        self._sizes.append(size)
        self.bytes += size

    def _pop(self) -> pa.RecordBatch:
        self.bytes -= self._sizes.pop()
        return self._batches.pop()

    def drop_oldest(self) -> int:
        """Forget the oldest batch; its number of rows."""
        batch = self._batches.pop(0)
        self._unmerged = min(self._unmerged, len(self._batches))
        self.bytes -= self._sizes.pop(0)
        self.rows -= batch.num_rows
        self.unnamed_topics -= unnamed_topics(batch)
        if not self._batches:
            self.first_ns = self.last_ns = None
        return int(batch.num_rows)

    def drop_before(self, time_ns: int) -> int:
        """Forget the oldest batches as long as they are wholly older than ``time_ns``; the number of their rows."""
        dropped = 0
        while self._batches and self.first_ns is not None and self.first_ns < time_ns:
            last = pc.max(self._batches[0].column("time_")).as_py()
            if last >= time_ns:
                break
            dropped += self.drop_oldest()
        return dropped

    def table(self) -> pa.Table:
        return pa.Table.from_batches(self._batches, self.schema)
