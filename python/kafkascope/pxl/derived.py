"""Tables that are computed from other tables, as SQL."""

from __future__ import annotations

from collections.abc import Callable

#: A record may be read this long after it was produced and still be matched with its Produce request.
LOOK_BACK_NS = 3_600_000_000_000

#: ``scan(table, start_ns, end_ns, columns)``: SQL of the rows with ``start_ns <= time_ < end_ns``.
ScanSql = Callable[[str, "int | None", "int | None", list[str]], str]

_PRODUCE = ["time_", "client_upid", "client_addr", "client_id", "cluster_id", "broker_addr", "broker_port", "topic", "topic_id", "partition", "base_offset",
            "last_offset", "error_code", "response_time"]  # fmt: skip
_FETCH = ["time_", "client_upid", "client_addr", "client_id", "broker_upid", "broker_addr", "broker_port", "cluster_id", "group_id", "replica_id", "topic",
          "topic_id", "partition", "first_offset", "last_offset", "records", "max_timestamp", "error_code", "response_time"]  # fmt: skip


def names() -> tuple[str, ...]:
    """The derived tables that there are."""
    return ("kafka_delivery",)


def sql(name: str, scan: ScanSql, start_ns: int | None = None, end_ns: int | None = None) -> str:
    """DuckDB SQL of a derived table's rows with ``start_ns <= time_ < end_ns``."""
    if name != "kafka_delivery":
        raise KeyError(name)
    return _delivery(scan, start_ns, end_ns)


def _delivery(scan: ScanSql, start_ns: int | None, end_ns: int | None) -> str:
    """Each fetched batch with the newest Produce whose first offset is not after the batch's, when its last offset is not before it.

    A row's ``time_`` is the time of the response; its Fetch request came up to a long poll earlier. A cluster that one side did not know yet
    is the one that the same broker's other rows name.
    """
    earlier = None if start_ns is None else start_ns - LOOK_BACK_NS
    long_poll = None if start_ns is None else start_ns - 120_000_000_000
    window = [bound for bound in (f"response_time >= {start_ns}" if start_ns is not None else "", f"response_time < {end_ns}" if end_ns is not None else "") if bound]
    fetched = " AND ".join(["first_offset IS NOT NULL", "replica_id < 0", "error_code = 0", *window])
    return f"""WITH
f0 AS NOT MATERIALIZED (SELECT * FROM ({scan("kafka_fetch", long_poll, end_ns, _FETCH)}) WHERE {fetched}),
p0 AS NOT MATERIALIZED (SELECT * FROM ({scan("kafka_produce", earlier, end_ns, _PRODUCE)}) WHERE base_offset IS NOT NULL AND error_code = 0 AND response_time IS NOT NULL),
clusters AS MATERIALIZED (
  SELECT broker_addr, broker_port, max(cluster_id) AS known FROM (
    SELECT broker_addr, broker_port, cluster_id FROM f0 UNION ALL SELECT broker_addr, broker_port, cluster_id FROM p0
  ) GROUP BY broker_addr, broker_port HAVING count(DISTINCT cluster_id) = 2 AND min(cluster_id) = ''),
f AS NOT MATERIALIZED (
  SELECT f0.* REPLACE (CASE WHEN f0.cluster_id = '' THEN coalesce(c.known, '') ELSE f0.cluster_id END AS cluster_id),
    CASE WHEN f0.topic <> '' THEN f0.topic ELSE 'id ' || f0.topic_id END AS topic_key
  FROM f0 LEFT JOIN clusters AS c ON c.broker_addr = f0.broker_addr AND c.broker_port = f0.broker_port),
p AS NOT MATERIALIZED (
  SELECT p0.*, CASE WHEN p0.cluster_id = '' THEN coalesce(c.known, '') ELSE p0.cluster_id END AS cluster_key,
    CASE WHEN p0.topic <> '' THEN p0.topic ELSE 'id ' || p0.topic_id END AS topic_key
  FROM p0 LEFT JOIN clusters AS c ON c.broker_addr = p0.broker_addr AND c.broker_port = p0.broker_port),
j AS NOT MATERIALIZED (
  SELECT f.*, p.client_upid AS p_upid, p.client_addr AS p_addr, p.client_id AS p_client, p.response_time AS p_time,
    coalesce(p.base_offset IS NOT NULL AND coalesce(p.last_offset, p.base_offset) >= f.first_offset, false) AS matched
  FROM f ASOF LEFT JOIN p
    ON p.cluster_key = f.cluster_id AND p.topic_key = f.topic_key AND p.partition = f.partition AND f.first_offset >= p.base_offset)
SELECT response_time AS time_, cluster_id, topic, topic_id, partition, first_offset, coalesce(last_offset, first_offset) AS last_offset, records,
  CASE WHEN matched THEN p_upid ELSE '' END AS producer_upid, CASE WHEN matched THEN p_addr ELSE '' END AS producer_addr,
  CASE WHEN matched THEN p_client ELSE '' END AS producer_client_id,
  client_upid AS consumer_upid, client_addr AS consumer_addr, client_id AS consumer_client_id, group_id, broker_upid, broker_addr,
  CASE WHEN matched THEN p_time ELSE coalesce(max_timestamp, response_time) END AS produced_at,
  response_time - CASE WHEN matched THEN p_time ELSE coalesce(max_timestamp, response_time) END AS latency,
  CASE WHEN matched THEN 'wire' ELSE 'batch_timestamp' END AS source
FROM j WHERE matched OR max_timestamp IS NOT NULL"""
