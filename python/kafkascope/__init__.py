"""Kafkascope: see what happens in Apache Kafka, without touching it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kafkascope.client import Client as Client

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Most commands need no Arrow; they start sooner without.
    if name == "Client":
        from kafkascope.client import Client

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
