"""What the API's calls do: scripts, runs, entities, status, over a store's engine and a script library.

``px run --capture`` uses the same service without a server.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafkascope import __version__, pxl
from kafkascope.pxl import vis as visspec
from kafkascope.pxl.lower.names import KAFKA_ERRORS
from kafkascope.scripts import Library, Script, ScriptError
from kafkascope.server import coverage, entities, jsonrows
from kafkascope.server.analysis import Analysis
from kafkascope.server.errors import ApiError
from kafkascope.server.link import Link
from kafkascope.server.moment import AsOf
from kafkascope.store.errors import QueryError, QueryTimeout, QueryTooLarge, StoreError

#: A page's query may take this long and return this many rows a table.
RUN_TIMEOUT_S = 30.0
MAX_ROWS = 10_000
#: Every open page asks for the status again and again: they share an answer for so long.
STATUS_FRESH_S = 1.0


@dataclass(frozen=True)
class _Run:
    """A script that ran: what of, with which arguments, and what it gave."""

    script: str
    spec: dict[str, Any] | None
    args: dict[str, str]
    program: Any
    results: Sequence[Any]
    compile_s: float
    run_s: float


class Service:
    """Answers for one store. Thread-safe: calls come from worker threads."""

    def __init__(self, engine: Any, library: Library, *, store_stats: Callable[[], Mapping[str, Any]] | None = None, source: str = "",
                 limits: pxl.Limits | None = None, now_ns: Callable[[], int] = time.time_ns,
                 analysis: Analysis | None = None, link: Callable[[], Link] = Link) -> None:
        self.engine = engine
        self.library = library
        self.source = source
        self.started_ns = time.time_ns()
        self._stats = store_stats or dict
        self._limits = limits or pxl.Limits(timeout_s=RUN_TIMEOUT_S, max_rows=MAX_ROWS)
        self._now_ns = now_ns
        self.analysis = analysis
        self.link = link
        self._refreshed = float("-inf")
        self._status: tuple[float, dict[str, Any]] = (float("-inf"), {})
        self._status_lock = threading.Lock()

    # ---- scripts ----

    def scripts(self) -> list[dict[str, Any]]:
        """The library's scripts with their variables, by name."""
        self._refresh()
        return [self._summary(script) for _, script in sorted(self.library.scripts.items())]

    def script(self, name: str) -> dict[str, Any]:
        """One script with its text and vis spec."""
        self._refresh()
        script = self._find(name)
        return {**self._summary(script), "pxl": script.pxl, "vis": script.vis}

    def _refresh(self) -> None:
        """Take up changed scripts; looked for once a second at most, because a library may have thousands of files."""
        now = time.monotonic()
        if now - self._refreshed >= 1.0:
            self._refreshed = now
            self.library.refresh()

    def _find(self, name: str) -> Script:
        try:
            return self.library.get(name)
        except ScriptError as error:
            raise ApiError("not_found", error.message, error.hint) from error

    @staticmethod
    def _summary(script: Script) -> dict[str, Any]:
        variables = []
        for variable in (script.vis or {}).get("variables") or []:
            entry = {key: variable[key] for key in ("name", "type", "defaultValue", "description", "validValues") if key in variable}
            variables.append({"description": "", "validValues": [], **entry, "required": "defaultValue" not in variable})
        return {"name": script.name, "short": script.short, "long": script.long, "hidden": script.hidden, "variables": variables}

    # ---- runs ----

    def run(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Run a script; the API's RunResult. Raises ``ApiError``."""
        ran = self._execute(request)
        tables: list[dict[str, Any]] = []
        by_name: dict[str, int] = {}
        for result in ran.results:
            columns = [{"name": c.name, "type": c.type.name, "semanticType": c.semantic_type.name} for c in result.columns]
            rows = jsonrows.rows(result.table, [c["type"] for c in columns])
            by_name[result.name] = len(tables)
            note = None if rows else coverage.not_captured(ran.program.reads(result.name))
            tables.append({"name": result.name, "columns": columns, "rows": rows, "numRows": len(rows), "truncated": result.truncated, "note": note})
        messages = [{"level": "warning", "text": text} for text in ran.program.warnings]
        messages += coverage.clocks(self.engine, _read(ran.program))
        if request.get("until") is None:
            messages += self.link().warnings()
            messages += coverage.explain_empty(self.engine, tables, _read(ran.program), self._now_ns())
        return {
            "script": ran.script, "args": ran.args, "executedAt": self._now_ns() // 1_000_000, "compileMs": round(ran.compile_s * 1e3, 2), "durationMs": round(ran.run_s * 1e3, 2),
            "tables": tables, "widgets": _widgets(ran.spec, by_name), "messages": messages,
        }  # fmt: skip

    def results(self, request: Mapping[str, Any]) -> list[Any]:
        """The result tables of a run, for commands that print them."""
        return list(self._execute(request).results)

    def results_and_notes(self, request: Mapping[str, Any]) -> tuple[list[Any], list[str]]:
        """The same, and why there are no rows at all where there are none."""
        ran = self._execute(request)
        empty = coverage.explain_empty(self.engine, [{"numRows": result.table.num_rows} for result in ran.results], _read(ran.program), self._now_ns())
        return list(ran.results), [*ran.program.warnings, *(message["text"] for message in empty)]

    def _execute(self, request: Mapping[str, Any]) -> _Run:
        self._refresh()
        name, text, spec = self._source(request)
        given = {str(key): str(value) for key, value in (request.get("args") or {}).items()}
        until = request.get("until")
        now_ns = self._now_ns() if until is None else _moment(until)
        engine = self.engine if until is None else AsOf(self.engine, now_ns)
        began = time.perf_counter()
        try:
            args = visspec.arguments(spec, given)
            calls = visspec.calls(spec, given)
            program = pxl.compile(text, engine.relations(), funcs=calls, now_ns=now_ns)
            compiled = time.perf_counter()
            if self.analysis is not None:
                self.analysis.prepare(_read(program))
            results = pxl.run(program, engine, limits=self._limits)
        except visspec.ArgumentError as error:
            raise ApiError("argument", error.message, error.hint) from error
        except visspec.VisError as error:
            raise _vis_error(error) from error
        except pxl.PxLError as error:
            # Line 0 is a script that cannot be blamed: a function it does not have, an argument it does not take.
            raise ApiError("script", error.message, error.hint, line=error.line or None, column=error.column or None) from error
        except QueryTimeout as error:
            raise ApiError("timeout", error.message, error.hint or "take a shorter start_time") from error
        except QueryTooLarge as error:
            raise ApiError("limit", error.message, error.hint or "take a shorter start_time or filter earlier") from error
        except (QueryError, StoreError) as error:
            raise ApiError("query", error.message, error.hint) from error
        return _Run(name, spec, args, program, results, compiled - began, time.perf_counter() - compiled)

    def _source(self, request: Mapping[str, Any]) -> tuple[str, str, dict[str, Any] | None]:
        """Name, text and vis spec of what a request asks to run."""
        name, text, given_vis = request.get("script"), request.get("pxl"), request.get("vis")
        if name is None and text is None:
            raise ApiError("argument", "nothing to run: expected 'script' (a name) or 'pxl' (a text)", "/api/scripts lists the names")
        script = self._find(name) if name is not None and (text is None or given_vis is None) and (text is None or name in self.library.scripts) else None
        if text is None:
            assert script is not None
            text = script.pxl
        spec = script.vis if script is not None and given_vis is None else None
        if given_vis is not None:
            try:
                spec = visspec.load(given_vis)
            except visspec.VisError as error:
                raise _vis_error(error) from error
        return (script.name if script is not None else name or ""), text, spec

    # ---- around ----

    def entities(self, kind: str, query: str, limit: int) -> list[dict[str, str]]:
        return entities.find(self.engine, kind, query, limit, self._now_ns())

    def schema(self) -> dict[str, Any]:
        """Tables, columns and function names, for completion in an editor; Kafka's error names by code."""
        tables = [
            {"name": relation.name, "description": relation.description,
             "columns": [{"name": c.name, "type": c.type.name, "semanticType": c.semantic_type.name, "description": c.description} for c in relation.columns]}
            for relation in self.engine.relations().values()
        ]  # fmt: skip
        return {"tables": tables, "functions": pxl.function_names(), "kafkaErrors": [KAFKA_ERRORS[code] for code in sorted(KAFKA_ERRORS)]}

    def status(self) -> dict[str, Any]:
        """Version, source, agents, what is kept, what was not seen; at most ``STATUS_FRESH_S`` old."""
        with self._status_lock:
            taken, status = self._status
            if time.monotonic() - taken >= STATUS_FRESH_S:
                status = self._status_now()
                self._status = (time.monotonic(), status)
            return status

    def _status_now(self) -> dict[str, Any]:
        now = self._now_ns()
        stats = dict(self._stats())
        tables = [{"name": name, **values} for name, values in stats.pop("tables", {}).items()]
        agents = coverage.agents(self.engine, now)
        source = ", ".join(sorted({agent["hook"] for agent in agents if agent["state"] == "AGENT_STATE_HEALTHY"})) or self.source
        return {
            "version": __version__, "source": source, "startedAt": self.started_ns // 1_000_000, "uptimeS": round((time.time_ns() - self.started_ns) / 1e9, 1),
            "agents": agents, "tables": tables, "store": stats, "coverage": {**coverage.summary(self.engine, now), "watchProblems": self.link().problems},
            "scriptProblems": list(self.library.problems),
        }  # fmt: skip

    def not_ready(self) -> str | None:
        """Why queries cannot be answered, ``None`` when they can."""
        try:
            self.engine.execute("SELECT 1 AS ok", timeout_s=5.0, max_rows=1)
        except StoreError as error:
            return error.message
        return None


def _vis_error(error: visspec.VisError) -> ApiError:
    return ApiError("script", f"vis spec: {error.message.removeprefix('the vis spec: ')}", error.hint)


def _read(program: Any) -> frozenset[str]:
    """The tables that any of a program's results is made from."""
    return frozenset().union(*(program.reads(output) for output in program.outputs))


def _moment(until: Any) -> int:
    """Nanoseconds of a time given in milliseconds since the epoch."""
    if isinstance(until, bool) or not isinstance(until, int) or not 0 < until < 1 << 43:
        raise ApiError("argument", f"until: expected milliseconds since the epoch, found {str(until)[:40]!r}", "leave it out for now")
    return until * 1_000_000


def _widgets(spec: dict[str, Any] | None, tables: Mapping[str, int]) -> list[dict[str, Any]]:
    """Each widget with the table it shows; without a vis spec, a table widget for each result."""
    if not spec or not spec.get("widgets"):
        return [{"name": name, "table": name, "position": {"x": 0, "y": 3 * row, "w": 12, "h": 3}, "displaySpec": {"@type": "types.px.dev/px.vispb.Table"}}
                for name, row in tables.items()]  # fmt: skip
    widgets = []
    for index, widget in enumerate(spec["widgets"]):
        table = widget.get("globalFuncOutputName") or widget.get("name") or f"widget_{index}"
        position = widget.get("position") or {"x": 6 * (index % 2), "y": 3 * (index // 2), "w": 6, "h": 3}
        widgets.append({"name": widget.get("name") or table, "table": table, "position": position, "displaySpec": widget.get("displaySpec") or {}})
    return widgets
