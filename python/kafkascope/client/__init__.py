"""Scripts from Python: ``kafkascope.Client``, with the habits of Pixie's ``pxapi``.

    client = kafkascope.Client()
    for row in client.prepare_script(PXL).results("slow"):
        print(row["client_id"], row["latency"])
    client.run("px/kafka_overview", start_time="-1h")["kafka_topics_overview"].to_polars()
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafkascope.client.errors import ClientError, NoServer
from kafkascope.client.executor import Results, ScriptExecutor, TableSub
from kafkascope.client.table import Column, Row, Table
from kafkascope.client.transport import HttpTransport, LocalTransport, Transport
from kafkascope.pxl.errors import PxLError

__all__ = ["Client", "ClientError", "Cluster", "Column", "NoServer", "PxLError", "Results", "Row", "ScriptExecutor", "Table", "TableSub"]


@dataclass(frozen=True)
class Cluster:
    """What a client is connected to; one server is one cluster in Pixie's sense."""

    id: str
    info: str

    def name(self) -> str:
        return self.info


class Client:
    """Runs PxL scripts on a server, over packet captures, or over a store's folder.

    Without arguments the server of the configuration is asked (``client.server`` in ``kafkascope.toml``, ``KAFKASCOPE_SERVER``), with the token of ``KAFKASCOPE_TOKEN``.
    ``capture`` reads packet captures, ``data`` a store's folder, both in this process; ``scripts`` are folders with more scripts for these two.
    Every failure is a ``PxLError`` with line and column (the script) or a ``ClientError`` (``NoServer`` when nothing answers). Calls may come from several threads.
    """

    def __init__(self, token: str | None = None, server_url: str | None = None, *, capture: str | Path | Sequence[str | Path] = (), data: str | Path | None = None,
                 scripts: Sequence[str | Path] = (), timeout_s: float = 90) -> None:
        if token is not None and token.startswith(("http://", "https://")):
            raise ValueError(f"expected a token first, found the address '{token}'; give it as server_url='{token}'")
        files = [capture] if isinstance(capture, str | Path) else list(capture)
        if sum((bool(files), data is not None, server_url is not None)) > 1:
            raise ValueError("expected one of server_url, capture and data")
        self._transport: Transport
        if files or data is not None:
            self._transport = LocalTransport(captures=files, data=data, scripts=scripts)
        elif scripts:
            raise ValueError("scripts are for capture and data; a server has its own (px up --scripts DIR)")
        else:
            from kafkascope.config import ConfigError, load

            try:
                config = load()
            except ConfigError as error:
                raise ClientError("argument", error.message, error.hint) from error
            self._transport = HttpTransport(server_url or config["client.server"], token or config["server.token"] or None, timeout_s)

    # ---- pxapi's habits ----

    def list_healthy_clusters(self) -> list[Cluster]:
        """The one cluster that this client asks."""
        return [Cluster("local", self._transport.label)]

    def connect_to_cluster(self, cluster: Cluster | str = "local") -> Client:
        """The client itself: it is connected already. ``ValueError`` for any other cluster."""
        wanted = cluster if isinstance(cluster, str) else cluster.id
        if wanted != "local":
            raise ValueError(f"no cluster '{wanted}'; there is one, 'local'")
        return self

    def name(self) -> str:
        """What is asked: the server's address, or the files."""
        return self._transport.label

    def prepare_script(self, pxl: str, *, args: dict[str, Any] | None = None, vis: dict[str, Any] | None = None) -> ScriptExecutor:
        """A run of the text ``pxl``, with the functions and arguments of ``vis`` if there is one."""
        return ScriptExecutor(lambda: self._transport.run(_request(None, pxl, vis, args or {})))

    # ---- in one call ----

    def scripts(self) -> list[dict[str, Any]]:
        """The scripts of the library: ``name``, ``short``, ``long``, ``variables``."""
        return self._transport.scripts()

    def run(self, script: str, **args: Any) -> Results:
        """Run a script of the library with its arguments; its tables by name."""
        return Results(self._transport.run(_request(script, None, None, args)))

    async def run_async(self, script: str, **args: Any) -> Results:
        """``run`` without blocking the event loop."""
        return await asyncio.to_thread(self.run, script, **args)

    def watch(self, script: str, *, interval_s: float = 5.0, **args: Any) -> Iterator[Results]:
        """Run a script of the library again and again, as a live page does; ends when the caller stops asking."""
        while True:
            began = time.monotonic()
            yield self.run(script, **args)
            time.sleep(max(0.0, interval_s - (time.monotonic() - began)))

    async def watch_async(self, script: str, *, interval_s: float = 5.0, **args: Any) -> AsyncIterator[Results]:
        """``watch`` for ``async for``."""
        while True:
            began = time.monotonic()
            yield await self.run_async(script, **args)
            await asyncio.sleep(max(0.0, interval_s - (time.monotonic() - began)))

    def close(self) -> None:
        """Give back what is held."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _request(script: str | None, pxl: str | None, vis: dict[str, Any] | None, args: dict[str, Any]) -> dict[str, Any]:
    asked: dict[str, Any] = {"args": {name: _argument(value) for name, value in args.items()}}
    return asked | {key: value for key, value in (("script", script), ("pxl", pxl), ("vis", vis)) if value is not None}


def _argument(value: Any) -> str:
    # As PxL writes them.
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
