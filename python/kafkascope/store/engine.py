"""SQL over a store: DuckDB reads segments and hot rows together, under limits, and nothing else."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from kafkascope.store import catalogue, fetch_groups, layout, turns
from kafkascope.store.catalogue import Relation
from kafkascope.store.errors import QueryError, QueryTimeout, QueryTooLarge, UnknownTable
from kafkascope.store.segments import Segment
from kafkascope.store.table import Snapshot

if TYPE_CHECKING:
    from kafkascope.store.store import Store

_SCAN = re.compile(r'"scan:([A-Za-z0-9_.]+):(-?\d*):(-?\d*):([tn])"')
_METADATA = re.compile(r"\bmd_[a-z]+\b")
_THREADS = max(1, min(os.cpu_count() or 1, 8))
#: Queries that run at one time, and half as many of those that run long: each uses all threads, so more would end no sooner, and the thread that brings new rows
#: would have to share with all of them.
_AT_ONCE = max(2, _THREADS // 2)
#: How long a query waits for its turn at least, however little time it may run.
_PATIENCE_S = 30.0
#: How long a query that has no room waits for others to end.
_ROOM_WITHIN_S = 2.0
#: How often is looked whether a query must end.
_WATCH_EVERY_S = 0.2
#: How long interrupted queries may take to end when the engine closes.
_LAST_WORDS_S = 5.0
_TEMPORARY_LIMIT = "2GB"
_ANSWER = '"the answer"'
_SQL_TYPES = {pa.bool_(): "BOOLEAN", pa.int64(): "BIGINT", pa.string(): "VARCHAR", pa.float64(): "DOUBLE"}


class DuckDBEngine:
    """The embedded engine. Thread-safe; each query sees one state of every table."""

    dialect = "duckdb"

    def __init__(self, store: Store) -> None:
        self._store = store
        self._temporary = Path(tempfile.mkdtemp(prefix="kafkascope-query-"))
        self._connection = duckdb.connect(":memory:", config={
            "threads": _THREADS, "memory_limit": f"{store.query_memory}B", "temp_directory": str(self._temporary), "max_temp_directory_size": _TEMPORARY_LIMIT,
            "autoinstall_known_extensions": "false", "autoload_known_extensions": "false",
        })  # fmt: skip
        self._connection.execute("SET parquet_metadata_cache = true")
        if store.folder is not None:
            self._connection.execute(f"SET allowed_directories = [{_literal(str(store.folder.absolute()) + '/')}, {_literal(str(self._temporary) + '/')}]")
        # Whatever a script's text may become, it cannot reach a file outside the store or change these settings.
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._cursors: set[duckdb.DuckDBPyConnection] = set()
        self._turns = turns.Turns(_AT_ONCE, max(1, _AT_ONCE // 2))
        self._closed = False
        self._verifying = threading.Lock()
        self._verify_after = 0.0

    # ---- for the compiler ----

    def relations(self) -> Mapping[str, Relation]:
        """Every table, those computed from others included."""
        return self._store.relations

    def scan(self, table: str, start_ns: int | None, end_ns: int | None, columns: Sequence[str]) -> str:
        """SQL of a relation: ``columns`` of the rows with ``start_ns <= time_ < end_ns``; the newest row of each key for metadata.

        Which segments and hot rows it reads is decided when a query with it runs.
        """
        relation = catalogue.relation(table, self._store.relations)
        if not relation.stored:
            raise UnknownTable(f"'{table}' is computed from other tables and has no rows of its own")
        for name in columns:
            if name not in relation.by_name:
                raise QueryError(f"table {table} has no column '{name}'", f"it has {', '.join(relation.by_name)}")
        listed = ", ".join(_identifier(name) for name in columns) or "NULL AS nothing"
        if table in self._store.newest:
            bounds = ("" if start_ns is None else f"time_ >= {start_ns}", "" if end_ns is None else f"time_ < {end_ns}")
            where = " AND ".join(part for part in bounds if part) if table not in _TIMELESS else ""
            return f"SELECT {listed} FROM {_newest_view(table)}{' WHERE ' + where if where else ''}"
        named = "t" if "topic" in columns and "topic_id" in relation.by_name else "n"
        start, end = "" if start_ns is None else str(start_ns), "" if end_ns is None else str(end_ns)
        source = f'"scan:{table}:{start}:{end}:{named}"'
        if table == "kafka_fetch" and not {"group_id", "group_source"}.isdisjoint(columns) and "kafka_fetch_groups" in self._store.observed:
            # what completes a row may be told of a stretch of time that goes on behind the end
            return fetch_groups.completed(columns, source, f'"scan:kafka_fetch_groups:{start}::n"')
        return f"SELECT {listed} FROM {source}"

    # ---- running ----

    def execute(self, sql: str, *, timeout_s: float, max_rows: int | None = None) -> pa.Table:
        """Run one SELECT; at most ``max_rows`` rows. ``timeout_s`` counts from its turn on. Raises ``QueryTimeout``, ``QueryTooLarge`` or ``QueryError``."""
        query, left_s = turns.shape(sql), timeout_s
        while True:
            try:
                with self._turns.take(query, max(timeout_s, _PATIENCE_S)) as turn:
                    try:
                        answer = self._in_turn(sql, left_s, max_rows, turn)
                    except _Interrupted as error:
                        left_s -= turn.ran_s
                        if not turn.gives_way or left_s <= 0:
                            self._turns.was_ended(query, turn)
                            raise QueryTimeout(f"the query ran longer than {timeout_s:g} s") from error
                        self._turns.gave_way(query, turn)
                    except QueryTooLarge:
                        self._turns.was_ended(query, turn)
                        raise
                    else:
                        self._turns.ended(query, turn)
                        return answer
            except turns.NotInTime as error:
                raise QueryTimeout("too many other queries were before this one", "try again when they have ended") from error

    def _in_turn(self, sql: str, timeout_s: float, max_rows: int | None, turn: turns.Turn) -> pa.Table:
        try:
            return self._execute(sql, timeout_s, max_rows, turn)
        except _Damaged:
            # A segment that was readable when the store opened is not any more: leave it out, say so, and answer from the rest.
            return self._execute(sql, timeout_s, max_rows, turn)
        except _Crowded:
            self._turns.make_room(turn, _ROOM_WITHIN_S)
            return self._execute(sql, timeout_s, max_rows, turn)

    def _execute(self, sql: str, timeout_s: float, max_rows: int | None, turn: turns.Turn) -> pa.Table:
        with self._cursor() as cursor, contextlib.ExitStack() as stack:
            try:
                # Rows are kept and then fetched: a relation of the client library plans the query twice, and a script's plan takes longer than many a scan.
                limit = "" if max_rows is None else f" LIMIT {max_rows}"
                statements = duckdb.extract_statements(f"CREATE TEMP TABLE {_ANSWER} AS SELECT * FROM (\n{sql.rstrip().rstrip(';')}\n){limit}")
                if len(statements) != 1 or statements[0].type != duckdb.StatementType.CREATE:
                    raise QueryError("expected one SELECT statement")
                self._bind(cursor, sql, stack)
                with self._watched(cursor, timeout_s, turn):
                    cursor.execute(statements[0])
                    return _table(cursor.sql(f"FROM {_ANSWER}").to_arrow_table())
            except duckdb.InterruptException as error:
                if self._closed:
                    raise QueryError("the store was closed while the query ran") from error
                raise _Interrupted from error
            except duckdb.OutOfMemoryException as error:
                size = f"{self._store.query_memory >> 20} MiB of memory"
                if len(self._cursors) > 1:
                    raise _Crowded(f"the query and those that run beside it need more than the {size} that they share") from error
                raise QueryTooLarge(f"the query needs more than its {size}") from error
            except duckdb.Error as error:
                if not isinstance(error, _FAULT_OF_THE_QUERY) and self._left_out_damage(sql):
                    raise _Damaged from error
                raise QueryError(str(error).splitlines()[0] if str(error) else type(error).__name__) from error

    @contextlib.contextmanager
    def _watched(self, cursor: duckdb.DuckDBPyConnection, timeout_s: float, turn: turns.Turn) -> Iterator[None]:
        """Interrupt what runs at its limit of time, when it has to give way, or when the store is closed."""
        ended, until = threading.Event(), time.monotonic() + timeout_s

        def watch() -> None:
            # An interruption between two statements is lost, so it is said until it is heard.
            while not ended.wait(max(0.01, min(_WATCH_EVERY_S, until - time.monotonic()))):
                if self._closed or time.monotonic() >= until or self._turns.should_give_way(turn):
                    cursor.interrupt()

        watcher = threading.Thread(target=watch, name="kafkascope-query-limit", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()

    def stream(self, sql: str, *, batch_rows: int = 65536) -> Iterator[pa.RecordBatch]:
        """The result of one SELECT in parts, without a limit of time or rows. Raises ``QueryError``."""
        with self._cursor() as cursor, contextlib.ExitStack() as stack:
            try:
                self._bind(cursor, sql, stack)
                yield from cursor.sql(sql).to_arrow_reader(batch_rows)
            except duckdb.Error as error:
                raise QueryError(str(error).splitlines()[0] if str(error) else type(error).__name__) from error

    def _left_out_damage(self, sql: str) -> bool:
        """Whether segments that the query reads turned out to be damaged; they are left out from now on."""
        with self._verifying:
            if self._store.folder is None or time.monotonic() < self._verify_after:
                return False
            tables = [self._store.observed[name] for name in {match[1] for match in _SCAN.finditer(sql)} if name in self._store.observed]
            bad = sum(table.leave_out_damaged() for table in tables)
            self._verify_after = 0.0 if bad else time.monotonic() + _VERIFY_EVERY_S
            return bad > 0

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._lock:
            if self._closed:
                raise QueryError("the store is closed")
            cursor = self._connection.cursor()
            self._cursors.add(cursor)
        try:
            yield cursor
        finally:
            cursor.close()
            with self._idle:
                self._cursors.discard(cursor)
                self._idle.notify_all()

    def _bind(self, cursor: duckdb.DuckDBPyConnection, sql: str, stack: contextlib.ExitStack) -> None:
        """Make what the query names visible to it: one snapshot of each table."""
        names: str | None = None
        for token, table, start, end, named in {(m[0], m[1], m[2], m[3], m[4]) for m in _SCAN.finditer(sql)}:
            if table not in self._store.observed:
                continue
            start_ns, end_ns = int(start) if start else None, int(end) if end else None
            snapshot = self._store.observed[table].snapshot(start_ns, end_ns)
            stack.callback(snapshot.release)
            unnamed = named == "t" and (snapshot.hot_unnamed_topics or any(s.unnamed_topics for s in snapshot.segments))
            if unnamed and names is None:
                names = "topic names"
                cursor.register(names, self._store.topic_names())
            hot = f"hot:{token.strip(chr(34))}"
            cursor.register(hot, snapshot.hot)
            body = _union(self._store.relations[table], snapshot, hot, names if unnamed else None, start_ns, end_ns)
            cursor.execute(f"CREATE TEMP VIEW {token} AS {body}")
        for name in set(_METADATA.findall(sql)) & self._store.newest.keys():
            cursor.register(name, self._store.newest[name].table())
        if _TOPIC_NAMES_VIEW in sql:
            cursor.register(_TOPIC_NAMES_VIEW.strip('"'), self._store.newest["kafka_topic_names"].table())

    def end_queries(self) -> None:
        """Answer nothing from now on: queries under way are interrupted, those that come are refused."""
        with self._lock:
            self._closed = True
            for cursor in self._cursors:
                cursor.interrupt()

    def close(self) -> None:
        """Stop answering, and wait for those under way a while, because a connection that is in use cannot be closed."""
        self.end_queries()
        with self._idle:
            self._idle.wait_for(lambda: not self._cursors, _LAST_WORDS_S)
        # A query that has not heard it by now ends with the process.
        with contextlib.suppress(duckdb.Error):
            self._connection.close()
        shutil.rmtree(self._temporary, ignore_errors=True)


class _Damaged(Exception):
    pass


class _Interrupted(Exception):
    """At the limit of time, or to give way."""


class _Crowded(QueryTooLarge):
    """Others have the memory: once one of them has ended there may be room."""


_FAULT_OF_THE_QUERY = (
    duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException, duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.PermissionException,
    duckdb.NotImplementedException, duckdb.SyntaxException,
)  # fmt: skip
#: Reading every segment is dear, and a query may fail in ways that only look like damage.
_VERIFY_EVERY_S = 10.0
#: Metadata holds until a newer row comes, however old it is.
_TIMELESS = frozenset(name for name, relation in catalogue.load().items() if relation.key is not None)
_TOPIC_NAMES_VIEW = '"newest:kafka_topic_names"'


def _newest_view(table: str) -> str:
    return table if table.startswith("md_") else f'"newest:{table}"'


def _union(relation: Relation, snapshot: Snapshot, hot: str, names: str | None, start_ns: int | None, end_ns: int | None) -> str:
    """The view of one scan: groups of segments with the same columns, then the hot rows."""
    parts = []
    groups: dict[tuple[Any, ...], list[Segment]] = {}
    for segment in snapshot.segments:
        groups.setdefault((segment.columns, segment.differences, bool(names and segment.unnamed_topics)), []).append(segment)
    for (columns, differences, unnamed), segments in groups.items():
        files = ", ".join(_literal(str(s.path.absolute())) for s in segments)
        parts.append(_select(relation, columns, f"read_parquet([{files}])", names if unnamed else None, start_ns, end_ns, dict(differences)))
    everything = frozenset(relation.by_name)
    parts.append(_select(relation, everything, _identifier(hot), names if snapshot.hot_unnamed_topics else None, start_ns, end_ns))
    return " UNION ALL ".join(parts)


def _select(relation: Relation, columns: frozenset[str], source: str, names: str | None, start_ns: int | None, end_ns: int | None,
            differences: Mapping[str, tuple[str, ...]] = layout.NOTHING) -> str:
    listed = []
    for column in relation.columns:
        if column.name not in columns:
            listed.append(f"NULL::{_SQL_TYPES[column.arrow]} AS {_identifier(column.name)}")
        elif column.name == "topic" and names is not None:
            listed.append("CASE WHEN r.topic = '' THEN coalesce(n.topic, '') ELSE r.topic END AS topic")
        elif column.name in differences:
            listed.append(f"{layout.sql(column.name, differences, 'r')} AS {_identifier(column.name)}")
        else:
            listed.append(f"r.{_identifier(column.name)}")
    bounds = [text for text in (f"r.time_ >= {start_ns}" if start_ns is not None else "", f"r.time_ < {end_ns}" if end_ns is not None else "") if text]
    join = f" LEFT JOIN {_identifier(names)} AS n ON r.topic = '' AND n.topic_id = r.topic_id" if names is not None else ""
    return f"SELECT {', '.join(listed)} FROM {source} AS r{join}{' WHERE ' + ' AND '.join(bounds) if bounds else ''}"


def _table(table: pa.Table) -> pa.Table:
    """Strings as plain strings, whatever layout the engine chose."""
    fields = [pa.field(f.name, pa.string()) if f.type in (pa.large_string(), pa.string_view()) else f for f in table.schema]
    schema = pa.schema(fields)
    return table if schema.equals(table.schema) else table.cast(schema)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
