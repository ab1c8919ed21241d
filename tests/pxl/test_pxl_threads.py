"""Scripts are read on several threads at a time: each browser tab that opens brings a handful."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kafkascope.pxl import syntax
from kafkascope.scripts import px

SCRIPTS = [path.read_text() for path in sorted(Path(next(iter(px.__path__))).rglob("*.pxl"))]


@pytest.fixture
def threads_that_change_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def test_scripts_are_read_on_many_threads_as_on_one(threads_that_change_often: None) -> None:
    filters = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        trees = list(pool.map(lambda number: syntax.parse(f"{SCRIPTS[number % len(SCRIPTS)]}\n# {number}"), range(400)))
    assert len(SCRIPTS) > 30
    assert all(tree.body for tree in trees)
    assert list(warnings.filters) == filters
