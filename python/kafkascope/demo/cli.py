"""``px demo``: deploy a small application on a real broker, look at it, scale it, remove it."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from kafkascope.cli.errors import FAILED, NOTHING_THERE, WRONG_USE, CommandError
from kafkascope.demo import control
from kafkascope.demo.errors import DemoError
from kafkascope.demo.plan import DEMOS, Demo, find

if TYPE_CHECKING:
    from kafkascope.metadata.kubernetes.api import Api

_output = click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)


@contextmanager
def _told() -> Iterator[None]:
    from kafkascope.deploy.rollout import RolloutError
    from kafkascope.metadata.kubernetes.api import KubernetesError

    try:
        yield
    except DemoError as error:
        raise CommandError(error.message, error.hint, error.code) from error
    except RolloutError as error:
        raise CommandError(error.message, error.hint, FAILED) from error
    except KubernetesError as error:
        raise CommandError(error.message, error.hint, FAILED if error.status else NOTHING_THERE) from error


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


def _place(function: Callable[..., None]) -> Callable[..., None]:
    """Where the demo is: the command's function gets an ``Api``, or ``None`` for this host."""

    @functools.wraps(function)
    def placed(name: str, *, host: bool, kubeconfig: str | None, context: str | None, **rest: Any) -> None:
        with _told():
            found = find(name)
            api = None if host else _cluster(found, kubeconfig, context)
            function(found, api, **rest)

    wrapped: Callable[..., None] = placed
    wrapped = click.option("--context", help="Context of the kubeconfig.")(wrapped)
    wrapped = click.option("--kubeconfig", metavar="FILE", help="On this cluster; default: kubectl's own, when one is configured.")(wrapped)
    wrapped = click.option("--host", is_flag=True, help="On this host, although a cluster is configured.")(wrapped)
    return click.argument("name")(wrapped)


def _cluster(found: Demo, kubeconfig: str | None, context: str | None) -> Api | None:
    """The configured cluster; ``None`` when there is none, or the demo runs on this host."""
    from kafkascope.metadata.kubernetes.api import Api, in_cluster, kubeconfig_path

    asked = kubeconfig is not None or context is not None
    configured = kubeconfig_path() is not None or in_cluster()
    if not asked and control.runs(found):
        if configured:
            click.echo(f"px: the {found.name} of this host is meant; --kubeconfig or --context means that of a cluster", err=True)
        return None
    if not asked and not configured:
        return None
    return Api.connect(kubeconfig, context)


@click.group()
def demo() -> None:
    """Deploy a demo application with a real Kafka broker, on a Kubernetes cluster when one is configured, else on this host."""


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
@_place
@click.option("--port", type=click.IntRange(1, 65535), default=8081, show_default=True, help="On a host: port of the demo's pages on 127.0.0.1.")
@click.option("--images", metavar="REGISTRY", help="On a cluster: where the nodes find the images kafkascope and kafkascope-demo-kafka.")
@click.option("--pull-policy", type=click.Choice(["Always", "IfNotPresent", "Never"]), help="On a cluster: when nodes fetch them.")
def deploy(found: Demo, api: Api | None, port: int, images: str | None, pull_policy: str | None) -> None:
    """Start a demo, and wait until it is ready.

    \b
    Examples:
      px demo deploy px-kafka
      px demo deploy px-kafka --host      although a cluster is configured
    """
    name = found.name
    if api is None and (images or pull_policy):
        why = f"{name} runs on this host already" if control.runs(found) else "it is to run on this host"
        raise CommandError(f"--images and --pull-policy are of a cluster, and {why}", "name the cluster with --kubeconfig or --context", WRONG_USE)
    if api is not None:
        from kafkascope.demo.kubernetes import control as cluster

        with _progress(f"deploying {name} to {api.context}") as say:
            told = cluster.deploy(api, found, say, repository=images or "", pull_policy=pull_policy or "")
        click.echo(f"{name} runs on {api.context}: {len(told['pods'])} pods are ready in namespace {name}; its pages: {told['front']}")
    else:
        with _progress(f"deploying {name}") as say:
            told = control.deploy(found, port, say)
        click.echo(f"{name} runs: {len(told['pods'])} pods are ready; its pages: {told['front']}")
        if not told["isolated"]:
            click.echo("Without root there are no network namespaces: all pods share 127.0.0.1 and are told apart by process, and live capture still needs root.")
    click.echo(f"Next: px demo interact {name}")


@demo.command()
@_place
@click.option("--delay", type=click.Choice(["on", "off", "status"]), help="Switch the invoicing delay, or say how it is.")
def interact(found: Demo, api: Api | None, delay: str | None) -> None:
    """Say how to play with a running demo.

    \b
    Example: px demo interact px-kafka --delay on
    """
    from kafkascope.demo.kubernetes import control as cluster

    name = found.name
    if delay is not None:
        wanted = None if delay == "status" else delay
        state = control.delay(found, wanted) if api is None else cluster.delay(api, found, wanted)
        click.echo(f"the invoicing delay is {'on' if state else 'off'}")
        return
    front = (control.status(found) if api is None else cluster.status(api, found))["front"]
    pages = front if api is None else "http://127.0.0.1:8081"
    on_cluster = "" if api is None else f"\n    kubectl -n {name} scale deployment/shipping --replicas=3"
    look = "px up, then px/kafka_overview" if api is None else "px deploy, then px/kafka_overview"
    click.echo(f"""Orders are produced to the topic 'order'; the groups 'shipping' and 'invoicing' consume them.

  Pages      {front}  (Order, Shipping, Invoicing; "Add Order" is at the bottom of Order)
  Make invoicing fall behind: the button on {pages}/invoicing, or
    px demo interact {name} --delay on      (and off)
  Add consumers:
    px demo scale {name} shipping 3{on_cluster}
  Look on:
    {look} with namespace {name}
  Remove it:
    px demo delete {name}""")


@demo.command()
@_place
@click.argument("deployment")
@click.argument("replicas", type=int)
def scale(found: Demo, api: Api | None, deployment: str, replicas: int) -> None:
    """Set the number of pods of a deployment.

    \b
    Example: px demo scale px-kafka shipping 3
    """
    from kafkascope.demo.kubernetes import control as cluster

    with _progress(f"scaling {deployment}") as say:
        if api is None:
            control.scale(found, deployment, replicas, say)
        else:
            cluster.scale(api, found, deployment, replicas, say)
    click.echo(f"{deployment} has {replicas} pod{'s' * (replicas != 1)}, all in the group")


@demo.command()
@_place
@_output
def status(found: Demo, api: Api | None, output: str) -> None:
    """List a demo's pods.

    \b
    Example: px demo status px-kafka -o json
    """
    from kafkascope.demo.kubernetes import control as cluster

    told = control.status(found) if api is None else cluster.status(api, found)
    if output == "json":
        click.echo(json.dumps(told))
        return
    table = Table("POD", "PHASE", "READY", "ADDRESS", "RESTARTS", "AGE", box=None, pad_edge=False)
    for pod in told["pods"]:
        reason = f" ({pod['reason']})" if pod["reason"] else ""
        table.add_row(f"{found.name}/{pod['name']}", pod["phase"] + reason, "yes" if pod["ready"] else "no", pod["address"], str(pod["restarts"]), f"{pod['ageS']} s")
    Console(width=None if Console().is_terminal else 160).print(table)


@demo.command()
@_place
def delete(found: Demo, api: Api | None) -> None:
    """Stop a demo and remove all that it made.

    \b
    Example: px demo delete px-kafka
    """
    from kafkascope.demo.kubernetes import control as cluster

    if api is None:
        there = control.delete(found)
    else:
        with _progress(f"deleting {found.name}") as say:
            there = cluster.delete(api, found, say)
    where = "this host" if api is None else api.context
    click.echo(f"{found.name} is deleted from {where}" if there else f"{found.name} was not running on {where}")
