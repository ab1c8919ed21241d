"""``px store``: what is kept on disk, and getting it out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kafkascope.cli import output as out
from kafkascope.cli.config import configured
from kafkascope.cli.errors import FAILED, WRONG_USE, CommandError
from kafkascope.cli.progress import progress
from kafkascope.config import Config

if TYPE_CHECKING:
    from kafkascope.store import Store


@click.group()
def store() -> None:
    """What is kept on disk: look at it, compact it, export it."""


@store.command()
@configured("store.data")
@click.option("-o", "--output", type=click.Choice(out.FORMATS), default="table", show_default=True)
@click.option("--check", is_flag=True, help="Read all of it with its checksums, not the newest only.")
def status(config: Config, output: str, check: bool) -> None:
    """Print what each table keeps; also while `px up` writes it. Damaged segments are told and not counted.

    \b
    Examples:
      px store status
      px store status --data /var/lib/kafkascope -o json
      px store status --check
    """
    from kafkascope.store import folder as place

    folder = _folder(config)
    with _open(folder, read_only=True) as kept:
        for name in kept.observed if check else ():
            kept.inspect(name)
        tables = kept.stats()["tables"]
    columns = [out.Column("table", "STRING", "NONE"), out.Column("rows", "INT64", "NONE"), out.Column("disk", "INT64", "BYTES"), out.Column("bytes_per_row", "FLOAT64", "NONE"),
               out.Column("segments", "INT64", "NONE"), out.Column("oldest", "TIME64NS", "TIME_NS"), out.Column("newest", "TIME64NS", "TIME_NS")]  # fmt: skip
    rows = []
    for name, table in tables.items():
        disk = _size(folder / name)
        if table["rows"] or output != "table":
            rows.append([name, table["rows"], disk, round(disk / table["rows"], 1) if table["rows"] else None, table["segments"], table["oldestNs"], table["newestNs"]])
    out.write([out.Output("store", columns, rows)], output)
    if output == "table":
        total = _size(folder)
        click.echo(f"\n{folder}: {total / 1e6:,.1f} MB in {sum(row[1] for row in rows):,} rows" + ("; open in another process" if place.in_use(folder) else ""))


@store.command()
@configured("store.data")
def compact(config: Config) -> None:
    """Merge what is kept, and compress it harder. Recent rows become segments too. Not while `px up` has the store open.

    \b
    Example: px store compact --data /var/lib/kafkascope
    """
    folder = _folder(config)
    before = _size(folder)
    with _open(folder, read_only=False) as kept:
        segments = sum(len(table.segments) for table in kept.observed.values())
        try:
            with progress("merging segments"):
                kept.compact()
        except OSError as error:
            raise CommandError(f"{folder} could not be compacted: {error.strerror}", "a merge needs free space for one segment; nothing was lost", FAILED) from error
        fewer = sum(len(table.segments) for table in kept.observed.values())
    click.echo(f"{before / 1e6:,.1f} MB in {segments} segments are now {_size(folder) / 1e6:,.1f} MB in {fewer}")


@store.command()
@click.argument("table")
@click.argument("file")
@configured("store.data")
@click.option("--format", "form", type=click.Choice(["parquet", "csv", "arrow"]), help="Format; told by FILE's name when left out.")
@click.option("--start", metavar="TIME", help="First time, such as -1h or 2026-11-25 18:00:00 +0000.")
@click.option("--end", metavar="TIME", help="Time before which it ends.")
@click.option("--columns", metavar="A,B", help="Only these columns.")
@click.option("--capture", "captures", multiple=True, metavar="CAPTURE", help="Take the rows from this packet capture; may be repeated.")
def export(config: Config, table: str, file: str, form: str | None, start: str | None, end: str | None, columns: str | None, captures: tuple[str, ...]) -> None:
    """Write the rows of TABLE to FILE. As Parquet, CSV or Arrow; - is standard output; also while `px up` writes the store.

    \b
    Examples:
      px store export kafka_fetch fetches.parquet --start -1h
      px store export kafka_commits commits.csv.gz --columns time_,group_id,topic,partition,offset
      px store export kafka_produce - --format arrow --capture broker.pcap.zst > produce.arrow
    """
    from kafkascope.store import export as exporting
    from kafkascope.store.errors import StoreError

    form = form or exporting.format_of(file)
    if form is None:
        raise CommandError(f"the name '{file}' says no format", "end it in .parquet, .csv or .arrow, or give --format", WRONG_USE)
    if captures:
        from kafkascope.cli.capture import load_captures

        loaded = load_captures(captures)
        kept, now_ns = loaded.store, loaded.last_ns + 1
        for note in loaded.notes:
            click.echo(f"px: {note}", err=True)
    else:
        kept, now_ns = _open(_folder(config), read_only=True), time.time_ns()
    with kept:
        try:
            with progress(f"writing {table}"):
                rows = exporting.export(kept, table, file, form, start_ns=_time(start, now_ns), end_ns=_time(end, now_ns), columns=[c.strip() for c in (columns or "").split(",") if c.strip()])
        except StoreError as error:
            raise CommandError(error.message, error.hint, WRONG_USE) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror or error}", "", FAILED) from error
    if file != "-":
        click.echo(f"{rows:,} rows of {table} are in {file}", err=True)


def _folder(config: Config) -> Path:
    from kafkascope.cli.up import default_data

    return Path(config["store.data"] or default_data())


def _open(folder: Path, *, read_only: bool) -> Store:
    from kafkascope.store import Store
    from kafkascope.store import folder as place
    from kafkascope.store.errors import StoreError, StoreInUse

    try:
        # A folder that is no store is not made one.
        place.look(folder)
        return Store(folder, read_only=read_only, retention_age_s=float("inf"), retention_bytes=1 << 62)
    except StoreInUse as error:
        raise CommandError(error.message, "stop `px up` first, or take another folder with --data", FAILED) from error
    except StoreError as error:
        raise CommandError(error.message, error.hint, WRONG_USE) from error


def _time(text: str | None, now_ns: int) -> int | None:
    from kafkascope.pxl.errors import PxLError
    from kafkascope.pxl.times import instant

    if text is None:
        return None
    try:
        return instant(text, now_ns)
    except PxLError as error:
        raise CommandError(error.message, error.hint, WRONG_USE) from error


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*") if folder.is_dir() else ():
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total
