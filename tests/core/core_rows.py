"""Rows of two captures of real brokers and clients, beside what the clients and the broker said themselves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

TRUTH = Path(__file__).parent / "data"
CAPTURES = Path(__file__).parents[2] / "captures"


@dataclass
class Capture:
    """All rows of a capture by table, the summary, and the truth."""

    tables: dict[str, pa.Table]
    summary: dict[str, Any]
    truth: dict[str, Any]

    def rows(self, table: str) -> list[dict[str, Any]]:
        return self.tables[table].to_pylist() if table in self.tables else []

    def client(self, name: str) -> dict[str, Any]:
        return next(c for c in self.truth["clients"] if c["name"] == name)


def read(*paths: Path) -> tuple[dict[str, pa.Table], dict[str, Any]]:
    """Every row of capture files; each batch is checked by Arrow."""
    core = pytest.importorskip("kafkascope._core", reason="the core is not built")
    pipeline = core.FilePipeline([str(p) for p in paths])
    batches: dict[str, list[pa.RecordBatch]] = {}
    while (tables := pipeline.next()) is not None:
        for name, batch in tables.items():
            record_batch = pa.record_batch(batch)
            record_batch.validate(full=True)
            assert len(batch) == batch.num_rows == record_batch.num_rows > 0
            batches.setdefault(name, []).append(record_batch)
    return {name: pa.Table.from_batches(parts) for name, parts in batches.items()}, pipeline.summary()


def load(name: str) -> Capture:
    tables, summary = read(CAPTURES / f"{name}.pcap.gz")
    return Capture(tables, summary, json.loads((TRUTH / f"{name}.truth.json").read_text()))
