"""The sampled tables of lag, computed from rows that a store already holds: of a packet capture, or of the time before a restart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.analysis.monitor import NEEDED, TELLING, Monitor, Snapshot, rebalance_rows
from kafkascope.analysis.observed import Engine
from kafkascope.analysis.tracker import SECOND
from kafkascope.analysis.traffic import EVENT_COLUMNS

#: The tables that are filled.
TABLES = frozenset({"kafka_lag", "kafka_group_lag", "kafka_share_lag", "kafka_findings", "kafka_rebalances", "kafka_alerts"})
#: Moments at which a capture is looked at, at most, and never more often than a server looks at what comes in.
MOMENTS = 240
EVERY_NS = 2 * SECOND
#: Among the tables of a replay, what is counted of every request.
_REQUESTS = "requests"


class Store(Protocol):
    """Of a store what is needed here."""

    def engine(self) -> Any:
        """Answers SQL."""

    def append(self, table: str, batch: Any) -> None:
        """Takes rows."""


def fill(store: Store, *, first_ns: int, last_ns: int, each: Callable[[Monitor, Snapshot], Mapping[str, pa.Table]] | None = None) -> Monitor:
    """Goes through a store's rows in order, as if they came in now, and writes what a server would have written, with what ``each`` adds."""
    engine = store.engine()
    tables = read(engine, start_ns=None, end_ns=None)
    tables[_REQUESTS] = engine.execute(engine.scan("kafka_events.beta", None, None, list(EVENT_COLUMNS)), timeout_s=60.0)
    monitor = Monitor()
    monitor.know_clusters(tables)
    every = max(EVERY_NS, (last_ns - first_ns) // MOMENTS)
    # Round moments: whoever looks at several captures of one time finds the same.
    moments = [*range((first_ns // every + 1) * every, last_ns, every), last_ns]
    for now_ns, rows in _windows(tables, moments):
        monitor.traffic.take_events(rows.pop(_REQUESTS))
        monitor.take(rows, now_ns)
        _append(store, monitor.sample(now_ns, last=now_ns == last_ns))
        if each is not None and monitor.last is not None:
            _append(store, each(monitor, monitor.last))
    _append(store, {"kafka_rebalances": rebalance_rows(monitor.memberships.finished(last_ns, at_end=True))})
    return monitor


def warm(engine: Engine, monitor: Monitor, *, now_ns: int, back_ns: int = 900 * SECOND) -> None:
    """Takes in the last rows of a store that was filled before, so that a restart forgets nothing that still matters."""
    monitor.take(read(engine, start_ns=now_ns - back_ns, end_ns=None), now_ns)


def read(engine: Engine, *, start_ns: int | None, end_ns: int | None, timeout_s: float = 60.0) -> dict[str, pa.Table]:
    """What a monitor needs, out of a store."""
    tables = {}
    for name, columns in NEEDED.items():
        listed = ", ".join(f'"{c}"' for c in columns)
        # Names hold however old they are.
        scan = engine.scan(name, None if name == "kafka_topic_names" else start_ns, end_ns, list(columns))
        where = ""
        if name == "kafka_events.beta":
            where = f" WHERE req_cmd IN ({', '.join(map(str, TELLING.to_pylist()))}) OR throttle_ms > 0"
        tables[name] = engine.execute(f"SELECT {listed} FROM ({scan}) AS t{where}", timeout_s=timeout_s)
    return tables


def _windows(tables: Mapping[str, pa.Table], moments: list[int]) -> Iterator[tuple[int, dict[str, pa.Table]]]:
    """The rows that had come at each moment since the one before."""
    ordered, cuts = {}, {}
    for name, table in tables.items():
        if "response_time" in table.column_names:
            at = pc.coalesce(table["response_time"], table["time_"])
        elif "latency" in table.column_names:
            at = pc.add(table["time_"], table["latency"])
        elif "duration" in table.column_names:
            at = pc.add(table["time_"], pc.fill_null(table["duration"], 0))
        else:
            at = table["time_"]
        times = at.to_numpy()
        order = np.argsort(times, kind="stable")
        ordered[name] = table.take(pa.array(order))
        cuts[name] = np.searchsorted(times[order], moments, "right").tolist()
    before = dict.fromkeys(tables, 0)
    for number, moment in enumerate(moments):
        rows = {}
        for name, table in ordered.items():
            # A capture's last packet is the last of everything.
            until = table.num_rows if number == len(moments) - 1 else cuts[name][number]
            rows[name] = table.slice(before[name], until - before[name])
            before[name] = until
        yield moment, rows


def _append(store: Store, tables: Mapping[str, pa.Table]) -> None:
    for name, table in tables.items():
        for batch in table.combine_chunks().to_batches():
            store.append(name, batch)
