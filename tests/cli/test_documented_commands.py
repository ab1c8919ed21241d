"""Every command that the documentation shows is one that px takes: names, options, scripts, arguments of scripts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from kafkascope.cli.errors import CommandError
from kafkascope.cli.program import px
from kafkascope.cli.run import parse_arguments
from kafkascope.scripts import Library

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
LIBRARY = Library.load()
#: Words that stand for something.
PLACEHOLDER = re.compile(r"[A-Z][A-Z_]*|…|\.\.\.")


def shown() -> Iterator[tuple[str, str]]:
    """Document and command line, of code blocks and of code in sentences."""
    for document in DOCUMENTS:
        text = document.read_text()
        blocks = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        sentences = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
        lines = [line for block in blocks for line in re.sub(r"\\\n\s*", "", block).splitlines()] + re.findall(r"`([^`]+)`", sentences)
        for line in lines:
            found = re.match(r"\s*(?:\$ )?(?:sudo )?(?:[A-Z_]+=\S+ )*(px [a-z].*)", line)
            if found is not None:
                yield document.relative_to(ROOT).as_posix(), found[1]


ALL = sorted(set(shown()))


@pytest.mark.parametrize(("document", "line"), ALL, ids=[f"{document}: {line}" for document, line in ALL])
def test_px_takes_it(document: str, line: str) -> None:
    words = shlex.split(re.split(r" (?:\||>|&&|;) ", line)[0], comments=True)[1:]
    command: click.Command = px
    context = click.Context(px, info_name="px", **px.context_settings)
    while isinstance(command, click.Group) and words and not PLACEHOLDER.fullmatch(words[0]):
        found = command.get_command(context, words.pop(0))
        assert found is not None, line
        command, context = found, click.Context(found, context, info_name=found.name, resilient_parsing=True)
    if isinstance(command, click.Group):
        return
    try:
        given, rest, _ = command.make_parser(context).parse_args(words)
    except click.UsageError as error:
        pytest.fail(f"{document}: {line}: {error.format_message()}")
    assert not rest, line
    # What is left out is a value of click's own.
    script, arguments = given.get("script"), given.get("script_args")
    if isinstance(script, str) and not PLACEHOLDER.fullmatch(script):
        _arguments_are_the_scripts(script, arguments if isinstance(arguments, tuple) else ())


def _arguments_are_the_scripts(name: str, words: tuple[str, ...]) -> None:
    script = LIBRARY.get(name)
    try:
        args = parse_arguments(tuple(word for word in words if word not in ("--help", "-h")))
    except CommandError as error:
        pytest.fail(error.message)
    assert set(args) <= {v["name"] for v in (script.vis or {}).get("variables", [])}


def test_commands_are_found() -> None:
    assert len(ALL) > 60
