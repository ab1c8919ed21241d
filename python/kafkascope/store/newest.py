"""Tables of which only the newest row of a key matters: metadata, and the names of topic ids."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


class NewestRows:
    """One row per key, the last that came. Bounded: the keys with the oldest rows go first, and are counted."""

    def __init__(self, schema: pa.Schema, key: str, limit: int) -> None:
        self.schema = schema
        self.key = key
        self.limit = limit
        self.forgotten = 0
        self._base = schema.empty_table()
        self._pending: list[pa.RecordBatch] = []

    def append(self, batch: pa.RecordBatch) -> None:
        self._pending.append(batch)
        if len(self._pending) >= 256:
            self.table()

    def table(self) -> pa.Table:
        """The newest rows now."""
        if self._pending:
            merged = pa.concat_tables([self._base, pa.Table.from_batches(self._pending, self.schema)]).combine_chunks()
            self._pending = []
            self._base = self._bounded(self._newest(merged))
        return self._base

    def _newest(self, table: pa.Table) -> pa.Table:
        places = pa.table({"key": table.column(self.key), "place": pa.array(range(table.num_rows), pa.int64())})
        last = places.group_by("key", use_threads=False).aggregate([("place", "max")]).column("place_max")
        return table.take(last)

    def _bounded(self, table: pa.Table) -> pa.Table:
        if table.num_rows <= self.limit:
            return table
        self.forgotten += table.num_rows - self.limit
        order = pc.sort_indices(table, sort_keys=[("time_", "descending")])
        return table.take(order[: self.limit])

    def forget_before(self, time_ns: int) -> None:
        """Forget what ended before ``time_ns`` (rows with a ``stop_time``)."""
        table = self.table()
        if "stop_time" in table.schema.names and table.num_rows:
            # A row of a version that did not tell the end has none.
            stop = pc.fill_null(table.column("stop_time"), 0)
            self._base = table.filter(pc.or_(pc.equal(stop, 0), pc.greater_equal(stop, time_ns)))

    @property
    def rows(self) -> int:
        return self.table().num_rows

    @property
    def bytes(self) -> int:
        return self.table().get_total_buffer_size()
