"""What was decoded beside the brokers' request logs: every request, both ways, field by field."""

from __future__ import annotations

import gzip
import json
import re
import struct
import subprocess
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

#: A broker of 3.9 logs the name that the field had then; the newest is shown.
RENAMED = {("TXN_OFFSET_COMMIT", "generationId"): "generationIdOrMemberEpoch"}
ENVELOPE = 58
#: Client's port, API key, version, correlation id.
Key = tuple[int, int, int, int]


def decode(pcap: Path) -> list[dict[str, Any]]:
    """The lines of ``px decode -o json``."""
    done = subprocess.run([sys.executable, "-m", "kafkascope.cli.main", "decode", "-q", "-o", "json", str(pcap)], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def differences(log: Any, ours: Any, path: str) -> list[str]:
    """Where ``ours`` says something else than the log; fields beside the log's are ours to add."""
    if isinstance(log, dict):
        if not isinstance(ours, dict):
            return [f"{path}: expected an object, found {ours!r}"]
        return [d for key, value in log.items() for d in (differences(value, ours[key], f"{path}.{key}") if key in ours else [f"{path}.{key}: absent, logged {value!r}"])]
    if isinstance(log, list):
        if not isinstance(ours, list) or len(ours) != len(log):
            return [f"{path}: expected {len(log)} elements, found {len(ours) if isinstance(ours, list) else ours!r}"]
        return [d for index, pair in enumerate(zip(log, ours, strict=True)) for d in differences(*pair, f"{path}[{index}]")]
    return [] if log == ours else [f"{path}: logged {log!r}, decoded {ours!r}"]


def client_port(connection: str) -> int:
    """Of ``server:port-client:port-processor-index``."""
    found = re.search(r"-\[?[0-9a-f.:]+\]?:(\d+)-", connection)
    if found is None:
        raise ValueError(f"not a connection id: {connection}")
    return int(found.group(1))


def key_of_entry(entry: dict[str, Any]) -> Key:
    header = entry["requestHeader"]
    return client_port(entry["connection"]), header["requestApiKey"], header["requestApiVersion"], header["correlationId"]


@dataclass
class Verdict:
    """What a comparison found; ``equal`` requests, and a text for each that is not."""

    equal: int = 0
    forwarded: int = 0
    #: Decoded and not logged, since the broker never answered.
    unanswered: int = 0
    #: Answered after the client had closed.
    after_close: int = 0
    #: Decoded and not logged, since the brokers were ending.
    at_the_end: int = 0
    #: API key and version of what was equal.
    kinds: set[tuple[str, int]] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


def _compare(entry: dict[str, Any], line: dict[str, Any]) -> list[str]:
    header = entry["requestHeader"]
    request = dict(entry["request"])
    for (api, old), new in RENAMED.items():
        if header["requestApiKeyName"] == api and old in request:
            request[new] = request.pop(old)
    wrong = differences(header["clientId"], line["clientId"], "clientId") + differences(request, line["request"], "request")
    # A broker of 3.9 writes an empty text for the answer that acks=0 has not.
    if entry["response"]:
        if line["outcome"] in ("no_response", "truncated"):
            return [f"outcome {line['outcome']}"]
        wrong += differences(entry["response"], line["response"], "response")
        if line["outcome"] != "complete":
            wrong.append(f"outcome {line['outcome']}")
    elif line["outcome"] not in ("complete", "no_response"):
        wrong.append(f"outcome {line['outcome']} of a request without an answer")
    return wrong


def closed_at(pcap: Path, broker_ports: Collection[int]) -> dict[int, int]:
    """When each client sent its FIN or RST, nanoseconds since the epoch, by its port. A broker may log or not what it sends after that."""
    data = gzip.decompress(pcap.read_bytes()) if pcap.suffix == ".gz" else pcap.read_bytes()
    closed: dict[int, int] = {}
    at = 24
    while at + 16 <= len(data):
        seconds, microseconds, length = struct.unpack_from("<III", data, at)
        # Ethernet 14 bytes, IPv4 20: ports, then at 13 the flags.
        source, destination = struct.unpack_from(">HH", data, at + 16 + 34)
        if data[at + 16 + 34 + 13] & 5 and destination in broker_ports and source not in broker_ports:
            closed.setdefault(source, seconds * 10**9 + microseconds * 1000)
        at += 16 + length
    return closed


def nanoseconds(rfc3339: str) -> int:
    seconds, fraction = rfc3339.removesuffix("Z").split(".")
    return int(datetime.fromisoformat(seconds + "+00:00").timestamp()) * 10**9 + int(fraction.ljust(9, "0"))


def answered_ns(line: dict[str, Any]) -> int:
    return nanoseconds(line["time"]) + (line["latencyNs"] or 0)


def compare(lines: Iterable[dict[str, Any]], entries: Iterable[dict[str, Any]], *, stopped_ns: int, closed: Mapping[int, int] | None = None) -> Verdict:
    """Hold ``lines`` against ``entries``.

    What was answered after ``stopped_ns`` need not be logged: the brokers were ending. What was answered
    after its client had ``closed`` is logged or not, sent or not: the broker learns of the end while it answers.
    """
    verdict = Verdict()

    def late(line: dict[str, Any], port: int) -> bool:
        return closed is not None and port in closed and (line["latencyNs"] is None or answered_ns(line) > closed[port])

    ours: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    inner: dict[tuple[int, int, int], list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        port = int(line["client"].rsplit(":", 1)[1])
        ours[port, line["apiKey"], line["apiVersion"], line["correlationId"]].append(line)
        if line["apiKey"] == ENVELOPE:
            forwarded = line["request"]["requestDataDecoded"]
            inner[forwarded["apiKey"], forwarded["apiVersion"], forwarded["correlationId"]].append(forwarded)
    for entry in entries:
        key = key_of_entry(entry)
        header = entry["requestHeader"]
        what = f"{header['requestApiKeyName']} v{key[2]} of port {key[0]}, correlation id {key[3]}"
        if entry["isForwarded"]:
            # On the wire it is inside an Envelope with a correlation id of its own.
            candidates = inner[key[1:]]
            found = [c for c in candidates if not differences(entry["request"], c["request"], "")]
            if found:
                candidates.remove(found[0])
                verdict.forwarded += 1
            else:
                verdict.wrong.append(f"{what}: forwarded, in no Envelope")
        elif not ours[key]:
            verdict.wrong.append(f"{what}: not decoded")
        else:
            line = ours[key].pop(0)
            wrong = _compare(entry, line)
            if wrong and wrong[0].startswith("outcome") and late(line, key[0]):
                verdict.after_close += 1
            elif wrong:
                verdict.wrong += [f"{what}: {w}" for w in wrong]
            else:
                verdict.equal += 1
                verdict.kinds.add((header["requestApiKeyName"], key[2]))
    for key, left in ours.items():
        for line in left:
            if line["apiKey"] == ENVELOPE:
                continue
            if line["outcome"] == "no_response":
                verdict.unanswered += 1
            elif late(line, key[0]):
                verdict.after_close += 1
            elif answered_ns(line) > stopped_ns:
                verdict.at_the_end += 1
            else:
                verdict.wrong.append(f"{line['apiName']} v{key[2]} of port {key[0]}, correlation id {key[3]}: decoded, not logged")
    return verdict
