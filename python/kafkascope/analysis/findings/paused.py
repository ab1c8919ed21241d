"""A partition that its consumer has stopped asking for while it reads others: paused by the application, for good or by mistake."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from kafkascope.analysis.findings.finding import SECOND, Finding, span, times
from kafkascope.analysis.numpy_columns import ints

KIND = "paused"

#: A client that has records it has not worked off asks for no more; it must come back within this (Kafka's default of max.poll.interval.ms).
WORKING_NS = 300 * SECOND
#: An offset that is not known, where it must not be less than another.
_UNKNOWN = int(np.iinfo(np.int64).max)


def find(partitions: pa.Table, *, now_ns: int, after_ns: int = 30 * SECOND, reading_ns: int = 10 * SECOND) -> list[Finding]:
    """Partitions of ``lag.partitions`` with records to read, not read for ``after_ns``, of groups that read others within ``reading_ns``.

    A broker answers at once when there are records, so that a partition asked for cannot be silent. Whether another member has since taken
    the partition and does not read at all looks the same from here; the sentence says what was seen. A slow consumer is not a paused one:
    who has committed less than was delivered still works, for ``WORKING_NS``.
    """
    at = ints(partitions["position_at"], 0)
    works = (ints(partitions["committed"], _UNKNOWN) < ints(partitions["position"], -1)) & (at >= now_ns - WORKING_NS)
    waiting = (ints(partitions["read_lag"], 0) > 0) & (at > 0) & (at < now_ns - after_ns) & ~works
    if not waiting.any():
        return []
    found = partitions.select(["cluster_id", "group_id", "topic", "partition", "position_at", "read_lag"]).filter(pa.array(waiting)).to_pylist()
    reading = partitions.filter(pa.array(at >= now_ns - reading_ns))
    readers = set(zip(reading["cluster_id"].to_pylist(), reading["group_id"].to_pylist(), strict=True))
    found = [row for row in found if (row["cluster_id"], row["group_id"]) in readers]
    return [
        Finding(
            KIND,
            f"{r['group_id']} does not ask for {r['topic']}-{r['partition']} for {span(now_ns - r['position_at'])} though "
            f"{times(r['read_lag'], 'record')} wait{'s' if r['read_lag'] == 1 else ''} there, and reads other partitions.",
            r["position_at"], r["cluster_id"], r["group_id"], r["topic"], r["partition"],
        )
        for r in sorted(found, key=lambda r: (r["cluster_id"], r["group_id"], r["topic"], r["partition"]))
    ]  # fmt: skip
