"""Every API in every version of two releases, both ways, as Kafka's own serializers write them and its own converters say them."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import oracle
import pytest

CAPTURES = Path(__file__).resolve().parents[2] / "captures/every"
RELEASES = sorted(path.name.removesuffix(".pcap.gz") for path in CAPTURES.glob("*.pcap.gz"))
#: What the core masks (SECURITY.md); a converter shows it.
SECRETS = {*oracle.SECRETS, "authBytes", "requestData", "responseData", "requestPrincipal"}
#: The one version whose shape was another before it was stable; 4.4 has its version 0 otherwise.
CHANGED_WHILE_UNSTABLE = {("3.9.2", "READ_SHARE_GROUP_STATE_SUMMARY", 0)}


def entries(release: str) -> list[dict[str, Any]]:
    with gzip.open(CAPTURES / f"{release}.requests.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def withhold(response: dict[str, Any]) -> None:
    """As brokers do: a described configuration that is sensitive has no value, and neither have its synonyms."""
    for config in (config for result in response["results"] for config in result["configs"] if config["isSensitive"]):
        for holder in (config, *config.get("synonyms", ())):
            if holder["value"] is not None:
                holder["value"] = oracle.MASKED


@pytest.mark.parametrize("release", RELEASES)
def test_equal_field_by_field(release: str) -> None:
    ours: dict[oracle.Key, list[dict[str, Any]]] = defaultdict(list)
    for line in oracle.decode(CAPTURES / f"{release}.pcap.gz"):
        ours[oracle.key_of_line(line)].append(line)
    wrong = []
    for entry in entries(release):
        key = oracle.key_of_entry(entry)
        api = entry["requestHeader"]["requestApiKeyName"]
        assert ours[key], f"{api} v{key[2]}: not decoded"
        line = ours[key].pop(0)
        if api == "DESCRIBE_CONFIGS":
            withhold(entry["response"])
        if (release, api, key[2]) not in CHANGED_WHILE_UNSTABLE:
            wrong += [f"{api} v{key[2]}: {fault}" for fault in oracle.faults(entry, line, SECRETS)]
    assert not wrong, "\n".join(wrong[:20])
    assert not [line for left in ours.values() for line in left]


def test_no_api_is_missing() -> None:
    """Keys 0 to 94 in one release or the other, but for those that no release has."""
    versions: dict[int, set[int]] = defaultdict(set)
    for release in RELEASES:
        for entry in entries(release):
            versions[entry["requestHeader"]["requestApiKey"]].add(entry["requestHeader"]["requestApiVersion"])
    missing = set(range(95)) - versions.keys()
    print(f"{sum(map(len, versions.values()))} versions of {len(versions)} APIs; no release has {sorted(missing)}")
    assert sum(map(len, versions.values())) > 350
    assert not missing, sorted(missing)
