"""Texts as numbers: whatever the rows say and however they are cut into chunks, each number stands for its row's text."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from kafkascope.analysis.numpy_columns import combined, different, encoded, ints, numbered

COLUMNS = {
    "no rows": [],
    "one row": ["a"],
    "the same in all rows": ["a", "a", "a", "a"],
    "the same but for the last": ["a", "a", "a", "b"],
    "the first again": ["a", "b", "a", "c"],
    "nothing known": [None, None, None, None],
    "some unknown": [None, "a", None, "b"],
    "unknown and empty": ["", None, "", "é"],
}


def cut(values: list[str | None], at: int) -> pa.ChunkedArray:
    return pa.chunked_array([values[:at], [], values[at:]], pa.string())


@pytest.mark.parametrize("at", [0, 1, 3])
@pytest.mark.parametrize("name", COLUMNS)
def test_each_number_stands_for_its_text(name: str, at: int) -> None:
    texts, codes = encoded(cut(COLUMNS[name], at))
    assert [texts[code] for code in codes.tolist()] == [text or "" for text in COLUMNS[name]]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("other", [name for name, texts in COLUMNS.items() if len(texts) == 4])
@pytest.mark.parametrize("name", [name for name, texts in COLUMNS.items() if len(texts) == 4])
def test_each_number_stands_for_a_combination(name: str, other: str) -> None:
    keys, codes = combined(cut(COLUMNS[name], 1), cut(COLUMNS[other], 3), cut(COLUMNS[name], 2))
    found = [(one or "", two or "", one or "") for one, two in zip(COLUMNS[name], COLUMNS[other], strict=True)]
    assert [keys[code] for code in codes.tolist()] == found
    assert sorted(keys) == sorted(set(found))


def test_no_rows_have_no_combinations() -> None:
    keys, codes = combined(cut([], 0), cut([], 0))
    assert keys == [] and codes.tolist() == []


def test_numbers_keep_every_bit_where_some_are_unknown() -> None:
    large = [1 << 62, None, -(1 << 62), (1 << 53) + 1]
    assert ints(pa.chunked_array([large[:2], large[2:]], pa.int64()), -1).tolist() == [1 << 62, -1, -(1 << 62), (1 << 53) + 1]


@pytest.mark.parametrize("rows", [0, 1, 5, 255, 256, 10_000])
@pytest.mark.parametrize("keys", [1, 7, 5_000])
def test_few_and_many_rows_are_numbered_as_numpy_does(rows: int, keys: int) -> None:
    given_keys = np.random.default_rng(rows).integers(-keys, keys, rows) * (1 << 52)
    expected, places = np.unique(given_keys, return_inverse=True)
    found, of_row = numbered(given_keys)
    assert found.tolist() == expected.tolist() == different(given_keys).tolist()
    assert of_row.tolist() == places.tolist()
