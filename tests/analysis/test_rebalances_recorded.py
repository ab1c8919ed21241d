"""Every rebalance of the recorded groups, of every protocol, against a table that was read through beside the requests, and against the brokers' own logs.

``BLESS=1`` writes the table anew; what changes in it is to be checked by hand in the requests (``px decode``).
"""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from analysis_rows import CAPTURED, CAPTURES, captured, request_log

from kafkascope.analysis.rebalances import rebalances

GOLDEN = Path(__file__).parent / "recorded_rebalances.txt"
#: Recordings of one group that joins and leaves are many; all are here, so that no client's habits are missed.
RECORDED = [*CAPTURED, "demo/px-kafka", *sorted(f"matrix/{path.name.removesuffix('.pcap.gz')}" for path in (CAPTURES / "matrix").glob("*.pcap.gz"))]
HEADER = ["group", "protocol", "style", "outcome", "trigger", "client", "generation", "members", "moved", "gained", "lost", "retries", "duration_ms", "stopped_ms", "unowned_ms"]
#: The broker's log is written after the answer was sent, in whole milliseconds.
LOGGED_MS = 60


def found(capture: str) -> list[dict[str, Any]]:
    events = captured(capture).get("kafka_group_events")
    return [] if events is None else rebalances(events).to_pylist()


def ms(value: int | None) -> str:
    return "-" if value is None else f"{value / 1e6:.1f}"


def words(row: dict[str, Any]) -> list[str]:
    def change(name: str) -> str:
        before, after = (row[column] for column in ((f"{name}_before", name) if name == "generation" else (f"{name}_before", f"{name}_after")))
        return f"{'?' if before is None else before}>{'?' if after is None else after}"

    return [
        row["group_id"], row["protocol"], row["style"], row["outcome"], row["trigger"], row["trigger_client_id"].split("@")[0], change("generation"), change("members"),
        *(str(row[f"partitions_{what}"]) for what in ("moved", "gained", "lost")), str(row["retries"]), *(ms(row[column]) for column in ("duration", "stopped_max", "unowned_max")),
    ]  # fmt: skip


def table() -> str:
    rows = {capture: [words(row) for row in found(capture)] for capture in RECORDED}
    widths = [max(map(len, column)) for column in zip(HEADER, *(row for many in rows.values() for row in many), strict=True)]

    def line(row: list[str]) -> str:
        return " ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() + "\n"

    return line(HEADER) + "".join(f"\n# {capture}\n" + "".join(map(line, many)) for capture, many in rows.items() if many)


def test_recorded_rebalances() -> None:
    if os.environ.get("BLESS"):
        GOLDEN.write_text(table())
    assert table() == GOLDEN.read_text()


@pytest.mark.parametrize("capture", CAPTURED)
def test_the_brokers_log_has_the_same_times(capture: str) -> None:
    """A classic rebalance ends with the last SyncGroup of its generation, and begins when the request of its trigger came."""
    log = [entry for entry in request_log(capture) if entry["requestHeader"]["requestApiKeyName"] in {"JOIN_GROUP", "SYNC_GROUP", "LEAVE_GROUP"}]
    compared = 0
    for row in found(capture):
        if row["protocol"] != "classic" or row["outcome"] != "completed":
            continue
        mine = [entry for entry in log if entry["request"]["groupId"] == row["group_id"]]
        synced = [
            entry["t_done_ms"] for entry in mine
            if entry["requestHeader"]["requestApiKeyName"] == "SYNC_GROUP" and entry["request"]["generationId"] == row["generation"] and entry["response"]["errorCode"] == 0
        ]  # fmt: skip
        assert abs(max(synced) - row["end_time"] / 1e6) < LOGGED_MS
        begun = [
            entry["t_done_ms"] - entry["totalTimeMs"] for entry in mine
            if entry["requestHeader"]["requestApiKeyName"] != "SYNC_GROUP" and entry["requestHeader"]["clientId"] == row["trigger_client_id"]
        ]  # fmt: skip
        assert min(abs(at - row["time_"] / 1e6) for at in begun) < LOGGED_MS
        compared += 1
    assert compared >= 1


@pytest.mark.parametrize("capture", RECORDED)
def test_the_brokers_log_has_the_same_members(capture: str) -> None:
    """What the coordinator told the leader of each generation."""
    if capture.startswith("demo"):
        pytest.skip("no request log belongs to the demo's capture")
    told = {
        (entry["request"]["groupId"], entry["response"]["generationId"]): len(entry["response"]["members"])
        for entry in request_log(capture)
        if entry["requestHeader"]["requestApiKeyName"] == "JOIN_GROUP" and entry["response"].get("members")
    }
    for row in found(capture):
        if row["protocol"] == "classic" and row["outcome"] == "completed" and (row["group_id"], row["generation"]) in told:
            assert row["members_after"] == told[row["group_id"], row["generation"]], row


@pytest.mark.parametrize("capture", CAPTURED)
def test_every_recorded_group_ends_empty_with_nothing_open(capture: str) -> None:
    found = rebalances(captured(capture)["kafka_group_events"]).to_pylist()
    last = {r["group_id"]: r for r in found}
    assert {r["outcome"] for r in last.values()} == {"emptied"}
    assert {r["outcome"] for r in found} == {"completed", "emptied"}
    for group in last:
        mine = [r for r in found if r["group_id"] == group]
        assert sum(r["partitions_gained"] for r in mine) == sum(r["partitions_lost"] for r in mine)
        assert all(a["end_time"] <= b["time_"] for a, b in pairwise(mine))
        assert all(a["members_after"] == b["members_before"] for a, b in pairwise(mine))
