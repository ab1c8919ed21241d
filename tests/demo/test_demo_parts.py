"""The demo's parts without a broker: names, the lock of jars, networks, the description of pods."""

import ipaddress
import json
import re
import socket
import threading
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from kafkascope.demo import cli, jars, network, pods_file
from kafkascope.demo.broker import cluster_id
from kafkascope.demo.errors import DemoError
from kafkascope.demo.network import Place
from kafkascope.demo.plan import PX_KAFKA, find, pod_name
from kafkascope.demo.pod import Pod


def pod(tmp_path: Path) -> Pod:
    deployment = PX_KAFKA.by_name["order"]
    return Pod(pod_name("px-kafka", deployment, 0), deployment, Place("10.77.0.3", "n", 4242), 8080, ["true"], {}, tmp_path / "log", tmp_path)


def test_an_unknown_demo_is_wrong_use_and_names_those_there_are():
    with pytest.raises(DemoError) as caught:
        find("px-nope")
    assert caught.value.code == 2 and "px-kafka" in caught.value.hint


@pytest.mark.parametrize("configured", [True, False])
def test_the_demo_of_this_host_is_said_to_be_meant_where_a_cluster_is_configured(monkeypatch, capsys, tmp_path, configured):
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text("")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig if configured else tmp_path / "nothing"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(cli.control, "runs", lambda found: True)
    assert cli._cluster(PX_KAFKA, None, None) is None
    assert ("--kubeconfig" in capsys.readouterr().err) is configured


def test_deployments_start_after_known_ones_only():
    seen = set()
    for deployment in PX_KAFKA.deployments:
        assert set(deployment.after) <= seen
        seen.add(deployment.name)


def test_the_lock_has_the_version_of_the_pom():
    versions = [e.text for e in ElementTree.parse(jars.HERE / "pom.xml").iter() if e.tag.endswith("}version")]
    assert jars.VERSION in versions
    assert f"kafka_2.13-{jars.VERSION}.jar" in jars.lock()
    assert all(len(digest) == 64 for digest in jars.lock().values())


def test_a_jar_with_other_bytes_is_named(tmp_path):
    names = sorted(jars.lock())
    (tmp_path / names[0]).write_bytes(b"not this")
    found = jars.problems(tmp_path)
    assert found[0].startswith(names[0]) or any("other bytes" in text and names[0] in text for text in found)
    assert len(found) == len(names)


def test_a_network_that_the_host_routes_is_not_taken(monkeypatch):
    monkeypatch.setattr(network, "_ip", lambda *_, **__: json.dumps([{"dst": "default"}, {"dst": "10.0.0.0/8"}]))
    assert network.free_subnet() == ipaddress.ip_network("172.30.77.0/24")


def test_pods_are_described_as_the_metadata_reads_them(tmp_path):
    one = pod(tmp_path)
    path = tmp_path / "pods.d" / "px-kafka.json"
    pods_file.write(path, pods_file.describe(PX_KAFKA, "host", [one]))
    told = json.loads(path.read_text())
    assert (told["version"], told["namespace"], told["node"]) == (1, "px-kafka", "host")
    (described,) = told["pods"]
    assert (described["name"], described["ip"], described["netns"], described["phase"]) == (one.name, "10.77.0.3", 4242, "Pending")
    service = next(s for s in told["services"] if s["name"] == "order-service")
    assert service["selector"].items() <= described["labels"].items()
    assert [p.name for p in path.parent.iterdir()] == ["px-kafka.json"]


def test_a_container_that_dies_is_started_again_and_counted(tmp_path):
    one = pod(tmp_path)
    one.place = Place("127.0.0.1")
    one.start()
    first = one.process.pid
    one.process.wait(60)
    one.check()
    assert one.reason == "exited with code 0" and one.restarts == 0
    one._start_at = 0.001
    one.check()
    assert one.restarts == 1 and one.process.pid != first
    one.stop()


def test_a_container_that_answers_something_else_is_not_ready(tmp_path):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        one = pod(tmp_path)
        one.place, one.port = Place("127.0.0.1"), listening.getsockname()[1]

        def answer():
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"what?\r\n\r\n")

        answering = threading.Thread(target=answer)
        answering.start()
        assert not one._probe()
        answering.join(60)


def test_services_find_each_other_by_the_file_on_a_host_and_by_name_in_a_cluster(tmp_path, monkeypatch):
    from kafkascope.demo.services import peers

    (tmp_path / "endpoints.json").write_text('{"order": ["10.0.0.2:8080"]}')
    monkeypatch.setenv("DEMO_ENDPOINTS", str(tmp_path / "endpoints.json"))
    assert (peers.addresses("order"), peers.addresses("shipping")) == (["10.0.0.2:8080"], [])
    monkeypatch.delenv("DEMO_ENDPOINTS")
    monkeypatch.setattr(peers.socket, "getaddrinfo", lambda name, port, *_: [(2, 1, 6, "", (ip, port)) for ip in ("10.0.0.4", "10.0.0.3", "10.0.0.4") if name == "shipping-service"])
    assert peers.addresses("shipping") == ["10.0.0.3:8080", "10.0.0.4:8080"]


def test_a_consumer_that_hangs_is_not_healthy_and_one_whose_broker_is_away_is(monkeypatch):
    from kafkascope.demo.services import consumer

    handler = consumer.Handler("shipping", "127.0.0.1:9")
    worker = threading.Thread(target=handler.run)
    worker.start()
    before, end = handler.asked_s, time.monotonic() + 60
    while handler.asked_s <= before + 2 * consumer.LOOK_AGAIN_S and time.monotonic() < end:
        time.sleep(0.1)
    away = handler.health(worker)
    monkeypatch.setattr(consumer, "HANGS_S", 0.0)
    hung = handler.health(worker)
    handler.stopped.set()
    worker.join(60)
    assert (away.status, hung.status) == (200, 503) and handler.asked_s > before + 2 * consumer.LOOK_AGAIN_S


def test_each_demo_is_a_kafka_cluster_of_its_own():
    ids = {cluster_id() for _ in range(50)} | {cluster_id(b"a namespace"), cluster_id(b"another")}
    assert len(ids) == 52 and cluster_id(b"a namespace") == cluster_id(b"a namespace")
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{21}", found) for found in ids), "as Kafka writes its Uuid, and no option of its tool"
