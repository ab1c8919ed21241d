"""Where a server takes what agents send, as it is configured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kafkascope.config import Config
from kafkascope.metadata.host import this_host
from kafkascope.store.errors import StoreError
from kafkascope.store.ingest import IngestServer
from kafkascope.store.store import Store
from kafkascope.tokens import Token


@dataclass(frozen=True)
class Ingest:
    """``address`` is the path of a Unix socket, or ``host:port``."""

    address: str
    token: Token | None = None
    certificate: str = ""
    key: str = ""

    @classmethod
    def configured(cls, config: Config) -> Ingest:
        """The one of the keys ``server.ingest*``."""
        return cls(config["server.ingest"], Token(config["agent.agent_token"], config["agent.agent_token_file"]), config["server.ingest_certificate"], config["server.ingest_key"])

    def open(self, store: Store, joined: Callable[[], None] = lambda: None) -> IngestServer:
        """Listen; ``joined`` is called when an agent begins anew. Raises ``StoreError``."""
        if bool(self.certificate) != bool(self.key):
            raise StoreError("a certificate and its key go together", "give both --ingest-certificate and --ingest-key, or neither")
        if self.address.startswith("/"):
            return IngestServer(store, self.address, token=self.token, joined=joined)
        scheme = "grpc+tls" if self.certificate else "grpc+tcp"
        address = self.address if "://" in self.address else f"{scheme}://{self.address}"
        certificate = (_pem(self.certificate, "CERTIFICATE"), _pem(self.key, "PRIVATE KEY")) if self.certificate else None
        return IngestServer(store, address, token=self.token, certificate=certificate, own_addresses=[this_host().address], joined=joined)


def _pem(path: str, what: str) -> bytes:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}", "does it belong to this user?") from error
    if f"{what}-----".encode() not in content:
        raise StoreError(f"{path}: expected a {what.lower()} in PEM form", f"it has a line that ends with {what}-----")
    return content
