"""The parts of Kubernetes' objects that are read, and what they say in the terms of the metadata tables."""

from __future__ import annotations

import datetime
import json
import math
import sys
from typing import Any

import msgspec

from kafkascope.metadata.pods import Container, Pod, Service


class _Base(msgspec.Struct, rename="camel", frozen=True):
    pass


class OwnerReference(_Base, frozen=True):
    kind: str = ""
    name: str = ""
    controller: bool | None = None


class Meta(_Base, frozen=True):
    uid: str = ""
    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    creation_timestamp: datetime.datetime | None = None
    deletion_timestamp: datetime.datetime | None = None
    labels: dict[str, str] | None = None
    owner_references: list[OwnerReference] | None = None

    @property
    def controller(self) -> OwnerReference | None:
        return next((owner for owner in self.owner_references or () if owner.controller), None)


class Owned(_Base, frozen=True):
    """Anything of which only the metadata matters: replica sets, jobs."""

    metadata: Meta


# ---- pods ----


class _Running(_Base, frozen=True):
    started_at: datetime.datetime | None = None


class _Why(_Base, frozen=True):
    reason: str = ""
    message: str = ""
    started_at: datetime.datetime | None = None


class _State(_Base, frozen=True):
    running: _Running | None = None
    waiting: _Why | None = None
    terminated: _Why | None = None


class _ContainerStatus(_Base, frozen=True):
    name: str
    container_id: str = msgspec.field(default="", name="containerID")
    restart_count: int = 0
    state: _State = _State()


class _Condition(_Base, frozen=True):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class _Ip(_Base, frozen=True):
    ip: str = ""


class _PodSpec(_Base, frozen=True):
    node_name: str = ""
    host_network: bool = False


class _PodStatus(_Base, frozen=True):
    phase: str = "Unknown"
    reason: str = ""
    message: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    pod_ips: list[_Ip] | None = msgspec.field(default=None, name="podIPs")
    qos_class: str = ""
    start_time: datetime.datetime | None = None
    conditions: list[_Condition] | None = None
    init_container_statuses: list[_ContainerStatus] | None = None
    container_statuses: list[_ContainerStatus] | None = None
    ephemeral_container_statuses: list[_ContainerStatus] | None = None


class PodObject(_Base, frozen=True):
    metadata: Meta
    spec: _PodSpec = _PodSpec()
    status: _PodStatus = _PodStatus()


# ---- services, endpoint slices, nodes, namespaces ----


class _ServiceSpec(_Base, frozen=True):
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    cluster_ips: list[str] | None = msgspec.field(default=None, name="clusterIPs")
    external_ips: list[str] | None = msgspec.field(default=None, name="externalIPs")
    selector: dict[str, str] | None = None


class _Ingress(_Base, frozen=True):
    ip: str = ""


class _LoadBalancer(_Base, frozen=True):
    ingress: list[_Ingress] | None = None


class _ServiceStatus(_Base, frozen=True):
    load_balancer: _LoadBalancer = _LoadBalancer()


class ServiceObject(_Base, frozen=True):
    metadata: Meta
    spec: _ServiceSpec = _ServiceSpec()
    status: _ServiceStatus = _ServiceStatus()


class _Target(_Base, frozen=True):
    kind: str = ""
    uid: str = ""


class _Endpoint(_Base, frozen=True):
    addresses: list[str] | None = None
    target_ref: _Target | None = None


class SliceObject(_Base, frozen=True):
    metadata: Meta
    endpoints: list[_Endpoint] | None = None

    @property
    def service(self) -> str:
        """The service's name, empty for a slice that belongs to none."""
        return (self.metadata.labels or {}).get("kubernetes.io/service-name", "")

    @property
    def pods(self) -> frozenset[str]:
        """Uids of the pods behind it."""
        return frozenset(e.target_ref.uid for e in self.endpoints or () if e.target_ref is not None and e.target_ref.kind == "Pod")


class _Address(_Base, frozen=True):
    type: str = ""
    address: str = ""


class _NodeInfo(_Base, frozen=True):
    kernel_version: str = ""


class _NodeStatus(_Base, frozen=True):
    addresses: list[_Address] | None = None
    capacity: dict[str, Any] | None = None
    node_info: _NodeInfo = _NodeInfo()


class NodeObject(_Base, frozen=True):
    metadata: Meta
    status: _NodeStatus = _NodeStatus()


class _NamespaceStatus(_Base, frozen=True):
    phase: str = "Active"


class NamespaceObject(_Base, frozen=True):
    metadata: Meta
    status: _NamespaceStatus = _NamespaceStatus()


# ---- in the tables' terms ----


def pod(thing: PodObject, owner: tuple[str, str] | None = None) -> Pod:
    """The pod; ``owner`` (kind, name) is the replica set's or job's own owner, where it is known."""
    meta, status = thing.metadata, thing.status
    statuses = [*(status.container_statuses or ()), *(status.init_container_statuses or ()), *(status.ephemeral_container_statuses or ())]
    controller = meta.controller
    kind, name = (controller.kind, controller.name) if controller is not None else ("", "")
    replica_set = name if kind == "ReplicaSet" else ""
    if owner is not None:
        kind, name = owner
    elif replica_set:
        # The controller names a replica set <deployment>-<hash> and labels its pods with that hash.
        ending = "-" + (meta.labels or {}).get("pod-template-hash", "")
        if len(ending) > 1 and replica_set.endswith(ending):
            kind, name = "Deployment", replica_set.removesuffix(ending)
    ready = any(c.type == "Ready" and c.status == "True" for c in status.conditions or ())
    phase = "Terminating" if meta.deletion_timestamp is not None and status.phase in ("Running", "Pending") else status.phase
    reason, message = _why(status, statuses)
    return Pod(
        uid=meta.uid, name=meta.name, namespace=meta.namespace, node=thing.spec.node_name, ip=status.pod_ip, phase=phase, ready=ready,
        restarts=sum(c.restart_count for c in status.container_statuses or ()), start_ns=_ns(status.start_time or meta.creation_timestamp), labels=labels(meta.labels),
        owner_kind=kind, owner_name=name, replica_set=replica_set, host_network=thing.spec.host_network, qos_class=status.qos_class,
        containers=tuple(_container(c) for c in statuses), reason=reason, message=message,
        ips=tuple(address.ip for address in status.pod_ips or () if address.ip),
    )  # fmt: skip


def _why(status: _PodStatus, containers: list[_ContainerStatus]) -> tuple[str, str]:
    """What keeps a pod from running, as kubectl's STATUS column tells it: the pod's own reason, else its first container's."""
    if status.reason or status.message:
        return status.reason, status.message
    for container in containers:
        why = container.state.waiting
        if why is not None and why.reason not in ("", "ContainerCreating", "PodInitializing"):
            return why.reason, why.message
    unmet = next((c for c in status.conditions or () if c.type == "PodScheduled" and c.status == "False"), None)
    return (unmet.reason, unmet.message) if unmet is not None else ("", "")


def _container(status: _ContainerStatus) -> Container:
    state = status.state
    # The runtime's name stands before the id: containerd://, cri-o://, docker://.
    place = status.container_id.partition("://")[2]
    if state.running is not None:
        return Container(status.name, place, state="Running", start_ns=_ns(state.running.started_at))
    if state.terminated is not None:
        why = state.terminated
        return Container(status.name, place, state="Terminated", start_ns=_ns(why.started_at), reason=why.reason, message=why.message)
    why = state.waiting or _Why()
    return Container(status.name, place, state="Waiting", reason=why.reason, message=why.message)


def service(thing: ServiceObject) -> Service:
    """The service; a headless one has no cluster address."""
    spec = thing.spec
    external = [*(spec.external_ips or ()), *(ingress.ip for ingress in thing.status.load_balancer.ingress or () if ingress.ip)]
    cluster_ip = "" if spec.cluster_ip == "None" else spec.cluster_ip
    return Service(uid=thing.metadata.uid, name=thing.metadata.name, namespace=thing.metadata.namespace, cluster_ip=cluster_ip, further_ips=tuple(spec.cluster_ips or ())[1:],
                   selector=labels(spec.selector), labels=labels(thing.metadata.labels), external_ips=tuple(external))  # fmt: skip


def node_row(thing: NodeObject) -> dict[str, Any]:
    """A row of ``md_node`` without its time."""
    addresses = {a.type: a.address for a in reversed(thing.status.addresses or [])}
    return {"node_name": thing.metadata.name, "node_ip": addresses.get("InternalIP") or addresses.get("ExternalIP", ""), "num_cpus": cpus((thing.status.capacity or {}).get("cpu")),
            "kernel": thing.status.node_info.kernel_version, "labels": json.dumps(thing.metadata.labels or {}), "stop_time": 0}  # fmt: skip


def namespace_row(thing: NamespaceObject) -> dict[str, Any]:
    """A row of ``md_namespace`` without its time."""
    meta = thing.metadata
    return {"namespace": meta.name, "phase": thing.status.phase, "start_time": _ns(meta.creation_timestamp), "stop_time": 0, "labels": json.dumps(meta.labels or {})}


def cpus(quantity: Any) -> int:
    """CPUs of a resource quantity, rounded up; 0 for none."""
    try:
        text = str(quantity)
        return math.ceil(int(text[:-1]) / 1000 if text.endswith("m") else float(text))
    except (ValueError, OverflowError):
        return 0


def labels(given: dict[str, str] | None) -> tuple[tuple[str, str], ...]:
    # Thousands of pods have the same few labels: interned, they are kept once.
    return tuple(sorted((sys.intern(key), sys.intern(value)) for key, value in (given or {}).items()))


def _ns(when: datetime.datetime | None) -> int:
    return int(when.timestamp()) * 1_000_000_000 + when.microsecond * 1000 if when is not None else 0
