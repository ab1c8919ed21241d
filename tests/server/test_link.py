"""What /metrics and the status tell of agents and of the Kubernetes watch."""

from kafkascope.export import text
from kafkascope.server.link import Link

WATCH = {"pods": {"lists": 2, "watches": 3, "events": 40, "bookmarks": 5, "failures": 1, "unreadable": 0, "left_out": 7}}


def lines(link):
    return [line for line in text.render(link.families(), text.PROMETHEUS).splitlines() if not line.startswith("#")]


def test_without_agents_and_cluster_nothing_is_told():
    assert Link().families() == []


def test_batches_that_came_twice_and_rows_of_both_sides_are_counted():
    found = lines(Link({"batches": 9, "rows": 900, "refused": 0, "repeated": 2, "paired": 450}))
    assert 'kafkascope_ingest_total{what="repeated"} 2' in found and 'kafkascope_ingest_total{what="paired"} 450' in found


def test_a_watch_that_hears_nothing_is_down():
    away = Link(watch=WATCH, problems=["the API server cannot be reached"])
    well, ill = lines(Link(watch=WATCH)), lines(away)
    assert [message["text"] for message in away.warnings()] == ["names and states of pods, services and nodes may be old: the API server cannot be reached"]
    assert 'kafkascope_kubernetes_watch_total{collection="pods",what="failures"} 1' in well
    assert 'kafkascope_kubernetes_left_out{collection="pods"} 7' in well
    assert "kafkascope_kubernetes_up 1" in well and "kafkascope_kubernetes_up 0" in ill
