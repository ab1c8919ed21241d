"""The demo's consumers go on when their broker came back without its disk, whatever their group was doing when it went. Slow: a real broker, twice."""

import contextlib
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer

from kafkascope.demo import jars
from kafkascope.demo.broker import Broker, settings
from kafkascope.demo.paths import paths
from kafkascope.demo.services.consumer import Handler
from kafkascope.demo.services.order import COMMON, TOPIC, create_topic

# What waits for a cluster waits for a broker.
sys.path.append(str(Path(__file__).resolve().parents[1] / "kubernetes"))
from waiting import eventually, free_port

pytestmark = [pytest.mark.demo, pytest.mark.timeout(600), pytest.mark.skipif(shutil.which("java") is None, reason="needs Java")]


class Server:
    """A broker that has its cluster's id, and nothing else, from the one before it."""

    def __init__(self, folder):
        cache = paths("px-kafka").cache
        self.port, self.folder = free_port(), folder
        self.address = f"127.0.0.1:{self.port}"
        self.broker = Broker(jars.java(), jars.ready(cache), cache, folder)
        self.properties = settings(host="127.0.0.1", advertised="127.0.0.1", port=self.port, controller_port=free_port(), data=folder / "log")
        self.process = None

    def start(self):
        self.broker.prepare(self.properties)
        with (self.folder / "out").open("w") as out:
            self.process = subprocess.Popen(self.broker.command(), cwd=self.folder, stdout=out, stderr=subprocess.STDOUT)
        assert eventually(self.serves)

    def serves(self):
        with contextlib.suppress(KafkaException, TimeoutError):
            create_topic(self.address)
            return True
        return False

    def go(self):
        """Take its leave, so that its clients hear of later epochs of its leaders, and its disk with it."""
        self.process.terminate()
        self.process.wait(120)
        shutil.rmtree(self.folder)


@pytest.fixture
def server(tmp_path):
    one = Server(tmp_path / "broker")
    one.start()
    yield one
    one.process.kill()
    one.process.wait(60)


@pytest.fixture
def member(server):
    """A function that starts one more member of the group ``shipping``."""
    started = []

    def start():
        handler = Handler("shipping", server.address)
        worker = threading.Thread(target=handler.run)
        worker.start()
        started.append((handler, worker))
        return handler

    yield start
    for handler, _ in started:
        handler.stopped.set()
    for _, worker in started:
        worker.join(60)


def order(server):
    """Produce so many orders that each partition has some."""
    producer = Producer({**COMMON, "bootstrap.servers": server.address})
    for number in range(200):
        producer.produce(TOPIC, b'{"id": "1"}', str(number).encode())
    assert producer.flush(60) == 0


def test_a_member_that_had_partitions_and_waits_for_others_when_its_broker_goes_gets_orders_of_the_next(server, member):
    first = member()
    assert eventually(lambda: len(first.partitions) == 5)
    silent = Consumer({**COMMON, "bootstrap.servers": server.address, "group.id": "shipping"})
    silent.subscribe([TOPIC])
    assert eventually(lambda: silent.poll(0.1) is None and silent.assignment() and first.partitions)
    # No longer polled, it does not give its partitions back, and each rebalance waits for it.
    second = member()
    assert eventually(lambda: not first.partitions)
    server.go()
    server.start()
    order(server)
    assert eventually(lambda: first.partitions and second.partitions)
    before = first.total, second.total
    order(server)
    assert eventually(lambda: first.total > before[0] and second.total > before[1], 60)
    silent.close()
