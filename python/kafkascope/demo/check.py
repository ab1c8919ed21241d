"""The walk of docs/tutorial.md by script: deploys the demo, starts ``px up``, asks what the tutorial asks, says what it expected and found.

``python -m kafkascope.demo.check``; exit code 0 when every step holds. Nothing is left running.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from kafkascope.demo import control
from kafkascope.demo.errors import DemoError
from kafkascope.demo.plan import Demo, find

Row = dict[str, Any]
#: A step is asked again and again until it holds or this long is over; each step names its own.
_EVERY_S = 2.0


class NotYet(Exception):
    """A step does not hold; the text says what was found."""


@dataclass
class Walk:
    """The running system under the walk."""

    demo: Demo
    front: str
    url: str
    failed: list[str] = field(default_factory=list)

    def run(self, script: str, **args: str) -> dict[str, list[Row]]:
        """The result tables of a script by widget, rows as mappings."""
        body = json.dumps({"script": script, "args": args}).encode()
        request = urllib.request.Request(self.url + "/api/run", body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                result = json.load(answer)
        except urllib.error.HTTPError as error:
            raise NotYet(f"{script}: {json.load(error)['error']['message']}") from error
        rows = {t["name"]: [dict(zip([c["name"] for c in t["columns"]], row, strict=True)) for row in t["rows"]] for t in result["tables"]}
        return {widget["name"]: rows[widget["table"]] for widget in result["widgets"]}

    def step(self, name: str, expected: str, patience_s: float, ask: Callable[[Walk], str]) -> None:
        """Ask until it holds; print what was expected and what was found."""
        began = time.monotonic()
        while True:
            try:
                found, holds = ask(self), True
            except (NotYet, OSError, KeyError, IndexError, ValueError) as error:
                found, holds = (str(error) if isinstance(error, NotYet) else f"{type(error).__name__}: {error}"), False
            if holds or time.monotonic() - began > patience_s:
                break
            time.sleep(_EVERY_S)
        print(f"{'ok  ' if holds else 'FAIL'}  {name}\n      expected {expected}\n      found    {found}   ({time.monotonic() - began:.0f} s)", flush=True)
        if not holds:
            self.failed.append(name)


def _label(cell: str) -> str:
    """Text of a link cell."""
    try:
        return str(json.loads(cell)["label"])
    except (ValueError, KeyError, TypeError):
        return cell


def _near(what: str, value: float, low: float, high: float) -> str:
    if not low <= value <= high:
        raise NotYet(f"{what} {value:.3g}")
    return f"{what} {value:.3g}"


# ---- the steps ----


def pods_are_ready(walk: Walk) -> str:
    pods = control.status(walk.demo)["pods"]
    late = [p["name"] for p in pods if not p["ready"]]
    if late or len(pods) < 6:
        raise NotYet(f"{len(pods)} pods, not ready: {', '.join(late) or 'none'}")
    return f"{len(pods)} pods, all ready"


def delay_is_on(walk: Walk) -> str:
    if not control.delay(walk.demo, "on"):
        raise NotYet("the delay is off")
    return "the delay is on"


def an_order_is_shipped(walk: Walk) -> str:
    name = f"check-{time.time_ns() % 10**9}"
    began = time.monotonic()
    urllib.request.urlopen(urllib.request.Request(f"{walk.front}/order", f"form=1&name={name}&item=lamp&count=1".encode()), timeout=20).close()
    while time.monotonic() - began < 10:
        with urllib.request.urlopen(f"{walk.front}/shipping", timeout=10) as page:
            if name in page.read().decode():
                return f"it was there after {time.monotonic() - began:.1f} s"
        time.sleep(0.2)
    raise NotYet("it was not there after 10 s")


def overview_has_the_topic(walk: Walk) -> str:
    rows = walk.run("px/kafka_overview", namespace=walk.demo.name)["Kafka Topics"]
    if [r["topic_name"] for r in rows] != ["order"]:
        raise NotYet(f"topics {[r['topic_name'] for r in rows]}")
    row = rows[0]
    found = f"topic order, {row['num_partitions']} partitions, {row['num_producers']} producer, {row['num_consumers']} consumers"
    if (row["num_partitions"], row["num_producers"], row["num_consumers"]) != (5, 1, 2):
        raise NotYet(found)
    return found


def overview_has_the_rates(walk: Walk) -> str:
    edges = {(r["src"], r["dest"]): float(r["record_throughput"]) * 1e9 for r in walk.run("px/kafka_overview", namespace=walk.demo.name, start_time="-60s")["Kafka Flow Graph"]}
    wanted = [("order", "topic/order"), ("topic/order", "shipping"), ("topic/order", "invoicing")]
    if sorted(edges) != sorted(wanted):
        raise NotYet(f"edges {sorted(edges)}")
    produced, shipped, invoiced = (edges[edge] for edge in wanted)
    return "; ".join((_near("produced B/s", produced, 380, 520), _near("shipping B/s", shipped, 0.85 * produced, 1.15 * produced), _near("invoicing B/s", invoiced, 100, 0.7 * produced)))


def overview_links_pods(walk: Walk) -> str:
    consumers = sorted(_label(r["pod"]) for r in walk.run("px/kafka_overview", namespace=walk.demo.name)["Kafka Consumer Pods"])
    kinds = sorted({re.sub(r"^px-kafka/([a-z]+)-.*", r"\1", c) for c in consumers})
    if kinds != ["invoicing", "shipping"]:
        raise NotYet(f"consumers {consumers}")
    return f"consumers {', '.join(consumers)}"


def pod_health(walk: Walk) -> str:
    pod = next(_label(r["pod"]) for r in walk.run("px/kafka_overview", namespace=walk.demo.name)["Kafka Consumer Pods"] if "invoicing" in str(r["pod"]))
    widgets = walk.run("px/pod", pod=pod)
    text = json.dumps(widgets)
    if "Running" not in text:
        raise NotYet(f"{pod}: no status Running")
    empty = [name for name in ("CPU Usage", "Containers", "Processes", "Network", "Resident Set Size") if name in widgets and not widgets[name]]
    rows = {name: len(found) for name, found in widgets.items() if found}
    if empty or len(rows) < 4:
        raise NotYet(f"{pod}: empty: {empty}; filled: {rows}")
    return f"{pod}: Running; rows in {', '.join(sorted(rows))}"


def bodies_of_requests(walk: Walk) -> str:
    rows = walk.run("px/kafka_data", source_filter="order")["Table"]
    for row in rows:
        if row["req_cmd"] == "Produce" and row["resp"]:
            request, response = json.loads(row["req_body"]), json.loads(row["resp"])
            topic, answered = request["topics"][0], response["topics"][0]
            if topic["name"] == "order" and topic["partitions"] and "base_offset" in answered["partitions"][0]:
                return f"Produce to {topic['name']}, partition {topic['partitions'][0]['index']}, answered with base offset {answered['partitions'][0]['base_offset']}"
    raise NotYet(f"{len(rows)} rows, no Produce with bodies")


def _delays(walk: Walk, consumer: str) -> dict[str, list[float]]:
    rows = walk.run("px/kafka_producer_consumer_latency", namespace=walk.demo.name, topic="order", consumer=consumer)["Kafka Producer-Consumer Delay (seconds)"]
    delays: dict[str, list[float]] = {}
    for row in sorted(rows, key=lambda r: int(r["time_"])):
        if not row["series_col"].startswith("("):
            delays.setdefault(row["series_col"], []).append(float(row["delay"]))
    return delays


def shipping_keeps_up(walk: Walk) -> str:
    delays = _delays(walk, "shipping")
    # The newest of each: a machine that was busy for seconds shows that in the older ones.
    worst = max((d[-1] for d in delays.values()), default=float("inf"))
    if len(delays) != 5:
        raise NotYet(f"{len(delays)} partitions")
    return f"5 partitions, {_near('newest delay in s', worst, 0, 5)}"


def invoicing_falls_behind(walk: Walk) -> str:
    delays = _delays(walk, "invoicing")
    rising = sum(len(d) >= 2 and max(d[len(d) // 2 :]) > min(d) + 5 for d in delays.values())
    worst = max((max(d) for d in delays.values()), default=0.0)
    found = f"{len(delays)} partitions, {rising} rising, greatest delay {worst:.0f} s"
    if len(delays) != 5 or rising != 5 or worst < 20:
        raise NotYet(found)
    return found


def three_members(walk: Walk) -> str:
    widgets = walk.run("px/kafka_consumer_rebalancing")
    groups = {r["group_id"]: int(r["num_members"]) for r in widgets["Consumer Groups"]}
    delays = [r for r in widgets["Consumer Rebalancing Delay"] if r["group_id"] == "shipping"]
    events = {r["req_cmd"] for r in widgets["Consumer Rebalancing Events"]}
    found = f"members {groups}, {len(delays)} waits of shipping, events {sorted(events)}"
    if groups.get("shipping") != 3 or len(delays) < 3 or not {"JoinGroup", "SyncGroup"} <= events:
        raise NotYet(found)
    return found


def nothing_was_lost(walk: Walk) -> str:
    with urllib.request.urlopen(walk.url + "/api/status", timeout=20) as answer:
        status = json.load(answer)
    coverage, lost = status["coverage"], sum(a["eventsLost"] for a in status["agents"])
    found = f"{coverage['requests']} requests, {coverage['complete']} complete, {lost} events lost, captured by {', '.join(a['hook'] for a in status['agents'])}"
    if not coverage["requests"] or coverage["complete"] < 0.98 * coverage["requests"] or lost:
        raise NotYet(found)
    return found


# ---- the walk ----


@contextlib.contextmanager
def px_up() -> Iterator[str]:
    """A running ``px up`` on a free port; its address."""
    command = [sys.executable, "-m", "kafkascope.cli.main", "up", "--port", "0", "--no-data"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"http://\S+?(?=/?\s)", line)
        if found is None:
            raise DemoError(f"px up did not start (exit code {process.wait(10)})", "its reason is above; `px doctor` tells what this host allows")
        yield found.group()
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def walk(demo: Demo) -> list[str]:
    """Take every step; the names of those that did not hold."""
    began = time.monotonic()
    control.delete(demo)
    told = control.deploy(demo, 8081, lambda text: print(f"      {text}", flush=True))
    try:
        with px_up() as url:
            steps = Walk(demo, told["front"], url)
            print(f"      the page is at {url}", flush=True)
            steps.step("the demo's pods are ready", "6 pods, all ready", 120, pods_are_ready)
            steps.step("the invoicing delay is switched on", "the delay is on", 60, delay_is_on)
            steps.step("an order typed on the Order page appears on the Shipping page", "within seconds", 120, an_order_is_shipped)
            steps.step("px/kafka_overview: topics", "topic order, 5 partitions, 1 producer, 2 consumers", 180, overview_has_the_topic)
            steps.step("px/kafka_overview: pods", "invoicing and shipping among the consumers, by pod", 120, overview_links_pods)
            steps.step("px/pod of invoicing", "Running, with CPU, memory and network", 120, pod_health)
            steps.step("px/kafka_data", "a Produce request with its body and its response", 120, bodies_of_requests)
            steps.step("px/kafka_producer_consumer_latency of shipping", "near 0 in 5 partitions", 120, shipping_keeps_up)
            steps.step("px/kafka_producer_consumer_latency of invoicing", "rising in 5 partitions, to more than 20 s", 300, invoicing_falls_behind)
            steps.step("px/kafka_overview: rates", "order about 450 B/s, shipping the same, invoicing clearly less", 180, overview_has_the_rates)
            control.scale(demo, "shipping", 3, lambda text: None)
            steps.step("px/kafka_consumer_rebalancing after scaling shipping to 3", "3 members of shipping, with their waits and requests", 180, three_members)
            steps.step("coverage", "nearly all requests read completely, no event lost", 60, nothing_was_lost)
            failed = steps.failed
    finally:
        control.delete(demo)
    print(f"\n{'every step holds' if not failed else f'{len(failed)} steps do not hold: ' + '; '.join(failed)}   ({time.monotonic() - began:.0f} s)")
    return failed


def main() -> int:
    """Walk; the exit code."""
    try:
        return 1 if walk(find("px-kafka")) else 0
    except DemoError as error:
        print(f"px: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return error.code


if __name__ == "__main__":
    sys.exit(main())
