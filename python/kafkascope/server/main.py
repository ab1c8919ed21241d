"""The server process: store, ingest from agents, API and page. ``px up`` and ``px server`` start it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NoReturn

import click

from kafkascope.cli.config import configured
from kafkascope.config import Config
from kafkascope.server.ingest import Ingest

if TYPE_CHECKING:
    from kafkascope.agent.captures import Loaded
    from kafkascope.metadata.kubernetes.api import Api
    from kafkascope.server.kubernetes import ClusterFeed
    from kafkascope.server.link import Link
    from kafkascope.store import Store
    from kafkascope.store.ingest import IngestServer


@click.command()
@click.option("--fd", type=int, required=True, help="Listening socket, inherited.")
@click.option("--ready-fd", type=int, help="Gets one byte when queries are answered.")
@click.option("--ingest-socket", required=True, help="Unix socket for agents.")
@click.option("--capture", "captures", multiple=True, help="Serve these packet captures instead of what agents send.")
@configured("store.data", "store.memory_limit", "store.retention_bytes", "store.retention_age", "store.table_retention_bytes", "store.table_retention_age",
            "store.min_free_bytes", "server.scripts", "server.allow_host", "server.query_timeout", "server.max_rows", "kubernetes.kubernetes", "kubernetes.kubeconfig", "kubernetes.context")  # fmt: skip
@click.option("--source", default="", help="What is captured, for people.")
@click.option("--user", help="uid:gid to run as.")
def main(fd: int, ready_fd: int | None, ingest_socket: str, captures: tuple[str, ...], config: Config, source: str, user: str | None) -> None:
    """Serve until SIGTERM."""
    from kafkascope.server import privileges

    # With the rights of who started it: a kubeconfig and its keys are often readable by their owner alone.
    api = cluster_api(config) if not captures else None
    if user is not None:
        uid, gid = (int(part) for part in user.split(":"))
        privileges.drop(uid, gid)
    from kafkascope import _core
    from kafkascope.agent import captures as capture_files

    try:
        loaded = capture_files.load(captures) if captures else None
    except _core.CaptureFileError as error:
        _fail(*error.args)

    def ready() -> None:
        if ready_fd is not None:
            os.write(ready_fd, b"1")
            os.close(ready_fd)

    serve(config, fd, Ingest(ingest_socket), api, loaded=loaded, data=config["store.data"] or None, source=source, ready=ready)


def serve(config: Config, fd: int, ingest: Ingest, api: Api | None, *, data: str | None, source: str, ready: Callable[[], None], loaded: Loaded | None = None) -> None:
    """Serve on the listening socket ``fd`` until SIGTERM: what agents send, stored in ``data`` (``None``: in memory), or what was ``loaded`` of captures. ``api`` tells of pods and services.

    ``ready`` is called when queries are answered. Ends the process when it cannot begin.
    """
    from kafkascope import absent, pxl
    from kafkascope.alerts import rules
    from kafkascope.export.selection import Selection
    from kafkascope.scripts import Library, ScriptError
    from kafkascope.server.analysis import Analysis
    from kafkascope.server.app import create_app
    from kafkascope.server.link import Link
    from kafkascope.server.service import Service
    from kafkascope.store import Store
    from kafkascope.store.errors import StoreError

    absent.settle()
    _log_to_stderr()
    with contextlib.ExitStack() as closing:
        try:
            library = Library.load(config["server.scripts"])
            store = loaded.store if loaded is not None else Store.configured({**config, "store.data": data or ""})
            closing.callback(store.close)
            link: Callable[[], Link] = Link
            if loaded is None:
                feed = _cluster_feed(api, store)
                if feed is not None:
                    closing.callback(feed.close)
                taking = ingest.open(store, feed.tell_again if feed is not None else lambda: None)
                closing.callback(taking.close)
                link = functools.partial(_link, taking, feed)
        except (ScriptError, StoreError) as error:
            _fail(error.message, error.hint)
        for note in (*(f"skipped a script: {problem}" for problem in library.problems), *(loaded.notes if loaded is not None else ())):
            click.echo(f"px: {note}", err=True)
        # Of a capture, now is its end.
        now_ns = time.time_ns if loaded is None else (lambda end=loaded.last_ns + 1: end)
        try:
            analysis = Analysis(store, captured=(loaded.first_ns, loaded.last_ns) if loaded is not None else None, rules=rules.load(config["alerts.rules"] or None))
            selection = Selection.configured(config)
        except (rules.RuleError, ValueError) as error:
            _fail(getattr(error, "message", f"metrics: {error}"), getattr(error, "hint", ""))
        closing.callback(analysis.close)
        analysis.start()
        service = Service(store.engine(), library, analysis=analysis, store_stats=store.stats, source=source, now_ns=now_ns,
                          limits=pxl.Limits(timeout_s=config["server.query_timeout"], max_rows=config["server.max_rows"]), link=link)  # fmt: skip
        app = create_app(service, allowed_hosts=config["server.allow_host"], token=config["server.token"] or None, selection=selection)
        asyncio.run(_serve(app, socket.socket(fileno=fd), ready, service.engine.end_queries))


def cluster_api(config: Config) -> Api | None:
    """The API server that tells of pods and services; ``None`` outside a cluster, unless told otherwise. Ends the process when its kubeconfig cannot be used."""
    from kafkascope.metadata.kubernetes.api import Api, KubernetesError, in_cluster

    mode = config["kubernetes.kubernetes"]
    if mode == "off" or (mode == "auto" and not in_cluster()):
        return None
    try:
        return Api.connect(config["kubernetes.kubeconfig"] or None, config["kubernetes.context"] or None)
    except KubernetesError as error:
        _fail(error.message, error.hint)


def _cluster_feed(api: Api | None, store: Store) -> ClusterFeed | None:
    if api is None:
        return None
    from kafkascope.metadata.kubernetes.cluster import ClusterWatch
    from kafkascope.server.kubernetes import ClusterFeed

    return ClusterFeed(store, ClusterWatch(api, log=lambda text: click.echo(f"px: {text}", err=True)))


def _link(taking: IngestServer, feed: ClusterFeed | None) -> Link:
    from kafkascope.server.link import Link

    return Link(taking.stats(), feed.watch.stats() if feed is not None else {}, feed.watch.problems if feed is not None else [])


def _log_to_stderr() -> None:
    """What the store and others have to tell: text on a terminal, JSON lines otherwise."""
    from kafkascope.agent.log import JsonLines

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("px: %(message)s") if sys.stderr.isatty() else JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def _fail(message: str, hint: str = "") -> NoReturn:
    click.echo(f"px: {message}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)
    sys.exit(1)


async def _serve(app: object, listener: socket.socket, ready: Callable[[], None], end_queries: Callable[[], None]) -> None:
    import uvicorn

    config = uvicorn.Config(app, log_level="warning", access_log=False, ws="websockets-sansio", ws_max_size=4 << 20, timeout_graceful_shutdown=5,  # type: ignore[arg-type]
                            server_header=False)  # fmt: skip

    class Server(uvicorn.Server):
        # uvicorn raises the signal again when it has stopped, which would end the process before the store is closed.
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

        # It looks ten times a second whether it shall end, whatever there is to do; the date in the headers wants a second.
        async def main_loop(self) -> None:
            while not await self.on_tick(0):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ending.wait(), 1.0)

    ending = asyncio.Event()
    server = Server(config)
    loop = asyncio.get_running_loop()

    def end() -> None:
        server.should_exit = True
        ending.set()
        # Whoever still waits for an answer is told, instead of being cut off when the time for that is over.
        end_queries()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not task.done():
        await asyncio.sleep(0.005)
    if server.started:
        ready()
    await task


if __name__ == "__main__":
    main()
