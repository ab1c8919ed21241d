"""``px alerts``: what is open, and whether a file of rules is right."""

from __future__ import annotations

from typing import Any

import click

from kafkascope.cli import output as out
from kafkascope.cli.client import Server, server_option
from kafkascope.cli.errors import WRONG_USE, CommandError

_EVENTS = [("time_", "TIME64NS", "TIME_NS"), ("event", "STRING", "NONE"), ("severity", "STRING", "NONE"), ("alert", "STRING", "NONE"), ("subject", "STRING", "NONE"),
           ("value", "FLOAT64", "NONE"), ("summary", "STRING", "NONE"), ("since", "TIME64NS", "TIME_NS")]  # fmt: skip
_RULES = [("name", "STRING", "NONE"), ("on", "STRING", "NONE"), ("when", "STRING", "NONE"), ("for_s", "FLOAT64", "NONE"), ("severity", "STRING", "NONE")]


@click.group()
def alerts() -> None:
    """Show alerts, and try rules out."""


@alerts.command("list")
@server_option
@click.option("--recent", is_flag=True, help="What opened and closed lately, too.")
@click.option("-o", "--output", type=click.Choice(out.FORMATS), default="table", show_default=True)
def list_alerts(recent: bool, output: str) -> None:
    """The alerts that are open on the server.

    \b
    Example: px alerts list -o json
    """
    found = Server().call("/api/alerts")
    tables = [_table("open", _EVENTS, [_event(entry) for entry in found["open"]])]
    if recent:
        tables.append(_table("recent", _EVENTS, [_event(entry) for entry in found["recent"]]))
    out.write(tables, output)
    if found.get("rulesProblem"):
        click.echo(f"px: the rules before it stay: {found['rulesProblem']}", err=True)
    if found["notify"]["problems"]:
        click.echo(f"px: {found['notify']['problems']} events were not delivered; the last: {found['notify']['lastProblem']}", err=True)


@alerts.command("test")
@click.argument("file", required=False)
@click.option("--capture", "captures", multiple=True, metavar="FILE", help="Apply the rules to this packet capture; may be repeated.")
@click.option("--send", is_flag=True, help="Send an event of the name px_alerts_test to every webhook and command of the file.")
@click.option("-o", "--output", type=click.Choice(out.FORMATS), default="table", show_default=True)
def try_rules(file: str | None, captures: tuple[str, ...], send: bool, output: str) -> None:
    """Say what rules would have done. Those of FILE; without one, those that come with px.

    \b
    Examples:
      px alerts test rules.toml                          is the file right?
      px alerts test rules.toml --capture incident.pcap  what would have opened and closed?
      px alerts test rules.toml --send                   does the webhook answer?
    """
    from kafkascope.alerts.rules import RuleError, load

    try:
        rules = load(file)
    except RuleError as error:
        raise CommandError(error.message, error.hint, WRONG_USE) from error
    if send:
        _send(rules)
    if not captures:
        rows = [[rule.name, rule.on, rule.when, rule.for_s, rule.severity] for rule in rules.rules]
        out.write([_table("rules", _RULES, rows)], output)
        return
    from kafkascope.cli.capture import load_captures
    from kafkascope.server.analysis import Analysis

    loaded = load_captures(captures)
    try:
        analysis = Analysis(loaded.store, captured=(loaded.first_ns, loaded.last_ns), rules=rules)
        found = analysis.described_alerts()
    finally:
        loaded.store.close()
    out.write([_table("events", _EVENTS, [_event(entry) for entry in found["recent"][::-1]])], output)
    for note in loaded.notes:
        click.echo(f"px: {note}", err=True)


def _send(rules: Any) -> None:
    import time

    from kafkascope.alerts.engine import Event
    from kafkascope.alerts.notify import Notifier

    if not rules.notify:
        raise CommandError("the file names nothing to send to", "add [[notify]] with a webhook or a command", WRONG_USE)
    notifier = Notifier(rules.notify, pause_s=0.2)
    now = time.time_ns()
    for severity in ("warning", "critical"):
        notifier.send([Event(now, "px_alerts_test", "open", severity, "test", {}, None, "a test of px alerts", now)])
    notifier.close()
    click.echo(f"px: {notifier.sent} events were delivered, {notifier.problems} were not", err=True)
    if notifier.problems:
        raise CommandError(notifier.last_problem, "is the receiver there?")


def _event(entry: dict[str, Any]) -> list[Any]:
    return [entry["time"] * 1_000_000, entry["event"], entry["severity"], entry["alert"], entry["subject"], entry["value"], entry["summary"], entry["since"] * 1_000_000]


def _table(name: str, columns: list[tuple[str, str, str]], rows: list[list[Any]]) -> out.Output:
    return out.Output(name, [out.Column(*c) for c in columns], rows)
