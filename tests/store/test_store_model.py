"""The store against a list: through any sequence of appends, rolls, merges, kills and starts, a query sees exactly the rows that were appended."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from table_rows import make_rows

from kafkascope.store import Store

TABLES = ("kafka_produce", "kafka_commits")


class StoreAgainstList(RuleBasedStateMachine):
    """``model`` holds (table, time_, response_time) of every row that ``append`` took."""

    @initialize()
    def begin(self) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="kafkascope-model-"))
        self.runs = 0
        self.model: list[tuple[str, int, int | None]] = []
        self.store: Store | None = None
        self.start()

    def start(self) -> None:
        # Each start opens a copy, as a killed process leaves it: its descriptors and locks stay with the old folder.
        fresh = self.place / f"run{self.runs + 1}"
        if self.runs:
            shutil.copytree(self.place / f"run{self.runs}", fresh)
        self.runs += 1
        self.store = Store(fresh, maintenance_s=600, retention_age_s=1e10)

    @rule(table=st.sampled_from(TABLES), count=st.integers(1, 30), start=st.integers(0, 1000), answered=st.booleans())
    def append(self, table: str, count: int, start: int, answered: bool) -> None:
        assert self.store is not None
        self.store.append(table, make_rows(table, count, start=start, response_time=(lambda i: start * 2 + i) if answered else None))
        self.model += [(table, start + i, start * 2 + i if answered else None) for i in range(count)]

    @rule()
    def roll(self) -> None:
        assert self.store is not None
        self.store.roll()

    @rule(table=st.sampled_from(TABLES))
    def merge(self, table: str) -> None:
        assert self.store is not None
        self.store.observed[table].merge_small(largest=1 << 20, fewest=2, most_rows=100)

    @rule()
    def compact(self) -> None:
        assert self.store is not None
        self.store.compact()

    @rule()
    def maintain(self) -> None:
        assert self.store is not None
        self.store.maintain()

    @rule()
    def close_and_open(self) -> None:
        assert self.store is not None
        self.store.close()
        self.start()

    @rule()
    def kill_and_open(self) -> None:
        assert self.store is not None
        old = self.store
        self.start()
        old.close()

    @rule()
    def kill_in_the_middle_of_a_write_and_open(self) -> None:
        assert self.store is not None
        old, last = self.store, self.place / f"run{self.runs}"
        # A record that was begun, and a segment that was not yet named.
        for path in last.rglob("*.wal"):
            with open(path, "ab") as file:
                file.write(b"KSW2\x01\x02")
        (last / TABLES[0] / "half.parquet.tmp").write_bytes(b"PAR1")
        self.start()
        old.close()

    @precondition(lambda self: self.store is not None)
    @rule(table=st.sampled_from(TABLES), low=st.none() | st.integers(0, 1000), high=st.none() | st.integers(0, 1000))
    def query(self, table: str, low: int | None, high: int | None) -> None:
        assert self.store is not None
        engine = self.store.engine()
        found = engine.execute(f"SELECT * FROM ({engine.scan(table, low, high, ['time_', 'response_time'])})", timeout_s=30)
        assert _sorted(zip(*(c.to_pylist() for c in found.columns), strict=True)) == _sorted(
            (time, answer) for name, time, answer in self.model if name == table and (low is None or time >= low) and (high is None or time < high)
        )
        assert list(self.store.notes) == [], "nothing was damaged"

    def teardown(self) -> None:
        if getattr(self, "store", None) is not None:
            assert self.store is not None
            for table in TABLES:
                self.query(table, None, None)
            self.store.close()
            shutil.rmtree(self.place)


def _sorted(rows: Any) -> list[Any]:
    return sorted(rows, key=lambda row: (row[0], row[1] is None, row[1]))


TestStoreAgainstList = StoreAgainstList.TestCase
TestStoreAgainstList.settings = settings(max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
