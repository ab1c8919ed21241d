"""What goes over a connection: Kafka's messages, and how other protocols begin."""

import struct

CLIENT_HELLO = b"\x16\x03\x01\x00\x40\x01\x00\x00\x3c\x03\x03" + bytes(range(58))


def request(key, version, correlation, client, body):
    name = struct.pack(">h", -1) if client is None else struct.pack(">h", len(client)) + client
    head = struct.pack(">hhi", key, version, correlation) + name
    return struct.pack(">i", len(head) + len(body)) + head + body


def response(correlation, body):
    return struct.pack(">ii", 4 + len(body), correlation) + body


def batch(base_offset, records, size):
    """A record batch of `size` bytes; its contents repeat a byte that looks like a batch's magic."""
    head = struct.pack(">qiibihiqqqhii", base_offset, size - 12, 0, 2, 0, 0, records - 1, 0, 0, -1, -1, -1, records)
    return head + b"\2" * (size - len(head))


METADATA = request(3, 9, 7, b"speaker", bytes(range(200)))
ANSWER = response(7, b"metadata" * 40)
PRODUCE = request(0, 8, 8, b"", struct.pack(">hhi", -1, 1, 30000) + b"\0\0\0\1\0\1t" + b"r" * 200)

OTHERS = {
    "http": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    "ping": b"\0\0\x08\x06\0\0\0\0\0" + b"12345678",
    "redis": b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n",
    "postgres": struct.pack(">ii", 8, 196608),
    "zookeeper": struct.pack(">iiqi", 44, 0, 0, 30000) + b"\0" * 28,
    "zookeeper get": struct.pack(">iiii", 16, 5, 4, 4) + b"/abc",
    "dns": b"\0\x1d\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01",
    "mongo": struct.pack("<iiii", 57, 1, 0, 2013) + b"\0" * 41,
    "amqp": b"AMQP\0\0\x09\1",
    "thrift": b"\0\0\0\x12\x80\x01\0\x01\0\0\0\x04ping\0\0\0\0\0\0",
    "cassandra": b"\x04\0\0\x01\x05\0\0\0\0",
    "zeros": b"\0" * 64,
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
}
