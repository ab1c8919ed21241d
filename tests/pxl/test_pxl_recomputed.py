"""The views of pods over random samples and requests, against sums in plain Python over the same rows."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from statistics import fmean
from typing import Any

import pytest
from pxl_documents import NOW
from pxl_engine import MemoryEngine

from kafkascope import pxl

S = 1_000_000_000
WINDOW = 10 * S
COUNTERS = ("cpu_utime_ns", "cpu_ktime_ns", "read_bytes", "write_bytes", "rchar_bytes", "wchar_bytes")
NETWORK = ("rx_bytes", "tx_bytes", "rx_drops", "tx_drops", "rx_errors", "tx_errors")
#: Pod -> address, node, service; broker has two processes, one process is in no pod.
PODS = {"kafka/broker": ("10.0.0.1", "n1", "kafka/kafka"), "kafka/order": ("10.0.0.2", "n2", "kafka/order"), "web/shop": ("10.0.0.3", "n2", "")}
PROCESSES = {"1:10:100": "kafka/broker", "1:11:100": "kafka/broker", "1:20:100": "kafka/order", "1:30:100": "web/shop", "1:40:100": ""}
ADDRESSES = {"10.0.0.1": "kafka/broker", "10.0.0.2": "kafka/order", "10.0.0.3": "web/shop", "8.8.8.8": "", "-": ""}
Row = dict[str, Any]


def rows(seed: int) -> dict[str, list[Row]]:
    """What an agent would tell of a minute: samples a second, and 400 requests."""
    chance = random.Random(seed)
    made: dict[str, list[Row]] = {
        "md_pod": [
            {"time_": NOW - 900 * S, "pod_id": f"id-{name}", "pod_name": name, "namespace": name.split("/")[0], "pod_ip": ip, "node_name": node, "service_name": service,
             "service_id": service and f"id-{service}"}
            for name, (ip, node, service) in PODS.items()
        ],
        "md_service": [{"time_": NOW - 900 * S, "service_id": f"id-{service}", "service_name": service} for _, _, service in PODS.values() if service],
        "md_process": [
            {"time_": NOW - 900 * S, "upid": upid, "pod_id": pod and f"id-{pod}", "pod_name": pod, "namespace": pod.split("/")[0], "container_name": f"c{upid[2:4]}",
             "node_name": PODS[pod][1] if pod else "n1", "service_name": PODS[pod][2] if pod else ""}
            for upid, pod in PROCESSES.items()
        ],
        "process_stats": [], "network_stats": [],
    }  # fmt: skip
    for upid in PROCESSES:
        total = dict.fromkeys(COUNTERS, 0)
        for second in range(60, 0, -1):
            total = {name: value + chance.randrange(10**6) for name, value in total.items()}
            made["process_stats"].append({"time_": NOW - second * S + chance.randrange(S), "upid": upid, "rss_bytes": chance.randrange(10**6), "vsize_bytes": chance.randrange(10**7), **total})
    for pod in PODS:
        total = dict.fromkeys(NETWORK, 0)
        for second in range(60, 0, -1):
            total = {name: value + chance.randrange(10**4) for name, value in total.items()}
            made["network_stats"].append({"time_": NOW - second * S, "pod_id": f"id-{pod}", **total})
    made["http_events"] = [
        {"time_": NOW - chance.randrange(1, 60 * S), "upid": chance.choice(list(PROCESSES)), "remote_addr": chance.choice(list(ADDRESSES)), "trace_role": chance.choice([1, 2]),
         "latency": chance.randrange(S), "resp_status": chance.choice([200, 404, 500]), "req_path": chance.choice(["/", "/healthz", "/readyz"]),
         "req_body_size": chance.randrange(1000), "resp_body_size": chance.randrange(1000)}
        for _ in range(400)
    ]  # fmt: skip
    return made


def view(given: dict[str, list[Row]], call: str) -> list[Row]:
    engine = MemoryEngine(given)
    program = pxl.compile(f"import px\nimport pxviews\npx.display(pxviews.{call})", engine.relations(), (), NOW)
    (result,) = pxl.run(program, engine)
    found: list[Row] = result.table.to_pylist()
    return found


def grouped(given: Iterable[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in given:
        groups[key(row)].append(row)
    return groups


def added(group: list[Row], name: str) -> int:
    """What a counter went up by."""
    return int(max(row[name] for row in group) - min(row[name] for row in group))


def bin_of(row: Row) -> int:
    return int(row["time_"]) // WINDOW * WINDOW


def compare(found: list[Row], expected: dict[Any, dict[str, float]], key: Callable[[Row], Any]) -> None:
    assert {key(row) for row in found} == set(expected)
    assert len(found) == len(expected)
    for row in found:
        want = expected[key(row)]
        assert {name: row[name] for name in want} == pytest.approx(want), key(row)


@pytest.mark.parametrize("seed", range(3))
def test_resources_are_what_each_process_added_summed_by_container(seed: int) -> None:
    given = rows(seed)
    expected: dict[Any, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for (upid, time), group in grouped(given["process_stats"], lambda r: (r["upid"], bin_of(r))).items():
        sums = expected[time, PROCESSES[upid], f"c{upid[2:4]}"]
        sums["rss"] += fmean(row["rss_bytes"] for row in group)
        sums["vsize"] += fmean(row["vsize_bytes"] for row in group)
        sums["cpu_usage"] += (added(group, "cpu_utime_ns") + added(group, "cpu_ktime_ns")) / WINDOW
        sums["actual_disk_write_throughput"] += added(group, "write_bytes") / WINDOW
        sums["total_disk_read_throughput"] += added(group, "rchar_bytes") / WINDOW
    compare(view(given, f"container_process_timeseries('-5m', px.now(), {WINDOW})"), expected, lambda r: (r["time_"], r["pod"], r["container"]))


@pytest.mark.parametrize("seed", range(3))
def test_traffic_of_a_pod_is_what_its_counters_added_in_each_window(seed: int) -> None:
    given = rows(seed)
    expected = {
        (time, pod.removeprefix("id-")): {f"{name}_per_ns": added(group, name) / WINDOW for name in NETWORK}
        for (pod, time), group in grouped(given["network_stats"], lambda r: (r["pod_id"], bin_of(r))).items()
    }
    compare(view(given, f"pod_network_timeseries('-5m', px.now(), {WINDOW})"), expected, lambda r: (r["time_"], r["pod"]))


def requests(given: dict[str, list[Row]]) -> list[Row]:
    """Requests without those that ask for a process's health, or come from no known address."""
    return [row for row in given["http_events"] if row["req_path"] == "/" and row["remote_addr"] != "-"]


@pytest.mark.parametrize("seed", range(3))
def test_requests_that_a_pod_answered_by_who_sent_them(seed: int) -> None:
    given = rows(seed)
    answered = [row for row in requests(given) if row["trace_role"] == 2]
    expected = {
        (pod, address, ADDRESSES[address]): {
            "time_": max(row["time_"] for row in group), "num_requests": len(group), "num_errors": sum(row["resp_status"] >= 400 for row in group),
            "req_bytes": sum(row["req_body_size"] for row in group), "latency_sum": sum(row["latency"] for row in group),
        }
        for (pod, address), group in grouped(answered, lambda r: (PROCESSES[r["upid"]], r["remote_addr"])).items()
    }  # fmt: skip
    compare(view(given, "inbound_http_summary('-5m', px.now())"), expected, lambda r: (r["pod"], r["requestor_ip"], r["requestor_pod"]))


@pytest.mark.parametrize("seed", range(3))
def test_the_map_of_requests_has_both_ends_whichever_of_them_was_seen(seed: int) -> None:
    given = rows(seed)
    edges: dict[Any, list[Row]] = defaultdict(list)
    for row in requests(given):
        pod = PROCESSES[row["upid"]]
        here, there = (pod, PODS[pod][0] if pod else ""), (ADDRESSES[row["remote_addr"]], row["remote_addr"])
        edges[(*here, *there) if row["trace_role"] == 2 else (*there, *here)].append(row)
    expected = {
        edge: {"num_requests": len(group), "num_errors": sum(row["resp_status"] >= 400 for row in group), "resp_bytes": sum(row["resp_body_size"] for row in group)}
        for edge, group in edges.items()
    }
    compare(view(given, "http_graph('-5m', px.now())"), expected, lambda r: (r["responder_pod"], r["responder_ip"], r["requestor_pod"], r["requestor_ip"]))
