"""Parquet segments: rows of one table and time range, written once, read by DuckDB, dropped whole."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

FORMAT_VERSION = 1
TEMPORARY = ".tmp"
_META = b"kafkascope.segment"
_NAME = re.compile(r"^(?P<first>\d+)-(?P<last>\d+)-g(?P<low>\d+)-g(?P<high>\d+)\.v(?P<version>\d+)\.parquet$")
#: DuckDB prunes and parallelises by row group.
_ROW_GROUP = 64 * 1024


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

    def overlaps(self, start_ns: int | None, end_ns: int | None) -> bool:
        return (start_ns is None or self.last_ns >= start_ns) and (end_ns is None or self.first_ns < end_ns)


def unnamed_topics(table: pa.Table | pa.RecordBatch) -> int:
    """Rows that carry a topic id whose name was not known."""
    names = table.schema.names
    if table.num_rows == 0 or "topic_id" not in names or "topic" not in names:
        return 0
    unnamed = pc.and_(pc.equal(table.column("topic"), ""), pc.not_equal(table.column("topic_id"), ""))
    return int(pc.sum(unnamed).as_py() or 0)


def write(folder: Path, table: pa.Table, low: int, high: int) -> Segment:
    """Write ``table`` (sorted by time here) as a segment. ``OSError`` when the disk is full; nothing is left behind then."""
    if not pc.all(pc.less_equal(table.column("time_").combine_chunks()[:-1], table.column("time_").combine_chunks()[1:])).as_py():
        table = table.sort_by("time_")
    first, last = table.column("time_")[0].as_py(), table.column("time_")[-1].as_py()
    unnamed = unnamed_topics(table)
    path = folder / f"{max(first, 0):019d}-{max(last, 0):019d}-g{low}-g{high}.v{FORMAT_VERSION}.parquet"
    temporary = path.with_name(path.name + TEMPORARY)
    table = table.replace_schema_metadata({_META: str(FORMAT_VERSION).encode(), b"unnamed_topics": str(unnamed).encode()})
    try:
        pq.write_table(table, temporary, compression="zstd", compression_level=3, row_group_size=_ROW_GROUP, write_page_checksum=True,
                       store_schema=True, write_statistics=["time_", "upid", "topic", "group_id", "req_cmd", "pod_id"])  # fmt: skip
        with open(temporary, "rb") as file:
            os.fdatasync(file.fileno())
        os.rename(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return Segment(path, first, last, low, high, table.num_rows, path.stat().st_size, frozenset(table.schema.names), unnamed)


def open_segment(path: Path) -> Segment:
    """The segment at ``path``, from its name and footer. Raises ``UnreadableSegment``."""
    match = _NAME.match(path.name)
    if match is None:
        raise UnreadableSegment("not the name of a segment")
    if int(match["version"]) > FORMAT_VERSION:
        raise UnreadableSegment(f"format {match['version']} is newer than {FORMAT_VERSION}, the newest this version reads")
    try:
        footer = pq.read_metadata(path)
        schema = footer.schema.to_arrow_schema()
    except (pa.ArrowException, OSError) as error:
        raise UnreadableSegment(f"its footer cannot be read: {str(error).splitlines()[0]}", damaged=True) from None
    metadata = schema.metadata or {}
    return Segment(path, int(match["first"]), int(match["last"]), int(match["low"]), int(match["high"]), footer.num_rows, path.stat().st_size,
                   frozenset(schema.names), int(metadata.get(b"unnamed_topics", b"0")))  # fmt: skip


def verify(path: Path) -> str | None:
    """Why the segment cannot be read whole, checksums included; ``None`` when it can."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for _ in file.iter_batches(batch_size=_ROW_GROUP):
                pass
    except (pa.ArrowException, OSError) as error:
        return str(error).splitlines()[0]
    return None


def newest_first(segments: Sequence[Segment]) -> list[Segment]:
    return sorted(segments, key=lambda s: s.last_ns, reverse=True)
