"""How far each group is behind on each partition, in records and in time, at any moment that the rows cover.

Rows are Arrow tables with the columns of ``kafka_commits``, ``kafka_fetch`` and ``kafka_produce``; more columns do not disturb. What happened
after ``now_ns`` is left out, so that the same rows answer for every moment. An unknown is null and never zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import duckdb
import pyarrow as pa

from kafkascope.analysis import shares
from kafkascope.analysis.share_progress import ShareProgress
from kafkascope.analysis.sql import query

SECOND = 1_000_000_000

#: A high watermark is read before its response is sent, so that one seen this much earlier may still be the greater truth.
SLACK_NS = SECOND
#: The coordinator writes the offsets of a transaction after it has answered its end, so that an OffsetFetch until then may be told of the former ones.
SETTLES_NS = 10 * SECOND

#: Columns read of each input; a table may lack none of them.
INPUTS: Mapping[str, Mapping[str, pa.DataType]] = MappingProxyType(
    {
        "commits": {
            **{c: pa.string() for c in ("cluster_id", "group_id", "topic", "topic_id", "transactional_id")},
            **{c: pa.int64() for c in ("time_", "partition", "offset", "error_code", "response_time")},
        },
        "fetch": {
            **{c: pa.string() for c in ("cluster_id", "group_id", "topic", "topic_id")},
            **{c: pa.int64() for c in ("time_", "partition", "replica_id", "fetch_offset", "first_offset", "last_offset")},
            **{c: pa.int64() for c in ("records", "max_timestamp", "high_watermark", "last_stable_offset", "isolation_level")},
            **{c: pa.int64() for c in ("error_code", "response_time")},
        },
        "produce": {
            **{c: pa.string() for c in ("cluster_id", "topic", "topic_id")},
            **{c: pa.int64() for c in ("time_", "partition", "records", "base_offset", "last_offset", "error_code", "response_time")},
        },
        "ends": {
            **{c: pa.string() for c in ("cluster_id", "topic", "topic_id", "source")},
            **{c: pa.int64() for c in ("time_", "partition", "end_offset")},
        },
        "deletions": {
            **{c: pa.string() for c in ("cluster_id", "group_id", "topic", "topic_id")},
            **{c: pa.int64() for c in ("time_", "partition")},
        },
        "offsets": {
            **{c: pa.string() for c in ("cluster_id", "group_id", "topic", "topic_id")},
            **{c: pa.int64() for c in ("time_", "partition", "offset")},
        },
        "shares": {
            **{c: pa.string() for c in ("cluster_id", "group_id", "topic", "topic_id", "member_id", "kind")},
            **{c: pa.int64() for c in ("time_", "partition", "response_time", "first_offset", "last_offset", "delivery_count", "lock_ms")},
            "types": pa.list_(pa.int64()),
        },
        "transactions": {
            **{c: pa.string() for c in ("cluster_id", "transactional_id")},
            **{c: pa.int64() for c in ("time_", "response_time")},
            "committed": pa.bool_(),
        },
    }
)


@dataclass(frozen=True)
class Rows:
    """What lag is computed from; a table that is missing counts as empty.

    ``ends``, ``deletions`` and ``offsets`` are those of ``told``, ``shares`` those of ``shares.shares``, ``transactions`` those of ``transactions.ends``: with them, offsets committed in a
    transaction count when it commits and not when it aborts, without them at once.
    """

    commits: pa.Table | None = None
    fetch: pa.Table | None = None
    produce: pa.Table | None = None
    ends: pa.Table | None = None
    deletions: pa.Table | None = None
    transactions: pa.Table | None = None
    offsets: pa.Table | None = None
    shares: pa.Table | None = None


class Lag:
    """Answers about one set of rows as of one moment."""

    def __init__(self, rows: Rows, *, now_ns: int) -> None:
        self.now_ns = now_ns
        self._con = duckdb.connect(config={"threads": 1})
        for name, columns in INPUTS.items():
            given = getattr(rows, name)
            schema = pa.schema(list(columns.items()))
            table = schema.empty_table() if given is None else given.select(list(columns)).cast(schema)
            self._con.register(f"in_{name}", table)
        self._transactional = rows.transactions is not None
        self._prepare()

    def __enter__(self) -> Lag:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees what was prepared."""
        self._con.close()

    def _make(self, name: str, query: str) -> None:
        self._con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")

    def _prepare(self) -> None:
        self._con.execute(
            "CREATE TEMP MACRO floor0(x) AS CASE WHEN x < 0 THEN 0 ELSE x END;"
            f"CREATE TEMP MACRO now_ns() AS {int(self.now_ns)}::BIGINT; CREATE TEMP MACRO slack() AS {SLACK_NS}::BIGINT;"
            f"CREATE TEMP MACRO settles() AS {SETTLES_NS}::BIGINT;"
            # A row from before the cluster's id was known belongs to the only cluster there is.
            "CREATE TEMP TABLE cluster AS SELECT max(cluster_id) AS only_id FROM (SELECT cluster_id FROM in_commits UNION SELECT cluster_id"
            " FROM in_fetch UNION SELECT cluster_id FROM in_produce) WHERE cluster_id <> '' HAVING count(*) = 1;"
            "CREATE TEMP MACRO c(id) AS CASE WHEN id = '' THEN coalesce((SELECT only_id FROM cluster), '') ELSE id END;"
            "CREATE TEMP MACRO t(topic, topic_id) AS CASE WHEN topic = '' THEN topic_id ELSE topic END"
        )
        self._make("commit", _COMMITS_IN_TRANSACTIONS if self._transactional else _COMMITS)
        self._make("read", _READS)
        self._make("appended", _APPENDED)
        self._make("told", "SELECT c(cluster_id) c, t(topic, topic_id) t, topic_id, partition p, end_offset e, time_ AS ts, source"
                   " FROM in_ends WHERE end_offset >= 0 AND time_ <= now_ns()")  # fmt: skip
        self._make("fetched_offset", 'SELECT c(cluster_id) c, group_id g, t(topic, topic_id) t, topic_id, partition p, "offset" AS o, time_ AS ts'
                   " FROM in_offsets WHERE \"offset\" >= 0 AND group_id <> '' AND time_ <= now_ns()")  # fmt: skip
        self._make("sharing", _SHARING)
        self._forget_the_deleted()
        self._forget_former_topics()
        self._con.register("shared", self._shared())
        self._make("seen_end", _SEEN_ENDS)
        self._make("log_end", _LOG_ENDS)

    def _forget_the_deleted(self) -> None:
        self._make("deleted", "SELECT c(cluster_id) c, group_id g, t(topic, topic_id) t, topic_id, partition p, time_ AS ts FROM in_deletions"
                   " WHERE time_ <= now_ns()")  # fmt: skip
        if self._con.sql("SELECT count(*) FROM deleted").fetchall() == [(0,)]:
            return
        topic = "{0}.c = d.c AND {0}.ts <= d.ts AND d.g = '' AND (d.t = {0}.t OR (d.topic_id <> '' AND d.topic_id = {0}.topic_id))"
        for table in _OBSERVED:
            self._con.execute(f"DELETE FROM {table} USING deleted d WHERE {topic.format(table)}")
        group = "{0}.c = d.c AND {0}.ts <= d.ts AND d.g = {0}.g AND d.t IN ('', {0}.t) AND coalesce(d.p = {0}.p, true)"
        for table in ("commit", "fetched_offset", "sharing"):
            self._con.execute(f"DELETE FROM {table} USING deleted d WHERE {group.format(table)}")
        # What a group that is gone was told of the log is still true of the log. A long poll may be answered after its group was deleted.
        self._con.execute("DELETE FROM sharing USING deleted d WHERE sharing.c = d.c AND sharing.time_ <= d.ts AND d.g = sharing.g AND d.t = ''")
        # Who reads has a position still, but for a share group, which has nothing else.
        of_share_group = "d.t = read.t AND read.fetch_offset IS NULL AND read.last_offset IS NOT NULL"
        self._con.execute(f"UPDATE read SET g = '' FROM deleted d WHERE read.c = d.c AND read.asked <= d.ts AND d.g = read.g AND (d.t = '' OR ({of_share_group}))")

    def _forget_former_topics(self) -> None:
        """A topic created again under its old name begins anew: rows of the former one say nothing of it."""
        self._make("incarnation", _INCARNATIONS)
        if self._con.sql("SELECT count(*) FROM incarnation").fetchall() == [(0,)]:
            return
        for table in _OBSERVED:
            self._con.execute(
                f"DELETE FROM {table} USING incarnation i WHERE {table}.c = i.c AND {table}.t = i.t"
                f" AND NOT ({table}.topic_id = i.topic_id OR ({table}.topic_id = '' AND {table}.ts >= i.since))"
            )

    def _shared(self) -> pa.Table:
        """Where each share group is on each partition: what it was handed, and of that what it has not settled."""
        found = self._con.sql("SELECT * FROM sharing").to_arrow_table().to_pylist()
        keys = [(row["c"], row["g"], row["t"], row["p"]) for row in found]
        progress: ShareProgress[tuple[str, str, str, int]] = ShareProgress()
        progress.take(shares.rows(found, keys, [(row["c"], row["g"]) for row in found]))
        progress.settle(self.now_ns)
        ids = {key: row["topic_id"] for key, row in zip(keys, found, strict=True) if row["topic_id"]}
        seen = {key: row["ts"] for key, row in sorted(zip(keys, found, strict=True), key=lambda item: item[1]["ts"])}
        rows = [(*key, ids.get(key, ""), one.next_offset, one.left, one.first_left, seen[key]) for key, one in progress.partitions.items()]
        return pa.Table.from_arrays([pa.array(list(c), t) for c, t in zip(zip(*rows, strict=True) if rows else [()] * len(_SHARED), _SHARED.types, strict=True)], schema=_SHARED)

    def partitions(self, *, trend_ns: int = 60 * SECOND) -> pa.Table:
        """One row for each (group, topic, partition) with a commit or a read; the columns are told in ``COLUMNS``."""
        self._con.execute(f"CREATE OR REPLACE TEMP MACRO trend_from() AS now_ns() - {int(trend_ns)}::BIGINT")
        for name, step in _STEPS:
            self._make(name, step)
        return self._con.sql(_PARTITIONS).to_arrow_table()

    def commit_samples(self, *, limit: int = 10, every_ns: int = 0) -> pa.Table:
        """The last commits of each (group, topic, partition), oldest first, each with the lag it left, null when no end was known.

        Of several commits within ``every_ns`` the last counts, at the time of the first.
        """
        return self._con.sql(_SAMPLES, params={"limit": limit, "every": every_ns}).to_arrow_table()

    def end_samples(self, *, every_ns: int = 10 * SECOND, limit: int = 10) -> pa.Table:
        """The ends of each partition's log as one would have polled them, newest first."""
        return self._con.sql(_END_SAMPLES, params={"every": every_ns, "limit": limit}).to_arrow_table()


def partitions(rows: Rows, *, now_ns: int, trend_ns: int = 60 * SECOND) -> pa.Table:
    """The lag of every (group, topic, partition) at a moment; see ``COLUMNS``."""
    with Lag(rows, now_ns=now_ns) as lag:
        return lag.partitions(trend_ns=trend_ns)


def groups(partitions: pa.Table) -> pa.Table:
    """The sum and the worst of each group's partitions; ``unknown`` counts those without a known lag, which no sum can hold."""
    return query(_GROUPS, lag=partitions)


#: What each column of ``partitions`` says.
COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "cluster_id": "Cluster, empty while unknown.",
        "group_id": "Group.",
        "topic": "Topic, its id while the name is unknown.",
        "topic_id": "Topic id, empty when no request carried it.",
        "partition": "Partition.",
        "committed": "Last committed offset; null when none was seen.",
        "committed_at": "When the commit was answered; of what an OffsetFetch told, when it was asked.",
        "committed_source": "commit; offset_fetch: an answer to an OffsetFetch told of a commit that was not seen; acknowledged: a share group, which commits no offset; "
        "empty when unknown.",
        "position": "First offset that no Fetch response has brought to the group; null when unknown.",
        "position_at": "When the last Fetch was answered.",
        "end_offset": "End of the log as consumers see it; null when unknown.",
        "end_source": "high_watermark, produce, or what else told the end.",
        "end_age_ns": "How long ago that was.",
        "last_stable_offset": "End of what is decided, for readers of committed transactions; null when unknown.",
        "read_committed": "The group reads committed transactions only; null when no Fetch was seen.",
        "lag": "end_offset - committed, never below 0, of a share group the records not settled yet; null when either is unknown.",
        "stable_lag": "last_stable_offset - committed, likewise.",
        "read_lag": "end_offset - position, likewise.",
        "lag_seconds": "Now minus the append of the first record not committed (not read, for a group that commits nothing).",
        "lag_seconds_source": "caught_up, produce (its Produce was seen), batch_timestamp (a clock of the producer's or the broker's), "
        "next_produce, end_offset; empty when unknown.",
        "lag_seconds_at_least": "The true value may be greater: the record's own append was not seen.",
        "trend": "Records per second by which the lag grew within the time looked at; below 0 it shrinks.",
        "drain_seconds": "Time until the lag is gone if that goes on; null when it does not shrink.",
    }
)

_OBSERVED = ("commit", "read", "appended", "told", "fetched_offset", "sharing")

_SHARED = pa.schema([(name, pa.string()) for name in ("c", "g", "t")] + [("p", pa.int64()), ("topic_id", pa.string())] + [(name, pa.int64()) for name in ("handed", "open", "first_open", "ts")])

# A commit without an answer may have been refused: it counts only where answers are not seen at all.
_COMMITS = """
SELECT c(cluster_id) c, group_id g, t(topic, topic_id) t, topic_id, partition p, "offset" AS o, coalesce(response_time, time_) AS ts, time_ asked
FROM in_commits
WHERE coalesce(error_code, 0) = 0 AND "offset" >= 0 AND group_id <> '' AND coalesce(response_time, time_) <= now_ns()
  AND (error_code IS NOT NULL OR group_id NOT IN (SELECT group_id FROM in_commits WHERE error_code IS NOT NULL))"""

_COMMITS_IN_TRANSACTIONS = """
SELECT c, g, t, topic_id, p, o, ts, asked FROM (
  SELECT c(m.cluster_id) c, m.group_id g, t(m.topic, m.topic_id) t, m.topic_id, m.partition p, m."offset" AS o, m.time_ asked, x.committed,
    CASE WHEN m.transactional_id IS NULL THEN coalesce(m.response_time, m.time_) ELSE coalesce(x.response_time, x.time_) END AS ts,
    m.transactional_id IS NULL AS plain
  FROM in_commits m ASOF LEFT JOIN in_transactions x
    ON m.transactional_id = x.transactional_id AND c(m.cluster_id) = c(x.cluster_id) AND m.time_ < x.time_
  WHERE coalesce(m.error_code, 0) = 0 AND m."offset" >= 0 AND m.group_id <> ''
    AND (m.error_code IS NOT NULL OR m.group_id NOT IN (SELECT group_id FROM in_commits WHERE error_code IS NOT NULL)))
WHERE ts <= now_ns() AND (plain OR committed)"""

_READS = """
SELECT c(cluster_id) c, group_id g, t(topic, topic_id) t, topic_id, partition p, response_time AS ts, time_ asked, replica_id,
  fetch_offset, first_offset, last_offset, records, max_timestamp, nullif(greatest(high_watermark, -1), -1) hw,
  nullif(greatest(last_stable_offset, -1), -1) lso, isolation_level
FROM in_fetch WHERE error_code = 0 AND response_time <= now_ns()"""

_SHARING = """
SELECT c(cluster_id) c, group_id g, t(topic, topic_id) t, partition p, response_time AS ts, * EXCLUDE (cluster_id, group_id, topic, partition)
FROM in_shares WHERE group_id <> '' AND response_time <= now_ns()"""

# A retried Produce is answered with the offsets of the first attempt, whose time is the append.
_APPENDED = """
SELECT c, t, topic_id, p, base, max(last) AS last, min(ts) AS ts FROM (
  SELECT c(cluster_id) c, t(topic, topic_id) t, topic_id, partition p, base_offset base,
    coalesce(last_offset, base_offset + greatest(records, 1) - 1, base_offset) AS last, coalesce(response_time, time_) AS ts
  FROM in_produce WHERE base_offset >= 0 AND coalesce(error_code, 0) = 0)
WHERE ts <= now_ns() GROUP BY c, t, topic_id, p, base"""

_INCARNATIONS = """
SELECT c, t, arg_max(topic_id, since) topic_id, max(since) since FROM (
  SELECT c, t, topic_id, min(ts) since FROM (SELECT c, t, topic_id, ts FROM commit UNION ALL SELECT c, t, topic_id, ts FROM read
    UNION ALL SELECT c, t, topic_id, ts FROM appended UNION ALL SELECT c, t, topic_id, ts FROM told UNION ALL SELECT c, t, topic_id, ts FROM fetched_offset
    UNION ALL SELECT c, t, topic_id, ts FROM sharing)
  WHERE topic_id <> '' GROUP BY ALL)
GROUP BY c, t HAVING count(*) > 1"""

_SEEN_ENDS = """
SELECT c, t, p, e, ts, source, max(e) OVER (PARTITION BY c, t, p ORDER BY ts RANGE BETWEEN slack() PRECEDING AND CURRENT ROW) top FROM (
  SELECT c, t, p, hw AS e, ts, 'high_watermark' AS source FROM read WHERE hw IS NOT NULL
  UNION ALL SELECT c, t, p, last + 1, ts, 'produce' FROM appended
  UNION ALL SELECT c, t, p, e, ts, source FROM told)"""

# The newest word holds, so that a log cut short by an unclean election is believed, and of what was said within the slack the greatest.
_LOG_ENDS = """
SELECT c, t, p, max(e) AS e, arg_max(source, (e, ts)) AS source, arg_max(ts, (e, ts)) AS ts
FROM seen_end JOIN (SELECT c, t, p, max(ts) newest FROM seen_end GROUP BY c, t, p) USING (c, t, p)
WHERE ts >= newest - slack() GROUP BY c, t, p"""

_STEPS = (
    (
        "last_seen_commit",
        "SELECT c, g, t, p, arg_max(o, (ts, asked)) o, max(ts) AS ts, min(ts) first_at, max(topic_id) topic_id FROM commit GROUP BY c, g, t, p",
    ),
    ("last_fetched", "SELECT c, g, t, p, arg_max(o, ts) o, max(ts) AS ts, max(topic_id) topic_id FROM fetched_offset GROUP BY c, g, t, p"),
    # An answer that repeats a commit says nothing new.
    (
        "last_commit",
        """SELECT c, g, t, p, CASE WHEN unseen THEN fetched ELSE o END AS o, CASE WHEN unseen THEN asked ELSE ts END AS ts, first_at, topic_id,
          CASE WHEN unseen THEN 'offset_fetch' ELSE 'commit' END AS source
        FROM (SELECT c, g, t, p, m.o, m.ts, m.first_at, f.o fetched, f.ts asked, coalesce(nullif(m.topic_id, ''), f.topic_id, '') topic_id,
            m.o IS NULL OR (f.ts > m.ts AND (f.o > m.o OR (f.o < m.o AND f.ts > m.ts + settles()))) unseen
          FROM last_seen_commit m FULL JOIN last_fetched f USING (c, g, t, p))""",
    ),
    (
        "last_read",
        """SELECT c, g, t, p, coalesce(h.handed, f.o) o, greatest(f.ts, h.ts) AS ts, coalesce(nullif(f.topic_id, ''), h.topic_id) topic_id, read_committed, handed, open, first_open
        FROM (SELECT c, g, t, p, arg_max(coalesce(last_offset + 1, fetch_offset, -1), (ts, asked)) o, max(ts) AS ts, max(topic_id) topic_id,
          arg_max(isolation_level, (ts, asked)) = 1 read_committed FROM read WHERE replica_id < 0 AND g <> '' GROUP BY c, g, t, p) f
        FULL JOIN shared h USING (c, g, t, p)""",
    ),
    ("stable", "SELECT c, t, p, arg_max(lso, (ts, lso)) lso FROM read WHERE lso IS NOT NULL GROUP BY c, t, p"),
    (
        "known",
        """SELECT c, g, t, p, m.o committed, m.ts committed_at, m.source committed_source, nullif(r.o, -1) "position", r.ts position_at, r.read_committed,
          coalesce(nullif(m.topic_id, ''), r.topic_id, '') topic_id, e.e end_offset, e.source end_source, e.ts end_at, s.lso,
          coalesce(m.o, r.first_open, nullif(r.o, -1)) AS next, m.first_at, m.o IS NULL AND r.handed IS NOT NULL is_shared, r.handed, r.open
        FROM last_commit m FULL JOIN last_read r USING (c, g, t, p) LEFT JOIN log_end e USING (c, t, p) LEFT JOIN stable s USING (c, t, p)""",
    ),
    ("behind", "SELECT c, g, t, p, next FROM known WHERE end_offset > next OR (is_shared AND open > 0 AND end_offset IS NOT NULL)"),
    (
        "covered",
        """SELECT b.c, b.g, b.t, b.p, next, CASE WHEN a.last >= next THEN a.ts END produced
        FROM behind b ASOF LEFT JOIN appended a ON a.c = b.c AND a.t = b.t AND a.p = b.p AND b.next >= a.base""",
    ),
    ("delivered", """SELECT c, t, p, first_offset AS first, max(last_offset) AS last, min(max_timestamp) stamp FROM read
        WHERE first_offset IS NOT NULL AND last_offset IS NOT NULL AND max_timestamp > 0
        AND (c, t, p) IN (SELECT c, t, p FROM covered WHERE produced IS NULL) GROUP BY c, t, p, first_offset"""),
    ("reached", """SELECT c, t, p, e, min(ts) AS ts FROM seen_end
        WHERE (c, t, p) IN (SELECT c, t, p FROM covered WHERE produced IS NULL) GROUP BY c, t, p, e"""),
    # Few are left whose append was not seen; only they need the other sources.
    (
        "since",
        """SELECT b.c, b.g, b.t, b.p, CASE WHEN d.last >= next THEN d.stamp END stamp, f.ts following, h.ts reached
        FROM (SELECT * FROM covered WHERE produced IS NULL) b
        ASOF LEFT JOIN delivered d ON d.c = b.c AND d.t = b.t AND d.p = b.p AND b.next >= d.first
        ASOF LEFT JOIN appended f ON f.c = b.c AND f.t = b.t AND f.p = b.p AND b.next < f.base
        ASOF LEFT JOIN reached h ON h.c = b.c AND h.t = b.t AND h.p = b.p AND b.next < h.e""",
    ),
    ("first_end", "SELECT c, t, p, min(ts) AS ts FROM seen_end GROUP BY c, t, p"),
    (
        "before",
        """SELECT k.c, k.g, k.t, k.p, k.ref, m.o, e.top FROM (
            SELECT c, g, t, p, greatest(trend_from(), known.first_at, f.ts) ref FROM known JOIN first_end f USING (c, t, p)
            WHERE committed IS NOT NULL AND end_offset IS NOT NULL) k
        ASOF JOIN commit m ON m.c = k.c AND m.g = k.g AND m.t = k.t AND m.p = k.p AND k.ref >= m.ts
        ASOF JOIN seen_end e ON e.c = k.c AND e.t = k.t AND e.p = k.p AND k.ref >= e.ts""",
    ),
)

_PARTITIONS = """
WITH counted AS (
  SELECT known.*, produced, stamp, following, reached, CASE WHEN is_shared THEN floor0(end_offset - handed) + open ELSE floor0(end_offset - committed) END lag, floor0(lso - committed) stable_lag, floor0(end_offset - "position") read_lag,
    coalesce(produced, stamp, least(following, reached)) AS since
  FROM known LEFT JOIN covered USING (c, g, t, p) LEFT JOIN since USING (c, g, t, p)),
timed AS (
  SELECT counted.*, CASE WHEN is_shared THEN lag ELSE end_offset - next END <= 0 nothing_left, CASE WHEN nothing_left THEN 0.0 ELSE floor0(now_ns() - since) / 1e9 END lag_seconds,
    CASE WHEN nothing_left THEN 'caught_up' WHEN produced IS NOT NULL THEN 'produce' WHEN stamp IS NOT NULL THEN 'batch_timestamp'
      WHEN since IS NULL THEN '' WHEN following <= coalesce(reached, following) THEN 'next_produce' ELSE 'end_offset' END lag_seconds_source,
    CASE WHEN now_ns() - ref >= 1000000000 THEN (lag - floor0(b.top - b.o)) / ((now_ns() - ref) / 1e9) END trend
  FROM counted LEFT JOIN before b USING (c, g, t, p))
SELECT c cluster_id, g group_id, t topic, topic_id, p AS partition, committed, committed_at,
  CASE WHEN is_shared THEN 'acknowledged' ELSE coalesce(committed_source, '') END committed_source, "position", position_at, end_offset,
  coalesce(end_source, '') end_source, now_ns() - end_at end_age_ns, lso last_stable_offset, read_committed, lag, stable_lag, read_lag,
  lag_seconds, lag_seconds_source, lag_seconds_source IN ('next_produce', 'end_offset') lag_seconds_at_least, trend,
  CASE WHEN lag = 0 THEN 0.0 WHEN trend < 0 THEN lag / -trend END drain_seconds
FROM timed ORDER BY c, g, t, p"""

_SAMPLES = """
SELECT m.c cluster_id, m.g group_id, m.t topic, m.p AS partition, m.o AS "offset", m.first_ts AS time_, floor0(e.top - m.o) lag
FROM (
  SELECT c, g, t, p, arg_max(o, (ts, asked)) o, max(ts) AS ts, max(asked) asked, min(ts) first_ts FROM commit
  GROUP BY c, g, t, p, CASE WHEN $every > 0 THEN ts // $every ELSE rowid END
  QUALIFY row_number() OVER (PARTITION BY c, g, t, p ORDER BY max(ts) DESC, max(asked) DESC) <= $limit) m
ASOF LEFT JOIN seen_end e ON e.c = m.c AND e.t = m.t AND e.p = m.p AND m.ts >= e.ts
ORDER BY m.c, m.g, m.t, m.p, m.ts, m.asked"""

_END_SAMPLES = """
SELECT c cluster_id, t topic, p AS partition, arg_max(top, ts) end_offset, max(ts) AS time_ FROM seen_end
GROUP BY c, t, p, (now_ns() - ts) // $every
QUALIFY row_number() OVER (PARTITION BY c, t, p ORDER BY max(ts) DESC) <= $limit
ORDER BY c, t, p, time_ DESC"""

_GROUPS = """
SELECT cluster_id, group_id, count(*) AS partitions, count(*) FILTER (lag IS NULL)::BIGINT AS "unknown", sum(lag)::BIGINT lag, max(lag) max_lag,
  max(lag_seconds) max_lag_seconds, coalesce(bool_or(lag_seconds_at_least) FILTER (lag_seconds IS NOT NULL), false) max_lag_seconds_at_least,
  sum(trend) trend, max(drain_seconds) drain_seconds
FROM lag GROUP BY cluster_id, group_id ORDER BY ALL"""
