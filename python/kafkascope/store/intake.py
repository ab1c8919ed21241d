"""What an agent sends, taken into the store once: by whatever way it came.

Each batch carries its agent's session and a sequence number. A batch whose number was already stored is acknowledged and left
out, so that an agent may send again whatever it has no acknowledgement for.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.store.errors import StoreError
from kafkascope.store.pairs import Pairs
from kafkascope.store.store import Store

#: Sessions whose numbers are remembered; an older one would have to be sending again after this many newer ones.
_SESSIONS = 4096
_NAMES_AT_ONCE = 500
#: Columns of an address and of this server's port: as the server's node saw a connection, and as an agent of another node saw one agent's, which goes to the address of a service.
_OWN_ENDS = {
    "kafka_loss": (("local_addr", "local_port"), ("local_addr", "remote_port")),
    "kafka_clients": (("broker_addr", "broker_port"), ("client_addr", "broker_port")),
}


@dataclass(frozen=True, slots=True)
class Tag:
    """Whose batch it is, and which."""

    session: str
    sequence: int
    asid: int

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Tag:
        """Raises ``ValueError`` when a field is missing or of another kind."""
        try:
            return cls(str(fields["session"]), int(fields["sequence"]), int(fields["asid"]))
        except (KeyError, TypeError, ValueError):
            raise ValueError("a batch without session, sequence and agent: is the agent of another version?") from None

    @classmethod
    def read(cls, raw: bytes) -> Tag:
        """From JSON; as ``of``."""
        try:
            fields = json.loads(raw)
        except ValueError:
            fields = {}
        return cls.of(fields if isinstance(fields, dict) else {})


@dataclass(slots=True)
class Line:
    """One way that an agent's batches come by, and how far it has been told what other agents learned."""

    told: int = 0


class Intake:
    """Takes batches into ``store``. Thread-safe.

    ``own_addresses`` are this host's: what its agent tells of this server's own connections there is left out, and so is what agents tell of each other's. ``joined`` is
    called when an agent begins anew.
    """

    def __init__(self, store: Store, own_addresses: Iterable[str] = (), joined: Callable[[], None] = lambda: None) -> None:
        self.counters = {"batches": 0, "rows": 0, "refused": 0, "repeated": 0, "own_link": 0}
        self.pairs = Pairs()
        #: The TCP port that agents come to, 0 without one.
        self.port = 0
        self._store = store
        self._joined = joined
        self._run = uuid.uuid4().hex
        self._counting = threading.Lock()
        self._positions = _Positions(store.positions())
        #: This host's and the agents'.
        self._ends = set(own_addresses)
        self._names = _TopicNames(store)
        self._order = [threading.Lock() for _ in range(64)]

    def heard_from(self, address: str) -> None:
        """An agent is there."""
        if address and len(self._ends) < _SESSIONS:
            self._ends.add(address)

    def take(self, table: str, tag: Tag, batch: pa.RecordBatch, line: Line) -> dict[str, Any]:
        """Store a batch; the acknowledgement."""
        if self._positions.is_new(tag.session):
            self._store.agent_started(tag.asid)
            self._joined()
        answer = {**self._take(table, tag, batch), "run": self._run, "now": time.time_ns(), "watched": self._store.audience.present}
        if table == "md_agent":
            # One table of each agent carries what the others learned.
            line.told, names = self._names.after(line.told)
            if names:
                answer["topics"] = names
        return answer

    def count(self, **more: int) -> None:
        """Batches of different tables come at the same time."""
        with self._counting:
            for name, value in more.items():
                self.counters[name] += value

    def _take(self, table: str, tag: Tag, batch: pa.RecordBatch) -> dict[str, Any]:
        # One agent has one way per table; a second one appears while a broken one has not ended yet.
        with self._order[hash((tag.session, table)) % len(self._order)]:
            if tag.sequence <= self._positions.last(tag.session, table):
                self.count(repeated=1)
                return {"sequence": tag.sequence}
            others = self._without_own_link(table, batch)
            try:
                kept = _heard_now(others) if table == "md_agent" else self.pairs.once(others, table=table, agent=tag.asid)
                self._store.append(table, kept, {tag.session: tag.sequence})
            except StoreError as error:
                # Sending it again would not help: acknowledged, with the reason.
                self.count(refused=1)
                self._positions.set(tag.session, table, tag.sequence)
                return {"sequence": tag.sequence, "refused": str(error)}
            self._positions.set(tag.session, table, tag.sequence)
            self.count(batches=1, rows=kept.num_rows, own_link=batch.num_rows - others.num_rows)
            return {"sequence": tag.sequence}

    def _without_own_link(self, table: str, batch: Any) -> Any:
        """Agents see this server's own TLS connections as any other's; they are no Kafka that could not be seen."""
        if table not in _OWN_ENDS:
            return batch
        known = pa.array(list(self._ends), pa.string())
        for address, port in _OWN_ENDS[table]:
            if {address, port} <= set(batch.schema.names):
                own = pc.and_(pc.is_in(batch.column(address), value_set=known), pc.equal(batch.column(port), self.port))
                batch = batch.filter(pc.invert(own)) if pc.any(own).as_py() else batch
        return batch


class _Positions:
    """The last sequence number of each session and table that is in the store."""

    def __init__(self, stored: dict[str, dict[str, int]]) -> None:
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, dict[str, int]] = OrderedDict()
        for table, positions in stored.items():
            for session, sequence in positions.items():
                self._sessions.setdefault(session, {})[table] = sequence

    def is_new(self, session: str) -> bool:
        """Whether the session is heard of for the first time; it is known from now on."""
        with self._lock:
            if session in self._sessions:
                return False
            self._sessions[session] = {}
            while len(self._sessions) > _SESSIONS:
                self._sessions.popitem(last=False)
            return True

    def last(self, session: str, table: str) -> int:
        with self._lock:
            return self._sessions.get(session, {}).get(table, -1)

    def set(self, session: str, table: str, sequence: int) -> None:
        with self._lock:
            self._sessions.setdefault(session, {})[table] = sequence
            self._sessions.move_to_end(session)


class _TopicNames:
    """The names of topic ids that any agent learned, for the others: a producer's node may never see what a broker's node saw."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._seen: Any = None
        self._known: set[str] = set()
        self._names: list[tuple[str, str]] = []

    def after(self, place: int) -> tuple[int, list[tuple[str, str]]]:
        """Names that became known after ``place``, at most some hundreds, and the place to ask from next."""
        with self._lock:
            table = self._store.topic_names()
            if table is not self._seen:
                self._seen = table
                for topic_id, name in zip(table.column("topic_id").to_pylist(), table.column("topic").to_pylist(), strict=True):
                    if topic_id and name and topic_id not in self._known:
                        self._known.add(topic_id)
                        self._names.append((topic_id, name))
            found = self._names[place : place + _NAMES_AT_ONCE]
            return place + len(found), found


def _heard_now(heartbeats: Any) -> Any:
    """By this server's clock: an agent whose own is seconds behind is not silent."""
    place = heartbeats.schema.get_field_index("time_")
    if place < 0:
        return heartbeats
    return heartbeats.set_column(place, heartbeats.schema.field(place), pa.array([time.time_ns()] * heartbeats.num_rows, pa.int64()))
