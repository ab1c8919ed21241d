"""Rebalances of the classic protocol: all members join, the leader assigns, all learn it (JoinGroup, SyncGroup), once more when one was missing."""

from __future__ import annotations

from kafkascope.analysis.rebalance_state import (
    FENCED,
    MEMBER_ID_REQUIRED,
    REBALANCE_IN_PROGRESS,
    RETRIED,
    Group,
    Member,
    Rebalance,
    Row,
    end_of,
    identity_of,
    member_of,
    partitions_of,
)


def take(group: Group, row: Row) -> None:
    """Takes in the next event of a classic group."""
    _TAKE.get(row["event"], _ignore)(group, row)


def _join(group: Group, row: Row) -> None:
    error = row["error_code"]
    if error not in (0, None):
        if error not in RETRIED | FENCED:
            return
        rebalance = group.begin(row, _join_trigger(group, row))
        rebalance.refused += error != MEMBER_ID_REQUIRED
        if not row["member_id"] and not row["instance_id"]:
            rebalance.waiting.setdefault((row["client_id"], row["client_addr"]), row["time_"])
        elif error in RETRIED:
            part = group.part(rebalance, row)
            part.stopped_from_ns = part.stopped_from_ns or row["time_"]
        return
    generation = row["generation"]
    if error == 0 and group.open is None and group.members and 0 <= generation <= group.generation:
        # A static member is back, or a member asked again: it is given what it had.
        group.members.setdefault(identity_of(row), member_of(row)).member_id = row["member_id"]
        return
    rebalance = group.begin(row, _join_trigger(group, row))
    part = group.part(rebalance, row)
    part.stopped_from_ns = part.stopped_from_ns or row["time_"]
    rebalance.left.pop(identity_of(row), None)
    if error is None:
        return
    rebalance.cooperative = _cooperative(row["protocol_name"])
    rebalance.generations.add(generation)
    part.generation, part.settled_ns = generation, None
    if row["is_leader"]:
        rebalance.members_told = row["members"]


def _sync(group: Group, row: Row) -> None:
    generation, at_ns = row["generation"], end_of(row)
    if row["error_code"] not in (0, None):
        if row["error_code"] == REBALANCE_IN_PROGRESS or group.open is not None:
            group.begin(row, "unseen")
        return
    expected = group.open.generations if group.open is not None else set()
    if row["error_code"] is None or (generation <= group.generation and generation not in expected):
        return
    rebalance = group.begin(row, "unseen")
    rebalance.generations.add(generation)
    part = group.part(rebalance, row)
    part.generation, part.settled_ns = generation, at_ns
    part.member.partitions = partitions_of(row["assigned"])
    newest = max(rebalance.generations)
    joined = {identity: p for identity, p in rebalance.parts.items() if p.generation == newest and identity not in rebalance.left}
    if generation != newest or any(p.settled_ns is None for p in joined.values()):
        return
    _complete(group, rebalance, newest, {identity: p.member for identity, p in joined.items()})


def _complete(group: Group, rebalance: Rebalance, generation: int, members: dict[str, Member]) -> None:
    gone = [m for identity, m in rebalance.before.items() if identity not in members and identity not in rebalance.left]
    if gone and rebalance.trigger in {"heartbeat", "member_rejoined", "unseen"}:
        rebalance.trigger = "member_timed_out"
        rebalance.by = rebalance.by | {"client_id": gone[0].client_id, "member_id": gone[0].member_id, "reason": ""}
    end_ns = max(part.settled_ns or 0 for part in rebalance.parts.values())
    if not rebalance.cooperative:
        # An eager member lets everything go before it asks to join.
        for identity, part in rebalance.parts.items():
            if identity in rebalance.before and identity in members and part.stopped_from_ns is not None:
                again = members[identity].partitions or frozenset()
                for partition in (part.before or frozenset()) - again:
                    group.let_go.setdefault(partition, part.stopped_from_ns)
                rebalance.lost += len((part.before or frozenset()) - again)
    # Of who is gone without a word nobody knows since when its partitions have had no reader.
    rebalance.lost += sum(owner == m.identity and p not in group.let_go for m in gone for p, owner in group.owners.items())
    for identity, member in members.items():
        if member.partitions is not None:
            group.assign(rebalance, identity, member.partitions, rebalance.parts[identity].settled_ns or end_ns)
    if generation == 1 and rebalance.generation_before < 0:
        rebalance.members_before = 0
    group.members, group.generation, group.cooperative = members, generation, rebalance.cooperative
    group.count = rebalance.members_told if rebalance.members_told is not None else len(members)
    group.finish("completed", end_ns)


def _heartbeat(group: Group, row: Row) -> None:
    if row["error_code"] == REBALANCE_IN_PROGRESS:
        group.begin(row, "heartbeat")
    elif row["error_code"] in FENCED:
        group.begin(row, "member_fenced")


def _leave(group: Group, row: Row) -> None:
    if row["error_code"] not in (0, None):
        return
    identity = identity_of(row)
    if group.open is None and group.members and identity not in group.members:
        return
    rebalance = group.begin(row, "member_left")
    part = group.part(rebalance, row)
    rebalance.left[identity] = part.member
    group.release(rebalance, identity, row["time_"])
    present = (set(group.members) | set(rebalance.parts)) - set(rebalance.left)
    unseen = (group.count or 0) - len(group.members)
    if group.members and not present and unseen <= 0:
        group.empty(end_of(row))


def _cooperative(assignor: str) -> bool:
    # Kafka Streams' own assignor, which has no "cooperative" in its name, has been since 2.4 (KIP-429).
    return assignor == "stream" or "cooperative" in assignor.lower()


def _join_trigger(group: Group, row: Row) -> str:
    return "member_rejoined" if identity_of(row) in group.members else "member_joined"


def _ignore(group: Group, row: Row) -> None:
    """Of other events a classic group has none."""


_TAKE = {"join": _join, "sync": _sync, "heartbeat": _heartbeat, "leave": _leave}
