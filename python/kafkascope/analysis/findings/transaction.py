"""A transaction that does not end: readers of committed transactions wait at it, and it looks as if they were slow."""

from __future__ import annotations

import pyarrow as pa

from kafkascope.analysis.findings.finding import SECOND, Finding, span, times
from kafkascope.analysis.sql import TOPIC, query

KIND = "hung_transaction"


def find(produce: pa.Table, fetch: pa.Table, ends: pa.Table, *, now_ns: int, after_ns: int = 60 * SECOND) -> list[Finding]:
    """Partitions whose last stable offset stands below the high watermark for ``after_ns``, with the transaction whose records begin there.

    ``ends`` are those of ``transactions.ends``. The default is the producers' own default for a transaction's longest duration.
    """
    rows = query(_SQL, {"now": now_ns, "after": after_ns}, produce=produce, reads=fetch, ends=ends).to_pylist()
    return [
        Finding(
            KIND, sentence(r["t"], r["p"], r["lso"], r["hw"], now_ns - r["since"], r["transactional_id"], r["client_id"]),
            r["since"], r["c"], "", r["t"], r["p"], r["client_id"] or "",
        )
        for r in rows
    ]  # fmt: skip


def sentence(topic: str, partition: int, lso: int, end: int, for_ns: int, transactional_id: str | None, client_id: str | None) -> str:
    """The finding in words."""
    by = f"transaction {transactional_id} of {client_id or 'an unnamed client'}" if transactional_id else "a transaction whose producer was not seen"
    return (
        f"{topic}-{partition} is held at offset {lso} for {span(for_ns)} by {by}; readers of committed transactions do not get the "
        f"{times(end - lso, 'offset')} behind it."
    )


_SQL = f"""
WITH stable AS (
  SELECT cluster_id c, {TOPIC} t, partition p, last_stable_offset lso, high_watermark hw, response_time ts FROM reads
  WHERE error_code = 0 AND last_stable_offset >= 0 AND high_watermark >= 0 AND response_time <= $now),
held AS (
  SELECT s.c, s.t, s.p, max(s.lso) lso, max(s.hw) hw, min(s.ts) AS since, max(s.ts) seen
  FROM stable s JOIN (SELECT c, t, p, arg_max(lso, (ts, lso)) lso FROM stable GROUP BY c, t, p) now USING (c, t, p, lso)
  WHERE s.lso < s.hw GROUP BY s.c, s.t, s.p),
written AS (
  SELECT m.cluster_id c, m.t, m.p, m.base_offset, m.transactional_id, m.client_id FROM (
      SELECT *, {TOPIC} t, partition p FROM produce WHERE transactional_id IS NOT NULL AND base_offset IS NOT NULL AND time_ <= $now) m
    ASOF LEFT JOIN (SELECT * FROM ends WHERE time_ <= $now) e
      ON e.transactional_id = m.transactional_id AND e.cluster_id = m.cluster_id AND m.time_ < e.time_
  WHERE e.time_ IS NULL)
SELECT h.c, h.t, h.p, lso, hw, since, any_value(transactional_id) transactional_id, any_value(client_id) client_id
FROM held h LEFT JOIN written w ON w.c = h.c AND w.t = h.t AND w.p = h.p AND w.base_offset = h.lso
WHERE since < $now - $after GROUP BY h.c, h.t, h.p, lso, hw, since ORDER BY ALL"""
