"""The link from an agent to a store: nothing twice, nothing silently lost."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from kafkascope.agent.link import Destination, FlightLink
from kafkascope.agent.ship import Shipper
from kafkascope.metadata import rows
from kafkascope.store import Store
from kafkascope.store.errors import StoreError
from kafkascope.store.ingest import IngestServer
from kafkascope.tokens import Token


def eventually(found):
    end = time.monotonic() + 60
    while not found() and time.monotonic() < end:
        time.sleep(0.01)
    return found()


def batch(count=10, start=1000):
    return rows.build("kafka_produce", [{"time_": start + i, "topic": "order"} for i in range(count)])


@pytest.fixture(params=["memory", "flight"], autouse=True)
def way(request, monkeypatch):
    """The two ways to a store on the same host; to another host there is one."""
    if request.param == "flight":
        monkeypatch.setattr(Destination, "connect", lambda self, **_: FlightLink(self))


@pytest.fixture
def store():
    with Store(None, memory_limit="256MB") as opened:
        yield opened


@pytest.fixture
def socket(tmp_path):
    return str(tmp_path / "ingest.sock")


def produced(store):
    return store.stats()["tables"]["kafka_produce"]["rows"]


def test_batches_arrive_in_any_number_of_tables(store, socket):
    server, shipper = IngestServer(store, socket), Shipper(socket)
    for n in range(300):
        shipper.submit("kafka_produce", batch(10, n))
        shipper.submit("md_agent", rows.build("md_agent", [{"time_": n, "agent_id": "a"}]))
    assert shipper.flush(60)
    assert produced(store) == 3000
    assert store.stats()["tables"]["md_agent"]["rows"] == 1
    assert shipper.close() == 0
    server.close()
    assert server.stats()["rows"] == 3300


def test_rows_are_in_the_store_soon_after_they_were_submitted(store, socket):
    server, shipper = IngestServer(store, socket), Shipper(socket)
    shipper.submit("kafka_produce", batch(1))
    shipper.flush(60)
    times = []
    for n in range(20):
        began = time.monotonic()
        shipper.submit("kafka_produce", batch(1))
        while produced(store) < n + 2:
            time.sleep(0.001)
        times.append(time.monotonic() - began)
        time.sleep(0.01)
    # A machine that is busy makes some of them wait; one that waits for a beat would make all.
    assert sorted(times)[4] < 0.1
    shipper.close()
    server.close()


def test_what_is_submitted_together_waits_for_the_last_of_it(store, socket):
    server, shipper = IngestServer(store, socket), Shipper(socket)
    with shipper.together():
        for table in ("kafka_produce", "kafka_fetch"):
            shipper.submit(table, rows.build(table, [{"time_": 1}]))
        time.sleep(0.1)
        assert shipper.rows_sent == 0
    assert shipper.flush(60)
    assert shipper.sent == {"kafka_produce": 1, "kafka_fetch": 1}
    assert abs(shipper.clock.offset_ns) < 1e9
    shipper.close()
    server.close()


def test_what_was_submitted_while_the_store_was_away_arrives_when_it_comes(store, socket):
    shipper = Shipper(socket)
    for n in range(5):
        assert shipper.submit("kafka_produce", batch(10, n))
    assert not shipper.flush(0.3)
    server = IngestServer(store, socket)
    assert shipper.flush(60)
    server.close()
    shipper.submit("kafka_produce", batch(10))
    time.sleep(0.3)
    server = IngestServer(store, socket)
    assert shipper.flush(60)
    assert produced(store) == 60
    assert shipper.take_dropped() == {}
    shipper.close()
    server.close()


def test_a_full_queue_drops_what_comes_and_counts_it_by_table(socket):
    shipper = Shipper(socket, max_bytes=5 * batch(100).nbytes)
    taken = [shipper.submit("kafka_produce", batch(100)) for _ in range(8)]
    assert taken == [True] * 5 + [False] * 3
    assert shipper.take_dropped() == {"kafka_produce": 300}
    assert shipper.take_dropped() == {}
    began = time.monotonic()
    assert shipper.close(timeout_s=0.2) == 500
    assert time.monotonic() - began < 20


def test_a_batch_that_comes_a_second_time_is_stored_once(store, socket):
    server = IngestServer(store, socket)
    client = flight.connect(f"grpc+unix://{socket}")
    for _ in range(2):
        writer, reader = client.do_put(flight.FlightDescriptor.for_path("kafka_produce"), batch().schema)
        for sequence in range(3):
            writer.write_with_metadata(batch(), pa.py_buffer(b'{"session": "s", "asid": 1, "sequence": %d}' % sequence))
            reader.read()
        writer.close()
    assert produced(store) == 30
    assert server.stats() == {"batches": 3, "rows": 30, "refused": 0, "repeated": 3, "paired": 0, "own_link": 0}
    client.close()
    server.close()


def test_what_the_store_refuses_is_counted_and_does_not_hold_up_the_rest(store, socket):
    said = []
    server, shipper = IngestServer(store, socket), Shipper(socket, log=said.append)
    shipper.submit("no_such_table", batch(7))
    shipper.submit("kafka_produce", batch(10))
    assert shipper.flush(60)
    assert produced(store) == 10
    assert shipper.take_dropped() == {"no_such_table": 7}
    assert any("no table 'no_such_table'" in line for line in said)
    shipper.close()
    server.close()


SERVER = """
    import sys, time
    from pathlib import Path
    from kafkascope.store import Store
    from kafkascope.store.ingest import IngestServer
    store = Store(Path(sys.argv[1]), maintenance_s=0.02)
    server = IngestServer(store, sys.argv[2])
    print("ready", flush=True)
    while True:
        store.roll()
        time.sleep(0.02)
"""


def test_a_server_killed_again_and_again_loses_and_doubles_nothing(tmp_path, socket):
    folder = tmp_path / "store"
    shipper = Shipper(socket)
    enough = threading.Event()
    began = time.time_ns()
    sent = 0

    def send():
        nonlocal sent
        while not enough.is_set():
            shipper.submit("kafka_produce", batch(5, began + sent))
            sent += 5
            time.sleep(0.005)

    sender = threading.Thread(target=send)
    sender.start()
    for _ in range(3):
        server = subprocess.Popen([sys.executable, "-c", textwrap.dedent(SERVER), str(folder), socket], stdout=subprocess.PIPE, text=True)
        with server.stdout:
            assert server.stdout.readline() == "ready\n"
            time.sleep(0.4)
            server.send_signal(signal.SIGKILL)
        server.wait()
    enough.set()
    sender.join()
    with Store(folder) as store:
        server = IngestServer(store, socket)
        assert shipper.flush(60)
        engine = store.engine()
        sql = f"SELECT count(*) AS rows, count(DISTINCT time_) AS times FROM ({engine.scan('kafka_produce', None, None, ['time_'])})"
        assert engine.execute(sql, timeout_s=60).to_pylist() == [{"rows": sent, "times": sent}]
        shipper.close()
        server.close()


def test_the_socket_is_for_its_owner_only_and_goes_with_the_server(store, socket):
    server = IngestServer(store, socket)
    assert os.stat(socket).st_mode & 0o077 == 0
    with pytest.raises(StoreError, match="another server listens"):
        IngestServer(store, socket)
    server.close()
    assert not os.path.exists(socket)


def test_a_socket_left_by_a_killed_server_is_taken_over_and_a_file_is_not(store, tmp_path):
    import socket as sockets

    left = tmp_path / "left.sock"
    with sockets.socket(sockets.AF_UNIX) as old:
        old.bind(str(left))
    IngestServer(store, str(left)).close()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StoreError, match="is not a socket"):
        IngestServer(store, str(tmp_path / "file"))
    with pytest.raises(StoreError, match="longer than the system allows"):
        IngestServer(store, str(tmp_path / ("x" * 120)))


@pytest.mark.parametrize(("given", "arrives"), [("right", True), ("wrong", False), (None, False)])
def test_a_token_is_asked_for_over_tcp(store, given, arrives):
    server = IngestServer(store, "grpc+tcp://127.0.0.1:0", token="right")
    shipper = Shipper(f"grpc+tcp://127.0.0.1:{server.port}", token=given)
    shipper.submit("kafka_produce", batch(10))
    assert shipper.flush(60 if arrives else 0.5) is arrives
    assert produced(store) == (10 if arrives else 0)
    shipper.close(timeout_s=0.1)
    server.close()


def test_other_hosts_are_let_in_only_with_a_token(store):
    with pytest.raises(StoreError, match="no token is set"):
        IngestServer(store, "grpc+tcp://0.0.0.0:0")
    with pytest.raises(StoreError, match="no certificate"):
        IngestServer(store, "grpc+tcp://0.0.0.0:0", token="t")


# ---- between hosts: TLS and a token that may change ----


@pytest.fixture(scope="module")
def certificate():
    from kafkascope.deploy.certificates import make

    return make(["localhost", "127.0.0.1"])


def test_tls_with_a_certificate_of_our_own_and_a_token_from_a_file(store, tmp_path, certificate):
    (tmp_path / "token").write_text("first\n")
    server = IngestServer(store, "grpc+tls://127.0.0.1:0", token=Token(file=str(tmp_path / "token")), certificate=(certificate.certificate, certificate.key))
    shipper = Shipper(f"grpc+tls://localhost:{server.port}", token=Token(file=str(tmp_path / "token")), root_certificate=certificate.authority)
    shipper.submit("kafka_produce", batch(10))
    assert shipper.flush(60) and produced(store) == 10
    shipper.close()
    server.close()


@pytest.mark.parametrize("other", ["authority", "name"])
def test_a_server_with_another_certificate_gets_nothing(store, certificate, other):
    from kafkascope.deploy.certificates import make

    said = []
    shown = make(["localhost"]) if other == "authority" else make(["elsewhere.example"])
    trusted = certificate.authority if other == "authority" else shown.authority
    server = IngestServer(store, "grpc+tls://127.0.0.1:0", token="t", certificate=(shown.certificate, shown.key))
    shipper = Shipper(f"grpc+tls://localhost:{server.port}", token="t", root_certificate=trusted, log=said.append)
    shipper.submit("kafka_produce", batch(10))
    assert not shipper.flush(1)
    assert eventually(lambda: any("cannot be reached" in line for line in said)), said
    assert produced(store) == 0
    shipper.close(timeout_s=0.1)
    server.close()


def test_a_revoked_token_ends_the_stream_and_a_new_one_goes_on_without_loss(store, tmp_path, monkeypatch):
    monkeypatch.setattr("kafkascope.tokens._LOOK_S", 0.0)
    said = []
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_text("old")
    theirs.write_text("old")
    server = IngestServer(store, "grpc+tcp://127.0.0.1:0", token=Token(file=str(theirs)))
    shipper = Shipper(f"grpc+tcp://127.0.0.1:{server.port}", token=Token(file=str(ours)), log=said.append)
    shipper.submit("kafka_produce", batch(10))
    assert shipper.flush(60)
    theirs.write_text("new")
    shipper.submit("kafka_produce", batch(10))
    assert not shipper.flush(1) and produced(store) == 10
    assert eventually(lambda: any("token is missing, wrong or revoked" in line for line in said)), said
    ours.write_text("new")
    assert shipper.flush(60) and produced(store) == 20
    theirs.write_text("")
    shipper.submit("kafka_produce", batch(10))
    assert not shipper.flush(0.5) and produced(store) == 20
    shipper.close(timeout_s=0.1)
    server.close()


def test_what_one_agent_learned_of_topics_the_others_hear(store, socket):
    server = IngestServer(store, socket)
    first, second = Shipper(socket, asid=1), Shipper(socket, asid=2)
    first.submit("kafka_topic_names", rows.build("kafka_topic_names", [{"time_": 1, "topic_id": "id-1", "topic": "order", "source": "log_directory"}]))
    assert first.flush(60)
    for _ in range(2):
        second.submit("md_agent", rows.build("md_agent", [{"time_": 1, "agent_id": "b"}]))
        assert second.flush(60)
    assert second.take_learned() == [("id-1", "order")]
    assert second.take_learned() == []
    first.close(), second.close()
    server.close()


def test_the_clock_is_compared_with_the_servers(store, socket):
    server, shipper = IngestServer(store, socket), Shipper(socket)
    for _ in range(5):
        shipper.submit("kafka_produce", batch(1))
        assert shipper.flush(60)
    # Both have one clock; how exactly that can be seen is a matter of the round trip.
    assert abs(shipper.clock.offset_ns) <= shipper.clock.error_ns + 1_000_000
    shipper.close()
    server.close()


def test_the_servers_own_connections_with_agents_are_no_kafka_that_was_not_seen(store, certificate):
    own = "10.0.0.7"
    server = IngestServer(store, "grpc+tls://127.0.0.1:0", token="t", certificate=(certificate.certificate, certificate.key), own_addresses=[own])
    shipper = Shipper(f"grpc+tls://localhost:{server.port}", token="t", root_certificate=certificate.authority)
    lost = [{"time_": 1, "reason": "tls", "local_addr": address, "local_port": port} for address, port in ((own, server.port), (own, 9093), ("10.9.9.9", server.port))]
    # As another node's agent sees the same from the agent's end: towards the address of the server's service.
    lost += [{"time_": 1, "reason": "tls", "local_addr": address, "remote_addr": "10.96.0.7", "remote_port": server.port} for address in ("127.0.0.1", "10.9.9.9")]
    shipper.submit("kafka_loss", rows.build("kafka_loss", lost))
    assert shipper.flush(60)
    assert store.stats()["tables"]["kafka_loss"]["rows"] == server.stats()["rows"] == 3
    assert server.stats()["own_link"] == 2 and shipper.rows_sent == 5, "what is left out is counted"
    shipper.close()
    server.close()
