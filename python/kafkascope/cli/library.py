"""The script library, as commands see it."""

from __future__ import annotations

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


def print_list(library: Library, output: str) -> None:
    """The scripts with what they are for; ``output`` is one of ``FORMATS``."""
    shown = [s for _, s in sorted(library.scripts.items()) if not s.hidden]
    if output != "table":
        columns = [out.Column(name, "STRING", "NONE") for name in ("name", "short", "long")]
        out.write([out.Output("scripts", columns, [[entry.name, entry.short, entry.long] for entry in shown])], output)
        return
    width = max((len(entry.name) for entry in shown), default=0)
    for entry in shown:
        click.echo(f"{entry.name:<{width}}  {entry.short}")
