"""Samples, pod descriptions and log directories, as batches."""

import json
import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

from kafkascope.metadata.host import Host
from kafkascope.metadata.logdirs import LogDirectories
from kafkascope.metadata.pods import Pod, PodsFolder, World, parse, time_ns
from kafkascope.metadata.proc import TICK_NS
from kafkascope.metadata.processes import Process
from kafkascope.metadata.sampler import Sampler
from kafkascope.metadata.stats import ProcessSampler
from kafkascope.store import catalogue

S = 1_000_000_000
DOCUMENT = {
    "version": 1, "namespace": "px-kafka", "node": "vm",
    "pods": [{"name": "order-1", "uid": "u1", "ip": "10.1.0.2", "netns": 77, "phase": "Running", "ready": True, "restarts": 2, "startTime": "2026-11-25T16:00:00.5Z",
              "labels": {"name": "order"}, "ownerKind": "ReplicaSet", "ownerName": "order",
              "containers": [{"name": "order", "id": "c1", "pids": [10], "state": "Running", "startTime": "2026-11-25T16:00:00Z"}]}],
    "services": [{"name": "order-service", "uid": "s1", "clusterIP": "10.2.0.1", "selector": {"name": "order"}}],
}  # fmt: skip
NET_DEV = "a\nb\n  eth0: 1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0\n"


def write(folder, document, name="px-kafka.json"):
    temporary = folder / "new"
    temporary.write_text(document if isinstance(document, str) else json.dumps(document))
    temporary.rename(folder / name)


@pytest.fixture
def sampler(fake, pods_folder):
    fake.add(10, netns=77, net_dev=NET_DEV, utime=3, io="rchar: 1\nwchar: 2\nsyscr: 9\nread_bytes: 3\nwrite_bytes: 4\n")
    return Sampler(7, proc=fake.proc, pods=PodsFolder(pods_folder), host=Host("host-1", "192.0.2.7", 2, "6.1"), boot_ns=0)


def rows(batches, table):
    return [row for name, batch in batches if name == table for row in batch.to_pylist()]


def test_every_batch_has_its_tables_columns(sampler, pods_folder):
    write(pods_folder, DOCUMENT)
    batches = sampler.due(S)
    assert {name for name, _ in batches} == {"md_process", "md_pod", "md_container", "md_service", "md_node", "process_stats", "network_stats"}
    for name, batch in batches:
        assert batch.schema.equals(catalogue.relation(name).schema)
        batch.validate(full=True)


class NodeOf:
    """What a node's agent hears of its own pods."""

    def __init__(self, *pods):
        self.world = World({pod.uid: pod for pod in pods}, {})

    def changed(self):
        return True


def test_pods_of_a_node_that_shares_the_kernel_are_sampled_by_its_own_agent(fake):
    here, elsewhere = "4b2b1f0e-6d14-4ac8-9d0c-0d3a8f1c2e01", "4b2b1f0e-6d14-4ac8-9d0c-0d3a8f1c2e02"
    for pid, uid in ((10, here), (11, elsewhere)):
        fake.add(pid, cgroup=f"0::/kubepods/pod{uid}/{pid:064x}\n")
    sampler = Sampler(7, proc=fake.proc, host=Host("host-1", "192.0.2.7", 2, "6.1"), boot_ns=0, node="node1", node_pods=NodeOf(Pod(here, "a", "shop", "node1")))
    batches = sampler.due(S)
    sampled = {row["upid"].split(":")[1] for row in rows(batches, "process_stats")}
    assert "10" in sampled and "11" not in sampled
    # It is told of all the same: what its Kafka requests say of it may come from this agent.
    (other,) = (row for row in rows(batches, "md_process") if row["pid"] == 11)
    assert other["pod_id"] == elsewhere


def test_a_pods_row_says_what_its_description_says(sampler, pods_folder):
    write(pods_folder, DOCUMENT)
    batches = sampler.due(S)
    (pod,) = rows(batches, "md_pod")
    assert (pod["pod_id"], pod["pod_name"], pod["namespace"], pod["node_name"], pod["pod_ip"]) == ("u1", "px-kafka/order-1", "px-kafka", "vm", "10.1.0.2")
    assert json.loads(pod["status"]) == {"phase": "Running", "message": "", "reason": "", "ready": True, "restarts": 2}
    assert (pod["restarts"], pod["start_time"], pod["stop_time"]) == (2, 1795622400_500_000_000, 0)
    assert (pod["service_name"], pod["service_id"], pod["replicaset_name"], json.loads(pod["labels"])) == ("px-kafka/order-service", "s1", "px-kafka/order", {"name": "order"})
    (container,) = rows(batches, "md_container")
    assert (container["container_id"], container["container_name"], container["pod_id"], json.loads(container["status"])["state"]) == ("c1", "order", "u1", "Running")
    (service,) = rows(batches, "md_service")
    assert (service["service_name"], service["cluster_ip"]) == ("px-kafka/order-service", "10.2.0.1")
    (process,) = [row for row in rows(batches, "md_process") if row["pid"] == 10][-1:]
    assert (process["pod_name"], process["container_name"], process["service_name"], process["node_name"]) == ("px-kafka/order-1", "order", "px-kafka/order-service", "vm")
    assert [row["node_name"] for row in rows(batches, "md_node")] == ["vm"]


def test_counters_of_processes_and_pods(sampler, pods_folder):
    write(pods_folder, DOCUMENT)
    batches = sampler.due(S)
    (stats,) = [row for row in rows(batches, "process_stats") if row["upid"] == "7:10:1000"]
    assert (stats["cpu_utime_ns"], stats["minor_faults"], stats["major_faults"], stats["num_threads"]) == (3 * TICK_NS, 11, 22, 7)
    assert (stats["rchar_bytes"], stats["wchar_bytes"], stats["read_bytes"], stats["write_bytes"]) == (1, 2, 3, 4)
    (network,) = rows(batches, "network_stats")
    assert (network["pod_id"], network["rx_bytes"], network["tx_bytes"]) == ("u1", 1000, 2000)


def test_only_what_changed_is_told_and_everything_when_asked(sampler, pods_folder):
    write(pods_folder, DOCUMENT)
    sampler.due(S)
    later = sampler.due(3 * S)
    assert rows(later, "md_pod") == rows(later, "md_container") == []
    changed = {**DOCUMENT, "pods": [{**DOCUMENT["pods"][0], "restarts": 3}]}
    write(pods_folder, changed)
    assert [row["restarts"] for row in rows(sampler.due(4 * S), "md_pod")] == [3]
    sampler.tell_everything_again()
    again = sampler.due(5 * S)
    assert {name for name, _ in again} >= {"md_process", "md_pod", "md_container", "md_service", "md_node"}


@pytest.mark.parametrize("how", ["file removed", "pod left out"])
def test_a_pod_that_is_gone_is_terminated(sampler, pods_folder, how):
    write(pods_folder, DOCUMENT)
    sampler.due(S)
    if how == "file removed":
        (pods_folder / "px-kafka.json").unlink()
    else:
        write(pods_folder, {**DOCUMENT, "pods": []})
    batches = sampler.due(2 * S)
    (pod,) = rows(batches, "md_pod")
    assert (pod["stop_time"], json.loads(pod["status"])["phase"]) == (2 * S, "Terminated")
    (container,) = rows(batches, "md_container")
    assert json.loads(container["status"])["state"] == "Terminated"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2, "namespace": "a"}', '{"version": 1}', '{"version": 1, "namespace": "a", "pods": [{}]}',
                                  '{"version": 1, "namespace": "a", "pods": [{"name": "p", "startTime": "yesterday"}]}', '{"version": 1, "namespace": "a", "pods": 7}'])  # fmt: skip
def test_a_bad_description_is_told_and_the_last_good_one_holds(pods_folder, text):
    said = []
    pods = PodsFolder(pods_folder, said.append)
    write(pods_folder, DOCUMENT)
    assert pods.changed()
    write(pods_folder, text)
    assert pods.changed()
    assert list(pods.world.pods) == ["u1"]
    assert len(said) == 1
    assert not pods.changed()
    assert len(said) == 1
    write(pods_folder, DOCUMENT)
    assert pods.changed()
    assert pods.problems == {}


def test_a_folder_that_is_not_there_is_no_pods(tmp_path):
    pods = PodsFolder(tmp_path / "nowhere")
    assert not pods.changed()
    assert pods.world.pods == {}


@pytest.mark.parametrize(("text", "expected"), [("1970-01-01T00:00:01Z", S), ("1970-01-01T01:00:01+01:00", S), ("1970-01-01T00:00:01.250Z", 1_250_000_000), ("", 0), (None, 0)])
def test_times(text, expected):
    assert time_ns(text) == expected


def test_a_minimal_description_is_enough():
    (pod,), services = parse({"version": 1, "namespace": "a", "pods": [{"name": "p"}]})
    assert (pod.uid, pod.full_name, pod.host_network, services) == ("a/p", "a/p", True, [])


# ---- the budget ----


def test_a_round_that_would_take_too_long_goes_on_in_the_next_and_wanted_processes_come_first(fake):
    processes = []
    for pid in range(100, 200):
        fake.add(pid)
        processes.append(Process(pid, 1000, f"7:{pid}:1000", 0, wanted=pid < 110))
    sampler = ProcessSampler(fake.proc, budget_ns=0)
    assert sampler.sample(processes, S).num_rows == 0
    assert sampler.put_off == 10 + 18  # of the others a fifth has its turn
    sampler = ProcessSampler(fake.proc, budget_ns=400_000)
    seen = set()
    for _ in range(2000):
        batch = sampler.sample(processes, S)
        upids = batch.column("upid").to_pylist()
        assert len(upids) == len(set(upids))
        seen.update(upids)
        if len(seen) == 100:
            break
    assert len(seen) == 100


def test_wanted_processes_are_sampled_in_each_round_and_each_of_the_others_once_in_five(fake):
    processes = []
    for pid in range(100, 113):
        fake.add(pid)
        processes.append(Process(pid, 1000, f"7:{pid}:1000", 0, wanted=pid < 102))
    sampler = ProcessSampler(fake.proc, budget_ns=10**12)
    rounds = [sampler.sample(processes, S).column("upid").to_pylist() for _ in range(5)]
    assert all({"7:100:1000", "7:101:1000"} <= set(upids) and len(upids) <= 5 for upids in rounds)
    assert {upid for upids in rounds for upid in upids} == {process.upid for process in processes}
    assert sampler.put_off == 0


def test_the_real_host_costs_less_than_two_percent_of_a_core(tmp_path):
    sampler = Sampler(7, pods=PodsFolder(tmp_path / "none"))
    sampler.due()
    before, began = time.thread_time(), time.monotonic()
    while time.monotonic() - began < 3:
        sampler.due()
        time.sleep(0.05)
    used, before = time.thread_time() - before, time.thread_time()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            stat.read_bytes()
    # On a slow host, or one with very many processes, it is no more than what any reading of them costs.
    assert used / 3 < max(0.02, 10 * (time.thread_time() - before))


# ---- log directories ----


@pytest.fixture
def broker(fake, tmp_path):
    root = tmp_path / "container"
    data = root / "data"
    data.mkdir(parents=True)
    (data / "meta.properties").write_text("#comment\ncluster.id=4L6g3nShT-eMCtK--X86sw\nnode.id=1\n")
    (data / ".lock").touch()
    fake.add(10, fds=["/dev/null", "/data/.lock", "socket:[7]"], root=root)
    topic(data, "order-0", "AAAAAAAAAAAAAAAAAAAA01")
    return Process(10, 1000, "7:10:1000", 0, is_broker=True), data


def topic(data, directory, topic_id):
    (data / directory).mkdir()
    if topic_id is not None:
        (data / directory / "partition.metadata").write_text(f"version: 0\ntopic_id: {topic_id}")


def names(found):
    return [(n.topic, n.topic_id) for n in found]


def test_names_are_read_as_the_broker_sees_its_files_once_each(fake, broker):
    process, data = broker
    directories = LogDirectories(fake.proc)
    (found,) = directories.look([process], S)
    assert (found.cluster_id, found.topic_id, found.topic) == ("4L6g3nShT-eMCtK--X86sw", "AAAAAAAAAAAAAAAAAAAA01", "order")
    assert directories.look([process], 2 * S) == []
    topic(data, "order-1", "AAAAAAAAAAAAAAAAAAAA01")
    topic(data, "a.b_c-d-11", "AAAAAAAAAAAAAAAAAAAA02")
    topic(data, "order-0.0123456789abcdef0123456789abcdef-delete", "AAAAAAAAAAAAAAAAAAAA03")
    assert names(directories.look([process], 3 * S)) == [("a.b_c-d", "AAAAAAAAAAAAAAAAAAAA02")]


def test_a_topic_made_again_under_its_name_has_its_new_id(fake, broker):
    process, data = broker
    directories = LogDirectories(fake.proc)
    directories.look([process], S)
    os.rename(data / "order-0", data / "order-0.0123456789abcdef0123456789abcdef-delete")
    topic(data, "order-0", "AAAAAAAAAAAAAAAAAAAA09")
    assert names(directories.look([process], 2 * S)) == [("order", "AAAAAAAAAAAAAAAAAAAA09")]


def test_a_directory_whose_file_comes_a_moment_later_is_looked_at_again(fake, broker):
    process, data = broker
    directories = LogDirectories(fake.proc)
    topic(data, "late-0", None)
    assert names(directories.look([process], S)) == [("order", "AAAAAAAAAAAAAAAAAAAA01")]
    (data / "late-0" / "partition.metadata").write_text("version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAA04\n")
    assert names(directories.look([process], 2 * S)) == [("late", "AAAAAAAAAAAAAAAAAAAA04")]


def test_the_names_go_to_the_store_and_to_the_decoder(fake, broker, pods_folder):
    fake.add(10, cmdline="java kafka.Kafka", fds=["/data/.lock"], root=broker[1].parent)
    sampler = Sampler(7, proc=fake.proc, pods=PodsFolder(pods_folder), host=Host("h", "192.0.2.7", 2, "6.1"), boot_ns=0)
    (row,) = rows(sampler.due(S), "kafka_topic_names")
    assert (row["topic"], row["source"]) == ("order", "log_directory")
    assert sampler.take_topic_names() == [("AAAAAAAAAAAAAAAAAAAA01", "order")]
    assert sampler.take_topic_names() == []
    ((upid, *told),) = sampler.take_brokers()
    assert (upid.split(":")[:2], told) == (["7", "10"], ["4L6g3nShT-eMCtK--X86sw", 1])
    assert sampler.take_brokers() == []


@pytest.mark.parametrize(
    ("properties", "found"),
    [
        ("cluster.id=A\nbroker.id=0\n", [("A", 0)]),
        ("cluster.id=A\n", [("A", None)]),
        ("node.id=1\n", []),
        ("cluster.id=A\nnode.id=x\n", [("A", None)]),
    ],
)
def test_a_broker_s_properties_tell_its_cluster_and_node(fake, broker, properties, found):
    process, data = broker
    (data / "meta.properties").write_text(properties)
    directories = LogDirectories(fake.proc)
    directories.look([process], S)
    assert [(b.cluster_id, b.node_id) for b in directories.take_brokers()] == found


def test_a_process_with_directories_of_two_clusters_is_of_neither(fake, broker):
    process, data = broker
    other = data.parent / "other"
    other.mkdir()
    (other / "meta.properties").write_text("cluster.id=another\nnode.id=2\n")
    fake.add(10, fds=["/data/.lock", "/other/.lock"], root=data.parent)
    directories = LogDirectories(fake.proc)
    directories.look([process], S)
    assert directories.take_brokers() == []
