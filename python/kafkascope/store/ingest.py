"""The store's side of the link from agents: Arrow Flight, one DoPut stream per table, and for those on the same host shared memory beside it."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.flight as flight

from kafkascope.shared_memory import SUFFIX
from kafkascope.store.errors import StoreError
from kafkascope.store.intake import Intake, Line, Tag
from kafkascope.store.memory_ingest import SharedMemoryServer
from kafkascope.store.store import Store
from kafkascope.tokens import Token

# gRPC delivers buffers where they lie, which is not always where Acero wants them; it would complain of every query.
os.environ.setdefault("ACERO_ALIGNMENT_HANDLING", "reallocate")


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
        token = Token(token) if isinstance(token, str) else token
        self._intake = Intake(store, own_addresses, joined)
        self._memory: SharedMemoryServer | None = None
        old_umask = os.umask(0o177)
        try:
            if self._path is not None:
                _beside(self._path).unlink(missing_ok=True)
                self._memory = SharedMemoryServer(_beside(self._path), self._intake, token)
            self._server = _Server(self._intake, location, token, certificate)
        except (pa.ArrowException, OSError, ValueError) as error:
            if self._memory is not None:
                self._memory.close()
            raise StoreError(f"cannot listen for agents on {address}: {_first_line(error)}", "is another server running?") from error
        finally:
            os.umask(old_umask)
        self._intake.port = self.port

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
        return {**self._intake.counters, "paired": self._intake.pairs.left_out}

    def close(self) -> None:
        """Stop listening and end the agents' streams."""
        self._server.closing = True
        if self._memory is not None:
            self._memory.close()
        # gRPC waits for streams that are open; agents close those that are idle, but a hanging one must not hold up the end.
        waiter = threading.Thread(target=self._server.shutdown, name="ingest-shutdown", daemon=True)
        waiter.start()
        waiter.join(timeout=3)
        if self._path is not None:
            self._path.unlink(missing_ok=True)


class _Server(flight.FlightServerBase):  # type: ignore[misc]
    def __init__(self, intake: Intake, location: str, token: Token | None, certificate: tuple[bytes, bytes] | None) -> None:
        options: dict[str, Any] = {}
        if token:
            options["middleware"] = {"token": _TokenFactory(token)}
        if certificate is not None:
            options["tls_certificates"] = [certificate]
        self.closing = False
        self._intake = intake
        super().__init__(location, **options)

    def do_put(self, context: Any, descriptor: Any, reader: Any, writer: Any) -> None:
        table = b"/".join(descriptor.path or []).decode("utf-8", "replace")
        caller = context.get_middleware("token")
        self._intake.heard_from(_address(context.peer()))
        line = Line()
        for chunk in reader:
            if self.closing:
                raise flight.FlightUnavailableError("the server stops")
            if caller is not None:
                # The token may have been replaced since the stream began.
                caller.check()
            try:
                tag = Tag.read(chunk.app_metadata.to_pybytes() if chunk.app_metadata is not None else b"")
            except ValueError as error:
                self._intake.count(refused=1)
                raise flight.FlightServerError(str(error)) from None
            writer.write(pa.py_buffer(json.dumps(self._intake.take(table, tag, chunk.data, line)).encode()))


def _address(peer: str) -> str:
    """The address of gRPC's name for a caller: ``ipv4:ADDRESS:PORT``, ``ipv6:%5BADDRESS%5D:PORT``; empty for a Unix socket's."""
    family, _, place = peer.partition(":")
    return unquote(place).rpartition(":")[0].strip("[]") if family in ("ipv4", "ipv6") else ""


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


def _beside(path: Path) -> Path:
    return path.with_name(path.name + SUFFIX)


def _loopback(address: str) -> bool:
    host = address.split("://", 1)[1].rsplit(":", 1)[0].strip("[]")
    return host in ("127.0.0.1", "localhost", "::1")


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
