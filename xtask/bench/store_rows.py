"""Rows as a busy cluster would give them: those of the golden captures, multiplied, each copy with times, offsets, ids and latencies of its own.

What repeats in reality repeats here (topics, client ids, addresses, API versions); what never repeats does not, or a segment would be smaller than real ones.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kafkascope import _core

#: What is in `every` is random: it is like no traffic.
CAPTURES = sorted(path for path in (Path(__file__).resolve().parents[2] / "captures").rglob("*.pcap.gz") if path.parent.name != "every")
TABLES = ("kafka_events.beta", "kafka_produce", "kafka_fetch", "kafka_commits", "kafka_group_events")
_NUMBER = re.compile(r'("(?:\w*offset|high_watermark|\w*timestamp\w*|producer_id|session_epoch)":)(\d+)')
_OFFSETS = ("base_offset", "last_offset", "fetch_offset", "first_offset", "high_watermark", "last_stable_offset", "offset", "correlation_id", "session_epoch", "producer_id")


def templates() -> dict[str, pa.Table]:
    """The rows of all golden captures, by table, in the captures' order, each capture's times beginning at 0."""
    found: dict[str, list[pa.RecordBatch]] = defaultdict(list)
    for capture in CAPTURES:
        pipeline = _core.FilePipeline([str(capture)])
        mine: dict[str, list[pa.RecordBatch]] = defaultdict(list)
        while (batches := pipeline.next()) is not None:
            for table, batch in batches.items():
                if table in TABLES:
                    mine[table].append(pa.record_batch(batch))
        if "kafka_produce" not in mine:
            # Captures of other protocols, or of nothing but connections.
            continue
        first = min(pc.min(b.column("time_")).as_py() for group in mine.values() for b in group)
        for table, group in mine.items():
            found[table] += [_shifted(b, -first) for b in group]
    return {table: pa.Table.from_batches(found[table]).combine_chunks() for table in TABLES}


def copies(requests: int, start_ns: int, duration_s: float, seed: int = 1) -> Iterator[dict[str, pa.Table]]:
    """Tables of successive parts, ``requests`` requests in all, spread over ``duration_s`` seconds from ``start_ns``."""
    base = templates()
    rng = np.random.default_rng(seed)
    events = base["kafka_events.beta"]
    number = max(1, requests // events.num_rows)
    # Rows of one request share its time and latency, in all tables.
    moments = np.unique(np.concatenate([table.column("time_").to_numpy() for table in base.values()]))
    places = {name: np.searchsorted(moments, table.column("time_").to_numpy()) for name, table in base.items()}
    part_ns = int(duration_s * 1e9 / number)
    made: list[tuple[pa.Array, pa.Array]] = []
    pieces = [[_NUMBER.split(text or "") for text in events.column(name).to_pylist()] for name in ("req_body", "resp")]
    # Bodies are dear to make, and no segment of bodies is longer than this many copies.
    distinct = min(number, 40)
    for copy in range(distinct):
        made.append(tuple(pa.array([_body(parts, copy) for parts in column], pa.string()) for column in pieces))  # type: ignore[arg-type]
    for copy in range(number):
        tables = {}
        times = np.sort(rng.integers(0, part_ns, len(moments))) + start_ns + copy * part_ns
        stretch = rng.uniform(0.8, 1.25, len(moments))
        for name, table in base.items():
            moved = _copy(table, rng, copy, times[places[name]], stretch[places[name]])
            if name == "kafka_events.beta":
                order = moved.column("time_").to_numpy().argsort(kind="stable")
                for column, bodies in zip(("req_body", "resp"), made[copy % distinct], strict=True):
                    moved = moved.set_column(moved.schema.get_field_index(column), moved.schema.field(column), bodies)
                moved = moved.take(order)
            else:
                moved = moved.sort_by("time_")
            tables[name] = moved.combine_chunks()
        yield tables


def _body(parts: list[str], copy: int) -> str:
    if len(parts) == 1:
        return parts[0]
    out = list(parts)
    for at in range(2, len(out), 3):
        out[at] = str(_moved(int(out[at]), copy))
    return "".join(out)


def _moved(value: Any, copy: int) -> Any:
    """A number of the copy: equal ones stay equal, later ones later, and the steps between them are the copy's own."""
    return value * (1 + copy * 7 % 31) + copy * 100_003


def _shifted(batch: pa.RecordBatch, by: int) -> pa.RecordBatch:
    columns = []
    for field, column in zip(batch.schema, batch.columns, strict=True):
        columns.append(pc.add(column, by) if field.name in ("time_", "response_time") else column)
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _copy(table: pa.Table, rng: np.random.Generator, copy: int, times: np.ndarray, stretch: np.ndarray) -> pa.Table:
    rows = table.num_rows
    latency = np.zeros(rows, np.int64)
    for name in ("latency", "ack_latency", "duration"):
        if name in table.schema.names:
            latency = (_numbers(table.column(name)) * stretch).astype(np.int64)
    if "latency" not in table.schema.names and "ack_latency" not in table.schema.names:
        latency = (stretch * 2_000_000).astype(np.int64)
    behind = rng.integers(1, 6_000_000, rows)
    moved = {
        "time_": times, "latency": latency, "ack_latency": latency, "duration": latency, "response_time": times + latency,
        # Producers stamp batches in milliseconds, some time before they are sent.
        "min_timestamp": (times - behind - rng.integers(0, 5_000_000, rows)) // 1_000_000 * 1_000_000, "max_timestamp": (times - behind) // 1_000_000 * 1_000_000,
    }  # fmt: skip
    columns = []
    for field, column in zip(table.schema, table.columns, strict=True):
        if field.name in moved:
            values = moved[field.name]
        elif field.name in _OFFSETS:
            values = _moved(_numbers(column), copy)
        else:
            columns.append(column)
            continue
        columns.append(pa.array(values, pa.int64(), mask=column.combine_chunks().is_null().to_numpy(zero_copy_only=False)))
    return pa.table(columns, schema=table.schema)


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    return column.combine_chunks().fill_null(0).to_numpy(zero_copy_only=False)
