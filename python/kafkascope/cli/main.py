"""``px``: the commands, each in its own file."""

from __future__ import annotations

import sys
from typing import ClassVar

import click

from kafkascope import __version__
from kafkascope.cli.errors import FAILED, WRONG_USE, CommandError


class Commands(click.Group):
    """Loads a command's module when it is asked for, so that ``px version`` does not import a query engine."""

    modules: ClassVar[dict[str, tuple[str, str]]] = {
        "up": ("kafkascope.cli.up", "up"),
        "agent": ("kafkascope.agent.main", "agent"),
        "server": ("kafkascope.cli.server", "server"),
        "deploy": ("kafkascope.cli.deploy", "deploy"),
        "delete": ("kafkascope.cli.deploy", "delete"),
        "run": ("kafkascope.cli.run", "run"),
        "script": ("kafkascope.cli.script", "script"),
        "scripts": ("kafkascope.cli.script", "script"),
        "live": ("kafkascope.cli.live", "live"),
        "tail": ("kafkascope.cli.tail", "tail"),
        "get": ("kafkascope.cli.get", "get"),
        "alerts": ("kafkascope.cli.alerts", "alerts"),
        "export": ("kafkascope.cli.export", "export"),
        "decode": ("kafkascope.cli.decode", "decode"),
        "demo": ("kafkascope.demo.cli", "demo"),
        "doctor": ("kafkascope.cli.doctor", "doctor"),
        "store": ("kafkascope.cli.store", "store"),
        "config": ("kafkascope.cli.config", "config_group"),
        "completion": ("kafkascope.cli.completion", "completion"),
        "version": ("kafkascope.cli.version", "version"),
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in self.modules if name != "scripts"]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.modules:
            return None
        module, attribute = self.modules[name]
        from importlib import import_module

        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            close = difflib.get_close_matches(args[0], self.modules, 1)
            raise CommandError(f"no such command '{args[0]}'" + (f"; did you mean '{close[0]}'?" if close else ""), "`px --help` lists the commands", WRONG_USE) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="px")
def px() -> None:
    """See what happens in Apache Kafka, without touching it.

    \b
    Start here:
      px demo deploy px-kafka      a small real Kafka application
      px up                        capture, serve the page, say the address
      px run px/kafka_overview     the same answers in a terminal
    """


def main() -> None:
    """Entry point of the ``px`` and ``kafkascope`` programs."""
    try:
        code = px.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except CommandError as error:
        error.show()
        sys.exit(error.code)
    except click.exceptions.Abort:
        click.echo("px: interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # `px decode … | head`: the reader has what it wanted.
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        import os

        if os.environ.get("KAFKASCOPE_DEBUG"):
            raise
        click.echo(f"px: internal error: {type(error).__name__}: {error}", err=True)
        click.echo("hint: set KAFKASCOPE_DEBUG=1 for the trace, and report it", err=True)
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
