"""The HTTP API: scripts, runs, entities, status, metrics, and the page.

Described at ``/api/openapi.json`` and, readable, at ``/api/docs``. Runs happen on worker threads; their number is bounded, and what does
not get a place in time is told so instead of waiting for ever.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import anyio
from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from kafkascope import __version__
from kafkascope.export import text
from kafkascope.export.selection import Selection
from kafkascope.server import arrow, docs, errors, layout, live, metrics, models
from kafkascope.server.errors import ApiError
from kafkascope.server.limits import BodyLimit, Rate
from kafkascope.server.security import Guard
from kafkascope.server.service import Service

STATIC = Path(__file__).parent / "static"
MAX_BODY = 4 << 20
#: Whose query runs is up to the store, which lets short ones before long ones; so more may be with it than it runs at a time.
MAX_CONCURRENT_RUNS = 32
MAX_WAITING_RUNS = 64
#: Runs and look-ups of one client, beside what its live pages watch.
REQUESTS_PER_SECOND = 20.0
REQUESTS_AT_ONCE = 200
T = TypeVar("T")
_LOG = logging.getLogger(__name__)


class Runs:
    """Runs under way: some with the store, some waiting, the rest refused."""

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
        except Exception as error:
            # A page that watches must not wait for ever for what ended in a fault.
            _LOG.exception("a live run failed")
            return "error", json.dumps(ApiError("internal", f"something failed: {type(error).__name__}", "the server's log says more").body()["error"])


def create_app(service: Service, *, allowed_hosts: Iterable[str] = (), token: str | None = None, static: Path = STATIC,
               selection: Selection | None = None) -> FastAPI:
    """The application over ``service``; ``selection`` says which series ``/metrics`` has."""
    app = FastAPI(title="Kafkascope", version=__version__, docs_url=None, redoc_url=None, openapi_url="/api/openapi.json",
                  description="What happens in Apache Kafka: scripts, runs, entities and status.")
    runs = Runs(service)
    rate = Rate(REQUESTS_PER_SECOND, REQUESTS_AT_ONCE)
    hub = live.Hub(runs.text)
    app.state.service, app.state.runs, app.state.hub = service, runs, hub

    @app.exception_handler(ApiError)
    async def api_error(_: Request, error: ApiError) -> JSONResponse:
        return JSONResponse(error.body(), error.status)

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> JSONResponse:
        kind = "not_found" if error.status_code == 404 else "argument"
        return JSONResponse(ApiError(kind, str(error.detail).lower(), "see /api/docs").body(), error.status_code, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def refused_form(_: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse(errors.not_in_form(error.errors()[0]).body(), 400)

    @app.exception_handler(Exception)
    async def fault(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse(ApiError("internal", f"something failed: {type(error).__name__}", "the server's log says more").body(), 500)

    def one_of(request: Request) -> str:
        return request.client.host if request.client else ""

    # Load balancers ask for the head alone.
    @app.head("/healthz", include_in_schema=False)
    @app.get("/healthz", tags=["health"], summary="The process answers")
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @app.head("/readyz", include_in_schema=False)
    @app.get("/readyz", tags=["health"], summary="The store answers queries")
    async def readyz() -> PlainTextResponse:
        problem = await run_in_threadpool(service.not_ready)
        return PlainTextResponse("ok\n") if problem is None else PlainTextResponse(f"{problem}\n", 503)

    @app.head("/metrics", include_in_schema=False)
    @app.get("/metrics", tags=["health"], summary="Lag, groups and traffic of Kafka, and Kafkascope's own health, for Prometheus")
    async def all_metrics(request: Request) -> Response:
        content_type = text.accepted(request.headers.get("accept", ""))
        body = await run_in_threadpool(metrics.render, service, runs.refused, hub.running, content_type=content_type, selection=selection)
        return Response(body, headers={"content-type": content_type})

    @app.get("/api/scripts", tags=["scripts"], summary="The script library", responses={200: {"model": list[models.ScriptSummary]}, **models.errors(401, 403)}, response_model=None)
    async def scripts() -> list[dict[str, Any]]:
        return await run_in_threadpool(service.scripts)

    @app.get("/api/scripts/{name:path}", tags=["scripts"], summary="One script with its text", responses={200: {"model": models.Script}, **models.errors(401, 404)}, response_model=None)
    async def script(name: str) -> dict[str, Any]:
        return await run_in_threadpool(service.script, name)

    @app.post(
        "/api/run", tags=["run"], summary="Run a script", response_model=None,
        description=f"Answers JSON, or Arrow streams when `Accept` is `{arrow.MEDIA_TYPE}`; `?table=NAME` then chooses one result.",
        responses={200: {"model": models.RunResult, "description": "the result"}, **models.errors(400, 401, 403, 404, 408, 413, 429, 503)},
    )  # fmt: skip
    async def run(body: models.RunRequest, request: Request) -> Response:
        rate.check(one_of(request))
        asked = body.model_dump(exclude_none=True)
        if arrow.MEDIA_TYPE in request.headers.get("accept", ""):
            table = request.query_params.get("table")
            streams = await runs.in_turn(lambda: arrow.encode(service.results(asked), table))
            return Response(streams, media_type=arrow.MEDIA_TYPE)
        return Response(json.dumps(await runs.run(asked), separators=(",", ":")), media_type="application/json")

    @app.post("/api/layout", tags=["run"], summary="Which bytes of a message hold which field",
              responses={200: {"model": models.Layout}, **models.errors(400, 401, 403, 413, 429, 503)}, response_model=None)  # fmt: skip
    async def message_layout(body: models.LayoutRequest, request: Request) -> dict[str, Any]:
        rate.check(one_of(request))
        return await runs.in_turn(lambda: layout.of(body.model_dump(exclude_none=True)))

    @app.get("/api/entities", tags=["entities"], summary="Names for arguments: namespaces, pods, topics, groups …", responses={200: {"model": list[models.Entity]}, **models.errors(400, 401, 429)}, response_model=None)
    async def entities(request: Request, kind: str, q: str = "", limit: int = 50) -> list[dict[str, str]]:
        rate.check(one_of(request))
        return await run_in_threadpool(service.entities, kind, q[:300], min(max(limit, 1), 1000))

    @app.get("/api/schema", tags=["scripts"], summary="Tables, columns and functions, for completion in the editor", responses={200: {"model": models.Schema}, **models.errors(401)}, response_model=None)
    async def schema() -> dict[str, Any]:
        return await run_in_threadpool(service.schema)

    @app.get("/api/status", tags=["health"], summary="What is captured, kept and not seen", responses={200: {"model": models.Status}, **models.errors(401)}, response_model=None)
    async def status() -> dict[str, Any]:
        return await run_in_threadpool(service.status)

    @app.get("/api/alerts", tags=["alerts"], summary="Open alerts, what opened and closed lately, and the rules",
             responses={200: {"model": models.Alerts}, **models.errors(401, 404)}, response_model=None)  # fmt: skip
    async def alerts() -> dict[str, Any]:
        if service.analysis is None:
            raise ApiError("not_found", "nothing is analysed here", "start the server with px up", status=404)
        return await run_in_threadpool(service.analysis.described_alerts)

    @app.websocket("/api/live")
    async def live_socket(socket: WebSocket) -> None:
        await live.serve(socket, hub, MAX_BODY)

    @app.get("/api/docs", include_in_schema=False)
    async def api_docs() -> HTMLResponse:
        return HTMLResponse(docs.render(app.openapi()))

    _mount_page(app, static)
    app.add_middleware(GZipMiddleware, minimum_size=2048, compresslevel=4)
    app.add_middleware(BodyLimit, most=MAX_BODY)
    app.add_middleware(Guard, allowed_hosts=tuple(allowed_hosts), token=token)
    return app


class _Assets(StaticFiles):
    """Files whose names hold a hash of their content: a browser need not ask again."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        answer = super().file_response(*args, **kwargs)
        answer.headers["cache-control"] = "public, max-age=31536000, immutable"
        return answer


def _mount_page(app: FastAPI, static: Path) -> None:
    index = static / "index.html"
    assets = static / "assets"
    # Looked up and never joined to a folder: what a stranger asks for does not reach the file system.
    files = {file.name: file for file in static.iterdir() if file.is_file()} if static.is_dir() else {}
    if assets.is_dir():
        app.mount("/assets", _Assets(directory=assets), name="assets")

    @app.api_route("/{path:path}", methods=["GET", "HEAD"], include_in_schema=False, response_model=None)
    async def page(path: str) -> Response:
        if path.startswith("api/"):
            return JSONResponse(ApiError("not_found", f"no such call: /{path}", "see /api/docs").body(), 404)
        if path in files:
            return FileResponse(files[path])
        if index.is_file():
            return FileResponse(index, headers={"cache-control": "no-cache"})
        return PlainTextResponse("The page is not built. Run `make build`; the API is at /api/docs.\n", 503)
