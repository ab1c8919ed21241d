"""Dense numbers for names and keys, and columns of numpy arrays that grow with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kafkascope.analysis.numpy_columns import encoded, numbered

Ints = npt.NDArray[np.int64]


class Names:
    """Strings by number, in the order they came."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.texts)

    def number(self, text: str) -> int:
        """The number of a string, a new one when it was not met before."""
        found = self._numbers.get(text)
        if found is None:
            found = self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return found

    def known(self, text: str) -> int | None:
        """The number of a string that was met."""
        return self._numbers.get(text)

    def numbers(self, column: pa.Array | pa.ChunkedArray) -> Ints:
        """The numbers of a column of strings; null is the empty string. Work grows with the different strings, not with the rows."""
        texts, codes = encoded(column)
        return np.fromiter(map(self.number, texts), np.int64, len(texts))[codes]

    def column(self, numbers: Ints) -> pa.Array:
        """The strings of numbers."""
        used, inverse = numbered(numbers)
        return pa.array([self.texts[i] for i in used.tolist()], pa.string()).take(pa.array(inverse))

    def rename(self, number: int, text: str) -> None:
        """Another string for a number; the string must not have one."""
        assert text not in self._numbers
        self._numbers.pop(self.texts[number], None)
        self._numbers[text] = number
        self.texts[number] = text


class Slots:
    """A place in the columns for each key; a place that is given back is used again.

    ``columns`` names each column with its fill value and its width (1 for one value a slot). Beyond ``limit`` keys new ones get the slot -1 and
    are counted in ``refused``.
    """

    def __init__(self, columns: dict[str, tuple[int, int]], limit: int) -> None:
        self.limit = limit
        self.refused = 0
        self.slot_of: dict[int, int] = {}
        self._fill = columns
        self._free: list[int] = []
        self.size = 0
        self._capacity = 256
        self.key = np.full(self._capacity, -1, np.int64)
        self.columns: dict[str, Ints] = {name: self._new(name, self._capacity) for name in columns}

    def _new(self, name: str, count: int) -> Ints:
        fill, width = self._fill[name]
        return np.full(count if width == 1 else (count, width), fill, np.int64)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["columns"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __len__(self) -> int:
        return len(self.slot_of)

    def live(self) -> Ints:
        """The slots in use."""
        return np.flatnonzero(self.key[: self.size] >= 0)

    def find(self, keys: Ints, **of_keys: Ints) -> Ints:
        """The slots of keys, made for those that are new; ``of_keys`` are columns that hold the same in all rows of a key."""
        if len(keys) == 0:
            return keys
        unique, inverse = numbered(keys)
        slots = np.fromiter((self._slot(key) for key in unique.tolist()), np.int64, len(unique))
        row = np.empty(len(unique), np.int64)
        row[inverse] = np.arange(len(keys))
        found = slots >= 0
        for name, column in of_keys.items():
            self.columns[name][slots[found]] = column[row[found]]
        return slots[inverse]

    def _slot(self, key: int) -> int:
        slot = self.slot_of.get(key)
        if slot is not None:
            return slot
        if len(self.slot_of) >= self.limit:
            self.refused += 1
            return -1
        if self._free:
            slot = self._free.pop()
        else:
            slot = self.size
            self.size += 1
            if self.size > self._capacity:
                more = self._capacity
                self._capacity += more
                self.key = np.append(self.key, np.full(more, -1, np.int64))
                for name in self._fill:
                    self.columns[name] = np.concatenate([self.columns[name], self._new(name, more)])
        self.slot_of[key] = slot
        self.key[slot] = key
        return slot

    def release(self, slots: Iterable[int]) -> None:
        """Forget keys with what their columns hold."""
        for slot in slots:
            key = int(self.key[slot])
            if key < 0:
                continue
            del self.slot_of[key]
            self.key[slot] = -1
            for name, (fill, _) in self._fill.items():
                self.columns[name][slot] = fill
            self._free.append(slot)
