"""Which process is whose: start, exec, end, pid reuse; pods by namespace, pid, cgroup."""

import pytest

from kafkascope.metadata.pods import Container, Pod, Service, World
from kafkascope.metadata.proc import TICK_NS
from kafkascope.metadata.processes import ProcessTable

S = 1_000_000_000
HOST_NETNS = 4026531840  # as in the fixture
ID = "a" * 64
UID = "28cdc458-1b2c-4d3e-8f90-0123456789ab"


def pod(name="order-1", netns=0, pids=(), container_id="c1", containers=None, uid=None, labels=(("name", "order"),)):
    found = containers if containers is not None else (Container("main", container_id, tuple(pids)),)
    return Pod(uid or f"uid-{name}", name, "px-kafka", "node-1", netns=netns, phase="Running", ready=True, labels=labels, containers=found)


def world(*pods, services=()):
    return World({p.uid: p for p in pods}, {s.uid: s for s in services})


@pytest.fixture
def table(fake):
    return ProcessTable(fake.proc, 7, "host-1", boot_ns=0)


def last(rows):
    return {row["pid"]: row for row in rows}


def test_a_new_process_has_its_row_and_an_old_one_no_second(fake, table):
    fake.add(10, comm="java", start=500, cmdline="java kafka.Kafka server.properties")
    (row,) = [r for r in table.scan(S) if r["pid"] == 10]
    assert row["upid"] == "7:10:500"
    assert (row["start_time"], row["stop_time"]) == (500 * TICK_NS, 0)
    assert (row["comm"], row["cmdline"], row["hostname"], row["pod_name"]) == ("java", "java kafka.Kafka server.properties", "host-1", "")
    assert table.scan(S + 1) == []


def test_a_process_that_ends_has_its_stop_time(fake, table):
    fake.add(10)
    table.scan(S)
    fake.remove(10)
    (row,) = table.scan(2 * S)
    assert (row["upid"], row["stop_time"], row["comm"]) == ("7:10:1000", 2 * S, "java")


def test_a_pid_used_again_is_another_process(fake, table):
    fake.add(10, start=1000, cmdline="first")
    table.scan(S)
    fake.add(10, start=2000, cmdline="second")
    rows = table.scan(100 * S)
    assert [(r["upid"], r["stop_time"], r["cmdline"]) for r in rows if r["pid"] == 10] == [("7:10:1000", 100 * S, "first"), ("7:10:2000", 0, "second")]


def test_exec_and_a_new_network_namespace_are_noticed_within_the_first_second(fake, table):
    table.set_world(world(pod(netns=77)), 0)
    fake.add(10, comm="python3", cmdline="python3 supervisor")
    assert last(table.scan(S))[10]["pod_name"] == ""
    fake.add(10, comm="python3", cmdline="python3 order.py", netns=77)
    (row,) = table.scan(S + 300_000_000)
    assert (row["cmdline"], row["pod_name"], row["container_name"]) == ("python3 order.py", "px-kafka/order-1", "main")


def test_kernel_threads_are_left_out(fake, table):
    fake.add(2, comm="kthreadd", flags=0x200000)
    assert [r["pid"] for r in table.scan(S)] == [1]


@pytest.mark.parametrize(
    ("process", "where", "expected"),
    [
        ({"netns": 77}, pod(netns=77), ("px-kafka/order-1", "main", "c1")),
        ({"netns": 77}, pod(netns=77, containers=(Container("a", "c1"), Container("b", "c2"))), ("px-kafka/order-1", "", "")),
        ({"netns": 77}, pod(netns=77, containers=(Container("a", "c1"), Container("b", "c2", (10,)))), ("px-kafka/order-1", "b", "c2")),
        ({"netns": 78}, pod(netns=77), ("", "", "")),
        ({"netns": HOST_NETNS}, pod(netns=HOST_NETNS), ("", "", "")),
        ({}, pod(pids=(10,)), ("px-kafka/order-1", "main", "c1")),
        ({"ppid": 9}, pod(pids=(9,)), ("px-kafka/order-1", "main", "c1")),
        ({"ppid": 9}, pod(pids=(8,)), ("px-kafka/order-1", "main", "c1")),
        ({"ppid": 1}, pod(pids=(8,)), ("", "", "")),
        ({"cgroup": f"0::/kubepods/pod{UID}/{ID}\n"}, pod(container_id=ID, uid=UID), ("px-kafka/order-1", "main", ID)),
        ({"cgroup": f"0::/kubepods/pod{UID}/{ID}\n"}, pod(container_id="other", uid=UID), ("px-kafka/order-1", "", ID)),
        ({"cgroup": f"0::/kubepods/pod{UID}/{ID}\n"}, pod(), ("", "", ID)),
    ],
    ids=["netns", "netns, two containers", "netns, two containers, pid", "another netns", "the host's netns", "pid", "child", "grandchild", "no descendant",
         "cgroup", "cgroup names the pod only", "cgroup of an unknown pod"],
)  # fmt: skip
def test_a_process_belongs_to(fake, table, process, where, expected):
    fake.add(8, start=10)
    fake.add(9, start=20, ppid=8)
    fake.add(10, **process)
    table.set_world(world(where), 0)
    row = last(table.scan(S))[10]
    assert (row["pod_name"], row["container_name"], row["container_id"]) == expected


def test_pods_that_come_later_move_their_processes_and_only_those(fake, table):
    fake.add(10, netns=77)
    fake.add(11)
    table.scan(S)
    (row,) = table.set_world(world(pod(netns=77)), 2 * S)
    assert (row["pid"], row["pod_name"], row["node_name"]) == (10, "px-kafka/order-1", "node-1")
    assert table.set_world(world(pod(netns=77)), 3 * S) == []


@pytest.mark.parametrize(
    "later",
    [world(pod(container_id="b" * 64, uid=UID)), world()],
    ids=["its container was restarted", "its pod was removed by force"],
)
def test_what_an_api_server_forgets_before_the_process_has_ended_stays_its_place(fake, table, later):
    fake.add(10, cgroup=f"0::/kubepods/pod{UID}/{ID}\n")
    table.set_world(world(pod(container_id=ID, uid=UID), services=(Service("s", "order", "px-kafka", selector=(("name", "order"),)),)), 0)
    before = last(table.scan(S))[10]
    table.set_world(later, 2 * S)
    fake.remove(10)
    (row,) = table.scan(3 * S)
    assert row["stop_time"] == 3 * S
    assert [row[name] for name in ("pod_id", "pod_name", "namespace", "container_id", "container_name")] == [UID, "px-kafka/order-1", "px-kafka", ID, "main"]
    assert before["service_name"] == "px-kafka/order" and row["service_name"] == ("" if later.pods else "px-kafka/order")


def test_a_process_that_moved_to_another_pod_leaves_the_place_it_had(fake, table):
    fake.add(10, cgroup=f"0::/kubepods/pod{UID}/{ID}\n")
    table.set_world(world(pod(container_id=ID, uid=UID)), 0)
    table.scan(S)
    fake.add(10, cgroup=f"0::/kubepods/pod{UID[::-1]}/{'d' * 64}\n")
    (row,) = table.scan(2 * S)
    assert (row["pod_name"], row["container_name"], row["container_id"]) == ("", "", "d" * 64)


def test_services_of_a_process_none_one_several(fake, table):
    fake.add(10, netns=77)
    table.scan(S)

    def services(*names):
        found = [Service(f"uid-{n}", n, "px-kafka", selector=(("name", "order"),)) for n in names]
        elsewhere = Service("x", "elsewhere", "other", selector=(("name", "order"),))
        table.set_world(world(pod(netns=77), services=(*found, elsewhere)), 2 * S)
        return last(table.all_rows(3 * S))[10]["service_name"]

    assert services() == ""
    assert services("order") == "px-kafka/order"
    assert services("order", "all") == '["px-kafka/all", "px-kafka/order"]'


def test_a_process_seen_in_captured_data_is_looked_up_at_once(fake, table):
    table.scan(S)
    fake.add(10, start=500, cmdline="kcat -C")
    (row,) = table.told(["7:10:500", "", "3:10:500", "nonsense"], S + 1)
    assert (row["upid"], row["cmdline"]) == ("7:10:500", "kcat -C")
    assert table.told(["7:10:500"], S + 2) == []
    assert table.processes[10].wanted


def test_a_process_that_was_gone_before_anyone_looked_has_a_row_with_what_is_known(fake, table):
    (row,) = table.told(["7:99:500"], 20 * S)
    assert (row["upid"], row["pid"], row["start_time"], row["stop_time"]) == ("7:99:500", 99, 500 * TICK_NS, 20 * S)


def test_more_processes_than_the_limit_are_counted_not_followed(fake):
    for pid in range(10, 20):
        fake.add(pid)
    table = ProcessTable(fake.proc, 7, "host-1", boot_ns=0, limit=5)
    table.scan(S)
    assert len(table.processes) == 5
    assert table.not_followed == 6


@pytest.mark.parametrize(("cmdline", "expected"), [
    ("java -Xmx1g -cp /opt/kafka/libs/* kafka.Kafka /etc/server.properties", True), ("/opt/kafka/kafka.Kafka start", True),
    ("java io.confluent.support.metrics.SupportedKafka x", True), ("java org.apache.kafka.tools.ConsoleProducer --topic kafka", False), ("", False),
])  # fmt: skip
def test_brokers_are_known_by_their_command_line(fake, table, cmdline, expected):
    fake.add(10, cmdline=cmdline)
    table.scan(S)
    assert table.processes[10].is_broker is expected


def test_old_processes_are_looked_at_again_within_a_minute(fake, table):
    for pid in range(10, 40):
        fake.add(pid, cmdline="before")
    for second in range(20):
        table.scan(S * (1 + second))
    for pid in range(10, 40):
        fake.add(pid, cmdline="after")
    for second in range(21, 150):
        table.scan(S * second)
    assert {table.processes[pid].cmdline for pid in range(10, 40)} == {"after"}


def test_the_sandbox_of_a_pod_is_the_runtimes_and_none_of_its_containers(fake, table):
    known = pod(container_id=ID, uid=UID)
    table.set_world(world(known), 0)
    fake.add(10, comm="pause", cmdline="/pause", cgroup=f"0::/kubepods/besteffort/pod{UID}/{'b' * 64}\n")
    fake.add(11, comm="java", cmdline="java", cgroup=f"0::/kubepods/besteffort/pod{UID}/{'c' * 64}\n")
    rows = last(table.scan(S))
    assert (rows[10]["pod_id"], rows[10]["pod_name"]) == ("", "")
    assert (rows[11]["pod_id"], rows[11]["pod_name"]) == (UID, "px-kafka/order-1"), "a container that the API server does not know yet"
