"""The recorded matrix: every client's capture equals the broker's request log, on any machine and without privileges."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import oracle
import pytest

CAPTURES = Path(__file__).resolve().parents[2] / "captures/matrix"
INDEX: dict[str, dict[str, Any]] = json.loads((CAPTURES / "index.json").read_text())


def entries(name: str) -> list[dict[str, Any]]:
    with gzip.open(CAPTURES / f"{name}.requests.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


@pytest.mark.parametrize("name", INDEX)
def test_equal_field_by_field(name: str) -> None:
    about, pcap = INDEX[name], CAPTURES / f"{name}.pcap.gz"
    scene = oracle.Scene.of(pcap, about["ports"], stopped_ns=about["stoppedNs"], killed=about.get("killed", ()), attached_late=about.get("attachedLate", False))
    verdict = oracle.compare(oracle.decode(pcap), entries(name), scene)
    assert not verdict.wrong, "\n".join(verdict.wrong[:20])
    assert (verdict.equal, len(verdict.kinds)) == (about["equal"], about["kinds"])


def test_every_api_of_the_matrix_is_counted_once() -> None:
    """All clients together: this many kinds (API and version) were compared with a broker."""
    kinds = {(e["requestHeader"]["requestApiKey"], e["requestHeader"]["requestApiVersion"]) for name in INDEX for e in entries(name)}
    assert len(kinds) > 100, len(kinds)


def test_streams_tell_their_tasks() -> None:
    """What the leader of an application of Kafka Streams assigns: every task once, with the host that has it."""
    told = [line["response"]["assignmentDecoded"].get("userDataDecoded") for line in oracle.decode(CAPTURES / "streams.pcap.gz") if line["apiKey"] == 14 and line["response"]["protocolName"] == "stream"]
    assert told and all(told), told
    tasks = {(task["topicGroupId"], task["partition"]) for user_data in told for task in user_data["activeTasks"]}
    assert tasks == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert {name["topic"] for user_data in told for name in user_data["topicNames"]} == {"lines", "words-classic-words-repartition"}
    assert any(user_data["standbyTasks"] for user_data in told)
    assert {(host["host"], host["port"]) for user_data in told for host in user_data["partitionsByHost"]} <= {("127.0.0.1", 9001), ("127.0.0.1", 9002)}


def test_no_secret_of_an_authentication_is_shown() -> None:
    text = str(oracle.decode(CAPTURES / "sasl.pcap.gz"))
    assert "<masked>" in text
    for secret in ("matrix-admin-secret", "matrix-app-secret"):
        assert secret not in text and base64.b64encode(secret.encode()).decode().rstrip("=") not in text
    salts = [u["salt"] for e in entries("sasl") for u in e["request"].get("upsertions", ())]
    assert salts and not [salt for salt in salts if salt in text]


def test_no_token_is_shown() -> None:
    text = str(oracle.decode(CAPTURES / "administration.pcap.gz"))
    tokens = {side["hmac"] for e in entries("administration") for side in (e["request"], e["response"]) if side and "hmac" in side}
    assert len(tokens) > 1 and not [token for token in tokens if token in text]


def test_what_clients_push_is_read() -> None:
    """KIP-714, compressed: what producers, consumers and share consumers count, by names of their own."""
    pushed = [line["request"]["metricsDecoded"] for line in oracle.decode(CAPTURES / "groups.pcap.gz") if line["apiName"] == "PushTelemetry"]
    names = {metric["name"] for scopes in pushed for scope in scopes for metric in scope["metrics"]}
    assert {"org.apache.kafka.producer.node.request.latency.avg", "org.apache.kafka.consumer.fetch.manager.fetch.total"} <= names, sorted(names)
    told = [metric for scopes in pushed for scope in scopes for metric in scope["metrics"] if metric["attributes"].get("topic") == "matrix-1"]
    assert told
