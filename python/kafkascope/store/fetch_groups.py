"""Completes the group of rows of ``kafka_fetch`` that were made before anything told it, out of ``kafka_fetch_groups``."""

from __future__ import annotations

from collections.abc import Sequence

COMPLETED = ("group_id", "group_source")

#: A process is known by its upid on the host that it runs on, by its address elsewhere; a topic by what the wire carried.
_CLIENT = "CASE WHEN {0}.client_upid = '' THEN {0}.client_addr ELSE {0}.client_upid END"
_TOPIC = "CASE WHEN {0}.topic_id = '' THEN {0}.topic ELSE {0}.topic_id END"

#: Several agents may tell of the same fetches: each moment counts once, or rows would multiply.
_SPANS = """SELECT * REPLACE (greatest(first_time, 1 + coalesce(told, first_time - 1)) AS first_time) FROM (
SELECT {client} AS client, {topic} AS topic_key, t.client_id, t.cluster_id, t.group_id, t.group_source, t.first_time, t.time_,
max(t.time_) OVER (PARTITION BY {client}, {topic}, t.client_id, t.cluster_id ORDER BY t.first_time, t.time_ ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS told
FROM {told} AS t) WHERE told IS NULL OR time_ > told"""


def completed(columns: Sequence[str], fetches: str, told: str) -> str:
    """SQL of ``columns`` of the relation ``fetches`` with the groups that the relation ``told`` (``kafka_fetch_groups``) adds."""
    listed = ", ".join(f'coalesce(g."{c}", r."{c}") AS "{c}"' if c in COMPLETED else f'r."{c}"' for c in columns)
    spans = _SPANS.format(client=_CLIENT.format("t"), topic=_TOPIC.format("t"), told=told)
    return (
        f"SELECT {listed} FROM {fetches} AS r LEFT JOIN ({spans}) AS g ON r.group_source IN ('unknown', 'ambiguous') AND r.replica_id < 0"
        f" AND g.client = {_CLIENT.format('r')} AND g.topic_key = {_TOPIC.format('r')} AND g.client_id = r.client_id"
        " AND r.time_ BETWEEN g.first_time AND g.time_ AND (g.cluster_id = r.cluster_id OR g.cluster_id = '' OR r.cluster_id = '')"
    )
