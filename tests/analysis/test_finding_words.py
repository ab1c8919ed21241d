"""Numbers in sentences are as people read them."""

from __future__ import annotations

from kafkascope.analysis.findings.falling import Progress, sentence
from kafkascope.analysis.findings.finding import SECOND, rate, times


def test_thousands_stand_apart_and_no_number_has_an_exponent() -> None:
    assert [times(n, "record") for n in (0, 1, 2, 60_113)] == ["0 records", "1 record", "2 records", "60,113 records"]
    assert [rate(r) for r in (0.0, 0.123456, 12.345, 999.4, 12_345.6)] == ["0", "0.123", "12.3", "999", "12,346"]
    said = sentence("billing", [Progress(0, 1e6, 0.0), Progress(100 * SECOND, 3e6, 5e6)], 61.5)
    assert said == "billing falls behind by 20,000 records/s: it gets through 50,000 of 70,000 records/s; 3,000,000 records left, the first waiting for 61.5 s."
