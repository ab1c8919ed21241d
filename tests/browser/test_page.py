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
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

WEB = ROOT / "web"
NODE = shutil.which("node") or shutil.which("node", path=str(ROOT / ".venv/bin"))
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(900),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
    pytest.mark.skipif(NODE is None or not (WEB / "node_modules").is_dir(), reason="needs Node and the page's packages (npm ci in web/)"),
]
HOSTILE_COUNT = 11


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
        end = time.monotonic() + 60
        while time.monotonic() < end:
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
    page.set_default_timeout(90_000)
    yield page
    page.close()


def until(page: Page, holds: Callable[[], bool], seconds: float = 60) -> None:
    """Let the page work until it holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        page.wait_for_timeout(100)


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
    expect(page.get_by_test_id("error")).to_have_attribute("data-kind", "unreachable")
    # What was known stays on the page, faded, with a word about its age.
    expect(page.get_by_test_id("row").first).to_be_visible()
    expect(page.locator(".grid.faded")).to_be_visible()
    server.start()
    expect(page.get_by_test_id("error")).to_have_count(0)
    expect(page.get_by_test_id("freshness")).to_have_attribute("data-state", "live")


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


def test_a_hidden_tab_asks_for_nothing(page: Page, server: MadeUp) -> None:
    results: list[float] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda _: results.append(time.monotonic())))
    page.goto(f"{server.url}/script/px/kafka_topics#refresh=1s")
    until(page, lambda: len(results) >= 2)

    def hide(hidden: bool) -> None:
        page.evaluate("hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true }); document.dispatchEvent(new Event('visibilitychange')); }", hidden)

    hide(True)
    # What was on its way still comes.
    until(page, lambda: time.monotonic() - results[-1] > 3)
    before = len(results)
    page.wait_for_timeout(3_000)
    assert len(results) == before
    hide(False)
    until(page, lambda: len(results) > before)


def test_ten_thousand_topics_are_usable_and_what_is_cut_is_said(page: Page, server: MadeUp) -> None:
    page.goto(f"{server.url}/?namespace=vast")
    expect(page.get_by_test_id("tile-topics")).to_contain_text("10,000+")
    topics = page.get_by_test_id("widget-Topics")
    expect(topics).to_contain_text("cut at 10,000 rows")
    # Only what is looked at is drawn.
    assert topics.get_by_test_id("row").count() < 60
    page.get_by_test_id("filter-Topics").fill("topic.orders.9995")
    expect(topics.get_by_test_id("row")).to_have_count(1)
    page.get_by_test_id("rail-topics").click()
    expect(page.get_by_test_id("trail")).to_contain_text("Topics")


def test_an_agent_that_is_gone_is_told(page: Page, server: MadeUp) -> None:
    def gone(route: Route) -> None:
        answer = route.fetch()
        status = answer.json()
        status["agents"] = [{**agent, "state": "AGENT_STATE_UNRESPONSIVE", "lastSeenS": 95} for agent in status["agents"]]
        route.fulfill(response=answer, json=status)

    page.route("**/api/status", gone)
    page.goto(server.url)
    expect(page.get_by_test_id("nobody-reports")).to_contain_text("host-1 silent for 1 min 35 s")
    expect(page.get_by_test_id("coverage-chip")).to_contain_text("host-1")
    page.unroute("**/api/status")
    expect(page.get_by_test_id("nobody-reports")).to_have_count(0)


def test_open_alerts_are_on_the_start_page_and_lead_to_what_they_are_about(page: Page, server: MadeUp) -> None:
    page.goto(server.url)
    alerts = page.get_by_test_id("open-alert")
    expect(page.get_by_test_id("open-alerts")).to_contain_text("3 alerts are open")
    # Newest first, and the name is not said twice.
    expect(alerts.nth(0)).to_contain_text(re.compile(r"critical\s*shipping\s*its last commit"))
    assert alerts.evaluate_all("all => all.map((each) => each.dataset.alert)") == ["consumer_group_stopped", "partition_late", "client_errors"]
    expect(page.get_by_test_id("rail-alerts")).to_contain_text("3")
    alerts.nth(1).get_by_role("link", name="order").click()
    expect(page).to_have_url(re.compile(r"/script/px/kafka_topic\?topic=order"))
    page.go_back()
    alerts.nth(0).get_by_role("link", name="shipping").click()
    expect(page).to_have_url(re.compile(r"/script/px/kafka_group\?(cluster=NX8u&)?group_id=shipping"))
    page.go_back()
    page.get_by_role("link", name="3 alerts are open").click()
    expect(page).to_have_url(re.compile("/script/px/kafka_alerts"))


def test_of_a_time_that_is_over_no_open_alert_is_shown(page: Page, server: MadeUp) -> None:
    page.goto(f"{server.url}/#until=1764088121000")
    expect(page.get_by_test_id("tile-coverage")).to_be_visible()
    expect(page.get_by_test_id("open-alerts")).to_have_count(0)
    page.get_by_test_id("time-live").click()
    expect(page.get_by_test_id("open-alerts")).to_be_visible()


def test_an_argument_that_a_script_does_not_take_is_said(page: Page, server: MadeUp) -> None:
    page.goto(f"{server.url}/script/px/kafka_topics?grup=shipping&namespace=px-kafka")
    expect(page.get_by_test_id("unknown-arguments")).to_contain_text("grup")
    expect(page.get_by_test_id("unknown-arguments")).to_contain_text("start_time, namespace")
    page.goto(f"{server.url}/script/px/kafka_topics?namespace=px-kafka")
    expect(page.get_by_test_id("row").first).to_be_visible()
    expect(page.get_by_test_id("unknown-arguments")).to_have_count(0)


def test_where_there_are_no_pods_no_namespace_has_to_be_chosen(page: Page, server: MadeUp) -> None:
    page.route("**/api/entities?kind=pod*", lambda route: route.fulfill(json=[]))
    page.goto(f"{server.url}/script/px/kafka_producer_consumer_latency")
    expect(page.get_by_test_id("arg-namespace")).to_contain_text("any")
    expect(page.get_by_test_id("missing-arguments")).to_have_count(0)
    page.unroute("**/api/entities?kind=pod*")
    page.reload()
    expect(page.get_by_test_id("missing-arguments")).to_contain_text("namespace")


def test_fields_of_a_message_have_types_and_bytes(page: Page, server: MadeUp) -> None:
    page.goto(f"{server.url}/script/px/kafka_data#refresh=off")
    page.get_by_test_id("row").first.locator("[data-column=req_cmd]").click()
    request = page.get_by_test_id("detail-req_body")
    acks = request.locator(".json-line").filter(has_text="acks")
    expect(acks).to_contain_text("int32")
    expect(acks).to_contain_text("16–19")
    acks.hover()
    expect(request.get_by_test_id("ruler")).to_contain_text("acks: int32bytes 16–19 of")
    expect(page.get_by_test_id("captured")).to_contain_text("captured 300 of")


def test_a_request_without_an_answer_has_no_latency(page: Page, server: MadeUp) -> None:
    page.goto(f"{server.url}/script/px/kafka_data#refresh=off")
    row = page.get_by_test_id("row").filter(has_text="no answer").first
    expect(row.locator("[data-column=latency]")).to_have_text("no answer")
    row.locator("[data-column=req_cmd]").click()
    expect(page.get_by_test_id("why-incomplete")).to_contain_text("No response was seen")


def test_a_chart_has_marks_that_say_what_happened(page: Page, server: MadeUp) -> None:
    page.goto(f"{server.url}/script/px/kafka_producer_consumer_latency?namespace=px-kafka&topic=order")
    mark = page.get_by_test_id("mark").and_(page.locator("[data-kind=rebalance]"))
    mark.hover()
    expect(page.get_by_test_id("mark-tooltip")).to_contain_text("rebalance, member joined")
    mark.click()
    expect(page).to_have_url(re.compile("px/kafka_rebalances.*group=shipping"))


@pytest.mark.parametrize(
    ("kind", "says", "script"),
    [("verdict", "keeps up → failing: order", "px/kafka_verdicts.*group=shipping.*cluster=NX8u"), ("alert", "alert consumer_stopped opened: shipping stopped", "px/kafka_alerts")],
)
def test_changes_of_verdict_and_alerts_are_marks_too(page: Page, server: MadeUp, kind: str, says: str, script: str) -> None:
    page.goto(f"{server.url}/script/px/kafka_producer_consumer_latency?namespace=px-kafka&topic=order")
    mark = page.get_by_test_id("mark").and_(page.locator(f"[data-kind={kind}]"))
    mark.focus()
    expect(page.get_by_test_id("mark-tooltip")).to_contain_text(says)
    mark.press("Enter")
    expect(page).to_have_url(re.compile(script))


def test_a_link_to_a_group_says_of_which_cluster(page: Page, server: MadeUp) -> None:
    page.goto(f"{server.url}/script/px/kafka_groups")
    page.get_by_test_id("table-Groups").get_by_role("link", name="invoicing").first.click()
    expect(page).to_have_url(re.compile("px/kafka_group.*group_id=invoicing.*cluster=NX8u"))
    expect(page.get_by_test_id("arg-cluster")).to_contain_text("NX8u")


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
    expect(page.get_by_test_id("widget-Topics").get_by_test_id("row").first).to_be_visible()
    pressed("d", lambda: expect(page.get_by_test_id("data-drawer")).to_be_visible())
    pressed("Escape", lambda: expect(page.get_by_test_id("data-drawer")).to_have_count(0))
    pressed("p", lambda: expect(page.get_by_test_id("freshness")).to_have_attribute("data-state", "paused"))
    pressed("j Enter", lambda: expect(page.get_by_test_id("row-detail")).to_be_visible())
    pressed("Escape", lambda: expect(page.get_by_test_id("row-detail")).to_have_count(0))
    pressed("g o", lambda: expect(page.get_by_test_id("welcome")).to_be_visible())


def test_the_walk_can_be_gone_without_a_mouse(page: Page, server: MadeUp) -> None:
    def focused() -> str:
        return str(page.evaluate("document.activeElement.dataset.testid ?? document.activeElement.tagName"))

    page.goto(server.url)
    expect(page.get_by_test_id("answer").first).to_be_visible()
    page.keyboard.press("Tab")
    assert focused() == "skip"
    page.keyboard.press("Enter")
    assert focused() == "main"
    # The first thing in the content is who is behind.
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("px/kafka_group.*invoicing"))
    page.keyboard.press("/")
    expect(page.get_by_test_id("script-picker-input")).to_be_focused()
    page.keyboard.type("kafka_overview")
    page.keyboard.press("Enter")
    graph = page.get_by_test_id("widget-Kafka Flow Graph")
    expect(graph.get_by_test_id("graph-node").first).to_be_visible()
    for _ in range(60):
        if focused() == "graph-edge":
            break
        page.keyboard.press("Tab")
    expect(page.get_by_test_id("graph-tooltip")).to_contain_text("record_throughput")
    page.keyboard.press("/")
    expect(page.get_by_test_id("script-picker-input")).to_be_focused()
    page.keyboard.type("kafka_data")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("widget-Table").get_by_test_id("row").first).to_be_visible()
    page.keyboard.press("Escape")
    for key in ("j", "j", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_test_id("row-detail")).to_be_visible()
    page.keyboard.press("Escape")
    until(page, lambda: focused() == "table-Table")


def test_nothing_moves_by_itself_for_who_asks_for_that(page: Page, server: MadeUp) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{server.url}/script/px/kafka_overview?namespace=px-kafka")
    expect(page.get_by_test_id("graph-node").first).to_be_visible()
    assert page.evaluate("[...document.querySelectorAll('*')].filter(each => { const style = getComputedStyle(each); return style.animationName !== 'none' || parseFloat(style.transitionDuration) > 0; }).length") == 0


def test_axe_core_finds_nothing_serious_on_any_page() -> None:
    assert NODE is not None
    found = subprocess.run([NODE, str(Path("dev/figures.mjs")), "axe"], cwd=WEB, capture_output=True, text=True, timeout=800, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "serious findings of axe-core: 0" in found.stdout
