"""Where answers come from: a running server, or packet captures read into memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode

from kafkascope.cli.client import RECORDED, Server
from kafkascope.cli.errors import FAILED, WRONG_USE, CommandError

if TYPE_CHECKING:
    from kafkascope.agent.captures import Loaded


class Source(Protocol):
    """What the terminal needs of the API; every failure is a ``CommandError``."""

    #: Whether a later run may give more.
    live: bool
    #: What is asked, for people.
    label: str
    #: What the user should know about the source before the first answer.
    notes: Sequence[str]

    def scripts(self) -> list[dict[str, Any]]:
        """Summaries of the scripts, as ``GET /api/scripts`` gives them."""

    def script(self, name: str) -> dict[str, Any]:
        """One script with its text, as ``GET /api/scripts/{name}`` gives it."""

    def run(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A RunResult."""

    def entities(self, kind: str, query: str) -> list[str]:
        """Names of a kind that match, for completion."""

    def now_ns(self) -> int | None:
        """The end of what can be asked about; ``None`` when that is the present."""

    def close(self) -> None:
        """Give back what is held."""


class ServerSource:
    """A running server."""

    live = True

    def __init__(self, server: Server | None = None, library: Any = None) -> None:
        self.server = server or Server()
        self.label = self.server.url.removeprefix("http://")
        self.notes: Sequence[str] = ()
        #: Scripts of the user's own folders: the server does not have them, so their text travels with the run.
        self._library = library

    def scripts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.server.call("/api/scripts")
        return _with_own(found, self._library)

    def script(self, name: str) -> dict[str, Any]:
        own = _own(self._library, name)
        found: dict[str, Any] = own if own is not None else self.server.call(f"/api/scripts/{quote(name)}")
        return found

    def run(self, request: Mapping[str, Any]) -> dict[str, Any]:
        body = dict(request)
        own = _own(self._library, str(request.get("script", "")))
        if own is not None and "pxl" not in body:
            body |= {"pxl": own["pxl"], **({"vis": own["vis"]} if own["vis"] else {})}
        answer: dict[str, Any] = self.server.call("/api/run", body)
        return answer

    def entities(self, kind: str, query: str) -> list[str]:
        return [e["name"] for e in self.server.call("/api/entities?" + urlencode({"kind": kind, "q": query, "limit": 50}))]

    def now_ns(self) -> int | None:
        """``px up --capture`` serves what has an end."""
        status = self.server.call("/api/status")
        newest = [table["newestNs"] for table in status["tables"] if table["name"] == "kafka_events.beta"] if status["source"] == RECORDED else []
        return newest[0] + 1 if newest and newest[0] is not None else None

    def close(self) -> None:
        pass


class CaptureSource:
    """Packet captures in a store in memory, read here or ``loaded`` already; what a script calls now is the capture's end."""

    live = False

    def __init__(self, files: Sequence[str], library: Any, *, max_rows: int | None = None, loaded: Loaded | None = None) -> None:
        from kafkascope.cli.capture import load_captures
        from kafkascope.pxl import Limits
        from kafkascope.server.analysis import Analysis
        from kafkascope.server.service import MAX_ROWS, RUN_TIMEOUT_S, Service

        self._loaded = loaded or load_captures(files)
        self.notes: Sequence[str] = self._loaded.notes
        self.label = ", ".join(file.rsplit("/", 1)[-1] for file in files)
        limits = Limits(timeout_s=RUN_TIMEOUT_S, max_rows=max_rows or MAX_ROWS)
        analysis = Analysis(self._loaded.store, captured=(self._loaded.first_ns, self._loaded.last_ns))
        self._service = Service(self._loaded.store.engine(), library, limits=limits, now_ns=self.now_ns, analysis=analysis)

    def scripts(self) -> list[dict[str, Any]]:
        whole = f"-{(self._loaded.last_ns - self._loaded.first_ns) // 1_000_000_000 + 2}s"
        found = self._service.scripts()
        for variable in (v for script in found for v in script["variables"] if v["name"] == "start_time"):
            # A default such as -5m is meant for the present; of a capture, people want the whole.
            variable["defaultValue"] = whole
        return found

    def script(self, name: str) -> dict[str, Any]:
        return self._call(self._service.script, name)

    def run(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return self._call(self._service.run, request)

    def entities(self, kind: str, query: str) -> list[str]:
        return [e["name"] for e in self._call(self._service.entities, kind, query, 50)]

    def now_ns(self) -> int:
        return self._loaded.last_ns + 1

    def close(self) -> None:
        self._loaded.store.close()

    @staticmethod
    def _call(function: Any, *args: Any) -> Any:
        from kafkascope.server.errors import ApiError

        try:
            return function(*args)
        except ApiError as error:
            where = f"line {error.line}, column {error.column}: " if error.line is not None else ""
            raise CommandError(where + error.message, error.hint, WRONG_USE if error.kind in ("argument", "not_found") else FAILED) from error


def _own(library: Any, name: str) -> dict[str, Any] | None:
    script = library.scripts.get(name) if library is not None else None
    return None if script is None else {"name": script.name, "short": script.short, "long": script.long, "pxl": script.pxl, "vis": script.vis}


def _with_own(found: list[dict[str, Any]], library: Any) -> list[dict[str, Any]]:
    if library is None:
        return found
    from kafkascope.server.service import Service

    own = {name: Service._summary(script) for name, script in library.scripts.items()}
    return sorted([*own.values(), *(s for s in found if s["name"] not in own)], key=lambda s: str(s["name"]))
