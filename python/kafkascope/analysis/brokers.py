"""Which cluster a broker's address belongs to: for rows from before the cluster's id was seen.

A capture that begins in the middle of a connection, or sees a client alone, does not know a broker's cluster until somebody asks for Metadata. Until then a row
belongs to the cluster that another row named for the same address; failing that to the only cluster there is, which is a guess. Where it was wrong, what was put
there is to be forgotten: ``corrections`` says what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.analysis.numpy_columns import NO_TEXT, ZERO, Ints, combined
from kafkascope.analysis.told import DELETIONS

#: Addresses whose cluster is known, and those that were guessed at; beyond, an address has no cluster of its own, or a guess is never taken back.
MAX_BROKERS = 20_000
MAX_GUESSES = 1_000
#: Groups, and topics, that are remembered of a guess.
_NAMES = 1_000
_CLIENT = pa.scalar(1, pa.int64())
#: The cluster of an address that has none yet.
_UNKNOWN = "?"
#: Columns that tell which broker a row is of; in rows of ``kafka_events.beta``.
BROKER = ("broker_addr", "broker_port", "broker_upid")
ENDS = ("trace_role", "local_addr", "local_port", "remote_addr", "remote_port", "upid")


class Address(NamedTuple):
    """A broker's. ``host`` tells loopback addresses of several hosts apart: it is their agent's number."""

    address: str
    port: int
    host: str


@dataclass
class _Names:
    groups: set[str] = field(default_factory=set)
    topics: set[str] = field(default_factory=set)

    def add(self, group: str, topic: str) -> int:
        """How many of the two there was no room for."""
        untold = 0
        for known, value in ((self.groups, group), (self.topics, topic)):
            if value and value not in known:
                if len(known) < _NAMES:
                    known.add(value)
                else:
                    untold += 1
        return untold

    def update(self, others: _Names) -> None:
        self.groups |= others.groups
        self.topics |= others.topics


class Brokers:
    """Learns from ``kafka_clients``; names the clusters of other rows."""

    def __init__(self) -> None:
        #: What a limit cost.
        self.dropped = 0
        self._clusters: dict[Address, str] = {}
        #: What was taken to be where, by the broker.
        self._guesses: dict[Address, dict[str, _Names]] = {}

    def learn(self, clients: pa.Table) -> None:
        """The clusters in rows of ``kafka_clients``. The newest holds: a broker may be put up anew for another cluster."""
        named = clients.filter(pc.not_equal(clients["cluster_id"], NO_TEXT))
        if named.num_rows == 0:
            return
        addresses, of_row = _addresses(named)
        found, of_pair = combined(pa.array(of_row), named["cluster_id"])
        newest = np.zeros(len(found), np.int64)
        newest[of_pair] = np.arange(named.num_rows)
        for place in np.argsort(newest).tolist():
            address, cluster = addresses[int(found[place][0])], found[place][1]
            if address in self._clusters or len(self._clusters) < MAX_BROKERS:
                self._clusters[address] = cluster
            else:
                self.dropped += 1

    def named(self, tables: Mapping[str, pa.Table], only: str) -> dict[str, pa.Table]:
        """The rows with their clusters; ``only`` is the cluster that there is, empty while there are none or several."""
        return {name: self._named(name, table, only) for name, table in tables.items()}

    def settle(self, only: str) -> None:
        """What was in no cluster is in the first that is named, while that is alone: the tracker moves it there."""
        if not only:
            return
        for places in self._guesses.values():
            if (names := places.pop("", None)) is not None:
                places.setdefault(only, _Names()).update(names)

    def corrections(self, time_ns: int) -> pa.Table:
        """What was guessed wrong, as if it were deleted where it was put: rows like those of ``told.deletions``."""
        rows: list[dict[str, object]] = []
        for address in [address for address in self._guesses if address in self._clusters]:
            for cluster, names in self._guesses.pop(address).items():
                if cluster != self._clusters[address]:
                    blank: dict[str, object] = {"cluster_id": cluster, "group_id": "", "topic": "", "topic_id": "", "partition": None, "time_": time_ns}
                    rows.extend(blank | {"topic": topic} for topic in sorted(names.topics))
                    rows.extend(blank | {"group_id": group} for group in sorted(names.groups))
        return pa.Table.from_pylist(rows, schema=DELETIONS) if rows else DELETIONS.empty_table()

    def _named(self, name: str, table: pa.Table, only: str) -> pa.Table:
        if table.num_rows == 0 or "cluster_id" not in table.column_names:
            return table
        unnamed = pc.equal(table["cluster_id"], NO_TEXT)
        if not pc.any(unnamed).as_py():
            return table
        rows = table.filter(unnamed)
        addresses, of_row = _addresses(rows)
        clusters = np.array([self._clusters.get(address, _UNKNOWN) for address in addresses], object)[of_row]
        unknown = clusters == _UNKNOWN
        if name in _TELLING and unknown.any():
            self._note(rows.filter(pa.array(unknown)), addresses, of_row[unknown], only)
        column = pc.replace_with_mask(table["cluster_id"].combine_chunks(), unnamed.combine_chunks(), pa.array(np.where(unknown, only, clusters), pa.string()))
        return table.set_column(table.column_names.index("cluster_id"), "cluster_id", column)

    def _note(self, rows: pa.Table, addresses: Sequence[Address], of_row: Ints, place: str) -> None:
        found, _ = combined(pa.array(of_row), *(rows[name] if name in rows.column_names else pa.repeat(NO_TEXT, rows.num_rows) for name in ("group_id", "topic")))
        for number, group, topic in found:
            address = addresses[int(number)]
            if address not in self._guesses and len(self._guesses) >= MAX_GUESSES:
                self.dropped += 1
                continue
            self.dropped += self._guesses.setdefault(address, {}).setdefault(place, _Names()).add(group, topic)


#: Tables whose rows become groups and partitions.
_TELLING = frozenset({"kafka_commits", "kafka_fetch", "kafka_produce", "kafka_group_events"})


def _addresses(rows: pa.Table) -> tuple[list[Address], Ints]:
    """The brokers of rows, and which of them each row is of."""
    address, port, upid = (rows[name] for name in (BROKER if BROKER[0] in rows.column_names else ("local_addr", "local_port", "upid")))
    if "trace_role" in rows.column_names:
        by_client = pc.equal(pc.fill_null(rows["trace_role"], ZERO), _CLIENT)
        address, port = (pc.if_else(by_client, rows[name], other) for name, other in (("remote_addr", address), ("remote_port", port)))
    found, of_row = combined(address, pc.fill_null(port, ZERO), upid)
    return [_address(address, int(port), upid) for address, port, upid in found], of_row


def _address(address: str, port: int, upid: str) -> Address:
    loopback = address.startswith("127.") or address == "::1"
    return Address(address, port, upid.split(":")[0] if loopback else "")
