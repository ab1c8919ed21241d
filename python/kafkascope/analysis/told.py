"""What other requests tell of logs and groups: ends asked for with ListOffsets, topics, groups and offsets that were deleted, and offsets asked for with OffsetFetch."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.analysis.sql import query

_LIST_OFFSETS, _OFFSET_FETCH, _DELETE_TOPICS, _DELETE_GROUPS, _OFFSET_DELETE, _DELETE_SHARE_GROUP_OFFSETS = 2, 9, 20, 42, 47, 92
#: The requests that are read here.
APIS = (_LIST_OFFSETS, _OFFSET_FETCH, _DELETE_TOPICS, _DELETE_GROUPS, _OFFSET_DELETE, _DELETE_SHARE_GROUP_OFFSETS)
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
    events = _of(events, _ASKING)
    if events.num_rows == 0:
        return ENDS.empty_table()
    return query(_ENDS, {"api": _LIST_OFFSETS}, events=events.select(_COLUMNS)).cast(ENDS)


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
    events = events.filter(pc.match_substring(events["resp"], '"committed_offset":'))
    if events.num_rows == 0:
        return OFFSETS.empty_table(), DELETIONS.empty_table()
    found = query(_OFFSETS, {"api": _OFFSET_FETCH}, events=events.select(_COLUMNS)).cast(OFFSETS)
    known = pc.greater_equal(found["offset"], 0)
    return found.filter(known), found.filter(pc.invert(known)).select(DELETIONS.names)


def _of(events: pa.Table, apis: pa.Array) -> pa.Table:
    """Planning a query costs more than looking whether there is anything for it."""
    return events.filter(pc.is_in(events["req_cmd"], apis))


# A body that was cut short in capture is no JSON and tells nothing.
_BODIES = """
SELECT row_number() OVER () id, cluster_id, req_cmd, time_ + latency AS ts, req_body::JSON AS asked, resp::JSON AS answer FROM events
WHERE req_cmd IN ({apis}) AND json_valid(req_body) AND json_valid(resp)"""

_ENDS = f"""
WITH bodies AS ({_BODIES.format(apis="$api")}),
wanted AS (
  SELECT id, topic->>'$.name' topic, unnest((topic->'$.partitions')::JSON[]) part FROM (
    SELECT id, unnest((asked->'$.topics')::JSON[]) topic FROM bodies WHERE coalesce((asked->>'$.isolation_level')::BIGINT, 0) = 0)),
given AS (
  SELECT id, cluster_id, ts, topic->>'$.name' topic, unnest((topic->'$.partitions')::JSON[]) part FROM (
    SELECT id, cluster_id, ts, unnest((answer->'$.topics')::JSON[]) topic FROM bodies))
SELECT g.cluster_id, g.topic, '' topic_id, (g.part->>'$.partition_index')::BIGINT AS partition,
  coalesce(nullif((g.part->>'$.offset')::BIGINT, -1), (g.part->>'$.old_style_offsets[0]')::BIGINT) end_offset, g.ts AS time_, 'list_offsets' source
FROM given g JOIN wanted w ON g.id = w.id AND g.topic = w.topic AND g.part->>'$.partition_index' = w.part->>'$.partition_index'
WHERE (w.part->>'$.timestamp')::BIGINT = -1 AND (g.part->>'$.error_code')::BIGINT = 0 AND end_offset >= 0 ORDER BY ALL"""

_TOPICS = """[{"name":"VARCHAR","topic_name":"VARCHAR","topic_id":"VARCHAR",
  "partitions":[{"partition_index":"BIGINT","committed_offset":"BIGINT","error_code":"BIGINT"}]}]"""
# Exporters ask for all offsets of all groups: a body is read once, into what is asked of it.
_OFFSET_FETCH_ANSWER = f"""{{"error_code":"BIGINT","topics":{_TOPICS},"groups":[{{"group_id":"VARCHAR","error_code":"BIGINT","topics":{_TOPICS}}}]}}"""

# Up to version 7 a request is about one group, which the answer does not name.
_OFFSETS = f"""
WITH bodies AS (
  SELECT cluster_id, time_, req_body->>'$.group_id' group_id, from_json(resp, '{_OFFSET_FETCH_ANSWER}') answer FROM events
  WHERE req_cmd = $api AND json_valid(req_body) AND json_valid(resp)),
groups AS (
  SELECT cluster_id, time_, unnest(coalesce(answer.groups, [{{'group_id': group_id, 'error_code': answer.error_code, 'topics': answer.topics}}])) g FROM bodies),
topics AS (SELECT cluster_id, time_, g.group_id group_id, unnest(g.topics) t FROM groups WHERE coalesce(g.error_code, 0) = 0),
parts AS (SELECT cluster_id, time_, group_id, coalesce(t.name, t.topic_name, '') topic, coalesce(t.topic_id, '') topic_id, unnest(t.partitions) p FROM topics)
SELECT cluster_id, time_, group_id, topic, topic_id, p.partition_index AS partition, p.committed_offset AS "offset"
FROM parts WHERE p.error_code = 0 AND p.committed_offset IS NOT NULL ORDER BY ALL"""

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
