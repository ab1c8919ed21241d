"""Packet captures as a source: the files go through the core into a store in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafkascope.store import Store

#: A capture may be from any year; rows of it are not old.
_ANY_AGE_S = 1e10


@dataclass(frozen=True)
class Loaded:
    """A store filled from captures: the times of their first and last packet (ns since the epoch), and what was not seen, for the user."""

    store: Store
    first_ns: int
    last_ns: int
    notes: list[str]


def in_memory() -> Store:
    """An empty store for rows of captures."""
    return Store(None, retention_age_s=_ANY_AGE_S, retention_bytes=1 << 62)


def load(files: Sequence[str]) -> Loaded:
    """Read ``files`` whole. Raises the core's ``CaptureFileError`` (message, hint)."""
    from kafkascope import _core

    store = in_memory()
    try:
        pipeline = _core.FilePipeline(list(files))
        while (batches := pipeline.next()) is not None:
            for table, batch in batches.items():
                store.append(table, batch)
        summary = pipeline.summary()
    except BaseException:
        store.close()
        raise
    notes = notes_of(summary)
    dropped = store.stats()["rowsDroppedByMemory"]
    if dropped:
        notes.append(f"{dropped:,} of the oldest rows did not fit into memory; read the capture in parts")
    return Loaded(store, int(summary["first_ns"] or 0), int(summary["last_ns"] or 0), notes)


def notes_of(summary: Mapping[str, Any]) -> list[str]:
    """What a user should know of captures, by the core's counters of them."""
    notes = [str(warning) for warning in summary.get("warnings", [])]
    if not summary.get("requests", 1):
        notes.append("no Kafka was found in the capture")
    for key, text in (("unreadable_bytes", "bytes unreadable"), ("missing_bytes", "bytes missing"), ("tls_connections", "TLS connections, content not visible"),
                      ("fragments", "IP fragments not read"), ("corrupt_packets", "packets with a wrong checksum left out")):  # fmt: skip
        if summary.get(key):
            notes.append(f"{summary[key]:,} {text}")
    return notes
