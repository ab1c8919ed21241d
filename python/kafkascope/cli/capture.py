"""Scripts answered from packet captures, with no server and no privileges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kafkascope.cli import output as out
from kafkascope.cli.errors import FAILED, WRONG_USE, CommandError, check_files

if TYPE_CHECKING:
    from kafkascope.agent.captures import Loaded


def run_on_captures(files: Sequence[str], library: Any, request: dict[str, Any], vis: Mapping[str, Any] | None) -> tuple[list[out.Output], list[str]]:
    """The result tables of a script over ``files``, and what was not seen. ``start_time`` reaches over the whole capture unless given."""
    from kafkascope.server.analysis import Analysis
    from kafkascope.server.errors import ApiError
    from kafkascope.server.service import Service

    loaded = load_captures(files)
    try:
        if any(v.get("name") == "start_time" for v in (vis or {}).get("variables") or []):
            whole = f"-{(loaded.last_ns - loaded.first_ns) // 1_000_000_000 + 2}s"
            request["args"].setdefault("start_time", whole)
        analysis = Analysis(loaded.store, captured=(loaded.first_ns, loaded.last_ns))
        service = Service(loaded.store.engine(), library, now_ns=lambda: loaded.last_ns + 1, analysis=analysis)
        try:
            results, notes = service.results_and_notes(request)
        except ApiError as error:
            where = f"line {error.line}, column {error.column}: " if error.line is not None else ""
            raise CommandError(where + error.message, error.hint, WRONG_USE if error.kind in ("argument", "not_found") else FAILED) from error
        return [_table(result) for result in results], [*loaded.notes, *notes]
    finally:
        loaded.store.close()


def load_captures(files: Sequence[str]) -> Loaded:
    """``agent.captures.load``, with failures as a command's."""
    with _reading(files):
        from kafkascope.agent import captures

        return captures.load(files)


def is_piped(files: Sequence[str]) -> bool:
    """Whether one of ``files`` is written while it is read."""
    return any(not Path("/dev/stdin" if file == "-" else file).is_file() for file in files)


def load_pieces(files: Sequence[str], every_s: float) -> Iterator[Loaded]:
    """``agent.piped.pieces``, with failures as a command's."""
    with _reading(files):
        from kafkascope.agent import piped

        yield from piped.pieces(files, every_s)


@contextmanager
def _reading(files: Sequence[str]) -> Iterator[None]:
    check_files(files)
    from kafkascope import _core, absent

    absent.settle()
    try:
        yield
    except _core.CaptureFileError as error:
        message, hint = (*error.args, "")[:2]
        raise CommandError(message, hint, FAILED) from error


def _table(result: Any) -> out.Output:
    columns = [out.Column(c.name, c.type.name, c.semantic_type.name) for c in result.columns]
    values = [column.to_pylist() for column in result.table.columns]
    return out.Output(result.name, columns, list(zip(*values, strict=True)) if values else [], result.truncated)
