"""The typed tables beside the brokers' request logs: a model in plain Python says which rows a log must give."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import oracle
import pyarrow as pa
import pytest
from test_recorded import CAPTURES, INDEX, entries

from kafkascope import _core as core

#: Their rows cannot all be there: a broker's log misses what it answered last, or the capture what came first.
INCOMPLETE = {"broker-killed", "attached-late", "controllers-killed"}
COMPLETE = [name for name in INDEX if name not in INCOMPLETE]


def rows(pcap: Path, table: str) -> list[dict[str, Any]]:
    pipeline = core.FilePipeline([str(pcap)])
    found: list[dict[str, Any]] = []
    while (tables := pipeline.next()) is not None:
        if table in tables:
            found += pa.table(pa.record_batch(tables[table])).to_pylist()
    return found


def topic_of(topic: dict[str, Any]) -> str:
    """What tells a topic in this version: its id where there is one."""
    return str(topic.get("topicId") or topic["name"])


def answers(response: dict[str, Any] | None, topics: str, partitions: str) -> dict[tuple[str, int], dict[str, Any]]:
    return {(topic_of(t), p.get("index", p.get("partitionIndex"))): p for t in (response or {}).get(topics, ()) for p in t[partitions]}


def produced(entry: dict[str, Any]) -> list[tuple[Any, ...]]:
    told = answers(entry["response"], "responses", "partitionResponses")
    return [
        (*oracle.connection_of_entry(entry), entry["requestHeader"]["clientId"], entry["request"]["acks"], topic_of(topic), p["index"], p["recordsSizeInBytes"], told.get((topic_of(topic), p["index"]), {}).get("errorCode"))
        for topic in entry["request"]["topicData"]
        for p in topic["partitionData"]
    ]


def committed(entry: dict[str, Any]) -> list[tuple[Any, ...]]:
    told = answers(entry["response"], "topics", "partitions")
    return [
        (*oracle.connection_of_entry(entry), entry["requestHeader"]["clientId"], entry["request"]["groupId"], topic_of(topic), p["partitionIndex"], p["committedOffset"], told[topic_of(topic), p["partitionIndex"]]["errorCode"])
        for topic in entry["request"]["topics"]
        for p in topic["partitions"]
    ]


def unlike(model: Counter[tuple[Any, ...]], found: Counter[tuple[Any, ...]]) -> str:
    return f"only by the log: {list((model - found).items())[:5]}; only rows: {list((found - model).items())[:5]}"


@pytest.mark.parametrize("name", COMPLETE)
def test_what_was_produced(name: str) -> None:
    model = Counter(row for e in entries(name) if e["requestHeader"]["requestApiKeyName"] == "PRODUCE" for row in produced(e))
    found = Counter((r["broker_port"], r["client_port"], r["client_id"], r["acks"], r["topic_id"] or r["topic"], r["partition"], r["bytes"], r["error_code"]) for r in rows(CAPTURES / f"{name}.pcap.gz", "kafka_produce"))
    assert model == found, unlike(model, found)
    assert model or name.startswith(("administration", "raw-frames"))


@pytest.mark.parametrize("name", COMPLETE)
def test_what_was_committed(name: str) -> None:
    model = Counter(row for e in entries(name) if e["requestHeader"]["requestApiKeyName"] in ("OFFSET_COMMIT", "TXN_OFFSET_COMMIT") for row in committed(e))
    found = Counter((r["broker_port"], r["client_port"], r["client_id"], r["group_id"], r["topic_id"] or r["topic"], r["partition"], r["offset"], r["error_code"]) for r in rows(CAPTURES / f"{name}.pcap.gz", "kafka_commits"))
    assert model == found, unlike(model, found)


def known(offset: int | None) -> int | None:
    """A broker says -1 where it does not know one."""
    return None if offset == -1 else offset


def fetched(entry: dict[str, Any]) -> list[tuple[Any, ...]]:
    header, response = entry["requestHeader"], entry["response"] or {}
    return [
        (*oracle.connection_of_entry(entry), header["clientId"], str(topic.get("topicId") or topic["topic"]), p["partitionIndex"], p["errorCode"], known(p.get("highWatermark")), p["recordsSizeInBytes"])
        for topic in response.get("responses", ())
        for p in topic["partitions"]
    ]


@pytest.mark.parametrize("name", COMPLETE)
def test_what_was_fetched(name: str) -> None:
    model = Counter(row for e in entries(name) if e["requestHeader"]["requestApiKeyName"] == "FETCH" for row in fetched(e))
    # The log says no size of what a share group gets.
    shares = {oracle.connection_of_entry(e) for e in entries(name) if e["requestHeader"]["requestApiKeyName"] == "SHARE_FETCH"}
    told = [r for r in rows(CAPTURES / f"{name}.pcap.gz", "kafka_fetch") if not r["idle"] and (r["broker_port"], r["client_port"]) not in shares]

    def counted(of: list[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
        return Counter((r["broker_port"], r["client_port"], r["client_id"], r["topic_id"] or r["topic"], r["partition"], r["error_code"], r["high_watermark"], r["bytes"]) for r in of)

    # Nor all that brokers ask of one another while they end.
    found, before_the_end = counted(told), counted([r for r in told if r["response_time"] < INDEX[name]["stoppedNs"]])
    # A client that closes does not wait for its last Fetch: the log has it or not, and the capture its answer, whole or not.
    closed = oracle.Scene.of(CAPTURES / f"{name}.pcap.gz", INDEX[name]["ports"], stopped_ns=0).closed
    wrong = [row for row in (*(model - found), *(before_the_end - model)) if row[:2] not in closed or row[-1] != 0]
    assert not wrong, unlike(model, found)
    assert sum((model & found).values()) >= 0.8 * sum(model.values())
