"""The store's side of the link from agents: Arrow Flight, one DoPut stream per table.

Each batch carries its agent's session and a sequence number. A batch whose number was already stored is acknowledged and left
out, so that an agent may send again whatever it has no acknowledgement for.
"""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.flight as flight

from kafkascope.store.errors import StoreError
from kafkascope.store.pairs import Pairs
from kafkascope.store.store import Store
from kafkascope.tokens import Token

# gRPC delivers buffers where they lie, which is not always where Acero wants them; it would complain of every query.
os.environ.setdefault("ACERO_ALIGNMENT_HANDLING", "reallocate")

#: Sessions whose numbers are remembered; an older one would have to be sending again after this many newer ones.
_SESSIONS = 4096
_NAMES_AT_ONCE = 500
#: Columns of an address and of this server's port: as the server's node saw a connection, and as an agent of another node saw one agent's, which goes to the address of a service.
_OWN_ENDS = {
    "kafka_loss": (("local_addr", "local_port"), ("local_addr", "remote_port")),
    "kafka_clients": (("broker_addr", "broker_port"), ("client_addr", "broker_port")),
}


class IngestServer:
    """Takes batches from agents into ``store`` until ``close``.

    ``address`` is the path of a Unix socket, or ``grpc+tcp://…`` or ``grpc+tls://…``. A ``token`` must then come with every call, and a
    ``certificate`` (certificate and key, PEM) protects it; without them, only loopback is listened on. ``own_addresses`` are this host's: what
    its agent tells of this server's own connections there is left out, and so is what agents tell of each other's. ``joined`` is called when an agent begins anew. Raises ``StoreError`` when the address cannot be used.
    """

    def __init__(self, store: Store, address: str, *, token: Token | str | None = None, certificate: tuple[bytes, bytes] | None = None,
                 own_addresses: Sequence[str] = (), joined: Callable[[], None] = lambda: None) -> None:
        self._path: Path | None = None
        location = address
        if not address.startswith("grpc"):
            self._path = Path(address)
            location = f"grpc+unix://{self._path.absolute()}"
            self._make_way(self._path)
        elif not token and not _loopback(address):
            raise StoreError(f"{address} is reachable from other hosts and no token is set", "set KAFKASCOPE_AGENT_TOKEN or --agent-token-file, or listen on 127.0.0.1")
        elif certificate is None and not _loopback(address):
            raise StoreError(f"{address} is reachable from other hosts and there is no certificate: the token would be readable on the way",
                             "give --ingest-certificate and --ingest-key, or listen on 127.0.0.1")  # fmt: skip
        self._positions = _Positions(store.positions())
        old_umask = os.umask(0o177)
        try:
            self._server = _Server(store, self._positions, location, Token(token) if isinstance(token, str) else token, certificate, list(own_addresses), joined)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise StoreError(f"cannot listen for agents on {address}: {_first_line(error)}", "is another server running?") from error
        finally:
            os.umask(old_umask)

    @staticmethod
    def _make_way(path: Path) -> None:
        """Remove a socket that a killed server left behind."""
        if len(os.fsencode(str(path.absolute()))) > 100:
            raise StoreError(f"the socket's path is longer than the system allows: {path}", "choose a shorter folder")
        if not path.is_socket():
            if path.exists():
                raise StoreError(f"{path} is in the way and is not a socket")
            return
        import socket

        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except OSError:
                path.unlink(missing_ok=True)
                return
        raise StoreError(f"another server listens on {path}", "stop it first")

    @property
    def port(self) -> int:
        """The TCP port, 0 for a Unix socket."""
        return self._server.port if self._path is None else 0

    def stats(self) -> dict[str, int]:
        """Batches and rows taken, batches refused, batches that came twice; rows left out because the connection's other side told them (``paired``),
        or because they tell of this server's own connections with agents (``own_link``)."""
        return {**self._server.counters, "paired": self._server.pairs.left_out}

    def close(self) -> None:
        """Stop listening and end the agents' streams."""
        self._server.closing = True
        # gRPC waits for streams that are open; agents close those that are idle, but a hanging one must not hold up the end.
        waiter = threading.Thread(target=self._server.shutdown, name="ingest-shutdown", daemon=True)
        waiter.start()
        waiter.join(timeout=3)
        if self._path is not None:
            self._path.unlink(missing_ok=True)


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


class _Server(flight.FlightServerBase):  # type: ignore[misc]
    def __init__(self, store: Store, positions: _Positions, location: str, token: Token | None, certificate: tuple[bytes, bytes] | None,
                 own_addresses: list[str], joined: Callable[[], None]) -> None:
        options: dict[str, Any] = {}
        if token:
            options["middleware"] = {"token": _TokenFactory(token)}
        if certificate is not None:
            options["tls_certificates"] = [certificate]
        self.closing = False
        self._run = uuid.uuid4().hex
        self.counters = {"batches": 0, "rows": 0, "refused": 0, "repeated": 0, "own_link": 0}
        self._counting = threading.Lock()
        self._store = store
        self._positions = positions
        self._joined = joined
        #: This host's and the agents'.
        self._ends = set(own_addresses)
        self.pairs = Pairs()
        self._names = _TopicNames(store)
        self._order = [threading.Lock() for _ in range(64)]
        super().__init__(location, **options)

    def do_put(self, context: Any, descriptor: Any, reader: Any, writer: Any) -> None:
        table = b"/".join(descriptor.path or []).decode("utf-8", "replace")
        caller = context.get_middleware("token")
        if (peer := _address(context.peer())) and len(self._ends) < _SESSIONS:
            self._ends.add(peer)
        told = self._names.nobody
        for chunk in reader:
            if self.closing:
                raise flight.FlightUnavailableError("the server stops")
            if caller is not None:
                # The token may have been replaced since the stream began.
                caller.check()
            try:
                tag = json.loads(chunk.app_metadata.to_pybytes())
                session, sequence, asid = str(tag["session"]), int(tag["sequence"]), int(tag["asid"])
            except (AttributeError, ValueError, KeyError, TypeError):
                self._count(refused=1)
                raise flight.FlightServerError("a batch without session, sequence and agent: is the agent of another version?") from None
            if self._positions.is_new(session):
                self._store.agent_started(asid)
                self._joined()
            answer = {**self._take(table, session, sequence, asid, chunk.data), "run": self._run, "now": time.time_ns(), "watched": self._store.audience.present}
            if table == "md_agent":
                # One stream of each agent carries what the others learned.
                told, names = self._names.after(told)
                if names:
                    answer["topics"] = names
            writer.write(pa.py_buffer(json.dumps(answer).encode()))

    def _take(self, table: str, session: str, sequence: int, asid: int, batch: Any) -> dict[str, Any]:
        # One agent has one stream per table; a second one appears while a broken one has not ended yet.
        with self._order[hash((session, table)) % len(self._order)]:
            if sequence <= self._positions.last(session, table):
                self._count(repeated=1)
                return {"sequence": sequence}
            others = self._without_own_link(table, batch)
            try:
                kept = _heard_now(others) if table == "md_agent" else self.pairs.once(others, table=table, agent=asid)
                self._store.append(table, kept, {session: sequence})
            except StoreError as error:
                # Sending it again would not help: acknowledged, with the reason.
                self._count(refused=1)
                self._positions.set(session, table, sequence)
                return {"sequence": sequence, "refused": str(error)}
            self._positions.set(session, table, sequence)
            self._count(batches=1, rows=kept.num_rows, own_link=batch.num_rows - others.num_rows)
            return {"sequence": sequence}

    def _count(self, **more: int) -> None:
        """Streams of different tables count at the same time."""
        with self._counting:
            for name, value in more.items():
                self.counters[name] += value

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


def _address(peer: str) -> str:
    """The address of gRPC's name for a caller: ``ipv4:ADDRESS:PORT``, ``ipv6:%5BADDRESS%5D:PORT``; empty for a Unix socket's."""
    family, _, place = peer.partition(":")
    return unquote(place).rpartition(":")[0].strip("[]") if family in ("ipv4", "ipv6") else ""


class _TopicNames:
    """The names of topic ids that any agent learned, for the others: a producer's node may never see what a broker's node saw."""

    nobody = 0

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


class _TokenFactory(flight.ServerMiddlewareFactory):  # type: ignore[misc]
    def __init__(self, token: Token) -> None:
        self._token = token

    def start_call(self, info: Any, headers: Any) -> Any:
        given = str((headers.get("authorization") or [""])[0]).removeprefix("Bearer ")
        caller = _Caller(self._token, given)
        caller.check()
        return caller


class _Caller(flight.ServerMiddleware):  # type: ignore[misc]
    """Who makes a call, for as long as it goes on."""

    def __init__(self, token: Token, given: str) -> None:
        self._token = token
        self._given = given

    def check(self) -> None:
        """Refuse a token that does not hold now."""
        if not self._token.fits(self._given):
            raise flight.FlightUnauthenticatedError("the agent's token is missing, wrong or revoked")


def _heard_now(heartbeats: Any) -> Any:
    """By this server's clock: an agent whose own is seconds behind is not silent."""
    place = heartbeats.schema.get_field_index("time_")
    if place < 0:
        return heartbeats
    return heartbeats.set_column(place, heartbeats.schema.field(place), pa.array([time.time_ns()] * heartbeats.num_rows, pa.int64()))


def _loopback(address: str) -> bool:
    host = address.split("://", 1)[1].rsplit(":", 1)[0].strip("[]")
    return host in ("127.0.0.1", "localhost", "::1")


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
