"""A table's rows into a file: Parquet, CSV or an Arrow IPC stream."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from kafkascope.pxl.types import DataType
from kafkascope.store import catalogue
from kafkascope.store.catalogue import Relation
from kafkascope.store.errors import StoreError
from kafkascope.store.store import Store

FORMATS = ("parquet", "csv", "arrow")
_SUFFIXES = {".parquet": "parquet", ".csv": "csv", ".arrow": "arrow", ".arrows": "arrow"}
_PACKED = {".gz": "gzip", ".zst": "zstd"}
_TIME = pa.timestamp("ns", "UTC")


def format_of(file: str) -> str | None:
    """The format that a file's name says: ``.parquet``, ``.csv`` (also ``.csv.gz``, ``.csv.zst``), ``.arrow``."""
    path = Path(file)
    suffix = Path(path.stem).suffix if path.suffix in _PACKED else path.suffix
    return _SUFFIXES.get(suffix)


def export(store: Store, table: str, file: str, form: str, *, start_ns: int | None = None, end_ns: int | None = None, columns: Sequence[str] = ()) -> int:
    """Write the rows of ``table`` with ``start_ns <= time_ < end_ns`` to ``file`` (``-``: standard output); their number.

    Times are timestamps in UTC, in CSV as RFC 3339 with nanoseconds. The file has its name only once it is whole. Raises ``StoreError``, ``OSError``.
    """
    relation = catalogue.relation(table, store.relations)
    if not relation.stored:
        raise StoreError(f"'{table}' is computed from other tables when a script asks for it", f"px run with px.DataFrame('{table}') gives its rows")
    wanted = tuple(columns) or tuple(relation.by_name)
    for name in wanted:
        if name not in relation.by_name:
            raise StoreError(f"table {table} has no column '{name}'", f"it has {', '.join(relation.by_name)}")
    store.inspect(table, start_ns, end_ns)
    engine = store.engine()
    batches = engine.stream(f"SELECT * FROM ({engine.scan(table, start_ns, end_ns, wanted)})")
    if file == "-":
        return _write(sys.stdout.buffer, form, _schema(relation, wanted), _timed(relation, wanted, batches))
    path = Path(file)
    if form != "csv" and path.suffix in _PACKED:
        raise StoreError(f"{path.suffix} is for CSV; {form} is compressed already", f"call it {path.stem}")
    if path.exists() and not path.is_file():
        # A pipe or a device is written into, not replaced.
        with open(path, "wb") as device:
            return _write(device, form, _schema(relation, wanted), _timed(relation, wanted, batches))
    temporary = path.with_name(path.name + ".part")
    try:
        with pa.output_stream(str(temporary), compression=_PACKED.get(path.suffix)) as sink:
            rows = _write(sink, form, _schema(relation, wanted), _timed(relation, wanted, batches))
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return rows


def _write(sink: IO[bytes] | Any, form: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    rows = 0
    with _writer(sink, form, schema) as writer:
        for batch in batches:
            rows += batch.num_rows
            writer.write_batch(_plain(batch) if form == "csv" else batch)
    return rows


@contextmanager
def _writer(sink: Any, form: str, schema: pa.Schema) -> Iterator[Any]:
    if form == "parquet":
        with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
            yield writer
    elif form == "csv":
        with pyarrow.csv.CSVWriter(sink, _plain(pa.RecordBatch.from_pylist([], schema)).schema) as writer:
            yield writer
    else:
        with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            yield writer


def _schema(relation: Relation, columns: Sequence[str]) -> pa.Schema:
    """Types for readers elsewhere, with the meaning of each column in its metadata."""
    fields = []
    for name in columns:
        column = relation.by_name[name]
        kind = _TIME if column.type is DataType.TIME64NS else column.arrow
        fields.append(pa.field(name, kind, metadata={"type": column.type.name, "semanticType": column.semantic_type.name, "description": column.description}))
    return pa.schema(fields, metadata={"table": relation.name})


def _timed(relation: Relation, columns: Sequence[str], batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    schema = _schema(relation, columns)
    for batch in batches:
        # The engine may have chosen another layout of strings.
        yield pa.RecordBatch.from_arrays([column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)], schema=schema)


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = [pc.strftime(c, "%Y-%m-%dT%H:%M:%SZ") if c.type == _TIME else c for c in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
