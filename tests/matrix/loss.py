"""Damage done to recorded captures, and what is left to read: shares of requests complete, truncated, lost, and wrong ones.

``python tests/matrix/loss.py`` measures and writes ``loss.md``.
"""

from __future__ import annotations

import functools
import gzip
import json
import os
import random
import struct
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import oracle

from kafkascope import _core as core

HERE = Path(__file__).resolve().parent
CAPTURES = HERE.parents[1] / "captures/matrix"
#: Every codec, both group protocols, sessions, long connections, an empty client id, replication, message sets.
NAMES = ("java-4.4", "librdkafka", "sarama", "kafka-go", "two-brokers", "java-old-on-3.9")
TABLE = HERE / "loss.md"
WHOLE = 262_144
ETHERNET = 14
#: Ethernet, IPv4 and TCP with timestamps.
HEADERS = ETHERNET + 20 + 32


@dataclass(frozen=True)
class Packet:
    """A record of a capture file: its time, what was captured, how long it was."""

    seconds: int
    microseconds: int
    data: bytes
    length: int


Damage = Callable[[list[Packet], float, random.Random], list[Packet]]


def drop(packets: list[Packet], rate: float, dice: random.Random) -> list[Packet]:
    """The capture did not keep up."""
    return [p for p in packets if dice.random() >= rate]


def burst(packets: list[Packet], rate: float, dice: random.Random) -> list[Packet]:
    """The same in runs of twenty."""
    kept, left = [], 0
    for packet in packets:
        if left == 0 and dice.random() < rate / 20:
            left = 20
        if left:
            left -= 1
        else:
            kept.append(packet)
    return kept


def reorder(packets: list[Packet], rate: float, dice: random.Random) -> list[Packet]:
    """A packet comes up to three places late."""
    out = list(packets)
    for i in range(len(out) - 3):
        if dice.random() < rate:
            late, now = out[i], out[i + dice.randint(1, 3)]
            j = out.index(now, i)
            out[i], out[j] = Packet(late.seconds, late.microseconds, now.data, now.length), Packet(now.seconds, now.microseconds, late.data, late.length)
    return out


def duplicate(packets: list[Packet], rate: float, dice: random.Random) -> list[Packet]:
    """A packet comes again, up to ten places later."""
    out: list[Packet] = []
    again: list[tuple[int, Packet]] = []
    for i, packet in enumerate(packets):
        out.append(packet)
        if dice.random() < rate:
            again.append((i + dice.randint(1, 10), packet))
        for due in [a for a in again if a[0] <= i]:
            out.append(Packet(packet.seconds, packet.microseconds, due[1].data, due[1].length))
            again.remove(due)
    return out


def cut(packets: list[Packet], rate: float, dice: random.Random) -> list[Packet]:
    """Of a packet only the beginning was captured."""
    return [Packet(p.seconds, p.microseconds, p.data[: dice.randint(0, len(p.data))], p.length) if dice.random() < rate else p for p in packets]


def corrupt(packets: list[Packet], rate: float, dice: random.Random) -> list[Packet]:
    """The payload of a packet is noise, which its checksum tells."""
    return [Packet(p.seconds, p.microseconds, p.data[:HEADERS] + dice.randbytes(len(p.data) - HEADERS), p.length) if len(p.data) > HEADERS and dice.random() < rate else p for p in packets]


def forge(packets: list[Packet], rate: float, dice: random.Random) -> list[Packet]:
    """The same with a checksum that fits: whoever changed the packet wrote it anew."""
    return [checksummed(after) if after is not before else after for before, after in zip(packets, corrupt(packets, rate, dice), strict=True)]


def late_start(packets: list[Packet], rate: float, dice: random.Random) -> list[Packet]:
    """The capture began when this part had passed."""
    return packets[int(len(packets) * rate) :]


GRID: list[tuple[Damage, tuple[float, ...]]] = [
    (drop, (0.001, 0.01, 0.05, 0.2)),
    (burst, (0.01, 0.05, 0.2)),
    (reorder, (0.01, 0.1, 0.3)),
    (duplicate, (0.05, 0.5)),
    (cut, (0.01, 0.05, 0.2)),
    (corrupt, (0.001, 0.01, 0.05, 0.2)),
    (forge, (0.001, 0.01, 0.05)),
    (late_start, (0.25, 0.5, 0.75)),
]
SNAPS = (WHOLE, 256, 128)


def checksummed(packet: Packet) -> Packet:
    """The packet as the network card sends it: captures on the sending host have no checksums yet (RFC 9293 3.1)."""
    tcp = packet.data[ETHERNET + 20 :]
    if packet.length > len(packet.data):
        return packet
    tcp = tcp[:16] + bytes(2) + tcp[18:]
    whole = packet.data[ETHERNET + 12 : ETHERNET + 20] + struct.pack(">HH", 6, len(tcp)) + tcp
    total = sum(struct.unpack(f">{(len(whole) + 1) // 2}H", whole + bytes(len(whole) % 2)))
    checksum = ~(total % 0xFFFF) & 0xFFFF
    return Packet(packet.seconds, packet.microseconds, packet.data[: ETHERNET + 20] + tcp[:16] + struct.pack(">H", checksum) + tcp[18:], packet.length)


@functools.cache
def packets(name: str) -> tuple[bytes, list[Packet]]:
    """The capture as a mirror port would have made it."""
    data = gzip.decompress((CAPTURES / f"{name}.pcap.gz").read_bytes())
    out, at = [], 24
    while at + 16 <= len(data):
        seconds, microseconds, captured, length = struct.unpack_from("<IIII", data, at)
        out.append(checksummed(Packet(seconds, microseconds, data[at + 16 : at + 16 + captured], length)))
        at += 16 + captured
    return data[:24], out


def decoded(head: bytes, damaged: list[Packet], snap: int) -> Iterator[dict[str, Any]]:
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file, tempfile.TemporaryFile() as out:
        file.write(head)
        for p in damaged:
            data = p.data[:snap]
            file.write(struct.pack("<IIII", p.seconds, p.microseconds, len(data), p.length) + data)
        file.flush()
        core.decode_files([file.name], "json", out.fileno())
        out.seek(0)
        for line in out:
            yield json.loads(line)


def contradictions(log: Any, ours: Any, path: str) -> list[str]:
    """Where what was read of a message says something else than the log; it may say less."""
    if isinstance(log, dict) and isinstance(ours, dict):
        return [c for key, value in log.items() if key in ours for c in contradictions(value, ours[key], f"{path}.{key}")]
    if isinstance(log, list) and isinstance(ours, list) and len(ours) <= len(log):
        return [c for index, (a, b) in enumerate(zip(log, ours, strict=False)) for c in contradictions(a, b, f"{path}[{index}]")]
    return [] if log == ours else [f"{path}: said {log!r}, decoded {ours!r}"]


#: Request, response, client id, and whether a broker's log says so; several where a client's port was used again.
Said = dict[oracle.Key, list[tuple[Any, Any, str, bool]]]


@functools.cache
def truth(name: str) -> Said:
    """Requests and responses by the brokers' logs, of those that the whole capture gives completely; with the client's id."""
    out: Said = defaultdict(list)
    whole: dict[oracle.Key, list[dict[str, Any]]] = defaultdict(list)
    for line in decoded(*packets(name), WHOLE):
        if line["outcome"] in ("complete", "no_response"):
            whole[oracle.key_of_line(line)].append(line)
    with gzip.open(CAPTURES / f"{name}.requests.jsonl.gz", "rt") as file:
        for entry in map(json.loads, file):
            key = oracle.key_of_entry(entry)
            if not entry["isForwarded"]:
                del whole[key][:1]
                out[key].append((entry["request"], entry["response"] or None, entry["requestHeader"]["clientId"], True))
    # What the logs leave out (envelopes, the brokers' end) is held against the whole capture.
    for key, lines in whole.items():
        if lines:
            out[key] += [(line["request"], line["response"], line["clientId"], False) for line in lines]
    return dict(out)


def faults(line: dict[str, Any], said: tuple[Any, Any, str, bool]) -> list[str]:
    """What of a line contradicts ``said``."""
    request, response, client_id, logged = said
    # A complete line has all that the log has; beside it our own fields come and go with what was captured.
    compare = oracle.differences if logged and line["outcome"] == "complete" else contradictions
    found = []
    for what, log in (("request", request), ("response", response)):
        if line[what] is not None and log is not None:
            found += compare(log, line[what], what)
    # The request may be lost, and its client's id with it.
    return found if line["clientId"] in (client_id, None) else [*found, f"client id {line['clientId']!r}"]


def judge(name: str, lines: Iterator[dict[str, Any]]) -> tuple[Counter[str], list[str]]:
    """How many requests of ``name`` are complete, truncated or lost; and what is wrong."""
    said = truth(name)
    seen: dict[oracle.Key, list[str]] = defaultdict(list)
    wrong = []
    for line in lines:
        # A response whose request was lost has no API: nothing was read of it.
        if line.get("apiKey") is None or line["correlationId"] is None:
            continue
        key = oracle.key_of_line(line)
        if key not in said:
            best = ["nobody said so"]
        else:
            best = min((faults(line, candidate) for candidate in said[key]), key=len)
        wrong += [f"{name} {line['apiName']} v{key[2]} of {key[0]}, correlation id {key[3]}, {line['outcome']}: {fault}" for fault in best]
        seen[key].append("complete" if line["outcome"] == "complete" else "truncated")
    counts: Counter[str] = Counter()
    for key, candidates in said.items():
        # A message in two parts, with a gap between, is two lines and one request.
        found = sorted(seen[key])[: len(candidates)]
        counts.update(found)
        counts["lost"] += len(candidates) - len(found)
    return counts, wrong


@dataclass
class Share:
    """A line of the table: percent of the requests, and what is wrong."""

    complete: float
    truncated: float
    lost: float
    wrong: list[str]


def measure(damage: Damage, rate: float, snap: int) -> Share:
    total: Counter[str] = Counter()
    wrong: list[str] = []
    for number, name in enumerate(NAMES):
        head, whole = packets(name)
        dice = random.Random(f"{damage.__name__} {rate} {snap} {number}")
        counts, found = judge(name, decoded(head, damage(whole, rate, dice), snap))
        total += counts
        wrong += found
    n = sum(total.values())
    return Share(*(100 * total[kind] / n for kind in ("complete", "truncated", "lost")), wrong)


def row(damage: Damage, rate: float, snap: int, share: Share) -> str:
    snap_text = "whole" if snap == WHOLE else str(snap)
    return f"| {damage.__name__} | {rate:g} | {snap_text} | {share.complete:.1f} | {share.truncated:.1f} | {share.lost:.1f} | {len(share.wrong)} |"


def main() -> None:
    lines = []
    for damage, rates in GRID:
        for rate in rates:
            for snap in SNAPS:
                share = measure(damage, rate, snap)
                lines.append(row(damage, rate, snap, share))
                print(lines[-1], *share.wrong[:2], sep="\n    ")
    text = TABLE.read_text() if TABLE.exists() else ""
    before = text.partition("| damage |")[0]
    head = "| damage | rate | snap length | complete % | truncated % | lost % | wrong |\n|---|---|---|---|---|---|---|\n"
    TABLE.write_text(before + head + "\n".join(lines) + "\n")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    main()
