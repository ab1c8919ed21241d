"""px up on a packet capture: the page's API over what the files hold, without privileges, and nothing left afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

CAPTURE = Path(__file__).resolve().parents[2] / "captures" / "kafka-3.9.pcap.gz"


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "kafkascope.cli.main", "up", "--port", "0", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def up() -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = start("--capture", str(CAPTURE))
    assert process.stdout is not None and process.stderr is not None
    try:
        yield process, process.stdout.readline().split("is at ")[1].split()[0].rstrip("/")
    finally:
        process.kill()
        process.communicate()


def post(url: str, body: dict[str, object]) -> dict[str, object]:
    request = urllib.request.Request(url + "/api/run", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        found: dict[str, object] = json.load(answer)
        return found


def test_a_capture_on_the_page(up: tuple[subprocess.Popen[str], str]) -> None:
    _, url = up
    tables = {t["name"]: t for t in post(url, {"script": "px/kafka_overview"})["tables"]}  # type: ignore[index, attr-defined]
    assert {row[0] for row in tables["kafka_topics_overview"]["rows"]} >= {"o28", "o39", "op10", "op9"}
    with urllib.request.urlopen(url + "/api/status") as answer:
        status = json.load(answer)
    assert status["source"] == "packet captures" and status["coverage"]["requests"] > 100


def test_nothing_outlives_it(up: tuple[subprocess.Popen[str], str]) -> None:
    process, _ = up
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=True).stdout.split()
    assert len(children) == 1
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    until = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{pid}") for pid in children) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(os.path.exists(f"/proc/{pid}") for pid in children)


def test_a_file_that_is_no_capture() -> None:
    process = start("--capture", __file__)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1 and out == ""
    assert "is no packet capture" in err and "Traceback" not in err
