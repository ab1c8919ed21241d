"""Options of commands that are keys of ``kafkascope.toml``, and ``px config``."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import click

from kafkascope import config as configuration
from kafkascope.cli.errors import WRONG_USE, CommandError
from kafkascope.config import KEYS, Config, ConfigError, Key


def configured(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command ``--config`` and the flags of keys ``names``; its function gets what holds as the argument ``config``."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, config_file: str | None, **kwargs: Any) -> Any:
            flags = {name: kwargs.pop(_parameter(KEYS[name])) for name in names}
            try:
                config = configuration.load(config_file, flags={name: value for name, value in flags.items() if value is not None and value != ()})
            except ConfigError as error:
                raise CommandError(error.message, error.hint, WRONG_USE) from error
            return function(*args, config=config, **kwargs)

        command: Callable[..., Any] = wrapped
        for name in reversed(names):
            command = _option(KEYS[name])(command)
        return click.option("--config", "config_file", metavar="FILE", help="Configuration file; `px config show` tells which holds.")(command)

    return decorate


def _parameter(key: Key) -> str:
    return "folders" if key.key == "server.scripts" else f"key_{key.name}"


def _option(key: Key) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    default = key.shown or ("" if key.default in ("", (), {}, False) else ", ".join(key.default) if isinstance(key.default, tuple) else key.default)
    text = key.help + (" May be repeated." if key.kind.many else "") + (f"  [default: {default}]" if default != "" else "")
    if key.kind.switch:
        # What is on has a way to be off.
        flag = f"{key.flag}/--no-{key.flag.removeprefix('--')}" if key.default is True else key.flag
        return click.option(flag, _parameter(key), is_flag=True, default=None, help=text if key.default is not True else f"{key.help}  [default: on]")
    kind = click.Choice(key.kind.choices) if key.kind.choices else None
    return click.option(key.flag, _parameter(key), multiple=key.kind.many, metavar=None if kind else key.kind.metavar, type=kind, help=text)


@click.group("config")
def config_group() -> None:
    """What is configured, and where it came from."""


@config_group.command("show")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--changed", is_flag=True, help="Only what is not a default.")
@configured(*KEYS)
def show(config: Config, output: str, changed: bool) -> None:
    """Print every key with the value that holds and where it came from. Flags of other commands are taken here too.

    \b
    Examples:
      px config show
      px config show --changed --config ./kafkascope.toml
      KAFKASCOPE_PORT=9000 px config show -o json
    """
    settings = [s for s in config.settings.values() if not changed or s.origin.level > configuration.Level.DEFAULT]
    if output == "json":
        for s in settings:
            value = "<masked>" if s.key.secret and s.value else s.value
            click.echo(json.dumps({"key": s.key.key, "value": value, "from": s.origin.level.name.lower(), "where": s.origin.where, "flag": s.key.flag, "variable": s.key.variable}))
    else:
        looked = ", ".join(str(place) for place in configuration.places())
        click.echo(f"# file: {config.file if config.file is not None else f'none (looked for {looked})'}")
        lines = [(f"{s.key.key} = {s.text}", s.origin.where) for s in settings]
        width = min(max((len(line) for line, _ in lines), default=0), 60)
        for line, where in lines:
            click.echo(f"{line:<{width}}  # {where}")
    for note in config.notes:
        click.echo(f"px: {note}", err=True)


@config_group.command("example")
def example() -> None:
    """Print a configuration file with every key. Each with its default and what it does.

    \b
    Example: px config example > ~/.config/kafkascope/kafkascope.toml
    """
    click.echo(configuration.example(), nl=False)
