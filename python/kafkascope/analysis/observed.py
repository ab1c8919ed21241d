"""What lag is computed from, out of the observed tables."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from kafkascope.analysis import told, transactions
from kafkascope.analysis.lag import Rows


def rows(tables: Mapping[str, pa.Table]) -> Rows:
    """The rows of ``kafka_commits``, ``kafka_fetch``, ``kafka_produce`` and ``kafka_events.beta``, by these names; a table may be missing."""
    events = tables.get("kafka_events.beta")
    return Rows(
        commits=tables.get("kafka_commits"),
        fetch=tables.get("kafka_fetch"),
        produce=tables.get("kafka_produce"),
        ends=None if events is None else told.ends(events),
        deletions=None if events is None else told.deletions(events),
        transactions=None if events is None else transactions.ends(events),
    )
