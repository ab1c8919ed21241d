"""Keeps lag, verdicts, groups, rebalances and findings up to date from new rows alone, and writes them down as the sampled tables.

``kafka_lag``, ``kafka_group_lag``, ``kafka_share_lag``, ``kafka_findings`` and ``kafka_rebalances`` hold what this yields. A row is written when something changed, and
again after a while when nothing did, so that a window of a few minutes holds a row for everything.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.analysis import brokers, judge, lag, share_samples, shares, told, transactions
from kafkascope.analysis.findings.finding import Finding
from kafkascope.analysis.grouped import grouped
from kafkascope.analysis.membership import HEARTBEATS, Memberships
from kafkascope.analysis.numpy_columns import ZERO, different
from kafkascope.analysis.tracker import SECOND, Tracker
from kafkascope.analysis.traffic import EVENT_COLUMNS, Traffic
from kafkascope.analysis.verdict import Status, Verdict
from kafkascope.analysis.watch import Watch
from kafkascope.store import catalogue

#: Columns of each table that are needed; what else comes is not kept.
NEEDED: Mapping[str, tuple[str, ...]] = {
    "kafka_commits": (*lag.INPUTS["commits"], "member_id", "generation", "client_id", "client_addr", *brokers.BROKER),
    "kafka_fetch": (*lag.INPUTS["fetch"], "client_id", "client_addr", "bytes", *brokers.BROKER),
    "kafka_produce": (*lag.INPUTS["produce"], "transactional_id", "client_id", "bytes", *brokers.BROKER),
    "kafka_group_events": tuple(catalogue.load()["kafka_group_events"].by_name),
    "kafka_events.beta": (
        "time_", "cluster_id", "req_cmd", "req_cmd_name", "req_body", "resp", "latency", "error_code", "throttle_ms", "client_id", *brokers.ENDS,
    ),
    "kafka_clients": ("time_", "cluster_id", *brokers.BROKER),
    "kafka_topic_names": ("time_", "topic_id", "topic"),
}  # fmt: skip
TELLING = pa.array([*told.APIS, *transactions.APIS, *shares.APIS, *HEARTBEATS], pa.int64())

#: Rows that wait for the next step; beyond, the oldest are dropped and counted.
MAX_WAITING_ROWS = 2_000_000
#: What nothing happened to is written again after this long at most, and sooner where that is few rows.
REFRESH_NS = 60 * SECOND
SOONEST_NS = 5 * SECOND
QUIET_ROWS_PER_S = 100
#: Rows a second that are written at most in the long run, of partitions and of groups.
LAG_ROWS_PER_S = 2_000
GROUP_ROWS_PER_S = 500
#: Partitions of a group that nobody commits or reads any more; brokers keep offsets as long.
IDLE_NS = 7 * 86_400 * SECOND
#: After a finding has gone, this long until its end is written: it may come and go.
_SETTLE_NS = 20 * SECOND
_REBALANCES = 1_000


@dataclass(frozen=True)
class Snapshot:
    """Everything as of one moment. The tables have the columns of ``kafka_lag`` and ``kafka_group_lag``."""

    now_ns: int
    lag: pa.Table
    groups: pa.Table
    findings: list[Finding] = field(default_factory=list)


class Monitor:
    """Give it rows with ``offer`` (from any thread), call ``step`` now and then, store what it returns."""

    def __init__(self, *, allowed_lag: int = 0) -> None:
        self.tracker = Tracker()
        self.memberships = Memberships()
        self.watch = Watch()
        self.traffic = Traffic()
        self.brokers = brokers.Brokers()
        self.rows_dropped = 0
        self.last: Snapshot | None = None
        self._allowed_lag = allowed_lag
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[pa.RecordBatch]] = {name: deque() for name in NEEDED}
        self._requests: deque[pa.RecordBatch] = deque()
        self._waiting_rows = 0
        self._written_at: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self._written_status: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self._groups_written: dict[tuple[str, str], tuple[int, Any]] = {}
        self._findings: dict[tuple[Any, ...], tuple[Finding, int, int]] = {}
        self._rebalanced: dict[tuple[str, str], deque[int]] = {}
        #: Groups that are no more, and why.
        self._dead: dict[tuple[str, str], str] = {}

    # ---- rows in ----

    def offer(self, table: str, batch: pa.RecordBatch) -> None:
        """A batch that came into the store."""
        columns = NEEDED.get(table)
        if columns is None or batch.num_rows == 0:
            return
        present = frozenset(batch.schema.names)
        batch = batch.select([name for name in columns if name in present])
        if table == "kafka_events.beta":
            counted = batch.select(list(EVENT_COLUMNS))
            telling = pc.or_(pc.is_in(batch["req_cmd"], TELLING), pc.greater(pc.fill_null(batch["throttle_ms"], ZERO), ZERO))
            batch = batch.filter(telling) if telling.true_count else batch.slice(0, 0)
        with self._lock:
            if table == "kafka_events.beta":
                self._requests.append(counted)
                self._waiting_rows += counted.num_rows
            if batch.num_rows:
                self._waiting[table].append(batch)
                self._waiting_rows += batch.num_rows
            while self._waiting_rows > MAX_WAITING_ROWS:
                longest = max((*self._waiting.values(), self._requests), key=len)
                lost = longest.popleft().num_rows
                self._waiting_rows -= lost
                self.rows_dropped += lost

    def _take_waiting(self) -> dict[str, pa.Table]:
        with self._lock:
            requests = list(self._requests)
            self._requests.clear()
            waiting = {name: list(batches) for name, batches in self._waiting.items()}
            for batches in self._waiting.values():
                batches.clear()
            self._waiting_rows = 0
        if requests:
            self.traffic.take_events(pa.Table.from_batches(requests))
        return {name: pa.Table.from_batches(batches) if batches else _no_rows(name) for name, batches in waiting.items()}

    # ---- a step ----

    def step(self, now_ns: int) -> dict[str, pa.Table]:
        """Take in what was offered; the rows to write now, by table."""
        tables = self._take_waiting()
        self.take(tables, now_ns)
        return self.sample(now_ns)

    def take(self, tables: Mapping[str, pa.Table], now_ns: int) -> None:
        """Rows of all the tables of ``NEEDED``, in any order within a table."""
        if any(table.num_rows for table in tables.values()):
            self._take_rows(tables, now_ns)
        self.tracker.forget_idle(now_ns - IDLE_NS)
        self.memberships.forget_idle(now_ns - IDLE_NS)
        self.memberships.settle(now_ns)
        self.tracker.tidy(now_ns)

    def _take_rows(self, tables: Mapping[str, pa.Table], now_ns: int) -> None:
        self._know_brokers(tables["kafka_clients"])
        tables = self.brokers.named(tables, self.tracker.only_cluster)
        names, events = tables["kafka_topic_names"], tables["kafka_events.beta"]
        self.tracker.learn_topics(zip(names["topic_id"].to_pylist(), names["topic"].to_pylist(), strict=True))
        api = events["req_cmd"]
        ended = transactions.ends(_of(events, api, transactions.APIS))
        telling = _of(events, api, told.APIS)
        offsets, expired = told.offsets(telling)
        self.brokers.settle(self.tracker.only_cluster)
        wrong = self.brokers.corrections(now_ns)
        deletions = pa.concat_tables([told.deletions(telling), self.tracker.with_offset(expired), wrong])
        commits, fetch, produce = tables["kafka_commits"], tables["kafka_fetch"], tables["kafka_produce"]
        self.tracker.take(lag.Rows(commits, fetch, produce, told.ends(telling), deletions, ended, offsets, shares.shares(events)))
        self.brokers.settle(self.tracker.only_cluster)
        self.traffic.take_rows(self.tracker, produce, fetch)
        if self.tracker.only_cluster:
            self.memberships.know_cluster(self.tracker.only_cluster)
        self.memberships.take_events(tables["kafka_group_events"])
        self.memberships.take_heartbeats(_of(events, api, tuple(HEARTBEATS)))
        self.memberships.take_traffic(commits, fetch)
        misplaced = set(zip(wrong["cluster_id"].to_pylist(), wrong["group_id"].to_pylist(), strict=True))
        for row in deletions.to_pylist():
            topic = self.tracker.topic_name(row["topic"], row["topic_id"])
            if row["partition"] is None:
                self.traffic.forget(row["cluster_id"] or self.tracker.only_cluster, row["group_id"], topic)
            if row["group_id"] and not topic:
                key = (row["cluster_id"] or self.tracker.only_cluster, row["group_id"])
                self._dead[key] = _ELSEWHERE if key in misplaced else _DELETED
                self.memberships.forget(row["cluster_id"], row["group_id"])
        self.watch.take_fetch(fetch)
        self.watch.transactions.take(produce, ended)
        self.watch.take_throttled(events.filter(pc.greater(events["throttle_ms"], ZERO)))

    def know_clusters(self, tables: Mapping[str, pa.Table]) -> None:
        """The clusters in rows that are still to come: of a recording they are known from the start."""
        for table in tables.values():
            if "cluster_id" in table.column_names:
                self.tracker.clusters.numbers(table["cluster_id"].unique())
        self.brokers.learn(tables["kafka_clients"])

    def _know_brokers(self, clients: pa.Table) -> None:
        self.tracker.clusters.numbers(clients["cluster_id"].unique())
        self.brokers.learn(clients)

    def snapshot(self, now_ns: int) -> Snapshot:
        """Everything, as of now and of what was taken in."""
        return self._snapshot(now_ns)[0]

    def _snapshot(self, now_ns: int) -> tuple[Snapshot, judge.Judged]:
        slots = self.tracker.live()
        judged = judge.partitions(self.tracker, slots, now_ns, allowed_lag=self._allowed_lag)
        partitions = self.tracker.partitions(now_ns, slots)
        self.tracker.note_lag(now_ns)
        findings = self.watch.find(self.tracker, self.memberships, partitions, now_ns)
        table = _lag_table(partitions, judged, now_ns)
        groups = self._groups(table, judged, findings, now_ns)
        self.last = Snapshot(now_ns, table, groups, findings)
        return self.last, judged

    def _groups(self, table: pa.Table, judged: judge.Judged, findings: Sequence[Finding], now_ns: int) -> pa.Table:
        verdicts = judge.groups(self.tracker, judged)
        sums = {
            (row["cluster_id"], row["group_id"]): row
            for row in grouped(table, ["cluster_id", "group_id"], ("topic", "count_distinct"), ("partition", "count"), ("lag", "count"), ("lag", "sum"), ("lag", "max"),
                               ("lag_seconds", "max"), ("trend", "sum"), ("time_to_drain", "max"), ("time_to_drain", "count"), ("lag_seconds_at_least", "any"))
        }  # fmt: skip
        wrong: dict[tuple[str, str], list[Finding]] = {}
        for finding in findings:
            if finding.group_id:
                wrong.setdefault((finding.cluster_id, finding.group_id), []).append(finding)
        rows = []
        for key in sorted(sums.keys() | self.memberships.groups.keys()):
            info, found = self.memberships.groups.get(key), sums.get(key)
            members = info.members(now_ns) if info else None
            state = info.state(now_ns) if info else "Unknown"
            verdict, complete = verdicts.get(key, (_NOTHING_READ, 0.0))
            verdict = _with_findings(verdict, wrong.get(key, []))
            known = found["lag_count"] if found else 0
            partitions = found["partition_count"] if found else 0
            drains = found is not None and found["time_to_drain_count"] == partitions
            rows.append(
                (
                    now_ns, *key, info.kind if info else "", state, members, found["topic_count_distinct"] if found else 0, partitions, partitions - known,
                    found["lag_sum"] if found and known else None, found["lag_max"] if found and known else None, found["lag_seconds_max"] if found else None,
                    bool(found and found["lag_seconds_at_least_any"]), found["trend_sum"] if found else None,
                    found["time_to_drain_max"] if found and drains else None, str(verdict.status), verdict.reason, complete,
                )
            )  # fmt: skip
        return _table("kafka_group_lag", rows)

    # ---- what is written ----

    def sample(self, now_ns: int, *, last: bool = False) -> dict[str, pa.Table]:
        """The rows to write at this moment, by table; tables without rows are left out. The last moment of a recording is written whole."""
        snapshot, judged = self._snapshot(now_ns)
        if last:
            self._written_at[:] = 0
            self._groups_written = {key: (0, fields) for key, (_, fields) in self._groups_written.items()}
        written = {
            "kafka_lag": pa.concat_tables([snapshot.lag.filter(pa.array(self._due(judged, snapshot.lag, now_ns))), self._gone(snapshot.lag, now_ns)]),
            "kafka_group_lag": self._groups_due(snapshot.groups, now_ns),
            "kafka_findings": self._findings_due(snapshot.findings, now_ns),
            "kafka_rebalances": rebalance_rows(self._finished(now_ns)),
            "kafka_share_lag": _table("kafka_share_lag", list(share_samples.due(self.tracker, now_ns, all_of_them=last))),
        }
        return {name: table for name, table in written.items() if table.num_rows}

    def _gone(self, table: pa.Table, now_ns: int) -> pa.Table:
        """A last row for each partition of a group that there is no more, so that what was written before is not taken for the present."""
        gone, self.tracker.gone = dict.fromkeys(self.tracker.gone), []
        if not gone:
            return table.slice(0, 0)
        present = set(zip(*(table[name].to_pylist() for name in ("cluster_id", "group_id", "topic", "partition")), strict=True)) if gone else set()
        rows = [
            {"time_": now_ns, "cluster_id": c, "group_id": g, "topic": t, "partition": p, "status": str(Status.NOTFOUND), "reason": _GONE}
            for c, g, t, p in gone
            if (c, g, t, p) not in present
        ]
        blank = {field.name: "" if pa.types.is_string(field.type) else None for field in table.schema}
        return pa.Table.from_pylist([{**blank, "lag_seconds_at_least": False, "complete": 0.0, **row} for row in rows], schema=table.schema)

    def _finished(self, now_ns: int) -> list[dict[str, Any]]:
        done = self.memberships.finished(now_ns)
        for row in done:
            self._rebalanced.setdefault((row["cluster_id"], row["group_id"]), deque(maxlen=_REBALANCES)).append(row["time_"])
        return done

    def rebalances_since(self, since_ns: int) -> dict[tuple[str, str], list[int]]:
        """When each group rebalanced; of very many the last thousand."""
        found = {key: [at for at in times if at >= since_ns] for key, times in self._rebalanced.items()}
        for key in [key for key, times in found.items() if not times]:
            del self._rebalanced[key], found[key]
        return found

    def _due(self, judged: judge.Judged, table: pa.Table, now_ns: int) -> npt.NDArray[np.bool_]:
        size = self.tracker.pairs.size
        if size > len(self._written_at):
            self._written_at = np.append(self._written_at, np.zeros(size - len(self._written_at), np.int64))
            self._written_status = np.append(self._written_status, np.full(size - len(self._written_status), -1))
        slots = judged.slots
        age = now_ns - self._written_at[slots]
        changed = np.isin(self.tracker.pairs.at[slots], np.fromiter(self.tracker.changed, np.int64, len(self.tracker.changed)))
        status = np.fromiter((verdict.status.number for verdict in judged.verdicts), np.int64, len(slots))
        behind = pc.greater(pc.fill_null(table["lag_seconds"], 0.0), 0.0).to_numpy()
        least = max(SECOND // 2, len(slots) * SECOND // LAG_ROWS_PER_S)
        due: npt.NDArray[np.bool_] = (age >= _refresh_ns(len(slots))) | (status != self._written_status[slots]) | ((changed | (behind & (age >= 10 * SECOND))) & (age >= least))
        # All partitions of a topic at once: only then is their sum at a moment true.
        topics = (self.tracker.pairs.group[slots] << 32) | self.tracker.parts.topic[self.tracker.pairs.at[slots]]
        due |= np.isin(topics, different(topics[due]))
        self._written_at[slots[due]] = now_ns
        self._written_status[slots[due]] = status[due]
        self.tracker.changed = set(self.tracker.pairs.at[slots[changed & ~due]].tolist())
        return due

    def _groups_due(self, groups: pa.Table, now_ns: int) -> pa.Table:
        least = max(SECOND // 2, groups.num_rows * SECOND // GROUP_ROWS_PER_S)
        refresh = _refresh_ns(groups.num_rows)
        due, seen = [], set()
        fields = [groups[name].to_pylist() for name in ("cluster_id", "group_id", "state", "members", "lag", "partitions", "status")]
        behind = pc.greater(pc.fill_null(groups["lag_seconds"], 0.0), 0.0).to_pylist()
        for row, (cluster, group, *rest) in enumerate(zip(*fields, strict=True)):
            key = (cluster, group)
            seen.add(key)
            at, before = self._groups_written.get(key, (0, None))
            age = now_ns - at
            if age >= refresh or (age >= least and (before != rest or (behind[row] and age >= 5 * SECOND))):
                due.append(row)
                self._groups_written[key] = (now_ns, rest)
        table = groups.take(pa.array(due, pa.int64()))
        for key in [k for k in self._groups_written if k not in seen]:
            del self._groups_written[key]
            # The group goes on under the name of its cluster.
            if not key[0]:
                self._dead[key] = _RENAMED
        dead = [
            (now_ns, *key, "", "Dead", 0, 0, 0, 0, None, None, None, False, None, None, "NOTFOUND", why, 0.0)
            for key, why in self._dead.items()
            if key not in seen
        ]
        self._dead.clear()
        return pa.concat_tables([table, _table("kafka_group_lag", dead)]) if dead else table

    def _findings_due(self, findings: Sequence[Finding], now_ns: int) -> pa.Table:
        rows: list[tuple[Any, ...]] = []

        def row(finding: Finding, is_open: bool) -> None:
            rows.append((now_ns, finding.cluster_id, finding.kind, is_open, finding.reason, finding.since_ns, finding.group_id, finding.topic, finding.partition, finding.client_id))

        for finding in findings:
            key = (finding.kind, finding.cluster_id, finding.group_id, finding.topic, finding.partition, finding.client_id)
            _, _, written = self._findings.get(key, (finding, 0, 0))
            if now_ns - written >= _refresh_ns(len(findings)):
                row(finding, True)
                written = now_ns
            self._findings[key] = (finding, now_ns, written)
        for key, (finding, last, _) in list(self._findings.items()):
            if now_ns - last > _SETTLE_NS:
                row(finding, False)
                del self._findings[key]
        return _table("kafka_findings", rows)

    def stats(self) -> dict[str, int]:
        """What is held, and what the limits cost."""
        return {
            **self.tracker.stats(), "groups": len(self.memberships.groups), "groupsEvicted": self.memberships.evicted, "rowsDropped": self.rows_dropped,
            "findingsUntold": self.watch.untold, "watchDropped": self.watch.dropped + self.watch.transactions.dropped, "brokersDropped": self.brokers.dropped,
        }  # fmt: skip


#: Findings that are as bad as a group that has stopped; the others are a warning.
_GRAVE = frozenset({"stuck_in_rebalance", "fetching_but_failing", "no_members"})
#: What the lag is counted from, by how the committed offset is known.
_BASIS = {"commit": "committed", "": "position"}
_GONE = "The group has no offsets here any more: it, its offsets or the topic were deleted, or the cluster got its name."
_DELETED = "The group was deleted."
_ELSEWHERE = "The group is one of another cluster, whose name was not known yet."
_RENAMED = "The group goes on under the name of its cluster."
_NOTHING_READ = Verdict(Status.OK, "No commit and no read of this group was seen.")


def _with_findings(verdict: Verdict, findings: Sequence[Finding]) -> Verdict:
    """The verdict by commits, or what commits cannot tell where that is worse."""
    if not findings:
        if verdict.status is Status.OK and verdict.current_lag:
            left = "1 record is" if verdict.current_lag == 1 else f"{verdict.current_lag:,} records are"
            return Verdict(verdict.status, f"{verdict.reason[:-1]}; {left} left to read.", verdict.current_lag)
        return verdict
    grave = [f for f in findings if f.kind in _GRAVE]
    status = Status.ERR if grave else Status.WARN
    if verdict.status.number >= status.number:
        return verdict
    told_ = (grave or list(findings))[0]
    more = f" ({len(findings) - 1} more)" if len(findings) > 1 else ""
    return Verdict(status, told_.reason + more, verdict.current_lag)


def _refresh_ns(rows: int) -> int:
    return min(REFRESH_NS, max(SOONEST_NS, rows * SECOND // QUIET_ROWS_PER_S))


def _lag_table(partitions: pa.Table, judged: judge.Judged, now_ns: int) -> pa.Table:
    """The tracker's answer with its verdicts, as rows of ``kafka_lag``."""
    added = {
        "time_": pa.repeat(pa.scalar(now_ns, pa.int64()), partitions.num_rows),
        "end_age": partitions["end_age_ns"],
        "lag": pc.coalesce(partitions["lag"], partitions["read_lag"]),
        "basis": pa.array([_BASIS.get(source, source) for source in partitions["committed_source"].to_pylist()], pa.string()),
        "time_to_drain": partitions["drain_seconds"],
        "status": pa.array([str(v.status) for v in judged.verdicts], pa.string()),
        "reason": pa.array([v.reason for v in judged.verdicts], pa.string()),
        "complete": pa.array(judged.complete, pa.float64()),
    }
    relation = catalogue.load()["kafka_lag"]
    return pa.table({c.name: added[c.name] if c.name in added else partitions[c.name] for c in relation.columns}, schema=relation.schema)


def rebalance_rows(done: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rebalances as rows of ``kafka_rebalances``."""
    names = list(catalogue.load()["kafka_rebalances"].by_name)
    return _table("kafka_rebalances", [tuple(json.dumps(row["members"], separators=(",", ":")) if n == "members" else row[n] for n in names) for row in done])


@cache
def _no_rows(name: str) -> pa.Table:
    schema = catalogue.load()[name].schema
    return pa.schema([schema.field(column) for column in NEEDED[name]]).empty_table()


def _of(events: pa.Table, api: pa.ChunkedArray, apis: Sequence[int]) -> pa.Table:
    return events.filter(pc.is_in(api, pa.array(apis, pa.int64()))) if events.num_rows else events


def _table(name: str, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    schema = catalogue.load()[name].schema
    if not rows:
        return schema.empty_table()
    return pa.table([pa.array(list(c), f.type) for c, f in zip(zip(*rows, strict=True), schema, strict=True)], schema=schema)
