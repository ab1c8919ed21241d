"""What lag is computed from, out of the observed tables or out of a store of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from kafkascope.analysis import rebalances, shares, told, transactions
from kafkascope.analysis.lag import INPUTS, Rows

_TABLES = {"kafka_commits": "commits", "kafka_fetch": "fetch", "kafka_produce": "produce"}
_EVENTS = "kafka_events.beta"
_EVENT_COLUMNS = ("time_", "cluster_id", "req_cmd", "req_body", "resp", "latency", "error_code")


class Engine(Protocol):
    """Of a store's engine what is needed here."""

    def scan(self, table: str, start_ns: int | None, end_ns: int | None, columns: Sequence[str]) -> str:
        """SQL of a table's rows within a time range."""

    def execute(self, sql: str, *, timeout_s: float, max_rows: int | None = None) -> pa.Table:
        """The answer to a query."""


def rows(tables: Mapping[str, pa.Table]) -> Rows:
    """The rows of ``kafka_commits``, ``kafka_fetch``, ``kafka_produce`` and ``kafka_events.beta``, by these names; a table may be missing."""
    events = tables.get(_EVENTS)
    return Rows(
        commits=tables.get("kafka_commits"),
        fetch=tables.get("kafka_fetch"),
        produce=tables.get("kafka_produce"),
        ends=None if events is None else told.ends(events),
        deletions=None if events is None else told.deletions(events),
        transactions=None if events is None else transactions.ends(events),
        offsets=None if events is None else told.offsets(events)[0],
        shares=None if events is None else shares.shares(events),
    )


def read(engine: Engine, *, start_ns: int | None, end_ns: int | None, timeout_s: float = 30.0) -> Rows:
    """The same out of a store: only the columns that are needed, and of all requests only those that tell something of lag."""
    tables = {name: _scan(engine, name, list(INPUTS[kind]), start_ns, end_ns, timeout_s) for name, kind in _TABLES.items()}
    apis = ", ".join(str(api) for api in (*told.APIS, *transactions.APIS, *shares.APIS))
    tables[_EVENTS] = _scan(engine, _EVENTS, _EVENT_COLUMNS, start_ns, end_ns, timeout_s, f" WHERE req_cmd IN ({apis})")
    return rows(tables)


def read_rebalances(engine: Engine, *, start_ns: int | None, end_ns: int | None, timeout_s: float = 30.0) -> pa.Table:
    """The rebalances that a store holds within a time range."""
    return rebalances.rebalances(_scan(engine, "kafka_group_events", rebalances.INPUT, start_ns, end_ns, timeout_s))


def _scan(
    engine: Engine, table: str, columns: Sequence[str], start_ns: int | None, end_ns: int | None, timeout_s: float, where: str = ""
) -> pa.Table:
    names = ", ".join(f'"{c}"' for c in columns)
    return engine.execute(f"SELECT {names} FROM ({engine.scan(table, start_ns, end_ns, list(columns))}) AS t{where}", timeout_s=timeout_s)
