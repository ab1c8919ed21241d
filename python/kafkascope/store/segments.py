"""Parquet segments: rows of one table and time range, written once, read by DuckDB, dropped whole."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kafkascope.store import layout
from kafkascope.store.catalogue import Relation

if TYPE_CHECKING:
    import duckdb

#: 1: columns as they are. 2: some as differences to others (layout.py).
FORMAT_VERSION = 2
TEMPORARY = ".tmp"
_META = b"kafkascope.segment"
_NAME = re.compile(r"^(?P<first>\d+)-(?P<last>\d+)-g(?P<low>\d+)-g(?P<high>\d+)\.v(?P<version>\d+)\.parquet$")
_STATISTICS = ["time_", "upid", "topic", "group_id", "req_cmd", "pod_id"]
#: DuckDB prunes and parallelises by row group.
_ROW_GROUP = 64 * 1024
#: Bodies repeat each other over long stretches; a page is what one compression sees.
_PAGE_BYTES = 4 << 20
#: Rows with bodies that are in memory at a time while a segment is read for its checksums.
_VERIFIED_ROWS = 4096
#: What a merge holds in memory before it writes a row group.
_GROUP_BYTES = 64 << 20
#: Of zstd. More would cost a busy machine; `px store compact` takes more.
LEVEL, COMPACT_LEVEL = 3, 9
_NO_TEXT = pa.scalar("")


class UnreadableSegment(Exception):
    """A file that is not a whole segment of a version this program reads; ``damaged`` when no version could."""

    def __init__(self, why: str, *, damaged: bool = False) -> None:
        super().__init__(why)
        self.damaged = damaged


@dataclass(frozen=True, slots=True)
class Segment:
    """One Parquet file: its time range (both ends included), the write-ahead generations it replaces, what it holds."""

    path: Path
    first_ns: int
    last_ns: int
    low: int
    high: int
    rows: int
    bytes: int
    columns: frozenset[str]
    unnamed_topics: int
    differences: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def overlaps(self, start_ns: int | None, end_ns: int | None) -> bool:
        return (start_ns is None or self.last_ns >= start_ns) and (end_ns is None or self.first_ns < end_ns)


def unnamed_topics(table: pa.Table | pa.RecordBatch) -> int:
    """Rows that carry a topic id whose name was not known."""
    names = table.schema.names
    if table.num_rows == 0 or "topic_id" not in names or "topic" not in names:
        return 0
    empty = pc.equal(table.column("topic"), _NO_TEXT)
    if not pc.any(empty).as_py():
        return 0
    unnamed = pc.and_(empty, pc.not_equal(table.column("topic_id"), _NO_TEXT))
    return int(pc.sum(unnamed).as_py() or 0)


def write(folder: Path, table: pa.Table, low: int, high: int) -> Segment:
    """Write ``table`` as a segment. ``OSError`` when the disk is full; nothing is left behind then.

    Its rows stay as they came, which is nearly by time. To sort them copies all bodies of two minutes twice, into memory that the system has to find for it: that takes half as long
    again as to compress and write them, for files that are some 4 % smaller. A merge sorts.
    """
    first, last = pc.min_max(table.column("time_")).as_py().values()
    unnamed = unnamed_topics(table)
    path = _path(folder, first, last, low, high)
    temporary = path.with_name(path.name + TEMPORARY)
    table, differences = layout.differences(table)
    table = table.replace_schema_metadata(_metadata(unnamed, differences))
    try:
        with _writer(temporary, table.schema, LEVEL, layout.unlike(table)) as writer:
            writer.write_table(table, row_group_size=_ROW_GROUP)
        _publish(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return Segment(path, first, last, low, high, table.num_rows, path.stat().st_size, frozenset(table.schema.names), unnamed, tuple(differences.items()))


def merge(folder: Path, run: Sequence[Segment], level: int = LEVEL) -> Segment:
    """Write neighbouring segments with the same columns and differences as one, a row group at a time. ``OSError`` when the disk is full, ``pyarrow.ArrowException`` for damage."""
    first, last = min(s.first_ns for s in run), max(s.last_ns for s in run)
    unnamed = sum(s.unnamed_topics for s in run)
    path = _path(folder, first, last, run[0].low, run[-1].high)
    temporary = path.with_name(path.name + TEMPORARY)
    footer = pq.read_metadata(run[0].path)
    schema = footer.schema.to_arrow_schema().with_metadata(_metadata(unnamed, dict(run[0].differences)))
    waiting: list[pa.Table] = []
    try:
        with _writer(temporary, schema, level, layout.unlike_in(footer)) as writer:

            def flush() -> None:
                if waiting:
                    writer.write_table(pa.concat_tables(waiting).sort_by("time_").cast(schema), row_group_size=_ROW_GROUP)
                    waiting.clear()

            for segment in run:
                with pq.ParquetFile(segment.path, page_checksum_verification=True) as file:
                    for group in range(file.num_row_groups):
                        waiting.append(file.read_row_group(group).replace_schema_metadata(schema.metadata))
                        if sum(t.num_rows for t in waiting) >= _ROW_GROUP or sum(t.nbytes for t in waiting) >= _GROUP_BYTES:
                            flush()
            flush()
        _publish(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return Segment(path, first, last, run[0].low, run[-1].high, sum(s.rows for s in run), path.stat().st_size, run[0].columns, unnamed, run[0].differences)


def _path(folder: Path, first: int, last: int, low: int, high: int) -> Path:
    return folder / f"{max(first, 0):019d}-{max(last, 0):019d}-g{low}-g{high}.v{FORMAT_VERSION}.parquet"


def _metadata(unnamed: int, differences: Mapping[str, tuple[str, ...]]) -> dict[bytes, bytes]:
    return {_META: str(FORMAT_VERSION).encode(), b"unnamed_topics": str(unnamed).encode(), layout.META: layout.encode(differences)}


def _writer(path: Path, schema: pa.Schema, level: int, unlike: frozenset[str]) -> pq.ParquetWriter:
    dictionary, encodings = layout.encodings(schema, unlike)
    return pq.ParquetWriter(path, schema, compression="zstd", compression_level=level, data_page_size=_PAGE_BYTES, write_page_checksum=True, store_schema=True,
                            use_dictionary=dictionary, dictionary_pagesize_limit=layout.DICTIONARY_BYTES, column_encoding=encodings, write_statistics=_STATISTICS)  # fmt: skip


def _publish(temporary: Path, path: Path) -> None:
    """Give a segment its name once it would survive a power cut."""
    with open(temporary, "rb") as file:
        os.fdatasync(file.fileno())
    os.rename(temporary, path)


def open_segment(path: Path, relation: Relation) -> Segment:
    """The segment at ``path``, from its name and footer. Raises ``UnreadableSegment``."""
    match = _NAME.match(path.name)
    if match is None:
        raise UnreadableSegment("not the name of a segment")
    if int(match["version"]) > FORMAT_VERSION:
        raise UnreadableSegment(f"format {match['version']} is newer than {FORMAT_VERSION}, the newest this version reads")
    try:
        footer = pq.read_metadata(path)
        schema = footer.schema.to_arrow_schema()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UnreadableSegment(f"its footer cannot be read: {str(error).splitlines()[0]}", damaged=True) from None
    if footer.num_rows == 0 or footer.num_rows != sum(footer.row_group(at).num_rows for at in range(footer.num_row_groups)):
        raise UnreadableSegment(f"its footer speaks of {footer.num_rows} rows and its parts of others", damaged=True)
    for field in schema:
        column = relation.by_name.get(field.name)
        if column is not None and column.arrow != field.type:
            raise UnreadableSegment(f"its column {field.name} is {field.type}, this version reads {column.arrow}")
    metadata = schema.metadata or {}
    try:
        differences = layout.decode(metadata.get(layout.META))
    except (ValueError, AttributeError, TypeError):
        raise UnreadableSegment("its footer does not say how to read it", damaged=True) from None
    return Segment(path, int(match["first"]), int(match["last"]), int(match["low"]), int(match["high"]), footer.num_rows, path.stat().st_size,
                   frozenset(schema.names), int(metadata.get(b"unnamed_topics", b"0")), tuple(differences.items()))  # fmt: skip


@functools.cache
def _verifier() -> duckdb.DuckDBPyConnection:
    """One for all: to make a connection takes longer than to read a footer."""
    import duckdb

    return duckdb.connect(":memory:", config={"threads": 1})


def verify(path: Path) -> str | None:
    """Why the segment cannot be read whole, checksums included, or not by the engine; ``None`` when it can."""
    import duckdb

    try:
        with _verifier().cursor() as connection:
            # It refuses footers that Arrow takes, and no query of the table would be answered.
            connection.execute("FROM parquet_metadata(?)", [str(path)]).fetchone()
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for _ in file.iter_batches(batch_size=_VERIFIED_ROWS):
                pass
    except (pa.ArrowException, OSError, UnicodeDecodeError, duckdb.Error) as error:
        return str(error).splitlines()[0]
    return None


def newest_first(segments: Sequence[Segment]) -> list[Segment]:
    return sorted(segments, key=lambda s: s.last_ns, reverse=True)
