"""A client over a capture in this process, and one over a server on the same capture."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kafkascope
from kafkascope.client import Client

CAPTURE = Path(__file__).resolve().parents[2] / "captures" / "kafka-3.9.pcap.gz"


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, "-m", "kafkascope.cli.main", "up", "--port", "0", "--config", "", "--capture", str(CAPTURE)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split("is at ")[1].split()[0]
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.fixture(scope="session", params=["server", "capture"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    with kafkascope.Client(server_url=request.getfixturevalue("address")) if request.param == "server" else kafkascope.Client(capture=CAPTURE) as made:
        yield made
