"""The pods of one node, for the agent that runs on it: what its processes are called."""

from __future__ import annotations

import threading
from collections.abc import Callable

from kafkascope.metadata.kubernetes import objects
from kafkascope.metadata.kubernetes.api import Api
from kafkascope.metadata.kubernetes.cluster import PODS, SERVICES
from kafkascope.metadata.kubernetes.informer import Informer
from kafkascope.metadata.kubernetes.objects import PodObject, ServiceObject
from kafkascope.metadata.pods import Pod, Service, World


class NodePods:
    """Follows the pods of ``node`` and the cluster's services. ``changed`` is cheap while nothing changes."""

    def __init__(self, api: Api, node: str, *, log: Callable[[str], None] = lambda _: None) -> None:
        self.node = node
        self.world = World()
        self._lock = threading.Lock()
        self._pods: dict[str, Pod] = {}
        self._services: dict[str, Service] = {}
        self._changed = False
        self._informers = (
            Informer(api, PODS, PodObject, self._pod, selector={"fieldSelector": f"spec.nodeName={node}"}, log=log),
            Informer(api, SERVICES, ServiceObject, self._service, log=log),
        )
        for informer in self._informers:
            informer.start()

    def _pod(self, before: PodObject | None, now: PodObject | None) -> None:
        with self._lock:
            if now is not None:
                self._pods[now.metadata.uid] = objects.pod(now)
            elif before is not None:
                self._pods.pop(before.metadata.uid, None)
            self._changed = True

    def _service(self, before: ServiceObject | None, now: ServiceObject | None) -> None:
        with self._lock:
            if now is not None:
                service = objects.service(now)
                self._changed |= self._services.get(service.uid) != service
                self._services[service.uid] = service
            elif before is not None:
                self._changed |= self._services.pop(before.metadata.uid, None) is not None

    def changed(self) -> bool:
        """Whether ``world`` is new."""
        with self._lock:
            if not self._changed:
                return False
            self._changed = False
            self.world = World(dict(self._pods), dict(self._services))
            return True

    def wait(self, timeout_s: float) -> bool:
        """Wait until what is there is known; whether it is."""
        return all(informer.synced.wait(timeout_s) for informer in self._informers)

    @property
    def problems(self) -> list[str]:
        """Why nothing is heard at the moment; an API server that is away is one problem."""
        return list(dict.fromkeys(informer.problem for informer in self._informers if informer.problem))

    def close(self) -> None:
        """End."""
        for informer in self._informers:
            informer.stop()
