"""``px deploy`` and ``px delete``: Kafkascope on a Kubernetes cluster."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable, Iterator

import click
import yaml
from rich.console import Console

from kafkascope.cli.errors import FAILED, NOTHING_THERE, WRONG_USE, CommandError
from kafkascope.deploy import check as checks
from kafkascope.deploy import manifests, resources, rollout
from kafkascope.deploy import namespace as namespaces
from kafkascope.deploy.manifests import SECRET, Choice
from kafkascope.deploy.rollout import RolloutError
from kafkascope.metadata.kubernetes.api import Api, KubernetesError

_ROLLOUT_S = 180.0
_MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


def cluster_options(function: Callable[..., None]) -> Callable[..., None]:
    """Which cluster."""
    function = click.option("--context", help="Context of the kubeconfig; default: its current one.")(function)
    return click.option("--kubeconfig", metavar="FILE", help="kubeconfig of the cluster; default: kubectl's own.")(function)


namespace_option = click.option("-n", "--namespace", default=manifests.NAMESPACE, show_default=True, help="Namespace for Kafkascope.")


@contextlib.contextmanager
def told() -> Iterator[None]:
    """The API server's refusals as a command's."""
    try:
        yield
    except RolloutError as error:
        raise CommandError(error.message, error.hint, FAILED) from error
    except KubernetesError as error:
        raise CommandError(error.message, error.hint, FAILED if error.status else NOTHING_THERE) from error


@contextlib.contextmanager
def progress(title: str) -> Iterator[rollout.Say]:
    """Says how far a thing is: one changing line on a terminal, else a line for each change."""
    console = Console(stderr=True)
    if console.is_terminal:
        with console.status(title) as status:
            yield lambda text: status.update(f"{title}: {text}")
        return
    said: list[str] = []

    def once(text: str) -> None:
        if said[-1:] != [text]:
            said.append(text)
            click.echo(f"{title}: {text}", err=True)

    yield once


@click.command()
@namespace_option
@cluster_options
@click.option("--image", help="Image of agent and server, with its registry; default: kafkascope of this version.")
@click.option("--pull-policy", type=click.Choice(["Always", "IfNotPresent", "Never"]), help="When nodes fetch it.")
@click.option("--source", type=click.Choice(["ebpf", "packet", "none"]), help="How agents capture.")
@click.option("--check", "only_check", is_flag=True, help="Say what the cluster allows, and change nothing.")
@click.option("--no-check", is_flag=True, help="Deploy whatever the check would say.")
@click.option("-e", "--extract-yaml", metavar="DIR", help="Write the manifests into a folder instead of applying them.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="Form of the check's findings.")
def deploy(namespace: str, kubeconfig: str | None, context: str | None, image: str | None, pull_policy: str | None, source: str | None, only_check: bool, no_check: bool,
           extract_yaml: str | None, output: str) -> None:
    """Put Kafkascope on a Kubernetes cluster, or bring it up to this version.

    \b
    Examples:
      px deploy --check            what the cluster allows; changes nothing
      px deploy                    agents on every node, a server, its page
      px deploy -n observability --context production
    """
    things = manifests.load(Choice(namespace, image or "", pull_policy or "", source or ""))
    if extract_yaml is not None:
        _extract(extract_yaml, [*things, manifests.link_secret(namespace)])
        return
    with told():
        api = Api.connect(kubeconfig, context)
        if not no_check or only_check:
            findings = checks.check(api, things, namespace)
            failed = [f for f in findings if f.status == "fail"]
            if only_check:
                _print(findings, output)
            elif failed:
                raise CommandError(f"{failed[0].name}: {failed[0].found}", failed[0].hint, FAILED)
            if only_check:
                if failed:
                    raise CommandError(f"{len(failed)} of {len(findings)} checks failed", "", FAILED)
                return
        with progress(f"deploying to {api.context}") as say:
            say("applying manifests")
            resources.apply(api, [namespaces.marked(things[0], api.find(resources.path_of(things[0])))])
            if api.find(resources.path("Secret", namespace, SECRET)) is None:
                resources.apply(api, [manifests.link_secret(namespace)])
            resources.apply(api, things[1:])
            rollout.wait(api, things, _ROLLOUT_S, say)
    nodes = next(rollout.state({"kind": "DaemonSet", **api.get(resources.path_of(t))}).ready for t in things if t["kind"] == "DaemonSet")
    click.echo(f"Kafkascope runs in namespace {namespace}, with agents on {nodes} node{'s' * (nodes != 1)}. Its page:")
    click.echo(f"  kubectl -n {namespace} port-forward service/{manifests.SERVER} 8765")
    token = _page_token(api, namespace)
    click.echo(f"  http://127.0.0.1:8765/?token={token}")
    click.echo(f"For px run, px live and px get: export KAFKASCOPE_SERVER=http://127.0.0.1:8765 KAFKASCOPE_TOKEN={token}")


@click.command()
@namespace_option
@cluster_options
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete(namespace: str, kubeconfig: str | None, context: str | None, yes: bool) -> None:
    """Remove Kafkascope from a cluster, with what it stored.

    \b
    Example: px delete -n kafkascope
    """
    things = manifests.load(Choice(namespace))
    with told():
        api = Api.connect(kubeconfig, context)
        found = api.find(resources.path_of(things[0]))
        ours = namespaces.is_ours(found)
        # Also what belongs to no namespace: it stays when someone removes the namespace alone.
        if not ours and all(api.find(resources.path_of(thing)) is None for thing in things[1:]):
            click.echo(f"no Kafkascope in namespace {namespace} of context {api.context}")
            return
        if not yes and not click.confirm(f"Remove Kafkascope and what it stored from namespace {namespace} of context {api.context}?"):
            return
        with progress(f"removing from {api.context}") as say:
            resources.delete(api, [t for t in reversed(things[1:])])
            resources.delete(api, [{"kind": "Secret", "metadata": {"name": SECRET, "namespace": namespace}}])
            if found is not None and not ours:
                resources.apply(api, [namespaces.released(namespace)])
            if ours:
                resources.delete(api, things[:1])
                if not rollout.gone(api, namespace, 90, say):
                    raise CommandError(f"namespace {namespace} does not end", f"kubectl describe namespace {namespace}", FAILED)
    click.echo(f"Kafkascope is removed from {api.context}" + ("" if ours or found is None else f"; namespace {namespace} was there before and stays"))


def _page_token(api: Api, namespace: str) -> str:
    try:
        secret = api.get(resources.path("Secret", namespace, SECRET))
        return base64.b64decode(secret["data"]["page-token"]).decode()
    except (KubernetesError, KeyError, ValueError):
        return "TOKEN"


def _print(findings: list[checks.Finding], output: str) -> None:
    if output == "json":
        click.echo(json.dumps([{"name": f.name, "status": f.status, "found": f.found, "hint": f.hint} for f in findings]))
        return
    for finding in findings:
        click.echo(f"{_MARKS[finding.status]}  {finding.name}: {finding.found}" + (f" ({finding.hint})" if finding.hint else ""))


def _extract(folder: str, things: list[resources.Object]) -> None:
    from pathlib import Path

    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        target = Path(folder) / "kafkascope.yaml"
        target.touch(mode=0o600)
        target.write_text(yaml.safe_dump_all(things, sort_keys=False))
    except OSError as error:
        raise CommandError(f"{folder} cannot be written: {error.strerror}", "choose another folder", WRONG_USE) from error
    click.echo(f"{target}: {len(things)} objects, among them a secret with fresh tokens. Apply them with: kubectl apply --server-side -f {target}")
