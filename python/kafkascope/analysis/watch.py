"""The findings (``findings``) kept up to date batch by batch, beside a tracker."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.analysis.findings import (
    failing,
    falling,
    nomembers,
    paused,
    rebalance,
    throttled,
    transaction,
    uncommitted,
)
from kafkascope.analysis.findings.finding import SECOND, Finding
from kafkascope.analysis.grouped import grouped
from kafkascope.analysis.membership import Memberships
from kafkascope.analysis.numpy_columns import ZERO, numbered
from kafkascope.analysis.open_transactions import OpenTransactions
from kafkascope.analysis.tracker import Tracker

Ints = npt.NDArray[np.int64]

#: Of each kind at most this many are said; ``Watch.untold`` counts the rest.
MAX_FINDINGS = 500
_MAX_FAILING = 10_000
_MAX_THROTTLED = 100_000
_READING_NS = 30 * SECOND
_AFTER_NS = 60 * SECOND


@dataclass(slots=True)
class _Failing:
    since: int
    last: int
    count: int
    code: int
    group: str


class Watch:
    """What findings need beyond the tracker's state."""

    def __init__(self) -> None:
        self.untold = 0
        self.dropped = 0
        self._failing: dict[tuple[str, str, str, str, int], _Failing] = {}
        self.transactions = OpenTransactions()
        self._falling_since: dict[int, int] = {}
        self._throttled: deque[tuple[int, str, str, str, str, int]] = deque()

    # ---- taking in ----

    def take_fetch(self, fetch: pa.Table) -> None:
        """Rows of ``kafka_fetch``."""
        answered = pc.and_(pc.less(fetch["replica_id"], ZERO), pc.is_valid(fetch["response_time"]))
        if self._failing:
            clients = pa.array(list({client for _, _, client, _, _ in self._failing}), pa.string())
            good = pc.and_(pc.and_(answered, pc.equal(fetch["error_code"], ZERO)), pc.is_in(fetch["client_id"], clients))
            for row in grouped(fetch.filter(good), ["cluster_id", "client_addr", "client_id", "topic", "topic_id", "partition"], ("response_time", "max")):
                known = self._failing.get(_failing_key(row))
                if known is not None and known.last <= row["response_time_max"]:
                    del self._failing[_failing_key(row)]
        failed = pc.and_(answered, pc.not_equal(fetch["error_code"], ZERO))
        if not pc.any(failed).as_py():
            return
        columns = ["cluster_id", "client_addr", "client_id", "group_id", "topic", "topic_id", "partition", "error_code", "response_time"]
        for row in fetch.select(columns).filter(failed).sort_by("response_time").to_pylist():
            entry = self._failing.get(_failing_key(row))
            if entry is None:
                if len(self._failing) >= _MAX_FAILING:
                    self.dropped += 1
                    continue
                entry = self._failing[_failing_key(row)] = _Failing(row["response_time"], 0, 0, 0, row["group_id"])
            entry.last, entry.count, entry.code = row["response_time"], entry.count + 1, row["error_code"]
            entry.group = row["group_id"] or entry.group

    def take_throttled(self, events: pa.Table) -> None:
        """Rows of ``kafka_events.beta`` with a throttle time."""
        columns = ["time_", "cluster_id", "client_id", "req_cmd_name", "throttle_ms", "trace_role", "local_addr", "remote_addr"]
        for row in events.select(columns).to_pylist():
            address = row["local_addr"] if row["trace_role"] == 1 else row["remote_addr"]
            self._throttled.append((row["time_"], row["cluster_id"], row["client_id"], address, row["req_cmd_name"], row["throttle_ms"]))
            if len(self._throttled) > _MAX_THROTTLED:
                self._throttled.popleft()
                self.dropped += 1

    # ---- answering ----

    def find(self, tracker: Tracker, memberships: Memberships, partitions: pa.Table, now_ns: int) -> list[Finding]:
        """Everything that is wrong now; ``partitions`` is the tracker's answer for now."""
        self.untold = 0
        found: list[Finding] = []
        for kind in (
            self._rebalances(memberships, now_ns), self._failing_now(now_ns), self._left_alone(memberships, partitions, now_ns),
            self._falling(tracker, partitions, now_ns), self._uncommitted(tracker, now_ns), self._transactions(tracker, now_ns),
            iter(paused.find(partitions, now_ns=now_ns)), self._throttled_now(now_ns),
        ):  # fmt: skip
            for number, finding in enumerate(kind):
                if number < MAX_FINDINGS:
                    found.append(finding)
                else:
                    self.untold += 1
        return found

    def _uncommitted(self, tracker: Tracker, now_ns: int) -> Iterator[Finding]:
        pairs, parts = tracker.pairs, tracker.parts
        slots = pairs.live()
        since = pairs.reading_since[slots]
        slots = slots[(since > 0) & (since < now_ns - _AFTER_NS) & (pairs.got_at[slots] >= now_ns - _READING_NS) & (pairs.share[slots] == 0)]
        for slot in slots.tolist():
            part = int(pairs.at[slot])
            group, topic, partition = tracker.groups.texts[pairs.group[slot]], tracker.topics.texts[parts.topic[part]], int(parts.partition[part])
            committed, began = int(pairs.committed[slot]), int(pairs.reading_since[slot])
            reason = uncommitted.sentence(group, topic, partition, int(pairs.position[slot]), committed if committed >= 0 else None, now_ns - began)
            yield Finding(uncommitted.KIND, reason, began, tracker.clusters.texts[parts.cluster[part]], group, topic, partition)

    def _transactions(self, tracker: Tracker, now_ns: int) -> Iterator[Finding]:
        parts = tracker.parts
        slots = parts.live()
        slots = slots[(parts.lso_since[slots] > 0) & (parts.lso_since[slots] < now_ns - _AFTER_NS) & (parts.lso[slots] < parts.end[slots])]
        for slot in slots.tolist():
            topic, partition, lso = tracker.topics.texts[parts.topic[slot]], int(parts.partition[slot]), int(parts.lso[slot])
            cluster, since = tracker.clusters.texts[parts.cluster[slot]], int(parts.lso_since[slot])
            name, client = self.transactions.holder(cluster, topic, partition, lso) or (None, None)
            reason = transaction.sentence(topic, partition, lso, int(parts.end[slot]), now_ns - since, name, client)
            yield Finding(transaction.KIND, reason, since, cluster, "", topic, partition, client or "")

    def _left_alone(self, memberships: Memberships, partitions: pa.Table, now_ns: int) -> Iterator[Finding]:
        left: dict[tuple[str, str], int] = {}
        behind = pc.coalesce(partitions["lag"], partitions["read_lag"])
        for row in grouped(pa.table({"c": partitions["cluster_id"], "g": partitions["group_id"], "n": behind}), ["c", "g"], ("n", "sum")):
            left[row["c"], row["g"]] = row["n_sum"] or 0
        for (cluster, group), count in left.items():
            info = memberships.groups.get((cluster, group)) if count > 0 else None
            since = info.alone_since(now_ns) if info is not None else None
            if since is not None and since < now_ns - nomembers.AFTER_NS:
                yield nomembers.finding(cluster, group, count, since, now_ns)

    def _falling(self, tracker: Tracker, partitions: pa.Table, now_ns: int) -> Iterator[Finding]:
        slots = tracker.live()
        keys, number = numbered((tracker.parts.cluster[tracker.pairs.at[slots]] << 32) | tracker.pairs.group[slots])
        longest = np.full(len(keys), np.nan)
        np.fmax.at(longest, number, partitions["lag_seconds"].to_numpy())
        known: dict[int, int] = {}
        late = np.flatnonzero(longest >= falling.WAITING_S).tolist()
        for row, history in zip(late, falling.sums(tracker.history(slots, now_ns) if late else (), number, late), strict=True):
            key, seconds = int(keys[row]), float(longest[row])
            if falling.falls(history, seconds):
                known[key] = self._falling_since.get(key, history[0].at_ns)
                cluster, group = tracker.clusters.texts[key >> 32], tracker.groups.texts[key & 0xFFFFFFFF]
                yield Finding(falling.KIND, falling.sentence(group, history, seconds), known[key], cluster, group)
        self._falling_since = known

    def _rebalances(self, memberships: Memberships, now_ns: int) -> Iterator[Finding]:
        for group in memberships.under_way():
            assert group.open is not None
            if group.open.start_ns < now_ns - _AFTER_NS:
                yield rebalance.finding(group.described("open", None), now_ns=now_ns)

    def _failing_now(self, now_ns: int) -> Iterator[Finding]:
        for key, entry in list(self._failing.items()):
            cluster, address, client, topic, partition = key
            if entry.last < now_ns - 30 * SECOND:
                del self._failing[key]
            elif entry.count >= 3 and entry.since < now_ns - 10 * SECOND:
                reason = failing.sentence(client or address, topic, partition, entry.count, now_ns - entry.since, entry.code)
                yield Finding(failing.KIND, reason, entry.since, cluster, entry.group, topic, partition, client)

    def _throttled_now(self, now_ns: int) -> Iterator[Finding]:
        while self._throttled and self._throttled[0][0] < now_ns - _AFTER_NS:
            self._throttled.popleft()
        waits: dict[tuple[str, str, str, str], list[tuple[int, int]]] = {}
        for time_, cluster, client, address, api, ms in self._throttled:
            waits.setdefault((cluster, client, address, api), []).append((time_, ms))
        for (cluster, client, address, api), entries in waits.items():
            if sum(ms for _, ms in entries) >= 100:
                reason = throttled.sentence(client or address, api, len(entries), None, _AFTER_NS, sum(ms for _, ms in entries), max(ms for _, ms in entries))
                yield Finding(throttled.KIND, reason, min(time_ for time_, _ in entries), cluster, client_id=client)


def _failing_key(row: dict[str, Any]) -> tuple[str, str, str, str, int]:
    return row["cluster_id"], row["client_addr"], row["client_id"], row["topic"] or row["topic_id"], row["partition"]
