"""Standard input, output and error when they are closed, full, or read by somebody who has seen enough."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator

from kafkascope.cli.errors import FAILED, CommandError

_STREAMS = (("stdin", "r", os.O_WRONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY))

#: What a write to a file that is full, or not open for it, is answered with.
_REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def reopen_closed() -> None:
    """Occupy descriptors 0 to 2 that were closed (``px … >&-``): the next file to be opened would take their place, and be written to as standard output.

    Standard input and output get a descriptor that refuses to be read or written, so that the refusal has the usual form; messages go nowhere.
    """
    for number, (name, mode, flags) in enumerate(_STREAMS):
        if getattr(sys, name) is not None:
            continue
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)
        setattr(sys, name, os.fdopen(number, mode, closefd=False))


def as_utf8() -> None:
    """Read and write UTF-8 whatever the locale says, as px live and px decode do: names and frames have no place in ASCII, and JSON is UTF-8 (RFC 8259)."""
    for name, _, _ in _STREAMS:
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            # Names of files need not be text at all.
            stream.reconfigure(encoding="utf-8", errors="strict" if name == "stdin" else "backslashreplace")


@contextlib.contextmanager
def written() -> Iterator[None]:
    """Let what the block printed reach its reader; a reader that left (``px decode … | head``) ends it quietly, a full disk with a message."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _discard()
        raise SystemExit(0) from None
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        _discard()
        raise CommandError(f"the output cannot be written: {error.strerror}", "", FAILED) from error


def read_input() -> str:
    """All of standard input, as UTF-8."""
    try:
        return sys.stdin.read()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"standard input cannot be read: {getattr(error, 'strerror', None) or error}", "", FAILED) from error


def _discard() -> None:
    """What is still buffered has no reader; the interpreter would try once more at its end, and complain."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
