"""Rows of ``md_pod``, ``md_container`` and ``md_service``: what changed since the last look."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from kafkascope.metadata.pods import Container, Pod, Service, World
from kafkascope.metadata.processes import json_names

Rows = dict[str, list[dict[str, Any]]]


class Entities:
    """Remembers what was told, so that only changes become rows."""

    def __init__(self) -> None:
        self._pods: dict[str, dict[str, Any]] = {}
        self._containers: dict[str, dict[str, Any]] = {}
        self._services: dict[str, dict[str, Any]] = {}

    def update(self, world: World, now_ns: int) -> Rows:
        """Rows of what is new, changed or gone."""
        return {
            "md_pod": _changes(self._pods, {p.uid: pod_row(p, world.services_of(p)) for p in world.pods.values()}, now_ns, pod_gone),
            "md_container": _changes(self._containers, {container_id(p, c): container_row(p, c) for p in world.pods.values() for c in p.containers}, now_ns, container_gone),
            "md_service": _changes(self._services, {s.uid: service_row(s) for s in world.services.values()}, now_ns, dict),
        }  # fmt: skip

    def all_rows(self, now_ns: int) -> Rows:
        """A row of everything that is there."""
        known = {"md_pod": self._pods, "md_container": self._containers, "md_service": self._services}
        return {table: [{**row, "time_": now_ns} for row in rows.values()] for table, rows in known.items()}


def _changes(known: dict[str, dict[str, Any]], now: dict[str, dict[str, Any]], now_ns: int, gone: Any) -> list[dict[str, Any]]:
    rows = [{**row, "time_": now_ns} for key, row in now.items() if known.get(key) != row]
    rows += [{**gone(known[key]), "time_": now_ns, "stop_time": now_ns} for key in known.keys() - now.keys()]
    known.clear()
    known.update(now)
    return rows


def container_id(pod: Pod, container: Container) -> str:
    """The container's id, or what stands in for it."""
    return container.id or f"{pod.uid}/{container.name}"


def pod_row(pod: Pod, services: Sequence[Service], service_ips: Sequence[str] = ()) -> dict[str, Any]:
    """``service_ips`` are services' addresses that lead to this pod alone."""
    status: dict[str, Any] = {"phase": pod.phase, "message": pod.message, "reason": pod.reason, "ready": pod.ready, "restarts": pod.restarts}
    if len(pod.ips) > 1:
        status["podIPs"] = list(pod.ips)
    if service_ips:
        status["serviceIPs"] = list(service_ips)
    owner = f"{pod.namespace}/{pod.owner_name}" if pod.owner_name else ""
    replica_set = pod.replica_set or (pod.owner_name if pod.owner_kind == "ReplicaSet" else "")
    return {
        "pod_id": pod.uid, "pod_name": pod.full_name, "namespace": pod.namespace, "node_name": pod.node, "pod_ip": pod.ip, "host_network": pod.host_network,
        "status": json.dumps(status), "restarts": pod.restarts, "start_time": pod.start_ns, "stop_time": 0, "service_id": json_names([s.uid for s in services]),
        "service_name": json_names([s.full_name for s in services]), "owner_kind": pod.owner_kind, "owner_name": owner,
        "replicaset_name": f"{pod.namespace}/{replica_set}" if replica_set else "", "labels": json.dumps(dict(pod.labels)), "qos_class": pod.qos_class,
    }  # fmt: skip


def container_row(pod: Pod, container: Container) -> dict[str, Any]:
    status = {"state": container.state, "message": container.message, "reason": container.reason}
    return {"container_id": container_id(pod, container), "container_name": container.name, "pod_id": pod.uid, "status": json.dumps(status),
            "start_time": container.start_ns, "stop_time": 0}  # fmt: skip


def service_row(service: Service) -> dict[str, Any]:
    return {"service_id": service.uid, "service_name": service.full_name, "namespace": service.namespace, "cluster_ip": service.cluster_ip,
            "cluster_ips": json.dumps(service.cluster_ips), "external_ips": json.dumps(list(service.external_ips)), "labels": json.dumps(dict(service.labels)), "stop_time": 0}  # fmt: skip


def pod_gone(row: dict[str, Any]) -> dict[str, Any]:
    status = {**json.loads(row["status"]), "phase": "Terminated", "ready": False}
    return {**row, "status": json.dumps(status)}


def container_gone(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "status": json.dumps({**json.loads(row["status"]), "state": "Terminated"})}
