"""Groups that were deleted: a Fetch that was asked before that reads for nobody, even when it is answered after it, as a long poll may be."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

#: Deletions that are remembered; of more, the latest.
MAX_DELETED = 10_000


class DeletedGroups:
    """When each deleted group was deleted, by the numbers of its cluster and its own."""

    def __init__(self) -> None:
        self._deleted_ns: dict[tuple[int, int], int] = {}

    def note(self, cluster: int, group: int, deleted_ns: int) -> None:
        """A group was deleted."""
        self._deleted_ns.pop((cluster, group), None)
        while len(self._deleted_ns) >= MAX_DELETED:
            del self._deleted_ns[next(iter(self._deleted_ns))]
        self._deleted_ns[cluster, group] = deleted_ns

    def asked_before(self, cluster: Ints, group: Ints, asked_ns: Ints) -> npt.NDArray[np.bool_]:
        """Whether each request was asked before its group was deleted."""
        before = np.zeros(len(group), bool)
        first_ns = asked_ns.min() if len(asked_ns) else np.inf
        for (of_cluster, of_group), deleted_ns in self._deleted_ns.items():
            if first_ns <= deleted_ns:
                before |= (cluster == of_cluster) & (group == of_group) & (asked_ns <= deleted_ns)
        return before

    def all_in_cluster(self, cluster: int) -> None:
        """What was seen before the only cluster's id was known belongs to it."""
        self._deleted_ns = {(cluster, group): deleted_ns for (_, group), deleted_ns in self._deleted_ns.items()}
