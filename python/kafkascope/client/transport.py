"""Where a client's answers come from: a server over its HTTP API, or packet captures or a store's folder read in this process."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from kafkascope.client.errors import ClientError, NoServer
from kafkascope.client.table import Column, Table
from kafkascope.pxl.errors import PxLError

ARROW_STREAM = "application/vnd.apache.arrow.stream"


class Transport(Protocol):
    """Runs a request (``script``, ``pxl``, ``vis``, ``args``) and gives its tables; failures are ``PxLError`` or ``ClientError``."""

    label: str

    def run(self, request: Mapping[str, Any]) -> list[Table]: ...

    def scripts(self) -> list[dict[str, Any]]: ...

    def close(self) -> None: ...


class HttpTransport:
    """A running server."""

    def __init__(self, url: str, token: str | None, timeout_s: float) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"expected an address such as http://127.0.0.1:8765, found '{url}'")
        self.label = url.rstrip("/")
        self._token = token
        self._timeout_s = timeout_s

    def run(self, request: Mapping[str, Any]) -> list[Table]:
        body = self._call("/api/run", ARROW_STREAM, json.dumps(request).encode())
        try:
            return _tables(body)
        except (pa.ArrowException, KeyError, TypeError) as error:
            raise NoServer(f"{self.label} gave an answer that is no Arrow stream: {error}", "is the server of another version?") from error

    def scripts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self._call("/api/scripts", "application/json"))
        return found

    def _call(self, path: str, accept: str, body: bytes | None = None) -> bytes:
        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            with urllib.request.urlopen(urllib.request.Request(self.label + path, body, headers), timeout=self._timeout_s) as answer:
                content: bytes = answer.read()
                return content
        except urllib.error.HTTPError as error:
            raise self._failure(error) from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise NoServer(f"no Kafkascope server at {self.label}: {reason}", "start one with `px up`, give server_url=…, or read a file with capture=…") from error

    def _failure(self, error: urllib.error.HTTPError) -> Exception:
        try:
            detail = json.load(error)["error"]
            kind, message = str(detail["kind"]), str(detail["message"])
        except (ValueError, KeyError, TypeError):
            return NoServer(f"{self.label} answered {error.code} {error.reason}", "is this a Kafkascope server?")
        return _error(kind, message, str(detail.get("hint") or ""), detail.get("line"), detail.get("column"))

    def close(self) -> None:
        pass


class LocalTransport:
    """A store in this process: rows of packet captures in memory, or a store's folder that no other process has open."""

    def __init__(self, *, captures: Sequence[str | Path] = (), data: str | Path | None = None, scripts: Sequence[str | Path] = ()) -> None:
        from kafkascope.scripts import Library, ScriptError
        from kafkascope.server.analysis import Analysis
        from kafkascope.server.service import Service
        from kafkascope.store.errors import StoreError

        self._window: str | None = None
        now_ns: Callable[[], int] = time.time_ns
        analysis: Analysis | None = None
        try:
            library = Library.load([str(folder) for folder in scripts])
            if captures:
                loaded = _load([str(file) for file in captures])
                self._store, last_ns = loaded.store, loaded.last_ns
                self.label = ", ".join(Path(file).name for file in captures)
                self.notes: Sequence[str] = loaded.notes
                # What a script calls now is the capture's end; a default such as -5m is meant for the present.
                self._window = f"-{(last_ns - loaded.first_ns) // 1_000_000_000 + 2}s"
                now_ns = lambda: last_ns + 1  # noqa: E731
                analysis = Analysis(self._store, captured=(loaded.first_ns, last_ns))
            else:
                from kafkascope.store import Store

                assert data is not None
                if not Path(data).is_dir():
                    raise FileNotFoundError(f"no such folder: {data}")
                self._store = Store(Path(data))
                self.label, self.notes = str(data), list(self._store.notes)
        except (ScriptError, StoreError) as error:
            raise ClientError("argument", error.message, error.hint) from error
        self._service = Service(self._store.engine(), library, now_ns=now_ns, analysis=analysis)

    def run(self, request: Mapping[str, Any]) -> list[Table]:
        from kafkascope.server.errors import ApiError

        try:
            results = self._service.results(self._over_all(request))
        except ApiError as error:
            raise _error(error.kind, str(error), error.hint, error.line, error.column) from error
        return [Table(r.name, [Column(c.name, c.type.name, c.semantic_type.name) for c in r.columns], r.table, r.truncated) for r in results]

    def _over_all(self, request: Mapping[str, Any]) -> dict[str, Any]:
        asked = dict(request)
        if self._window is not None and "script" in asked and "pxl" not in asked:
            variables = {v["name"] for v in self._service.script(asked["script"])["variables"]}
            if "start_time" in variables:
                asked["args"] = {"start_time": self._window, **asked.get("args", {})}
        return asked

    def scripts(self) -> list[dict[str, Any]]:
        return self._service.scripts()

    def close(self) -> None:
        self._store.close()


def _load(files: list[str]) -> Any:
    from kafkascope import _core
    from kafkascope.agent import captures

    for file in files:
        if not Path(file).exists():
            raise FileNotFoundError(f"no such file: {file}")
    try:
        return captures.load(files)
    except _core.CaptureFileError as error:
        message, hint = (*error.args, "")[:2]
        raise ClientError("argument", message, hint) from error


def _tables(body: bytes) -> list[Table]:
    """The tables of a body of IPC streams, one after the other."""
    source = pa.BufferReader(body)
    tables = []
    while source.tell() < source.size():
        with pa.ipc.open_stream(source) as reader:
            data = reader.read_all()
        columns = [Column(f.name, f.metadata[b"type"].decode(), f.metadata[b"semanticType"].decode()) for f in data.schema]
        told = data.schema.metadata
        tables.append(Table(told[b"name"].decode(), columns, data, told.get(b"truncated") == b"true"))
    return tables


def _error(kind: str, message: str, hint: str, line: int | None, column: int | None) -> Exception:
    if kind == "script":
        return PxLError(message, hint, line or 0, column or 0)
    return ClientError(kind, message, hint)
