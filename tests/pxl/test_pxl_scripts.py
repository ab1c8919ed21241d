"""The bundled scripts over hand-made traffic: what the tutorial's pages show, with the columns that users know first and in order."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pxl_documents import NOW
from pxl_engine import MemoryEngine

from kafkascope import pxl
from kafkascope.pxl import vis
from kafkascope.scripts import Library

S = 1_000_000_000
LIBRARY = Library.load()
ARGS: dict[str, dict[str, str]] = {
    "px/pod": {"pod": "px-kafka/broker"}, "px/service": {"service": "px-kafka/kafka"}, "px/node": {"node": "n1"}, "px/ip": {"ip": "10.0.0.3"},
    **{name: {"namespace": "px-kafka"} for name in ("px/namespace", "px/pods", "px/services", "px/net_flow_graph", "px/upids")},
    "px/kafka_topic": {"topic": "order"}, "px/kafka_group": {"group_id": "invoicing"}, "px/kafka_client": {"client_id": "order"},
    "px/kafka_producer_consumer_latency": {"namespace": "px-kafka", "topic": "order"},
}


def ago(seconds: float) -> int:
    return NOW - int(seconds * S)


BROKER = {"broker_upid": "1:10:100", "broker_addr": "10.0.0.1", "broker_port": 9092, "cluster_id": "c1"}
ORDER = {**BROKER, "client_upid": "1:20:200", "client_addr": "10.0.0.2", "client_port": 5000, "client_id": "order"}
INVOICING = {**BROKER, "client_upid": "", "client_addr": "10.0.0.3", "client_port": 5001, "client_id": "invoicing", "replica_id": -1}
#: The first row of its request.
FIRST = {"first_of_request": True, "first_of_topic": True}
EVENT = {
    "upid": "1:10:100", "local_addr": "10.0.0.1", "local_port": 9092, "remote_addr": "10.0.0.2", "remote_port": 5000, "trace_role": 2, "client_id": "order",
    "latency": 2_000_000, "remote_upid": "1:20:200", "outcome": "complete", "declared_bytes": 600, "error_code": 0,
}  # fmt: skip
ROWS: dict[str, list[dict[str, Any]]] = {
    "kafka_events.beta": [
        {**EVENT, "time_": ago(100), "req_cmd": 0, "req_body": '{"topics":[{"name":"order"}]}'},
        {**EVENT, "time_": ago(50), "req_cmd": 1, "remote_addr": "10.0.0.3", "remote_upid": "", "client_id": "invoicing", "latency": 500_000_000},
        {**EVENT, "time_": ago(40), "req_cmd": 11, "req_body": '{"group_id":"invoicing"}', "error_code": 27},
        {**EVENT, "time_": ago(39), "req_cmd": 14, "req_body": '{"group_id":"invoicing"}'},
    ],
    "kafka_produce": [
        # One request of two partitions, and another.
        {**ORDER, **FIRST, "time_": ago(100), "topic": "order", "partition": 0, "bytes": 1000, "base_offset": 10, "last_offset": 12, "error_code": 0, "response_time": ago(99)},
        {**ORDER, "time_": ago(100), "topic": "order", "partition": 1, "bytes": 500, "base_offset": 7, "last_offset": 7, "error_code": 0, "response_time": ago(99)},
        {**ORDER, **FIRST, "time_": ago(90), "topic": "audit", "topic_id": "x", "partition": 0, "bytes": 30, "base_offset": 1, "last_offset": 1, "error_code": 0, "response_time": ago(89)},
    ],
    "kafka_fetch": [
        {**INVOICING, **FIRST, "time_": ago(60), "topic": "order", "partition": 0, "bytes": 1000, "first_offset": 11, "last_offset": 12, "response_time": ago(49)},
        {**INVOICING, **FIRST, "time_": ago(45), "topic": "order", "partition": 0, "bytes": 0, "response_time": ago(44)},
        {**INVOICING, **FIRST, "client_id": "broker-2", "replica_id": 2, "time_": ago(45), "topic": "order", "partition": 0, "bytes": 77, "response_time": ago(44)},
    ],
    "kafka_group_events": [
        {"time_": ago(40), "group_id": "invoicing", "event": "join", "member_id": "m1", "generation": 3, "error_code": 0, "duration": 3 * S, "protocol": "classic",
         "client_addr": "10.0.0.3", "reason": "rebalance enforced"},
        {"time_": ago(36.9), "group_id": "invoicing", "event": "sync", "member_id": "m1", "generation": 3, "error_code": 0, "duration": S // 10, "protocol": "classic",
         "client_addr": "10.0.0.3", "client_id": "c"},
        # A member that waited 2 s to be told that the group is rebalancing again.
        {"time_": ago(60), "group_id": "invoicing", "event": "join", "member_id": "m1", "generation": 1, "error_code": 0, "duration": 2 * S, "protocol": "classic"},
        {"time_": ago(58), "group_id": "invoicing", "event": "sync", "member_id": "m1", "generation": 1, "error_code": 27, "duration": S // 2, "protocol": "classic"},
        {"time_": ago(61), "group_id": "invoicing", "event": "join", "member_id": "m1", "generation": -1, "error_code": 79, "duration": S, "protocol": "classic"},
        {"time_": ago(30), "group_id": "new", "event": "join", "member_id": "n1", "generation": 1, "error_code": 0, "duration": S, "protocol": "consumer"},
        {"time_": ago(28), "group_id": "new", "event": "assignment", "member_id": "n1", "generation": 2, "error_code": 0, "duration": S, "protocol": "consumer"},
        {"time_": ago(30), "group_id": "new", "event": "join", "member_id": "n2", "generation": 1, "error_code": 0, "duration": S, "protocol": "consumer"},
        {"time_": ago(20), "group_id": "new", "event": "leave", "member_id": "n2", "generation": -1, "error_code": 0, "duration": S, "protocol": "consumer"},
        {"time_": ago(80), "group_id": "invoicing", "event": "join", "member_id": "m0", "generation": 2, "error_code": 0, "duration": S, "protocol": "classic"},
        {"time_": ago(79), "group_id": "invoicing", "event": "sync", "member_id": "m0", "generation": 2, "error_code": 0, "duration": S, "protocol": "classic"},
    ],
    "md_process": [
        {"time_": ago(200), "upid": "1:10:100", "pid": 10, "pod_id": "p1", "pod_name": "px-kafka/broker", "namespace": "px-kafka", "cmdline": "java kafka.Kafka",
         "container_name": "kafka", "container_id": "c1", "service_name": "px-kafka/kafka", "node_name": "n1"},
        {"time_": ago(200), "upid": "1:20:200", "pid": 20, "pod_id": "p2", "pod_name": "px-kafka/order", "namespace": "px-kafka"},
    ],
    "md_pod": [
        {"time_": ago(200), "pod_id": "p1", "pod_name": "px-kafka/broker", "namespace": "px-kafka", "pod_ip": "10.0.0.1", "status": '{"phase":"Running"}',
         "start_time": ago(5000)},
        {"time_": ago(200), "pod_id": "p2", "pod_name": "px-kafka/order", "namespace": "px-kafka", "pod_ip": "10.0.0.2"},
    ],
    "md_container": [{"time_": ago(200), "container_id": "c1", "container_name": "kafka", "status": '{"state":"Running"}'}],
    "process_stats": [{"time_": ago(60 - i), "upid": "1:10:100", "rss_bytes": 1000, "cpu_utime_ns": i * S // 10, "num_threads": 5, "rchar_bytes": i * 1000} for i in range(20)],
    "network_stats": [{"time_": ago(60 - i), "pod_id": "p1", "rx_bytes": i * 100, "tx_bytes": i * 50} for i in range(20)],
}  # fmt: skip


def compile_script(name: str, engine: MemoryEngine, **args: str) -> pxl.Program:
    script = LIBRARY.scripts[name]
    return pxl.compile(script.pxl, engine.relations(), vis.calls(vis.load(script.vis), {**ARGS.get(name, {}), **args}), NOW)


def run(name: str, **args: str) -> dict[str, list[dict[str, Any]]]:
    engine = MemoryEngine(ROWS)
    return {r.name: r.table.to_pylist() for r in pxl.run(compile_script(name, engine, **args), engine)}


#: Result -> the columns that scripts, dashboards and people know, in order.
COLUMNS = {
    "px/kafka_overview": {
        "kafka_flow_graph": "src dest record_throughput record_bytes_total",
        "kafka_topics_overview": "topic_name num_partitions num_producers num_consumers bytes_produced_total bytes_consumed_total",
        "kafka_brokers": "pod produce_rate produce_requests bytes_produced_total consume_rate fetch_requests bytes_consumed_total",
        "kafka_producers": "pod produce_rate produce_requests bytes_produced_total",
        "kafka_consumers": "pod consume_rate fetch_requests bytes_consumed_total",
        "kafka_pods_flow_graph": "source destination latency_p50 latency_p90 latency_p99 request_throughput throughput_total",
    },
    "px/kafka_data": {"kafka_data": "time_ source destination remote_port req_cmd req_body resp latency"},
    "px/kafka_producer_consumer_latency": {
        "Kafka Topics": "topic", "Kafka Producers": "producer source", "Kafka Consumers": "consumer source", "kafka_data": "time_ delay series_col",
    },
    "px/kafka_consumer_rebalancing": {
        "consumer_group_ids": "group_id num_members", "consumer_rebalancing_delay": "time_ group_id generation_id member_id delay",
        "consumer_rebalancing_events": "time_ source destination remote_port req_cmd req_body resp latency",
    },
    "px/pod": {
        "inbound_latency": "time_ latency_p50 latency_p90 latency_p99", "inbound_requests": "time_ container request_throughput errors_per_ns error_rate",
        "resource_timeseries": "time_ container cpu_usage rss vsize", "network_timeseries": "time_ pod rx_bytes_per_ns tx_bytes_per_ns",
        "Containers": "name id status", "Processes": "cmd pid", "Pod Metadata": "node service pod_id pod_name start_time ip status",
    },
    "px/schemas": {"Tables": "table_name table_desc", "Columns": "table_name column_name column_type pattern_type column_desc"},
}  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
def test_results_begin_with_the_columns_that_are_known(name: str) -> None:
    program = compile_script(name, MemoryEngine())
    for output, columns in COLUMNS[name].items():
        known = columns.split()
        assert list(program.outputs[output].schema)[: len(known)] == known


@pytest.mark.parametrize("name", sorted(LIBRARY.scripts))
def test_widgets_show_columns_that_there_are(name: str) -> None:
    script = LIBRARY.scripts[name]
    program = compile_script(name, MemoryEngine())
    for index, widget in enumerate((script.vis or {}).get("widgets") or []):
        output = widget.get("globalFuncOutputName") or widget.get("name") or f"widget_{index}"
        schema = program.outputs[output].schema
        display = widget["displaySpec"]
        series = [s[key] for s in display.get("timeseries", []) for key in ("value", "series") if key in s]
        edges = list(display.get("adjacencyList", {}).values())
        named = [display[key] for key in display if key.endswith("Column") and key != "gutterColumn"]
        for column in [*series, *edges, *named, *display.get("edgeHoverInfo", [])]:
            assert column in schema, f"{name}, widget '{widget['name']}'"


@pytest.mark.parametrize("name", sorted(LIBRARY.scripts))
def test_nothing_seen_gives_empty_tables(name: str) -> None:
    engine = MemoryEngine()
    for result in pxl.run(compile_script(name, engine), engine):
        assert result.table.num_rows == 0 or name == "px/schemas", result.name


def label(reference: str) -> tuple[str, str]:
    found = json.loads(reference)
    return found["script"], found["label"]


def test_overview_shows_who_produces_to_which_topic_and_who_reads_it() -> None:
    found = run("px/kafka_overview")
    edges = {(r["src"], r["dest"]): r["record_bytes_total"] for r in found["kafka_flow_graph"]}
    assert edges == {("order", "topic/order"): 1500, ("order", "topic/audit"): 30, ("topic/order", "invoicing"): 1000}
    topics = {r["topic_name"]: [*r.values()][1:6] for r in found["kafka_topics_overview"]}
    assert topics == {"order": [2, 1, 1, 1500, 1000], "audit": [1, 1, 0, 30, 0]}
    (broker,) = found["kafka_brokers"]
    assert label(broker["pod"]) == ("px/pod", "px-kafka/broker")
    # A request of two partitions counts once; an empty answer and a follower's fetch are no consumption.
    assert (broker["produce_requests"], broker["bytes_produced_total"], broker["fetch_requests"], broker["bytes_consumed_total"]) == (2, 1530, 1, 1000)
    # Traffic spans 61 s, of which samples show that 20 s were watched.
    assert broker["produce_rate"] == pytest.approx(1530 / 20e9)
    (producer,) = found["kafka_producers"]
    assert label(producer["pod"]) == ("px/pod", "px-kafka/order")
    assert json.loads(producer["pod"])["args"] == {"start_time": "-5m", "pod": "px-kafka/order"}
    (consumer,) = found["kafka_consumers"]
    assert label(consumer["pod"]) == ("px/ip", "10.0.0.3")
    assert {(r["source"], r["destination"]) for r in found["kafka_pods_flow_graph"]} == {("px-kafka/order", "px-kafka/broker"), ("10.0.0.3", "px-kafka/broker")}


def test_overview_of_one_topic_or_namespace() -> None:
    found = run("px/kafka_overview", topic="audit", namespace="px-kafka")
    assert [r["topic_name"] for r in found["kafka_topics_overview"]] == ["audit"]
    assert found["kafka_consumers"] == []
    assert all(rows == [] for rows in run("px/kafka_overview", namespace="elsewhere").values())


def test_data_shows_the_newest_requests_with_both_ends() -> None:
    (rows,) = run("px/kafka_data", max_num_records="2").values()
    assert [r["req_cmd"] for r in rows] == ["SyncGroup", "JoinGroup"]
    (fetch,) = run("px/kafka_data", source_filter="10.0.0.3")["kafka_data"]
    assert (fetch["req_cmd"], label(fetch["source"]), label(fetch["destination"])) == ("Fetch", ("px/ip", "10.0.0.3"), ("px/pod", "px-kafka/broker"))


def test_bodies_are_read_only_where_they_are_shown() -> None:
    engine = MemoryEngine()
    assert "req_body" not in compile_script("px/kafka_overview", engine).sql(engine)
    assert "req_body" in compile_script("px/kafka_overview", engine, topic="order").sql(engine)


def test_delay_of_each_partition() -> None:
    found = run("px/kafka_producer_consumer_latency")
    assert found["kafka_data"] == [{"time_": ago(49), "delay": 50.0, "series_col": "order/invoicing/partition-0"}]
    assert sorted(r["topic"] for r in found["Kafka Topics"]) == ["audit", "order"]
    assert [r["consumer"] for r in found["Kafka Consumers"]] == ["invoicing"]
    chosen = run("px/kafka_producer_consumer_latency", producer="order", consumer="invoicing")
    assert chosen["kafka_data"][0]["series_col"] == "partition-0"


def test_rebalances_with_their_delays() -> None:
    found = run("px/kafka_consumer_rebalancing")
    assert {r["group_id"]: r["num_members"] for r in found["consumer_group_ids"]} == {"invoicing": 1, "new": 1}
    delays = {(r["member_id"], r["generation_id"]): r["delay"] for r in found["consumer_rebalancing_delay"]}
    assert delays == {("m0", 2): 2 * S, ("m1", 1): 2 * S + S // 2, ("m1", 3): 3 * S + S // 5, ("n1", 2): 3 * S}
    assert [r["req_cmd"] for r in found["consumer_rebalancing_events"]] == ["JoinGroup", "SyncGroup"]
    assert run("px/kafka_consumer_rebalancing", consumer_group_id="other")["consumer_rebalancing_delay"] == []


def test_one_pod() -> None:
    found = run("px/pod")
    assert found["Containers"] == [{"name": "kafka", "id": "c1", "status": '{"state":"Running"}'}]
    (process,) = found["Processes"]
    assert (process["cmd"], process["pid"], process["rss"]) == ("java kafka.Kafka", 10, 1000)
    (pod,) = found["Pod Metadata"]
    assert (pod["node"], pod["ip"], pod["status"], pod["start_time"]) == ("n1", "10.0.0.1", '{"phase":"Running"}', ago(5000))
    assert [(r["time_"], r["cpu_usage"]) for r in found["resource_timeseries"]] == [(ago(60), pytest.approx(0.1)), (ago(50), pytest.approx(0.1))]
    assert {r["api"]: (r["requests"], r["errors"]) for r in found["Kafka Requests"]} == {"Produce": (1, 0), "Fetch": (1, 0), "JoinGroup": (1, 1), "SyncGroup": (1, 0)}


def test_schemas_lists_every_column() -> None:
    engine = MemoryEngine()
    found = run("px/schemas")
    assert len(found["Tables"]) == len(engine.relations())
    assert len(found["Columns"]) == sum(len(r.columns) for r in engine.relations().values())


@pytest.mark.parametrize("name", sorted(LIBRARY.scripts))
def test_plans_are_stable(name: str) -> None:
    first, second = (compile_script(name, MemoryEngine()).explain() for _ in range(2))
    assert first == second and first.count("\n") > 1
