"""A group that nobody is in any more, with records left to read: whoever counts on it waits for good."""

from __future__ import annotations

from kafkascope.analysis.findings.finding import SECOND, Finding, span, times

KIND = "no_members"

#: A restart leaves a group without members for a while.
AFTER_NS = 30 * SECOND


def finding(cluster_id: str, group_id: str, lag: int, since_ns: int, now_ns: int) -> Finding:
    """``since_ns``: when the last member was heard of."""
    left = f"{times(lag, 'record')} {'is' if lag == 1 else 'are'} left"
    return Finding(KIND, f"{group_id} has no members for {span(now_ns - since_ns)}, and {left} to read.", since_ns, cluster_id, group_id)
