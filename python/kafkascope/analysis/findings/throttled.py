"""A client that the broker slows down for its quota: it looks slow by itself."""

from __future__ import annotations

import pyarrow as pa

from kafkascope.analysis.findings.finding import SECOND, Finding, span, times
from kafkascope.analysis.sql import query

KIND = "throttled"


def find(events: pa.Table, *, now_ns: int, within_ns: int = 60 * SECOND, at_least_ms: int = 100) -> list[Finding]:
    """Clients told to wait ``at_least_ms`` in all within ``within_ns``, one finding for each client and API (rows of ``kafka_events.beta``)."""
    params = {"now": now_ns, "within": within_ns, "least": at_least_ms}
    return [
        Finding(
            KIND, sentence(r["client_id"] or r["addr"], r["api"], r["throttled"], r["requests"], within_ns, r["ms"], r["longest"]),
            r["since"], r["cluster_id"], client_id=r["client_id"],
        )
        for r in query(_SQL, params, events=events).to_pylist()
    ]  # fmt: skip


def sentence(client: str, api: str, throttled: int, of: int | None, within_ns: int, ms: int, longest: int) -> str:
    """The finding in words; ``of`` is None when requests that were not throttled were not counted."""
    requests = times(throttled, f"{api} request") if of is None else f"{throttled} of {times(of, f'{api} request')}"
    return f"{client} was throttled in {requests} within {span(within_ns)}, {span(ms * 1_000_000)} in all and {span(longest * 1_000_000)} at most."


# Seen at the broker the peer is the client.
_SQL = """
SELECT cluster_id, client_id, CASE WHEN trace_role = 1 THEN local_addr ELSE remote_addr END addr, req_cmd_name api, count(*) requests,
  count(*) FILTER (throttle_ms > 0) throttled, sum(throttle_ms)::BIGINT ms, max(throttle_ms) longest, min(time_) FILTER (throttle_ms > 0) AS since
FROM events WHERE time_ > $now - $within AND time_ <= $now GROUP BY cluster_id, client_id, addr, api HAVING sum(throttle_ms) >= $least ORDER BY ALL"""
