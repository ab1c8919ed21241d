"""px decode beside the broker's own request log: every logged request is there, and equal field by field."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

#: A broker of 3.9 logs the name that the field had then; the newest is shown.
RENAMED = {("TXN_OFFSET_COMMIT", "generationId"): "generationIdOrMemberEpoch"}
#: Logged as answered, while the client had closed its end: the answer never left the broker's host, or only its first part did.
CLIENT_HAD_CLOSED = {("other-clients", 48764, 3): "no_response", ("other-clients", 59238, 1): "truncated", ("other-clients", 59238, 3): "no_response"}

CAPTURES = Path(__file__).resolve().parents[2] / "captures"
NAMES = sorted(path.name.removesuffix(".pcap.gz") for path in CAPTURES.glob("*.pcap.gz"))


def decoded(name: str) -> list[dict[str, Any]]:
    done = subprocess.run([sys.executable, "-m", "kafkascope.cli.main", "decode", "-q", "-o", "json", str(CAPTURES / f"{name}.pcap.gz")],
                          capture_output=True, text=True, check=True)  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def logged(name: str) -> list[dict[str, Any]]:
    with gzip.open(CAPTURES / f"{name}.requests.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


def differences(log: Any, ours: Any, path: str) -> list[str]:
    """Where `ours` says something else than the log; fields beside the log's are ours to add."""
    if isinstance(log, dict):
        if not isinstance(ours, dict):
            return [f"{path}: expected an object, found {ours!r}"]
        return [d for key, value in log.items() for d in (differences(value, ours[key], f"{path}.{key}") if key in ours else [f"{path}.{key}: absent, logged {value!r}"])]
    if isinstance(log, list):
        if not isinstance(ours, list) or len(ours) != len(log):
            return [f"{path}: expected {len(log)} elements, found {len(ours) if isinstance(ours, list) else ours!r}"]
        return [d for index, pair in enumerate(zip(log, ours, strict=True)) for d in differences(*pair, f"{path}[{index}]")]
    return [] if log == ours else [f"{path}: logged {log!r}, decoded {ours!r}"]


@pytest.mark.parametrize("name", NAMES)
def test_equal_field_by_field(name: str) -> None:
    ours: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for line in decoded(name):
        port = int(line["client"].rsplit(":", 1)[1])
        ours[port, line["apiKey"], line["apiVersion"], line["correlationId"]].append(line)
    found: list[str] = []
    compared = 0
    for entry in logged(name):
        header = entry["requestHeader"]
        port = int(re.search(r"-\[?[0-9a-f.:]+\]?:(\d+)-", entry["connection"]).group(1))  # type: ignore[union-attr]
        key = (port, header["requestApiKey"], header["requestApiVersion"], header["correlationId"])
        what = f"{header['requestApiKeyName']} v{header['requestApiVersion']} {key}"
        if entry["isForwarded"]:
            continue
        if not ours[key]:
            found.append(f"{what}: not decoded")
            continue
        line = ours[key].pop(0)
        compared += 1
        for (api, old), new in RENAMED.items():
            if header["requestApiKeyName"] == api and old in entry["request"]:
                entry["request"][new] = entry["request"].pop(old)
        cut = CLIENT_HAD_CLOSED.get((name, port, header["requestApiKey"]))
        wrong = differences(header["clientId"], line["clientId"], "clientId") + differences(entry["request"], line["request"], "request")
        if line["outcome"] == cut:
            pass
        elif entry["response"] is not None:
            wrong += differences(entry["response"], line["response"], "response")
            if line["outcome"] != "complete":
                wrong.append(f"outcome {line['outcome']}")
        found += [f"{what}: {w}" for w in wrong]
    assert found == []
    assert compared > 100


@pytest.mark.parametrize("name", NAMES)
def test_lines_are_in_time_order(name: str) -> None:
    times = [line["time"] for line in decoded(name)]
    assert times == sorted(times)
