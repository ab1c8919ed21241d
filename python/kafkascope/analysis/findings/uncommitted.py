"""A group that reads on and does not commit: to everybody who looks at commits it has stopped, and after a restart it reads all of it again."""

from __future__ import annotations

import pyarrow as pa

from kafkascope.analysis.findings.finding import SECOND, Finding, span
from kafkascope.analysis.sql import TOPIC, query

KIND = "reading_without_commits"


def find(commits: pa.Table, fetch: pa.Table, *, now_ns: int, after_ns: int = 60 * SECOND, reading_ns: int = 30 * SECOND) -> list[Finding]:
    """Partitions from which a group got records within ``reading_ns`` and of which it has committed none for ``after_ns`` of reading.

    Share groups commit nothing and are left out: they are the readers that ask for no offset.
    """
    params = {"now": now_ns, "after": after_ns, "reading": reading_ns}
    rows = query(_SQL, params, commits=commits, reads=fetch).to_pylist()
    return [
        Finding(
            KIND,
            sentence(r["g"], r["t"], r["p"], r["position"], r["committed"], now_ns - r["since"]),
            r["since"], r["c"], r["g"], r["t"], r["p"], r["client_id"],
        )
        for r in rows
    ]  # fmt: skip


def sentence(group: str, topic: str, partition: int, position: int, committed: int | None, for_ns: int) -> str:
    """The finding in words."""
    nothing = "nothing" if committed is None else f"nothing beyond {committed}"
    return f"{group} has read {topic}-{partition} up to offset {position}, and has committed {nothing} in {span(for_ns)} of reading."


# Reading without commits begins with the first records after the last commit.
_SQL = f"""
WITH done AS (
  SELECT cluster_id c, group_id g, {TOPIC} t, partition p, arg_max("offset", time_) committed, max(time_) committed_at FROM commits
  WHERE coalesce(error_code, 0) = 0 AND time_ <= $now GROUP BY ALL),
got AS (
  SELECT cluster_id c, group_id g, {TOPIC} t, partition p, response_time ts, last_offset, client_id FROM reads
  WHERE group_id <> '' AND replica_id < 0 AND error_code = 0 AND records > 0 AND fetch_offset IS NOT NULL AND response_time <= $now)
SELECT c, g, t, p, any_value(committed) committed, min(ts) AS since, max(last_offset) + 1 AS "position", arg_max(client_id, ts) client_id
FROM got LEFT JOIN done USING (c, g, t, p)
WHERE ts > coalesce(committed_at, 0) AND last_offset >= coalesce(committed, 0)
GROUP BY c, g, t, p HAVING min(ts) < $now - $after AND max(ts) >= $now - $reading ORDER BY ALL"""
