"""Every key of ``kafkascope.toml``: the only place where keys are written down.

A key ``section.name`` is the flag ``--name`` and the variable ``KAFKASCOPE_NAME`` too, so a name is used in one section only. To add one, write a line here
and name the key in the ``configured`` of the commands that take it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kafkascope.config import kinds
from kafkascope.config.kinds import Kind


@dataclass(frozen=True)
class Key:
    """One key; ``default`` as it would be written, ``shown`` says in words what a default does that cannot be written down."""

    key: str
    kind: Kind
    default: Any
    help: str
    shown: str = ""
    secret: bool = False
    own_variable: str = ""

    @property
    def section(self) -> str:
        return self.key.partition(".")[0]

    @property
    def name(self) -> str:
        return self.key.partition(".")[2]

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return self.own_variable or "KAFKASCOPE_" + self.name.upper()


_KEYS = (
    Key("server.host", kinds.TEXT, "127.0.0.1", "Address to serve on; any but loopback needs a token."),
    Key("server.port", kinds.PORT, 8765, "Port of the page and the API; 0 takes a free one."),
    Key("server.allow_host", kinds.TEXTS, (), "Answer for this host name too."),
    Key("server.token", kinds.TEXT, "", "Token that requests must carry.", shown="made by itself for a bind beyond loopback", secret=True),
    Key("server.scripts", kinds.DIRS, (), "Folder or bundle with more scripts."),
    Key("server.query_timeout", kinds.DURATION, "30s", "A query that runs longer is ended."),
    Key("server.max_rows", kinds.integer(1, 1_000_000), 10_000, "Rows that one result table may have."),
    Key("server.ingest", kinds.ADDRESS, "127.0.0.1:8766", "Where agents of other hosts send to; any address but loopback needs a certificate and an agent token."),
    Key("server.ingest_certificate", kinds.FILE, "", "Certificate (PEM) that agents are shown."),
    Key("server.ingest_key", kinds.FILE, "", "Its private key (PEM)."),
    Key("agent.source", kinds.choice("auto", "ebpf", "packet", "none"), "auto", "How to capture; none serves what is stored."),
    Key("agent.send_to", kinds.ADDRESS, "", "Server that this agent sends to; with TLS, unless grpc+tcp:// is written before it."),
    Key("agent.ca", kinds.FILE, "", "Certificate (PEM) that the server's is signed by.", shown="the system's authorities"),
    Key("agent.agent_token", kinds.TEXT, "", "Token between agents and their server.", secret=True),
    Key("agent.agent_token_file", kinds.FILE, "", "File with the agent token; read again when it changes, so that a token can be replaced or revoked."),
    Key("agent.health", kinds.TEXT, "", "Address to answer /healthz, /readyz and /metrics of the agent itself on.", shown="none"),
    Key("agent.asid", kinds.integer(0, 0x7FFF_FFFF), 0, "Short id of this agent, unique among the agents of a server.", shown="made from the node's or the machine's name"),
    Key("agent.memory_buffer", kinds.SIZE, "32MB", "Memory for what waits to be sent."),
    Key("agent.ring_size", kinds.size(4 << 10, 1 << 30), "16MB", "Memory between the kernel and an eBPF capture, up to 1GB; the next power of two. More, where the agent reports lost events."),
    Key("agent.records_per_s", kinds.integer(0, 0xFFFF_FFFF), 300_000, "What an eBPF capture takes from the kernel each second and processor: bounds its CPU, about 0.3 µs each; the rest is counted as lost. 0 for no limit."),
    Key("agent.buffer", kinds.DIR, "", "Folder for what does not fit into memory while the server is away; it survives a restart.", shown="none: what does not fit is dropped and counted"),
    Key("agent.buffer_bytes", kinds.SIZE, "1GB", "Disk that the folder may use."),
    Key("kubernetes.kubernetes", kinds.choice("auto", "on", "off"), "auto", "Follow the Kubernetes API: auto does in a pod."),
    Key("kubernetes.kubeconfig", kinds.FILE, "", "kubeconfig of the cluster.", shown="the pod's service account, else what kubectl would use"),
    Key("kubernetes.context", kinds.TEXT, "", "Context of the kubeconfig.", shown="its current one"),
    Key("kubernetes.node", kinds.TEXT, "", "Name of the node that the agent runs on.", shown="the host's name"),
    Key("store.data", kinds.DIR, "", "Folder of the store.", shown="/var/lib/kafkascope for root, ~/.local/share/kafkascope for a user"),
    Key("store.no_data", kinds.SWITCH, False, "Keep everything in memory."),
    Key("store.memory_limit", kinds.or_none(kinds.SIZE), "", "Memory that queries and recent rows may use.", shown="a quarter of the memory, 8GB at most"),
    Key("store.retention_bytes", kinds.SIZE, "10GB", "Disk that all tables together may use; the oldest segments go first."),
    Key("store.retention_age", kinds.DURATION, "7d", "Rows older than this are dropped."),
    Key("store.table_retention_bytes", kinds.by_table(kinds.SIZE), {}, "Disk that one table may use."),
    Key("store.table_retention_age", kinds.by_table(kinds.DURATION), {}, "Age at which one table's rows are dropped."),
    Key("store.min_free_bytes", kinds.SIZE, "256MB", "On a disk with less free space nothing is stored."),
    Key("alerts.rules", kinds.FILE, "", "TOML file of alert rules.", shown="the rules that come with px"),
    Key("metrics.metric_names", kinds.TEXTS, ("kafka_exporter", "kafka_lag_exporter"), "Whose names /metrics uses: kafka_exporter, kafka_lag_exporter, burrow."),
    Key("metrics.by_partition", kinds.SWITCH, True, "Expose every partition, not only groups and topics."),
    Key("metrics.max_series", kinds.integer(100, 10_000_000), 100_000, "Series at most; beyond, by partition only those farthest behind."),
    Key("metrics.metric_topics", kinds.TEXT, "", "Only topics whose whole name this regular expression matches.", shown="all"),
    Key("metrics.metric_groups", kinds.TEXT, "", "Only groups whose whole name this regular expression matches.", shown="all"),
    Key("client.server", kinds.TEXT, "http://127.0.0.1:8765", "Server that px run, live, tail and get ask."),
)

KEYS: dict[str, Key] = {key.key: key for key in _KEYS}
#: Variables that are no keys: where to look for the file, and what developers and the demo use.
OTHER_VARIABLES = frozenset({"KAFKASCOPE_CONFIG", "KAFKASCOPE_DEBUG", "KAFKASCOPE_KAFKA_JARS", "KAFKASCOPE_PODS_D"})
