"""Rows of `kafka_events.beta` and lines of `px decode` say the same of every exchange, in every capture of the repository."""

from __future__ import annotations

import gzip
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import oracle
import pytest
from live_rows import rows_of_file

CAPTURES = Path(__file__).resolve().parents[2] / "captures"
#: One of each kind is damaged, too: the rest would say no more.
DAMAGED = ("java-clients", "other-clients", "two-brokers", "java-4.4", "librdkafka", "kafka-python-2016-on-3.9")


def whole(data: bytes) -> bytes:
    return data


def packets(data: bytes) -> list[tuple[bytes, bytes]]:
    out, at = [], 24
    while at + 16 <= len(data):
        end = at + 16 + struct.unpack_from("<I", data, at + 8)[0]
        out.append((data[at : at + 16], data[at + 16 : end]))
        at = end
    return out


def without_every_seventh(data: bytes) -> bytes:
    return data[:24] + b"".join(head + body for n, (head, body) in enumerate(packets(data)) if n % 7 != 3)


def cut_at_200(data: bytes) -> bytes:
    return data[:24] + b"".join(head[:8] + struct.pack("<I", min(200, len(body))) + head[12:] + body[:200] for head, body in packets(data))


def without_its_first_third(data: bytes) -> bytes:
    parts = packets(data)
    return data[:24] + b"".join(head + body for head, body in parts[len(parts) // 3 :])


def of_line(line: dict[str, Any]) -> tuple[Any, ...]:
    ends = frozenset((line["client"], line["broker"]))
    # What a line has as null, a row has as -1 or an empty text; rows know no size of what was not seen.
    numbers = [-1 if line[key] is None else line[key] for key in ("apiKey", "apiVersion", "correlationId")]
    return ends, *numbers, line["clientId"] or "", line["requestBytes"], line["responseBytes"], line["outcome"]


def of_row(row: dict[str, Any]) -> tuple[Any, ...]:
    def end(address: str, port: int) -> str:
        return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"

    ends = frozenset((end(row["local_addr"], row["local_port"]), end(row["remote_addr"], row["remote_port"])))
    return ends, row["req_cmd"], row["api_version"], row["correlation_id"], row["client_id"], row["req_bytes"], row["resp_bytes"], row["outcome"]


def name(capture: Path) -> str:
    return capture.name.removesuffix(".pcap.gz")


FOUND = sorted(CAPTURES.rglob("*.pcap.gz"))
TOGETHER = [(c, whole) for c in FOUND] + [(c, d) for c in FOUND if name(c) in DAMAGED for d in (without_every_seventh, cut_at_200, without_its_first_third)]


@pytest.mark.parametrize(("capture", "damage"), TOGETHER, ids=[f"{c.parent.name}-{name(c)}-{d.__name__}" for c, d in TOGETHER])
def test_rows_and_lines_agree(capture: Path, damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    pcap = tmp_path / "one.pcap"
    pcap.write_bytes(damage(gzip.decompress(capture.read_bytes())))
    lines = Counter(of_line(line) for line in oracle.decode(pcap) if line["outcome"] != "unreadable")
    rows = Counter(of_row(row) for row in rows_of_file(pcap))
    assert rows == lines, f"only rows: {list((rows - lines).items())[:8]}\nonly lines: {list((lines - rows).items())[:8]}"
