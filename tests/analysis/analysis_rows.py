"""Rows of the observed tables from a few words, and what a capture's broker says of itself."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from kafkascope.store.catalogue import relation

CAPTURES = Path(__file__).parents[2] / "captures"
SECOND = 1_000_000_000
CAPTURED = ("java-clients", "other-clients", "kafka-3.9", "two-brokers")

_DEFAULTS: dict[str, dict[str, Any]] = {
    "kafka_commits": {"group_id": "g", "topic": "t", "partition": 0, "error_code": 0, "generation": -1},
    "kafka_fetch": {"group_id": "g", "topic": "t", "partition": 0, "error_code": 0, "replica_id": -1, "isolation_level": 0},
    "kafka_produce": {"topic": "t", "partition": 0, "error_code": 0, "acks": -1},
    "kafka_events.beta": {"trace_role": 2, "req_cmd_name": "Fetch", "remote_addr": "10.0.0.9", "error_code": 0},
    "kafka_group_events": {"group_id": "g", "protocol": "classic", "error_code": 0, "generation": -1, "duration": 0},
}
_NULLABLE_TEXT = {"transactional_id", "instance_id"}
_ZERO: dict[pa.DataType, Any] = {pa.string(): "", pa.bool_(): False}


def table(name: str, *rows: dict[str, Any]) -> pa.Table:
    """Rows of a table; a column that a row does not name has the most common value. Times are in seconds, ``at`` is both times."""
    schema = relation(name).schema
    made = []
    for row in rows:
        row = _DEFAULTS.get(name, {}) | row
        if "at" in row:
            row["time_"] = row["response_time"] = row["at"]
        full = {}
        for field in schema:
            value = row.get(field.name)
            if value is not None and field.name in {"time_", "response_time", "max_timestamp", "min_timestamp", "duration", "latency"}:
                value = round(value * SECOND)
            if value is None and field.type in _ZERO and field.name not in _NULLABLE_TEXT:
                value = _ZERO[field.type]
            full[field.name] = value
        made.append(full)
    return pa.Table.from_pylist(made, schema=pa.schema([pa.field(f.name, f.type) for f in schema]))


@cache
def captured(name: str) -> dict[str, pa.Table]:
    """Every row of a golden capture by table."""
    core = pytest.importorskip("kafkascope._core", reason="the core is not built")
    pipeline = core.FilePipeline([str(CAPTURES / f"{name}.pcap.gz")])
    batches: dict[str, list[pa.RecordBatch]] = {}
    while (tables := pipeline.next()) is not None:
        for table_name, batch in tables.items():
            batches.setdefault(table_name, []).append(pa.record_batch(batch))
    return {table_name: pa.Table.from_batches(parts) for table_name, parts in batches.items()}


def request_log(name: str) -> list[dict[str, Any]]:
    """What the capture's brokers wrote of each request, in the order of their answers; those of the matrix have no times and are in the order of the log."""
    with gzip.open(CAPTURES / f"{name}.requests.jsonl.gz", "rt") as lines:
        return sorted((json.loads(line) for line in lines), key=lambda entry: entry.get("t_done_ms", 0))
