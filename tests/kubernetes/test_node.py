"""Kafkascope on a whole node of real parts, as a user would put it there: deployed, the demo walked, things killed, removed.

The tests go on from each other. About six minutes, a third of it images.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pyarrow.flight as flight
import pytest
from waiting import eventually, free_port, on_a_machine_of_its_own
from whole_node import REPOSITORY, host_pid, whole_node

import kafkascope
from kafkascope.metadata.pods import time_ns

HERE = Path(__file__).parent
#: New pods whose first packets are waited for.
SAMPLES = 20
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def cluster(kube, tmp_path_factory):
    with whole_node(kube, tmp_path_factory.mktemp("node") / "s") as cluster:
        yield cluster


def test_the_check_changes_nothing(cluster):
    said = cluster.px("deploy", "--check")
    assert "1 of 1 nodes can be looked into" in said and "FAIL" not in said
    assert "kafkascope" not in cluster.kubectl("get", "namespaces")
    findings = json.loads(cluster.px("deploy", "--check", "-o", "json"))
    assert {f["status"] for f in findings} == {"ok"}


def test_an_image_that_is_not_there_is_told_with_its_name(cluster):
    said = cluster.px("deploy", "-n", "elsewhere", "--image", f"{REPOSITORY}/nothing:0", "--pull-policy", "Never", code=1)
    assert "does not run (ErrImageNeverPull" in said and "px deploy --image" in said
    cluster.px("delete", "-n", "elsewhere", "--yes")
    assert "elsewhere" not in cluster.kubectl("get", "namespaces")


def test_pods_that_are_not_allowed_are_told_with_the_reason(cluster):
    cluster.kubectl("create", "namespace", "full")
    cluster.kubectl("-n", "full", "create", "quota", "none", "--hard=pods=0")
    said = cluster.px("deploy", "-n", "full", "--image", f"{REPOSITORY}/kafkascope:{kafkascope.__version__}", "--pull-policy", "Never", code=1)
    removed = cluster.px("delete", "-n", "full", "--yes")
    # The agent's or the server's, whichever is refused often enough first.
    assert "no pod of kafkascope-" in said and "exceeded quota" in said
    assert "namespace full was there before and stays" in removed
    cluster.kubectl("delete", "namespace", "full")


def test_deployed_with_agents_that_capture_without_privileges(cluster):
    began = time.monotonic()
    said = cluster.px("deploy", "--image", f"{REPOSITORY}/kafkascope:{kafkascope.__version__}", "--pull-policy", "Never")
    assert "agents on 1 node" in said
    assert eventually(cluster.agents)
    took = time.monotonic() - began
    print(f"from px deploy to an agent's first row: {took:.1f} s")
    assert took <= on_a_machine_of_its_own(30)
    assert eventually(lambda: [(agent["hostname"], agent["state"], agent["hook"].split(":")[0]) for agent in cluster.agents()] == [("node1", "HEALTHY", "ebpf")]), cluster.agents()
    (pod,) = cluster.pods("kafkascope", "app.kubernetes.io/component=agent").values()
    context = pod["spec"]["containers"][0]["securityContext"]
    assert context["privileged"] is False and context["capabilities"]["drop"] == ["ALL"]


def test_a_second_one_is_refused(cluster):
    assert "one runs in namespace kafkascope" in cluster.px("deploy", "-n", "another", code=1)
    assert "another" not in cluster.kubectl("get", "namespaces")


def test_its_accounts_may_not_read_secrets(cluster):
    for account in ("kafkascope-agent", "kafkascope-server"):
        done = subprocess.run([cluster.kube, "kubectl", "--kubeconfig", cluster.kubeconfig, "auth", "can-i", "get", "secrets", "-A", "--as", f"system:serviceaccount:kafkascope:{account}"],
                              capture_output=True, text=True)  # fmt: skip
        assert done.stdout.strip() == "no"


def test_the_demo_runs_as_pods(cluster):
    said = cluster.px("demo", "deploy", "px-kafka", "--kubeconfig", str(cluster.kubeconfig), "--images", REPOSITORY, "--pull-policy", "Never")
    assert "6 pods are ready" in said
    assert {name.split("-")[0] for name in cluster.pods("px-kafka")} == {"kafka", "order", "shipping", "invoicing", "apache", "load"}


def test_the_overview_names_pods_and_services(cluster):
    def seen():
        produced = {row["pod"] for row in cluster.rows("px/kafka_overview", "kafka_producers", "--namespace", "px-kafka")}
        consumed = {row["pod"] for row in cluster.rows("px/kafka_overview", "kafka_consumers", "--namespace", "px-kafka")}
        return (produced, consumed) if produced and len(consumed) == 2 else None

    pods = {f"px-kafka/{name}" for name in cluster.pods("px-kafka")}
    produced, consumed = eventually(seen)
    assert produced | consumed <= pods and len(produced) == 1
    assert eventually(lambda: [row["pod"] for row in cluster.rows("px/kafka_overview", "kafka_brokers", "--namespace", "px-kafka")] == ["px-kafka/kafka-0"])


def test_a_pod_page_has_its_container_and_its_use(cluster):
    def used():
        rows = cluster.rows("px/pod", "resource_timeseries", "--pod", "px-kafka/kafka-0")
        return rows and {row["container"] for row in rows} == {"kafka"} and max(row["rss"] for row in rows) > 50 << 20

    assert eventually(used), "the container's, and not the sandbox's"
    (pod,) = cluster.pods("px-kafka", "app=kafka").values()
    place = pod["status"]["containerStatuses"][0]["containerID"]
    assert eventually(lambda: [f"containerd://{row['id']}" for row in cluster.rows("px/pod", "Containers", "--pod", "px-kafka/kafka-0")] == [place])


@pytest.fixture(scope="module")
def replaced(cluster):
    """The agents' token, replaced as docs/kubernetes.md says: the former one and the new one."""
    former, new = cluster.secret("agent-token"), "another-token-of-a-test"
    cluster.kubectl("-n", "kafkascope", "patch", "secret", "kafkascope-link", "-p", json.dumps({"stringData": {"agent-token": new}}))
    return former, new


@pytest.mark.usefixtures("replaced")
def test_the_page_is_walked_through_a_port_forward(cluster):
    browser = HERE.parent / "browser"
    port = free_port()
    forward = [cluster.kube, "kubectl", "--kubeconfig", cluster.kubeconfig, "-n", "kafkascope", "port-forward", "service/kafkascope-server", f"{port}:8765"]
    # The start page speaks of all Kafka on the host, other tests' too; these steps are about the demo's namespace.
    steps = "overview_shows or pod_is_a_link or requests_open or delay_is_seen or new_members"
    with subprocess.Popen(forward, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert "Forwarding" in process.stdout.readline()
            environment = {**cluster.environment, "KAFKASCOPE_TEST_SERVER": f"http://127.0.0.1:{port}/?token={cluster.secret('page-token')}"}
            done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", browser / "test_walk.py", "-k", steps], env=environment, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True)  # fmt: skip
        finally:
            process.terminate()
    if "needs Chromium" in done.stdout:
        pytest.skip("needs Chromium")
    assert done.returncode == 0, done.stdout[-6000:]


def test_a_revoked_token_lets_nobody_in_and_costs_no_row(cluster, replaced):
    former, new = replaced

    def let_in(token):
        # The server's certificate is for the service's name; from outside the cluster only the address is known.
        client = flight.FlightClient(f"grpc+tls://{cluster.address('server')}:8766", tls_root_certs=cluster.secret("ca.crt").encode(), override_hostname="kafkascope-server.kafkascope.svc")
        with client:
            try:
                list(client.list_flights(options=flight.FlightCallOptions(headers=[(b"authorization", f"Bearer {token}".encode())], timeout=60)))
            except flight.FlightUnauthenticatedError:
                return False
            except NotImplementedError:
                return True
        raise AssertionError("the server listed flights")

    # The kubelet brings a changed secret within about a minute and a half.
    assert eventually(lambda: let_in(new), 400, 2) and not let_in(former) and not let_in("")
    assert eventually(lambda: cluster.counter("connected") == 1 and cluster.counter("buffered_bytes") == 0, 400, 2)
    assert cluster.counter("rows_dropped_total") == 0


def test_scaled_by_kubectl_and_by_px(cluster):
    cluster.kubectl("-n", "px-kafka", "scale", "deployment/shipping", "--replicas=4")

    def members():
        return {row["pod"] for row in cluster.rows("px/kafka_overview", "kafka_consumers", "--namespace", "px-kafka", "--start_time", "-60s") if "/shipping-" in row["pod"]}

    def rebalanced(table, **expected):
        return [row for row in cluster.rows("px/kafka_consumer_rebalancing", table) if row.items() >= expected.items()]

    assert eventually(lambda: len(members()) == 4, 300), members()
    assert eventually(lambda: rebalanced("consumer_group_ids", group_id="shipping", num_members=4))
    assert eventually(lambda: rebalanced("consumer_rebalancing_delay", group_id="shipping"))
    assert "has 2 pods, all in the group" in cluster.px("demo", "scale", "px-kafka", "shipping", "2", "--kubeconfig", str(cluster.kubeconfig))


def test_a_new_pods_traffic_has_its_name_within_two_seconds(cluster):
    ask, began = cluster.asker(), time.time_ns()
    text = (f"import px\ndf = px.DataFrame('kafka_events.beta', start_time={began})\ndf.pod = px.upid_to_pod_name(df.remote_upid)\n"
            "df = df.groupby('pod').agg(first=('time_', px.min))\npx.display(df, 'pods')\n")  # fmt: skip
    named = {f"px-kafka/{name}": None for name in cluster.pods("px-kafka", "app=shipping")}

    def another():
        rows = ask(text)["tables"][0]["rows"]
        new = {pod: (time.time_ns() - int(first)) / 1e9 for pod, first in rows if "/shipping-" in pod and pod not in named}
        named.update(new)
        return new

    for _ in range(SAMPLES):
        cluster.kubectl("-n", "px-kafka", "delete", "pod", "-l", "app=shipping", "--grace-period=1", "--wait=false")
        assert eventually(another, 300, 0.02), "no new pod was named"
    waited = sorted(seconds for seconds in named.values() if seconds is not None)
    print(f"named after its first packet: {len(waited)} pods, median {waited[len(waited) // 2]:.2f} s, worst {waited[-1]:.2f} s")
    assert waited[-1] <= on_a_machine_of_its_own(2), waited


def test_the_delay_is_switched_through_the_api_server(cluster):
    config = ("--kubeconfig", str(cluster.kubeconfig))
    assert "delay is on" in cluster.px("demo", "interact", "px-kafka", "--delay", "on", *config)
    assert "delay is on" in cluster.px("demo", "interact", "px-kafka", "--delay", "status", *config)
    assert "delay is off" in cluster.px("demo", "interact", "px-kafka", "--delay", "off", *config)


def test_a_killed_broker_pod_comes_back_and_is_seen_again(cluster):
    # With its time to say goodbye: its clients hear of later epochs of its leaders, which a broker without its disk begins to count anew.
    cluster.kubectl("-n", "px-kafka", "delete", "pod", "kafka-0", "--wait=true")
    gone = time.time_ns()

    def again():
        """Whether the new broker takes what is produced to each partition."""
        return len(cluster.orders(gone, time.time_ns())) == 5

    def consumed():
        rows = cluster.rows("px/kafka_overview", "kafka_consumers", "--namespace", "px-kafka", "--start_time", str(gone))
        return {row["pod"].split("/")[1].split("-")[0] for row in rows if row["bytes_consumed_total"]} == {"shipping", "invoicing"}

    assert eventually(lambda: len(cluster.pods("px-kafka", "app=kafka")) == 1)
    assert eventually(again, 400) and eventually(consumed, 300), told_of_consumers(cluster, gone)


def told_of_consumers(cluster, since):
    """What each of the demo's consumers says of itself, then what was seen of them since then: which of the two is wrong."""
    told = []
    for name, pod in cluster.pods("px-kafka", "app in (shipping, invoicing)").items():
        restarts = pod["status"]["containerStatuses"][0]["restartCount"]
        # Each refused connection is a line.
        log = [line for line in cluster.kubectl("-n", "px-kafka", "logs", name).splitlines() if "|FAIL|" not in line][-40:]
        with urllib.request.urlopen(f"http://{pod['status']['podIP']}:8080/list", timeout=60) as answer:
            told.append((name, restarts, log, answer.read()[:200]))
    return told, cluster.rows("px/kafka_overview", "kafka_consumers", "--start_time", str(since))


def test_a_killed_server_has_everything_again_what_happened_meanwhile_included(cluster):
    (server,) = cluster.pods("kafkascope", "app.kubernetes.io/component=server").values()
    (agent,) = cluster.pods("kafkascope", "app.kubernetes.io/component=agent").values()
    began = time.time_ns()
    time.sleep(5)
    killed = time.time_ns()
    os.kill(host_pid(server), signal.SIGKILL)

    def back():
        (status,) = cluster.pods("kafkascope", "app.kubernetes.io/component=server").popitem()[1]["status"]["containerStatuses"]
        return status["ready"] and status["restartCount"] > server["status"]["containerStatuses"][0]["restartCount"]

    assert eventually(back, 300)
    returned = time.time_ns()
    time.sleep(15)
    ended = time.time_ns() - 3 * 10**9
    partitions = []

    def whole():
        partitions[:] = cluster.orders(began, ended)
        # An order's key chooses its partition: in so few seconds not each must come.
        return len(partitions) > 2 and all(p["requests"] == p["records"] == p["last"] - p["first"] + 1 for p in partitions)

    # The broker numbers what it stores: no number is missing, none is there twice. On a busy machine what waited on disk takes its time.
    assert eventually(whole), partitions
    seen = []
    assert eventually(lambda: sent_and_stored(cluster, "process_stats", seen)), seen[-5:]
    assert cluster.query(f"import px\ndf = px.DataFrame('process_stats', start_time={killed}, end_time={returned})\npx.display(df.head(1), 'meanwhile')\n"), "samples of the time without a server"
    (after,) = cluster.pods("kafkascope", "app.kubernetes.io/component=agent").values()
    assert after["metadata"]["uid"] == agent["metadata"]["uid"] and after["status"]["containerStatuses"][0]["restartCount"] == 0


def sent_and_stored(cluster, table, seen, gone=0):
    """How many rows of a table the agent sent since its start, when as many are stored, those ``gone`` with a former store left out: looked at while none is on its way.
    ``seen`` gets every look: sent, stored, sent a moment later."""
    (agent,) = cluster.pods("kafkascope", "app.kubernetes.io/component=agent").values()
    start = agent["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    # To find out where these are takes kubectl longer than the second between two samples, on a busy machine.
    at, ask = agent["status"]["podIP"], cluster.asker()
    before, stored, after = cluster.by_table("sent", at)[table], cluster.count(table, time_ns(start), ask), cluster.by_table("sent", at)[table]
    seen.append((before, stored, after))
    return before if before == stored + gone == after else None


def test_what_a_full_disk_buffer_cannot_keep_is_counted_and_shown(cluster):
    agents = ("-n", "kafkascope", "rollout", "status", "daemonset/kafkascope-agent", "--timeout=600s")
    things = json.loads(cluster.kubectl("-n", "kafkascope", "get", "daemonset", "kafkascope-agent", "-o", "json"))
    small = {"--memory-buffer=": "256KB", "--buffer-bytes=": "1MB"}
    words = [next((name + size for name, size in small.items() if word.startswith(name)), word) for word in things["spec"]["template"]["spec"]["containers"][0]["args"]]
    cluster.kubectl("-n", "kafkascope", "patch", "daemonset", "kafkascope-agent", "--type=json", "-p", json.dumps([{"op": "replace", "path": "/spec/template/spec/containers/0/args", "value": words}]))
    cluster.kubectl(*agents)
    cluster.kubectl("-n", "kafkascope", "scale", "deployment/kafkascope-server", "--replicas=0")
    assert eventually(lambda: cluster.counter("connected") == 0)
    # Without a volume of its own, the store goes with the server's pod.
    gone = cluster.by_table("sent").get("process_stats", 0)
    assert eventually(lambda: cluster.counter("rows_dropped_total") > 0, 900, 2)
    assert 0 < cluster.counter("buffered_bytes") <= 1_100_000
    cluster.kubectl("-n", "kafkascope", "scale", "deployment/kafkascope-server", "--replicas=1")
    cluster.kubectl("-n", "kafkascope", "rollout", "status", "deployment/kafkascope-server", "--timeout=600s")
    text = ("import px\ndf = px.DataFrame('kafka_loss', start_time='-10m')\ndf = df[df.reason == 'limit']\ndf = df.groupby('detail').agg(events=('events', px.sum))\n"
            "px.display(df, 'loss')\n")  # fmt: skip

    def told_and_dropped():
        """What is shown as lost, when it is what the agent counted."""
        dropped = {f"rows of {table} that could not be shipped to the store": rows for table, rows in cluster.by_table("dropped").items() if table != "kafka_loss"}
        told = {row["detail"]: row["events"] for row in cluster.query(text) if "could not be shipped" in row["detail"]}
        return told if told == dropped else None

    # To the last row: what was dropped is told, and what the agent says that it sent is stored once.
    assert eventually(told_and_dropped)
    assert "rows not shipped" in cluster.px("get", "pems", "-o", "json", server=True)
    assert eventually(lambda: cluster.counter("buffered_bytes") == 0)
    seen = []
    assert eventually(lambda: sent_and_stored(cluster, "process_stats", seen, gone)), seen[-5:]


def test_removed_with_nothing_left(cluster):
    cluster.px("demo", "delete", "px-kafka", "--kubeconfig", str(cluster.kubeconfig))
    cluster.px("delete", "--yes")
    left = cluster.kubectl("get", "clusterroles,clusterrolebindings,namespaces", "-o", "name")
    assert "kafkascope" not in left and "px-kafka" not in left
    assert "no Kafkascope in namespace" in cluster.px("delete", "--yes")
