"""The analysis over a store answers as over the rows themselves."""

from __future__ import annotations

import pytest
from analysis_rows import CAPTURED, SECOND, captured

from kafkascope.analysis import lag, observed
from kafkascope.analysis.rebalances import rebalances
from kafkascope.store import Store


@pytest.mark.parametrize("capture", CAPTURED)
def test_a_store_answers_as_its_rows_do(capture: str) -> None:
    tables = captured(capture)
    times = tables["kafka_events.beta"]["time_"].to_pylist()
    first, last = min(times), max(times)
    with Store(None, memory_limit="256MB", retention_age_s=1 << 40) as store:
        for name, rows in tables.items():
            for batch in rows.to_batches():
                store.append(name, batch)
        engine = store.engine()
        whole = lag.partitions(observed.read(engine, start_ns=None, end_ns=None), now_ns=last + SECOND)
        assert whole.num_rows > 0
        assert whole.equals(lag.partitions(observed.rows(tables), now_ns=last + SECOND))
        assert observed.read_rebalances(engine, start_ns=None, end_ns=None).equals(rebalances(tables["kafka_group_events"]))
        early = observed.read(engine, start_ns=None, end_ns=first)
        assert lag.partitions(early, now_ns=last).num_rows == 0
