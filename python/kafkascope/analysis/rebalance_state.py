"""A rebalance under way and the group it happens to, as far as the rows have told; shared by all group protocols."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
Partition = tuple[str, int]

#: Errors of a group request that are answered by trying again, not by a rebalance of their own: COORDINATOR_LOAD_IN_PROGRESS,
#: COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, REBALANCE_IN_PROGRESS, MEMBER_ID_REQUIRED.
RETRIED = frozenset({14, 15, 16, 27, 79})
REBALANCE_IN_PROGRESS = 27
MEMBER_ID_REQUIRED = 79
#: Errors that tell a member that the group goes on without it: ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH.
FENCED = frozenset({22, 25, 110})


@dataclass(slots=True)
class Member:
    """A member as last seen; ``partitions`` is None while its assignment was not seen."""

    identity: str
    member_id: str
    client_id: str
    instance_id: str | None
    epoch: int = -1
    partitions: frozenset[Partition] | None = None


@dataclass(slots=True)
class Part:
    """What one member did in one rebalance."""

    member: Member
    before: frozenset[Partition] | None
    first_ns: int
    settled_ns: int | None = None
    stopped_from_ns: int | None = None
    generation: int = -1


@dataclass(slots=True)
class Rebalance:
    """One rebalance from its trigger on."""

    start_ns: int
    trigger: str
    by: Row
    generation_before: int
    members_before: int | None
    before: dict[str, Member]
    last_ns: int
    parts: dict[str, Part] = field(default_factory=dict)
    waiting: dict[tuple[str, str], int] = field(default_factory=dict)
    left: dict[str, Member] = field(default_factory=dict)
    generations: set[int] = field(default_factory=set)
    refused: int = 0
    moved: int = 0
    gained: int = 0
    lost: int = 0
    unowned_ns: int | None = None
    cooperative: bool = False
    members_told: int | None = None

    @property
    def all_left(self) -> bool:
        """Of the rebalance nothing was seen but that members left."""
        return bool(self.left) and self.left.keys() == self.parts.keys()


@dataclass(slots=True)
class Group:
    """A group between rebalances; ``members`` are those seen, ``count`` is what the leader knows of, None when nobody told."""

    cluster_id: str
    group_id: str
    protocol: str
    generation: int = -1
    count: int | None = None
    members: dict[str, Member] = field(default_factory=dict)
    owners: dict[Partition, str] = field(default_factory=dict)
    let_go: dict[Partition, int] = field(default_factory=dict)
    cooperative: bool = False
    open: Rebalance | None = None
    done: list[Row] = field(default_factory=list)

    def begin(self, row: Row, trigger: str) -> Rebalance:
        """The rebalance under way, which this row begins when there is none."""
        if self.open is None:
            self.open = Rebalance(
                row["time_"], trigger, row, self.generation, self.count, dict(self.members), row["time_"],
                cooperative=self.cooperative or self.protocol != "classic",
            )  # fmt: skip
        self.open.last_ns = max(self.open.last_ns, end_of(row))
        return self.open

    def part(self, rebalance: Rebalance, row: Row) -> Part:
        """What the row's member does in the rebalance."""
        identity = identity_of(row)
        if identity not in rebalance.parts:
            known = self.members.get(identity)
            first_ns = rebalance.waiting.pop((row["client_id"], row["client_addr"]), row["time_"])
            rebalance.parts[identity] = Part(member_of(row), known.partitions if known else frozenset(), first_ns)
        part = rebalance.parts[identity]
        part.member.member_id = row["member_id"] or part.member.member_id
        return part

    def assign(self, rebalance: Rebalance, identity: str, now: frozenset[Partition], at_ns: int) -> None:
        """Books who reads which partition from a moment on, and what moved."""
        before = self.held(identity)
        rebalance.lost += len(before - now)
        rebalance.gained += len(now - before)
        if self.shared:
            return
        self.let_go.update(dict.fromkeys(before - now, at_ns))
        for partition in now - before:
            rebalance.moved += self.owners.get(partition, identity) != identity
            gone_ns = self.let_go.pop(partition, None)
            if gone_ns is not None:
                rebalance.unowned_ns = max(rebalance.unowned_ns or 0, at_ns - gone_ns)
            self.owners[partition] = identity

    def release(self, rebalance: Rebalance, identity: str, at_ns: int) -> None:
        """Nobody reads a member's partitions from a moment on."""
        held = self.held(identity)
        rebalance.lost += len(held)
        if not self.shared:
            self.let_go.update(dict.fromkeys(held, at_ns))

    @property
    def shared(self) -> bool:
        """Several members may read one partition."""
        return self.protocol == "share"

    def held(self, identity: str) -> frozenset[Partition]:
        """The partitions that a member reads."""
        if self.shared:
            member = self.members.get(identity)
            return (member.partitions if member else None) or frozenset()
        return frozenset(p for p, owner in self.owners.items() if owner == identity and p not in self.let_go)

    def empty(self, end_ns: int) -> None:
        """The last member has left."""
        self.members, self.count = {}, 0
        self.finish("emptied", end_ns)
        self.owners.clear()
        self.let_go.clear()

    def finish(self, outcome: str, end_ns: int | None) -> None:
        """Writes the rebalance under way down and ends it."""
        if self.open is None:
            return
        row = self.described(outcome, end_ns)
        self.open = None
        self.done.append(row)

    def described(self, outcome: str, end_ns: int | None) -> Row:
        """The rebalance under way as a row of ``rebalances.SCHEMA``."""
        rebalance = self.open
        assert rebalance is not None
        stopped = [None if identity in rebalance.left else _stopped(p, rebalance) for identity, p in rebalance.parts.items()]
        by = rebalance.by
        return {
            "time_": rebalance.start_ns,
            "end_time": end_ns,
            "duration": None if end_ns is None else end_ns - rebalance.start_ns,
            "cluster_id": self.cluster_id,
            "group_id": self.group_id,
            "protocol": self.protocol,
            "style": "incremental" if self.protocol != "classic" else "cooperative" if rebalance.cooperative else "eager",
            "outcome": outcome,
            "trigger": "unseen" if rebalance.trigger == "heartbeat" else rebalance.trigger,
            "reason": by["reason"],
            "trigger_client_id": by["client_id"],
            "trigger_member_id": by["member_id"],
            "generation_before": rebalance.generation_before if rebalance.generation_before >= 0 else None,
            "generation": self.generation if self.generation >= 0 else None,
            "members_before": rebalance.members_before,
            "members_after": self.count,
            "partitions_moved": rebalance.moved,
            "partitions_gained": rebalance.gained,
            "partitions_lost": rebalance.lost,
            "retries": max(0, len(rebalance.generations) - 1) + rebalance.refused if self.protocol == "classic" else rebalance.refused,
            "unowned_max": rebalance.unowned_ns,
            "stopped_max": max((s for s in stopped if s is not None), default=None),
            "members": [
                {
                    "client_id": part.member.client_id,
                    "member_id": part.member.member_id,
                    "instance_id": part.member.instance_id,
                    "partitions_before": None if part.before is None else len(part.before),
                    "partitions_after": 0 if identity in rebalance.left else _count(self.members.get(identity)),
                    "stopped": stop,
                    "settled": None if part.settled_ns is None else part.settled_ns - part.first_ns,
                    "left": identity in rebalance.left,
                }
                for (identity, part), stop in zip(rebalance.parts.items(), stopped, strict=True)
            ],
        }


def identity_of(row: Row) -> str:
    """What stays the same of a member: a static member's instance, otherwise the member id."""
    return f"instance {row['instance_id']}" if row["instance_id"] else row["member_id"] or f"client {row['client_id']} {row['client_addr']}"


def member_of(row: Row) -> Member:
    """A member that a row tells of for the first time."""
    return Member(identity_of(row), row["member_id"], row["client_id"], row["instance_id"])


def end_of(row: Row) -> int:
    """When a row's response came."""
    return int(row["time_"] + (row["duration"] or 0))


def partitions_of(text: str) -> frozenset[Partition] | None:
    """The partitions in a row's JSON, those of a topic without a name by its id; None when they are not known."""
    if not text:
        return None
    try:
        return frozenset((t.get("topic") or t.get("topic_id", ""), p) for t in json.loads(text) for p in t["partitions"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _stopped(part: Part, rebalance: Rebalance) -> int | None:
    """How long a member that had something to read did not: none of those that go on reading, unknown for those that never settled."""
    if part.before is not None and not part.before:
        return None
    if rebalance.cooperative:
        return 0
    if part.stopped_from_ns is None or part.settled_ns is None:
        return None
    return part.settled_ns - part.stopped_from_ns


def _count(member: Member | None) -> int | None:
    return None if member is None or member.partitions is None else len(member.partitions)
