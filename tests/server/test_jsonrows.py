"""Values on their way to a browser."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from kafkascope.cli.run import _DECODE
from kafkascope.server import jsonrows

CASES = [
    ("INT64", 7, 7), ("INT64", -(2**53), -(2**53)), ("INT64", 2**53 + 1, str(2**53 + 1)), ("INT64", -(2**63), str(-(2**63))), ("INT64", None, None),
    ("TIME64NS", 1_700_000_000_123_456_789, "1700000000123456789"), ("TIME64NS", 0, "0"), ("TIME64NS", None, None),
    ("FLOAT64", 0.5, 0.5), ("FLOAT64", math.inf, "Infinity"), ("FLOAT64", -math.inf, "-Infinity"), ("FLOAT64", math.nan, "NaN"), ("FLOAT64", None, None),
    ("STRING", "é\u202e<b>", "é\u202e<b>"), ("BOOLEAN", True, True), ("UINT128", "1:2:3", "1:2:3"),
]  # fmt: skip
ARROW = {"INT64": pa.int64(), "TIME64NS": pa.int64(), "FLOAT64": pa.float64(), "STRING": pa.string(), "BOOLEAN": pa.bool_(), "UINT128": pa.string()}


@pytest.mark.parametrize(("kind", "value", "encoded"), CASES)
def test_values(kind: str, value: object, encoded: object) -> None:
    table = pa.table([pa.array([value], ARROW[kind])], ["c"])
    assert jsonrows.rows(table, [kind]) == [[encoded]]
    decode = _DECODE.get(kind, lambda item: item)
    back = None if encoded is None else decode(encoded)
    assert back == value or (isinstance(value, float) and math.isnan(value) and math.isnan(back))


def test_two_columns_of_one_name_stay_two() -> None:
    table = pa.table([pa.array([1]), pa.array(["x"])], ["c", "c"])
    assert jsonrows.rows(table, ["INT64", "STRING"]) == [[1, "x"]]


def test_no_rows() -> None:
    assert jsonrows.rows(pa.table({"c": pa.array([], pa.int64())}), ["INT64"]) == []
