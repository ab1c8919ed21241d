"""What ``px deploy`` applies: the chart's rendered manifests, with this deployment's namespace, image and secret."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kafkascope.deploy import certificates
from kafkascope.deploy.resources import Object

RENDERED = Path(__file__).parent / "kafkascope.yaml"
#: The namespace that the manifests were rendered for.
NAMESPACE = "kafkascope"
SECRET = "kafkascope-link"
SERVER = "kafkascope-server"


@dataclass(frozen=True)
class Choice:
    """What a user may choose; empty for what the chart says."""

    namespace: str = NAMESPACE
    image: str = ""
    pull_policy: str = ""
    source: str = ""


def load(choice: Choice) -> list[Object]:
    """The objects, the namespace first, without the secret."""
    things = [thing for thing in yaml.safe_load_all(RENDERED.read_text(encoding="utf-8")) if thing]
    for thing in things:
        _place(thing, choice)
    return [_namespace(choice.namespace), *things]


def _namespace(name: str) -> Object:
    # The agent's capabilities and host folders are beyond what the stricter levels of pod security allow.
    labels = {f"pod-security.kubernetes.io/{mode}": "privileged" for mode in ("enforce", "audit", "warn")}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _place(thing: Object, choice: Choice) -> None:
    if "namespace" in thing["metadata"]:
        thing["metadata"]["namespace"] = choice.namespace
    elif choice.namespace != NAMESPACE:
        # Two Kafkascopes on one cluster must not share what belongs to no namespace.
        thing["metadata"]["name"] += f"-{choice.namespace}"
        if "roleRef" in thing:
            thing["roleRef"]["name"] += f"-{choice.namespace}"
    for subject in thing.get("subjects", ()):
        subject["namespace"] = choice.namespace
    if choice.source == "packet":
        _in_the_nodes_network(thing)
    for container in containers(thing):
        container["args"] = [_argument(text, choice) for text in container["args"]]
        if choice.image:
            container["image"] = choice.image
        if choice.pull_policy:
            container["imagePullPolicy"] = choice.pull_policy


def _in_the_nodes_network(thing: Object) -> None:
    """What the chart does for ``agent.source=packet``: packets are read from the node's interfaces, so agents reach the server from the node's address."""
    if thing["kind"] == "DaemonSet":
        thing["spec"]["template"]["spec"] |= {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
        for container in containers(thing):
            container["securityContext"]["capabilities"]["add"].append("NET_RAW")
    elif thing["kind"] == "NetworkPolicy":
        for rule in thing["spec"]["ingress"]:
            if {"port": "ingest"} in rule["ports"]:
                rule.pop("from", None)


def _argument(text: str, choice: Choice) -> str:
    if choice.source and text.startswith("--source="):
        return f"--source={choice.source}"
    return text.replace(f"{SERVER}.{NAMESPACE}.svc", f"{SERVER}.{choice.namespace}.svc")


def containers(thing: Object) -> Iterator[dict[str, Any]]:
    """The containers of an object's pods."""
    yield from thing.get("spec", {}).get("template", {}).get("spec", {}).get("containers", ())


def link_secret(namespace: str) -> Object:
    """A fresh certificate and fresh tokens between agents, server and people."""
    made = certificates.make([f"{SERVER}.{namespace}.svc", SERVER, f"{SERVER}.{namespace}"])
    data = {"ca.crt": made.authority, "tls.crt": made.certificate, "tls.key": made.key, "agent-token": secrets.token_urlsafe(30).encode(), "page-token": secrets.token_urlsafe(24).encode()}
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": SECRET, "namespace": namespace, "labels": {"app.kubernetes.io/name": "kafkascope"}},
            "data": {key: base64.b64encode(value).decode() for key, value in data.items()}}  # fmt: skip
