"""``px doctor``: what this host allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kafkascope.cli import output as out
from kafkascope.cli.errors import FAILED
from kafkascope.config import ConfigError, Level, load

if TYPE_CHECKING:
    from kafkascope._core import Check

_COLUMNS = [out.Column(name, "STRING", "NONE") for name in ("name", "status", "found", "hint")]
_MARKS = {"ok": ("ok", "green"), "warn": ("--", "yellow"), "fail": ("!!", "red")}


@click.command()
@click.option("-o", "--output", type=click.Choice(out.FORMATS), default="table", show_default=True)
def doctor(output: str) -> None:
    """Say what this host allows, and what to do. Kernel, BTF, privileges, eBPF hooks, what talks Kafka, the configuration.

    \b
    Examples:
      sudo px doctor
      sudo px doctor -o json | jq 'select(.status != "ok")'
    """
    from kafkascope import _core

    checks = [*_core.doctor(), _configuration()]
    if output == "table":
        _print(checks)
    else:
        out.write([out.Output("doctor", _COLUMNS, [[check["name"], check["status"], check["found"], check["hint"]] for check in checks])], output)
    if any(check["status"] == "fail" for check in checks):
        raise SystemExit(FAILED)


def _configuration() -> Check:
    """Which file and variables hold for commands that are started from here."""
    try:
        config = load()
    except ConfigError as error:
        return {"name": "configuration", "status": "fail", "found": error.message, "hint": error.hint}
    changed = sum(setting.origin.level > Level.DEFAULT for setting in config.settings.values())
    found = f"{config.file or 'no file'}; {changed} of {len(config)} keys are set"
    if config.notes:
        return {"name": "configuration", "status": "warn", "found": found, "hint": "; ".join(config.notes)}
    return {"name": "configuration", "status": "ok", "found": found, "hint": "`px config show` lists them with where each came from"}


def _print(checks: list[Check]) -> None:
    """Each check with its hint below: a hint is a sentence, too long for a column."""
    for check in checks:
        mark, colour = _MARKS[check["status"]]
        click.echo(f"{click.style(mark, fg=colour)}  {check['name']:<24} {check['found']}")
        if check["status"] != "ok" and check["hint"]:
            click.echo(f"    {'':<24} {check['hint']}")
