"""Rows from before a broker's cluster was named, where there are several clusters."""

from __future__ import annotations

from typing import Any

import pytest
from analysis_rows import SECOND, table

from kafkascope.analysis import brokers
from kafkascope.analysis.monitor import Monitor

NAMES = {"commits": "kafka_commits", "fetch": "kafka_fetch", "produce": "kafka_produce", "group_events": "kafka_group_events", "clients": "kafka_clients", "events": "kafka_events.beta"}
#: Brokers of two clusters on one host.
ONE = {"broker_addr": "10.0.0.1", "broker_port": 9092}
TWO = {"broker_addr": "10.0.0.1", "broker_port": 9192}


class Host:
    def __init__(self) -> None:
        self.monitor = Monitor()
        self.written: dict[str, list[dict[str, Any]]] = {}

    def at(self, second: float, **rows: list[dict[str, Any]]) -> None:
        for kind, given in rows.items():
            for batch in table(NAMES[kind], *({"member_id": "m"} | row for row in given)).to_batches():
                self.monitor.offer(NAMES[kind], batch)
        self.written = {name: found.to_pylist() for name, found in self.monitor.step(round(second * SECOND)).items()}

    @property
    def lag(self) -> dict[tuple[str, str], int | None]:
        """What is left to each group of each cluster."""
        assert self.monitor.last is not None
        return {(row["cluster_id"], row["group_id"]): row["lag"] for row in self.monitor.last.groups.to_pylist()}


def traffic(broker: dict[str, Any], group: str, at: float, *, cluster: str = "", end: int = 9, committed: int = 5, topic: str = "t") -> dict[str, list[dict[str, Any]]]:
    own = broker | {"cluster_id": cluster, "at": at, "topic": topic}
    return {"produce": [own | {"base_offset": 0, "last_offset": end, "records": end + 1}], "commits": [own | {"group_id": group, "offset": committed}]}


def client(broker: dict[str, Any], cluster: str, at: float) -> dict[str, list[dict[str, Any]]]:
    return {"clients": [broker | {"cluster_id": cluster, "time_": at}]}


def both(*of: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    return {kind: [row for rows in of for row in rows.get(kind, [])] for kind in {kind for rows in of for kind in rows}}


def test_of_one_cluster_all_rows_are_its_own() -> None:
    host = Host()
    host.at(1, **traffic(ONE, "g", 1))
    assert host.lag == {("", "g"): 5}
    host.at(2, **both(client(ONE, "A", 2), traffic(ONE, "g", 2, cluster="A", end=19, committed=12)))
    host.at(3, **traffic(TWO, "h", 3))
    assert host.lag == {("A", "g"): 8, ("A", "h"): 15}


def test_a_broker_that_another_row_named_is_of_that_cluster() -> None:
    host = Host()
    host.at(1, **both(client(ONE, "A", 1), traffic(ONE, "g", 1, cluster="A"), client(TWO, "B", 1), traffic(TWO, "h", 1, end=2, committed=1)))
    assert host.lag == {("A", "g"): 5, ("B", "h"): 2}


def test_a_guess_is_taken_back_when_the_broker_is_named() -> None:
    host = Host()
    host.at(1, **both(client(ONE, "A", 1), traffic(ONE, "g", 1, cluster="A", topic="a"), traffic(TWO, "h", 1, topic="b")))
    assert set(host.lag) == {("A", "g"), ("A", "h")}
    host.at(3, **both(client(TWO, "B", 3), traffic(TWO, "h", 3, cluster="B", topic="b", end=14)))
    assert host.lag == {("A", "g"): 5, ("B", "h"): 10}
    gone = [(row["cluster_id"], row["group_id"], row["topic"]) for row in host.written["kafka_lag"] if row["status"] == "NOTFOUND"]
    assert gone == [("A", "h", "b")]
    dead = [(row["cluster_id"], row["group_id"], row["reason"]) for row in host.written["kafka_group_lag"] if row["state"] == "Dead"]
    assert dead == [("A", "h", "The group is one of another cluster, whose name was not known yet.")]


def test_neither_broker_is_named_at_first() -> None:
    host = Host()
    host.at(1, **both(traffic(ONE, "g", 1, topic="a"), traffic(TWO, "h", 1, topic="b")))
    assert set(host.lag) == {("", "g"), ("", "h")}
    host.at(3, **both(client(ONE, "A", 3), traffic(ONE, "g", 3, cluster="A", topic="a", end=10)))
    assert host.lag["A", "g"] == 6
    host.at(5, **both(client(TWO, "B", 5), traffic(TWO, "h", 5, cluster="B", topic="b", end=14)))
    assert host.lag == {("A", "g"): 6, ("B", "h"): 10}


def test_a_third_broker_is_of_none_until_it_is_named() -> None:
    three = {"broker_addr": "10.0.0.3", "broker_port": 9092}
    host = Host()
    host.at(1, **both(client(ONE, "A", 1), client(TWO, "B", 1), traffic(ONE, "g", 1, cluster="A"), traffic(TWO, "h", 1, cluster="B", end=7)))
    host.at(2, **traffic(three, "i", 2, end=6))
    assert host.lag == {("A", "g"): 5, ("B", "h"): 3, ("", "i"): 2}
    host.at(3, **both(client(three, "C", 3), traffic(three, "i", 3, cluster="C", end=8)))
    # A topic of the same name in the other clusters stays as it was.
    assert host.lag == {("A", "g"): 5, ("B", "h"): 3, ("C", "i"): 4}


def test_topics_of_one_name_are_learned_anew() -> None:
    host = Host()
    host.at(1, **both(client(ONE, "A", 1), traffic(ONE, "g", 1, cluster="A"), traffic(TWO, "h", 1, end=99)))
    assert host.lag["A", "g"] == 95  # as if both were one log
    host.at(3, **client(TWO, "B", 3))
    host.at(5, **both(traffic(ONE, "g", 5, cluster="A", end=11, committed=8), traffic(TWO, "h", 5, cluster="B", end=99)))
    assert host.lag == {("A", "g"): 4, ("B", "h"): 95}


def test_loopback_is_another_broker_on_each_host() -> None:
    loopback = {"broker_addr": "127.0.0.1", "broker_port": 9092}
    here, there = loopback | {"broker_upid": "1:50:7"}, loopback | {"broker_upid": "2:60:8"}
    host = Host()
    host.at(1, **both(client(here, "A", 1), client(there, "B", 1), traffic(here, "g", 1), traffic(there, "h", 1, end=6)))
    assert host.lag == {("A", "g"): 5, ("B", "h"): 2}


def test_requests_are_of_their_broker_too() -> None:
    deleting = {"time_": 3, "req_cmd": 42, "req_cmd_name": "DeleteGroups", "latency": 0, "req_body": '{"groups_names":["g"]}', "resp": '{"results":[{"group_id":"g","error_code":0}]}'}
    ends = {"trace_role": 1, "local_addr": "10.0.0.7", "local_port": 40_000, "remote_addr": TWO["broker_addr"], "remote_port": TWO["broker_port"]}
    host = Host()
    host.at(1, **both(client(ONE, "A", 1), client(TWO, "B", 1), traffic(ONE, "g", 1, cluster="A"), traffic(TWO, "g", 1, cluster="B")))
    host.at(4, events=[deleting | ends])
    assert host.lag == {("A", "g"): 5}


def test_what_is_remembered_of_brokers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brokers, "MAX_BROKERS", 1)
    monkeypatch.setattr(brokers, "MAX_GUESSES", 1)
    host = Host()
    host.at(1, **both(client(ONE, "A", 1), client(TWO, "B", 1)))
    assert host.monitor.stats()["brokersDropped"] == 1
    other = {"broker_addr": "10.0.0.3", "broker_port": 9092}
    host.at(2, **both(traffic(TWO, "h", 2), traffic(other, "i", 2)))
    assert host.monitor.stats()["brokersDropped"] > 1


def test_the_newest_cluster_of_an_address_holds() -> None:
    host = Host()
    for names in ("AB", "BA"):
        host.at(1, **both(*(client(ONE, name, 1) for name in names)))
        host.at(2, **traffic(ONE, f"last-{names[-1]}", 2))
    assert {("B", "last-B"), ("A", "last-A")} <= set(host.lag)
