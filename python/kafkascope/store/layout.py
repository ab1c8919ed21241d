"""How columns lie in a segment: what is written as a difference, and in which encoding.

Many columns repeat others: a response's time is the request's plus the latency, the last offset the first plus the records. As differences they
are small numbers that compress to almost nothing; a scan adds them up again. An unknown base counts as 0.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

META = b"kafkascope.differences"
NOTHING: Mapping[str, tuple[str, ...]] = MappingProxyType({})
#: A column and what it is written as the difference to (a sum); the first that a table has all columns of is tried.
_DIFFERENCES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("response_time", ("time_", "latency")),
    ("response_time", ("time_", "ack_latency")),
    ("response_time", ("time_",)),
    ("min_timestamp", ("max_timestamp",)),
    ("last_offset", ("first_offset",)),
    ("last_offset", ("base_offset",)),
    ("first_offset", ("fetch_offset",)),
    ("last_stable_offset", ("high_watermark",)),
    ("high_watermark", ("fetch_offset",)),
    ("declared_bytes", ("req_bytes", "resp_bytes")),
    ("captured_bytes", ("declared_bytes",)),
)
#: Numbers that mostly grow from row to row.
_GROWING = frozenset({"time_", "offset", "max_timestamp"})
#: Numbers whose high bytes are alike and whose low bytes are noise. Those that grow within a connection or partition are among them: rows of many alternate.
_NOISY = frozenset({
    "latency", "ack_latency", "duration", "response_time", "high_watermark", "fetch_offset", "base_offset", "last_offset", "correlation_id", "session_epoch", "producer_id",
    "bytes", "req_bytes", "resp_bytes", "records", "batches", "req_cmd", "api_version", "remote_port",
})  # fmt: skip
#: As far as a dictionary may grow until the rest of a row group is written without one. Bodies are long and many are alike (metadata, versions, heartbeats), farther apart than
#: what one compression sees; a query holds the dictionary of each row group that it reads.
DICTIONARY_BYTES = 16 << 20
_BODIES = ("req_body", "resp")
#: Rows that tell whether bodies repeat, and below how many that is not asked: part of a row group, so that what comes twice in one is seen.
_ASKED, _FEW = 16 * 1024, 1024
_UNLIKE = 0.9


def differences(table: pa.Table) -> tuple[pa.Table, dict[str, tuple[str, ...]]]:
    """``table`` with differences where none overflows, and which columns are differences to the sum of which others."""
    names = table.schema.names
    found: dict[str, tuple[str, ...]] = {}
    columns: dict[str, pa.ChunkedArray] = {}
    for name, bases in _DIFFERENCES:
        if name in found or name not in names or not all(base in names for base in bases):
            continue
        column = table.column(name)
        try:
            difference = column
            for base in bases:
                difference = pc.subtract_checked(difference, pc.fill_null(table.column(base), 0))
        except pa.ArrowInvalid:
            continue
        columns[name], found[name] = difference, bases
    for name, difference in columns.items():
        place = names.index(name)
        table = table.set_column(place, table.schema.field(place), difference)
    return table, found


def sql(name: str, found: Mapping[str, tuple[str, ...]], source: str) -> str:
    """The value of column ``name`` of the relation ``source`` in SQL."""
    # In the reverse order of the subtractions: no sum on the way is one that they did not pass, so none overflows.
    return " + ".join([f'{source}."{name}"', *(f"coalesce({sql(base, found, source)}, 0)" for base in reversed(found.get(name, ())))])


def encode(found: Mapping[str, tuple[str, ...]]) -> bytes:
    return json.dumps(found).encode()


def decode(text: bytes | None) -> dict[str, tuple[str, ...]]:
    """Raises ``ValueError`` when the text is none of ours."""
    return {str(name): tuple(str(base) for base in bases) for name, bases in json.loads(text or b"{}").items()}


def unlike(table: pa.Table) -> frozenset[str]:
    """Bodies of which hardly two are equal, as answers with an offset in them: to look up each in a dictionary takes longer than all else of writing them, and they compress worse behind it."""
    if table.num_rows < _FEW:
        return frozenset()
    asked = table.slice(0, _ASKED)
    return frozenset(name for name in _BODIES if name in table.schema.names and pc.count_distinct(asked.column(name)).as_py() > _UNLIKE * asked.num_rows)


def unlike_in(footer: pq.FileMetaData) -> frozenset[str]:
    """The bodies that a file was written with as ``unlike``."""
    group = footer.row_group(0)
    columns = [group.column(at) for at in range(group.num_columns)]
    return frozenset(column.path_in_schema for column in columns if column.path_in_schema in _BODIES and not column.has_dictionary_page)


def encodings(schema: pa.Schema, without: Collection[str] = ()) -> tuple[list[str], dict[str, str]]:
    """Columns with a dictionary, those of ``without`` have none, and the encodings of others."""
    given = {field.name: "DELTA_BINARY_PACKED" if field.name in _GROWING else "BYTE_STREAM_SPLIT" for field in schema
             if field.type == pa.int64() and (field.name in _GROWING or field.name in _NOISY)}  # fmt: skip
    return [name for name in schema.names if name not in given and name not in without], given
