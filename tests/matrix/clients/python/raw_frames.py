"""A client without a library, which does what libraries may and none of the matrix does: raw_frames.py BOOTSTRAP."""

import json
import socket
import struct
import sys

HOST, PORT = sys.argv[1].rsplit(":", 1)
#: Null, empty, the longest, not ASCII, with control characters.
CLIENT_IDS = (None, "", "x" * 0x7FFF, "ü" * 16_000, "主题", '{"a": 1}\n', "\x7f\x01 \t")
METADATA, API_VERSIONS = 3, 18
_ALL_TOPICS = struct.pack(">i", -1)
_SOFTWARE = b"\x04raw\x041.0\x00"


def request(key: int, version: int, correlation_id: int, client_id: str | None, body: bytes, *, flexible: bool = False) -> bytes:
    name = None if client_id is None else client_id.encode()
    header = struct.pack(">hhi", key, version, correlation_id) + struct.pack(">h", -1 if name is None else len(name)) + (name or b"")
    message = header + (b"\x00" if flexible else b"") + body
    return struct.pack(">i", len(message)) + message


def api_versions(version: int, correlation_id: int, client_id: str | None = "raw") -> bytes:
    return request(API_VERSIONS, version, correlation_id, client_id, _SOFTWARE if version >= 3 else b"", flexible=version >= 3)


class Connection:
    def __init__(self) -> None:
        self._socket = socket.create_connection((HOST, int(PORT)), 10)
        self.answers = 0

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self._socket.sendall(piece)

    def _exactly(self, n: int) -> bytes:
        data = b""
        while len(data) < n:
            piece = self._socket.recv(n - len(data))
            if not piece:
                raise ConnectionError("the broker closed")
            data += piece
        return data

    def receive(self, n: int = 1) -> None:
        for _ in range(n):
            self._exactly(*struct.unpack(">i", self._exactly(4)))
            self.answers += 1

    def no_more(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> int:
        self._socket.close()
        return self.answers


def names() -> int:
    answers = 0
    for client_id in CLIENT_IDS:
        connection = Connection()
        connection.send(*(api_versions(version, version, client_id) for version in range(4)))
        connection.send(request(METADATA, 1, 9, client_id, _ALL_TOPICS), request(METADATA, 4, 10, client_id, _ALL_TOPICS + b"\x01"))
        connection.receive(6)
        answers += connection.close()
    return answers


def many_at_once() -> int:
    connection = Connection()
    connection.send(b"".join(api_versions(i % 4, i) for i in range(50)))
    connection.receive(50)
    return connection.close()


def in_bytes() -> int:
    """Each byte in a write of its own; the last request half closes the connection."""
    connection = Connection()
    connection.send(*(bytes([byte]) for byte in api_versions(2, 1)))
    connection.receive()
    connection.send(api_versions(1, 2))
    connection.no_more()
    connection.receive()
    return connection.close()


def any_numbers() -> int:
    """Correlation ids that repeat, fall, and are the smallest and largest."""
    connection = Connection()
    for correlation_id in (0, 0, 0, 2**31 - 1, -(2**31), -1, 5, 5, 4, 3):
        connection.send(api_versions(1, correlation_id))
        connection.receive()
    return connection.close()


def newer() -> int:
    """A broker answers ApiVersions of any version (KIP-511), and goes on."""
    answers = 0
    for version in (6, 29, 30, 64, 256, 2**15 - 1):
        connection = Connection()
        connection.send(api_versions(version, 1))
        connection.receive()
        connection.send(api_versions(0, 2), api_versions(version, 3), api_versions(0, 4))
        connection.receive(3)
        answers += connection.close()
    return answers


def nulls() -> int:
    """Any negative count is null to a broker, and any negative length."""
    connection = Connection()
    for correlation_id, count in enumerate((-1, -2, -(2**31)), 1):
        connection.send(request(METADATA, 4, correlation_id, "raw", struct.pack(">i", count) + b"\x00"))
        connection.receive()
    for correlation_id, length in enumerate((-1, -2, -(2**15)), 4):
        header = struct.pack(">hhih", API_VERSIONS, 0, correlation_id, length)
        connection.send(struct.pack(">i", len(header)) + header)
        connection.receive()
    return connection.close()


def refused() -> int:
    """Versions that the broker does not have: it closes, and answers nothing."""
    answers = 0
    for version in (-1, 14):
        connection = Connection()
        connection.send(api_versions(0, 1))
        connection.receive()
        connection.send(request(METADATA, version, 2, "raw", _ALL_TOPICS + b"\x01\x01\x01"))
        try:
            connection.receive()
        except ConnectionError:
            answers += connection.close()
    return answers


ANSWERS = names() + many_at_once() + in_bytes() + any_numbers() + newer() + nulls() + refused()
print(json.dumps({"produced": ANSWERS, "consumed": ANSWERS}))
