"""Processes that end before anyone looks."""

import subprocess
import time

import pytest

from kafkascope.metadata import execs
from kafkascope.metadata.cgroups import Membership
from kafkascope.metadata.execs import ExecWatcher
from kafkascope.metadata.pods import Container, Pod, World
from kafkascope.metadata.proc import Proc
from kafkascope.metadata.processes import ProcessTable

S = 1_000_000_000


def test_a_process_that_was_seen_at_its_exec_has_its_name_and_pod_after_its_end(fake):
    watcher = ExecWatcher(fake.proc)
    table = ProcessTable(fake.proc, 7, "host-1", boot_ns=0, execs=watcher)
    table.set_world(World({"u": Pod("u", "order-1", "px-kafka", "vm", netns=77, containers=(Container("main", "c"),))}), S)
    fake.add(50, comm="kcat", start=5, cmdline="kcat -P -t order", netns=77)
    watcher.look_up(50)
    fake.remove(50)
    (row,) = table.told(["7:50:5"], 2 * S)
    assert (row["comm"], row["cmdline"], row["pod_name"], row["stop_time"]) == ("kcat", "kcat -P -t order", "px-kafka/order-1", 2 * S)
    (other,) = table.told(["7:50:6"], 2 * S)
    assert (other["comm"], other["pod_name"]) == ("", "")


def test_memory_and_rate_are_bounded_and_what_was_skipped_is_counted(fake):
    for pid in range(100, 120):
        fake.add(pid)
    watcher = ExecWatcher(fake.proc, keep=5, rate=10)
    for pid in range(100, 120):
        watcher.look_up(pid, clock=lambda: 1.5)
    assert (watcher.looked_up, watcher.skipped) == (10, 10)
    assert [watcher.seen(pid, 1000) is not None for pid in range(100, 120)] == [False] * 5 + [True] * 5 + [False] * 10
    watcher.look_up(119, clock=lambda: 2.0)
    seen = watcher.seen(119, 1000)
    assert seen is not None
    assert seen.membership == Membership()


def test_the_kernel_tells_of_a_process_of_a_few_milliseconds():
    watcher = ExecWatcher(Proc())
    if (reason := watcher.start()) is not None:
        pytest.skip(reason)
    try:
        deadline, cmdline = time.monotonic() + 60, ""
        # On a busy machine some of them are gone before the watcher gets to look at them.
        while not cmdline and time.monotonic() < deadline:
            with subprocess.Popen(["sleep", "0.01"]) as child:
                child.wait()
            time.sleep(0.05)
            seen = watcher._seen.get(child.pid)
            cmdline = seen.cmdline if seen is not None else ""
        assert cmdline == "sleep 0.01"
    finally:
        watcher.close()


def test_a_host_that_does_not_allow_it_says_why(fake, monkeypatch):
    def refuse():
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(execs, "_listen", refuse)
    watcher = ExecWatcher(fake.proc)
    assert watcher.start() == "the kernel does not tell of execs: Operation not permitted"
    watcher.close()
