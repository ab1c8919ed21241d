"""What share consumers (KIP-932) were handed and how they acknowledged it, out of their requests: ranges of offsets."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.analysis.share_progress import (
    ACQUIRED,
    MOVED,
    NONE,
    RELEASED,
    RENEWED,
    SESSION_ENDED,
    SETTLING,
    UNANSWERED,
    Key,
    ShareRow,
)
from kafkascope.analysis.sql import query

_SHARE_FETCH, _SHARE_ACKNOWLEDGE, _ALTER_SHARE_GROUP_OFFSETS = 78, 79, 91
#: The requests that are read here.
APIS = (_SHARE_FETCH, _SHARE_ACKNOWLEDGE, _ALTER_SHARE_GROUP_OFFSETS)
#: AcknowledgementType; 0 stands for an offset without a record.
_TYPES = ("gap", "accepted", RELEASED, "rejected", RENEWED)
_MS = 1_000_000

#: What ``shares`` yields; ``lag.Rows`` takes it. ``types`` has one for all offsets of a range, or one for each; an empty topic and a null partition mean all.
SHARES = pa.schema(
    [
        ("cluster_id", pa.string()),
        ("group_id", pa.string()),
        ("topic", pa.string()),
        ("topic_id", pa.string()),
        ("partition", pa.int64()),
        ("member_id", pa.string()),
        ("time_", pa.int64()),
        ("response_time", pa.int64()),
        ("kind", pa.string()),
        ("first_offset", pa.int64()),
        ("last_offset", pa.int64()),
        ("delivery_count", pa.int64()),
        ("lock_ms", pa.int64()),
        ("types", pa.list_(pa.int64())),
    ]
)


def shares(events: pa.Table) -> pa.Table:
    """Ranges that were acquired or acknowledged (refused ones left out), sessions that ended and groups that were moved, among rows of ``kafka_events.beta``.

    What was acknowledged without an answer that can be read has a kind of its own.
    """
    events = events.filter(pc.is_in(events["req_cmd"], pa.array(APIS, pa.int64())))
    if events.num_rows == 0:
        return SHARES.empty_table()
    columns = ["time_", "cluster_id", "req_cmd", "req_body", "resp", "latency"]
    return query(_SHARES, {"fetch": _SHARE_FETCH, "alter": _ALTER_SHARE_GROUP_OFFSETS}, events=events.select(columns)).cast(SHARES)


def rows(table: Sequence[Mapping[str, Any]], keys: Sequence[Key], groups: Sequence[Hashable]) -> Iterator[ShareRow[Key]]:
    """Rows of ``SHARES`` for ``ShareProgress``, with the key of each one's share partition and of its group."""
    for row, key, group in zip(table, keys, groups, strict=True):
        base: ShareRow[Key] = ShareRow(None, group, row["kind"], row["member_id"], row["time_"], row["response_time"])
        if row["kind"] == SESSION_ENDED:
            yield base
            continue
        base = base._replace(key=key, first=row["first_offset"], last=row["last_offset"])
        if row["kind"] == MOVED:
            yield base
        elif row["kind"] == ACQUIRED:
            lock_ms = row["lock_ms"]
            yield base._replace(deliveries=row["delivery_count"], lock_ns=NONE if lock_ms is None else lock_ms * _MS)
        else:
            yield from _acknowledged(base, row["types"])


def _acknowledged(base: ShareRow[Key], types: Sequence[int]) -> Iterator[ShareRow[Key]]:
    runs = [(types[0], base.last - base.first + 1)] if len(types) == 1 else [(number, len(list(run))) for number, run in groupby(types)]
    first = base.first
    for number, count in runs:
        kind = _TYPES[number] if 0 <= number < len(_TYPES) else ""
        if base.kind == UNANSWERED:
            kind = UNANSWERED if kind in SETTLING else ""
        if kind:
            yield base._replace(kind=kind, first=first, last=first + count - 1)
        first += count


_ANSWER = """{"error_code":"BIGINT","acquisition_lock_timeout_ms":"BIGINT","responses":[{"topic_id":"VARCHAR","topic_name":"VARCHAR","partitions":[{
  "partition_index":"BIGINT","error_code":"BIGINT","acknowledge_error_code":"BIGINT",
  "acquired_records":[{"first_offset":"BIGINT","last_offset":"BIGINT","delivery_count":"BIGINT"}]}]}]}"""
_REQUEST = """{"group_id":"VARCHAR","member_id":"VARCHAR","share_session_epoch":"BIGINT","topics":[{"topic_id":"VARCHAR","topic_name":"VARCHAR","partitions":[{
  "partition_index":"BIGINT","start_offset":"BIGINT","acknowledgement_batches":[{"first_offset":"BIGINT","last_offset":"BIGINT","acknowledge_types":["BIGINT"]}]}]}]}"""

# A body that was cut short in capture is no JSON and tells nothing. An answer leaves out partitions of which there is nothing to say: their acknowledgements were taken.
_SHARES = f"""
WITH bodies AS (
  SELECT row_number() OVER () id, cluster_id, req_cmd, time_, time_ + latency response_time, from_json(req_body, '{_REQUEST}') q, CASE WHEN json_valid(resp) THEN from_json(resp, '{_ANSWER}') END a FROM events
  WHERE json_valid(req_body)),
good AS (SELECT id, cluster_id, req_cmd, time_, response_time, q, a, q.group_id group_id, q.member_id member_id FROM bodies WHERE coalesce(a.error_code, 0) = 0),
answered AS (
  SELECT id, cluster_id, group_id, member_id, req_cmd, time_, response_time, lock_ms, topic, topic_id, unnest(partitions) p FROM (
    SELECT id, cluster_id, group_id, member_id, req_cmd, time_, response_time, a.acquisition_lock_timeout_ms lock_ms, coalesce(r.topic_name, '') topic,
      coalesce(r.topic_id, '') topic_id, r.partitions partitions FROM (SELECT *, unnest(a.responses) r FROM good))),
asked AS (
  SELECT id, cluster_id, group_id, member_id, time_, response_time, CASE WHEN a IS NULL THEN '{UNANSWERED}' ELSE 'acknowledged' END kind, topic, topic_id,
    p.partition_index part, p.start_offset start_offset, p.acknowledgement_batches batches, req_cmd FROM (
    SELECT id, cluster_id, group_id, member_id, req_cmd, time_, response_time, a, coalesce(t.topic_name, '') topic, coalesce(t.topic_id, '') topic_id, unnest(t.partitions) p FROM (
      SELECT *, unnest(q.topics) t FROM good))),
refused AS (
  SELECT id, coalesce(nullif(topic, ''), topic_id) place, p.partition_index part FROM answered
  WHERE CASE WHEN req_cmd = $fetch THEN p.acknowledge_error_code ELSE p.error_code END <> 0),
taken AS (SELECT * FROM (SELECT *, coalesce(nullif(topic, ''), topic_id) place FROM asked) ANTI JOIN refused USING (id, place, part))
SELECT cluster_id, group_id, topic, topic_id, part AS partition, member_id, time_, response_time, '{ACQUIRED}' kind, x.first_offset first_offset, x.last_offset last_offset,
  x.delivery_count delivery_count, lock_ms, NULL::BIGINT[] AS types
FROM (SELECT *, p.partition_index part, unnest(p.acquired_records) x FROM answered WHERE p.error_code = 0)
UNION ALL SELECT cluster_id, group_id, topic, topic_id, part, member_id, time_, response_time, kind, b.first_offset, b.last_offset, NULL, NULL, b.acknowledge_types
FROM (SELECT *, unnest(batches) b FROM taken)
UNION ALL SELECT cluster_id, group_id, topic, topic_id, part, '', response_time, response_time, '{MOVED}', start_offset, start_offset - 1, NULL, NULL, NULL
FROM taken WHERE req_cmd = $alter AND kind <> '{UNANSWERED}' AND start_offset >= 0
UNION ALL SELECT cluster_id, group_id, '', '', NULL, member_id, time_, response_time, '{SESSION_ENDED}', NULL, NULL, NULL, NULL, NULL
FROM good WHERE q.share_session_epoch = -1
ORDER BY ALL"""
