"""``px script list`` and ``px script show``."""

from __future__ import annotations

import json

import click

from kafkascope.cli import output as out
from kafkascope.cli.errors import WRONG_USE, CommandError
from kafkascope.scripts import Library, ScriptError


def load(folders: tuple[str, ...]) -> Library:
    """The library with the users' folders; problems of single scripts go to standard error."""
    try:
        library = Library.load(folders)
    except ScriptError as error:
        raise CommandError(error.message, error.hint, WRONG_USE) from error
    for problem in library.problems:
        click.echo(f"px: skipped a script: {problem}", err=True)
    return library


scripts_option = click.option("--scripts", "folders", multiple=True, metavar="DIR", help="Folder or bundle with more scripts; may be repeated.")


@click.group()
def script() -> None:
    """List and show scripts."""


@script.command("list")
@click.option("-o", "--output", type=click.Choice(out.FORMATS), default="table", show_default=True)
@scripts_option
def list_scripts(output: str, folders: tuple[str, ...]) -> None:
    """List the scripts.

    \b
    Example: px script list -o json
    """
    print_list(load(folders), output)


def print_list(library: Library, output: str) -> None:
    """The scripts with what they are for; ``output`` is one of ``FORMATS``."""
    shown = [s for _, s in sorted(library.scripts.items()) if not s.hidden]
    if output == "json":
        for entry in shown:
            click.echo(json.dumps({"name": entry.name, "short": entry.short, "long": entry.long}))
        return
    if output != "table":
        columns = [out.Column(name, "STRING", "NONE") for name in ("name", "short", "long")]
        out.write([out.Output("scripts", columns, [[entry.name, entry.short, entry.long] for entry in shown])], output)
        return
    width = max((len(entry.name) for entry in shown), default=0)
    for entry in shown:
        click.echo(f"{entry.name:<{width}}  {entry.short}")


@script.command("show")
@click.argument("name")
@scripts_option
def show_script(name: str, folders: tuple[str, ...]) -> None:
    """Print a script's PxL text.

    \b
    Example: px script show px/kafka_groups > mine.pxl
    """
    try:
        click.echo(load(folders).get(name).pxl, nl=False)
    except ScriptError as error:
        raise CommandError(error.message, error.hint, WRONG_USE) from error
