"""Result tables as Arrow IPC streams, one after the other in one body."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from kafkascope.pxl import Result
from kafkascope.server.errors import ApiError

MEDIA_TYPE = "application/vnd.apache.arrow.stream"


def encode(results: Sequence[Result], table: str | None = None) -> bytes:
    """All of ``results``, or only the one named ``table``.

    Schema metadata: ``name`` and ``truncated`` (true or false); of each field ``type`` and ``semanticType``, as in a RunResult. A TIME64NS is an
    int64 of nanoseconds since the epoch. Raises ``ApiError`` when there is no such table.
    """
    chosen = [result for result in results if table is None or result.name == table]
    if table is not None and not chosen:
        raise ApiError("not_found", f"the script gives no table '{table}'", f"it gives {', '.join(r.name for r in results) or 'none'}")
    sink = pa.BufferOutputStream()
    for result in chosen:
        fields = [field.with_metadata({"type": column.type.name, "semanticType": column.semantic_type.name})
                  for field, column in zip(result.table.schema, result.columns, strict=True)]  # fmt: skip
        schema = pa.schema(fields, metadata={"name": result.name, "truncated": "true" if result.truncated else "false"})
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_table(pa.table(result.table.columns, schema=schema))
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded
