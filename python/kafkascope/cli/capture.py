"""Scripts answered from packet captures: the files go through the core into a store in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kafkascope.cli import output as out
from kafkascope.cli.errors import FAILED, WRONG_USE, CommandError, check_files

#: A capture may be from any year; rows of it are not old.
_ANY_AGE_S = 1e10


def run_on_captures(files: Sequence[str], library: Any, request: dict[str, Any], vis: Mapping[str, Any] | None) -> tuple[list[out.Output], list[str]]:
    """The result tables of a script over ``files``, and what was not seen. ``start_time`` reaches over the whole capture unless given."""
    from kafkascope.server.errors import ApiError
    from kafkascope.server.service import Service

    store, first_ns, last_ns, notes = load_captures(files)
    try:
        if any(v.get("name") == "start_time" for v in (vis or {}).get("variables") or []):
            whole = f"-{(last_ns - first_ns) // 1_000_000_000 + 2}s"
            request["args"].setdefault("start_time", whole)
        service = Service(store.engine(), library, now_ns=lambda: last_ns + 1)
        try:
            results = service.results(request)
        except ApiError as error:
            where = f"line {error.line}, column {error.column}: " if error.line is not None else ""
            raise CommandError(where + error.message, error.hint, WRONG_USE if error.kind in ("argument", "not_found") else FAILED) from error
        return [_table(result) for result in results], notes
    finally:
        store.close()


def load_captures(files: Sequence[str]) -> tuple[Any, int, int, list[str]]:
    """A store in memory with the rows of ``files``; the times of the first and last row; notes for the user."""
    check_files(files)
    from kafkascope import _core
    from kafkascope.store import Store

    store = Store(None, retention_age_s=_ANY_AGE_S, retention_bytes=1 << 62)
    try:
        pipeline = _core.FilePipeline(list(files))
        while (batches := pipeline.next()) is not None:
            for table, batch in batches.items():
                store.append(table, batch)
        summary = pipeline.summary()
    except _core.CaptureFileError as error:
        store.close()
        message, hint = (*error.args, "")[:2]
        raise CommandError(message, hint, FAILED) from error
    times = store.engine().execute(
        " UNION ALL ".join(f"SELECT min(time_) AS first, max(time_) AS last FROM ({store.engine().scan(t, None, None, ['time_'])})" for t in ("kafka_events.beta", "kafka_loss")),
        timeout_s=30, max_rows=None).to_pylist()  # fmt: skip
    firsts = [row["first"] for row in times if row["first"] is not None]
    # A request's row has the time of the request: its response, and rows timed by it, may come a long poll later.
    lasts = [row["last"] for row in times if row["last"] is not None] + [summary.get("last_ns") or 0]
    dropped = store.stats()["rowsDroppedByMemory"]
    notes = _notes(summary)
    if dropped:
        notes.append(f"{dropped:,} of the oldest rows did not fit into memory; read the capture in parts")
    return store, min(firsts, default=0), max(lasts, default=0), notes


def _notes(summary: Mapping[str, Any]) -> list[str]:
    notes = [str(warning) for warning in summary.get("warnings", [])]
    if not summary.get("requests", 1):
        notes.append("no Kafka was found in the capture")
    for key, text in (("unreadable_bytes", "bytes unreadable"), ("missing_bytes", "bytes missing"), ("tls_connections", "TLS connections, content not visible"),
                      ("fragments", "IP fragments not read")):
        if summary.get(key):
            notes.append(f"{summary[key]:,} {text}")
    return notes


def _table(result: Any) -> out.Output:
    columns = [out.Column(c.name, c.type.name, c.semantic_type.name) for c in result.columns]
    values = [column.to_pylist() for column in result.table.columns]
    return out.Output(result.name, columns, list(zip(*values, strict=True)) if values else [], result.truncated)
