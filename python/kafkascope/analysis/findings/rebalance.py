"""A group that does not come out of a rebalance: nobody reads, and there is no commit that would say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.analysis.findings.finding import SECOND, Finding, span, times

KIND = "stuck_in_rebalance"


def find(rebalances: pa.Table, *, now_ns: int, after_ns: int = 60 * SECOND) -> list[Finding]:
    """Groups whose rebalance (a row of ``rebalances.rebalances``) is open for ``after_ns``."""
    stuck = rebalances.filter((pc.field("outcome") == "open") & (pc.field("time_") < now_ns - after_ns))
    return [finding(row, now_ns=now_ns) for row in stuck.to_pylist()]


def finding(open_: Mapping[str, Any], *, now_ns: int) -> Finding:
    """What is to be said of a rebalance that is under way."""
    detail = open_["trigger"].replace("_", " ")
    if open_["trigger_client_id"]:
        detail += f": {open_['trigger_client_id']}"
    if open_["retries"]:
        detail += f", {times(open_['retries'], 'retry' if open_['retries'] == 1 else 'retrie')}"
    waiting = _waiting(open_["members"])
    rest = f"; {waiting} had partitions and wait." if waiting else "."
    reason = f"{open_['group_id']} is in a rebalance for {span(now_ns - open_['time_'])} ({detail}){rest}"
    return Finding(KIND, reason, open_["time_"], open_["cluster_id"], open_["group_id"], client_id=open_["trigger_client_id"])


def _waiting(members: list[dict[str, object]]) -> str:
    names = sorted(str(m["client_id"] or m["member_id"]) for m in members if m["partitions_before"] and m["settled"] is None and not m["left"])
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
