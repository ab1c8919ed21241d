"""Which transactions are open, and where their records begin: whose they are that hold up readers of committed records."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.analysis.grouped import grouped
from kafkascope.analysis.numpy_columns import ZERO

MAX_TRANSACTIONS = 10_000
_PLACE = ("cluster_id", "transactional_id", "topic", "topic_id", "partition", "client_id")


@dataclass(frozen=True, slots=True)
class _Write:
    offset: int
    client_id: str
    time_ns: int


class OpenTransactions:
    """The first write of each open transaction in each partition. At most ``MAX_TRANSACTIONS``: the oldest go, and are counted."""

    def __init__(self) -> None:
        self.dropped = 0
        self._open: dict[tuple[str, str], dict[tuple[str, int], tuple[_Write, ...]]] = {}

    def take(self, produce: pa.Table, ends: pa.Table) -> None:
        """Rows of ``kafka_produce``, and of ``transactions.ends``, of one stretch of time: a producer's next transaction may begin in the one in which the last has ended."""
        last_end: dict[tuple[str, str], int] = {}
        for row in grouped(ends, ["cluster_id", "transactional_id"], ("time_", "max")):
            for cluster_id in {row["cluster_id"], ""}:
                last_end[cluster_id, row["transactional_id"]] = row["time__max"]
        for key, end_ns in last_end.items():
            self._keep(key, {place: tuple(w for w in writes if w.time_ns > end_ns) for place, writes in self._open.get(key, {}).items()})
        written = produce.filter(pc.and_(pc.is_valid(produce["transactional_id"]), pc.greater_equal(produce["base_offset"], ZERO)))
        for row in grouped(_after(written, last_end), _PLACE, ("base_offset", "min"), ("time_", "min")):
            transaction = self._open.setdefault((row["cluster_id"], row["transactional_id"]), {})
            place = (row["topic"] or row["topic_id"], row["partition"])
            # The end of the one before may come in later than the first write of this one: then it is the newest that stays.
            transaction[place] = (*transaction.get(place, ())[:1], _Write(row["base_offset_min"], row["client_id"], row["time__min"]))
        while len(self._open) > MAX_TRANSACTIONS:
            self._open.pop(next(iter(self._open)))
            self.dropped += 1

    def holder(self, cluster_id: str, topic: str, partition: int, offset: int) -> tuple[str, str] | None:
        """Transactional id and client of the open transaction that begins at an offset; None where it was not seen."""
        for (cluster, transactional_id), places in self._open.items():
            if cluster in {cluster_id, ""}:
                for write in places.get((topic, partition), ()):
                    if write.offset == offset:
                        return transactional_id, write.client_id
        return None

    def _keep(self, key: tuple[str, str], places: dict[tuple[str, int], tuple[_Write, ...]]) -> None:
        kept = {place: writes for place, writes in places.items() if writes}
        if kept:
            self._open[key] = kept
        else:
            self._open.pop(key, None)


def _after(written: pa.Table, last_end: dict[tuple[str, str], int]) -> pa.Table:
    """The writes that no end has closed; those of a transactional id without an end are all of them."""
    if not last_end or written.num_rows == 0:
        return written
    ids = pc.binary_join_element_wise(written["cluster_id"], written["transactional_id"], "\0")
    known = pa.array(["\0".join(key) for key in last_end], pa.string())
    closed = pa.array(list(last_end.values()), pa.int64()).take(pc.index_in(ids, known))
    return written.filter(pc.greater(written["time_"], pc.fill_null(closed, -1)))
