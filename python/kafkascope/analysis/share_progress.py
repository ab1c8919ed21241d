"""What share groups (KIP-932) were handed and have not settled: a share group's progress is no single offset, so its lag needs every open record.

Kept as ranges of offsets, as the broker's own share-partition state is: each held by a member or back with the broker, each with its delivery count.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, NamedTuple, TypeVar

NONE = -1
SECOND = 1_000_000_000
Key = TypeVar("Key", bound=Hashable)

#: The broker's default of ``group.share.delivery.count.limit``; a delivery beyond it shows that the group's is higher.
DELIVERY_LIMIT = 5
#: An acknowledgement that was asked for within its lock may be seen after it.
LATE_NS = SECOND
#: Ranges of one partition, as many as a broker allows records in flight (``group.share.partition.max.record.locks``), and of all.
MAX_RANGES = 10_000
MAX_ALL_RANGES = 1_000_000

ACQUIRED, RELEASED, RENEWED, SESSION_ENDED, UNANSWERED, MOVED = "acquired", "released", "renewed", "session_ended", "unanswered", "moved"
#: How a record is settled: by its holder, or because there is none at its offset.
SETTLING = frozenset({"accepted", "rejected", "gap"})
#: What is counted of a partition, beside its open ranges.
COUNTED = ("released", "lock_expired", "session_ended", "given_up")


class ShareRow(NamedTuple, Generic[Key]):
    """One range of a request or an answer. ``key`` is the share partition (None for the end of a member's session), ``group`` its group; times in ns."""

    key: Key | None
    group: Hashable
    kind: str
    member: str
    asked_ns: int
    answered_ns: int
    first: int = NONE
    last: int = NONE
    deliveries: int = 0
    lock_ns: int = NONE

    @property
    def at_ns(self) -> int:
        """A broker acquires before it answers, and takes acknowledgements when it is asked: a long poll may come between."""
        return self.answered_ns if self.kind == ACQUIRED else self.asked_ns


@dataclass(slots=True)
class Open:
    """Offsets that are not settled. ``member`` holds them, nobody when it is empty; ``why`` says then how they came back."""

    first: int
    last: int
    deliveries: int
    member: str
    since_ns: int
    lock_ns: int
    why: str = ""
    #: Who held them before, as long as a release by that member may still be seen.
    taken_from: str = ""
    #: When its holder asked for it to be settled and no answer was seen.
    perhaps_ns: int = NONE

    @property
    def count(self) -> int:
        """How many offsets."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Written:
    """What was written down of a partition last, and when."""

    at_ns: int
    next_offset: int
    held: int
    available: int
    counts: Mapping[str, int]


@dataclass(slots=True)
class SharePartition:
    """One partition of a share group."""

    group: Hashable
    next_offset: int = NONE
    ranges: list[Open] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    written: Written | None = None

    @property
    def left(self) -> int:
        """Records handed out and not settled."""
        return sum(part.count for part in self.ranges)

    @property
    def first_left(self) -> int:
        """The first offset that is not settled."""
        return self.ranges[0].first if self.ranges else self.next_offset

    def held(self, now_ns: int) -> int:
        """Of what is left, what members hold whose acquisition locks have not run out."""
        return sum(part.count for part in self.ranges if part.member and not _expired(part, now_ns))

    def now(self, now_ns: int) -> Written:
        """What there is to write down."""
        held = self.held(now_ns)
        return Written(now_ns, self.next_offset, held, self.left - held, {why: self.counts[why] for why in COUNTED})

    def cut(self, first: int, last: int) -> tuple[int, int]:
        """Cuts ranges at both edges; the places of those within."""
        ranges = self.ranges
        for edge in (first, last + 1):
            at = bisect_left(ranges, edge, key=lambda part: part.last)
            if at < len(ranges) and ranges[at].first < edge <= ranges[at].last:
                ranges[at : at + 1] = [replace(ranges[at], last=edge - 1), replace(ranges[at], first=edge)]
        return bisect_left(ranges, first, key=lambda part: part.first), bisect_left(ranges, last + 1, key=lambda part: part.first)


class ShareProgress(Generic[Key]):
    """All share partitions, from rows in any order within a batch."""

    def __init__(self) -> None:
        self.partitions: dict[Key, SharePartition] = {}
        self.dropped = 0
        self._limits: dict[Hashable, int] = {}

    def take(self, rows: Iterable[ShareRow[Key]]) -> set[Key]:
        """More rows; the keys of the partitions that changed."""
        changed: set[Key] = set()
        for row in sorted(rows, key=lambda row: (row.at_ns, row.kind == ACQUIRED, row.kind == SESSION_ENDED, row.first)):
            if row.key is None:
                changed.update(self._end_session(row))
                continue
            partition = self.partitions.get(row.key)
            if partition is None:
                partition = self.partitions[row.key] = SharePartition(row.group)
            changed.add(row.key)
            if row.kind == MOVED:
                partition.ranges.clear()
                partition.next_offset = row.first
                continue
            if row.kind == ACQUIRED:
                self._acquire(partition, row)
            else:
                self._acknowledge(partition, row)
            # What was settled or released had been handed out, though before anybody looked.
            partition.next_offset = max(partition.next_offset, row.last + 1)
        self._bound(changed)
        return changed

    def settle(self, now_ns: int) -> set[Key]:
        """Lets go of records whose last lock has run out: the broker gives them up by itself. The keys of the partitions that changed."""
        changed: set[Key] = set()
        for key, partition in self.partitions.items():
            limit = self._limit(partition.group)
            over = [part for part in partition.ranges if part.deliveries >= limit and part.member and _expired(part, now_ns - LATE_NS)]
            if over:
                self._give_up(partition, over)
                changed.add(key)
        return changed

    def forget(self, keys: Iterable[Key]) -> None:
        """Nothing more of these partitions."""
        for key in keys:
            self.partitions.pop(key, None)

    def _limit(self, group: Hashable) -> int:
        return self._limits.get(group, DELIVERY_LIMIT)

    def _acquire(self, partition: SharePartition, row: ShareRow[Key]) -> None:
        if row.deliveries > self._limit(row.group):
            self._limits[row.group] = row.deliveries
        self._pass_over(partition, row)
        low, high = partition.cut(row.first, row.last)
        fresh, at = [], row.first
        for part in [*partition.ranges[low:high], None]:
            end = row.last if part is None else part.first - 1
            if at <= end:
                fresh.append(Open(at, end, row.deliveries, row.member, row.answered_ns, row.lock_ns))
            if part is not None:
                # The delivery that a session's end cuts short does not count.
                why = part.why if not part.member else "lock_expired" if row.deliveries > part.deliveries else "session_ended"
                partition.counts[why] += part.count
                from_ = part.member if why == "lock_expired" else ""
                fresh.append(Open(part.first, part.last, row.deliveries, row.member, row.answered_ns, row.lock_ns, taken_from=from_))
                at = part.last + 1
        partition.ranges[low:high] = _joined(fresh)

    def _pass_over(self, partition: SharePartition, row: ShareRow[Key]) -> None:
        """A broker hands out the lowest offsets that it has. What lies below, and was there when it was asked, it has given up or deleted, or it was settled."""
        end = bisect_left(partition.ranges, row.first, key=lambda part: part.last)
        below = [part for part in partition.ranges[:end] if not NONE < part.perhaps_ns < row.asked_ns]
        partition.ranges[:end] = below
        over = [part for part in below if (_expired(part, row.asked_ns) if part.member else part.since_ns < row.asked_ns)]
        if over:
            self._give_up(partition, over)

    def _give_up(self, partition: SharePartition, over: list[Open]) -> None:
        for part in over:
            partition.counts["given_up"] += part.count
            if part.member:
                partition.counts["lock_expired"] += part.count
        gone = {id(part) for part in over}
        partition.ranges = [part for part in partition.ranges if id(part) not in gone]

    def _acknowledge(self, partition: SharePartition, row: ShareRow[Key]) -> None:
        low, high = partition.cut(row.first, row.last)
        kept: list[Open] = []
        for part in partition.ranges[low:high]:
            if row.kind == RELEASED and part.since_ns > row.asked_ns:
                # Another member has them since then: it was no lock that ran out.
                if part.taken_from == row.member:
                    partition.counts["lock_expired"] -= part.count
                    partition.counts["released"] += part.count
                kept.append(replace(part, taken_from=""))
            else:
                kept += self._acknowledged(partition, part, row)
        if row.kind == RELEASED and low == high:
            # Handed out before anybody looked.
            kept = [Open(row.first, row.last, 0, "", row.answered_ns, NONE, RELEASED)]
        partition.ranges[low:high] = _joined(kept)

    def _acknowledged(self, partition: SharePartition, part: Open, row: ShareRow[Key]) -> Iterator[Open]:
        """What is left open of a range. The broker refuses whoever is not its holder, and refused ones are not here."""
        if row.kind in SETTLING:
            return
        if row.kind == UNANSWERED:
            yield replace(part, perhaps_ns=row.asked_ns)
        elif row.kind == RENEWED:
            yield replace(part, since_ns=row.answered_ns)
        elif part.deliveries >= self._limit(row.group):
            partition.counts["given_up"] += part.count
        else:
            yield replace(part, member="", since_ns=row.answered_ns, why=RELEASED)

    def _end_session(self, row: ShareRow[Key]) -> Iterator[Key]:
        """What a member held comes back."""
        for key, partition in self.partitions.items():
            if partition.group == row.group and any(part.member == row.member for part in partition.ranges):
                partition.ranges = _joined(_let_go(part, row) if part.member == row.member else part for part in partition.ranges)
                yield key

    def _bound(self, changed: Iterable[Key]) -> None:
        for partition in map(self.partitions.__getitem__, changed):
            self._keep(partition, MAX_RANGES)
        beyond = sum(len(partition.ranges) for partition in self.partitions.values()) - MAX_ALL_RANGES
        for partition in sorted(self.partitions.values(), key=lambda partition: -len(partition.ranges)) if beyond > 0 else ():
            before = len(partition.ranges)
            self._keep(partition, max(before - beyond, 0))
            beyond -= before - len(partition.ranges)

    def _keep(self, partition: SharePartition, most: int) -> None:
        over = len(partition.ranges) - most
        if over > 0:
            self.dropped += over
            del partition.ranges[:over]


def _expired(part: Open, now_ns: int) -> bool:
    return part.lock_ns >= 0 and part.since_ns + part.lock_ns < now_ns


def _let_go(part: Open, row: ShareRow[Key]) -> Open:
    if _expired(part, row.asked_ns):
        return replace(part, member="", since_ns=row.answered_ns, why="lock_expired")
    return replace(part, member="", since_ns=row.answered_ns, why=SESSION_ENDED)


def _joined(parts: Iterable[Open]) -> list[Open]:
    """Neighbours that differ in nothing else as one."""
    joined: list[Open] = []
    for part in parts:
        if joined and joined[-1].last + 1 == part.first and replace(joined[-1], first=part.first, last=part.last) == part:
            joined[-1] = replace(joined[-1], last=part.last)
        else:
            joined.append(part)
    return joined
