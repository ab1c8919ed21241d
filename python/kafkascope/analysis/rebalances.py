"""Every rebalance of every kind of group as one table: what began it, who was there before and after, what moved, who was stopped how long."""

from __future__ import annotations

from types import MappingProxyType

import pyarrow as pa

from kafkascope.analysis import rebalance_classic, rebalance_epochs
from kafkascope.analysis.rebalance_state import Group, Row, identity_of

#: Columns of ``kafka_group_events`` that are read.
INPUT = (
    "time_", "cluster_id", "group_id", "protocol", "event", "member_id", "instance_id", "client_id", "client_addr", "generation", "is_leader",
    "members", "protocol_name", "reason", "assigned", "error_code", "duration",
)  # fmt: skip

MEMBER = pa.struct(
    [
        ("client_id", pa.string()),
        ("member_id", pa.string()),
        ("instance_id", pa.string()),
        ("partitions_before", pa.int64()),
        ("partitions_after", pa.int64()),
        ("stopped", pa.int64()),
        ("settled", pa.int64()),
        ("left", pa.bool_()),
    ]
)

SCHEMA = pa.schema(
    [
        ("time_", pa.int64()),
        ("end_time", pa.int64()),
        ("duration", pa.int64()),
        ("cluster_id", pa.string()),
        ("group_id", pa.string()),
        ("protocol", pa.string()),
        ("style", pa.string()),
        ("outcome", pa.string()),
        ("trigger", pa.string()),
        ("reason", pa.string()),
        ("trigger_client_id", pa.string()),
        ("trigger_member_id", pa.string()),
        ("generation_before", pa.int64()),
        ("generation", pa.int64()),
        ("members_before", pa.int64()),
        ("members_after", pa.int64()),
        ("partitions_moved", pa.int64()),
        ("partitions_gained", pa.int64()),
        ("partitions_lost", pa.int64()),
        ("retries", pa.int64()),
        ("unowned_max", pa.int64()),
        ("stopped_max", pa.int64()),
        ("members", pa.list_(MEMBER)),
    ]
)

#: What the columns say; times are ns since the epoch, durations ns, an unknown is null.
COLUMNS = MappingProxyType(
    {
        "time_": "When it began: the request that caused it, or the first that a member felt.",
        "end_time": "When the last member had its assignment; null while it is open.",
        "duration": "end_time - time_.",
        "cluster_id": "Cluster, empty while unknown.",
        "group_id": "Group.",
        "protocol": "classic, consumer, share or streams.",
        "style": "eager (all members stop), cooperative (classic, only what moves stops) or incremental (the same without a barrier).",
        "outcome": "completed, emptied (the last member left) or open.",
        "trigger": "member_joined, member_left, member_rejoined, member_timed_out, member_fenced, subscription_changed, assignment_changed "
        "(by the coordinator alone, as for new partitions), unseen (by a member that was not seen).",
        "reason": "What the member said (KIP-800).",
        "trigger_client_id": "Client that caused it.",
        "trigger_member_id": "Its member id.",
        "generation_before": "Generation or epoch before; null when not seen.",
        "generation": "Generation or epoch it led to.",
        "members_before": "Members before; null when not known.",
        "members_after": "Members after.",
        "partitions_moved": "Partitions that went from one member to another.",
        "partitions_gained": "Partitions that a member got which it had not.",
        "partitions_lost": "Partitions that a member had and no longer has.",
        "retries": "Generations that came to nothing and requests refused for now; all within this one rebalance.",
        "unowned_max": "The longest time for which a partition had no reader, between its owner's letting go and the next one's assignment.",
        "stopped_max": "The longest time for which a member with partitions read none.",
        "members": "Each member's part: stopped as above, settled from its first request to its assignment.",
    }
)


def take(protocols: dict[str, Group], row: Row) -> Group:
    """Takes the next event of one group in, whose state is kept by protocol: on its way from one to the other a group speaks both at once."""
    group = _removed_from(protocols, row) or protocols.get(row["protocol"])
    if group is None:
        group = protocols[row["protocol"]] = Group(row["cluster_id"], row["group_id"], row["protocol"])
    (rebalance_classic if group.protocol == "classic" else rebalance_epochs).take(group, row)
    return group


def _removed_from(protocols: dict[str, Group], row: Row) -> Group | None:
    """The group of another protocol whose member is removed by an admin's LeaveGroup, which is the classic protocol's request."""
    if row["event"] != "leave" or row["protocol"] in protocols:
        return None
    return next((group for group in protocols.values() if identity_of(row) in group.members), None)


def rebalances(group_events: pa.Table) -> pa.Table:
    """The rebalances within rows of ``kafka_group_events``, by their beginning; the columns are told in ``COLUMNS``."""
    rows = group_events.select(list(INPUT)).sort_by("time_").to_pylist()
    clusters = {row["cluster_id"] for row in rows} - {""}
    groups: dict[tuple[str, str], dict[str, Group]] = {}
    for row in rows:
        if len(clusters) == 1:
            # What was seen before the cluster's id was known belongs to the only one there is.
            row["cluster_id"] = next(iter(clusters))
        take(groups.setdefault((row["cluster_id"], row["group_id"]), {}), row)
    done = [row for protocols in groups.values() for group in protocols.values() for row in _ended(group)]
    return pa.Table.from_pylist(sorted(done, key=lambda r: (r["time_"], r["cluster_id"], r["group_id"])), schema=SCHEMA)


def _ended(group: Group) -> list[Row]:
    if group.protocol == "classic":
        group.finish("open", None)
    else:
        rebalance_epochs.end(group)
    return group.done
