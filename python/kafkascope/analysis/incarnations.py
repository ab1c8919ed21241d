"""Topics that were deleted and created again under their old names: each has a new id, and rows of the former one say nothing of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kafkascope.analysis.incoming import first_times

Ints = npt.NDArray[np.int64]

#: Former ids that are remembered, to know their late rows; beyond, all are forgotten.
_MAX_FORMER = 10_000
_CODE_BITS = 26
#: The numbers of a cluster and of a topic.
Topic = tuple[int, int]


class Incarnations:
    """The id that each topic has now, and those it had."""

    def __init__(self) -> None:
        self._ids: dict[Topic, str] = {}
        self._former: set[tuple[int, int, str]] = set()

    def id_of(self, topic: Topic) -> str:
        """The topic's id, empty when no request carried it."""
        return self._ids.get(topic, "")

    def all_in_cluster(self, cluster: int) -> None:
        """What was seen before the only cluster's id was known belongs to it."""
        self._ids = {(cluster, topic): topic_id for (_, topic), topic_id in self._ids.items()}

    def take(self, keys: list[Ints], tables: tuple[dict[str, Any], ...]) -> list[Topic]:
        """Topics that these rows (``incoming.columns``, with ``c``, ``ids`` and ``id``) show created again; rows of their former selves are marked to be dropped.

        ``keys`` numbers the topic of each row.
        """
        begun: dict[Topic, int] = {}
        for (cluster, topic, text), first in sorted(self._first_seen(keys, tables).items(), key=lambda item: item[1]):
            known = self._ids.get((cluster, topic))
            if known == text or (cluster, topic, text) in self._former:
                continue
            if known is not None:
                self._former.add((cluster, topic, known))
                begun[cluster, topic] = first
            self._ids[cluster, topic] = text
        if len(self._former) > _MAX_FORMER:
            self._former.clear()
        if self._former:
            self._drop(keys, tables, begun)
        return list(begun)

    def _first_seen(self, keys: list[Ints], tables: tuple[dict[str, Any], ...]) -> dict[tuple[int, int, str], int]:
        since: dict[tuple[int, int, str], int] = {}
        for key, table in zip(keys, tables, strict=True):
            if not any(table["ids"]):
                continue
            packed = (table["c"] << 2 * _CODE_BITS) | (key << _CODE_BITS) | table["id"]
            mask = (1 << _CODE_BITS) - 1
            for found, first in zip(*first_times(packed, table["ts"]), strict=True):
                text = table["ids"][found & mask]
                if text:
                    name = (found >> 2 * _CODE_BITS, (found >> _CODE_BITS) & mask, text)
                    since[name] = min(first, since.get(name, first))
        return since

    def _drop(self, keys: list[Ints], tables: tuple[dict[str, Any], ...], begun: dict[Topic, int]) -> None:
        recreated = {(cluster, topic) for cluster, topic, _ in self._former}
        for key, table in zip(keys, tables, strict=True):
            for cluster, topic in recreated:
                mine = (table["c"] == cluster) & (key == topic)
                if not mine.any():
                    continue
                current = self._ids[cluster, topic]
                old = np.isin(table["id"], [i for i, text in enumerate(table["ids"]) if text and text != current])
                unnamed = np.isin(table["id"], [i for i, text in enumerate(table["ids"]) if not text]) & (table["ts"] < begun.get((cluster, topic), 0))
                table["drop"] |= mine & (old | unnamed)
