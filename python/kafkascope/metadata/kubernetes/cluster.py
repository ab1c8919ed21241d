"""A whole cluster as rows of the metadata tables: what changed since the last look."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from kafkascope.metadata import entities
from kafkascope.metadata.entities import Rows
from kafkascope.metadata.kubernetes import objects
from kafkascope.metadata.kubernetes.api import Api
from kafkascope.metadata.kubernetes.changed_rows import ChangedRows
from kafkascope.metadata.kubernetes.informer import Informer
from kafkascope.metadata.kubernetes.objects import (
    NamespaceObject,
    NodeObject,
    Owned,
    PodObject,
    ServiceObject,
    SliceObject,
)
from kafkascope.metadata.pods import Pod, Service

PODS, SERVICES, SLICES = "/api/v1/pods", "/api/v1/services", "/apis/discovery.k8s.io/v1/endpointslices"
NODES, NAMESPACES = "/api/v1/nodes", "/api/v1/namespaces"
REPLICA_SETS, JOBS = "/apis/apps/v1/replicasets", "/apis/batch/v1/jobs"
#: Of a place to look an owner up: the kind that stands between a pod and what a user deployed.
_BETWEEN = {"ReplicaSet": REPLICA_SETS, "Job": JOBS}
#: A pod, its services, and those of their addresses that lead to it alone.
_Known = tuple[Pod, list[Service], list[str]]


class ClusterWatch:
    """Follows pods, services, endpoint slices, nodes, namespaces and owners. ``changes`` gives what to tell; thread-safe.

    Only what changed is computed again: a cluster of thousands of pods costs what its churn costs.
    """

    def __init__(self, api: Api, *, log: Callable[[str], None] = lambda _: None) -> None:
        self._lock = threading.Lock()
        self._pods: dict[str, PodObject] = {}
        self._pods_of: dict[str, set[str]] = {}
        self._services: dict[str, dict[str, Service]] = {}
        self._slices: dict[tuple[str, str], dict[str, frozenset[str]]] = {}
        self._owners: dict[tuple[str, str, str], tuple[str, str]] = {}
        self._owned: dict[tuple[str, str, str], set[str]] = {}
        #: What nothing else has a part in: known as rows.
        self._service_rows, self._node_rows, self._namespace_rows = ChangedRows(), ChangedRows(), ChangedRows()
        #: What is to be computed again.
        self._stale_pods: set[str] = set()
        #: What was told, so that an event that changes nothing tells nothing.
        self._told_pods: dict[str, tuple[dict[str, Any], dict[str, dict[str, Any]]]] = {}
        self.events = 0
        self._informers: list[Informer[Any]] = [
            Informer(api, REPLICA_SETS, Owned, self._owner("ReplicaSet"), metadata_only=True, log=log), Informer(api, JOBS, Owned, self._owner("Job"), metadata_only=True, log=log),
            Informer(api, NODES, NodeObject, self._node, log=log), Informer(api, NAMESPACES, NamespaceObject, self._namespace, log=log), Informer(api, SERVICES, ServiceObject, self._service, log=log),
            Informer(api, SLICES, SliceObject, self._slice, log=log), Informer(api, PODS, PodObject, self._pod, log=log),
        ]  # fmt: skip

    def start(self) -> None:
        """Begin to follow."""
        for informer in self._informers:
            informer.start()

    def stop(self) -> None:
        """End."""
        for informer in self._informers:
            informer.stop()

    @property
    def synced(self) -> bool:
        """Whether everything that was there at the start is known."""
        return all(informer.synced.is_set() for informer in self._informers)

    def wait(self, timeout_s: float) -> bool:
        """Wait until ``synced``; whether it is."""
        end = time.monotonic() + timeout_s
        return all(informer.synced.wait(max(0.0, end - time.monotonic())) for informer in self._informers)

    @property
    def problems(self) -> list[str]:
        """Why something is not heard of at the moment."""
        # Each collection is asked for by itself; an API server that is away is one problem.
        found = list(dict.fromkeys(i.problem for i in self._informers if i.problem))
        found += [f"{i.left_out} of {i.path} are more than are followed" for i in self._informers if i.left_out]
        return found

    @property
    def nodes(self) -> set[str]:
        """Names of the cluster's nodes."""
        with self._lock:
            return set(self._node_rows.rows)

    @property
    def namespaces(self) -> set[str]:
        """Names of the cluster's namespaces."""
        with self._lock:
            return set(self._namespace_rows.rows)

    @property
    def service_ids(self) -> set[str]:
        """Uids of the services that are there."""
        with self._lock:
            return set(self._service_rows.rows)

    @property
    def pod_ids(self) -> set[str]:
        """Uids of the pods that are there."""
        with self._lock:
            return set(self._pods)

    def stats(self) -> dict[str, dict[str, int]]:
        """Counters of each collection."""
        names = ("lists", "watches", "events", "bookmarks", "failures", "unreadable", "left_out")
        return {i.path.rsplit("/", 1)[-1]: {name: int(getattr(i, name)) for name in names} for i in self._informers}

    # ---- what is heard, in the informers' threads ----

    def _pod(self, before: PodObject | None, now: PodObject | None) -> None:
        thing = now or before
        assert thing is not None
        uid = thing.metadata.uid
        controller = thing.metadata.controller
        key = (controller.kind, thing.metadata.namespace, controller.name) if controller is not None and controller.kind in _BETWEEN else None
        with self._lock:
            self.events += 1
            self._stale_pods.add(uid)
            if now is not None:
                self._pods[uid] = now
                self._pods_of.setdefault(now.metadata.namespace, set()).add(uid)
                if key is not None:
                    self._owned.setdefault(key, set()).add(uid)
                return
            self._pods.pop(uid, None)
            _leave(self._pods_of, thing.metadata.namespace, uid)
            if key is not None:
                _leave(self._owned, key, uid)

    def _service(self, before: ServiceObject | None, now: ServiceObject | None) -> None:
        thing = now or before
        assert thing is not None
        namespace, uid = thing.metadata.namespace, thing.metadata.uid
        service = objects.service(now) if now is not None else None
        with self._lock:
            self.events += 1
            known = self._services.get(namespace, {}).get(uid)
            self._service_rows.hear(uid, entities.service_row(service) if service is not None else None)
            if service is not None:
                self._services.setdefault(namespace, {})[uid] = service
            else:
                self._services.get(namespace, {}).pop(uid, None)
            if known is None or service is None or _leads(known) != _leads(service):
                self._stale_pods |= self._pods_of.get(namespace, set())

    def _slice(self, before: SliceObject | None, now: SliceObject | None) -> None:
        thing = now or before
        assert thing is not None
        if not thing.service:
            return
        key = (thing.metadata.namespace, thing.service)
        with self._lock:
            self.events += 1
            before_all = self._behind(key)
            slices = self._slices.setdefault(key, {})
            slices.pop(thing.metadata.uid, None)
            if now is not None:
                slices[thing.metadata.uid] = now.pods
            elif not slices:
                del self._slices[key]
            now_all = self._behind(key)
            self._stale_pods |= before_all ^ now_all
            if 1 in (len(before_all), len(now_all)):
                # A pod that was alone behind its service has company now, or the other way round.
                self._stale_pods |= before_all | now_all

    def _owner(self, kind: str) -> Callable[[Owned | None, Owned | None], None]:
        def heard(before: Owned | None, now: Owned | None) -> None:
            thing = now or before
            assert thing is not None
            key = (kind, thing.metadata.namespace, thing.metadata.name)
            controller = thing.metadata.controller
            with self._lock:
                if now is None or controller is None:
                    # Its pods are about to go as well, and keep their owner until then.
                    self._owners.pop(key, None)
                    return
                self._owners[key] = (controller.kind, controller.name)
                self._stale_pods |= self._owned.get(key, set())

        return heard

    def _node(self, before: NodeObject | None, now: NodeObject | None) -> None:
        thing = now or before
        assert thing is not None
        with self._lock:
            self._node_rows.hear(thing.metadata.name, objects.node_row(now) if now is not None else None)

    def _namespace(self, before: NamespaceObject | None, now: NamespaceObject | None) -> None:
        thing = now or before
        assert thing is not None
        with self._lock:
            self._namespace_rows.hear(thing.metadata.name, objects.namespace_row(now) if now is not None else None)

    # ---- what to tell ----

    def changes(self, now_ns: int | None = None) -> Rows:
        """Rows of what is new, changed or gone since the last call; of what is gone with its end."""
        now = time.time_ns() if now_ns is None else now_ns
        with self._lock:
            if not (self._stale_pods or self._service_rows or self._node_rows or self._namespace_rows):
                return {}
            pods, self._stale_pods = self._stale_pods, set()
            current = [(uid, self._now(uid)) for uid in pods]
            found = {"md_service": self._service_rows.take(now), "md_node": self._node_rows.take(now), "md_namespace": self._namespace_rows.take(now)}
        pod_rows: list[dict[str, Any]] = []
        container_rows: list[dict[str, Any]] = []
        for uid, known in current:
            self._tell(uid, known, now, pod_rows, container_rows)
        return {**found, "md_container": container_rows, "md_pod": pod_rows}

    def everything(self, now_ns: int | None = None) -> Rows:
        """A row of everything that is there; ``changes`` goes on from it."""
        with self._lock:
            self._stale_pods |= set(self._pods)
            for rows in (self._service_rows, self._node_rows, self._namespace_rows):
                rows.tell_all()
        # What has gone meanwhile must still be told as gone.
        self._told_pods = {uid: ({}, {key: {} if uid in self._pods else row for key, row in rows.items()}) if uid in self._pods else (pod, rows)
                           for uid, (pod, rows) in self._told_pods.items()}  # fmt: skip
        return self.changes(now_ns)

    def _now(self, uid: str) -> _Known | None:
        thing = self._pods.get(uid)
        if thing is None:
            return None
        controller = thing.metadata.controller
        owner = self._owners.get((controller.kind, thing.metadata.namespace, controller.name)) if controller is not None else None
        pod = objects.pod(thing, owner)
        # By the selector at once; by its slices too, as a service without a selector has only those.
        behind = [s for s in self._services.get(pod.namespace, {}).values() if s.selects(pod) or (not s.selector and self._serves(s, uid))]
        behind.sort(key=lambda s: s.full_name)
        alone = (s for s in behind if s.cluster_ip and self._is_alone_behind(s, uid))
        return pod, behind, [ip for s in alone for ip in s.cluster_ips]

    def _serves(self, service: Service, uid: str) -> bool:
        return any(uid in pods for pods in self._slices.get((service.namespace, service.name), {}).values())

    def _is_alone_behind(self, service: Service, uid: str) -> bool:
        # Asked for every pod of a service of thousands: the first slice tells.
        slices = self._slices.get((service.namespace, service.name), {}).values()
        return any(slices) and all(pods <= {uid} for pods in slices)

    def _behind(self, service: tuple[str, str]) -> set[str]:
        """Uids of the pods that a service's endpoint slices name."""
        return set().union(*self._slices.get(service, {}).values())

    def _tell(self, uid: str, found: _Known | None, now: int, pod_rows: list[dict[str, Any]], container_rows: list[dict[str, Any]]) -> None:
        told_pod, told_containers = self._told_pods.get(uid, ({}, {}))
        if found is None:
            if self._told_pods.pop(uid, None) is not None and told_pod:
                pod_rows.append({**entities.pod_gone(told_pod), "time_": now, "stop_time": now})
                container_rows.extend({**entities.container_gone(row), "time_": now, "stop_time": now} for row in told_containers.values() if row)
            return
        pod, services, service_ips = found
        row = entities.pod_row(pod, services, service_ips)
        containers = {entities.container_id(pod, c): entities.container_row(pod, c) for c in pod.containers}
        if row != told_pod:
            pod_rows.append({**row, "time_": now})
        container_rows.extend({**row, "time_": now} for key, row in containers.items() if told_containers.get(key) != row)
        # A container that was started again has another id; the old one has ended.
        container_rows.extend({**entities.container_gone(row), "time_": now, "stop_time": now} for key, row in told_containers.items() if key not in containers and row)
        self._told_pods[uid] = (row, containers)


def _leads(service: Service) -> tuple[Any, ...]:
    """What of a service its pods' rows depend on."""
    return service.selector, service.name, service.cluster_ip, service.further_ips


def _leave(sets: dict[Any, set[str]], key: Any, uid: str) -> None:
    members = sets.get(key)
    if members is not None:
        members.discard(uid)
        if not members:
            del sets[key]
