"""Metadata: the newest row of a key; and topics whose name came later than their rows."""

import pytest

from kafkascope.store import Store
from kafkascope.store.newest import NewestRows


def pods(store, **where):
    engine = store.engine()
    return {r["pod_id"]: r["restarts"] for r in engine.execute("SELECT pod_id, restarts FROM md_pod ORDER BY 1", timeout_s=60).to_pylist()}


def test_the_row_that_came_last_holds_also_after_opening_again(folder, rows):
    with Store(folder) as store:
        store.append("md_pod", rows("md_pod", 4, pod_id=lambda i: "ab"[i % 2], restarts=lambda i: i))
        assert pods(store) == {"a": 2, "b": 3}
        store.append("md_pod", rows("md_pod", 1, pod_id="a", restarts=9))
        assert pods(store) == {"a": 9, "b": 3}
    with Store(folder) as store:
        assert pods(store) == {"a": 9, "b": 3}
        store.newest["md_pod"].rewrite()
        assert len(list((folder / "md_pod").iterdir())) == 1
    with Store(folder) as store:
        assert pods(store) == {"a": 9, "b": 3}


def test_more_keys_than_the_limit_forget_the_oldest_and_count_them(rows):
    batch = rows("md_pod", 10, start=1000, pod_id=lambda i: f"p{i}")
    newest = NewestRows(batch.schema, "pod_id", limit=4)
    newest.append(batch)
    assert sorted(newest.table().column("pod_id").to_pylist()) == ["p6", "p7", "p8", "p9"]
    assert newest.forgotten == 6


def test_what_ended_before_the_retention_is_forgotten_and_what_runs_is_not(rows):
    batch = rows("md_pod", 3, pod_id=lambda i: f"p{i}", stop_time=lambda i: (0, 50, 150)[i])
    newest = NewestRows(batch.schema, "pod_id", limit=100)
    newest.append(batch)
    newest.forget_before(100)
    assert newest.table().column("pod_id").to_pylist() == ["p0", "p2"]


def test_an_agent_that_begins_anew_ends_what_its_earlier_run_left_running(memory, rows, now):
    memory.append("md_process", rows("md_process", 3, upid=lambda i: f"1:{i}:1", asid=lambda i: 1 if i < 2 else 2, node_name="n", stop_time=lambda i: 7 if i == 1 else 0))
    memory.append("md_pod", rows("md_pod", 2, pod_id=lambda i: f"p{i}", node_name=lambda i: ("n", "other")[i], stop_time=0))
    memory.agent_started(1)
    found = memory.engine().execute("SELECT upid, stop_time FROM md_process ORDER BY upid", timeout_s=60).to_pylist()
    assert [r["stop_time"] > now for r in found] == [True, False, False]
    found = memory.engine().execute("SELECT stop_time FROM md_pod ORDER BY pod_id", timeout_s=60).to_pylist()
    assert [r["stop_time"] > now for r in found] == [True, False]


def topics(store, table="kafka_produce"):
    engine = store.engine()
    return [r["topic"] for r in engine.execute(f"SELECT * FROM ({engine.scan(table, None, None, ['time_', 'topic'])}) ORDER BY time_", timeout_s=60).to_pylist()]


@pytest.mark.parametrize("table", ["kafka_produce", "kafka_fetch", "kafka_commits"])
@pytest.mark.parametrize("rolled", [False, True], ids=["hot", "rolled"])
def test_a_topic_that_was_known_by_id_only_has_its_name_as_soon_as_it_is_learned(folder, rows, table, rolled):
    with Store(folder) as store:
        store.append(table, rows(table, 3, topic=lambda i: ("", "", "named")[i], topic_id=lambda i: ("A", "B", "")[i]))
        if rolled:
            store.roll()
        assert topics(store, table) == ["", "", "named"]
        store.append("kafka_topic_names", rows("kafka_topic_names", 1, topic_id="A", topic="order"))
        assert topics(store, table) == ["order", "", "named"]


def test_names_known_when_rows_are_rolled_are_written_into_the_segment(folder, rows):
    with Store(folder) as store:
        store.append("kafka_produce", rows("kafka_produce", 2, topic="", topic_id=lambda i: "AB"[i]))
        store.append("kafka_topic_names", rows("kafka_topic_names", 2, topic_id=lambda i: "AB"[i], topic=lambda i: ("order", "payment")[i]))
        store.roll()
        (segment,) = store.observed["kafka_produce"].segments
        assert segment.unnamed_topics == 0
        assert topics(store) == ["order", "payment"]


def test_names_are_kept_over_a_restart(folder, rows):
    with Store(folder) as store:
        store.append("kafka_topic_names", rows("kafka_topic_names", 1, topic_id="A", topic="order"))
    with Store(folder) as store:
        store.append("kafka_produce", rows("kafka_produce", 1, topic="", topic_id="A"))
        assert topics(store) == ["order"]
