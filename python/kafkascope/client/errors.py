"""How a client's calls fail."""

from __future__ import annotations


class ClientError(Exception):
    """A call failed; ``kind`` as in the API (argument, not_found, query, timeout, limit, internal, connection), ``hint`` what to do."""

    def __init__(self, kind: str, message: str, hint: str = "") -> None:
        super().__init__(f"{message} ({hint})" if hint else message)
        self.kind = kind
        self.message = message
        self.hint = hint


class NoServer(ClientError, ConnectionError):
    """Nothing answered at the server's address, or not as Kafkascope."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__("connection", message, hint)
