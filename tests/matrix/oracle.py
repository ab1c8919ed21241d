"""What was decoded beside the brokers' request logs: every request, both ways, field by field."""

from __future__ import annotations

import gzip
import json
import re
import struct
import subprocess
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

#: An older broker logs the name that a field had then (TxnOffsetCommit, Vote, ListConfigResources); the newest is shown.
RENAMED = {
    "generationId": "generationIdOrMemberEpoch",
    "candidateEpoch": "replicaEpoch",
    "candidateId": "replicaId",
    "candidateDirectoryId": "replicaDirectoryId",
    "clientMetricsResources": "configResources",
    "name": "resourceName",
}
SECRETS = {"salt", "saltedPassword", "hmac"}
MASKED = "<masked>"
#: In a broker's log, in the place of a configuration's value that is sensitive or whose name it does not know.
HIDDEN = "[hidden]"
ENVELOPE = 58
NOT_CONTROLLER = 41
SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE = 17, 18, 36
#: A broker that is killed has not logged what it answered in its last moment.
_LAST_MOMENT_NS = 100_000_000
#: The broker's port and the client's: a client's port alone may be in use to two brokers at once.
Connection = tuple[int, int]
#: API key, version and correlation id behind the connection.
Key = tuple[Connection, int, int, int]


def decode(pcap: Path) -> list[dict[str, Any]]:
    """The lines of ``px decode -o json``."""
    done = subprocess.run([sys.executable, "-m", "kafkascope.cli.main", "decode", "-q", "-o", "json", str(pcap)], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def differences(log: Any, ours: Any, path: str, secrets: Collection[str] = SECRETS) -> list[str]:
    """Where ``ours`` says something else than the log; fields beside the log's are ours to add, ``secrets`` may be masked."""
    if isinstance(log, dict):
        if not isinstance(ours, dict):
            return [f"{path}: expected an object, found {ours!r}"]
        found = []
        for key, value in log.items():
            shown = key if key in ours else RENAMED.get(key, key)
            found += differences(value, ours[shown], f"{path}.{shown}", secrets) if shown in ours else [f"{path}.{key}: absent, logged {value!r}"]
        return found
    if isinstance(log, list):
        if not isinstance(ours, list) or len(ours) != len(log):
            return [f"{path}: expected {len(log)} elements, found {len(ours) if isinstance(ours, list) else ours!r}"]
        return [d for index, pair in enumerate(zip(log, ours, strict=True)) for d in differences(*pair, f"{path}[{index}]", secrets)]
    # The log has these secrets in clear; nobody else should.
    masked = ours == MASKED and path.rsplit(".", 1)[-1] in secrets
    return [] if masked or log in (ours, HIDDEN) else [f"{path}: logged {log!r}, decoded {ours!r}"]


def connection_of_entry(entry: dict[str, Any]) -> Connection:
    """Of ``server:port-client:port-processor-index``."""
    found = re.match(r"\[?[^-\]]+\]?:(\d+)-\[?[0-9a-f.:]+\]?:(\d+)-", entry["connection"])
    if found is None:
        raise ValueError(f"not a connection id: {entry['connection']}")
    return int(found.group(1)), int(found.group(2))


def connection_of_line(line: dict[str, Any]) -> Connection:
    return int(line["broker"].rsplit(":", 1)[1]), int(line["client"].rsplit(":", 1)[1])


def key_of_entry(entry: dict[str, Any]) -> Key:
    header = entry["requestHeader"]
    return connection_of_entry(entry), header["requestApiKey"], header["requestApiVersion"], header["correlationId"]


def key_of_line(line: dict[str, Any]) -> Key:
    return connection_of_line(line), line["apiKey"], line["apiVersion"], line["correlationId"]


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
    #: Decoded and not logged: a broker logs nothing of an authentication.
    authentication: int = 0
    #: Logged, and on the wire before anyone watched.
    unseen: int = 0
    #: API key and version of what was equal.
    kinds: set[tuple[str, int]] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


def faults(entry: dict[str, Any], line: dict[str, Any], secrets: Collection[str] = SECRETS) -> list[str]:
    """What of a request and its response is not as logged."""
    wrong = differences(entry["requestHeader"]["clientId"], line["clientId"], "clientId") + differences(entry["request"], line["request"], "request", secrets)
    # A broker of 3.9 writes an empty text for the answer that acks=0 has not.
    if entry["response"]:
        if line["outcome"] in ("no_response", "truncated"):
            return [f"outcome {line['outcome']}"]
        wrong += differences(entry["response"], line["response"], "response", secrets)
        if line["outcome"] != "complete":
            wrong.append(f"outcome {line['outcome']}")
    elif line["outcome"] not in ("complete", "no_response"):
        wrong.append(f"outcome {line['outcome']} of a request without an answer")
    return wrong


@dataclass(frozen=True)
class Segment:
    time_ns: int
    source: int
    destination: int
    flags: int
    payload: int


def segments(pcap: Path) -> Iterator[Segment]:
    """TCP over IP over Ethernet, as tcpdump writes it of loopback: no IPv6 extension headers."""
    data = gzip.decompress(pcap.read_bytes()) if pcap.suffix == ".gz" else pcap.read_bytes()
    at = 24
    while at + 16 <= len(data):
        seconds, microseconds, captured, length = struct.unpack_from("<IIII", data, at)
        ip = at + 16 + 14
        tcp = ip + (40 if data[ip] >> 4 == 6 else 4 * (data[ip] & 15))
        source, destination = struct.unpack_from(">HH", data, tcp)
        payload = length - (tcp + 4 * (data[tcp + 12] >> 4) - at - 16)
        yield Segment(seconds * 10**9 + microseconds * 1000, source, destination, data[tcp + 13], payload)
        at += 16 + captured


@dataclass
class Scene:
    """What is known of a run beside the log: it tells which requests a log need not have, and a capture cannot.

    ``closed``: when each client sent its FIN or RST. ``sent``: when each client sent bytes. ``killed``: brokers' ports, and when. All in nanoseconds since the epoch.
    """

    stopped_ns: int
    closed: Mapping[Connection, int] = field(default_factory=dict)
    sent: Mapping[Connection, list[int]] = field(default_factory=dict)
    killed: Collection[tuple[int, int]] = ()
    #: The capture began while the clients ran.
    attached_late: bool = False

    @classmethod
    def of(cls, pcap: Path, ports: Collection[int], **known: Any) -> Scene:
        closed: dict[Connection, int] = {}
        sent: dict[Connection, list[int]] = defaultdict(list)
        for segment in segments(pcap):
            if segment.destination in ports and segment.source not in ports:
                connection = segment.destination, segment.source
                if segment.flags & 5:
                    closed.setdefault(connection, segment.time_ns)
                if segment.payload > 0:
                    sent[connection].append(segment.time_ns)
        return cls(closed=closed, sent=sent, **known)

    def after_close(self, line: dict[str, Any]) -> bool:
        """The broker learns of the client's end while it answers: it logs the request or not, sends the answer or not."""
        connection = connection_of_line(line)
        return connection in self.closed and (line["latencyNs"] is None or answered_ns(line) > self.closed[connection])

    def while_ending(self, line: dict[str, Any]) -> bool:
        (broker, _), at = connection_of_line(line), answered_ns(line)
        return at > self.stopped_ns or any(port == broker and abs(at - killed_ns) < _LAST_MOMENT_NS for port, killed_ns in self.killed)


def nanoseconds(rfc3339: str) -> int:
    seconds, fraction = rfc3339.removesuffix("Z").split(".")
    return int(datetime.fromisoformat(seconds + "+00:00").timestamp()) * 10**9 + int(fraction.ljust(9, "0"))


def answered_ns(line: dict[str, Any]) -> int:
    return nanoseconds(line["time"]) + (line["latencyNs"] or 0)


def _forwarded(entry: dict[str, Any], envelopes: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The Envelope whose inner request and response are the entry's."""
    for line in envelopes:
        wrong = differences(entry["request"], line["request"]["requestDataDecoded"]["request"], "")
        # Who is not the controller any more refuses the Envelope, and logs what it would have answered.
        if not wrong and line["response"] is not None and line["response"]["errorCode"] != NOT_CONTROLLER:
            wrong = differences(entry["response"], line["response"].get("responseDataDecoded", {}).get("response"), "")
        if not wrong:
            return line
    return None


def _is_authentication(line: dict[str, Any], authenticating: set[Connection]) -> bool:
    """Keys 17 and 36, and what a client asks before it has authenticated. Lines come in their order of time."""
    connection = connection_of_line(line)
    if line["apiKey"] in (SASL_HANDSHAKE, SASL_AUTHENTICATE):
        authenticating.discard(connection)
        return True
    return line["apiKey"] == API_VERSIONS and connection in authenticating


def _shown(connection: Connection) -> str:
    return f"port {connection[1]} to {connection[0]}"


def _late_begin(line_ns: Mapping[Connection, int], scene: Scene) -> Iterator[str]:
    """Where a capture begins between two messages, the first is read; inside of one, the second."""
    for connection, times in scene.sent.items():
        before = sum(t < line_ns[connection] for t in times) if connection in line_ns else len(times)
        if before > 1:
            yield f"{_shown(connection)}: {before} segments passed before the first request was read"


def compare(lines: Iterable[dict[str, Any]], entries: Iterable[dict[str, Any]], scene: Scene) -> Verdict:
    """Hold ``lines``, in their order, against the ``entries`` of the request logs."""
    verdict = Verdict()
    lines, entries = list(lines), list(entries)
    ours: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    # By the request inside: after a change of the controller the same one went to two.
    envelopes: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    first_ns: dict[Connection, int] = {}
    authenticating = {connection_of_line(line) for line in lines if line["apiKey"] == SASL_HANDSHAKE}
    for line in lines:
        connection = connection_of_line(line)
        if line["outcome"] == "no_request" and scene.attached_late and connection not in first_ns:
            verdict.unseen += 1
            continue
        first_ns.setdefault(connection, nanoseconds(line["time"]))
        if _is_authentication(line, authenticating):
            verdict.authentication += 1
            if line["outcome"] != "complete" and not scene.after_close(line):
                verdict.wrong.append(f"{line['apiName']} of {_shown(connection)}: outcome {line['outcome']}")
            continue
        ours[key_of_line(line)].append(line)
        if line["apiKey"] == ENVELOPE:
            inner = line["request"]["requestDataDecoded"]
            envelopes[connection, inner["apiKey"], inner["apiVersion"], inner["correlationId"]].append(line)
    begun: set[Connection] = set()
    for entry in entries:
        key = key_of_entry(entry)
        header = entry["requestHeader"]
        what = f"{header['requestApiKeyName']} v{key[2]} of {_shown(key[0])}, correlation id {key[3]}"
        if entry["isForwarded"]:
            # On the wire it is inside an Envelope with a correlation id of its own.
            found = _forwarded(entry, envelopes[key])
            if found is not None:
                envelopes[key].remove(found)
                verdict.forwarded += 1
            elif not scene.attached_late:
                verdict.wrong.append(f"{what}: forwarded, in no Envelope")
        elif not ours[key]:
            if scene.attached_late and key[0] not in begun:
                verdict.unseen += 1
            else:
                verdict.wrong.append(f"{what}: not decoded")
        else:
            begun.add(key[0])
            line = ours[key].pop(0)
            wrong = faults(entry, line)
            if wrong and wrong[0].startswith("outcome") and scene.after_close(line):
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
            elif scene.after_close(line):
                verdict.after_close += 1
            elif scene.while_ending(line):
                verdict.at_the_end += 1
            else:
                verdict.wrong.append(f"{line['apiName']} v{key[2]} of {_shown(key[0])}, correlation id {key[3]}: decoded, not logged")
    if scene.attached_late:
        verdict.wrong += _late_begin(first_ns, scene)
    return verdict
