"""Groups of fetches that were told after the rows were made."""

import duckdb
import pytest

from kafkascope.store import Store, catalogue
from kafkascope.store.fetch_groups import completed

FETCH = "time_ BIGINT, cluster_id VARCHAR, client_upid VARCHAR, client_addr VARCHAR, client_id VARCHAR, replica_id BIGINT, topic VARCHAR, topic_id VARCHAR, group_id VARCHAR, group_source VARCHAR"
TOLD = "time_ BIGINT, first_time BIGINT, cluster_id VARCHAR, client_upid VARCHAR, client_addr VARCHAR, client_id VARCHAR, topic VARCHAR, topic_id VARCHAR, group_id VARCHAR, group_source VARCHAR"

ROW = {"time_": 50, "cluster_id": "k", "client_upid": "0:1:1", "client_addr": "10.0.0.5", "client_id": "c", "replica_id": -1, "topic": "orders", "topic_id": "", "group_id": "", "group_source": "unknown"}
SPAN = {"time_": 90, "first_time": 10, "cluster_id": "k", "client_upid": "0:1:1", "client_addr": "10.0.0.9", "client_id": "c", "topic": "orders", "topic_id": "", "group_id": "g", "group_source": "process"}

CASES = {
    "the same client and topic, whatever its address": ({}, [{}], ("g", "process")),
    "before the first of these fetches": ({"time_": 9}, [{}], ("", "unknown")),
    "behind the last": ({"time_": 91}, [{}], ("", "unknown")),
    "another topic": ({"topic": "audit"}, [{}], ("", "unknown")),
    "a topic by its id, named since": ({"topic": "orders", "topic_id": "X"}, [{"topic": "", "topic_id": "X"}], ("g", "process")),
    "another client id": ({"client_id": "d"}, [{}], ("", "unknown")),
    "another process": ({"client_upid": "0:2:1"}, [{}], ("", "unknown")),
    "a client known by its address": ({"client_upid": "", "client_addr": "10.0.0.9"}, [{"client_upid": ""}], ("g", "process")),
    "another cluster": ({"cluster_id": "l"}, [{}], ("", "unknown")),
    "a cluster without a name yet": ({"cluster_id": ""}, [{}], ("g", "process")),
    "a group that was known": ({"group_id": "own", "group_source": "process"}, [{}], ("own", "process")),
    "a follower": ({"replica_id": 2}, [{}], ("", "unknown")),
    "told by two agents": ({}, [{}, {"first_time": 30, "time_": 70}, {"first_time": 40, "time_": 120}], ("g", "process")),
    "told in two stretches": ({}, [{"time_": 40}, {"first_time": 41, "group_id": "h"}], ("h", "process")),
    "one that was not certain": ({"group_source": "ambiguous"}, [{}], ("g", "process")),
    "ambiguous": ({}, [{"group_id": "", "group_source": "ambiguous"}], ("", "ambiguous")),
    "nothing told": ({}, [], ("", "unknown")),
}


@pytest.mark.parametrize("case", CASES)
def test_the_group_of_a_row_made_earlier(case):
    row, spans, expected = CASES[case]
    db = duckdb.connect()
    for name, columns, rows in (("fetches", FETCH, [ROW | row]), ("told", TOLD, [SPAN | span for span in spans])):
        db.execute(f"CREATE TABLE {name} ({columns})")
        for values in rows:
            db.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(values))})", list(values.values()))
    assert db.sql(completed(["group_id", "group_source"], "fetches", "told")).fetchall() == [expected]


@pytest.mark.skipif("kafka_fetch_groups" not in catalogue.load(), reason="the core in use is older than the table: make build")
@pytest.mark.parametrize("rolled", [False, True], ids=["hot", "rolled"])
def test_a_scan_of_fetches_is_completed(folder, rows, rolled):
    client = {"client_upid": "0:1:1", "client_addr": "10.0.0.5", "client_id": "c", "topic": "orders", "topic_id": "", "cluster_id": "k"}
    with Store(folder) as store:
        store.append("kafka_fetch", rows("kafka_fetch", 3, start=1000, group_id="", group_source="unknown", replica_id=-1, **client))
        store.append("kafka_fetch_groups", rows("kafka_fetch_groups", 1, start=1001, first_time=1000, group_id="g", group_source="process", **client))
        if rolled:
            store.roll()
        sql = store.engine().scan("kafka_fetch", 1000, 2000, ["time_", "group_id", "group_source"])
        found = store.engine().execute(f"SELECT group_id, group_source FROM ({sql}) ORDER BY time_", timeout_s=60).to_pylist()
    assert [(r["group_id"], r["group_source"]) for r in found] == [("g", "process"), ("g", "process"), ("", "unknown")]
