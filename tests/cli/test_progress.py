"""What takes long says so on a terminal, and nowhere else."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable

import pytest

from kafkascope.cli import progress


class Stderr(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def wait(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_takes_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    err = Stderr(True)
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setattr(progress, "PATIENCE_S", 0.05)
    with progress.progress("reading the capture"):
        wait(lambda: "reading the capture" in err.getvalue())
    # The line is wiped, so that what follows stands alone.
    assert err.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize(("terminal", "patience_s"), [(True, 60.0), (False, 0.0)], ids=["done sooner", "no terminal"])
def test_nothing_is_told_of_what_is_short_or_to_a_program(terminal: bool, patience_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    err = Stderr(terminal)
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setattr(progress, "PATIENCE_S", patience_s)
    with progress.progress("reading the capture"):
        time.sleep(0.1)
    assert err.getvalue() == ""


def test_a_failure_ends_the_line_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    err = Stderr(True)
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setattr(progress, "PATIENCE_S", 0.01)
    with pytest.raises(ValueError, match="bad"), progress.progress("x"):
        wait(lambda: "x" in err.getvalue())
        raise ValueError("bad")
    assert err.getvalue().endswith("\r\x1b[K")
