"""Every command explains itself, with an example."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from kafkascope.cli.program import px


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with its words, groups left out."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        if found is not None and not found.hidden:
            yield from commands(found, (*path, name))


ALL = list(commands(px))


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_help_has_an_example_that_this_command_takes(path: tuple[str, ...], command: click.Command) -> None:
    text = CliRunner().invoke(px, [*path, "-h"]).output
    assert re.search(r"Examples?:", text), text
    examples = re.findall(r"(?:^|\s)px ([^\n]*)", text.partition("Example")[2].partition("Options:")[0])
    assert examples or path == ("completion",)
    for option in (word for line in examples for word in re.findall(r"(?<!\S)(--?[a-zA-Z][a-z-]*)", line.partition(" -- ")[0].partition("|")[0])):
        assert option in {name for p in command.params for name in (*p.opts, *p.secondary_opts)} | {"--help"}, option


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_every_option_says_what_it_is_for(path: tuple[str, ...], command: click.Command) -> None:
    silent = [p.opts[-1] for p in command.params if isinstance(p, click.Option) and not p.hidden and not p.help and p.name != "output"]
    assert not silent


@pytest.mark.parametrize(("how", "begins"), [("table", "px/agent_status"), ("json", '{"_tableName_": "scripts", "name": "px/agent_status"'), ("csv", "table_id,name,short,long")])
def test_run_l_is_script_list(how: str, begins: str) -> None:
    listed, ran = (CliRunner().invoke(px, [*words, "-o", how]).output for words in (["script", "list"], ["run", "-l"]))
    assert listed == ran and listed.startswith(begins)
