"""Rebalances without a barrier (KIP-848 consumer groups, share groups, streams groups): each member is led to the group's epoch by its heartbeats."""

from __future__ import annotations

from kafkascope.analysis.rebalance_state import (
    FENCED,
    RETRIED,
    Group,
    Rebalance,
    Row,
    end_of,
    identity_of,
    partitions_of,
)

#: Coordinators may assign some heartbeats (5 s each) after a member joined: what comes without another cause within this time belongs together.
LINGER_NS = 10_000_000_000
#: A member that has not followed after this time is gone; sessions end after 45 s unless configured otherwise.
GIVE_UP_NS = 60_000_000_000
#: The epoch with which a static member says that it will be back (KIP-848).
AWAY = -2


def take(group: Group, row: Row) -> None:
    """Takes in the next event of a group with epochs."""
    close(group, row["time_"])
    event, error = row["event"], row["error_code"]
    if error not in (0, None) and event != "heartbeat":
        _refused(group, row)
        return
    if event == "leave":
        _leave(group, row)
    elif event == "heartbeat":
        if error in FENCED:
            group.release(_begin(group, row, "member_fenced"), identity_of(row), end_of(row))
            group.members.pop(identity_of(row), None)
        elif row["reason"]:
            _begin(group, row, "subscription_changed")
    elif event in {"join", "assignment", "epoch"} and error == 0:
        _follow(group, row)


def _refused(group: Group, row: Row) -> None:
    rebalance = group.open
    if rebalance is None and row["event"] == "join" and row["error_code"] in RETRIED:
        rebalance = _begin(group, row, "member_joined")
    if rebalance is None:
        return
    rebalance.refused += 1
    if row["event"] == "join" and row["error_code"] in RETRIED:
        rebalance.waiting.setdefault((row["client_id"], row["client_addr"]), row["time_"])


def close(group: Group, now_ns: int) -> None:
    """Writes down what can be no longer part of the rebalance under way."""
    rebalance = group.open
    if rebalance is None:
        return
    if settled(group) and now_ns - rebalance.last_ns > LINGER_NS:
        _complete(group)
    elif not settled(group) and now_ns - rebalance.last_ns > GIVE_UP_NS:
        if not group.members:
            # Nobody got in.
            group.finish("open", None)
            return
        for identity in [i for i, m in group.members.items() if m.epoch < group.generation]:
            _lost(group, rebalance, identity)
        _complete(group)


def end(group: Group) -> None:
    """After the last row: what has settled is done, the rest is open."""
    if group.open is None:
        return
    if settled(group):
        _complete(group)
    else:
        group.finish("open", None)


def _begin(group: Group, row: Row, trigger: str) -> Rebalance:
    # A new cause after everybody had settled is another rebalance, however soon it comes; one that was on its way before is not.
    if group.open is not None and row["time_"] >= group.open.last_ns and settled(group) and not _same_heartbeat(group, row):
        _complete(group)
    return group.begin(row, trigger)


def _follow(group: Group, row: Row) -> None:
    identity = identity_of(row)
    if _is_as_before(group, identity, row):
        return
    joins = row["event"] == "join"
    rebalance = _begin(group, row, "member_joined") if joins else group.begin(row, "assignment_changed")
    part = group.part(rebalance, row)
    member = group.members.setdefault(identity, part.member)
    member.member_id = row["member_id"] or member.member_id
    if joins:
        group.release(rebalance, identity, row["time_"])
        member.partitions = frozenset()
    assigned = partitions_of(row["assigned"])
    if row["event"] == "assignment" and assigned is not None:
        for other in _robbed(group, identity, assigned):
            _lost(group, rebalance, other)
        group.assign(rebalance, identity, assigned, end_of(row))
        member.partitions = assigned
    member.epoch = row["generation"]
    group.generation = max(group.generation, member.epoch)
    rebalance.generations.add(member.epoch)
    part.settled_ns = end_of(row)
    group.count = len(group.members)


def _is_as_before(group: Group, identity: str, row: Row) -> bool:
    """A static member is back and is given what it had: no rebalance."""
    member = group.members.get(identity)
    if member is None or not row["instance_id"] or member.epoch != row["generation"]:
        return False
    if row["event"] == "join":
        member.member_id = row["member_id"] or member.member_id
        return True
    return group.open is None and row["event"] == "assignment" and partitions_of(row["assigned"]) == member.partitions


def _leave(group: Group, row: Row) -> None:
    if row["generation"] == AWAY:
        return
    identity = identity_of(row)
    rebalance = _begin(group, row, "member_left")
    rebalance.left[identity] = group.part(rebalance, row).member
    group.release(rebalance, identity, row["time_"])
    known = bool(group.members)
    group.members.pop(identity, None)
    group.count = len(group.members) if known else None
    if known and not group.members:
        group.empty(end_of(row))


def _robbed(group: Group, identity: str, assigned: frozenset[tuple[str, int]]) -> set[str]:
    """Members that were not told to let go and whose partitions another one has: the coordinator takes them for dead."""
    if group.shared:
        return set()
    owners = {group.owners.get(p) for p in assigned if p not in group.let_go}
    return {o for o in owners if o is not None and o != identity and o in group.members}


def _lost(group: Group, rebalance: Rebalance, identity: str) -> None:
    """A member that is gone without a word; of its partitions nobody knows since when they have had no reader."""
    rebalance.lost += len(group.held(identity))
    member = group.members.pop(identity)
    rebalance.left[identity] = member
    if rebalance.trigger == "assignment_changed":
        rebalance.trigger = "member_timed_out"
        rebalance.by = rebalance.by | {"client_id": member.client_id, "member_id": member.member_id, "reason": ""}


def settled(group: Group) -> bool:
    """Whether all members have followed to the newest epoch of the rebalance under way."""
    rebalance = group.open
    if rebalance is None or not group.members:
        return False
    top = max(rebalance.generations, default=-1)
    return top > rebalance.generation_before and all(m.epoch == top for m in group.members.values())


def _same_heartbeat(group: Group, row: Row) -> bool:
    return group.open is not None and group.open.by["time_"] == row["time_"] and identity_of(group.open.by) == identity_of(row)


def _complete(group: Group) -> None:
    group.count = len(group.members)
    group.finish("completed", group.open.last_ns if group.open else None)

