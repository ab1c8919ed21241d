"""Transactions and share groups of recorded programs, as the scripts show them, beside what the programs did and what their broker logged."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from analysis_rows import CAPTURES, captured, request_log, table

from kafkascope import Client
from kafkascope.analysis import transactions
from kafkascope.analysis.lag import Rows
from kafkascope.analysis.lag import partitions as lag_of

SHARED = ["java-clients", "matrix/java-4.4"]


def run(script: str, capture: str) -> dict[str, list[dict[str, Any]]]:
    pytest.importorskip("kafkascope._core", reason="the core is not built")
    with Client(capture=CAPTURES / f"{capture}.pcap.gz") as client:
        return {name: found.to_arrow().to_pylist() for name, found in client.run(script).items()}


@pytest.mark.parametrize("capture", ["matrix/transactions", "matrix/transactions-v1"])
def test_transactions_that_end_in_every_way(capture: str) -> None:
    """The program is tests/matrix/clients/java/Transactions.java: what it does to each transactional id is written there."""
    found = run("px/kafka_transactions", capture)["Transactions"]
    assert {r["transactional_id"]: (r["state"], r["committed"], r["aborted"], r["records"]) for r in found} == {
        "tx-steady": ("ended", 2, 1, 15),
        # Its successor has committed; what itself had written was aborted when that one began.
        "tx-fenced": ("ended", 1, 0, 10),
        "tx-timed-out": ("timed out", 0, 0, 5),
        "tx-by-hand": ("ended", 0, 0, 5),
        "tx-left-open": ("open", 0, 0, 5),
    }
    assert {r["transactional_id"]: r["client_id"] for r in found if r["transactional_id"] != "tx-fenced"} == {
        "tx-steady": "steady", "tx-timed-out": "timed-out", "tx-by-hand": "aborted-by-hand", "tx-left-open": "left-open",
    }  # fmt: skip


def logged_shares(capture: str) -> dict[str, Counter[str]]:
    """By group: records delivered, delivered again, and acknowledged in each way, out of the broker's request log."""
    ways = {1: "accepted", 2: "released", 3: "rejected"}
    found: dict[str, Counter[str]] = {}
    for entry in request_log(capture):
        if entry["requestHeader"]["requestApiKeyName"] not in {"SHARE_FETCH", "SHARE_ACKNOWLEDGE"}:
            continue
        counts = found.setdefault(entry["request"]["groupId"], Counter())
        for batch in (b for t in entry["request"].get("topics") or [] for p in t["partitions"] for b in p.get("acknowledgementBatches") or []):
            types, records = batch["acknowledgeTypes"], batch["lastOffset"] - batch["firstOffset"] + 1
            counts.update(ways[kind] for kind in (types * records if len(types) == 1 else types) if kind in ways)
        for batch in (b for t in entry["response"].get("responses") or [] for p in t["partitions"] for b in p.get("acquiredRecords") or []):
            records = batch["lastOffset"] - batch["firstOffset"] + 1
            counts["delivered"] += records
            counts["redelivered"] += records * (batch["deliveryCount"] > 1)
    return found


@pytest.mark.parametrize("capture", SHARED)
def test_share_groups_as_the_broker_logged_them(capture: str) -> None:
    found = run("px/kafka_share_groups", capture)
    shown = {r["group"]: Counter({n: r[n] for n in ("delivered", "redelivered", "accepted", "released", "rejected") if r[n]}) for r in found["Share Groups"]}
    logged = {group: +counts for group, counts in logged_shares(capture).items() if counts["delivered"]}
    assert shown == logged and logged
    # Nobody waited for a lock.
    assert [r["lock_expired"] for r in found["Share Groups"]] == [0] * len(logged)
    assert all(0 < r["latency_p50"] <= r["latency_p99"] for r in found["Acknowledgements"])


def test_offsets_of_a_fenced_producer_never_count() -> None:
    """A successor begins with the same transactional id, which aborts what was open, and then commits its own."""
    commits = table("kafka_commits", *({"at": t, "offset": o, "transactional_id": "x"} for t, o in ((10, 50), (30, 20))))
    fetch = table("kafka_fetch", {"at": 5, "fetch_offset": 0, "high_watermark": 100})
    events = table(
        "kafka_events.beta",
        {"time_": 20, "latency": 0.1, "req_cmd": 22, "req_body": '{"transactional_id":"x","transaction_timeout_ms":60000}'},
        {"time_": 21, "latency": 0.1, "req_cmd": 22, "error_code": 51, "req_body": '{"transactional_id":"x"}'},
        {"time_": 22, "latency": 0.1, "req_cmd": 22, "req_body": '{"transactional_id":null}'},
        {"time_": 40, "latency": 0.1, "req_cmd": 26, "req_body": '{"transactional_id":"x","committed":true}'},
    )
    ends = transactions.ends(events)
    assert [(r["transactional_id"], r["committed"]) for r in ends.to_pylist()] == [("x", False), ("x", True)]
    for now, committed in ((35, None), (41, 20)):
        (row,) = lag_of(Rows(commits, fetch, transactions=ends), now_ns=now * 1_000_000_000).to_pylist()
        assert row["committed"] == committed


@pytest.mark.parametrize("capture", ["matrix/transactions", "matrix/transactions-v1"])
def test_ends_as_the_broker_logged_them(capture: str) -> None:
    events = captured(capture)["kafka_events.beta"]
    ours = Counter((r["transactional_id"], r["committed"]) for r in transactions.ends(events).to_pylist())
    logged: Counter[tuple[str, bool]] = Counter()
    for entry in request_log(capture):
        api, asked = entry["requestHeader"]["requestApiKeyName"], entry["request"]
        if api in {"END_TXN", "INIT_PRODUCER_ID"} and asked["transactionalId"] and entry["response"]["errorCode"] == 0:
            logged[asked["transactionalId"], bool(asked.get("committed"))] += 1
    assert ours == logged and logged
