"""Live scripts: pages share runs, a slow page gets the newest result, nothing runs for nobody."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kafkascope.server import live
from kafkascope.server.live import Hub


class Runs:
    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, request: dict[str, Any]) -> tuple[str, str]:
        self.count += 1
        return "result", f'{{"n":{self.count}}}'


def test_two_pages_with_the_same_script_share_one_run() -> None:
    async def scenario() -> None:
        runs = Runs()
        hub = Hub(runs)
        got: list[tuple[str, str]] = []
        stops = [hub.subscribe({"script": "px/a"}, 1000, lambda kind, text, who=who: got.append((who, text))) for who in ("one", "two")]
        await asyncio.sleep(0.05)
        assert runs.count == 1
        assert sorted(got) == [("one", '{"n":1}'), ("two", '{"n":1}')]
        for stop in stops:
            stop()
        assert hub.running == 0

    asyncio.run(scenario())


def test_a_late_page_gets_the_last_result_at_once() -> None:
    async def scenario() -> None:
        hub = Hub(Runs())
        first: list[str] = []
        late: list[str] = []
        stop = hub.subscribe({"script": "px/a"}, 60_000, lambda _, text: first.append(text))
        await asyncio.sleep(0.02)
        stop_late = hub.subscribe({"script": "px/a"}, 60_000, lambda _, text: late.append(text))
        assert late == first == ['{"n":1}']
        stop()
        stop_late()

    asyncio.run(scenario())


def test_nothing_runs_after_the_last_page_left() -> None:
    async def scenario() -> None:
        runs = Runs()
        hub = Hub(runs)
        stop = hub.subscribe({"script": "px/a"}, live.MIN_INTERVAL_MS, lambda *_: None)
        await asyncio.sleep(0.02)
        stop()
        before = runs.count
        await asyncio.sleep(live.MIN_INTERVAL_MS / 1000 * 1.5)
        assert runs.count == before

    asyncio.run(scenario())


def test_the_interval_has_a_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MIN_INTERVAL_MS", 30_000)

    async def scenario() -> None:
        runs = Runs()
        hub = Hub(runs)
        stop = hub.subscribe({"script": "px/a"}, 1, lambda *_: None)
        await asyncio.sleep(0.1)
        stop()
        assert runs.count == 1

    asyncio.run(scenario())


def test_unknown_messages_are_answered_not_ignored() -> None:
    for text in ("", "[]", "{}", '{"type":"run"}', '{"type":"fly","id":"1"}', '{"type":"pause","id":"nobody"}'):
        problem = live._handle(text, {}, lambda *_: None, {})
        assert problem is not None and problem["error"]["message"]
