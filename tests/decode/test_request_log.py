"""px decode beside the broker's own request log: every logged request is there, and equal field by field."""

from __future__ import annotations

import gzip
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "matrix"))
import oracle

#: Logged as answered, while the client had closed its end: the answer never left the broker's host, or only its first part did.
CLIENT_HAD_CLOSED = {("other-clients", 48764, 3): "no_response", ("other-clients", 59238, 1): "truncated", ("other-clients", 59238, 3): "no_response"}

CAPTURES = Path(__file__).resolve().parents[2] / "captures"
NAMES = sorted(path.name.removesuffix(".pcap.gz") for path in CAPTURES.glob("*.pcap.gz"))


def decoded(name: str) -> list[dict[str, Any]]:
    return oracle.decode(CAPTURES / f"{name}.pcap.gz")


def logged(name: str) -> list[dict[str, Any]]:
    with gzip.open(CAPTURES / f"{name}.requests.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


@pytest.mark.parametrize("name", NAMES)
def test_equal_field_by_field(name: str) -> None:
    ours: dict[oracle.Key, list[dict[str, Any]]] = defaultdict(list)
    for line in decoded(name):
        ours[oracle.key_of_line(line)].append(line)
    found: list[str] = []
    compared = 0
    for entry in logged(name):
        key = oracle.key_of_entry(entry)
        what = f"{entry['requestHeader']['requestApiKeyName']} v{key[2]} {key}"
        if entry["isForwarded"]:
            continue
        if not ours[key]:
            found.append(f"{what}: not decoded")
            continue
        line = ours[key].pop(0)
        compared += 1
        if line["outcome"] == CLIENT_HAD_CLOSED.get((name, key[0][1], key[1])):
            # Of the answer there is nothing or a part to hold against the log.
            entry["response"] = None
            wrong = [w for w in oracle.faults(entry, line) if not w.startswith("outcome")]
        else:
            wrong = oracle.faults(entry, line)
        found += [f"{what}: {w}" for w in wrong]
    assert found == []
    assert compared > 100


@pytest.mark.parametrize("name", NAMES)
def test_lines_are_in_time_order(name: str) -> None:
    times = [line["time"] for line in decoded(name)]
    assert times == sorted(times)
