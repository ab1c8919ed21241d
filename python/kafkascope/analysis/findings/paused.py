"""A partition that its consumer has stopped asking for while it reads others: paused by the application, for good or by mistake."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.analysis.findings.finding import SECOND, Finding, span, times

KIND = "paused"

#: A client that has records it has not worked off asks for no more; it must come back within this (Kafka's default of max.poll.interval.ms).
WORKING_NS = 300 * SECOND


def find(partitions: pa.Table, *, now_ns: int, after_ns: int = 30 * SECOND, reading_ns: int = 10 * SECOND) -> list[Finding]:
    """Partitions of ``lag.partitions`` with records to read, not read for ``after_ns``, of groups that read others within ``reading_ns``.

    A broker answers at once when there are records, so that a partition asked for cannot be silent. Whether another member has since taken
    the partition and does not read at all looks the same from here; the sentence says what was seen. A slow consumer is not a paused one:
    who has committed less than was delivered still works, for ``WORKING_NS``.
    """
    at = partitions["position_at"].fill_null(0)
    waiting = pc.and_(pc.greater(partitions["read_lag"].fill_null(0), 0), pc.and_(pc.greater(at, 0), pc.less(at, now_ns - after_ns)))
    works = pc.and_(pc.less(partitions["committed"], partitions["position"]).fill_null(False), pc.greater_equal(at, now_ns - WORKING_NS))
    waiting = pc.and_(waiting, pc.invert(works))
    found = partitions.filter(waiting).select(["cluster_id", "group_id", "topic", "partition", "position_at", "read_lag"]).to_pylist()
    if not found:
        return []
    reading = partitions.filter(pc.greater_equal(at, now_ns - reading_ns))
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
