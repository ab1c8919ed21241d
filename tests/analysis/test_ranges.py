"""Ranges of offsets, however they come: what is found is what all of them say together."""

from __future__ import annotations

import numpy as np
import pytest

from kafkascope.analysis import ranges
from kafkascope.analysis.offset_run import BEYOND
from kafkascope.analysis.ranges import OffsetRanges

_PARTITIONS, _OFFSETS = 5, 60


def _plain(rows: list[tuple[int, int, int, int]], partition: int, offset: int) -> tuple[int, int]:
    """The definition: of ranges that begin at one offset the earliest time and the farthest last; of those that hold an offset the one that begins last."""
    each: dict[int, tuple[int, int]] = {}
    for at, first, last, time in rows:
        if at == partition:
            before = each.get(first, (last, time))
            each[first] = (max(before[0], last), min(before[1], time))
    begun = [first for first in each if first <= offset]
    held = max(begun) if begun else None
    beyond = min((first for first in each if first > offset), default=None)
    return each[held][1] if held is not None and each[held][0] >= offset else 0, each[beyond][1] if beyond is not None else 0


def _plain_end(rows: list[tuple[int, int, int, int]], partition: int, offset: int) -> tuple[int, int]:
    """The definition: of the ranges that end there or beyond, the last offset of those that end first, and their earliest time."""
    ends = [(last, time) for at, _, last, time in rows if at == partition and last >= offset]
    return min(ends, default=(BEYOND, BEYOND))


@pytest.mark.parametrize("limit", [1_000_000, 240], ids=["one run", "many runs"])
@pytest.mark.parametrize("origin", [0, (1 << 44) - _OFFSETS // 2, 1 << 60], ids=["", "about to need more bits", "large offsets"])
@pytest.mark.parametrize("seed", range(10))
def test_what_is_found_is_what_all_ranges_say(seed: int, origin: int, limit: int) -> None:
    random = np.random.default_rng(seed)
    log, rows = OffsetRanges(limit), []
    asked = np.array([(p, origin + o) for p in range(_PARTITIONS + 1) for o in range(_OFFSETS + 5)])
    for _ in range(12):
        many = int(random.integers(0, 9))
        first = origin + random.integers(0, _OFFSETS, many)
        new = np.stack([random.integers(0, _PARTITIONS, many), first, first + random.integers(0, 4, many), random.integers(1, 1000, many)])
        log.add(*new)
        rows += [tuple(row) for row in new.T.tolist()]
        if random.random() < 0.5:
            held, beyond = log.find(asked[:, 0], asked[:, 1])
            assert list(zip(held.tolist(), beyond.tolist(), strict=True)) == [_plain(rows, p, o) for p, o in asked.tolist()]


@pytest.mark.parametrize("limit", [1_000_000, 240], ids=["one run", "many runs"])
@pytest.mark.parametrize("seed", range(10))
def test_which_range_ends_first(seed: int, limit: int) -> None:
    random = np.random.default_rng(seed)
    log, rows = OffsetRanges(limit), []
    asked = np.array([(p, o) for p in range(_PARTITIONS + 1) for o in range(_OFFSETS + 5)])
    # A batch that is written again is answered with the offsets of the first time; some lie within others, and some end together.
    long = random.integers(0, 4, _OFFSETS)
    for _ in range(12):
        many = int(random.integers(0, 9))
        first = random.integers(0, _OFFSETS, many)
        new = np.stack([random.integers(0, _PARTITIONS, many), first, first + long[first], random.integers(1, 1000, many)])
        log.add(*new)
        rows += [tuple(row) for row in new.T.tolist()]
        last, time = log.first_end(asked[:, 0], asked[:, 1])
        assert list(zip(last.tolist(), time.tolist(), strict=True)) == [_plain_end(rows, p, o) for p, o in asked.tolist()]


@pytest.mark.parametrize("limit", [1_000_000, 240], ids=["one run", "many runs"])
@pytest.mark.parametrize("seed", range(10))
def test_what_is_needed_or_young_stays_whatever_else_goes(seed: int, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "_TAIL", 4)
    random = np.random.default_rng(seed)
    log, rows = OffsetRanges(limit), []
    for step in range(40):
        first = random.permutation(5 * step + np.arange(5))
        new = np.stack([random.integers(0, _PARTITIONS, 5), first, first, np.full(5, step + 1)])
        log.add(*new)
        rows += [tuple(row) for row in new.T.tolist()]
        needed = random.integers(0, 5 * step + 1, _PARTITIONS)
        needed[0] = 0
        log.forget_below(needed, keep_after=step - 3)
        if step == 20:
            log.forget(np.array([1]))
            rows = [row for row in rows if row[0] != 1]
        kept = np.array([row for row in rows if row[2] >= needed[row[0]] or row[3] >= step - 3]).T
        rows = [tuple(row) for row in kept.T.tolist()]
        held, _ = log.find(kept[0], kept[1])
        assert held.tolist() == kept[3].tolist()


def test_what_everybody_has_read_is_forgotten_before_there_is_much_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "_TAIL", 16)
    log, most = OffsetRanges(1_000_000), 0
    for step in range(100):
        offsets = np.arange(step * 10, step * 10 + 10)
        log.add(np.zeros(10, np.int64), offsets, offsets, offsets + 1)
        # A group that has read all but the last hundred; none is too young to go.
        log.forget_below(np.array([step * 10 - 90]), keep_after=10_000)
        most = max(most, len(log))
    assert most <= 100 + 10 + 100 // 4
    needed, _ = log.find(np.zeros(100, np.int64), np.arange(900, 1000))
    assert needed.tolist() == list(range(901, 1001))


def test_neighbours_are_joined_beyond_the_limit_and_counted() -> None:
    log = OffsetRanges(10)
    offsets = np.arange(40)
    log.add(offsets % 2, offsets, offsets, offsets + 1)
    held, _ = log.find(offsets % 2, offsets)
    assert len(log) <= 10 and log.joined == 40 - len(log)
    assert (held > 0).all() and (held <= offsets + 1).all()
