"""A real Prometheus scrapes a server, and its own tool checks the rules. Skips where there is none; ``make test`` brings Debian's (``prometheus.sh``)."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kafkascope.export import kafka

HERE = Path(__file__).parent
RULES = Path(kafka.__file__).parent / "rules.yaml"
pytestmark = [
    pytest.mark.skipif(shutil.which("prometheus") is None or shutil.which("promtool") is None, reason="there is no prometheus on the path; tests/export/prometheus.sh brings Debian's"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def promtool(*words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *words], input=text, capture_output=True, text=True, timeout=60, check=False)


def test_rules_are_right_and_fire_when_they_should(tmp_path: Path) -> None:
    checked = promtool("check", "rules", str(RULES))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    shutil.copy(RULES, tmp_path / "rules.yaml")
    shutil.copy(HERE / "rules_test.yaml", tmp_path)
    tested = promtool("test", "rules", str(tmp_path / "rules_test.yaml"))
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.fixture(scope="module")
def server(analysed: Any) -> Iterator[int]:
    import uvicorn

    from kafkascope.scripts import Library
    from kafkascope.server.app import create_app
    from kafkascope.server.service import Service

    port = free_port()
    app = create_app(Service(analysed.store.engine(), Library.load(), store_stats=analysed.store.stats, analysis=analysed))
    running = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", ws="websockets-sansio"))
    running.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    thread = threading.Thread(target=lambda: asyncio.run(running.serve()), daemon=True)
    thread.start()
    wait(lambda: running.started)
    yield port
    running.should_exit = True
    thread.join(timeout=60)


@pytest.fixture(scope="module")
def prometheus(server: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("prometheus")
    port = free_port()
    (folder / "prometheus.yml").write_text(
        # A scrape may take as long as the interval: what a busy machine cannot answer by then would be a gap.
        f"global: {{scrape_interval: 5s, evaluation_interval: 5s}}\nrule_files: ['{RULES}']\n"
        f"scrape_configs:\n  - job_name: kafkascope\n    static_configs: [{{targets: ['127.0.0.1:{server}']}}]\n"
    )
    command = [
        "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
        "--enable-feature=exemplar-storage",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    url = f"http://127.0.0.1:{port}"
    try:
        wait(lambda: bool(query(url, "kafka_consumergroup_lag")))
        yield url
    finally:
        process.terminate()
        process.wait(timeout=60)
        if process.stderr is not None:
            process.stderr.close()


def wait(done: Any, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if done():
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s")


def ask(url: str, path: str, **parameters: str) -> Any:
    with urllib.request.urlopen(f"{url}{path}?{urllib.parse.urlencode(parameters)}", timeout=60) as answer:
        return json.load(answer)["data"]


def query(url: str, expr: str) -> list[dict[str, Any]]:
    return list(ask(url, "/api/v1/query", query=expr)["result"])


def test_prometheus_scrapes_the_server(prometheus: str) -> None:
    wait(lambda: ask(prometheus, "/api/v1/targets")["activeTargets"][0]["health"] == "up")
    (target,) = ask(prometheus, "/api/v1/targets")["activeTargets"]
    assert target["lastError"] == ""
    lags = {(r["metric"]["consumergroup"], r["metric"]["topic"], r["metric"]["partition"]): r["value"][1] for r in query(prometheus, "kafka_consumergroup_lag")}
    assert lags["gt", "jt", "0"] == "30" and lags["gc", "jc", "0"] == "0"
    # The transactional reader's 44 and the 13 that the share group released.
    assert [r["value"][1] for r in query(prometheus, "sum(kafka_consumergroup_lag)")] == ["57"]
    assert sum(int(lag) for (group, _, _), lag in lags.items() if group == "sg") == 13
    assert [r["value"][1] for r in query(prometheus, "kafka_delivery_latency_seconds_count{group='gz'}")] == ["5"]


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("kafka_consumergroup_lag", {"consumergroup", "topic", "partition"}),
        ("kafka_consumergroup_lag_sum", {"consumergroup", "topic"}),
        ("kafka_consumergroup_current_offset", {"consumergroup", "topic", "partition"}),
        ("kafka_consumergroup_members", {"consumergroup"}),
        ("kafka_topic_partition_current_offset", {"topic", "partition"}),
        ("kafka_consumergroup_group_lag_seconds", {"cluster_name", "group", "topic", "partition"}),
        ("kafka_consumergroup_group_max_lag_seconds", {"cluster_name", "group"}),
    ],
)
def test_the_names_that_dashboards_know(prometheus: str, name: str, labels: set[str]) -> None:
    """Those of kafka_exporter and of kafka-lag-exporter, with their labels."""
    found = query(prometheus, name)
    assert found and all(set(r["metric"]) - {"__name__", "instance", "job"} == labels for r in found)


def test_it_takes_the_exemplars(prometheus: str) -> None:
    # Those of a recording are older than what Prometheus keeps; that it reads the format is what the scrape's health says.
    (target,) = ask(prometheus, "/api/v1/targets")["activeTargets"]
    assert target["health"] == "up"
    with urllib.request.urlopen(urllib.request.Request(target["scrapeUrl"], headers={"Accept": "application/openmetrics-text"}), timeout=60) as answer:
        assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
        assert b' # {partition="' in answer.read()


def test_its_rules_run_over_our_metrics(prometheus: str) -> None:
    wait(lambda: bool(query(prometheus, "kafka:consumergroup_lag:sum")))
    (found,) = query(prometheus, 'kafka:consumergroup_lag:sum{group="gt"}')
    assert found["value"][1] == "44"
    for group in ask(prometheus, "/api/v1/rules")["groups"]:
        for rule in group["rules"]:
            assert rule["health"] in ("ok", "unknown"), rule


#: Panels that a recording without such a thing has nothing for.
EMPTY = {
    "Time that clients were told to wait", "Events lost by agents",
}  # fmt: skip


def test_every_panel_of_the_dashboards_has_data(prometheus: str) -> None:
    from kafkascope.export.grafana import dashboards

    # A rate takes two scrapes.
    wait(lambda: float(query(prometheus, "count_over_time(up[1m])")[0]["value"][1]) >= 3)
    empty = set()
    for dashboard in dashboards().values():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                expr = target["expr"].replace("$__rate_interval", "1m").replace("$cluster", ".*").replace("$group", ".*").replace("$topic", ".*")
                if not query(prometheus, expr):
                    empty.add(panel["title"])
    assert empty == EMPTY


def test_promtool_reads_the_metrics(server: int) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{server}/metrics", timeout=60) as answer:
        checked = promtool("check", "metrics", text=answer.read().decode())
    # kafka_exporter's own names end in _sum, as promtool advises against; nothing else may be said.
    assert all("_sum" in line for line in checked.stderr.splitlines() if line), checked.stderr
