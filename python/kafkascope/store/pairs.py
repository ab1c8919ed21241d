"""One row for an exchange that two agents saw, or one agent at both sides of an address translation.

The broker's side is kept, as on one host: its times are the broker's, and its address is the broker's own where the client's side only knows a
service's. What only the client's side knows, its process, is filled in once it has told of the connection. A client's
row is left out when its connection, or the broker's address, was seen from the broker's side within the last seconds; otherwise nobody else would tell
of it.

Where two agents see the same side, as on nodes that share a kernel (kind) or where both read packets, the one that told first of a connection goes on.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

#: For this long the broker's side counts as seen. Shorter than any agent's restart, longer than the delay between two agents' batches.
COVER_S = 5.0
_CONNECTIONS = 200_000
#: Batches of the last seconds whose ends nobody has asked for yet.
_ASIDE = 256
#: What columns are compared with, made once: of a text or a number of Python's Arrow asks the import system each time whether it is a time zone.
_CLIENT, _TRACED_CLIENT, _NO_TEXT, _IPV6_LOCAL = pa.scalar("client"), pa.scalar(1, pa.int64()), pa.scalar(""), pa.scalar("::1")


def _bound(known: OrderedDict[Any, Any]) -> None:
    """The longest unseen go first."""
    while len(known) > _CONNECTIONS:
        known.popitem(last=False)


class _Recent:
    """Keys that were seen lately; bounded."""

    def __init__(self) -> None:
        self._times: OrderedDict[str, float] = OrderedDict()

    def see(self, keys: Iterable[str], now_s: float) -> None:
        for key in keys:
            self._times[key] = now_s
            self._times.move_to_end(key)
        _bound(self._times)

    def among(self, keys: list[str], now_s: float) -> list[str]:
        return [key for key in keys if now_s - self._times.get(key, float("-inf")) <= COVER_S]


class _Tellers:
    """Which agent tells a table's rows of a connection; bounded as ``_Recent``."""

    def __init__(self) -> None:
        # Agent, the time of the first row that it told (ns), and when it was heard last (s).
        self._known: OrderedDict[tuple[str, str], tuple[int, int, float]] = OrderedDict()
        self._first: int | None = None
        #: Whether there is more than one agent: of a single one nothing needs to be remembered.
        self.several = False

    def heard(self, agent: int) -> None:
        if self._first is None:
            self._first = agent
        self.several |= agent != self._first

    def others(self, table: str, agent: int, first: Iterable[tuple[str, int]], now_s: float) -> dict[str, int]:
        """Of the connections ``first``, each with the time of its first row, those that another agent tells, and since when.

        From that time on only: what an agent brings late from its disk, of a time when the other did not tell yet, nobody else has told.
        """
        found: dict[str, int] = {}
        for connection, time_ns in first:
            key = (table, connection)
            teller, since, heard = self._known.get(key, (agent, time_ns, now_s))
            if teller != agent and now_s - heard <= COVER_S:
                found[connection] = since
                continue
            self._known[key] = (agent, since if teller == agent else time_ns, now_s)
            self._known.move_to_end(key)
        _bound(self._known)
        return found


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where a table of exchanges says which side told a row, who its two ends are, and which processes have them."""

    side: str
    client_side: Any
    ends: tuple[str, str, str, str]
    #: The client's process, and the column that is filled with it.
    client_upid: str
    target: str


#: The ends of ``kafka_events.beta`` are those of the side that told, then the other.
_EVENTS = _Columns("trace_role", _TRACED_CLIENT, ("local_addr", "local_port", "remote_addr", "remote_port"), "upid", "remote_upid")
_TYPED = _Columns("observed_by", _CLIENT, ("client_addr", "client_port", "broker_addr", "broker_port"), "client_upid", "client_upid")


def _columns(batch: Any) -> _Columns | None:
    names = batch.schema.names
    return next((columns for columns in (_EVENTS, _TYPED) if columns.side in names and columns.target in names), None)


def _from_client(batch: Any, columns: _Columns) -> Any:
    return pc.equal(batch.column(columns.side), columns.client_side)


@dataclass(frozen=True, slots=True)
class _Rows:
    """A batch, whether the client's side told each of its rows, and both ends of each: ``address port``, null where it says nothing between hosts."""

    batch: Any
    from_client: Any
    client: Any
    broker: Any

    @classmethod
    def of(cls, batch: Any, columns: _Columns) -> _Rows:
        from_client = _from_client(batch, columns)
        first, second = _key(batch, *columns.ends[:2]), _key(batch, *columns.ends[2:])
        if columns is _TYPED:
            return cls(batch, from_client, first, second)
        return cls(batch, from_client, pc.if_else(from_client, first, second), pc.if_else(from_client, second, first))

    def without(self, rows: Any) -> _Rows:
        kept = pc.invert(rows)
        return _Rows(self.batch.filter(kept), self.from_client.filter(kept), self.client.filter(kept), self.broker.filter(kept))


@dataclass(frozen=True, slots=True)
class _Ends:
    """The ends of a batch's rows, each once; those that say nothing between hosts left out."""

    clients_of_clients: set[str]
    clients_of_brokers: set[str]
    brokers_of_brokers: set[str]

    @classmethod
    def of(cls, batch: Any, columns: _Columns) -> _Ends:
        """As many as there are connections: strings are made of these, not of the rows."""
        keys = [columns.side, *columns.ends]
        different = pa.Table.from_batches([batch.select(keys)]).group_by(keys, use_threads=False).aggregate([])
        found = cls(set(), set(), set())
        told_by_client = columns.client_side.as_py()
        for side, *ends in zip(*(different.column(name).to_pylist() for name in keys), strict=True):
            from_client = side == told_by_client
            client, broker = (ends[:2], ends[2:]) if columns is _TYPED or from_client else (ends[2:], ends[:2])
            if not _nowhere(client[0]):
                (found.clients_of_clients if from_client else found.clients_of_brokers).add(f"{client[0]} {client[1]}")
            if not from_client and not _nowhere(broker[0]):
                found.brokers_of_brokers.add(f"{broker[0]} {broker[1]}")
        return found


class Pairs:
    """Filters the batches that agents send. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections = _Recent()
        self._brokers = _Recent()
        self._tellers = _Tellers()
        self._upids: OrderedDict[str, str] = OrderedDict()
        self._aside: deque[tuple[float, Any, _Columns]] = deque()
        self.left_out = 0

    def once(self, batch: Any, now_s: float | None = None, *, table: str = "", agent: int = 0) -> Any:
        """``batch`` without rows that the other side or another agent tells, and with the clients' processes that are known; itself when it has no two ends."""
        self._tellers.heard(agent)
        columns = _columns(batch)
        if columns is None:
            return batch
        now = time.monotonic() if now_s is None else now_s
        with self._lock:
            if not self._tellers.several and not self._upids and not _from_client(batch, columns).true_count:
                self._put_aside(batch, columns, now)
                return batch
            while self._aside:
                self._see_oldest()
            ends = _Ends.of(batch, columns)
            self._see(ends, now)
            if not self._concerns(ends):
                return batch
            rows = self._without_clients(_Rows.of(batch, columns), columns, now)
            if self._tellers.several:
                rows = self._of_one_teller(rows, table, agent, now)
            self.left_out += batch.num_rows - rows.batch.num_rows
            return self._fill(rows, columns.target)

    def _put_aside(self, batch: Any, columns: _Columns, now: float) -> None:
        """A single agent beside its brokers tells each exchange once, and whole. Which connections these were need not be found out before somebody else tells of one, too."""
        self._aside.append((now, batch.select([columns.side, *columns.ends]), columns))
        while now - self._aside[0][0] > COVER_S:
            self._aside.popleft()
        if len(self._aside) > _ASIDE:
            self._see_oldest()

    def _see_oldest(self) -> None:
        before, batch, columns = self._aside.popleft()
        self._see(_Ends.of(batch, columns), before)

    def _see(self, ends: _Ends, now: float) -> None:
        self._connections.see(ends.clients_of_brokers, now)
        self._brokers.see(ends.brokers_of_brokers, now)

    def _concerns(self, ends: _Ends) -> bool:
        """Whether there can be anything to leave out or to fill in."""
        return self._tellers.several or bool(ends.clients_of_clients) or any(key in self._upids for key in ends.clients_of_brokers)

    def _without_clients(self, rows: _Rows, columns: _Columns, now: float) -> _Rows:
        from_client = rows.from_client
        if not from_client.true_count:
            return rows
        self._learn(rows.client.filter(from_client), rows.batch.column(columns.client_upid).filter(from_client))
        connections = self._connections.among(_keys(rows.client.filter(from_client)), now)
        brokers = self._brokers.among(_keys(rows.broker.filter(from_client)), now)
        if not connections and not brokers:
            return rows
        told = pc.or_(pc.is_in(rows.client, pa.array(connections, pa.string())), pc.is_in(rows.broker, pa.array(brokers, pa.string())))
        return rows.without(pc.and_(from_client, told))

    def _of_one_teller(self, rows: _Rows, table: str, agent: int, now: float) -> _Rows:
        connection = pc.binary_join_element_wise(rows.client, rows.broker, " ")
        times = rows.batch.column("time_")
        first = pa.table({"key": connection, "time": times}).group_by("key").aggregate([("time", "min")])
        pairs = ((key, at) for key, at in zip(first.column("key").to_pylist(), first.column("time_min").to_pylist(), strict=True) if key is not None)
        others = self._tellers.others(table, agent, pairs, now)
        if not others:
            return rows
        since = pc.take(pa.array(others.values(), pa.int64()), pc.index_in(connection, pa.array(others.keys(), pa.string())))
        return rows.without(pc.fill_null(pc.greater_equal(times, since), False))

    def _learn(self, client: Any, upid: Any) -> None:
        """Remember which process has a connection's client end."""
        pairs = pa.table({"key": client, "upid": upid}).group_by("key").aggregate([("upid", "max")])
        for key, value in zip(pairs.column("key").to_pylist(), pairs.column("upid_max").to_pylist(), strict=True):
            if value and key:
                self._upids[key] = value
                self._upids.move_to_end(key)
        _bound(self._upids)

    def _fill(self, rows: _Rows, target: str) -> Any:
        batch, client = rows.batch, rows.client
        place = batch.schema.get_field_index(target)
        missing = pc.and_(pc.equal(batch.column(place), _NO_TEXT), pc.invert(rows.from_client))
        known = [key for key in _keys(client.filter(missing)) if key in self._upids]
        if not known:
            return batch
        found = pc.take(pa.array([self._upids[key] for key in known], pa.string()), pc.index_in(client, pa.array(known, pa.string())))
        return batch.set_column(place, batch.schema.field(place), pc.if_else(missing, pc.coalesce(found, batch.column(place)), batch.column(place)))


def _nowhere(address: str) -> bool:
    """Whether an address means another host to everybody who says it, or nothing."""
    return address in {"", "::1"} or address.startswith("127.")


def _key(batch: Any, address: str, port: str) -> Any:
    """``address port`` of each row; null where it says nothing between hosts."""
    text = batch.column(address)
    key = pc.binary_join_element_wise(text, pc.cast(batch.column(port), pa.string()), " ")
    nowhere = pc.or_(pc.equal(text, _NO_TEXT), pc.or_(pc.starts_with(text, "127."), pc.equal(text, _IPV6_LOCAL)))
    return pc.if_else(nowhere, pa.scalar(None, pa.string()), key)


def _keys(column: Any) -> list[str]:
    """The different ones: as many as there are connections, not rows."""
    return [key for key in pc.unique(column).to_pylist() if key is not None]
