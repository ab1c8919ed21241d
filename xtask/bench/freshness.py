"""How soon things are seen: start of `px up` to the first row, and a request to its first appearance in a query result.

Needs root and eBPF. A broker and one producer run on loopback; each request carries a client id of its own, so that one row can be waited for.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka.admin import AdminClient

sys.path.insert(0, str(Path(__file__).resolve().parent))
import broker

SCRIPT = "import px\ndf = px.DataFrame('kafka_events.beta', start_time='-30s')\ndf = df[df.client_id == '{id}']\npx.display(df[['time_', 'latency']], 'seen')\n"
ROUNDS = int(os.environ.get("BENCH_ROUNDS", 100))


def ask(url: str, pxl: str) -> int:
    body = json.dumps({"pxl": pxl}).encode()
    with urllib.request.urlopen(urllib.request.Request(url + "/api/run", body, {"Content-Type": "application/json"})) as answer:
        return int(json.load(answer)["tables"][0]["numRows"])


@contextlib.contextmanager
def px_up() -> Iterator[tuple[str, float]]:
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "kafkascope.cli.main", "up", "--port", "0", "--no-data"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().split("is at ")[1].split()[0].rstrip("/")
    try:
        yield url, began
    finally:
        process.terminate()
        process.wait(20)


def first_row(url: str, began: float) -> float:
    pxl = "import px\ndf = px.DataFrame('kafka_events.beta', start_time='-30s')\npx.display(df[['time_']].head(1), 'seen')\n"
    while ask(url, pxl) == 0:
        time.sleep(0.01)
    return time.perf_counter() - began


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("needs root: live capture")
    with broker.running() as address, broker.steady_load(address), px_up() as (url, began):
        print(f"start of px up to first row: {first_row(url, began):.2f} s")
        waits = []
        for number in range(ROUNDS):
            name = f"probe-{number}"
            AdminClient({"bootstrap.servers": address, "client.id": name}).list_topics(timeout=10)
            answered = time.perf_counter()
            while ask(url, SCRIPT.format(id=name)) == 0:
                time.sleep(0.02)
            waits.append(time.perf_counter() - answered)
        quantiles = statistics.quantiles(waits, n=100)
        print(f"response to query result, {ROUNDS} requests: p50 {quantiles[49] * 1e3:.0f} ms, p90 {quantiles[89] * 1e3:.0f} ms, p99 {quantiles[98] * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
