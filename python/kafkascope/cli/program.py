"""The group of all commands, and how each run of it ends."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click

from kafkascope import __version__
from kafkascope.cli import streams
from kafkascope.cli.commands import Commands
from kafkascope.cli.errors import FAILED, WRONG_USE, CommandError, wrong_use


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="px")
def px() -> None:
    """See what happens in Apache Kafka, without touching it.

    \b
    Start here:
      px demo deploy px-kafka      a small real Kafka application
      sudo px up                   capture, serve the page, say the address
      px run px/kafka_overview     the same answers in a terminal

    `px COMMAND --help` has examples.
    """


def run() -> NoReturn:
    """Run the command that the process was started with, and exit."""
    streams.reopen_closed()
    streams.as_utf8()
    try:
        code = px.main(prog_name="px", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except CommandError as error:
        _end(error)
    except click.exceptions.NoArgsIsHelpError as error:
        # A group without a command: its help is the message, and keeps its lines.
        error.show()
        sys.exit(WRONG_USE)
    except click.UsageError as error:
        _end(wrong_use(error))
    except click.ClickException as error:
        _end(CommandError(error.format_message(), "", error.exit_code))
    except (click.exceptions.Abort, KeyboardInterrupt):
        # Whoever pressed ctrl-c knows.
        sys.exit(130)
    except Exception as error:
        if os.environ.get("KAFKASCOPE_DEBUG"):
            raise
        _end(CommandError(f"internal error: {type(error).__name__}: {error}", "set KAFKASCOPE_DEBUG=1 for the trace, and report it", FAILED))


def _end(error: CommandError) -> NoReturn:
    error.show()
    sys.exit(error.code)
