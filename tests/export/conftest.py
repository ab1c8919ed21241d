"""A capture's analysis, shared by the tests of what is exported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CAPTURES = Path(__file__).parents[2] / "captures"


@pytest.fixture(scope="session")
def analysed() -> Iterator[Any]:
    """The analysis of a golden capture, as of its end."""
    pytest.importorskip("kafkascope._core", reason="the core is not built")
    from kafkascope.agent import captures
    from kafkascope.server.analysis import Analysis

    loaded = captures.load([str(CAPTURES / "java-clients.pcap.gz")])
    analysis = Analysis(loaded.store, captured=(loaded.first_ns, loaded.last_ns))
    analysis.snapshot(loaded.last_ns)
    yield analysis
    loaded.store.close()
