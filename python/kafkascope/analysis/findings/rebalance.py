"""A group that does not come out of a rebalance: nobody reads, and there is no commit that would say so."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.analysis.findings.finding import SECOND, Finding, span, times

KIND = "stuck_in_rebalance"


def find(rebalances: pa.Table, *, now_ns: int, after_ns: int = 60 * SECOND) -> list[Finding]:
    """Groups whose rebalance (a row of ``rebalances.rebalances``) is open for ``after_ns``."""
    stuck = rebalances.filter((pc.field("outcome") == "open") & (pc.field("time_") < now_ns - after_ns))
    return [
        Finding(
            KIND,
            f"{r['group_id']} is in a rebalance for {span(now_ns - r['time_'])} ({r['trigger'].replace('_', ' ')}"
            + (f": {r['trigger_client_id']}" if r["trigger_client_id"] else "")
            + (f", {times(r['retries'], 'retry' if r['retries'] == 1 else 'retrie')}" if r["retries"] else "")
            + ")"
            + (f"; {_waiting(r['members'])} had partitions and wait." if _waiting(r["members"]) else "."),
            r["time_"], r["cluster_id"], r["group_id"], client_id=r["trigger_client_id"],
        )
        for r in stuck.to_pylist()
    ]  # fmt: skip


def _waiting(members: list[dict[str, object]]) -> str:
    names = sorted(str(m["client_id"] or m["member_id"]) for m in members if m["partitions_before"] and m["settled"] is None and not m["left"])
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
