"""What the server hears from: its agents, and the Kubernetes API where it follows one. Counters, and what is wrong now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kafkascope.export.families import AnyFamily, Family, Labels


@dataclass(frozen=True)
class Link:
    """``ingest`` as of ``IngestServer.stats``, ``watch`` as of ``ClusterWatch.stats``; ``problems`` says why something of the cluster is not heard of at the moment."""

    ingest: Mapping[str, int] = field(default_factory=dict)
    watch: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def warnings(self) -> list[dict[str, str]]:
        """A run's messages about it."""
        return [{"level": "warning", "text": f"names and states of pods, services and nodes may be old: {problem}"} for problem in self.problems]

    def families(self) -> list[AnyFamily]:
        """Metrics of both."""
        found: list[AnyFamily] = []
        if self.ingest:
            found.append(Family("kafkascope_ingest_total", "counter", "Batches and rows that agents sent: taken, refused, come twice (repeated), rows left out as the other agent of their connection told them (paired) or as they are of the agents' own connections with this server (own_link).",
                                ("what",), [((name,), value) for name, value in self.ingest.items()]))  # fmt: skip
        if self.watch:
            # Objects beyond the limit are a number that falls again; all others only grow.
            grows: list[tuple[Labels, float]] = [((collection, name), value) for collection, counters in self.watch.items() for name, value in counters.items() if name != "left_out"]
            found.append(Family("kafkascope_kubernetes_watch_total", "counter", "What was heard of each collection of the Kubernetes API: lists, watches, events, failures.", ("collection", "what"), grows))
            found.append(Family("kafkascope_kubernetes_left_out", "gauge", "Objects beyond the number that is followed.", ("collection",), [((name,), c["left_out"]) for name, c in self.watch.items()]))
            found.append(Family("kafkascope_kubernetes_up", "gauge", "1 while everything of the cluster is heard of.", (), [((), int(not self.problems))]))
        return found
