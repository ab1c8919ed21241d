"""``px script``: the library of scripts."""

from __future__ import annotations

import click

from kafkascope.cli import output as out
from kafkascope.cli.errors import WRONG_USE, CommandError
from kafkascope.cli.library import load, print_list, scripts_option
from kafkascope.cli.run import run
from kafkascope.scripts import ScriptError


@click.group()
def script() -> None:
    """List, show and run scripts."""


@script.command("list")
@click.option("-o", "--output", type=click.Choice(out.FORMATS), default="table", show_default=True)
@scripts_option
def list_scripts(output: str, folders: tuple[str, ...]) -> None:
    """List the scripts.

    \b
    Example: px script list -o json
    """
    print_list(load(folders), output)


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


# Pixie's `px script run` is its `px run`.
script.add_command(run)
