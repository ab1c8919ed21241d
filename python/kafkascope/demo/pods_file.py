"""The description of the demo's pods and services for whoever wants to know who is who (ARCHITECTURE.md, demo → metadata)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from kafkascope.demo.plan import Demo, template_hash
from kafkascope.demo.pod import Pod


def rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def describe(demo: Demo, node: str, pods: Iterable[Pod]) -> dict[str, Any]:
    """The file's content."""
    return {
        "version": 1, "namespace": demo.name, "node": node,
        "pods": [_pod(demo, pod) for pod in pods],
        "services": [{"name": d.service, "uid": str(uuid5(NAMESPACE_DNS, f"{demo.name}/{d.service}")), "clusterIP": "", "selector": {"app": d.name}} for d in demo.deployments if d.service],
    }  # fmt: skip


def _pod(demo: Demo, pod: Pod) -> dict[str, Any]:
    deployment = pod.deployment
    labels = {"app": deployment.name}
    if deployment.owner_kind == "Deployment":
        labels["pod-template-hash"] = template_hash(demo.name, deployment.name)
    return {
        "name": pod.name, "uid": pod.uid, "ip": pod.place.address, "netns": pod.place.inode, "phase": pod.phase, "ready": pod.ready, "restarts": pod.restarts,
        "reason": pod.reason, "startTime": rfc3339(pod.created), "labels": labels, "ownerKind": deployment.owner_kind, "ownerName": deployment.name,
        "containers": [{"name": deployment.name, "id": pod.container_id, "pids": [pod.pid] if pod.pid else [], "state": pod.container_state,
                        "startTime": rfc3339(pod.started or pod.created)}],
    }  # fmt: skip


def write(path: Path, content: dict[str, Any]) -> None:
    """Replace ``path`` at once, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".new")
    scratch.write_text(json.dumps(content, indent=1) + "\n")
    os.replace(scratch, path)
