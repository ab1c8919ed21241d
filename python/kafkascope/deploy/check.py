"""What a cluster allows, before anything on it is changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from kafkascope.deploy.resources import Object, may, path
from kafkascope.metadata.kubernetes.api import Api, KubernetesError

#: The fields that eBPF reads came with BTF, the ring buffer with 5.8; sockets' tracepoints with 6.3.
_OLDEST, _BEST = (5, 8), (6, 3)
_OLDEST_KUBERNETES = (1, 27)
_MANAGED = {"eks.amazonaws.com": "Amazon EKS", "cloud.google.com/gke": "Google GKE", "kubernetes.azure.com": "Azure AKS", "doks.digitalocean.com": "DigitalOcean"}
_WITHOUT_AGENTS = {"eks.amazonaws.com/compute-type": "fargate", "type": "virtual-kubelet"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: ``status`` ok, warn or fail."""

    name: str
    status: str
    found: str
    hint: str = ""


def check(api: Api, things: list[Object], namespace: str) -> list[Finding]:
    """Everything that is to be known. Raises ``KubernetesError`` when the server cannot be reached at all."""
    version = api.get("/version")
    found = [_version(api, version)]
    found.append(_rights(api, things, namespace))
    try:
        nodes = api.get("/api/v1/nodes")["items"]
        others = api.get("/apis/apps/v1/daemonsets", labelSelector="app.kubernetes.io/name=kafkascope")["items"]
    except KubernetesError as error:
        return [*found, Finding("nodes", "warn", error.message, "their kernels are not known; agents say it themselves where they cannot capture")]
    found += [*_nodes(nodes), _others(others, namespace), _namespace(api, namespace)]
    return found


def _version(api: Api, version: Any) -> Finding:
    text = str(version.get("gitVersion", ""))
    numbers = tuple(map(int, re.findall(r"\d+", text)[:2]))
    where = f"Kubernetes {text} at {api.server}, context {api.context}"
    if numbers < _OLDEST_KUBERNETES:
        return Finding("cluster", "fail", where, "1.27 or newer is needed")
    return Finding("cluster", "ok", where)


def _rights(api: Api, things: list[Object], namespace: str) -> Finding:
    kinds = sorted({thing["kind"] for thing in things} | {"Secret"})
    missing = [kind for kind in kinds if not may(api, "patch", kind, namespace) or not may(api, "create", kind, namespace)]
    if missing:
        return Finding("rights", "fail", f"this account may not create and patch {', '.join(missing)}", "deploy as a cluster administrator")
    return Finding("rights", "ok", f"this account may create the {len(kinds)} kinds of objects that are needed")


def _nodes(nodes: list[Any]) -> list[Finding]:
    found = []
    capable = 0
    for node in nodes:
        name, info, labels = node["metadata"]["name"], node["status"]["nodeInfo"], node["metadata"].get("labels", {})
        kernel = tuple(map(int, re.findall(r"\d+", info["kernelVersion"])[:2]))
        if info["operatingSystem"] != "linux":
            found.append(Finding(f"node {name}", "warn", f"runs {info['operatingSystem']}", "agents run on Linux only; it is left out"))
        elif any(labels.get(key) == value for key, value in _WITHOUT_AGENTS.items()):
            found.append(Finding(f"node {name}", "warn", "has no kernel of its own to look into", "pods there are seen from the other ends of their connections only"))
        elif info["architecture"] not in ("amd64", "arm64"):
            found.append(Finding(f"node {name}", "warn", f"is {info['architecture']}", "agents run on amd64 and arm64"))
        elif kernel < _OLDEST:
            found.append(Finding(f"node {name}", "fail", f"has Linux {info['kernelVersion']}", "5.8 or newer is needed, with BTF"))
        else:
            capable += 1
            if kernel < _BEST:
                found.append(Finding(f"node {name}", "ok", f"has Linux {info['kernelVersion']}: captured by system calls, from 6.3 on by sockets at less cost"))
    found.insert(0, Finding("nodes", "ok" if capable else "fail", f"{capable} of {len(nodes)} nodes can be looked into", "" if capable else "no node is left for an agent"))
    found += _kernels(nodes)
    managed = {text for node in nodes for key, text in _MANAGED.items() if any(label.startswith(key) for label in node["metadata"].get("labels", {}))}
    found += [Finding("managed cluster", "warn", text, "Kafkascope was not tried there: docs/kubernetes.md tells what is known") for text in sorted(managed)]
    return found


def _kernels(nodes: list[Any]) -> list[Finding]:
    """Nodes that are containers of one machine (kind, k3d): an agent on any of them sees all."""
    booted: dict[str, list[str]] = {}
    for node in nodes:
        booted.setdefault(node["status"]["nodeInfo"].get("bootID", ""), []).append(node["metadata"]["name"])
    return [Finding("kernel", "warn", f"nodes {', '.join(sorted(names))} share one", "each agent sees what all of them do; what several see is stored once")
            for boot, names in sorted(booted.items()) if boot and len(names) > 1]  # fmt: skip


def _others(daemon_sets: list[Any], namespace: str) -> Finding:
    places = sorted({thing["metadata"]["namespace"] for thing in daemon_sets})
    others = [place for place in places if place != namespace]
    if others:
        return Finding("other Kafkascopes", "fail", f"one runs in namespace {', '.join(others)}", f"remove it with `px delete -n {others[0]}`, or update it with `px deploy -n {others[0]}`")
    return Finding("other Kafkascopes", "ok", f"this one runs already in namespace {namespace}: it is updated" if places else "none")


def _namespace(api: Api, namespace: str) -> Finding:
    thing = api.find(path("Namespace", "", namespace))
    if thing is None:
        return Finding("namespace", "ok", f"{namespace} is made")
    if thing["metadata"].get("deletionTimestamp"):
        return Finding("namespace", "fail", f"{namespace} is being removed", "wait until it is gone")
    return Finding("namespace", "ok", f"{namespace} is there")
