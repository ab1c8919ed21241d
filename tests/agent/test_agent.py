"""The agent with a capture made by hand: everything it is given or drops is in the store."""

import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time

import pyarrow as pa
import pytest

from kafkascope.agent import health
from kafkascope.agent.agent import UNWATCHED_S, Agent, Settings
from kafkascope.agent.log import JsonLines, TextLines
from kafkascope.agent.main import main, own_asid
from kafkascope.agent.ship import Shipper
from kafkascope.metadata import rows
from kafkascope.metadata.pods import PodsFolder
from kafkascope.metadata.proc import Proc
from kafkascope.metadata.sampler import Sampler
from kafkascope.store import Store
from kafkascope.store.ingest import IngestServer


class Capsule:
    """A batch as the core gives it: only the Arrow interface."""

    def __init__(self, batch):
        self._batch = batch

    def __arrow_c_array__(self, requested_schema=None):
        return self._batch.__arrow_c_array__(requested_schema)


class HandMade:
    """A capture that gives what it was told to give."""

    hook = "by hand"

    def __init__(self):
        self.waiting = []
        self.counters = {"events": 0, "events_lost": 0}
        self.topics = []
        self.brokers = []
        self.closed = False

    def poll(self, timeout_ms):
        time.sleep(timeout_ms / 10_000)
        return self.waiting.pop(0) if self.waiting else {}

    def stats(self):
        return self.counters

    def learn_topics(self, names):
        self.topics += names

    def learn_brokers(self, brokers):
        self.brokers += brokers

    def close(self):
        self.closed = True


@pytest.fixture
def linked(tmp_path):
    store = Store(None, memory_limit="256MB")
    server = IngestServer(store, str(tmp_path / "i.sock"))
    yield store, str(tmp_path / "i.sock")
    server.close()
    store.close()


def until(found, seconds=60):
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end
        time.sleep(0.02)


def query(store, sql):
    return store.engine().execute(sql, timeout_s=60).to_pylist()


def agent_for(socket, pipeline, tmp_path, **options):
    sampler = Sampler(7, pods=PodsFolder(tmp_path / "pods.d"))
    return Agent(Settings(socket, asid=7), pipeline=pipeline, sampler=sampler, shipper=Shipper(socket, asid=7, **options), log=logging.getLogger("test"))


def test_captured_rows_come_with_the_process_that_sent_them(linked, tmp_path):
    store, socket = linked
    pipeline = HandMade()
    agent = agent_for(socket, pipeline, tmp_path)
    agent.round(1)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    stat = Proc().stat(child.pid)
    upid = f"7:{child.pid}:{stat.start_ticks}"
    pipeline.waiting.append({"kafka_produce": Capsule(rows.build("kafka_produce", [{"time_": time.time_ns(), "client_upid": upid, "topic": "order"}]))})
    agent.round(1)
    assert agent.shipper.flush(60)
    child.kill()
    child.wait()
    engine = store.engine()
    produced = engine.scan("kafka_produce", None, None, ["topic", "client_upid"])
    (found,) = query(store, f"SELECT p.topic, m.cmdline FROM ({produced}) p JOIN md_process m ON m.upid = p.client_upid")
    assert found["topic"] == "order"
    assert "time.sleep(60)" in found["cmdline"]
    agent.close()
    assert pipeline.closed


def test_the_heartbeat_tells_hook_events_and_losses_and_the_end(linked, tmp_path):
    store, socket = linked
    pipeline = HandMade()
    pipeline.counters = {"events": 1234, "events_lost": 5}
    agent = agent_for(socket, pipeline, tmp_path)
    agent.round(1)
    agent.shipper.flush(60)
    columns = "asid, hook, events, events_lost, agent_state, detail"
    assert query(store, f"SELECT {columns} FROM md_agent") == [
        {"asid": 7, "hook": "by hand", "events": 1234, "events_lost": 5, "agent_state": "AGENT_STATE_HEALTHY", "detail": ""}
    ]
    agent.close()
    assert query(store, "SELECT agent_state FROM md_agent") == [{"agent_state": "AGENT_STATE_DISCONNECTED"}]


def test_rows_that_could_not_be_shipped_are_a_row_of_kafka_loss(tmp_path):
    socket = str(tmp_path / "i.sock")
    pipeline = HandMade()
    big = rows.build("kafka_produce", [{"time_": 1, "topic": "x" * 100_000}] * 3)
    agent = agent_for(socket, pipeline, tmp_path, max_bytes=400_000)
    pipeline.waiting += [{"kafka_produce": big}, {"kafka_produce": big}]
    for _ in range(3):
        agent.round(1)
    with Store(None, memory_limit="256MB") as store:
        server = IngestServer(store, socket)
        agent.shipper.flush(60)
        agent._next_heartbeat_ns = 0
        agent.round(1)
        agent.shipper.flush(60)
        loss = query(store, f"SELECT * FROM ({store.engine().scan('kafka_loss', None, None, ['reason', 'events', 'detail'])})")
        assert {"reason": "limit", "events": 3, "detail": "rows of kafka_produce that could not be shipped to the store"} in loss
        assert "3 rows not shipped" in query(store, "SELECT detail FROM md_agent")[0]["detail"]
        agent.close()
        server.close()


def test_rows_are_counted_as_dropped_once_however_long_the_store_is_away(tmp_path):
    pipeline = HandMade()
    # Nothing has room, the row of kafka_loss that would tell of it neither.
    agent = agent_for(str(tmp_path / "i.sock"), pipeline, tmp_path, max_bytes=1)
    pipeline.waiting += [{"kafka_produce": rows.build("kafka_produce", [{"time_": 1, "topic": "x"}] * 3000)}]
    for _ in range(6):
        agent._next_heartbeat_ns = 0
        agent.round(1)
    untold = agent.shipper.dropped
    assert untold["kafka_produce"] == 3000
    counters = agent.counters()
    assert 3000 <= counters["rows_dropped_total"] <= sum(untold.values()) and counters['table_rows_dropped_total{table="kafka_produce"}'] == 3000
    agent.close()


def test_counters_are_told_to_the_last_digit():
    assert health.exposition({"capture_bytes": 22_029_817, "clock_offset_seconds": 0.25}).splitlines()[1::2] == ["kafkascope_agent_capture_bytes 22029817", "kafkascope_agent_clock_offset_seconds 0.25"]
    assert health.exposition({'rows_total{table="a"}': 1, 'rows_total{table="b"}': 2}).splitlines() == [
        "# TYPE kafkascope_agent_rows_total counter", 'kafkascope_agent_rows_total{table="a"} 1', 'kafkascope_agent_rows_total{table="b"} 2']


def test_a_store_that_comes_back_empty_hears_of_everything_again(tmp_path):
    socket = str(tmp_path / "i.sock")
    agent = agent_for(socket, HandMade(), tmp_path)
    counts = []
    for _ in range(2):
        with Store(None, memory_limit="256MB") as store:
            server = IngestServer(store, socket)
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                agent.round(10)
                counts_now = {t: store.stats()["tables"][t]["rows"] for t in ("md_process", "md_node", "md_agent")}
                if all(counts_now.values()) and counts_now["md_process"] >= len([p for p in agent.sampler.processes.processes.values() if not p.kernel_thread]):
                    break
            counts.append(counts_now)
            server.close()
    agent.close()
    assert all(all(c.values()) for c in counts), counts
    assert counts[1]["md_process"] > 3


def test_the_program_runs_says_it_is_ready_and_ends_on_sigterm(linked, tmp_path):
    store, socket = linked
    command = [sys.executable, "-m", "kafkascope.agent", "--server-socket", socket, "--source", "none", "--asid", "9", "--log", "json"]
    program = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (tmp_path / "agent.ready").exists():
        time.sleep(0.05)
    assert (tmp_path / "agent.ready").exists()
    while time.monotonic() < deadline and not store.stats()["tables"]["md_agent"]["rows"]:
        time.sleep(0.05)
    program.send_signal(signal.SIGTERM)
    _, said = program.communicate(timeout=60)
    assert program.returncode == 0
    lines = [json.loads(line) for line in said.splitlines()]
    assert [line["message"] for line in lines] == ["started", "connected to the store", "stopped"]
    assert lines[0]["asid"] == 9
    assert not (tmp_path / "agent.ready").exists()
    assert query(store, "SELECT asid, agent_state FROM md_agent") == [{"asid": 9, "agent_state": "AGENT_STATE_DISCONNECTED"}]


def test_a_link_in_the_place_of_the_ready_file_is_not_followed(linked, tmp_path):
    _, socket = linked
    victim = tmp_path / "victim"
    victim.write_text("precious")
    os.symlink(victim, tmp_path / "agent.ready")
    program = subprocess.Popen([sys.executable, "-m", "kafkascope.agent", "--server-socket", socket, "--source", "none", "--log", "text"], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (tmp_path / "agent.ready").is_symlink():
        time.sleep(0.05)
    program.send_signal(signal.SIGTERM)
    program.communicate(timeout=60)
    assert victim.read_text() == "precious"


def test_without_a_server_it_is_wrong_use(capfd):
    assert main(["--source", "none", "--log", "text"]) == 2
    assert "no server: give --send-to" in capfd.readouterr().err


def test_a_short_id_stays_the_same():
    assert own_asid() == own_asid()
    assert 0 < own_asid() < 1 << 31


def test_log_lines():
    record = logging.makeLogRecord({"name": "kafkascope.agent", "levelno": logging.WARNING, "levelname": "WARNING", "msg": "lost %d", "args": (3,), "rows": 3, "created": 0.5})
    assert TextLines().format(record) == "agent: warning: lost 3 (rows=3)"
    assert json.loads(JsonLines().format(record)) == {"time": "1970-01-01T00:00:00.500Z", "level": "warning", "logger": "kafkascope.agent", "message": "lost 3", "rows": 3}


def test_columns_that_name_processes_are_all_looked_at(tmp_path):
    agent = Agent(Settings("/nowhere"), pipeline=None, sampler=Sampler(7, pods=PodsFolder(tmp_path)), log=logging.getLogger("test"))
    batch = pa.RecordBatch.from_pydict({"upid": ["a", ""], "remote_upid": ["b", "a"], "client_upid": ["c", "c"], "broker_upid": ["d", None], "topic": ["x", "y"]})
    assert agent._new_upids([batch]) == {"a", "b", "c", "d"}
    agent.shipper.close(timeout_s=0.1)


@pytest.mark.live
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a mount namespace in which the kernel's description is hidden")
def test_a_kernel_that_does_not_describe_its_types_is_told_with_what_to_do():
    agent = [sys.executable, "-m", "kafkascope.cli.main", "agent", "--config", "", "--kubernetes", "off", "--source", "ebpf", "--send-to", "127.0.0.1:1", "--log", "json"]
    hidden = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "sh"]
    done = subprocess.run([*hidden, *agent], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    said = json.loads(done.stderr.splitlines()[-1])
    assert done.returncode == 1 and said["message"].startswith("this kernel does not describe its types") and "CONFIG_DEBUG_INFO_BTF" in said["hint"]


def test_rounds_are_fewer_while_nobody_looks(linked, tmp_path):
    store, socket = linked
    pipeline = HandMade()
    polled = []
    poll = pipeline.poll
    pipeline.poll = lambda timeout_ms: polled.append(time.monotonic()) or poll(timeout_ms)

    def shortest(rounds):
        """Of the pauses between as many rounds: a machine that is busy makes them longer, none shorter."""
        first = len(polled)
        until(lambda: len(polled) > first + rounds)
        return min(after - before for before, after in itertools.pairwise(polled[first:]))

    agent = agent_for(socket, pipeline, tmp_path)
    running = threading.Thread(target=agent.run)
    running.start()
    try:
        until(lambda: not agent.shipper.watched)
        assert UNWATCHED_S <= shortest(3) < UNWATCHED_S + 0.65
        store.audience.look()
        until(lambda: agent.shipper.watched)
        assert shortest(5) < 0.1
    finally:
        agent.stop()
        running.join(60)
        agent.close()
    assert not running.is_alive()
