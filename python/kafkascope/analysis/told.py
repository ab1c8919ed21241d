"""What other requests tell of logs and groups: ends asked for with ListOffsets, topics, groups and offsets that were deleted, and offsets asked for with OffsetFetch."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.analysis.numpy_columns import ZERO
from kafkascope.analysis.sql import query

_LIST_OFFSETS, _OFFSET_FETCH, _DELETE_TOPICS, _DELETE_GROUPS, _OFFSET_DELETE, _DELETE_SHARE_GROUP_OFFSETS = 2, 9, 20, 42, 47, 92
#: The requests that are read here.
APIS = (_LIST_OFFSETS, _OFFSET_FETCH, _DELETE_TOPICS, _DELETE_GROUPS, _OFFSET_DELETE, _DELETE_SHARE_GROUP_OFFSETS)
#: The timestamp that asks for the end of a log.
_LATEST = -1
_ASKING = pa.array([_LIST_OFFSETS], pa.int64())
_FETCHING = pa.array([_OFFSET_FETCH], pa.int64())
_DELETING = pa.array([_DELETE_TOPICS, _DELETE_GROUPS, _OFFSET_DELETE, _DELETE_SHARE_GROUP_OFFSETS], pa.int64())

#: What ``ends`` yields; ``lag.Rows`` takes it.
ENDS = pa.schema(
    [
        ("cluster_id", pa.string()),
        ("topic", pa.string()),
        ("topic_id", pa.string()),
        ("partition", pa.int64()),
        ("end_offset", pa.int64()),
        ("time_", pa.int64()),
        ("source", pa.string()),
    ]
)
#: What ``deletions`` and ``offsets`` yield; ``lag.Rows`` takes it. An empty group or topic and a null partition mean all of them.
DELETIONS = pa.schema(
    [
        ("cluster_id", pa.string()),
        ("time_", pa.int64()),
        ("group_id", pa.string()),
        ("topic", pa.string()),
        ("topic_id", pa.string()),
        ("partition", pa.int64()),
    ]
)
#: What ``offsets`` yields first; ``lag.Rows`` takes it. ``time_`` is when it was asked: a commit that was answered before is in the answer.
OFFSETS = pa.schema([*DELETIONS, ("offset", pa.int64())])
_COLUMNS = ["time_", "cluster_id", "req_cmd", "req_body", "resp", "latency"]


def ends(events: pa.Table) -> pa.Table:
    """The ends of logs that somebody asked for, among rows of ``kafka_events.beta``; ends of committed transactions are no ends of logs."""
    return _sorted(ENDS, _read(_of(events, _ASKING), _ends_in))


def _ends_in(cluster_id: str, asked_at: int, latency: int, asked: Any, answer: Any) -> Iterator[tuple[Any, ...]]:
    if asked.get("isolation_level"):
        return
    latest = {(topic["name"], part["partition_index"]) for topic in asked["topics"] or () for part in topic["partitions"] or () if part["timestamp"] == _LATEST}
    for topic in answer["topics"] or ():
        for part in topic["partitions"] or ():
            if part["error_code"] == 0 and (topic["name"], part["partition_index"]) in latest:
                # Version 0 answers with several.
                offset = part.get("offset", -1)
                end = offset if offset >= 0 else next(iter(part.get("old_style_offsets") or ()), -1)
                if end >= 0:
                    yield cluster_id, topic["name"] or "", "", part["partition_index"], end, asked_at + latency, "list_offsets"


def deletions(events: pa.Table) -> pa.Table:
    """Topics, groups and offsets of groups that were deleted, among rows of ``kafka_events.beta``."""
    events = _of(events, _DELETING)
    if events.num_rows == 0:
        return DELETIONS.empty_table()
    params = {"topics": _DELETE_TOPICS, "groups": _DELETE_GROUPS, "offsets": _OFFSET_DELETE, "shared": _DELETE_SHARE_GROUP_OFFSETS}
    return query(_DELETIONS, params, events=events.select(_COLUMNS)).cast(DELETIONS)


def offsets(events: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The committed offsets that OffsetFetch was answered with, whoever asked, among rows of ``kafka_events.beta``, and where a group has none.

    Of a group that had one there, it expired (``offsets.retention.minutes``), which no other request tells.
    """
    events = _of(events, _FETCHING)
    found = _sorted(OFFSETS, _read(events.filter(pc.match_substring(events["resp"], '"committed_offset":')), _offsets_in))
    known = pc.greater_equal(found["offset"], ZERO)
    return found.filter(known), found.filter(pc.invert(known)).select(DELETIONS.names)


def _offsets_in(cluster_id: str, asked_at: int, _latency: int, asked: Any, answer: Any) -> Iterator[tuple[Any, ...]]:
    # Up to version 7 a request is about one group, which the answer does not name.
    for group in answer.get("groups") or ({**answer, "group_id": asked.get("group_id") or ""},):
        if group.get("error_code"):
            continue
        for topic in group["topics"] or ():
            name, topic_id = topic.get("name") or topic.get("topic_name") or "", topic.get("topic_id") or ""
            for part in topic["partitions"] or ():
                if part["error_code"] == 0 and part["committed_offset"] is not None:
                    yield cluster_id, asked_at, group["group_id"] or "", name, topic_id, part["partition_index"], part["committed_offset"]


Reader = Callable[[str, int, int, Any, Any], Iterator[tuple[Any, ...]]]


def _read(events: pa.Table, reader: Reader) -> Iterator[tuple[Any, ...]]:
    """What ``reader`` makes of each request and its answer. Not a query: planning one takes longer than reading hundreds of these bodies, and mostly there are a few."""
    for cluster_id, asked_at, latency, asked, answer in zip(*(events[name].to_pylist() for name in ("cluster_id", "time_", "latency", "req_body", "resp")), strict=True):
        # A body that was cut short in capture is no JSON and tells nothing; of one that lacks something, what stands before that counts.
        with contextlib.suppress(ValueError, LookupError, TypeError, AttributeError):
            yield from reader(cluster_id, asked_at, latency, json.loads(asked), json.loads(answer))


def _sorted(schema: pa.Schema, rows: Iterable[tuple[Any, ...]]) -> pa.Table:
    found = sorted(rows)
    return pa.table([pa.array(column, field.type) for column, field in zip(zip(*found, strict=True), schema, strict=True)], schema=schema) if found else schema.empty_table()


def _of(events: pa.Table, apis: pa.Array) -> pa.Table:
    """Planning a query costs more than looking whether there is anything for it."""
    return events.filter(pc.is_in(events["req_cmd"], apis))


# A body that was cut short in capture is no JSON and tells nothing.
_BODIES = """
SELECT row_number() OVER () id, cluster_id, req_cmd, time_ + latency AS ts, req_body::JSON AS asked, resp::JSON AS answer FROM events
WHERE req_cmd IN ({apis}) AND json_valid(req_body) AND json_valid(resp)"""

_DELETIONS = f"""
WITH bodies AS ({_BODIES.format(apis="$topics, $groups, $offsets, $shared")}),
topics AS (SELECT cluster_id, ts, unnest((answer->'$.responses')::JSON[]) r FROM bodies WHERE req_cmd = $topics),
groups AS (SELECT cluster_id, ts, unnest((answer->'$.results')::JSON[]) r FROM bodies WHERE req_cmd = $groups),
offsets AS (
  SELECT cluster_id, ts, group_id, topic->>'$.name' topic, unnest((topic->'$.partitions')::JSON[]) r FROM (
    SELECT cluster_id, ts, asked->>'$.group_id' group_id, unnest((answer->'$.topics')::JSON[]) topic FROM bodies WHERE req_cmd = $offsets)),
shared AS (
  SELECT cluster_id, ts, asked->>'$.group_id' group_id, unnest((answer->'$.responses')::JSON[]) r FROM bodies
  WHERE req_cmd = $shared AND (answer->>'$.error_code')::BIGINT = 0)
SELECT cluster_id, ts time_, '' group_id, coalesce(r->>'$.name', '') topic, coalesce(r->>'$.topic_id', '') topic_id, NULL::BIGINT AS partition
FROM topics WHERE (r->>'$.error_code')::BIGINT = 0
UNION ALL SELECT cluster_id, ts, r->>'$.group_id', '', '', NULL FROM groups WHERE (r->>'$.error_code')::BIGINT = 0
UNION ALL SELECT cluster_id, ts, group_id, topic, '', (r->>'$.partition_index')::BIGINT FROM offsets WHERE (r->>'$.error_code')::BIGINT = 0
UNION ALL SELECT cluster_id, ts, group_id, r->>'$.topic_name', coalesce(r->>'$.topic_id', ''), NULL FROM shared WHERE (r->>'$.error_code')::BIGINT = 0
ORDER BY ALL"""
