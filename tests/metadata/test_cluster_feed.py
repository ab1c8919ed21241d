"""What a server makes of the API server's watch when some of what it knew has gone while it was away."""

import time
from dataclasses import dataclass, field

import pytest

from kafkascope.metadata import rows
from kafkascope.server.kubernetes import ClusterFeed
from kafkascope.store import Store

KEYS = {"md_pod": "pod_id", "md_container": "container_id", "md_service": "service_id", "md_node": "node_name", "md_namespace": "namespace"}


@dataclass
class Watch:
    """A cluster of one node and one namespace, of which nothing is new."""

    pod_ids: set[str] = field(default_factory=lambda: {"p1"})
    service_ids: set[str] = field(default_factory=lambda: {"s1"})
    nodes: set[str] = field(default_factory=lambda: {"n1"})
    namespaces: set[str] = field(default_factory=lambda: {"shop"})
    synced: bool = True

    def start(self):
        pass

    def stop(self):
        pass

    def changes(self):
        return {}

    everything = changes


@pytest.fixture
def store():
    with Store(None, memory_limit="256MB") as store:
        for table, known in {
            "md_pod": [{"pod_id": "p1", "node_name": "n1"}, {"pod_id": "p2", "node_name": "n1"}, {"pod_id": "on-a-host", "node_name": "laptop"}],
            "md_container": [{"container_id": "c1", "pod_id": "p1"}, {"container_id": "c2", "pod_id": "p2"}],
            "md_service": [{"service_id": "s1", "namespace": "shop"}, {"service_id": "s2", "namespace": "shop"}, {"service_id": "s3", "namespace": "old"}, {"service_id": "px-kafka/kafka", "namespace": "px-kafka"}],
            "md_node": [{"node_name": "n1", "labels": '{"zone":"a"}'}, {"node_name": "n2", "labels": '{"zone":"a"}'}, {"node_name": "laptop", "labels": "{}"}],
            "md_namespace": [{"namespace": "shop"}, {"namespace": "old"}],
        }.items():  # fmt: skip
            store.append(table, rows.build(table, [{"status": "{}", **row} if table in ("md_pod", "md_container") else row for row in known]))
        yield store


def ended(store):
    return {row[key] for table, key in KEYS.items() for row in store.newest[table].table().to_pylist() if row["stop_time"]}


def test_what_went_while_no_server_listened_has_ended_and_what_other_hosts_told_has_not(store):
    feed = ClusterFeed(store, Watch())
    try:
        end = time.monotonic() + 30
        while not ended(store) >= {"p2", "c2", "s2", "s3", "n2", "old"} and time.monotonic() < end:
            time.sleep(0.02)
        assert ended(store) == {"p2", "c2", "s2", "s3", "n2", "old"}
    finally:
        feed.close()
