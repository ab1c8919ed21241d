"""Which groups there are: their kind, their state, who is in them, and every rebalance as it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.analysis import rebalance_epochs, rebalances
from kafkascope.analysis.grouped import grouped
from kafkascope.analysis.numpy_columns import NO_TEXT, ZERO, combined, ints
from kafkascope.analysis.rebalance_state import Group, Row

SECOND = 1_000_000_000
#: A member not heard of for this long is not there: clients heartbeat every 3 s, brokers give them up after 45 s unless told otherwise.
SILENT_NS = 60 * SECOND
#: Heartbeat, ConsumerGroupHeartbeat, ShareGroupHeartbeat, StreamsGroupHeartbeat: the kinds of group that send them.
HEARTBEATS = {12: "classic", 68: "consumer", 76: "share", 88: "streams"}
#: Members that are left hear of a rebalance with their next heartbeat; where nobody is heard for this long, the one who left was the last.
LAST_LEFT_NS = 15 * SECOND
MAX_GROUPS = 20_000
MAX_MEMBERS = 100_000

Key = tuple[str, str]


@dataclass(slots=True)
class Info:
    """What is known of one group."""

    kind: str = ""
    protocols: dict[str, Group] = field(default_factory=dict)
    heard: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    readers: dict[str, int] = field(default_factory=dict)
    last_ns: int = 0

    @property
    def current(self) -> Group | None:
        """The group as its newest protocol has it."""
        return self.protocols.get(self.kind)

    def members(self, now_ns: int) -> int | None:
        """Members; those that are heard where nobody told how many there are. None when nothing tells."""
        heard = sum(last >= now_ns - SILENT_NS for last in self.heard.values())
        group = self.current
        if group is not None and group.count is not None:
            return max(group.count, heard)
        if self.heard or self.kind == "simple":
            return heard
        reading = sum(last >= now_ns - SILENT_NS for last in self.readers.values())
        return reading if reading or self.readers else None

    def alone_since(self, now_ns: int) -> int | None:
        """When the last member of a group without any was heard of; None while there is one, or where none is to be expected."""
        if self.kind in {"", "simple"} or self.state(now_ns) != "Empty":
            return None
        last = max((at for times in (self.heard, self.left, self.readers) for at in times.values()), default=self.last_ns)
        return last if self.readers_now(now_ns) == 0 else None

    def readers_now(self, now_ns: int) -> int:
        """Clients that have fetched for the group lately, whoever they are to it."""
        return sum(last >= now_ns - SILENT_NS and last > max(self.left.values(), default=0) for last in self.readers.values())

    def state(self, now_ns: int) -> str:
        """The state, by the name that Kafka's own tools print; Unknown when nothing tells."""
        group = self.current
        if group is not None and group.open is not None and self.kind != "classic":
            # What came may still be followed by more of the same rebalance: the group is stable once all have followed. A share group has no other state.
            if self.kind != "share" and not rebalance_epochs.settled(group):
                return "Reconciling"
        elif group is not None and group.open is not None:
            if group.open.all_left and group.count is None and not any(last >= now_ns - SILENT_NS for last in self.heard.values()):
                # Whether anybody is left to rebalance is known when one is heard, or when nobody is for long enough.
                return "Unknown"
            return "CompletingRebalance" if any(p.generation > group.generation for p in group.open.parts.values()) else "PreparingRebalance"
        members = self.members(now_ns)
        return "Unknown" if members is None else "Stable" if members else "Empty"


class Memberships:
    """All groups. At most ``MAX_GROUPS``: those not heard of for longest go, and are counted."""

    def __init__(self) -> None:
        self.groups: dict[Key, Info] = {}
        self.evicted = 0
        self._cluster = ""

    def of(self, cluster_id: str, group_id: str) -> Info:
        """A group, new when it was not met."""
        key = (cluster_id or self._cluster, group_id)
        info = self.groups.get(key)
        if info is None:
            info = self.groups[key] = Info()
            if len(self.groups) > MAX_GROUPS:
                oldest = min(self.groups, key=lambda k: self.groups[k].last_ns if k != key else 1 << 63)
                del self.groups[oldest]
                self.evicted += 1
        return info

    def know_cluster(self, cluster_id: str) -> None:
        """The only cluster there is: what was seen before its id was known belongs to it."""
        if self._cluster == cluster_id:
            return
        self._cluster = cluster_id
        for key in [k for k in self.groups if k[0] == ""]:
            info = self.groups.pop(key)
            for group in info.protocols.values():
                group.cluster_id = cluster_id
            self.groups.setdefault((cluster_id, key[1]), info)

    def take_events(self, events: pa.Table) -> None:
        """Rows of ``kafka_group_events``."""
        for row in events.select(list(rebalances.INPUT)).sort_by("time_").to_pylist():
            self._take_event(row)

    def _take_event(self, row: Row) -> None:
        if not row["group_id"]:
            return
        info = self.of(row["cluster_id"], row["group_id"])
        info.last_ns = max(info.last_ns, row["time_"])
        group = rebalances.take(info.protocols, row | {"cluster_id": row["cluster_id"] or self._cluster})
        if row["error_code"] in (0, None):
            info.kind = group.protocol
        if row["member_id"]:
            if row["event"] == "leave":
                info.heard.pop(row["member_id"], None)
                info.left[row["member_id"]] = row["time_"]
                if len(info.left) > 1000:
                    del info.left[next(iter(info.left))]
            elif row["error_code"] == 0:
                self._heard(info, row["member_id"], row["time_"])

    def take_heartbeats(self, events: pa.Table) -> None:
        """Rows of ``kafka_events.beta`` that are heartbeats: they tell the kind and the members of a group whose joining was not seen."""
        if events.num_rows == 0:
            return
        found = pc.extract_regex(pc.utf8_slice_codeunits(events["req_body"], 0, 400), r'"group_id":"(?P<g>(?:[^"\\]|\\.)*)"(?s:.*?)"member_id":"(?P<m>(?:[^"\\]|\\.)*)"')
        table = pa.table(
            {
                "c": events["cluster_id"], "api": events["req_cmd"], "ts": events["time_"], "e": events["error_code"],
                "g": pc.struct_field(found, "g"), "m": pc.struct_field(found, "m"),
            }
        ).filter(pc.and_(pc.is_valid(pc.struct_field(found, "g")), pc.equal(pc.fill_null(events["error_code"], -1), 0)))  # fmt: skip
        for row in grouped(table, ["c", "api", "g", "m"], ("ts", "max")):
            # A name as it stands in JSON.
            info = self.of(row["c"], json.loads(f'"{row["g"]}"') if "\\" in row["g"] else row["g"])
            info.kind = info.kind or HEARTBEATS[row["api"]]
            info.last_ns = max(info.last_ns, row["ts_max"])
            if row["m"]:
                self._heard(info, row["m"], row["ts_max"])

    def take_traffic(self, commits: pa.Table, fetch: pa.Table) -> None:
        """Rows of ``kafka_commits`` and ``kafka_fetch``: they tell who uses a group without members, and who reads."""
        self._take_commits(commits)
        self._take_reads(fetch)

    def _take_commits(self, commits: pa.Table) -> None:
        if commits.num_rows == 0:
            return
        done = commits.filter(pc.and_(pc.not_equal(commits["group_id"], NO_TEXT), pc.equal(pc.fill_null(commits["error_code"], ZERO), ZERO)))
        for row in grouped(done, ["cluster_id", "group_id", "member_id", "client_id", "client_addr"], ("time_", "max"), ("generation", "max")):
            info = self.of(row["cluster_id"], row["group_id"])
            info.last_ns = max(info.last_ns, row["time__max"])
            if row["member_id"]:
                self._heard(info, row["member_id"], row["time__max"])
            elif row["generation_max"] < 0 and not info.kind:
                # Offsets committed from outside of any membership, as a consumer that assigns itself does.
                info.kind = "simple"

    def _take_reads(self, fetch: pa.Table) -> None:
        readers, of_reader = combined(*(fetch[name] for name in ("cluster_id", "group_id", "client_id", "client_addr")))
        last = np.zeros(len(readers), np.int64)
        consumers = ints(fetch["replica_id"], 0) < 0
        np.maximum.at(last, of_reader[consumers], ints(fetch["time_"], 0)[consumers])
        for (cluster_id, group_id, client_id, client_addr), at_ns in zip(readers, last.tolist(), strict=True):
            if group_id and at_ns:
                info = self.of(cluster_id, group_id)
                info.last_ns = max(info.last_ns, at_ns)
                self._heard(info, f"{client_id} {client_addr}", at_ns, info.readers)

    def _heard(self, info: Info, who: str, at_ns: int, into: dict[str, int] | None = None) -> None:
        into = info.heard if into is None else into
        if into is info.heard and at_ns <= info.left.get(who, -1):
            return
        into[who] = max(into.get(who, 0), at_ns)
        if len(into) > 1000:
            for silent in [m for m, last in into.items() if last < at_ns - SILENT_NS]:
                del into[silent]

    def settle(self, now_ns: int) -> None:
        """Groups whose last member left, of which it was not known that it was the last."""
        for info in self.groups.values():
            group = info.protocols.get("classic")
            if group is None or group.open is None or group.open.last_ns > now_ns - LAST_LEFT_NS:
                continue
            begun = group.open.start_ns
            if group.open.all_left and not any(at >= begun for who, at in info.heard.items() if who not in info.left):
                group.empty(group.open.last_ns)

    def forget(self, cluster_id: str, group_id: str) -> None:
        """A group that was deleted."""
        self.groups.pop((cluster_id or self._cluster, group_id), None)

    def forget_idle(self, before_ns: int) -> None:
        """Groups not heard of since."""
        for key in [k for k, info in self.groups.items() if info.last_ns < before_ns]:
            del self.groups[key]

    def finished(self, now_ns: int, *, at_end: bool = False) -> list[dict[str, Any]]:
        """The rebalances that have ended since this was last asked; with ``at_end`` also those under way."""
        done: list[dict[str, Any]] = []
        for group in self._protocols():
            if group.protocol != "classic":
                rebalance_epochs.close(group, now_ns)
            if at_end and group.protocol == "classic":
                group.finish("open", None)
            elif at_end:
                rebalance_epochs.end(group)
            if group.done:
                done += group.done
                group.done = []
        return sorted(done, key=lambda r: (r["time_"], r["cluster_id"], r["group_id"]))

    def under_way(self) -> Iterator[Group]:
        """Groups in a rebalance."""
        return (group for group in self._protocols() if group.open is not None)

    def _protocols(self) -> Iterator[Group]:
        return (group for info in self.groups.values() for group in info.protocols.values())
