"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest

from kafkascope.cli import format as fmt

CASES = [
    (None, "INT64", "NONE", "–"), (0, "INT64", "NONE", "0"), (1234567, "INT64", "NONE", "1,234,567"), (9092, "INT64", "PORT", "9092"),
    (0, "INT64", "BYTES", "0 B"), (1023, "INT64", "BYTES", "1023 B"), (1536, "INT64", "BYTES", "1.5 KB"), (3 << 30, "INT64", "BYTES", "3.0 GB"),
    (0, "INT64", "DURATION_NS", "0 ns"), (1500, "INT64", "DURATION_NS", "1.5 µs"), (2_500_000, "INT64", "DURATION_NS", "2.5 ms"), (61 * 10**9, "INT64", "DURATION_NS", "1 min 1 s"),
    (3700 * 10**9, "INT64", "DURATION_NS", "1 h 1 min"), (-2_500_000, "INT64", "DURATION_NS", "-2.5 ms"),
    (0.123, "FLOAT64", "PERCENT", "12.3%"), (1.0, "FLOAT64", "PERCENT", "100.0%"), (0.99998, "FLOAT64", "PERCENT", "99.9%"), (math.nan, "FLOAT64", "NONE", "–"), (math.inf, "FLOAT64", "NONE", "∞"), (0.5, "FLOAT64", "NONE", "0.5"),
    (450e-9, "FLOAT64", "THROUGHPUT_BYTES_PER_NS", "450 B/s"), (2e-9, "FLOAT64", "THROUGHPUT_PER_NS", "2/s"),
    ('{"label": "px-kafka/order-1", "script": "px/pod", "args": {}}', "STRING", "SCRIPT_REFERENCE", "px-kafka/order-1"), ("not json", "STRING", "SCRIPT_REFERENCE", "not json"),
    ('{"phase": "Running", "message": "", "reason": "", "ready": true}', "STRING", "POD_STATUS", "Running"),
    ('{"p50": 1000.0, "p90": 2500000.0, "p99": 3e9}', "STRING", "DURATION_NS_QUANTILES", "p50 1.0 µs  p90 2.5 ms  p99 3.0 s"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "kind", "semantic", "text"), CASES)
def test_text(value: object, kind: str, semantic: str, text: str) -> None:
    assert fmt.value(value, kind, semantic) == text


def test_times_keep_every_nanosecond_in_json() -> None:
    assert fmt.rfc3339(1_700_000_000_000_000_001) == "2023-11-14T22:13:20.000000001Z"
