"""The Kafka Monitoring walk in a real browser, as a new user would take it.

Slow: a real broker, real services, live capture, Chromium. With ``KAFKASCOPE_PICTURES=DIR`` each page is saved as a picture for the docs.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import CHROMIUM, CHROMIUM_FLAGS, px
from playwright.sync_api import Locator, Page, expect, sync_playwright

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
PICTURES = os.environ.get("KAFKASCOPE_PICTURES")


@pytest.fixture(scope="module")
def page(server: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.set_default_timeout(90_000)
        page.goto(server)
        yield page
        browser.close()
        assert problems == [], "the page reported errors"


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.wait_for_timeout(500)
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


def choose_script(page: Page, name: str) -> None:
    page.get_by_test_id("script-picker").click()
    page.get_by_test_id("script-picker-input").fill(name)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(re.escape(name)))


def set_argument(page: Page, name: str, value: str) -> None:
    page.get_by_test_id(f"arg-{name}").click()
    page.get_by_test_id(f"arg-{name}-input").fill(value)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id(f"arg-{name}")).to_contain_text(value)


def rows(page: Page, widget: str) -> Locator:
    return page.get_by_test_id(f"widget-{widget}").get_by_test_id("row")


def go(page: Page, part: str) -> None:
    """Through the rail, as one would with a mouse."""
    page.get_by_test_id(f"rail-{part}").click()


def test_the_start_page_says_who_is_behind(page: Page) -> None:
    answer = page.get_by_test_id("answer").filter(has_text="invoicing")
    expect(answer.first).to_contain_text("behind", timeout=120_000)
    expect(answer.first).to_contain_text("since")
    expect(page.get_by_test_id("tile-topics")).to_contain_text(" in, ")
    groups = page.get_by_test_id("table-Consumer groups")
    # A host with another cluster may have groups of these names that do otherwise.
    for group, does in (("invoicing", "behind"), ("shipping", "keeps up")):
        expect(groups.get_by_test_id("row").filter(has_text=group).filter(has_text=does).first).to_be_visible()
    expect(page.get_by_text("asking…")).to_have_count(0)
    picture(page, "start")
    answer.first.get_by_role("link", name="invoicing").click()
    expect(page).to_have_url(re.compile("px/kafka_group.*invoicing"))
    expect(page.get_by_test_id("trail")).to_contain_text("Groups")
    # Five partitions, and those of another cluster's group of that name.
    expect(rows(page, "Committed Offsets").nth(4)).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect(rows(page, "Topics").first).to_contain_text("order")
    page.go_back()
    page.go_back()
    expect(page.get_by_test_id("welcome")).to_be_visible()


def test_the_overview_shows_who_produces_and_who_consumes(page: Page) -> None:
    choose_script(page, "px/kafka_overview")
    set_argument(page, "namespace", "px-kafka")
    graph = page.get_by_test_id("widget-Kafka Flow Graph")
    for name in ("topic/order", "shipping", "invoicing"):
        expect(graph.get_by_test_id("graph-node").filter(has_text=name).first).to_be_visible()
    expect(graph.get_by_test_id("graph-edge")).to_have_count(3)
    expect(rows(page, "Kafka Topics")).to_have_count(1)
    expect(rows(page, "Kafka Topics").first).to_contain_text("order")
    # The pointer's target is a wide line under the edge, to be hit without aiming.
    graph.get_by_test_id("graph-edge").first.locator(".edge-hit").hover(force=True)
    expect(page.get_by_test_id("graph-tooltip")).to_contain_text("record_throughput")
    picture(page, "edge")
    page.mouse.move(5, 5)
    picture(page, "kafka_overview")


def test_a_pod_is_a_link_to_its_health(page: Page) -> None:
    page.get_by_test_id("widget-Kafka Consumer Pods").get_by_role("link", name=re.compile("invoicing")).click()
    expect(page).to_have_url(re.compile("px/pod"))
    expect(page.get_by_test_id("arg-pod")).to_contain_text("invoicing")
    expect(page.get_by_test_id("main")).to_contain_text("Running")
    page.wait_for_timeout(2_000)
    picture(page, "pod")
    page.go_back()
    expect(page).to_have_url(re.compile("px/kafka_overview"))


def test_requests_open_with_their_bodies(page: Page) -> None:
    choose_script(page, "px/kafka_data")
    table = page.get_by_test_id("widget-Table")
    expect(rows(page, "Table").first).to_be_visible()
    # A table in time order follows; sorting by another column and back leaves it so.
    table.get_by_test_id("sort-latency").click()
    expect(table.locator("[aria-sort=descending]")).to_contain_text("latency")
    table.get_by_test_id("sort-time_").click()
    table.get_by_test_id("sort-time_").click()
    expect(table.locator("[aria-sort=descending]")).to_contain_text("time_")
    page.get_by_test_id("filter-Table").fill("api = Produce")
    produce = table.get_by_test_id("row").filter(has_text="Produce").first
    # Names in the row are links; the request itself opens it.
    produce.locator("[data-column=req_cmd]").click()
    detail = page.get_by_test_id("row-detail")
    expect(detail).to_be_visible()
    for text in ("order", "partitions", "message_set", "base_offset"):
        expect(detail).to_contain_text(text)
    picture(page, "kafka_data")
    page.keyboard.press("Escape")
    page.get_by_test_id("filter-Table").fill("latency > soon")
    expect(page.get_by_test_id("filter-problem")).to_contain_text("no number")


def test_the_delay_is_seen_where_it_is(page: Page) -> None:
    choose_script(page, "px/kafka_producer_consumer_latency")
    set_argument(page, "namespace", "px-kafka")
    set_argument(page, "topic", "order")
    chart = page.get_by_test_id("widget-Kafka Producer-Consumer Delay (seconds)")
    expect(chart.get_by_test_id("legend-item").filter(has_text="shipping").first).to_be_visible()
    expect(chart.get_by_test_id("legend-item").filter(has_text="invoicing").first).to_be_visible(timeout=60_000)
    if PICTURES:
        page.wait_for_timeout(120_000)
    picture(page, "kafka_producer_consumer_latency")
    set_argument(page, "consumer", "invoicing")
    expect(chart.get_by_test_id("legend-item")).to_have_count(5)
    for partition in range(5):
        expect(chart.get_by_test_id("legend-item").filter(has_text=f"order/partition-{partition}")).to_have_count(1)


def test_drawing_over_a_chart_looks_at_that_time_and_a_link_carries_it(page: Page) -> None:
    plot = page.get_by_test_id("widget-Kafka Producer-Consumer Delay (seconds)").locator(".u-over")
    box = plot.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.3, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, y, steps=8)
    page.mouse.up()
    expect(page).to_have_url(re.compile("until=\\d+"))
    expect(page.get_by_test_id("freshness")).to_contain_text("paused")
    expect(page.get_by_test_id("arg-start_time")).to_contain_text(" to ")
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.get_by_test_id("arg-start_time")).to_have_text(page.get_by_test_id("arg-start_time").inner_text())
    expect(other.get_by_test_id("arg-consumer")).to_contain_text("invoicing")
    other.close()
    page.get_by_test_id("time-live").click()
    expect(page).not_to_have_url(re.compile("until="))


def test_new_members_are_seen_joining(page: Page) -> None:
    scaled = px("demo", "scale", "px-kafka", "shipping", "3")
    assert scaled.returncode == 0, scaled.stderr
    choose_script(page, "px/kafka_consumer_rebalancing")
    # A busy host has groups of others above, and only rows in view are drawn.
    set_argument(page, "consumer_group_id", "shipping")
    groups = rows(page, "Consumer Groups")
    until = time.monotonic() + 120
    while time.monotonic() < until and not re.search(r"shipping\s*3", " ".join(groups.all_inner_texts()).replace("\n", " ")):
        page.wait_for_timeout(1_000)
    assert re.search(r"shipping\s*3", " ".join(groups.all_inner_texts()).replace("\n", " "))
    expect(rows(page, "Consumer Rebalancing Delay").filter(has_text="shipping").first).to_be_visible()
    expect(rows(page, "Consumer Rebalancing Events").filter(has_text="JoinGroup").first).to_be_visible()
    expect(rows(page, "Rebalances").filter(has_text="shipping").first).to_be_visible(timeout=60_000)
    picture(page, "kafka_consumer_rebalancing")


def test_a_mistake_in_the_editor_is_marked(page: Page) -> None:
    choose_script(page, "px/kafka_overview")
    page.get_by_test_id("editor-toggle").click()
    editor = page.get_by_test_id("editor").locator(".cm-content").first
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.type("import px\ndf = px.DataFrame('kafka_evnts.beta')\npx.display(df)\n")
    page.get_by_test_id("editor-run").click()
    expect(page.get_by_test_id("editor-error").first).to_contain_text("kafka_events.beta")


def test_a_widget_is_moved_and_the_address_keeps_it(page: Page) -> None:
    page.keyboard.press("Escape")
    go(page, "topics")
    expect(rows(page, "Topics").first).to_be_visible()
    page.get_by_test_id("move-toggle").click()
    page.get_by_test_id("move-Topics").focus()
    page.keyboard.press("Shift+ArrowLeft")
    expect(page).to_have_url(re.compile("vis="))
    expect(page.get_by_test_id("script-picker")).to_contain_text("edited")
    page.get_by_role("button", name="as in the library").click()
    expect(page).not_to_have_url(re.compile("vis="))
    page.get_by_test_id("move-toggle").click()


def test_every_script_is_found_by_what_it_is_about(page: Page) -> None:
    go(page, "scripts")
    page.get_by_placeholder("search by name or purpose").fill("slow")
    page.get_by_test_id("catalogue-script").filter(has_text="px/kafka_slow_requests").click()
    expect(page).to_have_url(re.compile("px/kafka_slow_requests"))
