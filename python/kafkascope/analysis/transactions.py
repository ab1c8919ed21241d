"""Transactions as their producers end them: committed, aborted, or fenced by a successor of the same transactional id, which aborts them."""

from __future__ import annotations

import pyarrow as pa

from kafkascope.analysis.sql import query

_INIT_PRODUCER_ID, _END_TXN = 22, 26
#: The requests that are read here.
APIS = (_INIT_PRODUCER_ID, _END_TXN)

#: What ``ends`` yields; ``lag.Rows`` takes it.
ENDS = pa.schema(
    [
        ("cluster_id", pa.string()),
        ("transactional_id", pa.string()),
        ("time_", pa.int64()),
        ("response_time", pa.int64()),
        ("committed", pa.bool_()),
    ]
)


def ends(events: pa.Table) -> pa.Table:
    """The ends of transactions among rows of ``kafka_events.beta``, refused ones left out."""
    if events.num_rows == 0:
        return ENDS.empty_table()
    columns = ["time_", "cluster_id", "req_cmd", "req_body", "latency", "error_code"]
    return query(_ENDS, {"init": _INIT_PRODUCER_ID, "end_txn": _END_TXN}, events=events.select(columns)).cast(ENDS)


# A body that was cut short in capture is no JSON: an end whose kind is not known ends nothing. A producer that keeps what it has prepared (KIP-939)
# aborts nothing.
_ENDS = """
SELECT cluster_id, body->>'$.transactional_id' transactional_id, time_, response_time,
  CASE WHEN req_cmd = $end_txn THEN (body->>'$.committed')::BOOLEAN WHEN (body->>'$.keep_prepared_txn') = 'true' THEN NULL ELSE false END committed
FROM (SELECT cluster_id, time_, req_cmd, CASE WHEN error_code IS NOT NULL THEN time_ + latency END response_time,
    CASE WHEN json_valid(req_body) THEN req_body::JSON END body
  FROM events WHERE (req_cmd = $end_txn AND coalesce(error_code, 0) = 0) OR (req_cmd = $init AND error_code = 0))
WHERE transactional_id IS NOT NULL AND committed IS NOT NULL ORDER BY time_"""
