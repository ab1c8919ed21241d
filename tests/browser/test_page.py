"""The page against made-up answers: names from strangers, a server that goes away, a tab that stays open, and what axe-core finds.

Slow: Chromium, and Node for the made-up server.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import CHROMIUM, CHROMIUM_FLAGS, ROOT
from playwright.sync_api import Browser, Page, expect, sync_playwright

WEB = ROOT / "web"
NODE = shutil.which("node") or (str(path) if (path := ROOT / "build/node/bin/node").is_file() else None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(900),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
    pytest.mark.skipif(NODE is None or not (WEB / "node_modules").is_dir(), reason="needs Node and the page's packages (npm ci in web/)"),
]
HOSTILE_COUNT = 9


class MadeUp:
    """The made-up server, which can be stopped and started on its port."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert NODE is not None
        self._process = subprocess.Popen([NODE, str(WEB / "dev/server.mjs")], env={"PORT": str(self.port), "PATH": "/usr/bin:/bin"}, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/api/status"):
                return
            time.sleep(0.1)
        raise AssertionError("the made-up server does not answer")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def server() -> Iterator[MadeUp]:
    made = MadeUp()
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_FLAGS, "--js-flags=--expose-gc"])
        yield made
        made.close()


@pytest.fixture
def page(browser: Browser, server: MadeUp) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(30_000)
    yield page
    page.close()


@pytest.mark.parametrize("path", ["/?namespace=hostile", "/script/px/kafka_overview?namespace=hostile", "/script/px/kafka_topics?namespace=hostile", "/script/px/kafka_topic?topic=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"])
def test_names_from_strangers_are_text(page: Page, server: MadeUp, path: str) -> None:
    """Markup, direction overrides, 249 characters, control characters and formulas, in every place that shows a name."""
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(server.url + path)
    expect(page.get_by_test_id("main")).to_have_attribute("aria-busy", "false")
    page.wait_for_timeout(1000)
    assert page.evaluate("document.querySelectorAll('img[src=x], main script').length") == 0
    # What would turn the text around it is shown as what it is.
    shown = page.get_by_test_id("main").inner_text()
    assert not any(mark in shown for mark in "\u202e\u202d\u2066\u2067\u2068\u0000")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert said == []


def test_hostile_names_are_links_that_lead_to_themselves(page: Page, server: MadeUp) -> None:
    page.goto(f"{server.url}/script/px/kafka_topics?namespace=hostile")
    links = page.get_by_test_id("table-Topics").locator("[data-column=topic] a")
    expect(links).to_have_count(HOSTILE_COUNT)
    links.filter(has_text="<img").click()
    expect(page.get_by_test_id("trail")).to_contain_text("<img src=x onerror=alert(1)>")
    page.reload()
    expect(page.get_by_test_id("arg-topic")).to_contain_text("<img src=x onerror=alert(1)>")


def test_a_server_that_goes_and_comes_back_is_told_and_met_again(page: Page, server: MadeUp) -> None:
    page.goto(f"{server.url}/script/px/kafka_topics#refresh=1s")
    expect(page.get_by_test_id("freshness")).to_have_attribute("data-state", "live")
    server.stop()
    expect(page.get_by_test_id("error")).to_have_attribute("data-kind", "unreachable", timeout=20_000)
    # What was known stays on the page, faded, with a word about its age.
    expect(page.get_by_test_id("row").first).to_be_visible()
    expect(page.locator(".grid.faded")).to_be_visible()
    server.start()
    expect(page.get_by_test_id("error")).to_have_count(0, timeout=30_000)
    expect(page.get_by_test_id("freshness")).to_have_attribute("data-state", "live", timeout=30_000)


def test_a_tab_that_stays_open_does_not_grow(page: Page, server: MadeUp) -> None:
    page.goto(f"{server.url}/script/px/kafka_producer_consumer_latency?namespace=px-kafka&topic=order#refresh=off")
    expect(page.get_by_test_id("legend-item").first).to_be_visible()

    def heap_after(runs: int) -> int:
        for _ in range(runs):
            with page.expect_response(lambda response: response.url.endswith("/api/run")):
                page.keyboard.press("r")
        return min(heap() for _ in range(4))

    def heap() -> int:
        # What was drawn last is given up some frames later, so one look may find it still held.
        page.wait_for_timeout(300)
        page.evaluate("gc()")
        return int(page.evaluate("performance.memory.usedJSHeapSize"))

    before = heap_after(20)
    after = heap_after(60)
    # Sixty results of 100 kB and more would be seen.
    assert after - before < 3_000_000, f"{before} bytes became {after}"


@pytest.mark.parametrize(("path", "kind", "says"), [("/script/px/kafka_overview?namespace=error", "query", "column bytes is not there"), ("/script/px/kafka_overview?namespace=slow", "timeout", "shorter start_time"), ("/script/px/nothing", "not_found", "px/nothing")])
def test_what_goes_wrong_is_said_with_what_to_do(page: Page, server: MadeUp, path: str, kind: str, says: str) -> None:
    page.goto(server.url + path)
    expect(page.get_by_test_id("error")).to_have_attribute("data-kind", kind)
    expect(page.get_by_test_id("error")).to_contain_text(says)


def test_a_time_is_chosen_by_hand_in_another_zone(page: Page, server: MadeUp) -> None:
    page.goto(f"{server.url}/script/px/kafka_topics")
    page.get_by_test_id("arg-start_time").click()
    page.get_by_test_id("time-zone").select_option("Asia/Tokyo")
    page.get_by_test_id("time-from").fill("2026-01-31T09:00:00")
    page.get_by_test_id("time-to").fill("2026-01-31T09:05:00")
    page.get_by_test_id("time-apply").click()
    # Nine in Tokyo is midnight in UTC.
    expect(page).to_have_url(re.compile(r"start_time=-300s#until=1769817900000&tz=Asia"))
    expect(page.get_by_test_id("arg-start_time")).to_contain_text("09:00:00 to 2026-01-31 09:05:00")


def test_the_keys_do_what_the_sheet_says(page: Page, server: MadeUp) -> None:
    page.goto(server.url)
    expect(page.get_by_test_id("welcome")).to_be_visible()

    def pressed(keys: str, holds: Callable[[], None]) -> None:
        for key in keys.split():
            page.keyboard.press(key)
        holds()

    pressed("?", lambda: expect(page.get_by_test_id("help")).to_be_visible())
    pressed("Escape", lambda: expect(page.get_by_test_id("help")).to_have_count(0))
    pressed("g t", lambda: expect(page.get_by_test_id("trail")).to_contain_text("Topics"))
    pressed("d", lambda: expect(page.get_by_test_id("data-drawer")).to_be_visible())
    pressed("Escape", lambda: expect(page.get_by_test_id("data-drawer")).to_have_count(0))
    pressed("p", lambda: expect(page.get_by_test_id("freshness")).to_have_attribute("data-state", "paused"))
    pressed("j Enter", lambda: expect(page.get_by_test_id("row-detail")).to_be_visible())
    pressed("Escape", lambda: expect(page.get_by_test_id("row-detail")).to_have_count(0))
    pressed("g o", lambda: expect(page.get_by_test_id("welcome")).to_be_visible())


def test_axe_core_finds_nothing_serious_on_any_page() -> None:
    assert NODE is not None
    found = subprocess.run([NODE, str(Path("dev/figures.mjs")), "axe"], cwd=WEB, capture_output=True, text=True, timeout=800, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "serious findings of axe-core: 0" in found.stdout
