"""Batches between two processes of a host: through memory that both reach, and over Flight where that cannot be."""

import fcntl
import json
import os
import socket
import struct
from contextlib import closing

import pyarrow as pa
import pytest

from kafkascope.agent.link import Destination, FlightLink, Item, MemoryLink
from kafkascope.agent.ship import Shipper
from kafkascope.metadata import rows
from kafkascope.shared_memory import SUFFIX, Place, SharedMemoryError, Window, accepted, lines, read
from kafkascope.store import Store
from kafkascope.store.ingest import IngestServer
from kafkascope.tokens import Token

MIB = 1 << 20


def produced(count=10, start=1000):
    return rows.build("kafka_produce", [{"time_": start + i, "topic": "order"} for i in range(count)])


def bulky(mib):
    return pa.record_batch({"text": ["x" * MIB] * mib})


BATCHES = {
    "a table's": produced(),
    "without rows": produced(0),
    "a part of one": produced(1000).slice(7, 3),
    "nulls and every type": pa.record_batch({"b": [True, None], "i": [1, None], "f": [None, 0.5], "s": ["", None], "t": ["ä", "x" * 5000]}),
    "without columns that have values": pa.record_batch({"s": pa.array([None, None], pa.string())}),
}


class Ends:
    """A window as its writer and its reader have it."""

    def __init__(self):
        self.window = Window()
        here, there = socket.socketpair()
        with here, there:
            self.window.offer(here)
            self.file = accepted(there)

    def size(self):
        return os.fstat(self.file).st_size


@pytest.fixture
def ends():
    found = Ends()
    yield found
    found.window.close()
    os.close(found.file)


@pytest.fixture
def store():
    with Store(None, memory_limit="256MB") as opened:
        yield opened


@pytest.fixture
def server(store, tmp_path):
    opened = IngestServer(store, str(tmp_path / "i.sock"))
    yield opened
    opened.close()


@pytest.fixture
def address(server, tmp_path):
    return str(tmp_path / "i.sock")


def stored(store):
    return store.stats()["tables"]["kafka_produce"]["rows"]


@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)
def test_what_is_read_is_what_was_written(ends, batch):
    (place,) = ends.window.write([batch])
    assert read(ends.file, place).equals(batch)


def test_a_window_of_batches_is_written_over_the_one_before_and_what_was_read_stays(ends):
    first = [read(ends.file, place) for place in ends.window.write(BATCHES.values())]
    second = [read(ends.file, place) for place in ends.window.write([produced(500, 7)])]
    assert first == list(BATCHES.values())
    assert second == [produced(500, 7)]


def test_the_file_grows_with_a_window_and_is_not_kept_large(ends):
    sizes = []
    for mib in (0, 3, 5, 40, 9, 1):
        (place,) = ends.window.write([bulky(mib)])
        assert read(ends.file, place).num_rows == mib
        sizes.append(ends.size() // MIB)
    assert sizes == [1, 4, 8, 64, 16, 16]


def test_only_what_is_needed_takes_memory(ends):
    ends.window.write([bulky(5)])
    assert ends.size() == 8 * MIB
    assert 5 * MIB < os.fstat(ends.file).st_blocks * 512 < 6 * MIB


def test_the_reader_can_neither_write_nor_shorten_the_file(ends):
    assert fcntl.fcntl(ends.file, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    with pytest.raises(OSError):
        os.ftruncate(ends.file, 0)
    # Opened anew it could be written by its owner alone.
    assert os.fstat(ends.file).st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("at", "length"), [(0, 0), (0, -1), (-64, 100), (0, 2 * MIB), (MIB - 8, 64), (1 << 40, 64), (64, 64)])
def test_a_place_where_no_batch_is_breaks_nothing(ends, at, length):
    ends.window.write([produced()])
    with pytest.raises(SharedMemoryError):
        read(ends.file, Place(at, length))


def test_a_line_needs_an_end():
    here, there = socket.socketpair()
    with here, there:
        here.sendall(b'{"batches": []}\n{"batch')
        here.shutdown(socket.SHUT_WR)
        with closing(lines(there)) as found:
            assert next(found) == b'{"batches": []}\n'
            with pytest.raises(SharedMemoryError, match="without an end"):
                next(found)


def test_a_store_on_the_same_host_is_reached_by_memory(store, server, address):
    link = Destination(address).connect()
    assert isinstance(link, MemoryLink)
    (answer,) = link.exchange([Item("kafka_produce", produced(), 0, "s", 0)])
    link.close()
    assert answer["sequence"] == 0
    assert stored(store) == 10


@pytest.mark.parametrize("why", ["an older server", "nobody there"])
def test_without_that_socket_it_is_reached_over_flight(server, address, why):
    path = address + SUFFIX
    os.unlink(path)
    if why == "nobody there":
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(path)
    assert isinstance(Destination(address).connect(), FlightLink)


def test_a_host_without_memory_files_is_no_hindrance(store, server, address, monkeypatch):
    monkeypatch.setattr(os, "memfd_create", lambda *_: (_ for _ in ()).throw(OSError(38, "Function not implemented")))
    shipper = Shipper(address)
    shipper.submit("kafka_produce", produced())
    assert shipper.flush(60)
    shipper.close()
    assert stored(store) == 10


@pytest.mark.parametrize("call", ["ftruncate", "posix_fallocate"])
def test_a_window_that_there_is_no_memory_for_goes_over_flight_and_is_there_once(call, store, server, address, monkeypatch):
    said = []
    monkeypatch.setattr(os, call, lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    shipper = Shipper(address, log=said.append)
    for number in range(3):
        shipper.submit("kafka_produce", produced(10, number))
    assert shipper.flush(60)
    shipper.close()
    assert stored(store) == 30
    assert "No space left on device" in said[0]
    assert said[-1] == "connected to the store"


def test_after_a_break_memory_is_tried_again(store, address, server, tmp_path):
    shipper = Shipper(address)
    shipper.submit("kafka_produce", produced())
    assert shipper.flush(60)
    server.close()
    shipper.submit("kafka_produce", produced())
    assert not shipper.flush(0.5)
    again = IngestServer(store, address)
    assert shipper.flush(60)
    shipper.close()
    again.close()
    assert stored(store) == 20
    assert not (tmp_path / f"i.sock{SUFFIX}").exists()


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"{}", "not a window of batches"),
        (b"[]", "not a window of batches"),
        (b"no JSON", "Expecting value"),
        (b'{"batches": [{"table": "kafka_produce", "at": 0, "length": 64}]}', "without session, sequence and agent"),
        (b'{"batches": [{"table": "kafka_produce", "session": "s", "asid": 1, "sequence": 0, "at": 0, "length": 1e9}]}', "a batch of 1000000000 bytes"),
        (b'{"batches": [{"table": "kafka_produce", "session": "s", "asid": 1, "sequence": 0, "at": 0, "length": 64}]}', "a batch of 64 bytes at 0 in a file of 0"),
    ],
)
def test_nonsense_is_refused_with_its_reason_and_the_connection_goes_on(server, address, message, why):
    window = Window()
    with socket.socket(socket.AF_UNIX) as agent:
        agent.settimeout(60)
        agent.connect(address + SUFFIX)
        window.offer(agent)
        with closing(lines(agent)) as answers:
            agent.sendall(message + b"\n")
            assert why in json.loads(next(answers))["failed"]
            agent.sendall(b'{"batches": []}\n')
            assert json.loads(next(answers)) == {"answers": []}
    window.close()
    assert server.stats()["refused"] == 1


def test_one_who_passes_no_file_is_not_served(server, address):
    with socket.socket(socket.AF_UNIX) as agent:
        agent.settimeout(60)
        agent.connect(address + SUFFIX)
        agent.sendall(b"\0" + b'{"batches": []}\n')
        assert agent.recv(100) == b""


def test_a_table_that_there_is_not_is_told_of_as_over_flight(server, address):
    said = []
    shipper = Shipper(address, log=said.append)
    shipper.submit("nothing", produced())
    assert shipper.flush(60)
    assert shipper.take_dropped() == {"nothing": 10}
    shipper.close()
    assert any("refused 10 rows of nothing" in line for line in said)


@pytest.mark.parametrize(("given", "arrive"), [("right", 10), ("wrong", 0), (None, 0)])
def test_a_token_is_asked_for(store, tmp_path, given, arrive):
    server = IngestServer(store, str(tmp_path / "t.sock"), token=Token("right"))
    shipper = Shipper(str(tmp_path / "t.sock"), token=given)
    shipper.submit("kafka_produce", produced())
    assert shipper.flush(60 if arrive else 1) == bool(arrive)
    assert stored(store) == arrive
    assert bool(arrive) or "token" in shipper.problem
    shipper.close(timeout_s=0.1)
    server.close()


def test_another_user_cannot_connect(server, address):
    assert os.stat(address + SUFFIX).st_mode & 0o777 == 0o600


def test_more_agents_than_a_host_has_are_turned_away_and_come_over_flight(store, server, address):
    held = [socket.socket(socket.AF_UNIX) for _ in range(16)]
    for agent in held:
        agent.connect(address + SUFFIX)
    shipper = Shipper(address)
    shipper.submit("kafka_produce", produced())
    assert shipper.flush(60)
    assert stored(store) == 10
    for agent in held:
        agent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        agent.close()
    shipper.close()
