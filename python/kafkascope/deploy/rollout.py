"""Whether what was applied runs, and if not, why."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from kafkascope.deploy.resources import Object, path, path_of
from kafkascope.metadata.kubernetes import objects
from kafkascope.metadata.kubernetes.api import Api, KubernetesError
from kafkascope.metadata.kubernetes.objects import PodObject

Say = Callable[[str], None]
_LOOK_S = 0.3
#: Reasons that waiting does not mend.
_LASTING = frozenset({"ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError", "CreateContainerError", "FailedCreate"})
_DEATHS = 3
#: So many refused pods are no matter of the order in which things were applied.
_REFUSALS = 3


@dataclass(frozen=True)
class State:
    """Of one workload: pods that are ready, wanted, and whether it is the newest description that runs."""

    name: str
    ready: int
    wanted: int
    current: bool

    @property
    def done(self) -> bool:
        return self.current and self.ready == self.wanted


class RolloutError(Exception):
    """What keeps a workload from running, with the last lines of its log."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def state(thing: Any) -> State:
    """The state of a DaemonSet, Deployment or StatefulSet as the API server tells it."""
    status, spec = thing.get("status", {}), thing["spec"]
    current = status.get("observedGeneration", 0) >= thing["metadata"].get("generation", 0)
    if thing["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        return State(thing["metadata"]["name"], status.get("numberReady", 0), wanted, current and status.get("updatedNumberScheduled", 0) == wanted)
    wanted = spec.get("replicas", 1)
    updated = status.get("updatedReplicas", 0) == wanted and status.get("replicas", 0) == wanted
    return State(thing["metadata"]["name"], status.get("readyReplicas", 0), wanted, current and updated)


def wait(api: Api, things: list[Object], timeout_s: float, say: Say) -> None:
    """Wait until all workloads among ``things`` run. Raises ``RolloutError`` early when one will not, and ``KubernetesError``."""
    workloads = [thing for thing in things if thing["kind"] in ("DaemonSet", "Deployment", "StatefulSet")]
    end = time.monotonic() + timeout_s
    while True:
        states = [state({"kind": thing["kind"], **api.get(path_of(thing))}) for thing in workloads]
        missing = [s for s in states if not s.done]
        if not missing:
            return
        say(", ".join(f"{s.name} {s.ready}/{s.wanted}" for s in missing))
        late = time.monotonic() > end
        for thing, found in zip(workloads, states, strict=True):
            if not found.done:
                _complain(api, thing, late)
        if late:
            raise RolloutError(f"{missing[0].name} did not run within {timeout_s:.0f} s: {missing[0].ready} of {missing[0].wanted} pods are ready",
                               f"kubectl -n {workloads[0]['metadata']['namespace']} get pods")  # fmt: skip
        time.sleep(_LOOK_S)


def _complain(api: Api, thing: Object, late: bool) -> None:
    """Raise when a pod of the workload will not run; when it is ``late``, for any reason."""
    namespace = thing["metadata"]["namespace"]
    there = pods(api, namespace, thing["spec"]["selector"]["matchLabels"])
    if not there and (refused := _not_made(api, namespace, thing["metadata"]["name"], 1 if late else _REFUSALS)):
        raise RolloutError(f"no pod of {thing['metadata']['name']} is made: {refused}", "a quota, a priority class or the namespace's pod security forbids it")
    for pod in there:
        told = objects.pod(pod)
        if told.ready or pod.metadata.deletion_timestamp is not None:
            continue
        lasting = told.reason in _LASTING or (told.restarts >= _DEATHS and told.reason == "CrashLoopBackOff")
        if lasting or (late and (told.reason or told.restarts)):
            last = log(api, namespace, told.name)
            why = f"{told.reason or 'not ready'}{f': {told.message}' if told.message else ''}"
            raise RolloutError(f"pod {told.full_name} on node {told.node or '(none)'} does not run ({why})" + (f"; its log ends:\n{last}" if last else ""), _hint(told.reason))


def _not_made(api: Api, namespace: str, name: str, times: int) -> str:
    """Why a workload's pods were refused, when they were at least so often; empty otherwise. A Deployment's are asked for by its ReplicaSet."""
    events = api.get(f"/api/v1/namespaces/{namespace}/events", fieldSelector="type=Warning,reason=FailedCreate")["items"]
    told = [event for event in events if event["involvedObject"].get("name", "").startswith(name)]
    often = sum(event.get("count") or 1 for event in told)
    return str(told[-1].get("message", "")) if told and often >= times else ""


def _hint(reason: str) -> str:
    if "Image" in reason:
        return "is the image where the nodes look for it? `px deploy --image NAME:TAG` names another"
    return {"CreateContainerConfigError": "is the secret kafkascope-link whole?", "Unschedulable": "no node takes it: see `kubectl describe pod`"}.get(reason, "")


def pods(api: Api, namespace: str, labels: dict[str, str]) -> list[PodObject]:
    """The pods with these labels. Raises ``KubernetesError``."""
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    answer = api.request("GET", f"/api/v1/namespaces/{namespace}/pods", params={"labelSelector": selector})

    class Page(msgspec.Struct):
        items: list[PodObject]

    return msgspec.json.decode(answer, type=Page).items


def log(api: Api, namespace: str, pod: str, lines: int = 6) -> str:
    """The last lines of a pod's log, of its container before when that died; empty when there are none."""
    for previous in ("true", "false"):
        try:
            text = api.request("GET", f"/api/v1/namespaces/{namespace}/pods/{pod}/log", params={"tailLines": lines, "previous": previous}, accept="*/*").decode("utf-8", "replace").strip()
        except KubernetesError:
            continue
        if text:
            return text
    return ""


def gone(api: Api, namespace: str, timeout_s: float, say: Say) -> bool:
    """Wait until a namespace is removed; whether it is."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if api.find(path("Namespace", "", namespace)) is None:
            return True
        say(f"waiting for namespace {namespace} to end")
        time.sleep(_LOOK_S)
    return False
