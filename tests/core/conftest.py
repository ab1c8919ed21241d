"""Captures of real brokers and clients, read once."""

from __future__ import annotations

import pytest
from core_rows import Capture, load


@pytest.fixture(scope="session")
def java() -> Capture:
    """Kafka 4.4 with Java clients of 4.4, 3.9 and 2.8: all group protocols, sessions, transactions, acks=0."""
    return load("java-clients")


@pytest.fixture(scope="session")
def old() -> Capture:
    """Kafka 3.9 with Java 2.8 and 3.9 and a client that speaks as in 2016."""
    return load("kafka-3.9")


@pytest.fixture(scope="session")
def libs() -> Capture:
    """Kafka 4.4 with every other client library."""
    return load("other-clients")


@pytest.fixture(scope="session")
def two() -> Capture:
    """Two brokers: replication, the controller's requests."""
    return load("two-brokers")


@pytest.fixture(scope="session", params=["java", "old", "libs", "two"])
def any_capture(request: pytest.FixtureRequest) -> Capture:
    return request.getfixturevalue(request.param)
