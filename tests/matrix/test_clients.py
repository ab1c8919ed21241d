"""Each client of the matrix against a real broker: what sockets and packets gave equals the broker's request log.

Live: needs root, a kernel that loads eBPF, Java, and the client's own toolchain. ``KAFKASCOPE_MATRIX=all`` runs every
client, as ``make matrix`` does; otherwise those run that fit into a few minutes.
"""

from __future__ import annotations

import os
import shutil
from base64 import b64encode
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import oracle
import pyarrow as pa
import pytest
import toolchain
from cases import CASES, Case, observe
from watch import EVENTS

core = pytest.importorskip("kafkascope._core", reason="the core is not built")

pytestmark = [pytest.mark.live, pytest.mark.timeout(600), pytest.mark.skipif(os.geteuid() != 0, reason="needs root"), pytest.mark.skipif(shutil.which("tcpdump") is None, reason="needs tcpdump")]
ALL = os.environ.get("KAFKASCOPE_MATRIX") == "all"


#: Columns in which sockets and packets must agree; the rest tells of the tap.
SAME = ("req_cmd", "api_version", "correlation_id", "client_id", "req_body", "resp", "error_code", "throttle_ms", "req_bytes", "resp_bytes", "outcome", "encrypted")

#: Between the times that two taps give to one segment.
_TAPS_DIFFER_NS = 20_000_000


def listed(wrong: list[str]) -> str:
    return "\n".join([f"{len(wrong)} differences", *(w[:600] for w in wrong[:20])])


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
    """Each connection's rows behind the first that the live pipeline read whole: it began later than tcpdump did."""

    def connection(row: dict[str, Any]) -> frozenset[int]:
        return frozenset((row["local_port"], row["remote_port"]))

    first: dict[frozenset[int], int] = {}
    for row in sorted(live, key=lambda r: r["time_"]):
        if row["outcome"] == "complete":
            first.setdefault(connection(row), row["time_"] + _TAPS_DIFFER_NS)

    def later(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row for row in rows if connection(row) in first and row["time_"] > first[connection(row)]]

    return later(live), later(file)


@pytest.mark.parametrize("case", [c for c in CASES if ALL or c.quick], ids=lambda c: c.name)
def test_everything_the_client_said(case: Case, tmp_path: Path) -> None:
    try:
        seen = observe(case, tmp_path, ("ebpf", "packet"))
    except toolchain.MissingError as missing:
        pytest.skip(str(missing))
    cluster, watch = seen.cluster, seen.watch
    assert all(s["consumed"] >= s["produced"] > 0 for s in seen.said), seen.said

    lines = oracle.decode(watch.pcap)
    verdict = oracle.compare(lines, cluster.requests(), seen.scene)
    assert not verdict.wrong, listed(verdict.wrong)
    assert set(case.must) <= verdict.kinds, sorted(verdict.kinds)
    file = rows_of_file(watch.pcap)
    shown = f"{lines} {file} {[pipeline.rows for pipeline in watch.pipelines.values()]}"
    assert not [secret for secret in case.secrets if secret in shown or b64encode(secret.encode()).decode().rstrip("=") in shown]
    counted = f"{case.name}: {verdict.equal} requests of {len(verdict.kinds)} kinds equal, {verdict.forwarded} forwarded, {verdict.unanswered} unanswered, {verdict.after_close} after the client had closed, {verdict.at_the_end} while the brokers ended, {verdict.authentication} of authentication, {verdict.unseen} before anyone watched"
    for source, pipeline in watch.pipelines.items():
        outcomes = Counter(row["outcome"] for row in pipeline.rows)
        counted += f"; {source} {dict(outcomes)}"
        assert pipeline.stats["events_lost"] == pipeline.stats["rows_refused"] == 0, (source, pipeline.stats)
        rows = since_attached(pipeline.rows, file) if case.unseen_s else (pipeline.rows, file)
        assert len(rows[0]) > len(pipeline.rows) // 2, source
        wrong = disagreements(*rows, cluster.all_ports)
        assert not wrong, f"{source}\n{listed(wrong)}"
    print(counted)
