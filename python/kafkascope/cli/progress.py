"""What takes longer than a second says so, on standard error of a terminal; a pipe stays quiet."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: What is done sooner needs no word.
PATIENCE_S = 1.0
_STEP_S = 0.2
_SIGNS = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Say ``what`` is going on, and for how long, while the block runs; the line is gone afterwards."""
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    teller = threading.Thread(target=_tell, args=(what, done), daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def _tell(what: str, done: threading.Event) -> None:
    began = time.monotonic()
    if done.wait(PATIENCE_S):
        return
    step = 0
    while True:
        sys.stderr.write(f"\r{_SIGNS[step % len(_SIGNS)]} {what} … {time.monotonic() - began:.0f} s\x1b[K")
        sys.stderr.flush()
        step += 1
        if done.wait(_STEP_S):
            break
    sys.stderr.write("\r\x1b[K")
    sys.stderr.flush()
