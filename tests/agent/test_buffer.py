"""What waits on disk while the server is away: in order, once, bounded, there after a kill."""

import os
import time

import pytest

from kafkascope.agent import buffer as module
from kafkascope.agent.buffer import DiskBuffer, Waiting
from kafkascope.agent.ship import Shipper
from kafkascope.metadata import rows
from kafkascope.store import Store
from kafkascope.store.ingest import IngestServer


def batch(number, count=10):
    return rows.build("kafka_produce", [{"time_": 1000 + number, "topic": f"order-{number}"} for _ in range(count)])


def waiting(number, session="s"):
    return Waiting("kafka_produce", batch(number), session, number)


def taken(buffer):
    found = []
    while (item := buffer.take()) is not None:
        found.append(item.sequence)
    return found


@pytest.fixture
def opened(tmp_path):
    """Opens a buffer in the test's folder, as an agent that starts does."""
    buffers = []

    def open_(max_bytes=1 << 20):
        buffers.append(DiskBuffer(tmp_path, max_bytes))
        return buffers[-1]

    yield open_
    for buffer in buffers:
        buffer.close()


@pytest.fixture
def small_segments(monkeypatch):
    monkeypatch.setattr(module, "_SEGMENT_BYTES", 9_000)


def test_batches_come_out_as_they_went_in_over_many_segments(opened, tmp_path, small_segments):
    buffer = opened()
    for number in range(20):
        assert buffer.append(waiting(number))
    assert len(list(tmp_path.iterdir())) > 3
    first = buffer.take()
    assert (first.table, first.session, first.sequence) == ("kafka_produce", "s", 0) and first.batch.equals(batch(0))
    assert taken(buffer) == list(range(1, 20))
    assert not buffer and buffer.bytes == 0
    assert list(tmp_path.iterdir()), "what was taken may not have arrived"
    buffer.forget()
    assert not list(tmp_path.iterdir())
    assert buffer.append(waiting(20)) and taken(buffer) == [20]


def test_taking_and_adding_in_turn_keeps_the_order(opened, tmp_path, small_segments):
    buffer = opened()
    found, number = [], 0
    for round_ in range(30):
        for _ in range(round_ % 4):
            buffer.append(waiting(number))
            number += 1
        if (item := buffer.take()) is not None:
            found.append(item.sequence)
    assert found + taken(buffer) == list(range(number))


def test_a_full_buffer_refuses_and_keeps_what_it_has(opened, tmp_path):
    buffer = opened(15_000)
    kept = [number for number in range(20) if buffer.append(waiting(number))]
    assert 1 < len(kept) < 20 and buffer.bytes <= 15_000
    assert taken(buffer) == kept


def test_after_a_kill_everything_not_forgotten_comes_again(opened, tmp_path, small_segments):
    buffer = opened()
    for number in range(10):
        buffer.append(waiting(number))
    buffer.take()
    again = opened()
    assert again.append(waiting(10))
    assert taken(again) == list(range(11))


def test_what_is_older_comes_before(opened, tmp_path, small_segments):
    buffer = opened()
    for number in range(2, 12):
        buffer.append(waiting(number))
    assert buffer.take().sequence == 2
    assert buffer.prepend([waiting(0), waiting(1)])
    assert taken(opened()) == list(range(12))


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_segment_costs_its_rest_and_no_other(opened, tmp_path, small_segments, damage):
    buffer = opened()
    for number in range(12):
        buffer.append(waiting(number))
    buffer.close()
    first = min(tmp_path.iterdir())
    content = bytearray(first.read_bytes())
    if damage == "cut":
        del content[-5:]
    else:
        content[len(content) // 2] ^= 0xFF
    first.write_bytes(content)
    again = opened()
    found = taken(again)
    assert again.damaged == 1
    assert 0 < len(found) < 12 and found[-1] == 11 and found == sorted(set(found))


# ---- under a shipper ----


@pytest.fixture
def store():
    with Store(None, memory_limit="256MB") as opened:
        yield opened


def topics(store):
    scan = store.engine().scan("kafka_produce", None, None, ["topic"])
    return sorted(store.engine().execute(f"SELECT topic, count(*) AS n FROM ({scan}) GROUP BY topic", timeout_s=60).to_pylist(), key=lambda r: int(r["topic"].split("-")[1]))


def test_an_absence_longer_than_memory_loses_and_repeats_nothing(store, tmp_path):
    socket = str(tmp_path / "i.sock")
    shipper = Shipper(socket, max_bytes=3 * batch(0).nbytes, buffer=DiskBuffer(tmp_path / "b", 1 << 20))
    for number in range(40):
        assert shipper.submit("kafka_produce", batch(number))
    assert shipper.buffered_bytes
    server = IngestServer(store, socket)
    assert shipper.flush(60)
    for number in range(40, 45):
        assert shipper.submit("kafka_produce", batch(number))
    assert shipper.flush(60) and shipper.close() == 0
    server.close()
    assert topics(store) == [{"topic": f"order-{number}", "n": 10} for number in range(45)]
    assert shipper.take_dropped() == {} and not list((tmp_path / "b").iterdir())


def test_an_agent_that_restarts_while_the_server_is_away_loses_and_repeats_nothing(store, tmp_path):
    socket, folder = str(tmp_path / "i.sock"), tmp_path / "b"
    for run in range(3):
        shipper = Shipper(socket, max_bytes=3 * batch(0).nbytes, buffer=DiskBuffer(folder, 1 << 20))
        for number in range(10):
            assert shipper.submit("kafka_produce", batch(10 * run + number))
        assert shipper.close(timeout_s=0.2) == 0, "all of it is on disk"
    server = IngestServer(store, socket)
    shipper = Shipper(socket, buffer=DiskBuffer(folder, 1 << 20))
    assert shipper.flush(60)
    shipper.close()
    server.close()
    assert topics(store) == [{"topic": f"order-{number}", "n": 10} for number in range(30)]


def test_a_full_buffer_drops_what_comes_and_says_so(tmp_path):
    said = []
    shipper = Shipper(str(tmp_path / "i.sock"), max_bytes=2 * batch(0).nbytes, buffer=DiskBuffer(tmp_path / "b", 15_000), log=said.append)
    taken_ = [shipper.submit("kafka_produce", batch(number)) for number in range(30)]
    assert True in taken_ and False in taken_
    assert shipper.take_dropped() == {"kafka_produce": 10 * taken_.count(False)}
    assert said.count("the buffer on disk is full") == 1
    shipper.close(timeout_s=0.1)


@pytest.mark.skipif(os.geteuid() != 0 or not os.path.exists("/dev/full"), reason="/dev/full stands for a full disk")
def test_a_disk_that_refuses_is_told_and_memory_goes_on(tmp_path):
    said = []
    buffer = DiskBuffer(tmp_path / "b", 1 << 20)
    shipper = Shipper(str(tmp_path / "i.sock"), max_bytes=2 * batch(0).nbytes, buffer=buffer, log=said.append)
    buffer._out, buffer._segments = open("/dev/full", "wb", buffering=0), module.deque([(tmp_path / "b" / "0.waiting", 0)])  # noqa: SIM115
    assert not shipper.submit("kafka_produce", batch(1))
    assert any("No space left" in line for line in said)
    buffer._segments.clear()
    shipper.close(timeout_s=0.1)


def test_the_clock_of_the_shortest_round_trip_counts():
    from kafkascope.agent.clock import ClockOffset

    clock = ClockOffset()
    assert clock.offset_ns is None and clock.words() == ""
    clock.heard(0, 10_050_000_000, 100_000_000)
    clock.heard(0, 10_001_000_000, 2_000_000)
    clock.heard(0, 0, 5)
    assert (clock.offset_ns, clock.error_ns) == (10_000_000_000, 1_000_000)
    assert clock.words() == "its clock is 10000 ms behind the server's (±1 ms)"
    same = ClockOffset()
    same.heard(time.time_ns(), time.time_ns(), time.time_ns())
    assert same.words() == ""
