"""What ``px demo`` does with a demo on a cluster: deploy, ask, scale, delete."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import yaml

from kafkascope import __version__
from kafkascope.demo.broker import cluster_id
from kafkascope.demo.errors import DemoError
from kafkascope.demo.plan import MAX_REPLICAS, Demo
from kafkascope.deploy import manifests, resources, rollout
from kafkascope.deploy.resources import Object, path
from kafkascope.deploy.rollout import Say
from kafkascope.metadata.kubernetes import objects
from kafkascope.metadata.kubernetes.api import Api, KubernetesError

HERE = Path(__file__).parent
_DEPLOY_S = 240.0
_SCALE_S = 90.0
_PORT = 8080


def load(demo: Demo, repository: str = "", pull_policy: str = "") -> list[Object]:
    """The demo's objects, with the images of this version in ``repository``."""
    things = [thing for thing in yaml.safe_load_all((HERE / f"{demo.name}.yaml").read_text(encoding="utf-8")) if thing]
    for thing in things:
        for container in manifests.containers(thing):
            container["image"] = f"{repository.rstrip('/') + '/' if repository else ''}{container['image']}:{__version__}"
            container["imagePullPolicy"] = pull_policy or "IfNotPresent"
    return things


def deploy(api: Api, demo: Demo, say: Say, *, repository: str = "", pull_policy: str = "") -> dict[str, Any]:
    """Apply the demo's manifests and wait until all its pods are ready. Raises ``RolloutError`` and ``KubernetesError``; what was applied stays, to be looked at."""
    things = load(demo, repository, pull_policy)
    namespace = api.find(path("Namespace", "", demo.name))
    if namespace is not None and namespace["metadata"].get("deletionTimestamp"):
        say(f"waiting for the former namespace {demo.name} to end")
        rollout.gone(api, demo.name, 90, say)
    say("applying manifests")
    # How many pods there are is set once: what `kubectl scale` made of it stays.
    for thing in things:
        if "replicas" in thing.get("spec", {}) and api.find(resources.path_of(thing)) is not None:
            del thing["spec"]["replicas"]
    home = [thing for thing in things if thing["kind"] == "Namespace"]
    resources.apply(api, home)
    uid = api.get(path("Namespace", "", demo.name))["metadata"]["uid"]
    for container in (container for thing in things if thing["kind"] == "StatefulSet" for container in manifests.containers(thing)):
        container["env"].append({"name": "DEMO_CLUSTER_ID", "value": cluster_id(uid.encode())})
    resources.apply(api, [thing for thing in things if thing not in home])
    rollout.wait(api, things, _DEPLOY_S, say)
    return status(api, demo)


def status(api: Api, demo: Demo) -> dict[str, Any]:
    """The demo's pods, as on a host. Raises ``DemoError`` when it is not there."""
    if api.find(path("StatefulSet", demo.name, "kafka")) is None:
        raise DemoError(f"{demo.name} is not deployed on {api.context}", f"px demo deploy {demo.name}", 3)
    told = [objects.pod(pod) for pod in rollout.pods(api, demo.name, {})]
    now = time.time()
    pods = [{"name": p.name, "deployment": dict(p.labels).get("app", ""), "phase": p.phase, "ready": p.ready, "address": p.ip, "restarts": p.restarts, "reason": p.reason,
             "ageS": round(now - p.start_ns / 1e9) if p.start_ns else 0} for p in sorted(told, key=lambda p: p.name)]  # fmt: skip
    return {"pods": pods, "front": f"kubectl -n {demo.name} port-forward service/{demo.front} 8081:{_PORT}, then http://127.0.0.1:8081", "isolated": True}


def scale(api: Api, demo: Demo, deployment: str, replicas: int, say: Say) -> None:
    """Set the number of pods and wait until each is ready and has partitions of its group. Raises ``DemoError``."""
    found = demo.by_name.get(deployment)
    able = ", ".join(d.name for d in demo.deployments if d.scalable)
    if found is None or not found.scalable:
        raise DemoError(f"{demo.name} has no deployment '{deployment}' that can be scaled", f"these can: {able}", 2)
    if not 1 <= replicas <= MAX_REPLICAS:
        raise DemoError(f"between 1 and {MAX_REPLICAS} pods were expected, found {replicas}", "", 2)
    status(api, demo)
    place = path("Deployment", demo.name, deployment)
    api.request("PATCH", f"{place}/scale", body={"spec": {"replicas": replicas}}, content_type="application/merge-patch+json")
    thing = {"kind": "Deployment", **api.get(place)}
    rollout.wait(api, [thing], _SCALE_S, say)
    end = time.monotonic() + _SCALE_S
    while time.monotonic() < end:
        members = [pod.metadata.name for pod in rollout.pods(api, demo.name, {"app": deployment}) if pod.metadata.deletion_timestamp is None]
        held = [_partitions(api, demo.name, pod) for pod in members]
        # More members than partitions: the rest are in the group with none.
        if len(members) == replicas and sum(map(len, held)) == 5 and sum(map(bool, held)) == min(replicas, 5):
            return
        say("waiting for the group")
        time.sleep(0.5)
    raise DemoError(f"{deployment} did not reach {replicas} members within {_SCALE_S:.0f} s", f"px demo status {demo.name}")


def _partitions(api: Api, namespace: str, pod: str) -> list[int]:
    try:
        return list(api.get(f"/api/v1/namespaces/{namespace}/pods/{pod}:{_PORT}/proxy/list")["partitions"])
    except (KubernetesError, KeyError, ValueError):
        return []


def delay(api: Api, demo: Demo, state: str | None) -> bool:
    """Switch the invoicing delay, or ask with ``None``; whether it is on. Through the API server, which reaches the front from anywhere."""
    status(api, demo)
    place = f"/api/v1/namespaces/{demo.name}/services/{demo.front}:{_PORT}/proxy/invoicing/delay"
    answer = api.request("GET", place) if state is None else api.request("POST", place, body={"delay": state})
    return bool(json.loads(answer)["delay"])


def delete(api: Api, demo: Demo, say: Say) -> bool:
    """Remove the demo's namespace with all that is in it; whether there was one."""
    there = resources.delete(api, [{"kind": "Namespace", "metadata": {"name": demo.name}}]) > 0
    if there and not rollout.gone(api, demo.name, 120, say):
        raise DemoError(f"namespace {demo.name} does not end", f"kubectl describe namespace {demo.name}")
    return there
