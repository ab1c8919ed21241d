"""The store: insert, bytes on disk, scripts over millions of requests, inserts while others query, memory.

Rows are those of the golden captures, multiplied (store_rows.py). "DuckDB alone" is the same SQL on DuckDB's own tables in memory: the limit.
BENCH_REQUESTS (3,000,000) and BENCH_ROUNDS (5) change the size.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parent))
import store_rows

from kafkascope.pxl import Limits
from kafkascope.scripts import Library
from kafkascope.server.service import Service
from kafkascope.store import Store

REQUESTS = int(os.environ.get("BENCH_REQUESTS", 3_000_000))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", 5))
RATE = 10_000
BODIES = ("req_body", "resp")
#: Bodies are read as JSON for every row, as Pixie's scripts do.
JSON = """import px
df = px.DataFrame('kafka_events.beta', start_time='-{seconds}s')
df = df[df.req_cmd == 0]
df.topic_data = px.pluck_array(px.pluck(df.req_body, 'topics'), 0)
df.topic = px.pluck(df.topic_data, 'name')
df.size = px.pluck_int64(px.pluck_array(px.pluck(df.topic_data, 'partitions'), 0), 'size')
df = df.groupby(['topic', 'client_id']).agg(requests=('latency', px.count), bytes=('size', px.sum), latency=('latency', px.quantiles))
px.display(df, 'topics')
"""


def fill(store: Store, start_ns: int) -> dict[str, int]:
    rows: dict[str, int] = {}
    spent = computed = 0.0
    for part in store_rows.copies(REQUESTS, start_ns, REQUESTS / RATE):
        for name, table in part.items():
            for batch in table.to_batches(max_chunksize=16384):
                began, cpu = time.perf_counter(), time.thread_time()
                store.append(name, batch)
                spent += time.perf_counter() - began
                computed += time.thread_time() - cpu
                rows[name] = rows.get(name, 0) + batch.num_rows
        if store.stats()["hotBytes"] > store.hot_limit // 2:
            # Rows come faster here than the machine may be able to compress beside other work; what memory cannot hold would be dropped.
            store.roll()
    total = sum(rows.values())
    print(f"insert: {total / spent:,.0f} rows/s, {total / computed:,.0f} for each second of CPU time ({total:,} rows of {rows['kafka_events.beta']:,} requests)")
    store.roll()
    assert store.stats()["rowsDroppedByMemory"] == 0
    return rows


def disk(store: Store, rows: dict[str, int]) -> None:
    requests = rows["kafka_events.beta"]
    bodies = everything = 0
    for name in rows:
        for segment in store.observed[name].segments:
            everything += segment.bytes
            footer = pq.read_metadata(segment.path)
            for group in range(footer.num_row_groups):
                for at in range(footer.num_columns):
                    column = footer.row_group(group).column(at)
                    bodies += column.total_compressed_size if column.path_in_schema in BODIES else 0
    print(f"disk: {(everything - bodies) / requests:.1f} bytes a request for columns and typed rows, {everything / requests:.1f} with the bodies")


class Recorder:
    """An engine that keeps the SQL that it is given."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.dialect = engine.dialect
        self.relations, self.scan = engine.relations, engine.scan
        self.texts: list[str] = []

    def execute(self, sql: str, **options: Any) -> Any:
        self.texts.append(sql)
        return self._engine.execute(sql, **options)


def alone(store: Store, texts: list[str]) -> float:
    """Seconds of the same SQL on DuckDB's own tables."""
    connection = duckdb.connect(config={"threads": os.cpu_count() or 1})
    scans = {match.groups() for text in texts for match in re.finditer(r'"(scan:([A-Za-z0-9_.]+):(-?\d*):(-?\d*):[a-z]+)"', text)}
    for name in {table for _, table, _, _ in scans}:
        columns = [c for c in store.relations[name].by_name if c not in BODIES or any(f'"{c}"' in text or f".{c}" in text for text in texts)]
        sql = f"SELECT * FROM ({store.engine().scan(name, None, None, columns)})"
        connection.register("part", store.engine().execute(f"{sql} LIMIT 0", timeout_s=60))
        connection.execute(f'CREATE TABLE "{name}" AS FROM part')
        for batch in store.engine().stream(sql):
            connection.register("part", batch)
            connection.execute(f'INSERT INTO "{name}" FROM part')
    for token, table, start, end in scans:
        bounds = [f"time_ >= {start}" if start else "true", f"time_ < {end}" if end else "true"]
        connection.execute(f'CREATE VIEW "{token}" AS FROM "{table}" WHERE {" AND ".join(bounds)}')
    for name in {name for text in texts for name in re.findall(r"\bmd_[a-z]+\b", text)}:
        connection.register(name, store.newest[name].table())
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for text in texts:
            connection.sql(text).to_arrow_table()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def ask(service: Service, request: dict[str, Any]) -> tuple[float, float]:
    """Seconds of a run, and seconds of CPU time: on a busy machine only the second says something."""
    times, computed = [], []
    for _ in range(ROUNDS):
        began, cpu = time.perf_counter(), time.process_time()
        service.run(request)
        times.append(time.perf_counter() - began)
        computed.append(time.process_time() - cpu)
    return statistics.median(times), statistics.median(computed)


def scripts(store: Store, end_ns: int) -> None:
    seconds = int(REQUESTS / RATE) + 10
    limits = Limits(timeout_s=300)
    plain = Service(store.engine(), Library.load(()), now_ns=lambda: end_ns, limits=limits)
    for name, request in (
        ("px/kafka_overview", {"script": "px/kafka_overview", "args": {"start_time": f"-{seconds}s"}}),
        ("bodies as JSON", {"pxl": JSON.format(seconds=seconds)}),
    ):
        recorder = Recorder(store.engine())
        Service(recorder, Library.load(()), now_ns=lambda: end_ns, limits=limits).results(request)
        ours, computed = ask(plain, request)
        limit = alone(store, recorder.texts)
        print(f"{name}: {ours * 1e3:,.0f} ms ({computed * 1e3:,.0f} ms of CPU time); DuckDB alone {limit * 1e3:,.0f} ms (x {ours / limit:.2f})")


def contended(store: Store, end_ns: int) -> None:
    """A second's rows inserted each second while five clients run scripts one after another."""
    seconds = int(REQUESTS / RATE) + 60
    service = Service(store.engine(), Library.load(()), limits=Limits(timeout_s=300))
    stop = threading.Event()
    ran = [0] * 5

    def client(number: int) -> None:
        while not stop.is_set():
            service.run({"script": "px/kafka_overview", "args": {"start_time": f"-{seconds}s"}})
            ran[number] += 1

    clients = [threading.Thread(target=client, args=(number,)) for number in range(5)]
    for thread in clients:
        thread.start()
    cycles = []
    try:
        for part in store_rows.copies(RATE * 20, end_ns, 20):
            began = time.perf_counter()
            for name, table in part.items():
                for batch in table.to_batches(max_chunksize=4096):
                    store.append(name, batch)
            cycles.append(time.perf_counter() - began)
            time.sleep(max(0.0, 0.5 - cycles[-1]))
    finally:
        stop.set()
        for thread in clients:
            thread.join()
    cycles.sort()
    print(f"insert of about {RATE * 20 // len(cycles):,} requests while five clients query: p50 {statistics.median(cycles) * 1e3:.0f} ms, "
          f"p99 {cycles[int(len(cycles) * 0.99)] * 1e3:.0f} ms of {len(cycles)}; {sum(ran)} scripts ran")  # fmt: skip


def most_memory() -> int:
    """MiB that this process took at most. ``getrusage`` would count what its parent took before the exec."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) >> 10


def memory(folder: Path, end_ns: int) -> None:
    """In a process of its own: what a server takes whose five clients ask for all that is stored."""
    seconds = int(REQUESTS / RATE) + 60
    with Store(folder, retention_bytes="100GB", retention_age_s=1e9, memory_limit=os.environ.get("BENCH_MEMORY", "1GB")) as store:
        began = most_memory()
        service = Service(store.engine(), Library.load(()), now_ns=lambda: end_ns, limits=Limits(timeout_s=300))
        requests = [{"script": "px/kafka_overview", "args": {"start_time": f"-{seconds}s"}}, {"pxl": JSON.format(seconds=seconds)}]
        with ThreadPoolExecutor(5) as clients:
            list(clients.map(service.run, requests * ROUNDS))
    print(f"memory: {most_memory()} MiB at most while five clients query, {began} MiB once opened (limit of the store: {store.memory_limit >> 20} MiB)")


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="kafkascope-bench-"))
    try:
        end_ns = time.time_ns()
        with Store(folder / "data", retention_bytes="100GB", retention_age_s=1e9, memory_limit=os.environ.get("BENCH_MEMORY", "1GB")) as store:
            rows = fill(store, end_ns - int(REQUESTS / RATE * 1e9))
            disk(store, rows)
            scripts(store, end_ns)
            contended(store, end_ns)
        subprocess.run([sys.executable, __file__, str(folder / "data"), str(end_ns)], check=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        memory(Path(sys.argv[1]), int(sys.argv[2]))
    else:
        main()
