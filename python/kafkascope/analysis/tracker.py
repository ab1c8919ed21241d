"""How far each group is behind, kept up to date row by row: the same answers as ``lag.partitions`` gives over all rows, without keeping them.

What ``lag`` computes over a store's history, this holds as state: the newest commit and read of each (group, topic, partition), the end of each log,
and ranges of offsets with the time of their append (``logs``). Everything is numpy columns; work for a batch grows with its rows, work for an answer
with the partitions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kafkascope.analysis import lag, shares, windows
from kafkascope.analysis.deleted_groups import DeletedGroups
from kafkascope.analysis.history import LagHistory
from kafkascope.analysis.incarnations import Incarnations
from kafkascope.analysis.incoming import Sightings, columns, pair_key, part_key, split_at_deletions
from kafkascope.analysis.logs import SOURCES, Logs
from kafkascope.analysis.numpy_columns import different, encoded, numbered
from kafkascope.analysis.pending import PendingCommits
from kafkascope.analysis.ranges import last_of_each
from kafkascope.analysis.share_progress import ShareProgress
from kafkascope.analysis.slots import Names, Slots
from kafkascope.analysis.verdict import WINDOW

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NONE = windows.NONE
SECOND = lag.SECOND

#: Limits: beyond them new keys are refused and counted.
MAX_PAIRS = 250_000
MAX_PARTITIONS = 250_000

_PAIR = {
    "group": (0, 1), "at": (0, 1), "committed": (NONE, 1), "committed_at": (0, 1), "asked": (0, 1), "told_since": (0, 1), "first_at": (0, 1), "position": (NONE, 1),
    "position_at": (0, 1), "position_asked": (0, 1), "read_committed": (NONE, 1), "reading_since": (0, 1), "got_at": (0, 1), "share": (0, 1),
    "handed": (NONE, 1), "open": (0, 1), "open_first": (NONE, 1),
    **windows.columns("commit", ("offset", "time", "lag", "bucket"), WINDOW),
}  # fmt: skip


class Tracker:
    """The state of all groups and partitions. Not thread-safe.

    ``min_distance_ns`` and ``ends_every_ns`` are those of ``verdicts``.
    """

    def __init__(self, *, min_distance_ns: int = SECOND, ends_every_ns: int = 10 * SECOND, max_pairs: int = MAX_PAIRS, max_partitions: int = MAX_PARTITIONS) -> None:
        self.clusters, self.groups, self.topics = Names(), Names(), Names()
        self.clusters.number("")
        self.groups.number("")
        self.pairs = Slots(_PAIR, max_pairs)
        self.logs = Logs(ends_every_ns=ends_every_ns, max_partitions=max_partitions)
        self.parts = self.logs.parts
        self.pending = PendingCommits()
        self.shared: ShareProgress[int] = ShareProgress()
        self.evicted = 0
        self.changed: set[int] = set()
        self._min_distance = min_distance_ns
        self._names: dict[str, str] = {}
        self._answered: set[int] = set()
        self._incarnations = Incarnations()
        self._deleted_groups = DeletedGroups()
        self._history = LagHistory()
        self.gone: list[tuple[str, str, str, int]] = []

    # ---- taking in ----

    def learn_topics(self, names: Iterable[tuple[str, str]]) -> None:
        """Names of topic ids; rows that carried only the id count for the name from now on."""
        for topic_id, name in names:
            if not name or self._names.get(topic_id) == name:
                continue
            self._names[topic_id] = name
            number = self.topics.known(topic_id)
            if number is None:
                continue
            if self.topics.known(name) is None:
                self.topics.rename(number, name)
            else:
                self._forget_topic(None, number)

    def take(self, rows: lag.Rows) -> None:
        """New rows of the tables; what was taken once must not be given again."""
        for part in split_at_deletions(rows):
            self._take(part)

    def _take(self, rows: lag.Rows) -> None:
        tables = tuple(columns(getattr(rows, kind), kind) for kind in ("commits", "fetch", "produce", "ends", "offsets", "shares"))
        commits, fetch, produce, ends, offsets, shared = tables
        self._know_the_cluster(*tables)
        keys = [self._topic_keys(table) for table in tables]
        for cluster, topic in self._incarnations.take(keys, tables):
            self._forget_topic(cluster, topic)
        for table, key in zip(tables[:-1], keys[:-1], strict=True):
            self.logs.place(table, key)
        sightings, changed = self.logs.take(fetch, produce, ends)
        self.changed.update(changed.tolist())
        self._reads(fetch)
        if rows.shares is not None and rows.shares.num_rows:
            self._shares(keys[5], shared, rows.shares)
        plain = self._commits(commits, rows.transactions is not None)
        self._book_commits(*plain, sightings)
        if rows.transactions is not None:
            self._end_transactions(rows.transactions, sightings)
        self._fetched_offsets(offsets, sightings)
        if rows.deletions is not None and rows.deletions.num_rows:
            self._delete(rows.deletions)

    def _know_the_cluster(self, *tables: dict[str, Any]) -> None:
        """A row from before the cluster's id was known belongs to the only cluster there is."""
        for table in tables:
            table["c"] = self.clusters.numbers(table["cluster_id"])
        if len(self.clusters) == 2:
            for table in tables:
                table["c"][:] = 1
            homeless = self.parts.live()
            homeless = homeless[self.parts.cluster[homeless] == 0]
            if len(homeless):
                self._move_to_cluster(homeless)

    def _move_to_cluster(self, slots: Ints) -> None:
        pairs = self.live()
        self._note_gone(pairs[np.isin(self.pairs.at[pairs], slots)])
        for slot in slots.tolist():
            del self.parts.slot_of[int(self.parts.key[slot])]
            self.parts.cluster[slot] = 1
            key = part_key(1, int(self.parts.topic[slot]), int(self.parts.partition[slot]))
            self.parts.key[slot] = key
            self.parts.slot_of[key] = slot
        self._incarnations.all_in_cluster(1)
        self._deleted_groups.all_in_cluster(1)

    def topic_name(self, topic: str, topic_id: str) -> str:
        """A topic's name, its id while the name is not known."""
        return topic or self._names.get(topic_id, topic_id)

    @property
    def only_cluster(self) -> str:
        """The id of the cluster while there is one alone, otherwise empty."""
        return self.clusters.texts[1] if len(self.clusters) == 2 else ""

    def cluster_of(self, slot: int) -> str:
        """The cluster's id of a partition's slot."""
        return self.clusters.texts[self.parts.cluster[slot]]

    def names_of(self, slot: int) -> tuple[str, str, str, int]:
        """Cluster, group, topic and partition of a (group, topic, partition)'s slot."""
        part = int(self.pairs.at[slot])
        return self.cluster_of(part), self.groups.texts[self.pairs.group[slot]], self.topics.texts[self.parts.topic[part]], int(self.parts.partition[part])

    def places(self, rows: pa.Table) -> Ints:
        """The slots of rows that were taken: of their cluster_id, topic, topic_id and partition; -1 where there is none any more."""
        table = {name: rows[name] for name in ("topic", "topic_id")}
        cluster = self.clusters.numbers(rows["cluster_id"])
        if len(self.clusters) == 2:
            cluster[:] = 1
        keys = part_key(cluster, self._topic_keys(table), rows["partition"].to_numpy())
        unique, inverse = numbered(keys)
        return np.fromiter((self.parts.slot_of.get(key, -1) for key in unique.tolist()), np.int64, len(unique))[inverse]

    def _topic_keys(self, table: dict[str, Any]) -> Ints:
        """The number of each row's topic: its name, or its id while the name is not known. The ids themselves become the columns ``ids`` and ``id``, as ``encoded`` gives them."""
        by_name = self.topics.numbers(table["topic"])
        table["ids"], table["id"] = encoded(table["topic_id"])
        nameless = np.flatnonzero(by_name == self.topics.number(""))
        if len(nameless):
            used, inverse = numbered(table["id"][nameless])
            names = (self._names.get(topic_id, topic_id) for topic_id in map(table["ids"].__getitem__, used.tolist()))
            by_name[nameless] = np.fromiter(map(self.topics.number, names), np.int64, len(used))[inverse]
        return by_name

    def _reads(self, fetch: dict[str, Any]) -> None:
        group = self.groups.numbers(fetch["group_id"])
        rows = np.flatnonzero(~fetch["drop"] & (group > 0) & (fetch["replica_id"] < 0) & ~self._deleted_groups.asked_before(fetch["c"], group, fetch["time_"]))
        pair = self._pairs(fetch["slot"][rows], group[rows])
        rows, pair = rows[pair >= 0], pair[pair >= 0]
        if len(rows) == 0:
            return
        pairs, ts, asked = self.pairs, fetch["ts"][rows], fetch["time_"][rows]
        # A share group's readers ask for no offset.
        pairs.share[pair[(fetch["fetch_offset"][rows] < 0) & (fetch["last_offset"][rows] >= 0)]] = 1
        best = last_of_each(pair, ts, asked)
        who, row = pair[best], rows[best]
        newer = (ts[best] > pairs.position_at[who]) | ((ts[best] == pairs.position_at[who]) & (asked[best] >= pairs.position_asked[who]))
        who, row = who[newer], row[newer]
        last, first = fetch["last_offset"][row], fetch["fetch_offset"][row]
        pairs.position[who] = np.where(last >= 0, last + 1, np.where(first >= 0, first, NONE))
        pairs.position_at[who], pairs.position_asked[who] = fetch["ts"][row], fetch["time_"][row]
        pairs.read_committed[who] = fetch["isolation_level"][row] == 1
        got = (fetch["records"][rows] > 0) & (fetch["fetch_offset"][rows] >= 0) & (ts > pairs.committed_at[pair]) & (fetch["last_offset"][rows] >= pairs.committed[pair])
        reader, since = pair[got], ts[got]
        fresh = different(reader[pairs.reading_since[reader] == 0])
        pairs.reading_since[fresh] = np.iinfo(np.int64).max
        np.minimum.at(pairs.reading_since, reader, since)
        np.maximum.at(pairs.got_at, reader, since)
        self.changed.update(fetch["slot"][rows].tolist())

    def _pairs(self, part: Ints, group: Ints) -> Ints:
        return self.pairs.find(pair_key(part, group), group=group, at=part)

    def _commits(self, commits: dict[str, Any], in_transactions: bool) -> tuple[Ints, Ints, Ints, Ints]:
        """Commits that count now: pair, offset, time, time of the request. Those in a transaction wait for its end."""
        group = self.groups.numbers(commits["group_id"])
        good = ~commits["drop"] & (group > 0) & (commits["offset"] >= 0) & (commits["error_code"] <= 0)
        # One without an answer may have been refused: it counts only where answers are not seen at all.
        answered = commits["error_code"] >= 0
        self._answered.update(different(group[answered]).tolist())
        good &= answered | ~np.isin(group, np.fromiter(self._answered, np.int64, len(self._answered)))
        rows = np.flatnonzero(good)
        pair = self._pairs(commits["slot"][rows], group[rows])
        rows, pair = rows[pair >= 0], pair[pair >= 0]
        if in_transactions and len(rows):
            transactional = commits["transactional_id"].take(pa.array(rows))
            waiting = np.asarray(transactional.is_valid().to_numpy(zero_copy_only=False))
            for who, row, name in zip(pair[waiting].tolist(), rows[waiting].tolist(), transactional.filter(pa.array(waiting)).to_pylist(), strict=True):
                self.pending.add((int(commits["c"][row]), name), int(commits["time_"][row]), who, int(commits["offset"][row]))
            rows, pair = rows[~waiting], pair[~waiting]
        return pair, commits["offset"][rows], commits["ts"][rows], commits["time_"][rows]

    def _book_commits(self, pair: Ints, offset: Ints, ts: Ints, asked: Ints, sightings: Sightings) -> None:
        if len(pair) == 0:
            return
        pairs = self.pairs
        order = np.lexsort((asked, ts))
        pair, offset, ts, asked = pair[order], offset[order], ts[order], asked[order]
        end = sightings.at(pairs.at[pair], ts)
        left = np.where(end >= 0, np.maximum(end - offset, 0), NONE)
        bucket = ts // self._min_distance if self._min_distance else (ts << 1) + 1
        values = {"offset": offset, "time": ts, "lag": left}
        windows.push(pairs, "commit", pair, values, bucket=bucket, bucket_of="bucket", keep="time")
        best = last_of_each(pair, ts, asked)
        who = pair[best]
        newer = (ts[best] > pairs.committed_at[who]) | ((ts[best] == pairs.committed_at[who]) & (asked[best] >= pairs.asked[who]))
        who, best = who[newer], best[newer]
        pairs.committed[who], pairs.committed_at[who], pairs.asked[who] = offset[best], ts[best], asked[best]
        pairs.reading_since[who], pairs.told_since[who] = 0, 0
        fresh = different(pair[pairs.first_at[pair] == 0])
        pairs.first_at[fresh] = np.iinfo(np.int64).max
        np.minimum.at(pairs.first_at, pair, ts)
        self.changed.update(pairs.at[pair].tolist())

    def _end_transactions(self, ends: pa.Table, sightings: Sightings) -> None:
        """Commits in transactions count when these commit."""
        clusters = [1 if len(self.clusters) == 2 else self.clusters.number(cluster) for cluster in ends["cluster_id"].to_pylist()]
        done = self.pending.end(clusters, ends)
        if done:
            pair, offset, ts, asked = (np.array(column, np.int64) for column in zip(*done, strict=True))
            self._book_commits(pair, offset, ts, asked, sightings)

    def _fetched_offsets(self, offsets: dict[str, Any], sightings: Sightings) -> None:
        """What OffsetFetch told, where that is newer than any commit that was seen."""
        group = self.groups.numbers(offsets["group_id"])
        rows = np.flatnonzero(~offsets["drop"] & (group > 0))
        pair = self._pairs(offsets["slot"][rows], group[rows])
        rows, pair = rows[pair >= 0], pair[pair >= 0]
        last = last_of_each(pair, offsets["ts"][rows], offsets["offset"][rows])
        pair, offset, asked = pair[last], offsets["offset"][rows[last]], offsets["ts"][rows[last]]
        pairs = self.pairs
        before, since = pairs.committed[pair], asked - pairs.committed_at[pair]
        again = (pairs.told_since[pair] > 0) & (offset == before) & (since > 0)
        pairs.committed_at[pair[again]] = asked[again]
        first = before < 0
        who = pair[first]
        pairs.committed[who], pairs.committed_at[who], pairs.told_since[who] = offset[first], asked[first], asked[first]
        # Another offset than the known one was committed where nobody looked, since the last look.
        settled = (since > lag.SETTLES_NS) | (pairs.told_since[pair] > 0)
        moved = ~first & (since > 0) & ((offset > before) | ((offset < before) & settled))
        self._book_commits(pair[moved], offset[moved], asked[moved], asked[moved], sightings)
        pairs.told_since[pair[moved]] = asked[moved]
        self.changed.update(pairs.at[pair[first]].tolist())

    def _shares(self, key: Ints, table: dict[str, Any], rows: pa.Table) -> None:
        """What share groups were handed and how they acknowledged it. The end of a session names no partition."""
        group = self.groups.numbers(table["group_id"])
        pair = np.full(len(group), NONE)
        late = self._deleted_groups.asked_before(table["c"], group, table["time_"])
        here = np.flatnonzero((table["partition"] >= 0) & (group > 0) & ~table["drop"] & ~late)
        placed = self.logs.place({"c": table["c"][here], "partition": table["partition"][here], "drop": table["drop"][here]}, key[here])
        here, placed = here[placed >= 0], placed[placed >= 0]
        pair[here] = self._pairs(placed, group[here])
        known = np.flatnonzero((pair >= 0) | (table["partition"] < 0))
        taken = shares.rows(rows.take(pa.array(known)).to_pylist(), pair[known].tolist(), group[known].tolist())
        self._book_shares(self.shared.take(taken))
        here = here[pair[here] >= 0]
        self.pairs.share[pair[here]] = 1
        np.maximum.at(self.pairs.position_at, pair[here], table["ts"][here])

    def _book_shares(self, changed: Iterable[int]) -> None:
        pairs = self.pairs
        for slot in changed:
            partition = self.shared.partitions[slot]
            pairs.handed[slot], pairs.open[slot], pairs.open_first[slot] = partition.next_offset, partition.left, partition.first_left
            self.changed.add(int(pairs.at[slot]))

    # ---- forgetting ----

    def with_offset(self, deletions: pa.Table) -> pa.Table:
        """Of rows that name a group and a partition those of which an offset has been known for long enough to be written; the others have nothing to lose."""
        if deletions.num_rows == 0:
            return deletions
        found = zip(map(self.groups.known, deletions["group_id"].to_pylist()), self.places(deletions).tolist(), deletions["time_"].to_pylist(), strict=True)
        lost = [group is not None and part >= 0 and self._settled(pair_key(part, group), when) for group, part, when in found]
        return deletions.filter(pa.array(lost, pa.bool_()))

    def _settled(self, key: int, asked_ns: int) -> bool:
        slot = self.pairs.slot_of.get(key)
        return slot is not None and bool(self.pairs.committed[slot] >= 0 and self.pairs.committed_at[slot] + lag.SETTLES_NS < asked_ns)

    def _delete(self, deletions: pa.Table) -> None:
        for row in deletions.to_pylist():
            cluster = 1 if len(self.clusters) == 2 else self.clusters.number(row["cluster_id"])
            topic = self.topics.known(row["topic"] or self._names.get(row["topic_id"], row["topic_id"]))
            if not row["group_id"]:
                if topic is not None:
                    self._forget_topic(cluster, topic)
                continue
            group = self.groups.number(row["group_id"])
            slots = self.pairs.live()
            slots = slots[(self.pairs.group[slots] == group) & (self.parts.cluster[self.pairs.at[slots]] == cluster)]
            if row["topic"] or row["topic_id"]:
                where = self.pairs.at[slots]
                mine = self.parts.topic[where] == topic
                if row["partition"] is not None:
                    mine &= self.parts.partition[where] == row["partition"]
                slots = slots[mine]
                # Its offsets are gone, its readers are not; those of a share group have nothing else.
                reads = (self.pairs.position_at[slots] > 0) & (self.pairs.share[slots] == 0)
                reading = slots[reads]
                for name in ("committed", "committed_at", "asked", "told_since", "first_at", "commit_filled"):
                    self.pairs.columns[name][reading] = _PAIR[name][0]
                slots = slots[~reads]
            else:
                self._deleted_groups.note(cluster, group, row["time_"])
            self._release_pairs(slots)

    def _forget_topic(self, cluster: int | None, topic: int) -> None:
        slots = self.parts.live()
        slots = slots[(self.parts.topic[slots] == topic) & ((cluster is None) | (self.parts.cluster[slots] == cluster))]
        if len(slots) == 0:
            return
        pairs = self.pairs.live()
        self._release_pairs(pairs[np.isin(self.pairs.at[pairs], slots)])
        self.logs.forget(slots)
        self.changed.difference_update(slots.tolist())

    def _release_pairs(self, slots: Ints) -> None:
        self._history.forget(slots)
        self._note_gone(slots)
        self.pending.forget(set(slots.tolist()))
        self.shared.forget(slots.tolist())
        self.pairs.release(slots.tolist())

    def _note_gone(self, slots: Ints) -> None:
        """Remember the names of what is forgotten, for those who have told of it; of very many the first."""
        self.gone += map(self.names_of, slots[: MAX_PAIRS - len(self.gone)].tolist())

    def forget_idle(self, before_ns: int) -> int:
        """Forget groups' partitions without a commit or read since ``before_ns``; how many."""
        slots = self.pairs.live()
        idle = slots[np.maximum(self.pairs.committed_at[slots], self.pairs.position_at[slots]) < before_ns]
        self._release_pairs(idle)
        self.evicted += len(idle)
        return len(idle)

    def tidy(self, now_ns: int) -> None:
        """Drop ranges that every group has read, and what brokers give up by themselves."""
        self._book_shares(self.shared.settle(now_ns))
        needed = np.full(max(self.parts.size, 1), np.iinfo(np.int64).max)
        slots = self.pairs.live()
        np.minimum.at(needed, self.pairs.at[slots], self._next(slots))
        self.logs.tidy(needed, now_ns)

    # ---- answering ----

    def _next(self, slots: Ints) -> Ints:
        """The first offset that a group has not committed, or not read where it commits nothing; of a share group the first that is not settled."""
        pairs = self.pairs
        return np.where(pairs.committed[slots] >= 0, pairs.committed[slots], np.where(pairs.open_first[slots] >= 0, pairs.open_first[slots], pairs.position[slots]))

    def _position(self, slots: Ints) -> Ints:
        """The first offset that a group was not given."""
        return np.where(self.pairs.handed[slots] >= 0, self.pairs.handed[slots], self.pairs.position[slots])

    def is_share(self, slots: Ints) -> npt.NDArray[np.bool_]:
        """Which are of share groups: what they have left is what they have not settled."""
        return np.asarray((self.pairs.handed[slots] >= 0) & (self.pairs.committed[slots] < 0))

    def ahead(self, slots: Ints) -> Ints:
        """How many records a group has left, -1 while unknown: a share group may have settled some of those beyond the first that is open."""
        end, next_ = self.parts.end[self.pairs.at[slots]], self._next(slots)
        left = np.where(self.is_share(slots), np.maximum(end - self.pairs.handed[slots], 0) + self.pairs.open[slots], np.maximum(end - next_, 0))
        return np.where((end >= 0) & (next_ >= 0), left, NONE)

    def live(self) -> Ints:
        """The slots of all (group, topic, partition) with a commit or a read."""
        slots = self.pairs.live()
        return slots[(self.pairs.committed_at[slots] > 0) | (self.pairs.position_at[slots] > 0)]

    def partitions(self, now_ns: int, slots: Ints | None = None) -> pa.Table:
        """One row for each (group, topic, partition), of these ``slots`` or of all; columns as ``lag.COLUMNS`` tells them."""
        slots = self.live() if slots is None else slots
        pairs, parts, at = self.pairs, self.parts, self.pairs.at[slots]
        end, lso, committed, position, next_ = parts.end[at], parts.lso[at], pairs.committed[slots], self._position(slots), self._next(slots)
        known = (end >= 0) & (next_ >= 0)
        ahead = self.ahead(slots)
        behind = ahead > 0
        seconds, source = self.logs.waiting(at, next_, behind, now_ns)
        seconds[known & ~behind] = 0.0
        source[known & ~behind] = "caught_up"
        shared = self.is_share(slots)
        left = np.where((committed >= 0) | shared, ahead, NONE)
        trend = self._history.trend(slots, ahead, now_ns)
        drain = np.full(len(slots), np.nan)
        drain[ahead == 0] = 0.0
        shrinking = (ahead > 0) & (trend < 0)
        drain[shrinking] = ahead[shrinking] / -trend[shrinking]

        def some(values: Ints, known: npt.NDArray[np.bool_]) -> pa.Array:
            return pa.array(values, pa.int64(), mask=~known)

        ids = pa.array([self._incarnations.id_of(key) for key in zip(parts.cluster[at].tolist(), parts.topic[at].tolist(), strict=True)], pa.string())
        return pa.table(
            {
                "cluster_id": self.clusters.column(parts.cluster[at]), "group_id": self.groups.column(pairs.group[slots]), "topic": self.topics.column(parts.topic[at]),
                "topic_id": ids, "partition": parts.partition[at], "committed": some(committed, committed >= 0),
                "committed_at": some(pairs.committed_at[slots], committed >= 0),
                "committed_source": pa.array(np.select([shared, committed < 0, pairs.told_since[slots] > 0], ["acknowledged", "", "offset_fetch"], "commit"), pa.string()), "position": some(position, position >= 0),
                "position_at": some(pairs.position_at[slots], pairs.position_at[slots] > 0), "end_offset": some(end, end >= 0),
                "end_source": pa.array(np.array(SOURCES, object)[parts.end_source[at]], pa.string()), "end_age_ns": some(now_ns - parts.end_at[at], end >= 0),
                "last_stable_offset": some(lso, lso >= 0), "read_committed": pa.array(pairs.read_committed[slots] == 1, pa.bool_(), mask=pairs.read_committed[slots] < 0),
                "lag": some(left, left >= 0), "stable_lag": some(np.maximum(lso - committed, 0), (lso >= 0) & (committed >= 0)),
                "read_lag": some(np.maximum(end - position, 0), (end >= 0) & (position >= 0)), "lag_seconds": pa.array(seconds, pa.float64(), mask=np.isnan(seconds)),
                "lag_seconds_source": pa.array(source, pa.string()), "lag_seconds_at_least": pa.array((source == "next_produce") | (source == "end_offset")),
                "trend": pa.array(trend, pa.float64(), mask=np.isnan(trend)), "drain_seconds": pa.array(drain, pa.float64(), mask=np.isnan(drain)),
            }
        )  # fmt: skip

    def produced(self) -> list[tuple[str, str, int]]:
        """When each topic was last written to, of those that were seen written to: cluster, topic, time."""
        slots = self.parts.live()
        slots = slots[self.parts.produced_at[slots] > 0]
        newest = slots[last_of_each((self.parts.cluster[slots] << 32) | self.parts.topic[slots], self.parts.produced_at[slots])]
        return [(self.cluster_of(slot), self.topics.texts[self.parts.topic[slot]], int(self.parts.produced_at[slot])) for slot in newest.tolist()]

    def ends(self) -> pa.Table:
        """The end of every log that is known: cluster_id, topic, partition, end_offset."""
        slots = self.parts.live()
        slots = slots[self.parts.end[slots] >= 0]
        return pa.table(
            {
                "cluster_id": self.clusters.column(self.parts.cluster[slots]), "topic": self.topics.column(self.parts.topic[slots]),
                "partition": self.parts.partition[slots], "end_offset": self.parts.end[slots],
            }
        )  # fmt: skip

    def note_lag(self, now_ns: int) -> None:
        """Remember the lag of this moment for the trend of later ones; call it whenever an answer is given."""
        if not self._history.due(now_ns):
            return
        lags, reached = np.full(self.pairs.size, np.nan), np.full(self.pairs.size, np.nan)
        slots = self.live()
        lags[slots], reached[slots] = self._left(slots)
        self._history.note(now_ns, lags, reached)

    def _left(self, slots: Ints) -> tuple[Floats, Floats]:
        """The lag of each partition, NaN while unknown, and the offset that its group has reached."""
        ahead = self.ahead(slots)
        return np.where(ahead >= 0, ahead, np.nan), np.where(self.is_share(slots), self.pairs.handed[slots] - self.pairs.open[slots], self._next(slots)).astype(np.float64)

    def history(self, slots: Ints, now_ns: int) -> list[tuple[int, Floats, Floats]]:
        """The lag and the offset reached of these partitions at the moments of the last minute and now, oldest first; NaN where unknown."""
        return [*self._history.moments(slots, now_ns), (now_ns, *self._left(slots))]

    def stats(self) -> Mapping[str, int]:
        """What is held, and what the limits cost."""
        logs = self.logs
        return {
            "groupPartitions": len(self.pairs), "partitions": len(self.parts), "ranges": len(logs.appended) + len(logs.delivered) + len(logs.reached),
            "groupPartitionsRefused": self.pairs.refused, "partitionsRefused": self.parts.refused, "rangesJoined": logs.appended.joined + logs.delivered.joined + logs.reached.joined,
            "transactionalCommitsDropped": self.pending.dropped, "idleForgotten": self.evicted,
            "shareRangesDropped": self.shared.dropped,
        }  # fmt: skip
