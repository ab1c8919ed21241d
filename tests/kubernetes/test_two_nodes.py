"""Two agents on two nodes against one server, with a real API server: what one sees and learns helps the other, and their clocks may differ."""

import contextlib
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from waiting import eventually, free_port

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(600)]
HERE = Path(__file__).parent
NS = "two-nodes"
#: What is told of node-b's clock.
BEHIND = r"its clock is 1[12]\d\d\d ms behind the server's"
CLIENT, BROKER, TOPIC_ID = "10.0.1.5", "10.0.2.9", "b25seS1mb3ItYS10ZXN0IQ"


class Two:
    """`px server` and the agents of node-a, where the client runs, and of node-b, where the broker runs and the clock is 12 s behind."""

    def __init__(self, server, folder, stack):
        self.folder, self.stack = folder, stack
        self.kubeconfig = server.kubeconfig()
        self.http, self.ingest = free_port(), free_port()
        environment = {**os.environ, "KAFKASCOPE_TOKEN": "page"}
        self._start([sys.executable, "-m", "kafkascope.cli.main", "server", "--config", "", "--port", str(self.http), "--ingest", f"127.0.0.1:{self.ingest}", "--no-data",
                     "--kubernetes", "on", "--kubeconfig", self.kubeconfig], environment)  # fmt: skip
        assert eventually(self._ready), (folder / "log").read_text()
        self.a = self._agent("node-a", 0)
        self.b = self._agent("node-b", -12)

    def _start(self, command, environment=None):
        with (self.folder / "log").open("ab") as log:
            process = self.stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, text=True, env=environment))
        self.stack.callback(process.terminate)
        return process

    def _agent(self, node, clock_s):
        return self._start([sys.executable, HERE / "agent_process.py", f"grpc+tcp://127.0.0.1:{self.ingest}", node, self.kubeconfig, str(clock_s), self.folder / f"{node}.learned"])

    def _ready(self):
        with contextlib.suppress(httpx.HTTPError):
            return self.get("/api/status").status_code == 200

    def get(self, path, **body):
        headers = {"Authorization": "Bearer page"}
        url = f"http://127.0.0.1:{self.http}{path}"
        return httpx.post(url, headers=headers, json=body, timeout=60) if body else httpx.get(url, headers=headers, timeout=60)

    def agents(self):
        return {agent["hostname"]: agent for agent in self.get("/api/status").json()["agents"]}

    def query(self, table, *columns):
        text = f"import px\ndf = px.DataFrame('{table}', start_time='-1h')\ndf = df[{list(columns)}]\npx.display(df, 'out')\n"
        return [tuple(row) for row in self.get("/api/run", pxl=text).json()["tables"][0]["rows"]]

    def paired(self):
        """Rows of one side that were left out, as the other told them."""
        return float(re.search(r'^kafkascope_ingest_total\{what="paired"\} (\S+)$', self.get("/metrics").text, re.MULTILINE)[1])

    def tell(self, agent, table, *some):
        agent.stdin.write(json.dumps({table: some}) + "\n")
        agent.stdin.flush()

    def produced(self, side, number):
        ours = {"client_upid": "7:10:100"} if side == "client" else {"broker_upid": "8:20:200"}
        return {"client_addr": CLIENT, "client_port": 40001, "broker_addr": BROKER, "broker_port": 9092, "observed_by": side, "topic": "order", "partition": 0, "base_offset": number, **ours}


@pytest.fixture(scope="module")
def two(server, tmp_path_factory):
    for node in ("node-a", "node-b"):
        server.post("/api/v1/nodes", {"metadata": {"name": node}})
    server.namespace(NS)
    for name, node, ip, container in (("client-0", "node-a", CLIENT, "a"), ("broker-0", "node-b", BROKER, "b")):
        server.pod(NS, name, node=node)
        server.running(NS, name, ip, container_id=container * 64)
    with contextlib.ExitStack() as stack:
        two = Two(server, tmp_path_factory.mktemp("two"), stack)
        assert eventually(lambda: two.agents().keys() == {"node-a", "node-b"}), (two.folder / "log").read_text()
        yield two


def test_a_clock_that_is_seconds_off_is_told_and_its_agent_is_not_taken_for_silent(two):
    def told():
        agents = two.agents()
        return re.match(BEHIND + r" \(±\d+ ms\)", agents["node-b"]["detail"]) and {agent["state"] for agent in agents.values()} == {"AGENT_STATE_HEALTHY"} and agents

    found = eventually(told)
    assert found, two.agents()
    assert found["node-a"]["detail"] == ""


def test_a_clock_that_is_off_is_told_beside_latencies_between_nodes(two):
    assert eventually(lambda: re.match(BEHIND, two.agents()["node-b"]["detail"]))
    arguments = {"namespace": NS, "topic": "order"}
    (warning,) = [m for m in two.get("/api/run", script="px/kafka_producer_consumer_latency", args=arguments).json()["messages"] if m["level"] == "warning"]
    assert re.match(r"latencies between nodes are wrong by what their clocks differ: node-b: " + BEHIND, warning["text"])
    assert not any("clock" in m["text"] for m in two.get("/api/run", script="px/pods", args={"namespace": NS}).json()["messages"]), "where nothing goes between nodes, nothing is said"


def test_an_exchange_that_both_nodes_see_is_one_row(two):
    before = two.paired()
    two.tell(two.b, "kafka_produce", two.produced("broker", 0))
    assert eventually(lambda: len(two.query("kafka_produce", "base_offset")) == 1)
    numbers = itertools.count(1)

    def told():
        return two.query("kafka_produce", "base_offset", "observed_by", "client_upid", "broker_upid")

    def one_row():
        """Which node's batch comes first is open, and of a node that was not heard of for seconds the other tells: another exchange then."""
        number = next(numbers)
        two.tell(two.a, "kafka_produce", two.produced("client", number))
        two.tell(two.b, "kafka_produce", two.produced("broker", number))
        assert eventually(lambda: (number, "broker") in [row[:2] for row in told()])
        assert eventually(lambda: two.paired() - before + sum(row[1] == "client" for row in told()) == number), "each row of the client's side is stored or counted"
        return [row for row in told() if row[0] == number] == [(number, "broker", "7:10:100", "8:20:200")]

    assert eventually(one_row), "the broker's side is kept, once, and what only the client's node knows is filled in"
    assert sorted(row[0] for row in told() if row[1] == "broker") == list(range(next(numbers)))


def test_the_name_of_a_topic_that_one_node_learned_reaches_the_other(two):
    two.tell(two.b, "kafka_topic_names", {"topic_id": TOPIC_ID, "topic": "order", "source": "metadata"})
    learned = two.folder / "node-a.learned"
    assert eventually(lambda: learned.exists() and f"{TOPIC_ID} order" in learned.read_text())


def test_pods_of_both_nodes_are_known_by_their_addresses(two):
    two.tell(two.b, "kafka_produce", two.produced("broker", 900))
    assert eventually(lambda: (900,) in two.query("kafka_produce", "base_offset"))
    text = ("import px\ndf = px.DataFrame('kafka_produce', start_time='-1h')\ndf.client = px.pod_id_to_pod_name(px.ip_to_pod_id(df.client_addr))\n"
            "df.broker = px.pod_id_to_pod_name(px.ip_to_pod_id(df.broker_addr))\ndf.node = px.pod_id_to_node_name(px.ip_to_pod_id(df.broker_addr))\n"
            "px.display(df.groupby(['client', 'broker', 'node']).agg(n=('time_', px.count)), 'out')\n")  # fmt: skip
    assert eventually(lambda: [row[:3] for row in two.get("/api/run", pxl=text).json()["tables"][0]["rows"]] == [[f"{NS}/client-0", f"{NS}/broker-0", "node-b"]])
