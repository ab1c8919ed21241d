"""Record ``captures/every``: every API in every version of two releases, both ways: ``python tests/matrix/record_every.py``, as root.

Kafka's own serializers write random content (``clients/java/EveryMessage.java``) over a real connection; its own JSON
converters say what it was, in the form of a broker's request log.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import toolchain
from cases import run
from cluster import COMPLETED, Cluster, free_ports
from netns import own_network
from record import pack
from watch import Watch

CAPTURES = Path(__file__).resolve().parents[2] / "captures/every"
RELEASES = ("4.4.0", "3.9.2")


def record(release: str, folder: Path) -> None:
    jars = Cluster(release, 1, folder).jars
    (port,) = free_ports(1)
    log = folder / "requests.log"
    watch = Watch([port], folder / "wire.pcap", ())
    with own_network():
        watch.start()
        try:
            said = run([toolchain.java(), "-cp", f"{jars}/*", str(toolchain.CLIENTS / "java/EveryMessage.java"), str(port), str(log), "1"])
        finally:
            watch.stop()
    entries = [json.loads(line.removeprefix(COMPLETED)) for line in log.read_text(encoding="utf-8").splitlines()]
    pack(CAPTURES / f"{release}.pcap.gz", watch.pcap.read_bytes())
    pack(CAPTURES / f"{release}.requests.jsonl.gz", "".join(json.dumps(e, separators=(",", ":")) + "\n" for e in entries).encode())
    print(f"{release}: {said['produced']} exchanges")


if __name__ == "__main__":
    CAPTURES.mkdir(parents=True, exist_ok=True)
    for name in RELEASES:
        with tempfile.TemporaryDirectory() as scratch:
            record(name, Path(scratch))
