"""The verdicts on every partition and every group at a moment, from rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import pyarrow as pa

from kafkascope.analysis.lag import SECOND, Lag, Rows
from kafkascope.analysis.verdict import WINDOW, Commit, evaluate, evaluate_group

_MS = 1_000_000

PARTITIONS = pa.schema(
    [
        ("cluster_id", pa.string()),
        ("group_id", pa.string()),
        ("topic", pa.string()),
        ("partition", pa.int64()),
        ("status", pa.string()),
        ("status_number", pa.int64()),
        ("reason", pa.string()),
        ("lag", pa.int64()),
        ("complete", pa.float64()),
    ]
)
GROUPS = pa.schema([f for f in PARTITIONS if f.name not in {"topic", "partition"}])


def verdicts(
    rows: Rows, *, now_ns: int, allowed_lag: int = 0, intervals: int = WINDOW, min_distance_ms: int = 1000, ends_every_ns: int = 10 * SECOND
) -> tuple[pa.Table, pa.Table]:
    """A row for each partition and a row for each group.

    ``complete`` is the share of the window that is filled, for a group the share of its partitions whose window is full. The other arguments
    are Burrow's: ``intervals``, ``min-distance``, and how often ends would be polled.
    """
    with Lag(rows, now_ns=now_ns) as lag:
        samples = lag.commit_samples(limit=intervals, every_ns=min_distance_ms * _MS).to_pylist()
        ends = lag.end_samples(every_ns=ends_every_ns, limit=intervals).to_pylist()
    ends_of: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    for row in ends:
        ends_of[row["cluster_id"], row["topic"], row["partition"]].append(row["end_offset"])
    commits_of: dict[tuple[str, str, str, int], list[Commit]] = defaultdict(list)
    for row in samples:
        commits_of[row["cluster_id"], row["group_id"], row["topic"], row["partition"]].append((row["offset"], row["time_"] // _MS, row["lag"]))
    partitions, groups = [], defaultdict(list)
    for (cluster, group, topic, partition), commits in commits_of.items():
        verdict = evaluate(
            commits=commits, end_offsets=ends_of.get((cluster, topic, partition), []), now_ms=now_ns // _MS, allowed_lag=allowed_lag
        )
        complete = len(commits) / intervals
        groups[cluster, group].append((verdict, complete))
        partitions.append((cluster, group, topic, partition, verdict.status, verdict.status.number, verdict.reason, verdict.current_lag, complete))
    grouped = []
    for (cluster, group), members in groups.items():
        verdict = evaluate_group(v for v, _ in members)
        complete = sum(c >= 1 for _, c in members) / len(members)
        grouped.append((cluster, group, verdict.status, verdict.status.number, verdict.reason, verdict.current_lag, complete))
    return _table(partitions, PARTITIONS), _table(grouped, GROUPS)


def _table(rows: Sequence[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table([pa.array(list(c), f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)
