"""The rows of captures against what clients and brokers said of themselves."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

import pyarrow as pa
import pytest
from core_rows import CAPTURES, Capture

from kafkascope.store import catalogue


def partition(row: dict[str, Any]) -> str:
    return f"{row['topic']}-{row['partition']}"


def counts(client: dict[str, Any], what: str) -> dict[str, int]:
    """Records by partition, or by topic (``t-all``) where a client does not say more."""
    return {p: values[0] for p, values in client.get(what, {}).items()}


def of_topic(found: Counter[str], partition: str) -> int:
    topic, _, index = partition.rpartition("-")
    return sum(n for p, n in found.items() if p.rpartition("-")[0] == topic) if index == "all" else found[partition]


# Messages of the formats before 0.11 that are compressed hide their number.
HIDDEN = {"op10-0", "op10-1"}
# Members that come and go read some records twice, and so does who reads aborted transactions.
AGAIN = {"members", "confluentmem", "txn", "j39txn", "share"}


def test_columns_are_the_catalogues(any_capture: Capture) -> None:
    for name, table in any_capture.tables.items():
        assert table.schema.equals(catalogue.load()[name].schema), name
        for column in catalogue.load()[name].columns:
            assert column.nullable or table[column.name].null_count == 0, (name, column.name)


@pytest.mark.parametrize("table", ["kafka_produce", "kafka_fetch"])
def test_one_row_counts_its_request_and_one_each_of_its_topics(any_capture: Capture, table: str) -> None:
    requests, topics = defaultdict(list), defaultdict(list)
    for row in any_capture.rows(table):
        if row.get("idle"):
            assert not row["first_of_request"] and not row["first_of_topic"]
            continue
        request = (row["client_addr"], row["client_port"], row["broker_port"], row["time_"], row["response_time"])
        requests[request].append((row["first_of_request"], row["bytes"]))
        topics[*request, row["topic"], row["topic_id"]].append((row["first_of_topic"], row["bytes"]))
    for rows in (*requests.values(), *topics.values()):
        (size,) = [size for first, size in rows if first]
        assert size or not any(size for _, size in rows), "a row with records, if there is one"


def test_every_request_is_an_event(any_capture: Capture) -> None:
    events = any_capture.rows("kafka_events.beta")
    seen = Counter(f"{e['req_cmd']}/v{e['api_version']}" for e in events)
    assert seen == any_capture.truth["requests"]
    assert all(e["trace_role"] == 2 and e["upid"] == "" for e in events), "a packet is seen as the broker sees it"


def test_nothing_was_lost(any_capture: Capture) -> None:
    outcomes = Counter(e["outcome"] for e in any_capture.rows("kafka_events.beta"))
    # what was on its way when the capture ended
    assert set(outcomes) <= {"complete", "no_response", "truncated"}, outcomes
    assert outcomes["no_response"] <= 3 and outcomes["truncated"] <= 1, outcomes
    assert any_capture.summary["missing_bytes"] == any_capture.summary["unreadable_bytes"] == 0
    assert {r["reason"] for r in any_capture.rows("kafka_loss")} <= {"not_captured"}


def test_bodies_are_json(any_capture: Capture) -> None:
    for event in any_capture.rows("kafka_events.beta"):
        for body in (event["req_body"], event["resp"]):
            assert body == "" or isinstance(json.loads(body), dict)


def test_produced_records(any_capture: Capture) -> None:
    produced: Counter[str] = Counter()
    for row in any_capture.rows("kafka_produce"):
        assert (row["records"] is None) == (partition(row) in HIDDEN)
        produced[partition(row)] += row["records"] or 0
    for client in any_capture.truth["clients"]:
        for name, n in counts(client, "produced").items():
            assert of_topic(produced, name) == (0 if name in HIDDEN else n), (client["name"], name)


def test_produced_offsets_are_continuous(any_capture: Capture) -> None:
    end: dict[str, int] = {}
    for row in sorted(
        any_capture.rows("kafka_produce"), key=lambda r: (r["topic"], r["partition"], r["base_offset"] or 0)
    ):
        if row["acks"] == 0:
            assert row["base_offset"] is None and row["error_code"] is None and row["ack_latency"] is None
            continue
        assert row["error_code"] == 0 and row["ack_latency"] > 0
        if partition(row) in HIDDEN or row["topic"].startswith("__"):
            continue
        # a transaction ends with a marker, which takes an offset
        gap = row["base_offset"] - end.get(partition(row), 0)
        assert 0 <= gap <= (1 if row["transactional_id"] else 0), row
        end[partition(row)] = row["last_offset"] + 1
    for name, offset in any_capture.truth.get("log_end", {}).items():
        if name in end:
            assert 0 <= offset - end[name] <= 1, name


def test_consumed_records(any_capture: Capture) -> None:
    fetched: Counter[str] = Counter()
    for row in any_capture.rows("kafka_fetch"):
        if row["replica_id"] < 0 and row["group_source"] != "exact":
            fetched[partition(row)] += row["records"] or 0
    for client in any_capture.truth["clients"]:
        for name, n in counts(client, "consumed").items():
            if name not in HIDDEN:
                assert fetched[name] == n or (client["name"] in AGAIN and fetched[name] > n), (client["name"], name)


def test_fetch_offsets_follow_each_other(java: Capture) -> None:
    """Also in sessions, where a request names only what has changed."""
    place: dict[tuple[str, str], int] = {}
    known = 0
    for row in sorted(java.rows("kafka_fetch"), key=lambda r: r["response_time"]):
        if row["group_source"] == "exact" or row["error_code"] or row["topic"] == "jm":
            continue
        assert row["fetch_offset"] is not None, row
        key = (row["client_addr"] + row["client_id"] + row["group_id"], partition(row))
        if key in place and row["fetch_offset"] != 0:
            assert row["fetch_offset"] == place[key], row
            known += 1
        if row["first_offset"] is not None:
            assert row["first_offset"] <= row["fetch_offset"] <= row["last_offset"] + 1
            place[key] = row["last_offset"] + 1
    assert known > 10


def test_committed_offsets(any_capture: Capture) -> None:
    last: dict[str, int] = {}
    for row in sorted(any_capture.rows("kafka_commits"), key=lambda r: r["time_"]):
        assert row["group_id"] and row["topic"]
        if row["error_code"] == 0:
            last[partition(row)] = row["offset"]
    for client in any_capture.truth["clients"]:
        if client["name"] not in ("txn", "j39txn", "members"):
            for name, offset in client.get("commits", {}).items():
                assert last[name] == offset, (client["name"], name)


def test_groups_of_fetches(java: Capture) -> None:
    group_of = {"jc": "gc", "jn": "gn", "jz": "gz", "j39": "g39", "j28": "g28", "jm": "gm", "jt": "gt"}
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for row in java.rows("kafka_fetch"):
        if row["bytes"] and row["topic"] in group_of:
            seen[row["topic"]][row["group_id"]] += 1
    for topic, group in group_of.items():
        assert set(seen[topic]) == ({group, "sg"} if topic == "jc" else {group}), topic
    alone = {r["group_source"] for r in java.rows("kafka_fetch") if r["topic"] in ("js1", "js2")}
    assert alone == {"unknown"}, "a consumer that assigns its partitions has no group"


def test_share_groups_name_their_group(java: Capture) -> None:
    rows = [r for r in java.rows("kafka_fetch") if r["group_source"] == "exact"]
    assert {r["group_id"] for r in rows} == {"sg"}
    assert sum(r["records"] for r in rows if r["bytes"]) >= 128


def test_topic_ids(java: Capture) -> None:
    names = {r["topic"]: r["topic_id"] for r in java.rows("kafka_topic_names")}
    assert {t: names[t] for t in java.truth["topics"]} == java.truth["topics"]
    assert {r["cluster_id"] for r in java.rows("kafka_topic_names") if r["topic"] in java.truth["topics"]} <= {
        java.truth["cluster_id"],
        "",
    }


def test_cluster_and_broker(java: Capture) -> None:
    events = java.rows("kafka_events.beta")
    assert {e["cluster_id"] for e in events} <= {java.truth["cluster_id"], ""}
    known = [e for e in events if e["local_port"] == 29092 and e["req_cmd"] in (0, 1)]
    assert known and all(e["broker_id"] == 1 and e["cluster_id"] == java.truth["cluster_id"] for e in known)


def test_group_protocols(java: Capture) -> None:
    events = java.rows("kafka_group_events")
    protocols = {e["group_id"]: e["protocol"] for e in events}
    assert protocols == {g: p.lower() for g, p in java.truth["groups"].items()}
    shapes: dict[str, set[str]] = {e["protocol"]: set() for e in events}
    for e in events:
        shapes[e["protocol"]].add(e["event"])
    assert {"join", "sync", "leave"} <= shapes["classic"]
    assert {"join", "assignment", "leave"} <= shapes["consumer"]


def test_assignments_of_a_growing_group(java: Capture) -> None:
    """Three members come one by one: all six partitions are always somebody's."""
    held: dict[str, set[int]] = {}
    for event in sorted(java.rows("kafka_group_events"), key=lambda e: e["time_"]):
        if event["group_id"] != "gm" or event["error_code"] != 0 or not event["assigned"]:
            continue
        assigned = {p for t in json.loads(event["assigned"]) for p in t["partitions"]}
        before = held.get(event["member_id"], set())
        if event["gained"]:
            gained = {p for t in json.loads(event["gained"]) for p in t["partitions"]}
            assert gained == assigned - before
        held[event["member_id"]] = assigned
    assert len(held) >= 3


def test_clients(java: Capture) -> None:
    rows = java.rows("kafka_clients")
    software = {(r["software_name"], r["software_version"]) for r in rows if r["software_name"]}
    assert {("apache-kafka-java", v) for v in ("4.4.0", "3.9.2", "2.8.2")} <= software
    last = {(r["client_port"]): r for r in rows}
    versions = Counter(v for r in last.values() for v in json.loads(r["api_versions"]).items())
    assert versions[("Fetch", 18)] and versions[("Fetch", 12)] and versions[("ShareFetch", 2)]


def test_fetches_that_wait(java: Capture) -> None:
    rows = [r for r in java.rows("kafka_fetch") if r["bytes"] == 0 and r["latency"] > 450_000_000]
    assert rows and all(r["waited"] for r in rows)
    assert any(not r["waited"] for r in java.rows("kafka_fetch"))


def test_conn_stats_count_every_byte(any_capture: Capture) -> None:
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for row in any_capture.rows("conn_stats"):
        key = (row["upid"], row["remote_addr"])
        before = last.get(key)
        assert before is None or (row["bytes_sent"] >= before["bytes_sent"] and row["conn_open"] >= before["conn_open"])
        last[key] = row
    bytes_seen = sum(r["bytes_sent"] + r["bytes_recv"] for r in last.values())
    events = any_capture.rows("kafka_events.beta")
    # each message has a size field of four bytes
    messages = sum((e["req_bytes"] or -4) + (e["resp_bytes"] or -4) + 8 for e in events)
    # not the rest of a message that the capture's end cut
    assert messages * 0.99 <= bytes_seen <= messages * 1.01


def test_codecs(java: Capture) -> None:
    codecs = {r["topic"]: r["codec"] for r in java.rows("kafka_produce") if r["bytes"]}
    assert codecs["jz"] == "zstd" and codecs["jc"] == "none"


def test_old_message_sets(old: Capture) -> None:
    rows = [r for r in old.rows("kafka_produce") if r["topic"] in ("op9", "op10")]
    assert rows and all(r["producer_id"] is None and r["topic_id"] == "" for r in rows)


def test_a_batch_can_be_taken_again(java: Capture) -> None:
    core = pytest.importorskip("kafkascope._core")
    batch = core.FilePipeline([str(CAPTURES / "kafka-3.9.pcap.gz")]).next()["kafka_produce"]
    first, second = pa.record_batch(batch), pa.record_batch(batch)
    del batch
    assert first.equals(second) and pa.schema(first.schema) == first.schema
