"""Metadata from the watch of a real API server: what users see of pods, services, owners and nodes, and what happens when the watch breaks."""

import contextlib
import itertools
import json
import time

import msgspec
import pytest
from api_server import ApiServer
from waiting import eventually

from kafkascope.metadata.kubernetes import informer as informers
from kafkascope.metadata.kubernetes.cluster import PODS, ClusterWatch
from kafkascope.metadata.kubernetes.informer import Informer
from kafkascope.metadata.kubernetes.node import NodePods
from kafkascope.metadata.kubernetes.objects import PodObject

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(600)]
numbers = itertools.count(1)


@pytest.fixture
def ns(server):
    name = f"test-{next(numbers)}"
    server.namespace(name)
    return name


@pytest.fixture
def watch(server):
    watch = ClusterWatch(server.api(), log=print)
    watch.start()
    assert watch.wait(120)
    watch.changes()
    yield watch
    watch.stop()


class Told:
    """The newest row of each pod, service, container, node and namespace that a watch told."""

    def __init__(self, watch):
        self.watch = watch
        self.rows = {}

    def take(self):
        for table, rows in self.watch.changes().items():
            for row in rows:
                key = row.get("pod_name") or row.get("service_name") if table in ("md_pod", "md_service") else row.get("container_id") or row.get("node_name") or row["namespace"]
                self.rows[table, key] = row

    def wait(self, table, key, until=lambda row: True, timeout_s=120):
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            self.take()
            row = self.rows.get((table, key))
            if row is not None and until(row):
                return row
            time.sleep(0.02)
        raise AssertionError(f"{table} {key}: {self.rows.get((table, key))}")


@pytest.fixture
def told(watch):
    return Told(watch)


def test_a_pod_from_its_creation_to_its_end(server, ns, told):
    server.pod(ns, "kafka-0", labels={"app": "kafka"})
    name = f"{ns}/kafka-0"
    assert json.loads(told.wait("md_pod", name)["status"])["phase"] == "Pending"
    server.running(ns, "kafka-0", "10.244.0.9", container_id="b" * 64)
    row = told.wait("md_pod", name, lambda r: r["pod_ip"])
    assert (row["pod_ip"], row["node_name"], row["namespace"], row["qos_class"], row["restarts"], row["stop_time"]) == ("10.244.0.9", "node1", ns, "BestEffort", 0, 0)
    assert json.loads(row["status"]) == {"phase": "Running", "message": "", "reason": "", "ready": True, "restarts": 0}
    assert row["start_time"] == 1767323045 * 10**9
    assert json.loads(told.wait("md_container", "b" * 64)["status"])["state"] == "Running"
    server.running(ns, "kafka-0", "10.244.0.9", container_id="c" * 64, restarts=1)
    assert told.wait("md_pod", name, lambda r: r["restarts"] == 1)
    assert told.wait("md_container", "b" * 64, lambda r: r["stop_time"])
    assert not told.wait("md_container", "c" * 64)["stop_time"]
    server.delete(f"/api/v1/namespaces/{ns}/pods/kafka-0")
    row = told.wait("md_pod", name, lambda r: r["stop_time"])
    assert (json.loads(row["status"])["phase"], row["pod_ip"]) == ("Terminated", "10.244.0.9")
    assert told.wait("md_container", "c" * 64, lambda r: r["stop_time"])


def test_why_a_pod_does_not_run_is_told_as_kubectl_tells_it(server, ns, told):
    server.pod(ns, "order-1")
    server.status(ns, "order-1", phase="Pending", containerStatuses=[
        {"name": "main", "image": "none", "imageID": "", "ready": False, "restartCount": 7, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}}}])  # fmt: skip
    row = told.wait("md_pod", f"{ns}/order-1", lambda r: r["restarts"] == 7)
    assert json.loads(row["status"]) == {"phase": "Pending", "message": "back-off 5m0s", "reason": "CrashLoopBackOff", "ready": False, "restarts": 7}


@pytest.mark.parametrize("known_before", [True, False], ids=["owner first", "pod first"])
@pytest.mark.parametrize("between, owner", [("ReplicaSet", "Deployment"), ("Job", "CronJob")])
def test_owners_up_to_what_a_user_deployed(server, ns, told, between, owner, known_before):
    group, place = ("apps/v1", "replicasets") if between == "ReplicaSet" else ("batch/v1", "jobs")
    path = f"/apis/{group}/namespaces/{ns}/{place}"
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"restartPolicy": "Never" if between == "Job" else "Always", "containers": [{"name": "main", "image": "none"}]}}
    thing = {"metadata": {"name": "shipping-7d", "ownerReferences": [{"apiVersion": "v1", "kind": owner, "name": "shipping", "uid": "1", "controller": True}]},
             "spec": {"template": template, **({"selector": {"matchLabels": {"app": "x"}}} if between == "ReplicaSet" else {})}}  # fmt: skip
    steps = [lambda: server.post(path, thing), lambda: server.pod(ns, "shipping-7d-abc", labels={"app": "x"}, owner=(group, between, "shipping-7d", "2"))]
    for step in steps if known_before else reversed(steps):
        step()
        time.sleep(0.2)
    row = told.wait("md_pod", f"{ns}/shipping-7d-abc", lambda r: r["owner_kind"] == owner)
    assert row["owner_name"] == f"{ns}/shipping"
    assert row["replicaset_name"] == (f"{ns}/shipping-7d" if between == "ReplicaSet" else "")


def test_a_stateful_set_and_a_pod_of_nobody(server, ns, told):
    server.pod(ns, "kafka-0", owner=("apps/v1", "StatefulSet", "kafka", "3"))
    server.pod(ns, "alone")
    row = told.wait("md_pod", f"{ns}/kafka-0")
    assert (row["owner_kind"], row["owner_name"]) == ("StatefulSet", f"{ns}/kafka")
    assert told.wait("md_pod", f"{ns}/alone")["owner_kind"] == ""


def test_services_by_selector_and_by_endpoint_slices(server, ns, told):
    uid = server.pod(ns, "order-1", labels={"app": "order"})
    services = f"/api/v1/namespaces/{ns}/services"
    server.post(services, {"metadata": {"name": "order"}, "spec": {"selector": {"app": "order"}, "ports": [{"port": 80}], "externalIPs": ["192.0.2.7"]}})
    row = told.wait("md_service", f"{ns}/order")
    assert row["cluster_ip"].startswith("10.96.") and json.loads(row["external_ips"]) == ["192.0.2.7"]
    assert told.wait("md_pod", f"{ns}/order-1", lambda r: r["service_name"] == f"{ns}/order")
    # Without a selector, only its slices tell whom it serves; a headless service has no address.
    server.post(services, {"metadata": {"name": "by-hand"}, "spec": {"clusterIP": "None", "ports": [{"port": 80}]}})
    server.post(f"/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices", {
        "metadata": {"name": "by-hand-1", "labels": {"kubernetes.io/service-name": "by-hand"}}, "addressType": "IPv4", "ports": [],
        "endpoints": [{"addresses": ["10.244.0.9"], "targetRef": {"kind": "Pod", "name": "order-1", "namespace": ns, "uid": uid}}]})  # fmt: skip
    assert told.wait("md_service", f"{ns}/by-hand")["cluster_ip"] == ""
    row = told.wait("md_pod", f"{ns}/order-1", lambda r: "by-hand" in r["service_name"])
    assert json.loads(row["service_name"]) == [f"{ns}/by-hand", f"{ns}/order"]
    server.delete(f"{services}/order")
    assert told.wait("md_service", f"{ns}/order", lambda r: r["stop_time"])
    assert told.wait("md_pod", f"{ns}/order-1", lambda r: r["service_name"] == f"{ns}/by-hand")


def test_a_services_address_is_its_pods_while_that_is_alone_behind_it(server, ns, told):
    first, second = (server.pod(ns, f"kafka-{n}", labels={"app": "kafka"}) for n in range(2))
    service = server.post(f"/api/v1/namespaces/{ns}/services", {"metadata": {"name": "kafka"}, "spec": {"selector": {"app": "kafka"}, "ports": [{"port": 9092}], "ipFamilyPolicy": "RequireDualStack"}})
    assert len(service["spec"]["clusterIPs"]) == 2
    path = f"/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices"

    def behind(*uids):
        endpoints = [{"addresses": [f"10.244.0.{n}"], "targetRef": {"kind": "Pod", "name": "kafka", "namespace": ns, "uid": uid}} for n, uid in enumerate(uids, 5)]
        thing = {"metadata": {"name": "kafka-1", "labels": {"kubernetes.io/service-name": "kafka"}}, "addressType": "IPv4", "ports": [], "endpoints": endpoints}
        server.admin.request("PATCH", f"{path}/kafka-1", params={"fieldManager": "test"}, body={"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", **thing},
                             content_type="application/apply-patch+yaml")  # fmt: skip

    def addresses(row):
        return json.loads(row["status"]).get("serviceIPs")

    behind(first)
    assert told.wait("md_pod", f"{ns}/kafka-0", addresses) and addresses(told.rows["md_pod", f"{ns}/kafka-0"]) == service["spec"]["clusterIPs"]
    behind(first, second)
    told.wait("md_pod", f"{ns}/kafka-0", lambda row: addresses(row) is None)
    assert json.loads(told.wait("md_service", f"{ns}/kafka")["cluster_ips"]) == service["spec"]["clusterIPs"], "the service's own still"
    behind(second)
    assert told.wait("md_pod", f"{ns}/kafka-1", addresses) and addresses(told.rows["md_pod", f"{ns}/kafka-0"]) is None


def test_nodes_with_their_address_and_cpus_and_not_their_heartbeats(server, told):
    server.post("/api/v1/nodes", {"metadata": {"name": "worker-1", "labels": {"zone": "a"}}})
    path = "/api/v1/nodes/worker-1/status"
    patch = {"content_type": "application/merge-patch+json"}
    server.admin.request("PATCH", path, body={"status": {"capacity": {"cpu": "3500m"}, "addresses": [{"type": "Hostname", "address": "worker-1"}, {"type": "InternalIP", "address": "192.0.2.4"}]}}, **patch)
    row = told.wait("md_node", "worker-1", lambda r: r["num_cpus"])
    assert (row["node_ip"], row["num_cpus"], json.loads(row["labels"])) == ("192.0.2.4", 4, {"zone": "a"})
    server.admin.request("PATCH", path, body={"status": {"conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z"}]}}, **patch)
    time.sleep(0.3)
    assert not told.watch.changes().get("md_node")
    server.delete("/api/v1/nodes/worker-1")
    assert told.wait("md_node", "worker-1", lambda r: r["stop_time"])["num_cpus"] == 4


def test_a_namespace_in_which_nothing_runs(server, ns, told):
    name = f"{ns}-idle"
    server.namespace(name)
    row = told.wait("md_namespace", name)
    assert (row["phase"], row["stop_time"]) == ("Active", 0) and time.time_ns() - row["start_time"] < 60e9
    # Its content is removed by a controller, which is not here: it stays until someone says that it is empty.
    server.delete(f"/api/v1/namespaces/{name}")
    assert told.wait("md_namespace", name, lambda r: r["phase"] == "Terminating")["stop_time"] == 0
    server.admin.request("PUT", f"/api/v1/namespaces/{name}/finalize", body={"metadata": {"name": name}, "spec": {"finalizers": []}})
    assert told.wait("md_namespace", name, lambda r: r["stop_time"])


def test_everything_is_told_again_on_demand_and_only_once(server, ns, watch):
    server.pod(ns, "a")
    told = Told(watch)
    told.wait("md_pod", f"{ns}/a")
    assert any(row["pod_name"] == f"{ns}/a" for row in watch.everything()["md_pod"])
    assert watch.changes() == {}


def test_a_node_sees_its_own_pods_host_network_included(server, ns):
    server.pod(ns, "here", node="node-a", labels={"app": "x"})
    server.pod(ns, "there", node="node-b")
    server.pod(ns, "host", node="node-a", host_network=True)
    server.post(f"/api/v1/namespaces/{ns}/services", {"metadata": {"name": "x"}, "spec": {"selector": {"app": "x"}, "ports": [{"port": 80}]}})
    pods = NodePods(server.api(), "node-a")
    try:
        assert pods.wait(120) and pods.changed()
        found = {pod.name: pod for pod in pods.world.pods.values()}
        assert found.keys() == {"here", "host"} and found["host"].host_network
        assert [s.name for s in pods.world.services_of(found["here"])] == ["x"]
        assert not pods.changed()
    finally:
        pods.close()


# ---- when the watch breaks ----


@pytest.fixture
def follow(server):
    """An informer of pods that comes back quickly, and what it told."""
    started = []

    def start(user="admin", namespace=None):
        heard, said = [], []
        path = f"/api/v1/namespaces/{namespace}/pods" if namespace else PODS
        informer = Informer(server.api(user), path, PodObject, lambda before, now: heard.append((before and before.metadata.name, now and now.metadata.name)),
                            log=said.append, back_off_s=(0.05, 0.2))  # fmt: skip
        informer.start()
        started.append(informer)
        return informer, heard, said

    yield start
    for informer in started:
        informer.stop()


@contextlib.contextmanager
def own_server(kube, folder):
    server = ApiServer(kube, folder)
    try:
        yield server.start()
    finally:
        server.stop()


def test_a_list_of_many_pages(server, ns, follow, monkeypatch):
    monkeypatch.setattr(informers, "_PAGE", 3)
    for n in range(10):
        server.pod(ns, f"p{n}")
    informer, heard, _ = follow(namespace=ns)
    assert informer.synced.wait(120)
    assert sorted(heard) == [(None, f"p{n}") for n in range(10)]


def test_a_watch_from_a_forgotten_place_lists_again_and_tells_what_went_meanwhile(kube, tmp_path, follow):
    with own_server(kube, tmp_path) as server:
        server.namespace("n")
        server.pod("n", "stays")
        heard = []
        informer = Informer(server.api(), PODS, PodObject, lambda before, now: heard.append((before and before.metadata.name, now and now.metadata.name)), back_off_s=(0.05, 0.2))
        informer.start()
        assert informer.synced.wait(120)
        server.stop_process("kube-apiserver")
        assert eventually(lambda: informer.failures)
        # As after an absence in which a pod went: the server, whose memory begins with its start, no longer knows the place.
        stays = next(iter(informer._objects.values()))
        informer._objects["gone"] = msgspec.structs.replace(stays, metadata=msgspec.structs.replace(stays.metadata, uid="gone", name="goes"))
        informer._version = "1"
        server.start_api()
        assert eventually(lambda: informer.lists == 2)
        server.pod("n", "later")
        assert eventually(lambda: (None, "later") in heard)
        assert heard == [(None, "stays"), ("goes", None), (None, "later")]
        informer.stop()


def test_an_api_server_that_dies_and_comes_back(kube, tmp_path):
    with own_server(kube, tmp_path) as server:
        server.namespace("n")
        server.pod("n", "before")
        watch = ClusterWatch(server.api())
        watch.start()
        assert watch.wait(120)
        told = Told(watch)
        told.wait("md_pod", "n/before")
        server.stop_process("kube-apiserver")
        # Said once for all collections, as soon as each has found no server.
        assert eventually(lambda: len(watch.problems) == 1 and sum(counters["failures"] > 0 for counters in watch.stats().values()) >= 6), watch.problems
        assert "cannot be reached" in watch.problems[0]
        assert not watch.changes().get("md_pod"), "what was known still holds"
        server.start_api()
        server.pod("n", "after")
        told.wait("md_pod", "n/after")
        assert eventually(lambda: not watch.problems)
        watch.stop()


def test_without_the_right_to_list_the_reason_is_told_once_and_it_works_when_the_right_comes(server, ns, follow):
    server.pod(ns, "secretive")
    informer, heard, said = follow("reader", ns)
    assert eventually(lambda: informer.failures >= 3)
    assert "403" in informer.problem and "list and watch" in informer.problem
    assert len(said) == 1
    role = {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}]}
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}"
    server.post(f"{rbac}/roles", {"metadata": {"name": "r"}, **role})
    server.post(f"{rbac}/rolebindings", {"metadata": {"name": "r"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
                                          "subjects": [{"kind": "User", "name": "reader"}]})  # fmt: skip
    assert eventually(lambda: (None, "secretive") in heard and informer.problem == "")


def test_bookmarks_move_the_place_on(server, ns, follow):
    informer, _, _ = follow(namespace=ns)
    assert informer.synced.wait(120)
    informer._take('{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"777"}}}')
    assert informer._version == "777" and informer.bookmarks >= 1


@pytest.mark.parametrize("line", ["", "{", '{"type":"ADDED"}', '{"type":"ADDED","object":{"metadata":[]}}', '{"type":"ADDED","object":{"metadata":{"uid":7}}}'])
def test_lines_of_another_form_are_counted_and_left_out(server, ns, follow, line):
    informer, heard, _ = follow(namespace=ns)
    assert informer.synced.wait(120)
    informer._take(line or "[]")
    assert informer.unreadable == 1 and heard == []
