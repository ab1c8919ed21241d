"""px up on a packet capture: the page's API over what the files hold, without privileges, and nothing left afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kafkascope.metadata.proc import Proc

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


def children(process: subprocess.Popen[str]) -> list[str]:
    return subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=True).stdout.split()


def cpu_s(pid: str) -> float:
    used = Proc().stat(int(pid))
    assert used is not None
    return (used.utime_ns + used.ktime_ns) / 1e9


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
    pids = children(process)
    assert len(pids) == 1
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    until = time.monotonic() + 60
    while any(os.path.exists(f"/proc/{pid}") for pid in pids) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)


def test_who_waits_for_an_answer_is_told_when_it_ends(up: tuple[subprocess.Popen[str], str]) -> None:
    process, url = up
    endless = "import px\ndf = px.DataFrame('kafka_events.beta', start_time='-3650d')\ndf.k = 1\n" + "df = df[['k']].merge(df[['k']], how='inner', left_on='k', right_on='k', suffixes=['', '_r'])\n" * 4
    (server,) = children(process)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(post, url, {"pxl": endless + "px.display(df.agg(n=('k', px.count)))"})
        before, until = cpu_s(server), time.monotonic() + 60
        while cpu_s(server) < before + 1 and time.monotonic() < until:
            time.sleep(0.1)
        assert not waiting.done()
        process.send_signal(signal.SIGINT)
        error = waiting.exception()
    assert isinstance(error, urllib.error.HTTPError) and "the store was closed while the query ran" in error.read().decode()
    assert process.stderr is not None and "Traceback" not in process.stderr.read()


def test_a_file_that_is_no_capture() -> None:
    process = start("--capture", __file__)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 1 and out == ""
    assert "is no packet capture" in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--capture", str(CAPTURE), "--data", "d"), "--data and --capture exclude each other"),
        (("--capture", str(CAPTURE), "--source", "ebpf"), "--source and --capture exclude each other"),
        (("--data", "d", "--no-data"), "--data and --no-data exclude each other"),
        (("--source", "none", "--table-retention-bytes", "kafka_ftch=1GB"), "--table-retention-bytes: no table 'kafka_ftch'"),
        (("--source", "none", "--memory-limit", "lots"), "--memory-limit: store.memory_limit: expected a size such as 512MB or 2GiB, found 'lots'"),
        (("--config", "nowhere.toml"), "no configuration file nowhere.toml"),
    ],
)
def test_what_cannot_hold_together_is_wrong_use(words: tuple[str, ...], message: str) -> None:
    process = start(*words)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 2 and out == ""
    assert message in err and "hint: " in err and "Traceback" not in err


def test_the_configuration_file_reaches_the_server(tmp_path: Path) -> None:
    file = tmp_path / "kafkascope.toml"
    file.write_text('[agent]\nsource = "none"\n[server]\nmax_rows = 1\n[store]\nretention_bytes = "123MB"\nretention_age = "2h"\n'
                    f'data = "{tmp_path / "data"}"\n')  # fmt: skip
    process = start("--config", str(file))
    assert process.stdout is not None
    try:
        url = process.stdout.readline().split("is at ")[1].split()[0].rstrip("/")
        with urllib.request.urlopen(url + "/api/status") as answer:
            store = json.load(answer)["store"]
        assert (store["retentionBytes"], store["retentionAgeS"], store["folder"]) == (123_000_000, 7200.0, str(tmp_path / "data"))
        table = post(url, {"pxl": "import px\npx.display(px.GetTables())"})["tables"][0]  # type: ignore[index]
        assert table["numRows"] == 1 and table["truncated"]
    finally:
        process.terminate()
        process.communicate(timeout=240)
