"""The demo whole: a real broker, real services, nothing left afterwards."""

import os
import shutil
import signal
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from kafkascope.demo import control
from kafkascope.demo.paths import paths
from kafkascope.demo.plan import PX_KAFKA
from kafkascope.demo.supervisor import free_port

pytestmark = [pytest.mark.demo, pytest.mark.timeout(600), pytest.mark.skipif(shutil.which("java") is None, reason="needs Java"),
              pytest.mark.skipif(control.ask(paths("px-kafka"), command="status") is not None, reason="a demo is running that is not this test's")]  # fmt: skip


@pytest.fixture(scope="module")
def deployed():
    yield control.deploy(PX_KAFKA, free_port(), lambda _: None)
    control.delete(PX_KAFKA)


def until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not come about in time"
        time.sleep(0.2)


def page(url, fields=None):
    body = urllib.parse.urlencode(fields).encode() if fields else None
    with urllib.request.urlopen(url, body, timeout=20) as answer:
        return answer.read().decode()


def test_an_order_is_shipped(deployed):
    page(f"{deployed['front']}/order", {"name": "Zoe <b>", "item": "Lamp", "count": "2", "form": "1"})
    until(lambda: "Zoe &lt;b&gt;" in page(f"{deployed['front']}/shipping"), 60)


def test_the_delay_is_switched(deployed):
    assert control.delay(PX_KAFKA, "on") and control.delay(PX_KAFKA, None)
    assert not control.delay(PX_KAFKA, "off")


def test_scaling_adds_members_and_takes_them_away(deployed):
    for replicas in (3, 1):
        told = control.scale(PX_KAFKA, "shipping", replicas, lambda _: None)
        assert sum(p["deployment"] == "shipping" for p in told["pods"]) == replicas


@pytest.mark.parametrize("name", ["invoicing", "kafka"])
def test_what_dies_comes_back(deployed, name):
    def state():
        return next(p for p in control.status(PX_KAFKA)["pods"] if p["deployment"] == name)

    before = state()
    os.kill(before["pid"], signal.SIGKILL)
    until(lambda: state()["restarts"] == before["restarts"] + 1 and state()["ready"], 120)


def test_delete_leaves_nothing_even_when_the_supervisor_was_killed(deployed):
    where = paths(PX_KAFKA.name)
    pids = [p["pid"] for p in control.status(PX_KAFKA)["pods"]]
    os.kill(control._holder(where), signal.SIGKILL)
    control.delete(PX_KAFKA)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 60)
    assert not where.run.exists() and not where.data.exists() and not where.pods_file(PX_KAFKA.name).exists()
    if shutil.which("ip"):
        assert "px-kafka" not in subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
        assert "kfs-demo0" not in subprocess.run(["ip", "link"], capture_output=True, text=True, check=True).stdout
