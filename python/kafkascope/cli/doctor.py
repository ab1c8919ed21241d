"""``px doctor``: what this host allows."""

from __future__ import annotations

import json

import click


@click.command()
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def doctor(output: str) -> None:
    """Say what this host allows: kernel, BTF, privileges, eBPF hooks; and what to do about what is missing.

    \b
    Example: sudo px doctor
    """
    from kafkascope import _core

    checks = _core.doctor()
    for check in checks:
        if output == "json":
            click.echo(json.dumps(check))
            continue
        mark, colour = {"ok": ("ok", "green"), "warn": ("--", "yellow"), "fail": ("!!", "red")}[check["status"]]
        click.echo(f"{click.style(mark, fg=colour)}  {check['name']:<24} {check['found']}")
        if check["status"] != "ok" and check["hint"]:
            click.echo(f"    {'':<24} {check['hint']}")
    if any(check["status"] == "fail" for check in checks):
        raise SystemExit(1)
