"""One row for an exchange that two agents saw, or one agent at both sides of an address translation.

The broker's side is kept, as on one host: its times are the broker's, and its address is the broker's own where the client's side only knows a
service's. What only the client's side knows, its process, is filled in. A client's row is left out when its connection, or the broker's address,
was seen from the broker's side within the last seconds; otherwise nobody else would tell of it.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

#: For this long the broker's side counts as seen. Shorter than any agent's restart, longer than the delay between two agents' batches.
COVER_S = 5.0
_CONNECTIONS = 200_000
_CLIENT = "client"


class _Recent:
    """Keys that were seen lately; bounded, the longest unseen go first."""

    def __init__(self) -> None:
        self._times: OrderedDict[str, float] = OrderedDict()

    def see(self, keys: list[str], now_s: float) -> None:
        for key in keys:
            self._times[key] = now_s
            self._times.move_to_end(key)
        while len(self._times) > _CONNECTIONS:
            self._times.popitem(last=False)

    def among(self, keys: list[str], now_s: float) -> list[str]:
        return [key for key in keys if now_s - self._times.get(key, float("-inf")) <= COVER_S]


class Pairs:
    """Filters the batches that agents send. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections = _Recent()
        self._brokers = _Recent()
        self._upids: OrderedDict[str, str] = OrderedDict()
        self.left_out = 0

    def once(self, batch: Any, now_s: float | None = None) -> Any:
        """``batch`` without rows that the other side tells, and with the clients' processes that are known; itself when it has no two ends."""
        names = batch.schema.names
        if "trace_role" in names and "remote_upid" in names:
            from_client = pc.equal(batch.column("trace_role"), 1)
            local, remote = _key(batch, "local_addr", "local_port"), _key(batch, "remote_addr", "remote_port")
            client, broker = pc.if_else(from_client, local, remote), pc.if_else(from_client, remote, local)
            client_upid, target = pc.if_else(from_client, batch.column("upid"), batch.column("remote_upid")), "remote_upid"
        elif "observed_by" in names and "client_upid" in names:
            from_client = pc.equal(batch.column("observed_by"), _CLIENT)
            client, broker = _key(batch, "client_addr", "client_port"), _key(batch, "broker_addr", "broker_port")
            client_upid, target = batch.column("client_upid"), "client_upid"
        else:
            return batch
        now = time.monotonic() if now_s is None else now_s
        with self._lock:
            return self._once(batch, from_client, client, broker, client_upid, target, now)

    def _once(self, batch: Any, from_client: Any, client: Any, broker: Any, client_upid: Any, target: str, now: float) -> Any:
        from_broker = pc.invert(from_client)
        self._connections.see(_keys(client.filter(from_broker)), now)
        self._brokers.see(_keys(broker.filter(from_broker)), now)
        if pc.any(from_client).as_py():
            self._learn(client.filter(from_client), client_upid.filter(from_client))
            connections = self._connections.among(_keys(client.filter(from_client)), now)
            brokers = self._brokers.among(_keys(broker.filter(from_client)), now)
            if connections or brokers:
                told = pc.or_(pc.is_in(client, pa.array(connections, pa.string())), pc.is_in(broker, pa.array(brokers, pa.string())))
                kept = pc.invert(pc.and_(from_client, told))
                before = batch.num_rows
                batch, client, from_client = batch.filter(kept), client.filter(kept), from_client.filter(kept)
                self.left_out += before - batch.num_rows
        return self._fill(batch, client, from_client, target)

    def _learn(self, client: Any, upid: Any) -> None:
        """Remember which process has a connection's client end."""
        pairs = pa.table({"key": client, "upid": upid}).group_by("key").aggregate([("upid", "max")])
        for key, value in zip(pairs.column("key").to_pylist(), pairs.column("upid_max").to_pylist(), strict=True):
            if value and key:
                self._upids[key] = value
                self._upids.move_to_end(key)
        while len(self._upids) > _CONNECTIONS:
            self._upids.popitem(last=False)

    def _fill(self, batch: Any, client: Any, from_client: Any, target: str) -> Any:
        place = batch.schema.get_field_index(target)
        missing = pc.and_(pc.equal(batch.column(place), ""), pc.invert(from_client))
        known = [key for key in _keys(client.filter(missing)) if key in self._upids]
        if not known:
            return batch
        found = pc.take(pa.array([self._upids[key] for key in known], pa.string()), pc.index_in(client, pa.array(known, pa.string())))
        return batch.set_column(place, batch.schema.field(place), pc.if_else(missing, pc.coalesce(found, batch.column(place)), batch.column(place)))


def _key(batch: Any, address: str, port: str) -> Any:
    """``address port`` of each row; null where it says nothing between hosts."""
    text = batch.column(address)
    key = pc.binary_join_element_wise(text, pc.cast(batch.column(port), pa.string()), " ")
    nowhere = pc.or_(pc.equal(text, ""), pc.or_(pc.starts_with(text, "127."), pc.equal(text, "::1")))
    return pc.if_else(nowhere, pa.scalar(None, pa.string()), key)


def _keys(column: Any) -> list[str]:
    """The different ones: as many as there are connections, not rows."""
    return [key for key in pc.unique(column).to_pylist() if key is not None]
