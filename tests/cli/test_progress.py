"""What takes long says so on a terminal, and nowhere else."""

from __future__ import annotations

import io
import sys
import time

import pytest

from kafkascope.cli import progress


class Stderr(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(("terminal", "wait_s", "said"), [(True, 0.3, True), (True, 0.0, False), (False, 0.3, False)])
def test_only_what_takes_long_is_told_and_only_to_people(terminal: bool, wait_s: float, said: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    err = Stderr(terminal)
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setattr(progress, "PATIENCE_S", 0.05)
    with progress.progress("reading the capture"):
        time.sleep(wait_s)
    assert ("reading the capture" in err.getvalue()) == said
    # The line is wiped, so that what follows stands alone.
    assert not said or err.getvalue().endswith("\r\x1b[K")


def test_a_failure_ends_the_line_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    err = Stderr(True)
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setattr(progress, "PATIENCE_S", 0.01)
    with pytest.raises(ValueError, match="bad"), progress.progress("x"):
        time.sleep(0.1)
        raise ValueError("bad")
    assert err.getvalue().endswith("\r\x1b[K")
