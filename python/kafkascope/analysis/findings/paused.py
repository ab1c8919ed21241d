"""A partition that its consumer has stopped asking for while it reads others: paused by the application, for good or by mistake."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.analysis.findings.finding import SECOND, Finding, span, times
from kafkascope.analysis.sql import query

KIND = "paused"


def find(partitions: pa.Table, *, now_ns: int, after_ns: int = 30 * SECOND, reading_ns: int = 10 * SECOND) -> list[Finding]:
    """Partitions of ``lag.partitions`` with records to read, not read for ``after_ns``, of groups that read others within ``reading_ns``.

    A broker answers at once when there are records, so that a partition asked for cannot be silent. Whether another member has since taken
    the partition and does not read at all looks the same from here; the sentence says what was seen.
    """
    waiting = (pc.field("read_lag") > 0) & (pc.field("position_at") < now_ns - after_ns)
    if partitions.filter(waiting).num_rows == 0:
        return []
    params = {"now": now_ns, "after": after_ns, "reading": reading_ns}
    return [
        Finding(
            KIND,
            f"{r['group_id']} does not ask for {r['topic']}-{r['partition']} for {span(now_ns - r['position_at'])} though "
            f"{times(r['read_lag'], 'record')} wait{'s' if r['read_lag'] == 1 else ''} there, and reads other partitions.",
            r["position_at"], r["cluster_id"], r["group_id"], r["topic"], r["partition"],
        )
        for r in query(_SQL, params, partitions=partitions).to_pylist()
    ]  # fmt: skip


_SQL = """
SELECT cluster_id, group_id, topic, partition, position_at, read_lag FROM partitions
JOIN (SELECT cluster_id, group_id, max(position_at) reads FROM partitions GROUP BY ALL) USING (cluster_id, group_id)
WHERE read_lag > 0 AND position_at < $now - $after AND reads >= $now - $reading ORDER BY ALL"""
