"""How far each group is behind, kept up to date row by row: the same answers as ``lag.partitions`` gives over all rows, without keeping them.

What ``lag`` computes over a store's history, this holds as state: the newest commit and read of each (group, topic, partition), the end of each log,
and ranges of offsets with the time of their append. Everything is numpy columns; work for a batch grows with its rows, work for an answer with the
partitions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kafkascope.analysis import lag, windows
from kafkascope.analysis.deleted_groups import DeletedGroups
from kafkascope.analysis.history import LagHistory
from kafkascope.analysis.incarnations import Incarnations
from kafkascope.analysis.incoming import Sightings, columns, pair_key, part_key, split_at_deletions
from kafkascope.analysis.pending import PendingCommits
from kafkascope.analysis.ranges import OffsetRanges, appended_at, last_of_each
from kafkascope.analysis.slots import Names, Slots
from kafkascope.analysis.verdict import WINDOW

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NONE = windows.NONE
SECOND = lag.SECOND
SOURCES = ("", "high_watermark", "produce", "list_offsets")

#: Limits: beyond them new keys are refused and counted, ranges joined and counted.
MAX_PAIRS = 250_000
MAX_PARTITIONS = 250_000
MAX_RANGES = 1_000_000
#: Ranges that every group has read are kept this long, for groups that go back.
KEEP_READ_NS = 300 * SECOND

_PARTITION = {
    "cluster": (0, 1), "topic": (0, 1), "partition": (0, 1), "end": (NONE, 1), "end_at": (0, 1), "end_source": (0, 1), "newest": (0, 1),
    "lso": (NONE, 1), "lso_at": (0, 1), "lso_since": (0, 1), "first_seen": (0, 1), "produced_at": (0, 1),
    **windows.columns("ends", ("offset", "bucket"), WINDOW),
}  # fmt: skip
_PAIR = {
    "group": (0, 1), "at": (0, 1), "committed": (NONE, 1), "committed_at": (0, 1), "asked": (0, 1), "told_since": (0, 1), "first_at": (0, 1), "position": (NONE, 1),
    "position_at": (0, 1), "position_asked": (0, 1), "read_committed": (NONE, 1), "reading_since": (0, 1), "got_at": (0, 1), "share": (0, 1),
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
        self.parts = Slots(_PARTITION, max_partitions)
        self.appended, self.delivered, self.reached = (OffsetRanges(MAX_RANGES) for _ in range(3))
        self.pending = PendingCommits()
        self.evicted = 0
        self.changed: set[int] = set()
        self._min_distance = min_distance_ns
        self._ends_every = ends_every_ns
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
        tables = tuple(columns(getattr(rows, kind), kind) for kind in ("commits", "fetch", "produce", "ends", "offsets"))
        commits, fetch, produce, ends, offsets = tables
        self._know_the_cluster(*tables)
        keys = [self._topic_keys(table) for table in tables]
        for cluster, topic in self._incarnations.take(keys, tables):
            self._forget_topic(cluster, topic)
        sightings = self._ends_and_ranges(keys[1:4], fetch, produce, ends)
        self._reads(keys[1], fetch)
        plain = self._commits(keys[0], commits, rows.transactions is not None)
        self._book_commits(*plain, sightings)
        if rows.transactions is not None:
            self._end_transactions(rows.transactions, sightings)
        self._fetched_offsets(keys[4], offsets, sightings)
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

    def places(self, rows: pa.Table) -> Ints:
        """The slots of rows that were taken: of their cluster_id, topic, topic_id and partition; -1 where there is none any more."""
        table = {name: rows[name].combine_chunks() for name in ("topic", "topic_id")}
        cluster = self.clusters.numbers(rows["cluster_id"])
        if len(self.clusters) == 2:
            cluster[:] = 1
        keys = part_key(cluster, self._topic_keys(table), rows["partition"].to_numpy())
        unique, inverse = np.unique(keys, return_inverse=True)
        return np.fromiter((self.parts.slot_of.get(key, -1) for key in unique.tolist()), np.int64, len(unique))[inverse]

    def _topic_keys(self, table: dict[str, Any]) -> Ints:
        """The number of each row's topic: its name, or its id while the name is not known."""
        by_name = self.topics.numbers(table["topic"])
        ids = table["topic_id"]
        table["id"] = ids.fill_null("")
        nameless = np.flatnonzero(by_name == self.topics.number(""))
        if len(nameless):
            picked = pa.array([self._names.get(i, i) for i in table["id"].take(pa.array(nameless)).to_pylist()], pa.string())
            by_name[nameless] = self.topics.numbers(picked)
        return by_name

    def _slots_of(self, table: dict[str, Any], key: Ints) -> Ints:
        slots = self.parts.find(part_key(table["c"], key, table["partition"]))
        real = slots >= 0
        self.parts.cluster[slots[real]] = table["c"][real]
        self.parts.topic[slots[real]] = key[real]
        self.parts.partition[slots[real]] = table["partition"][real]
        table["slot"] = slots
        table["drop"] |= ~real
        return slots

    def _ends_and_ranges(self, keys: list[Ints], fetch: dict[str, Any], produce: dict[str, Any], ends: dict[str, Any]) -> Sightings:
        for table, key in zip((fetch, produce, ends), keys, strict=True):
            self._slots_of(table, key)
        read = ~fetch["drop"]
        written = ~produce["drop"] & (produce["base_offset"] >= 0) & (produce["error_code"] <= 0)
        last = np.where(produce["last_offset"] >= 0, produce["last_offset"], produce["base_offset"] + np.maximum(produce["records"], 1) - 1)
        self.appended.add(produce["slot"][written], produce["base_offset"][written], last[written], produce["ts"][written])
        np.maximum.at(self.parts.produced_at, produce["slot"][written], produce["ts"][written])
        given = read & (fetch["first_offset"] >= 0) & (fetch["last_offset"] >= 0) & (fetch["max_timestamp"] > 0)
        self.delivered.add(fetch["slot"][given], fetch["first_offset"][given], fetch["last_offset"][given], fetch["max_timestamp"][given])
        seen = read & (fetch["high_watermark"] >= 0)
        told = ~ends["drop"] & (ends["end_offset"] >= 0)
        slot = np.concatenate([fetch["slot"][seen], produce["slot"][written], ends["slot"][told]])
        end = np.concatenate([fetch["high_watermark"][seen], last[written] + 1, ends["end_offset"][told]])
        at = np.concatenate([fetch["ts"][seen], produce["ts"][written], ends["ts"][told]])
        source = np.concatenate([np.full(seen.sum(), 1), np.full(written.sum(), 2), np.full(told.sum(), 3)])
        sightings = Sightings(slot, end, at, self.parts.end.copy())
        self.reached.add(slot, end, end, at)
        self._log_ends(slot, end, at, source)
        stable = np.flatnonzero(read & (fetch["last_stable_offset"] >= 0))
        stable = stable[last_of_each(fetch["slot"][stable], fetch["ts"][stable], fetch["last_stable_offset"][stable])]
        where, lso, when = fetch["slot"][stable], fetch["last_stable_offset"][stable], fetch["ts"][stable]
        newer = when >= self.parts.lso_at[where]
        where, lso, when = where[newer], lso[newer], when[newer]
        held = lso < fetch["high_watermark"][stable][newer]
        since = np.where((self.parts.lso[where] == lso) & (self.parts.lso_since[where] > 0), self.parts.lso_since[where], when)
        self.parts.lso_since[where] = np.where(held, since, 0)
        self.parts.lso[where], self.parts.lso_at[where] = lso, when
        return sightings

    def _log_ends(self, slot: Ints, end: Ints, at: Ints, source: Ints) -> None:
        if len(slot) == 0:
            return
        parts = self.parts
        touched = np.unique(slot)
        before = parts.newest[touched].copy()
        np.maximum.at(parts.newest, slot, at)
        fresh = touched[before == 0]
        parts.first_seen[fresh] = np.iinfo(np.int64).max
        mine = np.isin(slot, fresh)
        np.minimum.at(parts.first_seen, slot[mine], at[mine])
        # Of what was said within the slack before the newest word, the greatest.
        within = at >= parts.newest[slot] - lag.SLACK_NS
        slot, end, at, source = slot[within], end[within], at[within], source[within]
        best = last_of_each(slot, end, at)
        slot, end, at, source = slot[best], end[best], at[best], source[best]
        keep = (parts.end_at[slot] >= parts.newest[slot] - lag.SLACK_NS) & ((parts.end[slot] > end) | ((parts.end[slot] == end) & (parts.end_at[slot] > at)))
        slot, end, at, source = slot[~keep], end[~keep], at[~keep], source[~keep]
        parts.end[slot], parts.end_at[slot], parts.end_source[slot] = end, at, source
        windows.push(parts, "ends", touched, {"offset": parts.end[touched]}, bucket=parts.newest[touched] // self._ends_every, bucket_of="bucket", keep="bucket")
        self.changed.update(slot.tolist())

    def _reads(self, key: Ints, fetch: dict[str, Any]) -> None:
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
        fresh = np.unique(reader[pairs.reading_since[reader] == 0])
        pairs.reading_since[fresh] = np.iinfo(np.int64).max
        np.minimum.at(pairs.reading_since, reader, since)
        np.maximum.at(pairs.got_at, reader, since)
        self.changed.update(fetch["slot"][rows].tolist())

    def _pairs(self, part: Ints, group: Ints) -> Ints:
        pair = self.pairs.find(pair_key(part, group))
        real = pair >= 0
        self.pairs.group[pair[real]], self.pairs.at[pair[real]] = group[real], part[real]
        return pair

    def _commits(self, key: Ints, commits: dict[str, Any], in_transactions: bool) -> tuple[Ints, Ints, Ints, Ints]:
        """Commits that count now: pair, offset, time, time of the request. Those in a transaction wait for its end."""
        self._slots_of(commits, key)
        group = self.groups.numbers(commits["group_id"])
        good = ~commits["drop"] & (group > 0) & (commits["offset"] >= 0) & (commits["error_code"] <= 0)
        # One without an answer may have been refused: it counts only where answers are not seen at all.
        answered = commits["error_code"] >= 0
        self._answered.update(np.unique(group[answered]).tolist())
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
        fresh = np.unique(pair[pairs.first_at[pair] == 0])
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

    def _fetched_offsets(self, key: Ints, offsets: dict[str, Any], sightings: Sightings) -> None:
        """What OffsetFetch told, where that is newer than any commit that was seen."""
        self._slots_of(offsets, key)
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
                # Its offsets are gone, its readers are not.
                reading = slots[self.pairs.position_at[slots] > 0]
                for name in ("committed", "committed_at", "asked", "told_since", "first_at", "commit_filled"):
                    self.pairs.columns[name][reading] = _PAIR[name][0]
                slots = slots[self.pairs.position_at[slots] == 0]
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
        for log in (self.appended, self.delivered, self.reached):
            log.forget(slots)
        self.parts.release(slots.tolist())
        self.changed.difference_update(slots.tolist())

    def _release_pairs(self, slots: Ints) -> None:
        self._history.forget(slots)
        self._note_gone(slots)
        self.pending.forget(set(slots.tolist()))
        self.pairs.release(slots.tolist())

    def _note_gone(self, slots: Ints) -> None:
        """Remember the names of what is forgotten, for those who have told of it; of very many the first."""
        for slot in slots[: MAX_PAIRS - len(self.gone)].tolist():
            part = int(self.pairs.at[slot])
            self.gone.append((self.cluster_of(part), self.groups.texts[self.pairs.group[slot]], self.topics.texts[self.parts.topic[part]], int(self.parts.partition[part])))

    def forget_idle(self, before_ns: int) -> int:
        """Forget groups' partitions without a commit or read since ``before_ns``; how many."""
        slots = self.pairs.live()
        idle = slots[np.maximum(self.pairs.committed_at[slots], self.pairs.position_at[slots]) < before_ns]
        self._release_pairs(idle)
        self.evicted += len(idle)
        return len(idle)

    def tidy(self, now_ns: int) -> None:
        """Drop ranges that every group has read."""
        needed = np.full(max(self.parts.size, 1), np.iinfo(np.int64).max)
        slots = self.pairs.live()
        np.minimum.at(needed, self.pairs.at[slots], self._next(slots))
        for log in (self.appended, self.delivered, self.reached):
            log.forget_below(needed, now_ns - KEEP_READ_NS)

    # ---- answering ----

    def _next(self, slots: Ints) -> Ints:
        """The first offset that a group has not committed, or not read where it commits nothing."""
        return np.where(self.pairs.committed[slots] >= 0, self.pairs.committed[slots], self.pairs.position[slots])

    def live(self) -> Ints:
        """The slots of all (group, topic, partition) with a commit or a read."""
        slots = self.pairs.live()
        return slots[(self.pairs.committed_at[slots] > 0) | (self.pairs.position_at[slots] > 0)]

    def partitions(self, now_ns: int, slots: Ints | None = None) -> pa.Table:
        """One row for each (group, topic, partition), of these ``slots`` or of all; columns as ``lag.COLUMNS`` tells them."""
        slots = self.live() if slots is None else slots
        pairs, parts, at = self.pairs, self.parts, self.pairs.at[slots]
        end, lso, committed, position, next_ = parts.end[at], parts.lso[at], pairs.committed[slots], pairs.position[slots], self._next(slots)
        known = (end >= 0) & (next_ >= 0)
        behind = known & (end > next_)
        seconds, source = self._seconds(at, next_, behind, now_ns)
        seconds[known & ~behind] = 0.0
        source[known & ~behind] = "caught_up"
        left = np.where((end >= 0) & (committed >= 0), np.maximum(end - committed, 0), NONE)
        ahead = np.where(known, np.maximum(end - next_, 0), NONE)
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
                "committed_source": pa.array(np.where(committed < 0, "", np.where(pairs.told_since[slots] > 0, "offset_fetch", "commit")), pa.string()), "position": some(position, position >= 0),
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

    def _seconds(self, at: Ints, next_: Ints, behind: npt.NDArray[np.bool_], now_ns: int) -> tuple[Floats, npt.NDArray[Any]]:
        seconds, source = np.full(len(at), np.nan), np.full(len(at), "", object)
        rows = np.flatnonzero(behind)
        if len(rows) == 0:
            return seconds, source
        since, why = appended_at(self.appended, self.delivered, self.reached, at[rows], next_[rows])
        seconds[rows] = np.where(since > 0, np.maximum(now_ns - since, 0) / 1e9, np.nan)
        source[rows] = why
        return seconds, source

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
        end, next_ = self.parts.end[self.pairs.at[slots]], self._next(slots)
        return np.where((end >= 0) & (next_ >= 0), np.maximum(end - next_, 0), np.nan), next_.astype(np.float64)

    def history(self, slots: Ints, now_ns: int) -> list[tuple[int, Floats, Floats]]:
        """The lag and the offset reached of these partitions at the moments of the last minute and now, oldest first; NaN where unknown."""
        return [*self._history.moments(slots, now_ns), (now_ns, *self._left(slots))]

    def stats(self) -> Mapping[str, int]:
        """What is held, and what the limits cost."""
        return {
            "groupPartitions": len(self.pairs), "partitions": len(self.parts), "ranges": len(self.appended) + len(self.delivered) + len(self.reached),
            "groupPartitionsRefused": self.pairs.refused, "partitionsRefused": self.parts.refused, "rangesJoined": self.appended.joined + self.delivered.joined + self.reached.joined,
            "transactionalCommitsDropped": self.pending.dropped, "idleForgotten": self.evicted,
        }  # fmt: skip
