"""An exchange between two nodes is one row, whichever agent's batch comes first, and none is lost when only one side is watched."""

import pytest

from kafkascope.metadata import rows
from kafkascope.store.pairs import COVER_S, Pairs

CLIENT, OTHER, BROKER, SERVICE = ("10.0.1.5", 40001), ("10.0.1.5", 40002), ("10.0.2.9", 9092), ("10.96.0.7", 9092)


def produced(side, client=CLIENT, broker=BROKER, upid=None, topic="order"):
    upid = upid if upid is not None else {"client": "1:10:100", "broker": ""}[side]
    broker_upid = "2:20:200" if side == "broker" else ""
    return {"time_": 1, "client_upid": upid, "client_addr": client[0], "client_port": client[1], "broker_upid": broker_upid, "broker_addr": broker[0], "broker_port": broker[1],
            "observed_by": side, "topic": topic}  # fmt: skip


def event(side, client=CLIENT, broker=BROKER):
    ours, theirs = (client, broker) if side == "client" else (broker, client)
    return {"time_": 1, "upid": "1:10:100" if side == "client" else "2:20:200", "trace_role": 1 if side == "client" else 2, "local_addr": ours[0], "local_port": ours[1],
            "remote_addr": theirs[0], "remote_port": theirs[1]}  # fmt: skip


def batch(*some, table="kafka_produce"):
    return rows.build(table, some)


def test_after_the_brokers_side_was_seen_the_clients_rows_are_left_out():
    pairs = Pairs()
    assert pairs.once(batch(produced("broker")), 0.0).num_rows == 1
    assert pairs.once(batch(produced("client"), produced("client", OTHER)), 1.0).num_rows == 0, "a new connection to the same broker too"
    assert pairs.left_out == 2


@pytest.mark.parametrize("aside", [0, 3, 256])
def test_what_a_single_agent_told_in_the_last_seconds_counts_when_a_second_one_comes(aside, monkeypatch):
    monkeypatch.setattr("kafkascope.store.pairs._ASIDE", aside)
    pairs = Pairs()
    brokers = [("10.0.2.9", port) for port in range(8)]
    for now, broker in enumerate(brokers):
        assert pairs.once(batch(produced("broker", broker=broker)), float(now), agent=1).num_rows == 1
    found = pairs.once(batch(*(produced("client", OTHER, broker) for broker in brokers)), 8.0, agent=2)
    assert found.column("broker_port").to_pylist() == [0, 1, 2], "told more than five seconds ago"
    assert not pairs._aside


def test_a_broker_that_nobody_watches_is_told_by_its_clients():
    pairs = Pairs()
    for now in range(10):
        assert pairs.once(batch(produced("client")), float(now)).num_rows == 1
    assert pairs.left_out == 0


def test_when_the_brokers_agent_is_gone_its_clients_tell_again():
    pairs = Pairs()
    pairs.once(batch(produced("broker")), 0.0)
    assert pairs.once(batch(produced("client")), COVER_S).num_rows == 0
    assert pairs.once(batch(produced("client")), COVER_S + 0.1).num_rows == 1


def test_the_clients_process_is_filled_in_on_the_brokers_row():
    pairs = Pairs()
    pairs.once(batch(produced("broker")), 0.0)
    pairs.once(batch(produced("client")), 0.0)
    found = pairs.once(batch(produced("broker"), produced("broker", OTHER), produced("broker", upid="2:7:7")), 1.0)
    assert found.column("client_upid").to_pylist() == ["1:10:100", "", "2:7:7"]
    assert found.schema.equals(batch().schema)


def test_a_connection_through_a_services_address_is_one_with_the_pods():
    pairs = Pairs()
    found = pairs.once(batch(produced("client", broker=SERVICE), produced("broker"), produced("client", OTHER, broker=SERVICE)), 0.0)
    assert [(row["observed_by"], row["broker_addr"], row["client_port"]) for row in found.to_pylist()] == [("broker", BROKER[0], 40001), ("client", SERVICE[0], 40002)]


def test_what_two_agents_see_from_the_same_side_is_told_by_the_first():
    pairs = Pairs()

    def told(agent, now, times, client=CLIENT, side="packet", table="kafka_produce"):
        found = pairs.once(batch(*({**produced(side, client, upid=""), "time_": at} for at in times)), now, table=table, agent=agent)
        return found.column("time_").to_pylist()

    pairs.once(rows.build("process_stats", [{"time_": 1, "upid": "2:1:1"}]), agent=2)
    assert told(1, 0.0, [10, 11]) == [10, 11]
    assert told(2, 0.1, [10, 11]) == [] and pairs.left_out == 2
    assert told(2, 0.2, [12], OTHER) == [12], "a connection that only this one sees"
    assert told(2, 0.3, [12], table="kafka_fetch") == [12], "each table on its own: their batches come in any order"
    assert told(1, 1.0, [12]) == [12] and told(2, 1.0, [12]) == []
    assert told(2, 1.0 + COVER_S + 0.1, [20, 21]) == [20, 21], "the first is gone"
    assert told(1, 7.0, [13, 20, 22]) == [13], "back again, it brings from its disk what the second did not tell"


def test_one_agent_at_both_ends_of_a_connection_is_no_second_one():
    pairs = Pairs()
    pairs.once(batch(produced("broker", OTHER)), 0.0, agent=2)
    for now in range(3):
        assert pairs.once(batch(produced("broker")), float(now), agent=1).num_rows == 1


def test_events_have_their_ends_by_role():
    pairs = Pairs()
    assert pairs.once(batch(event("broker"), table="kafka_events.beta"), 0.0).num_rows == 1
    assert pairs.once(batch(event("client"), table="kafka_events.beta"), 0.0).num_rows == 0
    found = pairs.once(batch(event("broker"), table="kafka_events.beta"), 0.0)
    assert found.column("remote_upid").to_pylist() == ["1:10:100"]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", ""])
def test_addresses_that_every_host_has_pair_nothing(address):
    pairs = Pairs()
    here = (address, 9092)
    pairs.once(batch(produced("broker", (address, 5), here)), 0.0)
    assert pairs.once(batch(produced("client", (address, 5), here)), 0.0).num_rows == 1


def test_tables_without_two_ends_pass_through():
    given = rows.build("process_stats", [{"time_": 1, "upid": "1:1:1"}])
    assert Pairs().once(given) is given


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr("kafkascope.store.pairs._CONNECTIONS", 100)
    pairs = Pairs()
    for port in range(1000):
        pairs.once(batch(produced("broker", ("10.0.0.1", port)), produced("client", ("10.0.0.2", port), ("10.9.9.9", 1))), 0.0)
        pairs.once(batch(produced("broker", ("10.0.0.1", port))), 0.0, agent=port % 2)
    assert len(pairs._connections._times) == len(pairs._tellers._known) == 100 and len(pairs._upids) <= 100
