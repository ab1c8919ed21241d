"""Whole nodes of real parts, and `px` and `kubectl` against it."""

import base64
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from kafkascope.demo.paths import paths

HERE = Path(__file__).parent
REPOSITORY = "localhost/kafkascope"
NEEDED = ("containerd", "ctr", "runc", "iptables", "conntrack", "ip", "unshare", "nsenter", "jlink", "cc", "openssl")


def label(value):
    """What a link to another script says."""
    return json.loads(value)["label"] if isinstance(value, str) and value.startswith('{"label"') else value


class Cluster:
    """The node that cluster.sh makes, and `px` and `kubectl` against it."""

    def __init__(self, kube, state, kubeconfig):
        self.kube, self.state, self.kubeconfig = kube, state, kubeconfig
        self.environment = {**os.environ, "KUBE": str(kube), "KUBE_STATE": str(state), "KUBECONFIG": str(kubeconfig), "KUBE_OWNER": str(os.getpid())}
        self.environment.pop("KAFKASCOPE_SERVER", None)
        self.environment.pop("KAFKASCOPE_TOKEN", None)

    def script(self, *arguments, **more):
        return subprocess.run([HERE / "cluster" / "cluster.sh", *map(str, arguments)], env={**self.environment, **more}, stdin=subprocess.DEVNULL, check=True)

    def kubectl(self, *arguments):
        done = subprocess.run([self.kube, "kubectl", "--kubeconfig", self.kubeconfig, *arguments], capture_output=True, text=True, env=self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def pods(self, namespace, label=""):
        found = json.loads(self.kubectl("-n", namespace, "get", "pods", "-o", "json", *(["-l", label] if label else [])))["items"]
        return {pod["metadata"]["name"]: pod for pod in found if "deletionTimestamp" not in pod["metadata"]}

    def address(self, component):
        (pod,) = self.pods("kafkascope", f"app.kubernetes.io/component={component}").values()
        return pod["status"]["podIP"]

    def secret(self, key):
        return base64.b64decode(json.loads(self.kubectl("-n", "kafkascope", "get", "secret", "kafkascope-link", "-o", "json"))["data"][key]).decode()

    def counters(self, address=None):
        """The agent's own, by name; ``address`` is the agent's where it is known."""
        with urllib.request.urlopen(f"http://{address or self.address('agent')}:8767/metrics", timeout=60) as answer:
            return {name: float(value) for name, value in re.findall(r"^kafkascope_agent_(\S+) (\S+)$", answer.read().decode(), re.MULTILINE)}

    def server_metric(self, series):
        """One of the server's own, by its name with labels."""
        request = urllib.request.Request(f"http://{self.address('server')}:8765/metrics", headers={"Authorization": f"Bearer {self.secret('page-token')}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return next(float(line.rsplit(" ", 1)[1]) for line in answer.read().decode().splitlines() if line.startswith(series + " "))

    def counter(self, name):
        return self.counters()[name]

    def by_table(self, what, address=None):
        """Rows that the agent "sent" or "dropped" since its start."""
        place = f'table_rows_{what}_total{{table="'
        return {name.removeprefix(place).removesuffix('"}'): rows for name, rows in self.counters(address).items() if name.startswith(place)}

    def orders(self, start_ns, end_ns):
        """Of each partition of the demo's topic: requests that produced to it, records, first and last offset."""
        return self.query(f"import px\ndf = px.DataFrame('kafka_produce', start_time={start_ns}, end_time={end_ns})\n"
                          "df = df[df.topic == 'order' and px.upid_to_pod_name(df.broker_upid) == 'px-kafka/kafka-0']\n"
                          "df = df.groupby('partition').agg(requests=('time_', px.count), records=('records', px.sum), first=('base_offset', px.min), last=('last_offset', px.max))\n"
                          "px.display(df, 'orders')\n")  # fmt: skip

    def count(self, table, start_ns, ask):
        """Rows of a table since then."""
        return ask(f"import px\ndf = px.DataFrame('{table}', start_time={start_ns})\npx.display(df.agg(rows=('time_', px.count)), 'rows')\n")["tables"][0]["rows"][0][0]

    def asker(self):
        """A function that runs a script by the API itself, as a command's start would take a second."""
        url, headers = f"http://{self.address('server')}:8765/api/run", {"Authorization": f"Bearer {self.secret('page-token')}", "Content-Type": "application/json"}

        def ask(text):
            with urllib.request.urlopen(urllib.request.Request(url, json.dumps({"pxl": text}).encode(), headers), timeout=60) as answer:
                return json.load(answer)

        return ask

    def query(self, text):
        """Rows of a script's only table."""
        file = self.state / "query.pxl"
        file.write_text(text)
        return [json.loads(line) for line in self.px("run", "-f", str(file), "-o", "json", server=True).splitlines()]

    def px(self, *arguments, code=0, server=False):
        environment = dict(self.environment)
        if server:
            environment["KAFKASCOPE_SERVER"] = f"http://{self.address('server')}:8765"
            environment["KAFKASCOPE_TOKEN"] = self.secret("page-token")
        done = subprocess.run([sys.executable, "-m", "kafkascope.cli.main", *arguments], capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + (done.stderr if code else "")

    def agents(self):
        """What the server knows of each agent."""
        return [json.loads(line) for line in self.px("get", "pems", "-o", "json", server=True).splitlines()]

    def rows(self, script, table, *arguments):
        lines = self.px("run", script, "-o", "json", "--", *arguments, server=True).splitlines()
        return [{key: label(value) for key, value in row.items()} for row in map(json.loads, lines) if row["_tableName_"] == table]


@contextlib.contextmanager
def whole_node(kube, state, join=False):
    """A cluster of one node, or two, that is taken down whatever happens; skips where there can be none."""
    if given := os.environ.get("KAFKASCOPE_TEST_CLUSTER"):
        # The state folder of a cluster that is up and has the images: for working on these tests.
        yield Cluster(kube, Path(given), Path(given) / "admin.conf")
        return
    if os.geteuid() != 0:
        pytest.skip("a node needs root: namespaces, cgroups and containers")
    if missing := [tool for tool in NEEDED if shutil.which(tool) is None]:
        pytest.skip(f"a node needs {', '.join(missing)}: apt-get install containerd runc containernetworking-plugins conntrack iptables, a JDK, gcc and openssl")
    images = paths("px-kafka").cache / "images"
    subprocess.run([sys.executable, HERE / "images" / "build.py", images], check=True, stdin=subprocess.DEVNULL)
    cluster = Cluster(kube, state, state / "admin.conf")
    archives = " ".join(str(images / name) for name in ("pause.tar", "kafkascope.tar", "kafkascope-demo-kafka.tar"))
    try:
        cluster.script("up", "full", IMAGES=archives)
        if join:
            cluster.script("join", IMAGES=archives)
        yield cluster
    finally:
        cluster.script("down")


def host_pid(pod):
    """The host's id of the first process of a pod's container."""
    place = pod["status"]["containerStatuses"][0]["containerID"].partition("://")[2]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if place in (entry / "cgroup").read_text():
                    return int(entry.name)
    raise AssertionError(f"no process of {place}")
