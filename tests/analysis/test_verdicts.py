"""Verdicts from rows: the same rules, with windows and ends taken from what was seen."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from analysis_rows import CAPTURED, SECOND, captured, table

from kafkascope.analysis import observed
from kafkascope.analysis.lag import Rows
from kafkascope.analysis.verdicts import verdicts

Row = dict[str, Any]


def rows(commits: list[Row], produced_until: int = 100) -> Rows:
    """Two records a second from 0 s on."""
    produces = [{"at": t, "base_offset": 2 * t - 2, "last_offset": 2 * t - 1, "records": 2} for t in range(1, produced_until + 1)]
    return Rows(table("kafka_commits", *commits), None, table("kafka_produce", *produces))


def every(step: int, offset_of: Any, until: int = 100, **more: Any) -> list[Row]:
    return [{"at": t, "offset": offset_of(t)} | more for t in range(step, until + 1, step)]


@pytest.mark.parametrize(
    ("name", "commits", "now", "partition", "group", "complete"),
    [
        ("keeps up", every(10, lambda t: 2 * t), 100, "OK", "OK", 1.0),
        ("falls behind", every(10, lambda t: t), 100, "WARN", "WARN", 1.0),
        ("catches up", every(10, lambda t: 3 * t - 150 if t > 50 else 0), 100, "OK", "OK", 1.0),
        ("stands still", every(10, lambda t: 3), 100, "STALL", "ERR", 1.0),
        ("has stopped", every(5, lambda t: t, until=40), 130, "STOP", "ERR", 0.8),
        ("went back", every(10, lambda t: t if t < 90 else 5), 100, "REWIND", "ERR", 1.0),
        ("was caught up lately, then silent", every(5, lambda t: 2 * t, until=40), 100, "OK", "OK", 0.8),
        ("fast commits share a place", [{"at": 97 + i / 100, "offset": 180 + i // 50} for i in range(300)], 100, "WARN", "WARN", 0.3),
    ],
)
def test_verdicts_from_rows(name: str, commits: list[Row], now: int, partition: str, group: str, complete: float) -> None:
    partitions, groups = verdicts(rows(commits, now), now_ns=now * SECOND)
    (p,), (g,) = partitions.to_pylist(), groups.to_pylist()
    assert (p["status"], g["status"], p["complete"]) == (partition, group, complete), p["reason"]
    assert p["reason"] and g["reason"] and (g["complete"] == 1) == (complete == 1)


def test_one_bad_partition_is_the_groups_verdict() -> None:
    commits = every(10, lambda t: 2 * t) + every(10, lambda t: 3, partition=1)
    ends = [{"at": 1, "partition": 1, "base_offset": 0, "last_offset": 50, "records": 51}]
    seen = rows(commits)
    produce = table("kafka_produce", *ends)
    assert seen.produce is not None
    partitions, groups = verdicts(Rows(seen.commits, None, pa.concat_tables([seen.produce, produce])), now_ns=100 * SECOND)
    assert [p["status"] for p in partitions.to_pylist()] == ["OK", "STALL"]
    (group,) = groups.to_pylist()
    assert (group["status"], group["lag"]) == ("ERR", 48)
    assert group["reason"].startswith("1 of 2 partitions are not in order, the worst is STALL")


def test_nothing_seen() -> None:
    partitions, groups = verdicts(Rows(), now_ns=0)
    assert (partitions.num_rows, groups.num_rows) == (0, 0)


@pytest.mark.parametrize("capture", CAPTURED)
def test_who_had_read_everything_is_in_order(capture: str) -> None:
    tables = captured(capture)
    partitions, groups = verdicts(observed.rows(tables), now_ns=max(tables["kafka_events.beta"]["time_"].to_pylist()))
    for p in partitions.to_pylist():
        assert p["lag"] > 0 or p["status"] == "OK", p
        assert p["lag"] == 0 or p["status"] in {"STOP", "STALL", "WARN", "OK"}, p
    assert groups.num_rows > 0 and {g["status"] for g in groups.to_pylist()} <= {"OK", "ERR", "WARN"}
