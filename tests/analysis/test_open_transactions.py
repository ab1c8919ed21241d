"""Whose transaction holds up readers of committed records, however its rows and the end of the one before come in."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from analysis_rows import SECOND, table

from kafkascope.analysis import open_transactions, transactions
from kafkascope.analysis.open_transactions import OpenTransactions

Row = dict[str, Any]


def wrote(at: float, offset: int, name: str = "x", **more: Any) -> Row:
    return {"at": at, "base_offset": offset, "last_offset": offset, "records": 1, "transactional_id": name, "client_id": f"client of {name}", "cluster_id": "c"} | more


def ended(at: float, name: str = "x", cluster_id: str = "c") -> Row:
    return {"cluster_id": cluster_id, "transactional_id": name, "time_": round(at * SECOND), "response_time": round(at * SECOND), "committed": True}


def after(*steps: tuple[list[Row], list[Row]]) -> OpenTransactions:
    found = OpenTransactions()
    for writes, ends in steps:
        found.take(table("kafka_produce", *writes), pa.Table.from_pylist(ends, schema=transactions.ENDS))
    return found


X = ("x", "client of x")


@pytest.mark.parametrize(
    ("situation", "steps", "offset", "holder"),
    [
        ("one that goes on writing", [([wrote(1, 10), wrote(2, 11)], []), ([wrote(3, 12)], []), ([wrote(4, 13)], [])], 10, X),
        ("one that has ended", [([wrote(1, 10)], []), ([], [ended(2)])], 10, None),
        ("one that ends in the step of its writes", [([wrote(1, 10), wrote(2, 11)], [ended(3)])], 10, None),
        ("it begins in the step in which the one before ends", [([wrote(1, 10)], []), ([wrote(3, 20)], [ended(2)])], 20, X),
        ("many end in the step in which it begins", [([wrote(1, 10), wrote(3, 20), wrote(5, 30), wrote(6, 31)], [ended(2), ended(4)])], 30, X),
        ("the end of the one before comes in later", [([wrote(1, 10)], []), ([wrote(3, 20)], []), ([wrote(4, 21)], [ended(2)])], 20, X),
        ("the same, and it has not written again", [([wrote(1, 10)], []), ([wrote(3, 20)], []), ([], [ended(2)])], 20, X),
        ("another id's end is not its own", [([wrote(1, 10), wrote(1, 11, "y")], [ended(2, "y")])], 10, X),
        ("another cluster's end is not its own", [([wrote(1, 10)], [ended(2, cluster_id="d")])], 10, X),
        ("another cluster's write is not its own", [([wrote(1, 10, cluster_id="d")], [])], 10, None),
        ("its cluster was not known when it wrote", [([wrote(1, 10, cluster_id="")], [])], 10, X),
        ("and was when it ended", [([wrote(1, 10, cluster_id="")], []), ([], [ended(2)])], 10, None),
        ("it begins elsewhere", [([wrote(1, 10)], [])], 11, None),
        ("another partition", [([wrote(1, 10, partition=1)], [])], 10, None),
        ("no transaction", [([wrote(1, 10) | {"transactional_id": None}], [])], 10, None),
        ("a topic whose name nobody told", [([wrote(1, 10, topic="", topic_id="t")], [])], 10, X),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_who_holds(situation: str, steps: list[tuple[list[Row], list[Row]]], offset: int, holder: tuple[str, str] | None) -> None:
    assert after(*steps).holder("c", "t", 0, offset) == holder


def test_the_oldest_of_too_many_go_and_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_transactions, "MAX_TRANSACTIONS", 3)
    found = after(([wrote(n, n, f"x{n}") for n in range(1, 6)], []))
    assert found.dropped == 2
    assert [found.holder("c", "t", 0, n) is not None for n in range(1, 6)] == [False, False, True, True, True]
