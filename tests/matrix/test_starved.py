"""eBPF's own losses on a live run: the reader gets no time while a broker is busy, and the kernel's ring overflows.

No row may be wrong for it, each that is not whole says so, what was lost is counted, and nothing is missing before and after.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import toolchain
from cases import java_program, run
from cluster import Cluster
from live_rows import by_request, disagreements, rows_of_file
from netns import own_network
from starved_reader import StarvedReader
from watch import Watch

pytestmark = [pytest.mark.live, pytest.mark.timeout(600), pytest.mark.skipif(os.geteuid() != 0, reason="needs root"), pytest.mark.skipif(shutil.which("tcpdump") is None, reason="needs tcpdump")]

#: More than twice the ring's 16 MiB, in batches that are small enough to be copied.
RECORDS, RECORD_BYTES = 12_000, 3_000
#: Until the reader is through what the ring held.
CATCH_UP_S = 3


def connection(row: dict[str, Any]) -> frozenset[int]:
    return frozenset((row["local_port"], row["remote_port"]))


def within(rows: list[dict[str, Any]], span: tuple[int, int]) -> set[frozenset[int]]:
    """Connections of which every row lies between two times."""
    outside = {connection(row) for row in rows if not span[0] < row["time_"] < span[1]}
    return {connection(row) for row in rows} - outside


def test_a_full_ring_makes_no_row_wrong(tmp_path: Path) -> None:
    cluster = Cluster("4.4.0", 1, tmp_path)
    try:
        flood = java_program("Flood.java", "flood", str(RECORDS), str(RECORD_BYTES))(cluster.bootstrap)[0]
    except toolchain.MissingError as missing:
        pytest.skip(str(missing))
    few = {topic: java_program("Flood.java", topic, "50", "100")(cluster.bootstrap)[0] for topic in ("before", "after")}
    watch = Watch(cluster.all_ports, tmp_path / "wire.pcap", ())
    with own_network():
        cluster.start()
        watch.start()
        reader = StarvedReader(cluster.all_ports)
        try:
            began = time.time_ns()
            run(few["before"])
            stopped = time.time_ns()
            with reader.stopped():
                run(flood)
            time.sleep(CATCH_UP_S)
            resumed = time.time_ns()
            run(few["after"])
            ended = time.time_ns()
        finally:
            seen = reader.end()
            cluster.stop()
            watch.stop()
    live, file = seen["rows"], rows_of_file(watch.pcap)

    assert seen["stats"]["events_lost"] == sum(loss["events"] for loss in seen["losses"] if loss["reason"] == "events_lost") > 0, seen["stats"]
    whole = [row for row in live if row["outcome"] == "complete"]
    ours, theirs = by_request(whole, cluster.all_ports), by_request(file, cluster.all_ports)
    wrong = {key: rows for key, rows in ours.items() if Counter(rows) - Counter(theirs.get(key, []))}
    assert not wrong, f"{len(wrong)} requests, for one {next(iter(wrong.items()))}"
    lost = sum((Counter(theirs[key]) - Counter(ours.get(key, []))).total() for key in theirs)
    assert lost > 0, "the ring held everything"
    for span in ((began, stopped), (resumed, ended)):
        undisturbed = within(file, span)
        assert len(undisturbed) >= 5, undisturbed
        missing = disagreements([row for row in live if connection(row) in undisturbed], [row for row in file if connection(row) in undisturbed], cluster.all_ports)
        assert not missing, missing[:20]
    print(f"{len(file)} requests, {len(whole)} whole rows, all right, {dict(Counter(row['outcome'] for row in live))}; {seen['stats']['events_lost']} events lost")
