"""The matrix: which client runs against which broker, and why it is here; and how one is run and watched."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import toolchain
from cluster import Cluster, environment
from netns import own_network
from watch import Watch

_CLIENT_S = 180


@dataclass(frozen=True)
class Case:
    """A client against a broker; ``commands`` run one after another with the bootstrap address behind the program."""

    name: str
    commands: Callable[[str], list[list[str]]]
    broker: str = "4.4.0"
    nodes: int = 1
    #: Runs with `make test` too.
    quick: bool = False
    #: API and version that must have been compared: the reason for which this client is in the matrix.
    must: tuple[tuple[str, int], ...] = ()


def java_current(bootstrap: str) -> list[list[str]]:
    client = [*toolchain.java_client("4.4.0", "Client.java"), bootstrap, "1", "classic", "consumer"]
    return [client, [*toolchain.java_client("4.4.0", "Share.java"), bootstrap, "100"]]


def java(version: str, replication: int = 1) -> Callable[[str], list[list[str]]]:
    return lambda bootstrap: [[*toolchain.java_client(version, "Client.java"), bootstrap, str(replication), "classic"]]


def python(lock: str, source: str, *more: str) -> Callable[[str], list[list[str]]]:
    return lambda bootstrap: [[*toolchain.python_client(lock, source), bootstrap, *more]]


def go(name: str, *more: str) -> Callable[[str], list[list[str]]]:
    return lambda bootstrap: [[*toolchain.go_client(name), bootstrap, *more]]


def node(source: str, *more: str) -> Callable[[str], list[list[str]]]:
    return lambda bootstrap: [[*toolchain.node_client(source), bootstrap, *more]]


CASES = [
    Case("java-4.4", java_current, quick=True, must=(("PRODUCE", 13), ("FETCH", 18), ("OFFSET_COMMIT", 10), ("CONSUMER_GROUP_HEARTBEAT", 1), ("SHARE_FETCH", 2), ("TXN_OFFSET_COMMIT", 6))),
    Case("java-3.9", java("3.9.2"), must=(("PRODUCE", 11), ("FETCH", 17), ("OFFSET_COMMIT", 9))),
    Case("java-2.8", java("2.8.2"), must=(("PRODUCE", 9), ("FETCH", 12), ("JOIN_GROUP", 7))),
    Case("librdkafka", python("current.txt", "librdkafka.py", "classic", "consumer"), quick=True, must=(("PRODUCE", 10), ("FETCH", 16), ("CONSUMER_GROUP_HEARTBEAT", 1), ("END_TXN", 1))),
    Case("kafka-python", python("current.txt", "kafka_python.py"), quick=True, must=(("FETCH", 12), ("JOIN_GROUP", 7))),
    Case("aiokafka", python("current.txt", "aiokafka_client.py"), must=(("PRODUCE", 7), ("FETCH", 11), ("API_VERSIONS", 0))),
    Case("franz-go", go("franz-go", "classic", "consumer"), quick=True, must=(("PRODUCE", 13), ("FETCH", 18), ("CONSUMER_GROUP_HEARTBEAT", 1))),
    Case("sarama", go("sarama"), must=(("FETCH", 12), ("JOIN_GROUP", 7))),
    Case("kafka-go", go("kafka-go"), must=(("PRODUCE", 8), ("FETCH", 10), ("METADATA", 6))),
    Case("kafkajs", node("kafkajs.mjs"), must=(("PRODUCE", 7), ("FETCH", 11), ("END_TXN", 1))),
    Case("platformatic", node("platformatic.mjs", "classic", "consumer"), must=(("PRODUCE", 11), ("FETCH", 17), ("CONSUMER_GROUP_HEARTBEAT", 1))),
    Case("java-3.9-on-3.9", java("3.9.2"), broker="3.9.2", must=(("TXN_OFFSET_COMMIT", 4),)),
    Case("java-2.8-on-3.9", java("2.8.2"), broker="3.9.2", must=(("ADD_PARTITIONS_TO_TXN", 3),)),
    Case("kafka-python-2016-on-3.9", python("old.txt", "kafka_python_old.py"), broker="3.9.2", must=(("PRODUCE", 1), ("PRODUCE", 2), ("FETCH", 1), ("FETCH", 2))),
    Case("kafka-go-on-3.9", go("kafka-go"), broker="3.9.2", must=(("PRODUCE", 8),)),
    Case("two-brokers", java("4.4.0", 2), nodes=2, must=(("FETCH", 18), ("BROKER_HEARTBEAT", 2))),
]


def run(command: list[str]) -> dict[str, int]:
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=_CLIENT_S, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout[-500:]} {done.stderr[-3000:]}"
    said: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return said


@dataclass
class Observed:
    """A case that has run: its brokers with their logs, what was seen, what each program said of itself."""

    cluster: Cluster
    watch: Watch
    said: list[dict[str, int]]


def observe(case: Case, folder: Path, sources: Sequence[str]) -> Observed:
    """Run ``case`` in a network of its own. Raises ``toolchain.MissingError``."""
    cluster = Cluster(case.broker, case.nodes, folder)
    commands = case.commands(cluster.bootstrap)
    watch = Watch(cluster.all_ports, folder / "wire.pcap", sources)
    # Other traffic of this host's loopback would only fill the packet socket.
    with own_network():
        watch.start()
        try:
            cluster.start()
            said = [run(command) for command in commands]
        finally:
            cluster.stop()
            watch.stop()
    return Observed(cluster, watch, said)
