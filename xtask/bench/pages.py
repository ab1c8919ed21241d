"""What open pages cost: CPU of a server with one start page open and with many, over a capture; and how soon each got its first answers.

usage: .venv/bin/python xtask/bench/pages.py [PAGES [SECONDS]]     default 50 20
"""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import proc
import websockets

ROOT = Path(__file__).resolve().parents[2]
CAPTURE = ROOT / "captures" / "demo" / "px-kafka.pcap.gz"
#: What the start page asks for, as web/src/overview/useOverview.ts does: scripts with their interval in milliseconds.
FEEDS = {
    "px/kafka_groups": 5000, "px/kafka_topics": 5000, "px/kafka_overview": 10000, "px/kafka_brokers": 10000, "px/kafka_clients": 10000,
    "px/kafka_errors": 10000, "px/kafka_rebalances": 10000,
}  # fmt: skip


async def page(address: str, seconds: float) -> tuple[float, int, int]:
    """One open page: seconds until each script had answered, answers, errors."""
    began, first, answers, errors = time.monotonic(), {}, 0, 0
    async with websockets.connect(f"{address.replace('http', 'ws', 1)}/api/live", origin=address, max_size=None) as socket:
        for name, interval in FEEDS.items():
            await socket.send(json.dumps({"type": "run", "id": name, "script": name, "args": {}, "intervalMs": interval}))
        while (left := seconds - (time.monotonic() - began)) > 0:
            try:
                message = json.loads(await asyncio.wait_for(socket.recv(), left))
            except TimeoutError:
                break
            answers += 1
            errors += message["type"] == "error"
            first.setdefault(message["id"], time.monotonic() - began)
    return (max(first.values()) if len(first) == len(FEEDS) else float("inf")), answers, errors


async def pages(address: str, number: int, seconds: float) -> list[tuple[float, int, int]]:
    return await asyncio.gather(*(page(address, seconds) for _ in range(number)))


def server_of(pid: int) -> int:
    """The server among the processes that ``px up`` started, itself when it has none."""
    found = [pid, *proc.children(pid)]
    return next((each for each in found if b"kafkascope.server.main" in Path(f"/proc/{each}/cmdline").read_bytes()), pid)


def main() -> None:
    number, seconds = (int(value) for value in (*sys.argv[1:], *(50, 20)[len(sys.argv) - 1 :]))
    up = subprocess.Popen([sys.executable, "-m", "kafkascope.cli.main", "up", "--capture", str(CAPTURE), "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert up.stdout is not None
        address = next(word for line in up.stdout for word in line.split() if word.startswith("http://")).rstrip("/")
        server = server_of(up.pid)
        asyncio.run(pages(address, 1, 5))
        for count in (1, number):
            before, began = proc.cpu_s(server), time.monotonic()
            seen = asyncio.run(pages(address, count, seconds))
            share = 100 * (proc.cpu_s(server) - before) / (time.monotonic() - began)
            print(f"{count:4} pages: server {share:5.1f} % of a core, {sum(n for _, n, _ in seen):6} answers, {sum(e for *_, e in seen)} errors, last first answer after {max(t for t, *_ in seen):.1f} s")
    finally:
        up.terminate()
        up.wait(20)


if __name__ == "__main__":
    main()
