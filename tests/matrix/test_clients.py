"""Each client of the matrix against a real broker: what sockets and packets gave equals the broker's request log.

Live: needs root, a kernel that loads eBPF, Java, and the client's own toolchain. ``KAFKASCOPE_MATRIX=all`` runs every
client, as ``make matrix`` does; otherwise those run that fit into a few minutes.
"""

from __future__ import annotations

import os
import shutil
from base64 import b64encode
from collections import Counter
from pathlib import Path

import oracle
import pytest
import toolchain
from cases import CASES, Case, observe
from live_rows import disagreements, rows_of_file, since_attached

pytest.importorskip("kafkascope._core", reason="the core is not built")

pytestmark = [pytest.mark.live, pytest.mark.timeout(600), pytest.mark.skipif(os.geteuid() != 0, reason="needs root"), pytest.mark.skipif(shutil.which("tcpdump") is None, reason="needs tcpdump")]
ALL = os.environ.get("KAFKASCOPE_MATRIX") == "all"


def listed(wrong: list[str]) -> str:
    return "\n".join([f"{len(wrong)} differences", *(w[:600] for w in wrong[:20])])


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
