"""What the agent's process keeps of the memory that it has used."""

from __future__ import annotations

import contextlib
import ctypes
import gc

import pyarrow as pa

#: glibc's ``malloc.h``.
_M_ARENA_MAX = -8
_M_MMAP_THRESHOLD = -3
_ARENAS = 2
#: A batch's columns are larger. Given a value, glibc does not raise it to the largest that was freed.
_MAPPED_BYTES = 256 << 10


def keep_small() -> None:
    """Have few heaps. Each thread's own, and Arrow's beside them, would each keep what its largest batch took; batches are few and made by two threads."""
    with contextlib.suppress(OSError, AttributeError):  # other C libraries have one heap anyway
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_ARENA_MAX, _ARENAS)
        libc.mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
    pa.set_memory_pool(pa.system_memory_pool())


def settle() -> None:
    """Give back what only the start needed; what is left stays, and is not looked through for garbage again and again."""
    gc.collect()
    gc.freeze()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
