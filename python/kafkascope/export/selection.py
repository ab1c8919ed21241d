"""Which series are exposed: names that are wanted, how fine, and how many at most."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

#: Names of several exporters for the same numbers, so that dashboards work as they are.
NAMES = ("kafka_exporter", "kafka_lag_exporter", "burrow")


@dataclass(frozen=True)
class Selection:
    """``partitions`` False leaves out everything by partition; patterns are regular expressions that a whole name must match.

    Beyond ``max_series`` the series by partition are those of the ``top`` partitions that are farthest behind, and sums stay whole;
    ``kafkascope_metrics_truncated`` is 1 then.
    """

    names: tuple[str, ...] = ("kafka_exporter", "kafka_lag_exporter")
    partitions: bool = True
    max_series: int = 100_000
    top: int = 1_000
    topics: str = ""
    not_topics: str = ""
    groups: str = ""
    not_groups: str = ""

    def __post_init__(self) -> None:
        for pattern in (self.topics, self.not_topics, self.groups, self.not_groups):
            re.compile(pattern)
        unknown = set(self.names) - set(NAMES)
        if unknown:
            raise ValueError(f"unknown names {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")

    @classmethod
    def configured(cls, config: Mapping[str, Any]) -> Selection:
        """What the configuration's section ``metrics`` says. Raises ``ValueError``."""
        try:
            return cls(
                names=tuple(config["metrics.metric_names"]), partitions=config["metrics.by_partition"], max_series=config["metrics.max_series"],
                topics=config["metrics.metric_topics"], groups=config["metrics.metric_groups"],
            )  # fmt: skip
        except re.error as error:
            raise ValueError(f"expected a regular expression, found {error.pattern!r}: {error}") from error

    def rows(self, table: pa.Table, *, topic: str | None = "topic") -> pa.Table:
        """The rows of ``kafka_lag`` or ``kafka_group_lag`` whose group and topic are wanted."""
        table = self._matching(table, "group_id", self.groups, self.not_groups)
        return table if topic is None else self._matching(table, topic, self.topics, self.not_topics)

    def topics_of(self, table: pa.Table) -> pa.Table:
        """The rows whose topic is wanted."""
        return self._matching(table, "topic", self.topics, self.not_topics)

    @staticmethod
    def _matching(table: pa.Table, column: str, wanted: str, unwanted: str) -> pa.Table:
        if not wanted and not unwanted:
            return table
        names = pc.unique(table[column])
        kept = [
            name
            for name in names.to_pylist()
            if (not wanted or re.fullmatch(wanted, name)) and not (unwanted and re.fullmatch(unwanted, name))
        ]
        return table.filter(pc.is_in(table[column], pa.array(kept, pa.string())))

    def worst(self, table: pa.Table) -> pa.Table:
        """The partitions that are farthest behind."""
        keys = table.select(["group_id", "topic", "partition"]).append_column("lag", pc.fill_null(table["lag"], -1))
        order = pc.sort_indices(keys, [("lag", "descending"), ("group_id", "ascending"), ("topic", "ascending"), ("partition", "ascending")])
        return table.take(order.slice(0, self.top))
