"""One run of a script, asked for in the ways of Pixie's ``pxapi``: rows, callbacks, subscriptions, sync or async."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from kafkascope.client.table import Row, Table


class Results(Mapping[str, Table]):
    """The tables of a run, by name, in the script's order."""

    def __init__(self, tables: list[Table]) -> None:
        self._tables = {table.name: table for table in tables}

    def __getitem__(self, name: str) -> Table:
        try:
            return self._tables[name]
        except KeyError:
            raise KeyError(f"the script gives no table '{name}'; it gives {', '.join(self._tables) or 'none'}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def __repr__(self) -> str:
        return f"<Results {list(self._tables.values())}>"


class TableSub:
    """A subscription to one table: ``async for row in sub``, while ``run_async`` is awaited beside it."""

    def __init__(self, name: str) -> None:
        self.table_name = name
        self._arrived: asyncio.Future[Table] | None = None
        self._table: Table | Exception | None = None

    def _set(self, table: Table | Exception) -> None:
        self._table = table
        if self._arrived is not None and not self._arrived.done():
            if isinstance(table, Exception):
                self._arrived.set_exception(table)
            else:
                self._arrived.set_result(table)

    async def __aiter__(self) -> AsyncIterator[Row]:
        if self._table is None:
            self._arrived = asyncio.get_running_loop().create_future()
            table = await self._arrived
        elif isinstance(self._table, Exception):
            raise self._table
        else:
            table = self._table
        for row in table:
            yield row


class ScriptExecutor:
    """A script that is prepared and runs once; ``ValueError`` when it is used again, or a table that was asked for does not come.

    Ask with one of ``results``, ``to_arrow``; or with ``add_callback`` and ``subscribe``, then ``run`` or ``await run_async()``.
    """

    def __init__(self, runner: Callable[[], list[Table]]) -> None:
        self._runner = runner
        self._used = False
        self._callbacks: dict[str, list[Callable[[Row], Any]]] = {}
        self._subscriptions: dict[str, TableSub] = {}
        self._all: asyncio.Queue[TableSub | Exception | None] | None = None

    def results(self, table: str) -> Iterator[Row]:
        """Run the script and go through the rows of ``table``."""
        self._take()
        yield from _named(Results(self._runner()), table)

    def tables(self) -> Results:
        """Run the script; all its tables."""
        self._take()
        return Results(self._runner())

    def add_callback(self, table: str, function: Callable[[Row], Any]) -> None:
        """Have ``function`` called with each row of ``table``."""
        self._unused()
        self._callbacks.setdefault(table, []).append(function)

    def subscribe(self, table: str) -> TableSub:
        """Rows of ``table`` as an async iterable. ``ValueError`` for a second subscription to it."""
        self._unused()
        if table in self._subscriptions:
            raise ValueError(f"table '{table}' is subscribed to already")
        self._subscriptions[table] = TableSub(table)
        return self._subscriptions[table]

    def subscribe_all_tables(self) -> Callable[[], AsyncGenerator[TableSub, None]]:
        """A function that gives each table of the run as a subscription, as they come."""
        self._unused()
        if self._all is not None:
            raise ValueError("all tables are subscribed to already")
        queue: asyncio.Queue[TableSub | Exception | None] = asyncio.Queue()
        self._all = queue

        async def arrived() -> AsyncGenerator[TableSub, None]:
            while (sub := await queue.get()) is not None:
                if isinstance(sub, Exception):
                    raise sub
                yield sub

        return arrived

    def run(self) -> None:
        """Run the script and call the callbacks. In a coroutine, await ``run_async`` instead."""
        if self._subscriptions or self._all is not None:
            asyncio.run(self.run_async())
            return
        self._take()
        self._call_back(Results(self._runner()))

    async def run_async(self) -> None:
        """Run the script without blocking the event loop; feeds callbacks and subscriptions."""
        self._take()
        try:
            results = Results(await asyncio.to_thread(self._runner))
        except Exception as error:
            for sub in self._subscriptions.values():
                sub._set(error)
            if self._all is not None:
                self._all.put_nowait(error)
            raise
        missing: ValueError | None = None
        for name, sub in self._subscriptions.items():
            try:
                sub._set(_named(results, name))
            except ValueError as error:
                sub._set(error)
                missing = error
        if self._all is not None:
            for name, table in results.items():
                every = TableSub(name)
                every._set(table)
                self._all.put_nowait(every)
            self._all.put_nowait(None)
        self._call_back(results)
        if missing is not None:
            raise missing

    def _call_back(self, results: Results) -> None:
        for table, functions in self._callbacks.items():
            for row in _named(results, table):
                for function in functions:
                    function(row)

    def _unused(self) -> None:
        if self._used:
            raise ValueError("this script ran already; prepare_script makes another executor")

    def _take(self) -> None:
        self._unused()
        self._used = True


def _named(results: Results, table: str) -> Table:
    if table not in results:
        raise ValueError(f"table '{table}' did not come; the script gives {', '.join(results) or 'none'}")
    return results[table]
