"""How commands fail: a message, a hint, an exit code; never a traceback.

Exit codes: 0 done, 1 the script or the query failed, 2 wrong use, 3 nothing to connect to.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO, Any

import click

from kafkascope.cli.plain import plain

FAILED, WRONG_USE, NOTHING_THERE = 1, 2, 3


def check_files(paths: Sequence[str]) -> None:
    """Refuse a file that is not there, or not to be read, as wrong use; ``-`` is standard input."""
    for path in paths:
        if path == "-":
            continue
        if not os.path.exists(path):
            raise CommandError(f"no such file: {path}", "check the path", WRONG_USE)
        if not os.access(path, os.R_OK):
            raise CommandError(f"{path} may not be read: permission denied", "`ls -l` tells whose it is; sudo, or a copy of your own", WRONG_USE)


class CommandError(click.ClickException):
    """Ends a command, with exit code ``code`` and ``message`` and ``hint`` on standard error."""

    def __init__(self, message: str, hint: str = "", code: int = FAILED) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        return self.code

    def show(self, file: IO[Any] | None = None) -> None:
        # Messages tell of names that come from strangers.
        first, *more = self.message.splitlines() or [""]
        click.echo("\n".join([f"px: {plain(first)}", *map(plain, more)]), err=True)
        for line in self.hint.splitlines():
            click.echo(f"hint: {plain(line)}", err=True)


def wrong_use(error: click.UsageError) -> CommandError:
    """What click refused, in the form of all other errors."""
    path = error.ctx.command_path if error.ctx is not None else "px"
    message = " ".join(error.format_message().split()).rstrip(".")
    message = message[:1].lower() + message[1:]
    command = error.ctx.command if error.ctx is not None else None
    if isinstance(error, click.NoSuchOption) and command is not None and any(one.name == "script_args" for one in command.params):
        # Whoever knows the script's arguments knows no more than that they are some.
        return CommandError(message, f"arguments of the script stand behind --: {path} SCRIPT -- {error.option_name} VALUE", WRONG_USE)
    there = "lists the commands" if isinstance(command, click.Group) else "has examples"
    return CommandError(message, f"`{path} --help` {there}", WRONG_USE)
