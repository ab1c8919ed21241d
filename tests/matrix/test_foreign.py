"""Other protocols, as real servers and clients speak them, are never taken for Kafka: whole, from the middle, and on Kafka's port."""

from __future__ import annotations

import gzip
import os
import struct
import tempfile
from pathlib import Path
from typing import Any

import loss
import pytest

from kafkascope import _core as core

FOREIGN = Path(__file__).resolve().parents[2] / "captures/foreign"
NAMES = sorted(path.name.removesuffix(".pcap.gz") for path in FOREIGN.glob("*.pcap.gz"))
#: The parts of a capture that had passed when watching began.
STARTS = (0.0, 0.03, 0.2, 0.4, 0.6, 0.8)


def packets(path: Path) -> tuple[bytes, list[bytes]]:
    """The file's head and the Ethernet frames with their record heads."""
    data = gzip.decompress(path.read_bytes())
    out, at = [], 24
    while at + 16 <= len(data):
        (captured,) = struct.unpack_from("<I", data, at + 8)
        out.append(data[at : at + 16 + captured])
        at += 16 + captured
    return data[:24], out


def summary(head: bytes, records: list[bytes]) -> tuple[dict[str, Any], bytes]:
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file, tempfile.TemporaryFile() as out:
        file.write(head + b"".join(records))
        file.flush()
        said: dict[str, Any] = core.decode_files([file.name], "json", out.fileno())
        out.seek(0)
        return said, out.read()


def on_port(record: bytes, old: set[int], new: int) -> bytes:
    """The record with the server's port changed; checksums are not looked at, since senders' are wrong anyway."""
    out = bytearray(record)
    for at in (16 + 34, 16 + 36):
        if struct.unpack_from(">H", out, at)[0] in old:
            struct.pack_into(">H", out, at, new)
    return bytes(out)


def test_there_are_captures() -> None:
    assert {"http", "redis", "postgresql", "mysql", "tls", "grpc", "amqp", "mqtt", "memcached", "noise"} <= set(NAMES)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("name", NAMES)
def test_never_taken_for_kafka(name: str, start: float) -> None:
    head, records = packets(FOREIGN / f"{name}.pcap.gz")
    said, lines = summary(head, records[int(len(records) * start) :])
    assert said["connections"] > 0
    assert (said["kafka_connections"], said["requests"], lines) == (0, 0, b"")
    assert (said["tls_connections"] > 0) == (name == "tls")


@pytest.mark.parametrize("start", (0.0, 0.5))
@pytest.mark.parametrize("name", NAMES)
def test_kafkas_port_proves_nothing(name: str, start: float) -> None:
    head, records = packets(FOREIGN / f"{name}.pcap.gz")
    ports = {struct.unpack_from(">H", record, 16 + 36)[0] for record in records if record[16 + 34 + 13] & 0x12 == 2}
    moved = [on_port(record, ports, 9092) for record in records[int(len(records) * start) :]]
    said, lines = summary(head, moved)
    assert (said["kafka_connections"], lines) == (0, b"")


@pytest.mark.parametrize("port", (80, 443, 5432, 6379, 31_337))
@pytest.mark.parametrize("name", ("java-4.4", "librdkafka", "kafka-go"))
def test_kafka_is_found_on_any_port(name: str, port: int) -> None:
    head, records = packets(loss.CAPTURES / f"{name}.pcap.gz")
    before, _ = summary(head, records)
    ports = {struct.unpack_from(">H", record, 16 + 36)[0] for record in records if record[16 + 34 + 13] & 0x12 == 2}
    said, _ = summary(head, [on_port(record, {max(ports)}, port) for record in records])
    assert (said["kafka_connections"], said["requests"]) == (before["kafka_connections"], before["requests"])


def test_an_empty_client_id_is_found_in_mid_connection() -> None:
    """kafka-go's Writer sends none; the connections' beginnings are taken away."""
    head, records = packets(loss.CAPTURES / "kafka-go.pcap.gz")
    by_client: dict[bytes, int] = {}
    kept = []
    for record in records:
        ports = bytes(sorted(record[16 + 34 : 16 + 38]))
        by_client[ports] = by_client.get(ports, 0) + 1
        if by_client[ports] > 6:
            kept.append(record)
    said, lines = summary(head, kept)
    assert said["kafka_connections"] > 0
    assert lines.count(b'"clientId":""') > 20, os.linesep.join(lines.decode().splitlines()[:5])


def test_foreign_connections_beside_kafka_do_no_harm() -> None:
    """All in one file: the requests are those of Kafka alone."""
    head, records = packets(loss.CAPTURES / "librdkafka.pcap.gz")
    alone, _ = summary(head, records)
    for name in NAMES:
        records += packets(FOREIGN / f"{name}.pcap.gz")[1]
    together, _ = summary(head, records)
    assert (together["requests"], together["kafka_connections"]) == (alone["requests"], alone["kafka_connections"])
