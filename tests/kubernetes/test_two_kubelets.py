"""Two nodes with a kubelet, a containerd, a pods' network and an agent each: what pods of one say to a broker on the other.

The nodes share this machine's kernel, so eBPF sees both from each. Packets do not: each agent reads its own node's interfaces.
"""

import time

import pytest
from waiting import eventually
from whole_node import REPOSITORY, whole_node

import kafkascope

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
IMAGE = ("--image", f"{REPOSITORY}/kafkascope:{kafkascope.__version__}", "--pull-policy", "Never")


@pytest.fixture(scope="module")
def cluster(kube, tmp_path_factory):
    with whole_node(kube, tmp_path_factory.mktemp("nodes") / "s", join=True) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def apart(cluster):
    """The demo with its broker on node1, who produces and one of the groups on node2."""
    assert "agents on 2 nodes" in cluster.px("deploy", "--source", "packet", *IMAGE)
    cluster.kubectl("cordon", "node2")
    cluster.px("demo", "deploy", "px-kafka", "--kubeconfig", str(cluster.kubeconfig), "--images", REPOSITORY, "--pull-policy", "Never")
    cluster.kubectl("uncordon", "node2")
    cluster.kubectl("cordon", "node1")
    cluster.kubectl("-n", "px-kafka", "delete", "pod", "-l", "app in (order,shipping)")
    cluster.kubectl("uncordon", "node1")
    for name in ("order", "shipping"):
        cluster.kubectl("-n", "px-kafka", "rollout", "status", f"deployment/{name}", "--timeout=300s")
    yield {name.split("-")[0]: pod["spec"]["nodeName"] for name, pod in cluster.pods("px-kafka").items()}
    cluster.px("demo", "delete", "px-kafka", "--kubeconfig", str(cluster.kubeconfig))
    cluster.px("delete", "--yes")


def test_the_check_says_that_the_nodes_share_a_kernel(cluster):
    assert "nodes node1, node2 share one (each agent sees what all of them do" in cluster.px("deploy", "--check")


def stored_once(cluster, seconds=15):
    """Whether of what was produced in the coming seconds each of the broker's offsets is there, once. An order's key chooses its partition: not each must come."""
    began = time.time_ns()
    time.sleep(seconds)
    ended = time.time_ns()
    # By its address: eBPF sees other brokers of this machine too.
    broker = cluster.pods("px-kafka")["kafka-0"]["status"]["podIP"]

    def whole():
        partitions = cluster.query(f"import px\ndf = px.DataFrame('kafka_produce', start_time={began}, end_time={ended})\ndf = df[df.topic == 'order' and df.broker_addr == '{broker}']\n"
                                   "df = df.groupby('partition').agg(rows=('time_', px.count), first=('base_offset', px.min), last=('last_offset', px.max))\npx.display(df, 'orders')\n")  # fmt: skip
        return len(partitions) > 2 and all(p["rows"] == p["last"] - p["first"] + 1 for p in partitions)

    time.sleep(3)
    return eventually(whole, 20)


def paired(cluster):
    """Rows that were left out, as the other agent told them."""
    return cluster.server_metric('kafkascope_ingest_total{what="paired"}')


def test_the_broker_and_its_clients_are_on_different_nodes(cluster, apart):
    assert (apart["kafka"], apart["order"], apart["shipping"], apart["invoicing"]) == ("node1", "node2", "node2", "node1")
    expected = {node: ("HEALTHY", "packets: AF_PACKET") for node in ("node1", "node2")}
    assert eventually(lambda: {agent["hostname"]: (agent["state"], agent["hook"]) for agent in cluster.agents()} == expected), cluster.agents()


@pytest.mark.usefixtures("apart")
def test_an_exchange_between_the_nodes_is_one_row(cluster):
    before = paired(cluster)
    # An agent that a busy machine keeps silent for seconds counts as away, and the other tells its exchanges: in that stretch, not in each.
    assert eventually(lambda: stored_once(cluster), 180)
    assert eventually(lambda: paired(cluster) > before), "both nodes saw it"


@pytest.mark.usefixtures("apart")
def test_pods_of_both_nodes_have_their_names(cluster):
    expected = {f"px-kafka/{name}" for name in cluster.pods("px-kafka") if name.split("-")[0] in ("kafka", "order", "shipping", "invoicing")}

    def seen():
        tables = ("kafka_producers", "kafka_consumers", "kafka_brokers")
        return {row["pod"] for table in tables for row in cluster.rows("px/kafka_overview", table, "--namespace", "px-kafka", "--start_time", "-15s")}

    assert eventually(lambda: seen() == expected), seen()


@pytest.mark.usefixtures("apart")
def test_two_agents_that_share_a_kernel_tell_it_once_too(cluster):
    # As on nodes that are containers of one machine.
    cluster.px("deploy", *IMAGE)
    assert eventually(lambda: all(agent["hook"].startswith("ebpf") and agent["state"] == "HEALTHY" for agent in cluster.agents()))
    assert eventually(lambda: stored_once(cluster), 180)
