"""Columns of incoming rows as numpy: numbers as they are, texts as small numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]

#: What columns are compared with. Of a number or a text of Python's Arrow asks the import system each time whether it is a time zone.
ZERO, NO_TEXT = pa.scalar(0, pa.int64()), pa.scalar("")

#: Of fewer rows to set up a dictionary takes longer than to sort them.
_FEW = 256


def ints(column: pa.ChunkedArray, null: int) -> Ints:
    """The numbers of a column, null as this one. Not to be written to."""
    filled = column.fill_null(null) if column.null_count else column
    return np.asarray(filled.to_numpy(), np.int64)


def encoded(column: pa.Array | pa.ChunkedArray) -> tuple[list[str], Ints]:
    """The different texts of a column, and which of them each row has; null is the empty text."""
    if len(column) == 0:
        return [], np.empty(0, np.int64)
    if column.null_count:
        column = column.fill_null("")
    # Most columns say the same in all rows of a step, the cluster and what there is none of: seen in a fraction of the time that a dictionary takes.
    if pc.all(pc.equal(column, column[0])).as_py():
        return [column[0].as_py()], np.zeros(len(column), np.int64)
    found = column.dictionary_encode()
    if isinstance(found, pa.ChunkedArray):
        found = found.combine_chunks()
    return found.dictionary.to_pylist(), found.indices.to_numpy().astype(np.int64)


def numbered(keys: Ints) -> tuple[Ints, Ints]:
    """The different keys in order, and which of them each row has. Rows that share few keys are not sorted for it, as ``np.unique`` would."""
    if len(keys) < _FEW:
        return np.unique(keys, return_inverse=True)
    found = pa.array(keys).dictionary_encode()
    unique, codes = found.dictionary.to_numpy(), found.indices.to_numpy()
    order = np.argsort(unique)
    place = np.empty(len(unique), np.int64)
    place[order] = np.arange(len(unique))
    return unique[order], place[codes]


def different(keys: Ints) -> Ints:
    """The different keys in order. ``np.unique`` loads numpy's masked arrays for it, which takes as long as some steps of the analysis."""
    return np.unique(keys, return_index=True)[0]


def combined(*columns: pa.Array | pa.ChunkedArray) -> tuple[list[tuple[str, ...]], Ints]:
    """The different combinations of texts that rows have in some columns, and which of them each row has."""
    texts, codes = zip(*map(encoded, columns), strict=True)
    if all(len(words) == 1 for words in texts):
        return [tuple(words[0] for words in texts)], codes[0]
    sizes = tuple(max(len(words), 1) for words in texts)
    used, inverse = numbered(np.ravel_multi_index(codes, sizes))
    rows = zip(*(places.tolist() for places in np.unravel_index(used, sizes)), strict=True)
    return [tuple(words[place] for words, place in zip(texts, row, strict=True)) for row in rows], inverse
