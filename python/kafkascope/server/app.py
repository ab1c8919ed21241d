"""The HTTP API: scripts, runs, entities, status, metrics, and the page.

Described at ``/api/openapi.json`` and, readable, at ``/api/docs``. Runs happen on worker threads; their number is bounded, and what does
not get a place in time is told so instead of waiting for ever.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import anyio
from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.staticfiles import StaticFiles

from kafkascope import __version__
from kafkascope.export import text
from kafkascope.export.selection import Selection
from kafkascope.server import arrow, docs, live, metrics
from kafkascope.server.errors import ApiError
from kafkascope.server.security import Guard
from kafkascope.server.service import Service

STATIC = Path(__file__).parent / "static"
MAX_BODY = 4 << 20
MAX_CONCURRENT_RUNS = 4
MAX_WAITING_RUNS = 64
T = TypeVar("T")


class RunRequest(BaseModel):
    """A script by name, or its text, with arguments."""

    model_config = ConfigDict(extra="forbid")
    script: str | None = Field(None, description="name of a script of the library", max_length=500)
    pxl: str | None = Field(None, description="text to run instead of the library's", max_length=1 << 20)
    vis: dict[str, Any] | str | None = Field(None, description="vis spec to use instead of the library's")
    args: dict[str, str] = Field(default_factory=dict, description="values of the script's variables, as text")
    until: int | None = Field(None, description="run as of this moment, in milliseconds since the epoch; now when left out", gt=0, lt=1 << 43)


class Runs:
    """Runs under way: a few at once, some waiting, the rest refused."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._limiter = anyio.CapacityLimiter(MAX_CONCURRENT_RUNS)
        self.refused = 0

    async def run(self, request: dict[str, Any]) -> dict[str, Any]:
        return await self.in_turn(lambda: self.service.run(request))

    async def in_turn(self, action: Callable[[], T]) -> T:
        """``action`` on a worker thread when it is its turn."""
        if self._limiter.statistics().tasks_waiting >= MAX_WAITING_RUNS:
            self.refused += 1
            raise ApiError("limit", "too many queries are waiting", "try again in a moment, or pause live pages", status=503)
        return await anyio.to_thread.run_sync(action, limiter=self._limiter)

    async def text(self, request: dict[str, Any]) -> tuple[str, str]:
        """For live pages: ("result", JSON) or ("error", JSON)."""
        try:
            return "result", json.dumps(await self.run(request), separators=(",", ":"))
        except ApiError as error:
            return "error", json.dumps(error.body()["error"])


def create_app(service: Service, *, allowed_hosts: Iterable[str] = (), token: str | None = None, static: Path = STATIC,
               selection: Selection | None = None) -> FastAPI:
    """The application over ``service``; ``selection`` says which series ``/metrics`` has."""
    app = FastAPI(title="Kafkascope", version=__version__, docs_url=None, redoc_url=None, openapi_url="/api/openapi.json",
                  description="What happens in Apache Kafka: scripts, runs, entities and status.")
    runs = Runs(service)
    hub = live.Hub(runs.text)
    app.state.service, app.state.runs, app.state.hub = service, runs, hub

    @app.exception_handler(ApiError)
    async def api_error(_: Request, error: ApiError) -> JSONResponse:
        return JSONResponse(error.body(), error.status)

    @app.middleware("http")
    async def bounded_body(request: Request, call_next: Any) -> Response:
        if int(request.headers.get("content-length") or 0) > MAX_BODY:
            return JSONResponse(ApiError("limit", f"the request is larger than {MAX_BODY} bytes", "").body(), 413)
        return await call_next(request)

    @app.get("/healthz", tags=["health"], summary="The process answers")
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @app.get("/readyz", tags=["health"], summary="The store answers queries")
    async def readyz() -> PlainTextResponse:
        problem = await run_in_threadpool(service.not_ready)
        return PlainTextResponse("ok\n") if problem is None else PlainTextResponse(f"{problem}\n", 503)

    @app.get("/metrics", tags=["health"], summary="Lag, groups and traffic of Kafka, and Kafkascope's own health, for Prometheus")
    async def all_metrics(request: Request) -> Response:
        content_type = text.accepted(request.headers.get("accept", ""))
        body = await run_in_threadpool(metrics.render, service, runs.refused, hub.running, content_type=content_type, selection=selection)
        return Response(body, headers={"content-type": content_type})

    @app.get("/api/scripts", tags=["scripts"], summary="The script library")
    async def scripts() -> list[dict[str, Any]]:
        return await run_in_threadpool(service.scripts)

    @app.get("/api/scripts/{name:path}", tags=["scripts"], summary="One script with its text")
    async def script(name: str) -> dict[str, Any]:
        return await run_in_threadpool(service.script, name)

    @app.post("/api/run", tags=["run"], summary="Run a script", response_model=None)
    async def run(body: RunRequest, request: Request) -> Response:
        asked = body.model_dump(exclude_none=True)
        if arrow.MEDIA_TYPE in request.headers.get("accept", ""):
            table = request.query_params.get("table")
            streams = await runs.in_turn(lambda: arrow.encode(service.results(asked), table))
            return Response(streams, media_type=arrow.MEDIA_TYPE)
        return Response(json.dumps(await runs.run(asked), separators=(",", ":")), media_type="application/json")

    @app.get("/api/entities", tags=["entities"], summary="Names for arguments: namespaces, pods, topics, groups …")
    async def entities(kind: str, q: str = "", limit: int = 50) -> list[dict[str, str]]:
        return await run_in_threadpool(service.entities, kind, q[:300], min(max(limit, 1), 1000))

    @app.get("/api/schema", tags=["scripts"], summary="Tables, columns and functions, for completion in the editor")
    async def schema() -> dict[str, Any]:
        return await run_in_threadpool(service.schema)

    @app.get("/api/status", tags=["health"], summary="What is captured, kept and not seen")
    async def status() -> dict[str, Any]:
        return await run_in_threadpool(service.status)

    @app.websocket("/api/live")
    async def live_socket(socket: WebSocket) -> None:
        await live.serve(socket, hub, MAX_BODY)

    @app.get("/api/docs", include_in_schema=False)
    async def api_docs() -> HTMLResponse:
        return HTMLResponse(docs.render(app.openapi()))

    _mount_page(app, static)
    app.add_middleware(Guard, allowed_hosts=tuple(allowed_hosts), token=token)
    return app


def _mount_page(app: FastAPI, static: Path) -> None:
    index = static / "index.html"
    assets = static / "assets"
    if assets.is_dir():
        app.mount("/assets", StaticFiles(directory=assets), name="assets")

    @app.get("/{path:path}", include_in_schema=False, response_model=None)
    async def page(path: str) -> Response:
        if path.startswith("api/"):
            return JSONResponse(ApiError("not_found", f"no such call: /{path}", "see /api/docs").body(), 404)
        candidate = (static / path).resolve()
        if path and candidate.is_file() and candidate.is_relative_to(static.resolve()):
            return FileResponse(candidate)
        if index.is_file():
            return FileResponse(index, headers={"cache-control": "no-cache"})
        return PlainTextResponse("The page is not built. Run `make build`; the API is at /api/docs.\n", 503)


async def serve_until(server: Any, stop: asyncio.Event) -> None:
    """Run a uvicorn server until ``stop`` is set."""
    task = asyncio.create_task(server.serve())
    await stop.wait()
    server.should_exit = True
    await task


def started_at() -> float:
    return time.time()
