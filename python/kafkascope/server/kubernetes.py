"""What the API server tells, into the store: pods, services, nodes and namespaces of the whole cluster."""

from __future__ import annotations

import threading
import time
from typing import Any

from kafkascope.metadata import entities, rows
from kafkascope.metadata.entities import Rows
from kafkascope.metadata.kubernetes.cluster import ClusterWatch
from kafkascope.store.store import Store

_LOOK_S = 0.1
#: Everything is told again this often, so that what an agent's restart ended by mistake does not stay so.
_AGAIN_S = 300.0
_ROWS_A_BATCH = 16_384


class ClusterFeed:
    """Appends what ``watch`` tells to ``store`` until ``close``."""

    def __init__(self, store: Store, watch: ClusterWatch) -> None:
        self._store = store
        self.watch = watch
        self._again = threading.Event()
        self._closed = threading.Event()
        watch.start()
        self._thread = threading.Thread(target=self._run, name="cluster feed", daemon=True)
        self._thread.start()

    def tell_again(self) -> None:
        """An agent began anew: the store ended what its node had, and must hear what is still there."""
        self._again.set()

    def close(self) -> None:
        """End."""
        self._closed.set()
        self._thread.join(timeout=2)
        self.watch.stop()

    def _run(self) -> None:
        swept = False
        told = time.monotonic()
        while not self._closed.wait(_LOOK_S):
            again = self._again.is_set() or time.monotonic() - told > _AGAIN_S
            if again:
                self._again.clear()
                told = time.monotonic()
            self._append(self.watch.everything() if again else self.watch.changes())
            if not swept and self.watch.synced:
                swept = True
                self._append(self._gone(time.time_ns()))

    def _append(self, found: Rows) -> None:
        for table, some in found.items():
            for first in range(0, len(some), _ROWS_A_BATCH):
                self._store.append(table, rows.build(table, some[first : first + _ROWS_A_BATCH]))

    def _gone(self, now_ns: int) -> Rows:
        """What went of this cluster while no server listened, each with now as its end."""
        pod_ids, nodes, service_ids, there = self.watch.pod_ids, self.watch.nodes, self.watch.service_ids, self.watch.namespaces
        pods = [row for row in self._running("md_pod") if row["node_name"] in nodes and row["pod_id"] not in pod_ids]
        ended = {row["pod_id"] for row in pods}
        containers = [row for row in self._running("md_container") if row["pod_id"] in ended]
        # Only an API server tells of namespaces and labels nodes: what agents of other hosts told has neither.
        namespaces = self._running("md_namespace")
        ours = {row["namespace"] for row in namespaces}
        services = [row for row in self._running("md_service") if row["namespace"] in ours and row["service_id"] not in service_ids]
        gone_nodes = [row for row in self._running("md_node") if row["labels"] != "{}" and row["node_name"] not in nodes]
        found = {
            "md_container": [entities.container_gone(row) for row in containers], "md_pod": [entities.pod_gone(row) for row in pods], "md_service": services,
            "md_node": gone_nodes, "md_namespace": [row for row in namespaces if row["namespace"] not in there],
        }  # fmt: skip
        return {table: [{**row, "time_": now_ns, "stop_time": now_ns} for row in gone] for table, gone in found.items()}

    def _running(self, table: str) -> list[dict[str, Any]]:
        """The rows of what had not ended as far as the store knows."""
        return [row for row in self._store.newest[table].table().to_pylist() if not row["stop_time"]]
