from kafkascope.metadata.kubernetes.changed_rows import ChangedRows


def test_only_what_changes_is_told_and_an_end_once():
    nodes = ChangedRows()
    nodes.hear("n1", {"cpus": 4, "stop_time": 0})
    assert nodes and nodes.take(5) == [{"cpus": 4, "stop_time": 0, "time_": 5}]
    nodes.hear("n1", {"cpus": 4, "stop_time": 0})
    assert not nodes and nodes.take(6) == []
    nodes.hear("n1", {"cpus": 8, "stop_time": 0})
    nodes.hear("n1", None)
    assert nodes.take(7) == [{"cpus": 8, "stop_time": 7, "time_": 7}]
    nodes.hear("n1", None)
    assert not nodes


def test_what_came_again_has_not_ended():
    nodes = ChangedRows()
    nodes.hear("n1", {"stop_time": 0})
    nodes.take(1)
    nodes.hear("n1", None)
    nodes.hear("n1", {"stop_time": 0})
    assert nodes.take(2) == [{"stop_time": 0, "time_": 2}]


def test_everything_is_told_again_with_what_ended_meanwhile():
    nodes = ChangedRows()
    nodes.hear("n1", {"name": "n1", "stop_time": 0})
    nodes.hear("n2", {"name": "n2", "stop_time": 0})
    nodes.take(1)
    nodes.hear("n1", None)
    nodes.tell_all()
    assert sorted((row["name"], row["stop_time"]) for row in nodes.take(2)) == [("n1", 2), ("n2", 0)]
