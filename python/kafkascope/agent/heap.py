"""What the agent's process keeps of the memory that it has used."""

from __future__ import annotations

import contextlib
import ctypes

import pyarrow as pa

#: glibc's ``malloc.h``.
_M_ARENA_MAX = -8
_ARENAS = 2


def keep_small() -> None:
    """Have few heaps. Each thread's own, and Arrow's beside them, would each keep what its largest batch took; batches are few and made by two threads."""
    with contextlib.suppress(OSError, AttributeError):  # other C libraries have one heap anyway
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
    pa.set_memory_pool(pa.system_memory_pool())
