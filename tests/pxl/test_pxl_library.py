"""The scripts about the cluster and about one thing of Kafka's over hand-made rows: their columns in order, and what they show."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pxl_engine import MemoryEngine
from test_pxl_scripts import COLUMNS, LIBRARY, ROWS, S, ago, compile_script

from kafkascope import pxl

VIEWS = Path(pxl.__file__).parent / "views"
CLIENT = {"client_upid": "", "client_addr": "10.0.0.3", "client_port": 5001, "broker_upid": "1:10:100", "broker_addr": "10.0.0.1", "client_id": "invoicing"}
CONNECTION = {"upid": "1:10:100", "trace_role": 2, "protocol": 10, "addr_family": 2}
MORE: dict[str, list[dict[str, Any]]] = {
    **ROWS,
    # The broker is in the service; a client that is no pod is connected with it for ten seconds, and asks for 1000 bytes of 100.
    "md_pod": [{**ROWS["md_pod"][0], "service_name": "px-kafka/kafka", "service_id": "s1", "node_name": "n1"}, ROWS["md_pod"][1]],
    "md_service": [{"time_": ago(200), "service_id": "s1", "service_name": "px-kafka/kafka", "namespace": "px-kafka", "cluster_ip": "10.96.0.1"}],
    "md_node": [{"time_": ago(200), "node_name": "n1", "num_cpus": 4}],
    "md_agent": [{"time_": ago(3), "agent_id": "a", "asid": 1, "hostname": "h1", "agent_state": "AGENT_STATE_HEALTHY"}],
    "conn_stats": [
        {**CONNECTION, "time_": ago(30), "remote_addr": "10.0.0.3", "bytes_sent": 50, "bytes_recv": 10, "conn_open": 1},
        {**CONNECTION, "time_": ago(20), "remote_addr": "10.0.0.3", "bytes_sent": 1050, "bytes_recv": 110, "conn_open": 1},
        {**CONNECTION, "time_": ago(30), "remote_addr": "10.0.0.2", "bytes_sent": 5, "bytes_recv": 5, "conn_open": 1},
        {**CONNECTION, "time_": ago(30), "upid": "1:20:200", "trace_role": 1, "remote_addr": "8.8.8.8", "remote_port": 53, "bytes_sent": 1, "bytes_recv": 1},
        {**CONNECTION, "time_": ago(20), "upid": "1:20:200", "trace_role": 1, "remote_addr": "8.8.8.8", "remote_port": 53, "bytes_sent": 3, "bytes_recv": 9},
    ],
    "kafka_loss": [
        {"time_": ago(70), "upid": "1:10:100", "reason": "bytes_missing", "events": 2, "bytes": 300, "detail": "a hole"},
        {"time_": ago(60), "upid": "1:10:100", "reason": "bytes_missing", "events": 1, "bytes": 40, "detail": "a hole"},
        {"time_": ago(60), "reason": "tls", "events": 1, "remote_addr": "10.0.0.9"},
    ],
    "kafka_clients": [{**CLIENT, "time_": ago(80), "software_name": "librdkafka", "software_version": "2.1.0", "mechanism": "PLAIN", "tls": False}],
    "kafka_commits": [
        {**CLIENT, "time_": ago(40), "group_id": "invoicing", "topic": "order", "partition": 0, "offset": 10, "error_code": 0},
        {**CLIENT, "time_": ago(30), "group_id": "invoicing", "topic": "order", "partition": 0, "offset": 11, "error_code": 0},
        {**CLIENT, "time_": ago(20), "group_id": "invoicing", "topic": "order", "partition": 0, "offset": 12, "error_code": 22},
    ],
    "kafka_lag": [
        {"time_": ago(30), "group_id": "invoicing", "topic": "order", "partition": 0, "committed": 10, "end_offset": 13, "lag": 3, "status": "OK"},
        {"time_": ago(10), "group_id": "invoicing", "topic": "order", "partition": 0, "committed": 11, "end_offset": 13, "lag": 2, "status": "OK"},
        {"time_": ago(10), "group_id": "invoicing", "topic": "order", "partition": 1, "committed": 4, "status": "UNKNOWN"},
        {"time_": ago(10), "group_id": "invoicing", "topic": "gone", "partition": 0, "status": "NOTFOUND"},
        {"time_": ago(10), "group_id": "other", "topic": "order", "partition": 0, "committed": 13, "end_offset": 13, "lag": 0, "status": "OK"},
    ],
    "kafka_group_lag": [
        {"time_": ago(10), "group_id": "invoicing", "kind": "classic", "state": "Stable", "members": 1, "lag": 2, "status": "WARN", "reason": "It falls behind."},
        {"time_": ago(10), "group_id": "other", "kind": "consumer", "state": "Empty", "members": 0, "lag": 0, "status": "OK", "reason": "All is well."},
    ],
}  # fmt: skip


def run(name: str, **args: str) -> dict[str, list[dict[str, Any]]]:
    engine = MemoryEngine(MORE)
    return {r.name: r.table.to_pylist() for r in pxl.run(compile_script(name, engine, **args), engine)}


def contract() -> dict[str, dict[str, list[str]]]:
    """Script -> result -> its columns."""
    found: dict[str, dict[str, list[str]]] = {}
    for line in (Path(__file__).parent / "library_columns.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            script, result, columns = (part.strip() for part in line.split("|"))
            found.setdefault(script, {})[result] = [c.strip() for c in columns.split(",")]
    return found


@pytest.mark.parametrize("name", contract())
def test_results_begin_with_the_columns_that_are_known(name: str) -> None:
    program = compile_script(name, MemoryEngine())
    assert {result: list(program.outputs[result].schema)[: len(known)] for result, known in contract()[name].items()} == contract()[name]


def test_every_script_has_its_columns_written_down() -> None:
    assert LIBRARY.scripts.keys() == contract().keys() | COLUMNS.keys()
    assert LIBRARY.problems == []


def test_links_lead_to_scripts_that_there_are() -> None:
    texts = [script.pxl for script in LIBRARY.scripts.values()] + [path.read_text() for path in VIEWS.glob("*.pxl")]
    named = {(script, argument) for text in texts for script, argument in re.findall(r"'(px/\w+)', \{'start_time': start_time, '(\w+)'", text)}
    assert named == {("px/pod", "pod"), ("px/ip", "ip")}
    for script, argument in named | {("px/service", "service"), ("px/namespace", "namespace"), ("px/node", "node")}:
        assert argument in {v["name"] for v in (LIBRARY.scripts[script].vis or {})["variables"]}


@pytest.mark.parametrize(("name", "services"), [("px/cluster", 1), ("px/namespaces", 1)])
def test_namespaces_in_which_nothing_runs(name: str, services: int) -> None:
    told = [{"time_": ago(400), "namespace": "idle"}, {"time_": ago(400), "namespace": "px-kafka"}, {"time_": ago(100), "namespace": "gone", "stop_time": ago(100)}]
    engine = MemoryEngine({**MORE, "md_namespace": told})
    found = {r.name: r.table.to_pylist() for r in pxl.run(compile_script(name, engine), engine)}["Namespaces"]
    assert sorted((r["namespace"], r["pod_count"], r["service_count"]) for r in found) == [("idle", 0, 0), ("px-kafka", 1, services)]


@pytest.mark.parametrize("name", ["px/cluster", "px/nodes"])
def test_nodes_on_which_nothing_runs(name: str) -> None:
    told = [*MORE["md_node"], {"time_": ago(400), "node_name": "n2"}, {"time_": ago(100), "node_name": "n3", "stop_time": ago(100)}]
    engine = MemoryEngine({**MORE, "md_node": told})
    found = {r.name: r.table.to_pylist() for r in pxl.run(compile_script(name, engine), engine)}["Nodes"]
    assert sorted((r["node"], r["pod_count"], r["rss"], r["cpu_usage"]) for r in found) == [("n1", 1, 1000, pytest.approx(0.1)), ("n2", 0, None, None)]


HTTP = {"upid": "1:20:200", "trace_role": 2, "remote_addr": "10.0.0.3", "req_path": "/", "resp_status": 200, "latency": 7, "time_": ago(30)}


@pytest.mark.parametrize(
    ("rows", "latency", "requests", "errors"),
    [
        ([], None, None, None),
        # HTTP was captured, of another pod: this service had no requests, and what none took is unknown.
        ([HTTP], None, 0, None),
        ([{**HTTP, "upid": "1:10:100"}], 7, pytest.approx(1 / 20e9), 0),
    ],
)
@pytest.mark.parametrize("name", ["px/cluster", "px/namespace"])
def test_http_that_nobody_captured_is_unknown_and_not_0(name: str, rows: list[dict[str, Any]], latency: Any, requests: Any, errors: Any) -> None:
    engine = MemoryEngine({**MORE, "http_events": rows})
    found = {r.name: r.table.to_pylist() for r in pxl.run(compile_script(name, engine), engine)}
    (service,) = found["Services" if name == "px/cluster" else "Service List"]
    assert (service["http_latency_in"], service["http_req_throughput_in"], service["http_error_rate_in"]) == (latency, requests, errors)


def test_connections_that_nobody_captured_are_unknown() -> None:
    engine = MemoryEngine({**MORE, "conn_stats": []})
    found = {r.name: r.table.to_pylist() for r in pxl.run(compile_script("px/cluster", engine), engine)}
    (service,) = found["Services"]
    assert (service["inbound_conns"], service["outbound_conns"]) == (None, None)


def test_lists_of_the_cluster() -> None:
    found = run("px/cluster")
    assert found["Nodes"] == [{"node": "n1", "cpu_usage": pytest.approx(0.1), "pod_count": 1, "rss": 1000}]
    (namespace,) = found["Namespaces"]
    assert (namespace["namespace"], namespace["pod_count"], namespace["service_count"]) == ("px-kafka", 1, 1)
    (pod,) = found["Pods"]
    # 100 ms of CPU a second, however short the time that was sampled; 1000 bytes read a second.
    assert (pod["pod"], pod["cpu_usage"], pod["total_disk_read_throughput"]) == ("px-kafka/broker", pytest.approx(0.1), pytest.approx(1000 / S))
    (service,) = found["Services"]
    # Requests are spread over 61 s, of which 20 were watched.
    assert (service["service"], service["kafka_req_throughput_in"], service["kafka_req_throughput_out"]) == ("px-kafka/kafka", pytest.approx(4 / 20e9), 0)
    assert (service["inbound_conns"], service["outbound_conns"]) == (pytest.approx(1100 / 20e9), 0)
    graph = {(r["requestor_service"], r["responder_service"]): (r["throughput_total"], r["error_rate"]) for r in found["Kafka Service Map"]}
    assert graph == {("px-kafka/order", "px-kafka/kafka"): (3, pytest.approx(1 / 3)), ("10.0.0.3", "px-kafka/kafka"): (1, 0)}
    assert found["HTTP Service Map"] == []


def test_a_process_that_ran_for_a_second_counts_for_that_second() -> None:
    # Of the broker's container: its server used 1 s of CPU in 100 s, what prepared its disk 0.8 s in the first second.
    sample = {"upid": "1:10:100", "rss_bytes": 1000}
    short = {"upid": "1:11:101", "rss_bytes": 1000}
    samples = [{**sample, "time_": ago(120), "cpu_utime_ns": 0}, {**sample, "time_": ago(20), "cpu_utime_ns": S},
               {**short, "time_": ago(120), "cpu_utime_ns": 0}, {**short, "time_": ago(119), "cpu_utime_ns": 8 * S // 10}]  # fmt: skip
    broker = next(row for row in MORE["md_process"] if row["upid"] == "1:10:100")
    engine = MemoryEngine({**MORE, "process_stats": samples, "md_process": [*MORE["md_process"], {**broker, "upid": "1:11:101"}]})
    (pod,) = {r.name: r.table.to_pylist() for r in pxl.run(compile_script("px/cluster", engine), engine)}["Pods"]
    assert pod["cpu_usage"] == pytest.approx(1.8 / 100)


@pytest.mark.parametrize(("name", "argument"), [("px/namespace", "namespace"), ("px/pods", "namespace"), ("px/services", "namespace"), ("px/service", "service"), ("px/node", "node")])
def test_what_is_not_there_has_nothing(name: str, argument: str) -> None:
    assert any(run(name).values())
    assert not any(run(name, **{argument: "elsewhere"}).values())


@pytest.mark.parametrize(("by", "value"), [("node", "n1"), ("pod", "px-kafka/broker"), ("service", "px-kafka/kafka"), ("namespace", "px-kafka")])
def test_a_node_by_what_is_asked_for(by: str, value: str) -> None:
    found = run("px/node", groupby=by)
    assert {r["groupby_col"] for r in found["resource_timeseries"]} == {r["groupby_col"] for r in found["network_stats"]} == {value}
    assert found["network_stats"][0]["rx_bytes_per_ns"] == pytest.approx(100 / S)


def test_one_address() -> None:
    found = run("px/ip")
    (edge,) = found["Network Flow Graph"]
    assert (edge["requestor"], edge["responder"], edge["bytes_total"]) == ("10.0.0.3", "px-kafka/broker", 1100)
    assert edge["total_bytes_per_s"] == pytest.approx(1100 / 10e9)
    (summary,) = found["IP Summary"]
    assert (summary["ip"], summary["pod"], summary["first_seen"], summary["last_seen"]) == ("10.0.0.3", "", ago(50), ago(20))
    (requests,) = found["Kafka Requests"]
    assert (requests["client_id"], requests["api"], requests["requests"]) == ("invoicing", "Fetch", 1)
    assert [r["software_name"] for r in found["Kafka Clients"]] == ["librdkafka"]
    assert not any(run("px/ip", ip="10.9.9.9").values())


def test_connections_from_and_to_outside() -> None:
    (inbound,) = run("px/inbound_conns")["inbound_conns"]
    assert (inbound["pod"], inbound["remote_addr"], inbound["bytes_sent"], inbound["bytes_recv"]) == ("px-kafka/broker", "10.0.0.3", 1000, 100)
    (outbound,) = run("px/outbound_conns")["outbound_conns"]
    assert (outbound["pod"], outbound["remote_addr"], outbound["remote_port"], outbound["bytes_recv"]) == ("px-kafka/order", "8.8.8.8", 53, 8)
    assert run("px/inbound_conns", ip_filter="10.0.0.4")["inbound_conns"] == []


def test_flows_between_pods_and_what_they_are_connected_with() -> None:
    flows = {(r["from_entity"], r["to_entity"]): r["bytes_total"] for r in run("px/net_flow_graph")["net_flow"]}
    assert flows == {("px-kafka/broker", "10.0.0.3"): 1100, ("px-kafka/broker", "px-kafka/order"): 0, ("px-kafka/order", "8.8.8.8"): 10}
    (most,) = run("px/net_flow_graph", throughput_filter="50")["net_flow"]
    assert most["to_entity"] == "10.0.0.3"
    assert [r["to_entity"] for r in run("px/net_flow_graph", from_entity_filter="order")["net_flow"]] == ["8.8.8.8"]


def test_what_was_not_seen() -> None:
    found = run("px/kafka_coverage")
    assert [(r["outcome"], r["requests"], r["share"]) for r in found["Outcomes"]] == [("complete", 4, 1.0)]
    losses = {r["reason"]: (r["detail"], r["events"], r["bytes"], r["first_seen"], r["last_seen"]) for r in found["Losses"]}
    assert losses == {"bytes_missing": ("a hole", 3, 340, ago(70), ago(60)), "tls": ("", 1, 0, ago(60), ago(60))}


def test_errors_of_requests_and_of_partitions() -> None:
    found = run("px/kafka_errors")
    assert [(r["error"], r["api"], r["requests"]) for r in found["Errors"]] == [("REBALANCE_IN_PROGRESS", "JoinGroup", 1)]
    assert [(r["error"], r["api"], r["topic"], r["client_id"]) for r in found["Errors of Partitions"]] == [("ILLEGAL_GENERATION", "OffsetCommit", "order", "invoicing")]
    assert json.loads(found["Errors by Client"][0]["client"])["label"] == "px-kafka/order"
    assert not any(run("px/kafka_errors", namespace="elsewhere").values())


def test_answers_that_wait_are_not_slow() -> None:
    found = run("px/kafka_slow_requests")
    assert [(r["api"], r["latency"]) for r in found["Slow Requests"]] == [("Produce", 2_000_000)]
    assert {r["api"] for r in found["Latency by API"]} == {"Produce", "Fetch", "JoinGroup", "SyncGroup"}
    assert run("px/kafka_slow_requests", min_latency_ms="3")["Slow Requests"] == []


def test_one_topic() -> None:
    found = run("px/kafka_topic")
    partitions = {r["partition"]: (r["bytes_produced_total"], r["bytes_consumed_total"], r["end_offset"]) for r in found["Partitions"]}
    assert partitions == {0: (1000, 1000, 13), 1: (500, 0, 8)}
    assert [(r["group_id"], r["partition"], r["committed_offset"], r["lag"]) for r in found["Lag"]] == [("invoicing", 0, 11, 2), ("invoicing", 1, 4, None), ("other", 0, 13, 0)]
    assert [(r["client_id"], r["bytes_produced_total"], r["ack_latency"], r["records"]) for r in found["Producers"]] == [("order", 1500, "", None)]
    assert [(r["client_id"], r["bytes_consumed_total"]) for r in found["Consumers"]] == [("invoicing", 1000)]
    assert [(r["consumer"], r["delay"]) for r in found["Delay"]] == [("invoicing", 50 * S)]


def test_one_group() -> None:
    found = run("px/kafka_group")
    # Where no end of the partition was seen, what is left is not known, which is not nothing.
    assert [(r["topic"], r["partition"], r["committed_offset"], r["end_offset"], r["lag"]) for r in found["Committed Offsets"]] == [("order", 0, 11, 13, 2), ("order", 1, 4, None, None)]
    assert [(r["state"], r["members"], r["lag"], r["status"]) for r in found["Group"]] == [("Stable", 1, 2, "WARN")]
    assert {r["event"] for r in found["Events"]} == {"join", "sync"}


def of_two_clusters() -> MemoryEngine:
    """A group `g` that reads a topic `t` in the clusters A and B; one more row is from before A was known."""
    kafka = {"upid": "1:10:100", "trace_role": 2}
    produce = {**CLIENT, "topic": "t", "partition": 0, "client_id": "p", "time_": ago(40)}
    fetch = {**CLIENT, "topic": "t", "partition": 0, "group_id": "g", "replica_id": -1, "time_": ago(30), "response_time": ago(30), "first_offset": 5, "last_offset": 5, "records": 1}
    event = {**CLIENT, "group_id": "g", "event": "joined", "time_": ago(35)}
    lag = {"group_id": "g", "topic": "t", "partition": 0, "time_": ago(10)}
    verdict = {"group_id": "g", "kind": "classic", "state": "Stable"}
    return MemoryEngine(
        {
            "kafka_events.beta": [{**kafka, "time_": ago(40)}],
            "kafka_produce": [{**produce, "cluster_id": "", "bytes": 1, "last_offset": 0}, {**produce, "cluster_id": "A", "bytes": 10, "last_offset": 1}, {**produce, "cluster_id": "B", "bytes": 100, "last_offset": 99}],
            "kafka_fetch": [{**fetch, "cluster_id": "A", "bytes": 10, "client_id": "a", "max_timestamp": ago(35)}, {**fetch, "cluster_id": "B", "bytes": 100, "client_id": "b", "max_timestamp": ago(80)}],
            "kafka_group_events": [{**event, "cluster_id": "A", "member_id": "ma"}, {**event, "cluster_id": "B", "member_id": "mb"}],
            "kafka_lag": [{**lag, "cluster_id": "A", "lag": 1, "status": "OK"}, {**lag, "cluster_id": "B", "lag": 7, "status": "ERR"}],
            "kafka_rebalances": [{"group_id": "g", "time_": ago(35), "cluster_id": cluster, "members": "[]"} for cluster in ("A", "B")],
            "kafka_group_lag": [
                {**verdict, "cluster_id": "A", "time_": ago(100), "lag": 1, "status": "OK", "reason": "All is well."},
                {**verdict, "cluster_id": "A", "time_": ago(10), "lag": 1, "status": "OK", "reason": "All is well."},
                {**verdict, "cluster_id": "B", "time_": ago(100), "lag": 1, "status": "OK", "reason": "All is well."},
                {**verdict, "cluster_id": "B", "time_": ago(10), "lag": 7, "status": "ERR", "reason": "It stopped."},
            ],
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cluster", "lags", "members", "delay", "readers"), [("", [1, 7], ["ma", "mb"], 50 * S, ["a", "b"]), ("A", [1], ["ma"], 5 * S, ["a"]), ("B", [7], ["mb"], 50 * S, ["b"]), ("C", [], [], None, [])]
)
def test_a_group_and_a_topic_of_one_name_in_two_clusters(cluster: str, lags: list[int], members: list[str], delay: int | None, readers: list[str]) -> None:
    engine = of_two_clusters()
    found = {r.name: r.table.to_pylist() for r in pxl.run(compile_script("px/kafka_group", engine, group_id="g", cluster=cluster), engine)}
    assert sorted(r["lag"] for r in found["Group"]) == sorted(r["lag"] for r in found["Committed Offsets"]) == lags
    assert sorted(r["member_id"] for r in found["Members"]) == sorted(r["member_id"] for r in found["Events"]) == members
    assert sorted(r["client_id"] for r in found["Consumed"]) == readers
    assert max((r["delay"] for r in found["Delay"]), default=None) == delay
    found = {r.name: r.table.to_pylist() for r in pxl.run(compile_script("px/kafka_lag", engine, group="g", cluster=cluster), engine)}
    assert sorted(r["lag"] for r in found["Partitions"]) == lags
    assert [r["lag"] for r in found["Lag"]] == lags[-1:]
    found = {r.name: r.table.to_pylist() for r in pxl.run(compile_script("px/kafka_rebalances", engine, group="g", cluster=cluster), engine)}
    assert len(found["Rebalances"]) == len(found["Groups"]) == len(lags)
    found = {r.name: r.table.to_pylist() for r in pxl.run(compile_script("px/kafka_topic", engine, topic="t", cluster=cluster), engine)}
    assert sorted(r["lag"] for r in found["Lag"]) == lags
    assert sorted(r["client_id"] for r in found["Consumers"]) == readers
    assert max((r["delay"] for r in found["Delay"]), default=None) == delay
    # What was produced before its cluster was known may be of any.
    assert [r["bytes_produced_total"] for r in found["Producers"]] == [1 + (0 if cluster in ("B", "C") else 10) + (0 if cluster in ("A", "C") else 100)]


def test_a_member_that_joined_long_ago_is_known_by_its_commits() -> None:
    commit = {**CLIENT, "group_id": "g", "cluster_id": "A", "member_id": "m", "client_id": "c", "generation": 3, "topic": "t", "partition": 0, "offset": 1, "error_code": 0}
    engine = MemoryEngine({
        "kafka_commits": [{**commit, "time_": ago(20)}, {**commit, "time_": ago(10)}, {**commit, "time_": ago(5), "member_id": ""}],
        "kafka_group_events": [{**CLIENT, "group_id": "g", "cluster_id": "A", "member_id": "n", "client_id": "c", "protocol": "consumer", "event": "join", "time_": ago(50), "error_code": 25}],
        "kafka_group_lag": [{"group_id": "g", "cluster_id": "A", "kind": "consumer", "time_": ago(10)}],
    })  # fmt: skip
    found = {r.name: r.table.to_pylist() for r in pxl.run(compile_script("px/kafka_group", engine, group_id="g"), engine)}["Members"]
    assert sorted((r["member_id"], r["protocol"], r["generation"], r["events"], r["errors"], r["last_seen"]) for r in found) == [
        ("m", "consumer", 3, 0, 0, ago(10)), ("n", "consumer", 0, 1, 1, ago(50))]  # fmt: skip


def test_members_of_a_group_are_those_of_its_cluster() -> None:
    def joined(cluster: str, member: str, generation: int) -> list[dict[str, Any]]:
        row = {**CLIENT, "group_id": "g", "cluster_id": cluster, "member_id": member, "generation": generation, "protocol": "classic", "error_code": 0, "duration": 1}
        return [{**row, "event": "join", "time_": ago(50)}, {**row, "event": "sync", "time_": ago(40)}]

    events = [*joined("A", "a1", 7), *joined("A", "a2", 7), *joined("A", "old", 6), *joined("B", "b", 1)]

    def members(events: list[dict[str, Any]]) -> list[tuple[str, int]]:
        engine = MemoryEngine({"kafka_group_events": events})
        found = {r.name: r.table.to_pylist() for r in pxl.run(compile_script("px/kafka_consumer_rebalancing", engine), engine)}
        return sorted((r["cluster"], r["num_members"]) for r in found["consumer_group_ids"])

    assert members(events) == [("A", 2), ("B", 1)]
    # A member that was seen before the cluster was known is of the only one that there is.
    assert members([*joined("", "early", 7), *events[:2]]) == [("A", 2)]


@pytest.mark.parametrize(("args", "verdicts"), [({}, [("B", "ERR"), ("B", "OK")]), ({"cluster": "A"}, []), ({"group": "other"}, []), ({"group": "g", "cluster": "B"}, [("B", "ERR"), ("B", "OK")])])
def test_verdicts_that_changed(args: dict[str, str], verdicts: list[tuple[str, str]]) -> None:
    engine = of_two_clusters()
    (found,) = pxl.run(compile_script("px/kafka_verdicts", engine, **args), engine)
    assert [(r["cluster"], r["status"]) for r in found.table.to_pylist()] == verdicts


def test_partitions_tell_the_verdict_on_their_group() -> None:
    found = run("px/kafka_lag", group="invoicing")["Partitions"]
    assert {(r["partition"], r["status"], r["group_verdict"]) for r in found} == {(0, "OK", "WARN: It falls behind."), (1, "UNKNOWN", "WARN: It falls behind.")}


def test_one_client() -> None:
    found = run("px/kafka_client")
    assert {r["topic"]: r["bytes_produced_total"] for r in found["Topics"]} == {"order": 1500, "audit": 30}
    assert {r["api"]: (r["requests"], r["errors"]) for r in found["Requests"]} == {"Produce": (1, 0), "JoinGroup": (1, 1), "SyncGroup": (1, 0)}
    assert [(r["software_name"], r["mechanism"], r["connections"]) for r in run("px/kafka_client", client_id="invoicing")["Connections"]] == [("librdkafka", "PLAIN", 1)]


def test_scripts_without_a_vis_spec() -> None:
    (agent,) = run("px/agent_status")["output"]
    assert (agent["agent_state"], agent["last_heartbeat_ns"]) == ("AGENT_STATE_HEALTHY", 3 * S)
    memory = run("px/pod_memory_usage")["output"]
    assert [(r["pod"], r["timestamp"], r["Average Memory"]) for r in memory] == [("px-kafka/broker", ago(60), 1000.0), ("px-kafka/broker", ago(50), 1000.0)]
    (lifetime,) = run("px/pod_lifetime_resource")["output"]
    assert (lifetime["Created on"], lifetime["CPU User time"], lifetime["Characters Read"]) == (ago(5000), 19 * S // 10, 19_000)
    assert [r["pid"] for r in run("px/upids")["UPIDs"]] == [10]


@pytest.mark.parametrize(("cluster", "subjects"), [("", ["app", "g", "h"]), ("A", ["app", "g"]), ("B", ["app", "h"]), ("C", ["app"])])
def test_an_alert_that_is_open_is_listed_however_long_ago_it_opened(cluster: str, subjects: list[str]) -> None:
    def event(name: str, at: int, subject: str, **labels: str) -> dict[str, Any]:
        return {"alert": "late", "event": name, "time_": ago(at), "since": ago(at), "subject": subject, "labels": json.dumps(labels), "severity": "warning", "summary": f"{subject} is late"}

    engine = MemoryEngine(
        {
            "kafka_alerts": [
                event("open", 86_400 * 6, "g", cluster="A", group="g"), event("open", 10_000, "h", cluster="B", group="h"), event("open", 9_000, "app", client="app", api="Fetch"),
                event("open", 8_000, "i", cluster="A", group="i"), event("close", 7_000, "i", cluster="A", group="i"), event("close", 60, "j", cluster="A", group="j"),
            ]
        }
    )  # fmt: skip
    found = {r.name: r.table.to_pylist() for r in pxl.run(compile_script("px/kafka_alerts", engine, start_time="-1h", cluster=cluster), engine)}
    assert sorted(r["subject"] for r in found["Open Alerts"]) == subjects
    assert [r["subject"] for r in found["Events"]] == (["j"] if cluster in ("", "A") else [])
