"""An Apache Kafka broker in KRaft mode, small and quick to start: settings, formatted data, class-data archive, command."""

from __future__ import annotations

import base64
import hashlib
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kafkascope.demo.errors import DemoError

HERE = Path(__file__).resolve().parent
#: Printed when the broker serves.
STARTED = "Kafka Server started"
#: Options of a JVM that is up in seconds and stays small.
JVM = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_IPV4 = "-Djava.net.preferIPv4Stack=true"
#: Settings of a broker that is up in seconds, stays small, and keeps Kafka's own topics without replicas.
SMALL: Mapping[str, object] = {
    "num.network.threads": 2,
    "num.io.threads": 4,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 2,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 2,
    "group.initial.rebalance.delay.ms": 0,
    # The default dedupe buffer alone would need 128 MB of heap.
    "log.cleaner.dedupe.buffer.size": 8_388_608,
}


def cluster_id(seed: bytes | None = None) -> str:
    """A Kafka cluster id: 16 bytes in base64 as Kafka writes its Uuid; random without a ``seed``, whose like gives the same id."""
    drawn = hashlib.sha256(seed).digest()[:16] if seed is not None else secrets.token_bytes(16)
    text = base64.urlsafe_b64encode(drawn).decode().rstrip("=")
    # The storage tool would take it for an option.
    return text if text[0] != "-" else f"A{text[1:]}"


def settings(*, host: str, advertised: str, port: int, controller_port: int, data: Path, more: Mapping[str, object] | None = None) -> dict[str, object]:
    """server.properties of a single broker with its own controller."""
    return {
        "process.roles": "broker,controller",
        "node.id": 0,
        "controller.quorum.voters": f"0@{host}:{controller_port}",
        "listeners": f"PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{advertised}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": data,
        "num.partitions": 5,
        **SMALL,
        "log.retention.bytes": 67_108_864,
        "log.segment.bytes": 16_777_216,
        **(more or {}),
    }


def write_properties(folder: Path, properties: Mapping[str, object]) -> None:
    """``server.properties`` in ``folder``."""
    (folder / "server.properties").write_text("".join(f"{key}={value}\n" for key, value in properties.items()))


@dataclass(frozen=True)
class Broker:
    """What is needed to run one broker; ``folder`` holds its settings and data."""

    java: str
    jars: Path
    cache: Path
    folder: Path
    #: Given to a new data folder. Two demos must not share it: the state of one cluster would be taken for the other's.
    cluster_id: str = field(default_factory=cluster_id)

    @property
    def classpath(self) -> str:
        return f"{self.jars}/*"

    @property
    def archive(self) -> Path:
        # An archive holds for one Java and one class path only.
        version = subprocess.run([self.java, "-version"], capture_output=True, text=True, check=False).stderr
        key = hashlib.sha256(f"{version}\n{self.classpath}".encode()).hexdigest()[:16]
        return self.cache / f"kafka-{key}.jsa"

    def _logging(self) -> str:
        return f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"

    def prepare(self, properties: Mapping[str, object]) -> None:
        """Write the settings and format the data folder when it is new. Raises ``DemoError``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_properties(self.folder, properties)
        if (Path(str(properties["log.dirs"])) / "meta.properties").exists():
            return
        command = [self.java, "-Xmx128m", *JVM[2:], _IPV4, self._logging(), "-cp", self.classpath, "kafka.tools.StorageTool", "format", "-t", self.cluster_id, "-c", "server.properties"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise DemoError(f"the broker's data folder could not be formatted: {(done.stdout + done.stderr).strip()[-300:]}", "is the disk full?")

    def command(self) -> list[str]:
        """The broker's command, to be run in ``folder``. The first start of a Java makes its class-data archive when it ends."""
        archive = self.archive
        cds = [f"-XX:SharedArchiveFile={archive}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"] if archive.exists() else []
        return [self.java, *JVM, _IPV4, *cds, self._logging(), "-cp", self.classpath, "kafka.Kafka", "server.properties"]

    def make_archive(self, properties: Mapping[str, object]) -> None:
        """Run the broker once until it serves, to archive its classes: later starts take half the time."""
        archive = self.archive
        if archive.exists():
            return
        self.prepare(properties)
        scratch = archive.with_suffix(".new")
        archive.parent.mkdir(parents=True, exist_ok=True)
        command = [self.java, *JVM, _IPV4, f"-XX:ArchiveClassesAtExit={scratch}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off", self._logging(), "-cp", self.classpath, "kafka.Kafka",
                   "server.properties"]  # fmt: skip
        with subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            assert process.stdout is not None
            last = ""
            for line in process.stdout:
                last = line.strip() or last
                if STARTED in line:
                    process.terminate()
            process.wait(60)
        if not scratch.exists():
            raise DemoError(f"the broker did not start: {last[-300:]}", f"its settings are in {self.folder / 'server.properties'}")
        scratch.rename(archive)
