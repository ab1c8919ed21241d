"""The demo and ``px up`` for a browser to walk through; started once, taken down at the end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

# As long as a machine that builds something else meanwhile may take: what comes sooner is not waited for.
expect.set_options(timeout=90_000)

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
#: The page of a server that runs already, with its token, over a demo that does: on the cluster whose kubeconfig KUBECONFIG names, else on this host.
SERVER = os.environ.get("KAFKASCOPE_TEST_SERVER")
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def px(*words: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    place = ["--kubeconfig", os.environ["KUBECONFIG"]] if SERVER and "KUBECONFIG" in os.environ and words[0] == "demo" else []
    return subprocess.run([sys.executable, "-m", "kafkascope.cli.main", *words, *place], capture_output=True, text=True, timeout=timeout, check=False)


@pytest.fixture(scope="session")
def demo() -> Iterator[None]:
    """The demo, running with the delay on."""
    if SERVER:
        switched = px("demo", "interact", "px-kafka", "--delay", "on")
        assert switched.returncode == 0, switched.stderr
        yield
        return
    if os.geteuid() != 0:
        pytest.skip("needs root: the walk is over live capture and network namespaces")
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    px("demo", "delete", "px-kafka")
    deployed = px("demo", "deploy", "px-kafka")
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    try:
        switched = px("demo", "interact", "px-kafka", "--delay", "on")
        assert switched.returncode == 0, switched.stderr
        yield
    finally:
        px("demo", "delete", "px-kafka")


@pytest.fixture(scope="session")
def server(demo: None) -> Iterator[str]:
    """The address of a running ``px up``, with some traffic seen."""
    if SERVER:
        yield SERVER
        return
    process = subprocess.Popen([sys.executable, "-m", "kafkascope.cli.main", "up", "--port", "0", "--no-data"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "http://" in line, f"px up printed {line!r}"
        url = line.split("is at ")[1].split()[0].rstrip("/")
        until = time.monotonic() + 120
        while time.monotonic() < until:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/api/status") as answer:
                if json.load(answer)["coverage"]["requests"] > 200:
                    break
            time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()
