"""The recorded matrix: every client's capture equals the broker's request log, on any machine and without privileges."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import oracle
import pytest

CAPTURES = Path(__file__).resolve().parents[2] / "captures/matrix"
INDEX: dict[str, dict[str, Any]] = json.loads((CAPTURES / "index.json").read_text())


def entries(name: str) -> list[dict[str, Any]]:
    with gzip.open(CAPTURES / f"{name}.requests.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


@pytest.mark.parametrize("name", INDEX)
def test_equal_field_by_field(name: str) -> None:
    about, pcap = INDEX[name], CAPTURES / f"{name}.pcap.gz"
    scene = oracle.Scene.of(pcap, about["ports"], stopped_ns=about["stoppedNs"], killed=about.get("killed", ()), attached_late=about.get("attachedLate", False))
    verdict = oracle.compare(oracle.decode(pcap), entries(name), scene)
    assert not verdict.wrong, "\n".join(verdict.wrong[:20])
    assert (verdict.equal, len(verdict.kinds)) == (about["equal"], about["kinds"])


def test_every_api_of_the_matrix_is_counted_once() -> None:
    """All clients together: this many kinds (API and version) were compared with a broker."""
    kinds = {(e["requestHeader"]["requestApiKey"], e["requestHeader"]["requestApiVersion"]) for name in INDEX for e in entries(name)}
    assert len(kinds) > 100, len(kinds)
