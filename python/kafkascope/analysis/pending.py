"""Offsets committed in transactions that have not ended: they count when the transaction commits, and never when it aborts."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

#: Commits that wait at most; more are dropped and counted.
MAX_PENDING = 100_000

#: The cluster's number and the transactional id.
Transaction = tuple[int, str]


class PendingCommits:
    """Commits by transaction. Tables come one after the other, so that an end may be here before its commits: each is looked at in two rounds."""

    def __init__(self) -> None:
        self.dropped = 0
        self._waiting: dict[Transaction, list[tuple[int, int, int]]] = {}
        self._count = 0
        self._before: list[tuple[Transaction, int, int, bool]] = []

    def add(self, transaction: Transaction, time_ns: int, pair: int, offset: int) -> None:
        """A commit of an offset for a (group, topic, partition), asked for at a time."""
        if self._count >= MAX_PENDING:
            self.dropped += 1
            return
        self._waiting.setdefault(transaction, []).append((time_ns, pair, offset))
        self._count += 1

    def end(self, clusters: Sequence[int], ends: pa.Table) -> list[tuple[int, int, int, int]]:
        """The commits that these ends (rows of ``transactions.ends``) decide for good: pair, offset, when it counts from, when it was asked for."""
        names, times, answers, committed = (ends[name].to_pylist() for name in ("transactional_id", "time_", "response_time", "committed"))
        now = [
            ((cluster, name), time, time if answer is None else answer, good)
            for cluster, name, time, answer, good in zip(clusters, names, times, answers, committed, strict=True)
        ]
        done: list[tuple[int, int, int, int]] = []
        for transaction, time, at, good in [*self._before, *now]:
            waiting = self._waiting.pop(transaction, [])
            decided = [entry for entry in waiting if entry[0] < time]
            if len(decided) < len(waiting):
                self._waiting[transaction] = [entry for entry in waiting if entry[0] >= time]
            self._count -= len(decided)
            if good:
                done += [(pair, offset, at, asked) for asked, pair, offset in decided]
        self._before = now
        return done

    def forget(self, pairs: set[int]) -> None:
        """Nothing more of these (group, topic, partition)."""
        if not pairs or not self._waiting:
            return
        for transaction, waiting in list(self._waiting.items()):
            kept = [entry for entry in waiting if entry[1] not in pairs]
            self._count -= len(waiting) - len(kept)
            if kept:
                self._waiting[transaction] = kept
            else:
                del self._waiting[transaction]
