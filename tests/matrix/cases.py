"""The matrix: which client runs against which broker, and why it is here; and how one is run and watched."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import toolchain
from cluster import Cluster, environment
from netns import own_network
from oracle import Scene
from watch import Watch

_CLIENT_S = 180


@dataclass(frozen=True)
class Case:
    """A client against a broker; ``commands`` run one after another with the bootstrap address behind the program."""

    name: str
    commands: Callable[[str], list[list[str]]]
    broker: str = "4.4.0"
    nodes: int = 1
    #: Of their own, apart from the brokers.
    controllers: int = 0
    host: str = "127.0.0.1"
    #: A Java source of ``brokers/`` that the settings name.
    plugin: str = ""
    #: Runs with `make test` too.
    quick: bool = False
    #: API and version that must have been compared: the reason for which this client is in the matrix.
    must: tuple[tuple[str, int], ...] = ()
    #: Of the brokers, beside those that every case has.
    settings: Mapping[str, object] = field(default_factory=dict)
    #: What becomes of the brokers while the clients run.
    meanwhile: Callable[[Cluster], None] | None = None
    #: The clients run so long before anyone watches.
    unseen_s: float = 0
    #: Must be in nothing that is shown.
    secrets: tuple[str, ...] = ()


def java_current(bootstrap: str) -> list[list[str]]:
    client = [*toolchain.java_client("4.4.0", "Client.java"), bootstrap, "1", "classic", "consumer"]
    return [client, [*toolchain.java_client("4.4.0", "Share.java"), bootstrap, "100"]]


def java(version: str, replication: int = 1, protocols: Sequence[str] = ("classic",)) -> Callable[[str], list[list[str]]]:
    return lambda bootstrap: [[*toolchain.java_client(version, "Client.java"), bootstrap, str(replication), *protocols]]


def java_old(bootstrap: str) -> list[list[str]]:
    """One after another, each with the codecs that it has."""
    codecs = {"0.9.0.1": ["none", "gzip", "snappy"], "2.3.1": ["none", "gzip", "snappy", "lz4", "zstd"], "3.3.2": ["none", "gzip", "snappy", "lz4", "zstd"]}
    versions = ("0.9.0.1", "0.10.2.2", "0.11.0.3", "1.0.2", "2.3.1", "3.3.2")
    return [[*toolchain.java_client(version, "Old.java"), bootstrap, *codecs.get(version, ["none", "gzip", "snappy", "lz4"])] for version in versions]


def python(lock: str, source: str, *more: str) -> Callable[[str], list[list[str]]]:
    return lambda bootstrap: [[*toolchain.python_client(lock, source), bootstrap, *more]]


def go(name: str, *more: str) -> Callable[[str], list[list[str]]]:
    return lambda bootstrap: [[*toolchain.go_client(name), bootstrap, *more]]


def node(source: str, *more: str) -> Callable[[str], list[list[str]]]:
    return lambda bootstrap: [[*toolchain.node_client(source), bootstrap, *more]]


def java_program(source: str, *more: str, jars: str = "4.4.0") -> Callable[[str], list[list[str]]]:
    return lambda bootstrap: [[*toolchain.java_client(jars, source), bootstrap, *more]]


def killed_and_restarted(cluster: Cluster) -> None:
    time.sleep(9)
    cluster.kill(2)
    time.sleep(3)
    cluster.restart(2)


def controllers_killed_in_turn(cluster: Cluster) -> None:
    """The leader of the quorum is among them."""
    for node in (3, 4, 5):
        time.sleep(1)
        cluster.kill(node)
        time.sleep(1)
        cluster.restart(node)


_SECRETS = ("matrix-admin-secret", "matrix-app-secret")
_PLAIN = f'org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="{_SECRETS[0]}" user_admin="{_SECRETS[0]}" user_app="{_SECRETS[1]}";'
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
#: Clients authenticate again and again.
SASL: dict[str, object] = {
    "inter.broker.listener.name": "SASL_PLAINTEXT",
    "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "listener.name.sasl_plaintext.plain.sasl.jaas.config": _PLAIN,
    "listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config": _SCRAM,
    "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config": _SCRAM,
    "connections.max.reauth.ms": 3000,
}
#: Rights are kept and asked; who has not said who it is may do all.
RIGHTS: dict[str, object] = {"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:admin;User:ANONYMOUS"}
_TOKEN_SECRET = "matrix-token-secret"
#: A transaction that has timed out is aborted soon.
IMPATIENT: dict[str, object] = {"transaction.abort.timed.out.transaction.cleanup.interval.ms": 500}
#: Consumers read from the replica of their rack.
RACKS: dict[str, object] = {"broker.rack": "rack-{node}", "replica.selector.class": "org.apache.kafka.common.replica.RackAwareReplicaSelector"}


CASES = [
    Case("java-4.4", java_current, quick=True, must=(("PRODUCE", 13), ("FETCH", 18), ("OFFSET_COMMIT", 10), ("CONSUMER_GROUP_HEARTBEAT", 1), ("SHARE_FETCH", 2), ("TXN_OFFSET_COMMIT", 6))),
    Case("java-3.9", java("3.9.2"), must=(("PRODUCE", 11), ("FETCH", 17), ("OFFSET_COMMIT", 9))),
    Case("java-2.8", java("2.8.2"), must=(("PRODUCE", 9), ("FETCH", 12), ("JOIN_GROUP", 7))),
    Case("librdkafka", python("current.txt", "librdkafka.py", "classic", "consumer"), quick=True, must=(("PRODUCE", 10), ("FETCH", 16), ("CONSUMER_GROUP_HEARTBEAT", 1), ("END_TXN", 1))),
    Case("kafka-python", python("current.txt", "kafka_python.py"), quick=True, must=(("FETCH", 12), ("JOIN_GROUP", 7))),
    Case("aiokafka", python("current.txt", "aiokafka_client.py"), must=(("PRODUCE", 7), ("FETCH", 11), ("API_VERSIONS", 0))),
    Case("franz-go", go("franz-go", "classic", "consumer"), quick=True, must=(("PRODUCE", 13), ("FETCH", 18), ("CONSUMER_GROUP_HEARTBEAT", 1))),
    Case("franz-go-groups", go("franz-go", "range", "round-robin", "sticky", "cooperative-sticky", "share"), must=(("JOIN_GROUP", 9), ("SYNC_GROUP", 5), ("SHARE_FETCH", 2))),
    Case("sarama", go("sarama"), must=(("FETCH", 12), ("JOIN_GROUP", 7))),
    Case("kafka-go", go("kafka-go"), must=(("PRODUCE", 8), ("FETCH", 10), ("METADATA", 6))),
    Case("raw-frames", python("old.txt", "raw_frames.py"), must=(("API_VERSIONS", 0), ("API_VERSIONS", 3), ("API_VERSIONS", 32767), ("METADATA", 1), ("METADATA", 4))),
    Case("raw-frames-on-3.9", python("old.txt", "raw_frames.py"), broker="3.9.2", must=(("API_VERSIONS", 0), ("METADATA", 1))),
    Case("kafkajs", node("kafkajs.mjs"), must=(("PRODUCE", 7), ("FETCH", 11), ("END_TXN", 1))),
    Case("platformatic", node("platformatic.mjs", "classic", "consumer"), must=(("PRODUCE", 11), ("FETCH", 17), ("CONSUMER_GROUP_HEARTBEAT", 1))),
    Case("java-4.0-on-4.0", java("4.0.2", protocols=("classic", "consumer")), broker="4.0.2", must=(("PRODUCE", 12), ("FETCH", 17), ("CONSUMER_GROUP_HEARTBEAT", 1))),
    Case("java-3.9-on-3.9", java("3.9.2"), broker="3.9.2", must=(("TXN_OFFSET_COMMIT", 4),)),
    Case("java-2.8-on-3.9", java("2.8.2"), broker="3.9.2", must=(("ADD_PARTITIONS_TO_TXN", 3),)),
    Case("java-old-on-3.9", java_old, broker="3.9.2", must=(("PRODUCE", 1), ("FETCH", 3), ("FETCH", 5), ("OFFSET_COMMIT", 7), ("FETCH", 13), ("METADATA", 2))),
    Case("kafka-python-2016-on-3.9", python("old.txt", "kafka_python_old.py"), broker="3.9.2", must=(("PRODUCE", 1), ("PRODUCE", 2), ("FETCH", 1), ("FETCH", 2))),
    Case("kafka-go-on-3.9", go("kafka-go"), broker="3.9.2", must=(("PRODUCE", 8),)),
    Case("two-brokers", java("4.4.0", 2), nodes=2, must=(("FETCH", 18), ("BROKER_HEARTBEAT", 2))),
    Case("sasl", java_program("Sasl.java", *_SECRETS), settings=SASL, secrets=_SECRETS, must=(("ALTER_USER_SCRAM_CREDENTIALS", 0), ("PRODUCE", 13))),
    Case("static-members", java_program("Static.java", "classic"), must=(("JOIN_GROUP", 9), ("LEAVE_GROUP", 5))),
    Case("static-members-848", java_program("Static.java", "consumer"), must=(("CONSUMER_GROUP_HEARTBEAT", 1),)),
    Case("transactions", java_program("Transactions.java"), settings=IMPATIENT, must=(("END_TXN", 5), ("WRITE_TXN_MARKERS", 2), ("LIST_TRANSACTIONS", 2), ("DESCRIBE_PRODUCERS", 0))),
    Case("transactions-v1", java_program("Transactions.java", jars="3.9.2"), settings=IMPATIENT, must=(("END_TXN", 4), ("ADD_PARTITIONS_TO_TXN", 3))),
    Case("topic-recreated", java_program("Recreated.java"), settings={"auto.create.topics.enable": False}, must=(("FETCH", 18), ("DELETE_TOPICS", 6))),
    Case("streams", java_program("Streams.java", "classic", "at_least_once", jars="4.4.0-streams"), must=(("JOIN_GROUP", 9), ("SYNC_GROUP", 5))),
    Case("streams-1071", java_program("Streams.java", "streams", "at_least_once", jars="4.4.0-streams"), must=(("STREAMS_GROUP_HEARTBEAT", 1),)),
    Case("streams-eos", java_program("Streams.java", "classic", "exactly_once_v2", jars="4.4.0-streams"), must=(("TXN_OFFSET_COMMIT", 6), ("END_TXN", 5))),
    Case("mirror-maker", java_program("Mirror.java", jars="4.3.1-mirror"), must=(("JOIN_GROUP", 9), ("SYNC_GROUP", 5))),
    Case(
        "administration",
        java_program("Administration.java", *_SECRETS),
        nodes=2,
        controllers=1,
        settings={**SASL, **RIGHTS, "connections.max.reauth.ms": 60_000, "delegation.token.secret.key": _TOKEN_SECRET, "log.dirs": "data,more"},
        secrets=(*_SECRETS, _TOKEN_SECRET),
        must=(("DESCRIBE_CONFIGS", 4), ("CREATE_ACLS", 3), ("CREATE_DELEGATION_TOKEN", 3), ("ALTER_REPLICA_LOG_DIRS", 2), ("ALTER_PARTITION_REASSIGNMENTS", 1), ("ELECT_LEADERS", 2), ("UPDATE_FEATURES", 2), ("DESCRIBE_QUORUM", 2), ("ADD_RAFT_VOTER", 1)),
    ),
    Case("librdkafka-admin", python("current.txt", "librdkafka_admin.py", _SECRETS[1]), settings=RIGHTS, secrets=_SECRETS[1:], must=(("DESCRIBE_CONFIGS", 1), ("ALTER_CONFIGS", 2), ("CREATE_ACLS", 2), ("ELECT_LEADERS", 2))),
    Case("librdkafka-admin-on-3.9", python("current.txt", "librdkafka_admin.py", _SECRETS[1]), broker="3.9.2", settings=RIGHTS, secrets=_SECRETS[1:], must=(("DESCRIBE_CONFIGS", 1), ("ALTER_CONFIGS", 2))),
    Case(
        "groups",
        java_program("Groups.java"),
        settings={"metric.reporters": "TelemetryReceiver"},
        plugin="TelemetryReceiver.java",
        must=(("OFFSET_DELETE", 0), ("SHARE_GROUP_DESCRIBE", 1), ("ALTER_SHARE_GROUP_OFFSETS", 0), ("DELETE_SHARE_GROUP_STATE", 0), ("STREAMS_GROUP_DESCRIBE", 1), ("GET_TELEMETRY_SUBSCRIPTIONS", 0), ("PUSH_TELEMETRY", 0)),
    ),
    Case("ipv6", java_current, host="[::1]", must=(("PRODUCE", 13), ("FETCH", 18))),
    Case("controllers-killed", java("4.4.0", 2, ("classic", "consumer")), nodes=2, controllers=3, meanwhile=controllers_killed_in_turn, must=(("VOTE", 2), ("BEGIN_QUORUM_EPOCH", 1), ("FETCH", 18))),
    Case("throttled", java_program("Throttled.java"), must=(("ALTER_CLIENT_QUOTAS", 1), ("DESCRIBE_CLIENT_QUOTAS", 1), ("PRODUCE", 13), ("FETCH", 18))),
    Case("nearest-replica", java_program("Nearest.java"), nodes=2, settings=RACKS, must=(("FETCH", 18),)),
    Case("many-partitions", java_program("Wide.java", "300", "10"), must=(("CREATE_TOPICS", 7), ("METADATA", 13), ("DESCRIBE_TOPIC_PARTITIONS", 0))),
    Case("large-fetch", java_program("Large.java"), settings={"message.max.bytes": 3_000_000}, must=(("PRODUCE", 13), ("FETCH", 18))),
    Case("broker-killed", java_program("Steady.java", "2", "24"), nodes=2, meanwhile=killed_and_restarted, must=(("FETCH", 18), ("ALTER_PARTITION", 3))),
    Case("attached-late", java_program("Steady.java", "1", "15"), unseen_s=8, must=(("PRODUCE", 13), ("FETCH", 18), ("CONSUMER_GROUP_HEARTBEAT", 1))),
]


def run(command: list[str]) -> dict[str, int]:
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL) as client:
        try:
            out, err = client.communicate(timeout=_CLIENT_S)
        except subprocess.TimeoutExpired:
            # Python's and Go's programs say on this where they are.
            client.send_signal(signal.SIGABRT)
            try:
                out, err = client.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                client.kill()
                out, err = client.communicate()
            err = f"still running after {_CLIENT_S} s; {err}"
    assert client.returncode == 0, f"{command}: {out[-500:]} {err[-3000:]}"
    said: dict[str, int] = json.loads(out.splitlines()[-1])
    return said


@dataclass
class Observed:
    """A case that has run: its brokers with their logs, what was seen, what each program said of itself."""

    cluster: Cluster
    watch: Watch
    said: list[dict[str, int]]
    scene: Scene


def observe(case: Case, folder: Path, sources: Sequence[str]) -> Observed:
    """Run ``case`` in a network of its own. Raises ``toolchain.MissingError``."""
    cluster = Cluster(case.broker, case.nodes, folder, case.settings, controllers=case.controllers, host=case.host, plugin=case.plugin)
    commands = case.commands(cluster.bootstrap)
    watch = Watch(cluster.all_ports, folder / "wire.pcap", sources)
    # Other traffic of this host's loopback would only fill the packet socket.
    with own_network(), ThreadPoolExecutor(1) as clients:
        if not case.unseen_s:
            watch.start()
        try:
            cluster.start()
            running = clients.submit(lambda: [run(command) for command in commands])
            if case.unseen_s:
                time.sleep(case.unseen_s)
                watch.start()
            if case.meanwhile is not None:
                case.meanwhile(cluster)
            said = running.result()
        finally:
            cluster.stop()
            watch.stop()
    scene = Scene.of(watch.pcap, cluster.all_ports, stopped_ns=cluster.stopped_ns, killed=cluster.killed, attached_late=case.unseen_s > 0)
    return Observed(cluster, watch, said, scene)
