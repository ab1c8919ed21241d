"""What the API server tells, into the store: pods, services and nodes of the whole cluster."""

from __future__ import annotations

import threading
import time
from typing import Any

import pyarrow.compute as pc

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
        """Pods of this cluster's nodes, and their containers, that went while no server listened."""
        table = self._store.newest["md_pod"].table()
        table = table.filter(pc.equal(table.column("stop_time"), 0))
        there, nodes = self.watch.pod_ids, self.watch.nodes
        pods = [row for row in table.to_pylist() if row["node_name"] in nodes and row["pod_id"] not in there]
        ended = {row["pod_id"] for row in pods}
        table = self._store.newest["md_container"].table()
        containers = [row for row in table.to_pylist() if row["pod_id"] in ended and not row["stop_time"]]
        end: dict[str, Any] = {"time_": now_ns, "stop_time": now_ns}
        return {"md_container": [{**entities.container_gone(row), **end} for row in containers], "md_pod": [{**entities.pod_gone(row), **end} for row in pods]}
