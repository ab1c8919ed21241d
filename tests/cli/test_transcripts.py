"""What px answers to right and wrong use, word for word: ``transcripts.md``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def transcripts() -> Iterator[tuple[str, list[str]]]:
    """Each command line with the lines that answer it."""
    for block in re.findall(r"^```\n(.*?)^```", (HERE / "transcripts.md").read_text(), re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, *answer = part.rstrip("\n").split("\n")
            yield line, answer


ALL = list(transcripts())


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A shell's variables: px is the one under test, nothing is configured, and no server is there."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "px").write_text(f'#!/bin/sh\nexec {sys.executable} -m kafkascope.cli.main "$@"\n')
    (folder / "px").chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KAFKASCOPE_")}
    return {**kept, "PATH": f"{folder}:{os.environ['PATH']}", "KAFKASCOPE_SERVER": "http://127.0.0.1:1"}


@pytest.mark.parametrize(("line", "answer"), ALL, ids=[line for line, _ in ALL])
def test_transcript(line: str, answer: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False, stdin=subprocess.DEVNULL)
    told = [*done.stdout.splitlines(), *(f"2> {said}" for said in done.stderr.splitlines()), *([f"[{done.returncode}]"] if done.returncode else [])]
    cut = [said[: len(wanted) - 1] + "…" if wanted.endswith("…") else said for said, wanted in zip(told, answer, strict=False)]
    assert cut + told[len(answer) :] == answer


def test_transcripts_are_found() -> None:
    assert len(ALL) > 30
