"""The live screen without a terminal, threads or a clock: the test is all three."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kafkascope.cli.errors import CommandError
from kafkascope.tui.app import App, Target


class Fake:
    """A source of made results; the app's jobs run when the test lets them."""

    live = True
    label = "127.0.0.1:1"
    notes: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.result: dict[str, Any] = {}
        self.asked: list[dict[str, Any]] = []
        self.error: CommandError | None = None
        self.names: list[str] = []

    def run(self, request: Any) -> dict[str, Any]:
        self.asked.append(dict(request))
        if self.error is not None:
            raise self.error
        return self.result

    def entities(self, kind: str, query: str) -> list[str]:
        return [name for name in self.names if query in name]

    def script(self, name: str) -> dict[str, Any]:
        return {"name": name, "pxl": "import px\n\tx = '\x1b[31m'\n"}

    def scripts(self) -> list[dict[str, Any]]:
        return []

    def now_ns(self) -> int | None:
        return None

    def close(self) -> None:
        pass


class Bench:
    """An app with a clock and workers that the test drives."""

    def __init__(self, scripts: list[dict[str, Any]] | None = None) -> None:
        self.source = Fake()
        self.now = 0.0
        self.jobs: list[tuple[str, int, Callable[[], Any]]] = []
        given_scripts = scripts if scripts is not None else [{"name": "px/a", "short": "", "variables": []}]
        self.app = App(self.source, given_scripts, lambda *job: self.jobs.append(job), interval_s=5.0, clock=lambda: self.now)

    def work(self) -> None:
        while self.jobs:
            tag, generation, function = self.jobs.pop(0)
            try:
                self.app.finished(tag, generation, function(), None)
            except CommandError as error:
                self.app.finished(tag, generation, None, error)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.app.key(key)
            self.work()

    def text(self, width: int = 100, height: int = 30) -> str:
        return "\n".join(line.plain.rstrip() for line in self.app.frame(width, height))


def result(*tables: tuple[str, list[tuple[str, str, str]], list[list[Any]], dict[str, Any]], messages: tuple[str, ...] = ()) -> dict[str, Any]:
    """A RunResult of tables with their display specs."""
    return {
        "script": "px/a", "args": {}, "executedAt": 0, "compileMs": 1.0, "durationMs": 2.0, "messages": [{"level": "warning", "text": m} for m in messages],
        "tables": [{"name": name, "columns": [{"name": n, "type": t, "semanticType": s} for n, t, s in columns], "rows": rows, "numRows": len(rows), "truncated": False}
                   for name, columns, rows, _ in tables],
        "widgets": [{"name": name, "table": name, "position": {}, "displaySpec": spec} for name, _, _, spec in tables],
    }  # fmt: skip


def opened(*tables: Any, **options: Any) -> Bench:
    bench = Bench()
    bench.source.result = result(*tables, **options)
    bench.app.open(Target("px/a"))
    bench.work()
    return bench
