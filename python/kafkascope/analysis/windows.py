"""The last commits of each group on each partition, and the last ends of each partition's log, as the verdicts judge them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kafkascope.analysis.slots import Slots

Ints = npt.NDArray[np.int64]

#: What is not known, where 0 is a value.
NONE = -1


def columns(prefix: str, parts: tuple[str, ...], width: int) -> dict[str, tuple[int, int]]:
    """The columns of a window: its parts, oldest first, and how many are filled."""
    return {**{f"{prefix}_{part}": (NONE, width) for part in parts}, f"{prefix}_filled": (0, 1)}


def push(slots: Slots, prefix: str, at: Ints, values: dict[str, Ints], *, bucket: Ints, bucket_of: str, keep: str) -> None:
    """Add rows, oldest first for each slot. A row of the same bucket as the newest replaces it but for ``keep``, which stays the first's.

    ``bucket_of`` names the part whose bucket is compared; ``bucket`` is that of each row.
    """
    if len(at) == 0:
        return
    order = np.lexsort((np.arange(len(at)), at))
    at, bucket = at[order], bucket[order]
    values = {name: column[order] for name, column in values.items()}
    start = np.append(True, at[1:] != at[:-1])
    number = np.arange(len(at))
    rank = number - np.maximum.accumulate(np.where(start, number, 0))
    width = slots.columns[f"{prefix}_{keep}"].shape[1]
    counts = np.diff(np.append(np.flatnonzero(start), len(at)))
    skip = np.maximum(np.repeat(counts, counts) - 4 * width, 0)
    # Of very many rows of one slot only the newest can stay in the window.
    for step in range(int((rank - skip).max()) + 1):
        now = np.flatnonzero(rank - skip == step)
        if len(now):
            _push_one(slots, prefix, at[now], {n: c[now] for n, c in values.items()}, bucket[now], bucket_of, keep, width)


def _push_one(slots: Slots, prefix: str, at: Ints, values: dict[str, Ints], bucket: Ints, bucket_of: str, keep: str, width: int) -> None:
    filled = slots.columns[f"{prefix}_filled"]
    buckets = slots.columns[f"{prefix}_{bucket_of}"]
    newest = np.maximum(filled[at] - 1, 0)
    same = (filled[at] > 0) & (buckets[at, newest] == bucket)
    full = at[~same & (filled[at] == width)]
    for name in [*values, bucket_of]:
        column = slots.columns[f"{prefix}_{name}"]
        column[full, :-1] = column[full, 1:]
    fresh = at[~same]
    filled[fresh] = np.minimum(filled[fresh] + 1, width)
    place = filled[at] - 1
    buckets[at, place] = bucket
    for name, column in values.items():
        stored = slots.columns[f"{prefix}_{name}"]
        if name == keep:
            stored[fresh, place[~same]] = column[~same]
        else:
            stored[at, place] = column
