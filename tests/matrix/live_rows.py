"""Rows of a live pipeline beside those of the capture file of the same traffic."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
from watch import EVENTS

from kafkascope import _core as core

#: Columns in which sockets and packets must agree; the rest tells of the tap.
SAME = ("req_cmd", "api_version", "correlation_id", "client_id", "req_body", "resp", "error_code", "throttle_ms", "req_bytes", "resp_bytes", "outcome", "encrypted")
#: Of a topic, in a body.
_NAMELESS = '"name":""'
#: Between the times that two taps give to one segment.
_TAPS_DIFFER_NS = 20_000_000


def rows_of_file(pcap: Path) -> list[dict[str, Any]]:
    pipeline = core.FilePipeline([str(pcap)])
    rows: list[dict[str, Any]] = []
    while (tables := pipeline.next()) is not None:
        if EVENTS in tables:
            rows += pa.table(pa.record_batch(tables[EVENTS])).to_pylist()
    return rows


def by_request(rows: list[dict[str, Any]], ports: list[int]) -> dict[tuple[Any, ...], list[tuple[Any, ...]]]:
    """What is said of each request, in order, by the connection's two ports, API and correlation id."""
    out: dict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for row in sorted(rows, key=lambda r: r["time_"]):
        broker, client = (row["local_port"], row["remote_port"]) if row["local_port"] in ports else (row["remote_port"], row["local_port"])
        out[broker, client, row["req_cmd"], row["correlation_id"]].append(tuple(row[column] for column in SAME))
    return out


def disagreements(live: list[dict[str, Any]], file: list[dict[str, Any]], ports: list[int]) -> list[str]:
    ours, theirs = by_request(live, ports), by_request(file, ports)
    found = [f"{key}: only in the file: {theirs[key]}" for key in theirs.keys() - ours.keys()]
    found += [f"{key}: only live: {ours[key]}" for key in ours.keys() - theirs.keys()]
    for key in ours.keys() & theirs.keys():
        for mine, its in zip(ours[key], theirs[key], strict=False):
            found += [f"{key} {column}: live {a!r}, in the file {b!r}" for column, a, b in zip(SAME, mine, its, strict=True) if a != b]
        if len(ours[key]) != len(theirs[key]):
            found.append(f"{key}: {len(ours[key])} times live, {len(theirs[key])} times in the file")
    return found


def since_attached(live: list[dict[str, Any]], file: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows behind what tcpdump knew and the live pipeline, which began later, did not.

    Of each connection, behind the first that was read whole; of all, behind the last that had a topic's id and no name.
    """

    def connection(row: dict[str, Any]) -> frozenset[int]:
        return frozenset((row["local_port"], row["remote_port"]))

    named_ns = max((row["time_"] for row in live if _NAMELESS in row["req_body"] + row["resp"]), default=0)
    first: dict[frozenset[int], int] = {}
    for row in sorted(live, key=lambda r: r["time_"]):
        if row["outcome"] == "complete":
            first.setdefault(connection(row), row["time_"] + _TAPS_DIFFER_NS)

    def later(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row for row in rows if connection(row) in first and row["time_"] > max(first[connection(row)], named_ns + _TAPS_DIFFER_NS)]

    return later(live), later(file)
