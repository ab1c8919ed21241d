"""``px demo``: deploy a small application on a real broker, look at it, scale it, remove it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.table import Table

from kafkascope.cli.errors import CommandError
from kafkascope.demo import control
from kafkascope.demo.errors import DemoError
from kafkascope.demo.plan import DEMOS, find

_output = click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except DemoError as error:
        raise CommandError(error.message, error.hint, error.code) from error


@contextmanager
def _progress(title: str) -> Iterator[control.Say]:
    console = Console(stderr=True)
    if not console.is_terminal:
        said: list[str] = []

        def once(text: str) -> None:
            if not said or said[-1] != text:
                said.append(text)
                click.echo(f"{title}: {text}", err=True)

        yield once
        return
    with console.status(title) as status:
        yield lambda text: status.update(f"{title}: {text}")


@click.group()
def demo() -> None:
    """Deploy a demo application with a real Kafka broker."""


@demo.command("list")
@_output
def list_demos(output: str) -> None:
    """List the demos.

    \b
    Example: px demo list
    """
    if output == "json":
        click.echo(json.dumps([{"name": d.name, "short": d.short} for d in DEMOS.values()]))
        return
    for entry in DEMOS.values():
        click.echo(f"{entry.name}  {entry.short}")


@demo.command()
@click.argument("name")
@click.option("--port", type=click.IntRange(1, 65535), default=8081, show_default=True, help="Port of the demo's pages on 127.0.0.1.")
def deploy(name: str, port: int) -> None:
    """Start a demo, and wait until it is ready.

    \b
    Example: px demo deploy px-kafka
    """
    with _told():
        found = find(name)
        with _progress(f"deploying {name}") as say:
            told = control.deploy(found, port, say)
    click.echo(f"{name} runs: {len(told['pods'])} pods are ready; its pages: {told['front']}")
    if not told["isolated"]:
        click.echo("Without root there are no network namespaces: all pods share 127.0.0.1 and are told apart by process, and live capture still needs root.")
    click.echo(f"Next: px demo interact {name}")


@demo.command()
@click.argument("name")
@click.option("--delay", type=click.Choice(["on", "off", "status"]), help="Switch the invoicing delay, or say how it is.")
def interact(name: str, delay: str | None) -> None:
    """Say how to play with a running demo.

    \b
    Example: px demo interact px-kafka --delay on
    """
    with _told():
        found = find(name)
        if delay is not None:
            state = control.delay(found, None if delay == "status" else delay)
            click.echo(f"the invoicing delay is {'on' if state else 'off'}")
            return
        front = control.status(found)["front"]
    click.echo(f"""Orders are produced to the topic 'order'; the groups 'shipping' and 'invoicing' consume them.

  Pages      {front}  (Order, Shipping, Invoicing; "Add Order" is at the bottom of Order)
  Make invoicing fall behind: the button on {front}/invoicing, or
    px demo interact {name} --delay on      (and off)
  Add consumers:
    px demo scale {name} shipping 3
  Look on:
    px up, then px/kafka_overview with namespace {name}
  Remove it:
    px demo delete {name}""")


@demo.command()
@click.argument("name")
@click.argument("deployment")
@click.argument("replicas", type=int)
def scale(name: str, deployment: str, replicas: int) -> None:
    """Set the number of pods of a deployment.

    \b
    Example: px demo scale px-kafka shipping 3
    """
    with _told():
        found = find(name)
        with _progress(f"scaling {deployment}") as say:
            control.scale(found, deployment, replicas, say)
    click.echo(f"{deployment} has {replicas} pod{'s' * (replicas != 1)}, all in the group")


@demo.command()
@click.argument("name")
@_output
def status(name: str, output: str) -> None:
    """List a demo's pods.

    \b
    Example: px demo status px-kafka -o json
    """
    with _told():
        told = control.status(find(name))
    if output == "json":
        click.echo(json.dumps(told))
        return
    table = Table("POD", "PHASE", "READY", "ADDRESS", "RESTARTS", "AGE", box=None, pad_edge=False)
    for pod in told["pods"]:
        reason = f" ({pod['reason']})" if pod["reason"] else ""
        table.add_row(f"{name}/{pod['name']}", pod["phase"] + reason, "yes" if pod["ready"] else "no", pod["address"], str(pod["restarts"]), f"{pod['ageS']} s")
    Console(width=None if Console().is_terminal else 160).print(table)


@demo.command()
@click.argument("name")
def delete(name: str) -> None:
    """Stop a demo and remove all that it made.

    \b
    Example: px demo delete px-kafka
    """
    with _told():
        there = control.delete(find(name))
    click.echo(f"{name} is deleted" if there else f"{name} was not running")
