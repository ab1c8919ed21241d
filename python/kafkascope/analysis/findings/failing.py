"""A consumer that asks on and gets only errors: it has a connection, heartbeats and an assignment, and no records."""

from __future__ import annotations

import pyarrow as pa

from kafkascope.analysis.findings.finding import SECOND, Finding, span, times
from kafkascope.analysis.sql import TOPIC, query
from kafkascope.pxl.lower.names import KAFKA_ERRORS

KIND = "fetching_but_failing"


def find(fetch: pa.Table, *, now_ns: int, after_ns: int = 10 * SECOND, at_least: int = 3) -> list[Finding]:
    """Partitions of which a client's last ``at_least`` answers were errors, for ``after_ns`` and until lately.

    Leaders move and logs are trimmed all the time; a client gets over that with one or two errors.
    """
    params = {"now": now_ns, "after": after_ns, "least": at_least}
    return [
        Finding(
            KIND, sentence(r["client_id"] or r["client_addr"], r["t"], r["p"], r["failures"], now_ns - r["since"], r["error_code"]),
            r["since"], r["c"], r["g"], r["t"], r["p"], r["client_id"],
        )
        for r in query(_SQL, params, reads=fetch).to_pylist()
    ]  # fmt: skip


def sentence(client: str, topic: str, partition: int, failures: int, for_ns: int, error_code: int) -> str:
    """The finding in words."""
    return f"{client} asks for {topic}-{partition} and got {times(failures, 'error')} and no answer in {span(for_ns)}, the last {_name(error_code)}."


def _name(code: int) -> str:
    return KAFKA_ERRORS.get(code, f"error {code}")


_SQL = f"""
WITH asked AS (
  SELECT cluster_id c, group_id g, client_addr, client_id, {TOPIC} t, partition p, response_time ts, error_code FROM reads
  WHERE replica_id < 0 AND response_time <= $now),
good AS (SELECT c, client_addr, client_id, t, p, max(ts) AS good FROM asked WHERE error_code = 0 GROUP BY ALL)
SELECT c, max(g) g, client_addr, client_id, t, p, min(ts) AS since, count(*) failures, arg_max(error_code, ts) error_code
FROM asked LEFT JOIN good USING (c, client_addr, client_id, t, p)
WHERE error_code <> 0 AND ts > coalesce(good, 0)
GROUP BY c, client_addr, client_id, t, p
HAVING count(*) >= $least AND min(ts) < $now - $after AND max(ts) >= $now - greatest($after, 30000000000) ORDER BY ALL"""
