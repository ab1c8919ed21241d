"""The analysis at 50,000 partitions in 5,000 groups: rows taken in, a snapshot of everything, a scrape of 100,000 series; time of one core and memory.

    .venv/bin/python xtask/bench/lag.py [PARTITIONS] [GROUPS]
"""

from __future__ import annotations

import gc
import resource
import sys
import time
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from kafkascope.analysis.monitor import NEEDED, Monitor
from kafkascope.export import kafka, text
from kafkascope.export.families import series
from kafkascope.export.selection import Selection
from kafkascope.store import catalogue

S = 1_000_000_000
COMMITS = 10


def rows(table: str, count: int, **given: object) -> pa.Table:
    schema = catalogue.load()[table].schema
    columns = {}
    for name in NEEDED[table]:
        type_ = schema.field(name).type
        column = given.get(name)
        if column is None:
            columns[name] = pa.nulls(count, type_) if name in ("transactional_id", "error_code") else pa.repeat(pa.scalar({pa.string(): "", pa.bool_(): False}.get(type_, 0), type_), count)
        else:
            columns[name] = pa.array(column, type_) if isinstance(column, np.ndarray) else pa.repeat(pa.scalar(column, type_), count)
    return pa.table(columns)


def traffic(partitions: int, groups: int, now: int) -> Iterator[tuple[int, dict[str, pa.Table]]]:
    """One second of traffic each: every partition written, read and committed once, every other reader a batch behind."""
    number = np.arange(partitions)
    topic = np.char.add("topic-", (number // 10).astype(str)).astype(object)
    group = np.char.add("group-", (number % groups).astype(str)).astype(object)
    partition = number % 10
    for step in range(COMMITS):
        at, base = now + step * S, step * 100
        place = {"cluster_id": "cluster", "topic": topic, "partition": partition, "time_": at, "response_time": at}
        done = np.where(number % 2, base, max(base - 100, 0))
        yield at, {
            "kafka_produce": rows("kafka_produce", partitions, **place, records=100, base_offset=base, last_offset=base + 99, bytes=10_000, error_code=0),
            "kafka_fetch": rows("kafka_fetch", partitions, **place, group_id=group, replica_id=-1, fetch_offset=done, first_offset=done, last_offset=done + 99, records=100,
                                bytes=10_000, max_timestamp=at, high_watermark=base + 100, last_stable_offset=base + 100),
            "kafka_commits": rows("kafka_commits", partitions, **place, group_id=group, offset=done + 100, member_id="m", generation=1, error_code=0),
        }  # fmt: skip


def main() -> None:
    partitions, groups = (int(word) for word in [*sys.argv[1:], "50000", "5000"][:2])
    empty = {name: rows(name, 0) for name in NEEDED}
    monitor = Monitor()
    now = 10_000 * S
    takes, snapshots, samples = [], [], []
    # What the rows of a second need is the benchmark's, and the allocator's to use again.
    next(traffic(partitions, groups, now))
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for at, tables in traffic(partitions, groups, now):
        now = at
        began = time.process_time()
        monitor.take({**empty, **tables}, at)
        takes.append(time.process_time() - began)
        began = time.process_time()
        monitor.sample(at)
        samples.append(time.process_time() - began)
        began = time.process_time()
        snapshot = monitor.snapshot(at + S)
        snapshots.append(time.process_time() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{snapshot.lag.num_rows:,} (group, topic, partition), {snapshot.groups.num_rows:,} groups, {sum(lag > 0 for lag in snapshot.lag['lag'].to_pylist()):,} behind")
    print(f"taking in {3 * partitions:,} rows: {1e6 * np.median(takes) / (3 * partitions):.2f} µs a row")
    print(f"snapshot of all: {np.median(snapshots):.2f} s; with what is written: {np.median(samples):.2f} s")
    print(f"memory: {(peak - before) / 1024:.0f} MB more than the rows of one second need")
    wide = Selection(max_series=10_000_000)
    began = time.process_time()
    families = kafka.families(monitor, snapshot, wide)
    body = text.render(families)
    spent = time.process_time() - began
    count = sum(map(series, families))
    print(f"scrape of {count:,} series, {len(body) >> 20} MB: {spent:.2f} s, {spent / count * 1e5:.2f} s per 100,000")


if __name__ == "__main__":
    main()
