"""Whatever a capture lost, what is decoded was said: no wrong row at any rate, and as much is read as ``loss.md`` says."""

from __future__ import annotations

import re

import loss
import pytest

#: Percentage points that a share may fall behind the table; it may always be better.
SLACK = 3.0
CASES = [(damage, rate, snap) for damage, rates in loss.GRID for rate in rates for snap in loss.SNAPS]


def table() -> dict[tuple[str, str, str], list[float]]:
    rows = re.findall(r"^\| (\w+) \| ([\d.]+) \| (\w+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| (\d+) \|$", loss.TABLE.read_text(), re.M)
    return {(damage, rate, snap): [float(n) for n in shares] for damage, rate, snap, *shares in rows}


@pytest.mark.parametrize(("damage", "rate", "snap"), CASES, ids=lambda v: v.__name__ if callable(v) else f"{v:g}")
def test_nothing_is_wrong_and_enough_is_read(damage: loss.Damage, rate: float, snap: int) -> None:
    share = loss.measure(damage, rate, snap)
    complete, _, lost, wrong = table()[damage.__name__, f"{rate:g}", "whole" if snap == loss.WHOLE else str(snap)]
    # Noise inside a message that still reads by its schema cannot be told from what was said, when its checksum fits.
    allowed = wrong if damage is loss.forge else 0
    assert len(share.wrong) <= allowed, "\n".join(share.wrong[:10])
    assert share.complete >= complete - SLACK, share
    assert share.lost <= lost + SLACK, share
