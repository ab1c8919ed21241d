"""Speaks Kafka's framing over one TCP connection, the way the named case does, and says what went over it.

Prints one line of JSON: the two ports and both streams in hexadecimal digits. A case that begins before the
capture prints "ready" and waits for a line first. "later <case>" is that case on a connection whose ends know each other."""

import ctypes
import itertools
import json
import os
import socket
import struct
import sys
import tempfile
import threading
import time

import uring
from messages import ANSWER, CLIENT_HELLO, METADATA, OTHERS, PRODUCE, batch, request, response


def exactly(sock, n):
    data = b""
    while len(data) < n:
        piece = sock.recv(n - len(data))
        if not piece:
            raise SystemExit("closed early")
        data += piece
    return data


def in_pieces(sock, message, first):
    """Reads a header of `first` bytes, then the rest, as clients do."""
    return exactly(sock, first) + (exactly(sock, len(message) - first) if len(message) > first else b"")


def enter(namespace):
    """Sockets made from here on belong to this network namespace."""
    with open(f"/run/netns/{namespace}") as f:
        if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), 0x40000000):
            raise OSError(ctypes.get_errno(), "setns")


class Talk:
    def __init__(self, host, namespaces=(), protocol=0):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        if namespaces:
            enter(namespaces[0])
        if protocol:
            self.listener = socket.socket(family, socket.SOCK_STREAM, protocol)
            self.listener.bind((host, 0))
            self.listener.listen()
            self.client = socket.socket(family, socket.SOCK_STREAM, protocol)
            self.client.connect(self.listener.getsockname()[:2])
            self.server, _ = self.listener.accept()
            self.sent, self.answered = b"", b""
            return
        if host.startswith("::ffff:"):
            self.listener = socket.create_server(("", 0), family=family, dualstack_ipv6=True)
        else:
            self.listener = socket.create_server((host, 0), family=family)
        if namespaces:
            enter(namespaces[1])
        self.client = socket.create_connection((host, self.listener.getsockname()[1]))
        self.server, _ = self.listener.accept()
        self.sent, self.answered = b"", b""

    def ask(self, message, first=None, write=None):
        (write or self.client.sendall)(message)
        in_pieces(self.server, message, first or len(message))
        self.sent += message

    def answer(self, message, first=None, write=None):
        (write or self.server.sendall)(message)
        in_pieces(self.client, message, first or len(message))
        self.answered += message

    def finish(self):
        ports = self.client.getsockname()[1], self.server.getsockname()[1]
        self.client.close()
        self.server.close()
        print(json.dumps([*ports, self.sent.hex(), self.answered.hex()]), flush=True)


def plain(talk):
    for _ in range(3):
        talk.ask(METADATA)
        talk.answer(ANSWER)


def mptcp(talk):
    plain(talk)


def split(talk):
    for first in (4, 8, 12):
        talk.ask(METADATA, first)
        talk.answer(ANSWER, first)


def writev(talk):
    pieces = lambda m: [m[:4], m[4:9], m[9:14], m[14:100], m[100:]]  # noqa: E731
    talk.ask(METADATA, write=lambda m: talk.client.sendmsg(pieces(m)))
    talk.answer(ANSWER, write=lambda m: os.writev(talk.server.fileno(), pieces(m)))


def produce_first(talk):
    talk.ask(PRODUCE, 4)
    talk.answer(response(8, b"x" * 30))


def large(talk):
    """Whole where no records are, cut where they are, in step afterwards."""
    talk.ask(METADATA)
    big = response(7, bytes(range(256)) * 1200)
    talk.answer(big, 4)
    talk.ask(request(1, 12, 9, b"speaker", b"f" * 60))
    talk.answer(response(9, b"records!" * 40000), 4)
    talk.ask(METADATA)
    talk.answer(ANSWER)


def mixed(talk):
    """Batches of all sizes, so that a large one begins anywhere in what is read of a message."""
    sizes = [70, 300, 4100, 90, 20000, 2500, 600, 30000, 80, 450, 25000, 200]
    carried(talk, b"fields" * 9 + b"".join(batch(100 * n, 3, size) for n, size in enumerate(sizes)) + b"end")


def batches(talk):
    """Two partitions of three batches and one of a small one, between fields of a response and of a request."""
    partition = b"".join(batch(1000 * n, 30, 20000) for n in range(3))
    carried(talk, b"fields" * 9 + partition + b"index and offsets" * 4 + partition + b"more" * 5 + batch(7, 1, 300) + b"end")


def carried(talk, body):
    """In the answer to a Fetch and in a Produce; in step afterwards."""
    talk.ask(request(1, 12, 9, b"speaker", b"f" * 60))
    talk.answer(response(9, body), 4)
    talk.ask(request(0, 9, 10, b"speaker", body), 8)
    talk.answer(response(10, b"ok"))
    talk.ask(METADATA)
    talk.answer(ANSWER)


def pieces(talk):
    """Each record in a piece of its own, as librdkafka sends: a large batch, a small one, and fields after them."""
    large, small = batch(0, 400, 16000), batch(400, 3, 450)
    body = b"fields" * 9 + large + b"more" + small + b"end"
    message = request(0, 9, 10, b"speaker", body)
    at = message.index(large) + 61
    cuts = [0, at, *range(at + 20, at + len(large) - 61, 40), *range(at + len(large), len(message) - 1, 6), len(message)]
    parts = [message[a:b] for a, b in itertools.pairwise(cuts)]
    parts.insert(5, b"")
    talk.ask(message, 8, write=lambda _: talk.client.sendmsg(parts))
    talk.answer(response(10, b"ok"))


def sendfile(talk):
    talk.ask(request(1, 12, 9, b"speaker", b"f" * 60))
    records = b"batch" * 2000
    message = response(9, b"head" * 10 + records)

    def write(m):
        with tempfile.TemporaryFile() as f:
            f.write(records)
            f.flush()
            talk.server.sendall(m[: -len(records)])
            at = 0
            while at < len(records):
                at += os.sendfile(talk.server.fileno(), f.fileno(), at, len(records) - at)

    talk.answer(message, 4, write)
    talk.ask(METADATA)
    talk.answer(ANSWER)


def unicode(talk):
    for client in ("{\n\t1}", "ünïcode", "\u4e3b\u9898", "\u00df", "x" * 0x7FFF):
        talk.ask(request(3, 9, 7, client.encode(), bytes(range(200))))
        talk.answer(ANSWER)


def negative(talk):
    for correlation in (-2, -1, 0):
        talk.ask(request(3, 9, correlation, b"speaker", bytes(range(200))))
        talk.answer(response(correlation, b"metadata" * 40))


def empty_token(talk):
    """SASL as before KIP-152: tokens without a header, and the last answer is an empty one."""
    talk.ask(request(17, 0, 1, b"speaker", b"\0\5PLAIN"))
    talk.answer(response(1, b"\0\0\0\0\0\1\0\5PLAIN"))
    token = b"\0user\0secret"
    talk.ask(struct.pack(">i", len(token)) + token)
    talk.answer(struct.pack(">i", 0))


def unread_by_the_sender(talk, write):
    """A message whose bytes are in no memory of the sender's call, between messages as usual."""
    plain(talk)
    talk.ask(METADATA, 4, write)
    talk.answer(ANSWER)
    plain(talk)


def spliced(sock, message):
    out, into = os.pipe()
    os.write(into, message)
    left = len(message)
    while left:
        left -= os.splice(out, sock.fileno(), left)
    os.close(out)
    os.close(into)


def splice(talk):
    unread_by_the_sender(talk, lambda message: spliced(talk.client, message))


def sendmmsg(talk):
    class Piece(ctypes.Structure):
        _fields_ = (("base", ctypes.c_char_p), ("len", ctypes.c_size_t))

    class Header(ctypes.Structure):
        _fields_ = (
            ("name", ctypes.c_void_p),
            ("name_len", ctypes.c_uint),
            ("pieces", ctypes.POINTER(Piece)),
            ("many", ctypes.c_size_t),
            ("control", ctypes.c_void_p),
            ("control_len", ctypes.c_size_t),
            ("flags", ctypes.c_int),
        )

    class Message(ctypes.Structure):
        _fields_ = (("header", Header), ("sent", ctypes.c_uint))

    def write(message):
        parts = [message[:20], message[20:50], message[50:]]
        pieces = [Piece(part, len(part)) for part in parts]
        messages = (Message * len(parts))(*(Message(Header(pieces=ctypes.pointer(piece), many=1)) for piece in pieces))
        if ctypes.CDLL(None).sendmmsg(talk.client.fileno(), messages, len(parts), 0) != len(parts):
            raise SystemExit("sendmmsg did not send all")

    unread_by_the_sender(talk, write)


def uring_send(talk):
    ring = uring.Ring()
    unread_by_the_sender(talk, lambda message: ring.sendall(talk.client, message))


def uring_recv(talk):
    """The receiver's memory cannot be read: what the sender told is enough."""
    ring = uring.Ring()
    talk.ask(METADATA)
    talk.answer(ANSWER)
    for _ in range(3):
        talk.client.sendall(METADATA)
        left = len(METADATA)
        while left:
            left -= len(ring.recv(talk.server, left))
        talk.sent += METADATA
        talk.answer(ANSWER)


def ask_three(talk):
    """Three requests, which another process answers."""
    for _ in range(3):
        talk.client.sendall(METADATA)
        exactly(talk.client, len(ANSWER))
        talk.sent, talk.answered = talk.sent + METADATA, talk.answered + ANSWER


def answer_three(server):
    """What that process does, to its end."""
    for _ in range(3):
        exactly(server, len(METADATA))
        server.sendall(ANSWER)
    os._exit(0)


def handed_on(talk):
    """A server that forks: another process goes on with the connection, by a copy of its descriptor."""
    plain(talk)
    child = os.fork()
    if not child:
        copy = talk.server.dup()
        talk.server.close()
        answer_three(copy)
    ask_three(talk)
    os.waitpid(child, 0)


def passed_on(talk):
    """The same by a message on a Unix socket."""
    here, there = socket.socketpair(socket.AF_UNIX)
    child = os.fork()
    if not child:
        talk.server.close()
        _, descriptors, _, _ = socket.recv_fds(there, 1, 1)
        answer_three(socket.socket(fileno=descriptors[0]))
    socket.send_fds(here, [b"x"], [talk.server.fileno()])
    ask_three(talk)
    os.waitpid(child, 0)


def short(talk):
    """One request and its answer, and both ends are gone at once, the asking one by a reset."""
    talk.ask(METADATA)
    talk.answer(ANSWER)
    talk.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def huge(talk):
    """More than a megabyte that carries no records, in one call."""
    talk.ask(METADATA)
    message = response(7, bytes(range(256)) * 5000)
    sender = threading.Thread(target=talk.server.sendall, args=(message,))
    sender.start()
    exactly(talk.client, len(message))
    sender.join()
    talk.answered += message
    talk.ask(METADATA)
    talk.answer(ANSWER)


def peek(talk):
    talk.client.sendall(METADATA)
    talk.server.recv(20, socket.MSG_PEEK)
    exactly(talk.server, len(METADATA))
    talk.sent += METADATA
    talk.answer(ANSWER)


def waitall(talk):
    """One receive for all of a message that is sent in pieces."""
    for _ in range(3):
        reader = threading.Thread(target=talk.server.recv, args=(len(METADATA), socket.MSG_WAITALL))
        reader.start()
        for at in range(0, len(METADATA), 50):
            talk.client.sendall(METADATA[at : at + 50])
            time.sleep(0.002)
        reader.join()
        talk.sent += METADATA
        talk.answer(ANSWER)


def discarded(talk):
    """A message that the sender's call does not hold and the receiver throws away unread."""
    plain(talk)
    spliced(talk.client, METADATA)
    talk.server.recv(len(METADATA), socket.MSG_TRUNC | socket.MSG_WAITALL)
    talk.sent += METADATA
    talk.answer(ANSWER)
    plain(talk)


def stamped(talk):
    """The kernel gives back what was sent, with the time at which it was."""
    software = 1 << 1 | 1 << 4  # SOF_TIMESTAMPING_TX_SOFTWARE, SOF_TIMESTAMPING_SOFTWARE
    talk.client.setsockopt(socket.SOL_SOCKET, 37, software)  # SO_TIMESTAMPING
    for _ in range(3):
        talk.ask(METADATA)
        copy, *_ = talk.client.recvmsg(4096, 512, socket.MSG_ERRQUEUE)
        if METADATA not in copy:
            raise SystemExit("the sender's copy did not come back")
        talk.answer(ANSWER)


def outnumbered(talk):
    """More ends than have a place in `told`, while a connection stands still."""
    plain(talk)
    for _ in range(8400):
        other = socket.create_connection(talk.listener.getsockname()[:2])
        here, _ = talk.listener.accept()
        other.sendall(METADATA)
        exactly(here, len(METADATA))
        here.sendall(ANSWER)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        other.close()
        here.close()
    for _ in range(100):
        talk.ask(METADATA)
        talk.answer(ANSWER)


def older(talk):
    plain(talk)
    print("ready", flush=True)
    sys.stdin.readline()
    talk.sent = talk.answered = b""
    plain(talk)


def older_answer(talk):
    """Met while an answer is on its way, as a consumer's connection nearly always is."""
    plain(talk)
    talk.ask(METADATA)
    print("ready", flush=True)
    sys.stdin.readline()
    talk.answer(ANSWER)
    talk.sent = talk.answered = b""
    plain(talk)


def older_busy(talk):
    """Requests and answers, one after the other, before the capture, while it is attached and after it."""
    attached = threading.Event()

    def converse():
        for correlation in itertools.count(1):
            talk.client.sendall(request(3, 9, correlation, b"speaker", b"m" * 50))
            exactly(talk.client, 8 + 90)
            if attached.is_set():
                return

    def serve():
        while head := talk.server.recv(4):
            message = exactly(talk.server, struct.unpack(">i", head)[0])
            talk.server.sendall(response(struct.unpack_from(">i", message, 4)[0], b"a" * 90))

    ends = [threading.Thread(target=end) for end in (converse, serve)]
    for end in ends:
        end.start()
    print("ready", flush=True)
    sys.stdin.readline()
    time.sleep(0.05)
    attached.set()
    ends[0].join()
    talk.client.shutdown(socket.SHUT_WR)
    ends[1].join()


def fin(talk):
    """The last bytes and the end of the stream are read in one call."""
    talk.ask(METADATA)
    last = response(7, b"last words")
    talk.server.sendall(last)
    talk.server.shutdown(socket.SHUT_WR)
    time.sleep(0.05)
    talk.client.recv(4096)
    talk.answered += last


def tls(talk):
    talk.ask(CLIENT_HELLO)
    talk.answer(b"\x16\x03\x03\x00\x10" + b"h" * 16)
    for _ in range(20):
        talk.ask(b"\x17\x03\x03\x01\x00" + b"c" * 256)


def older_tls(talk):
    tls(talk)
    print("ready", flush=True)
    sys.stdin.readline()
    talk.sent = talk.answered = b""
    for _ in range(20):
        talk.ask(b"\x17\x03\x03\x01\x00" + b"c" * 256)
        talk.answer(b"\x17\x03\x03\x01\x00" + b"s" * 256)


def behind(talk):
    """A receiver that comes later than the sender: several messages in several calls, several in one, one in two, and
    one whose rest is read with a message that the sender could not read."""
    talk.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    plain(talk)
    plain(talk)
    for calls, last in (
        ([METADATA, METADATA, PRODUCE], b""),
        ([METADATA + PRODUCE, METADATA], b""),
        ([METADATA + PRODUCE[:2], PRODUCE[2:]], b""),
        ([METADATA], PRODUCE),
        ([METADATA], PRODUCE),
    ):
        for call in calls:
            talk.client.sendall(call)
        exactly(talk.server, 4)
        spliced(talk.client, last)
        message = b"".join([*calls, last])
        exactly(talk.server, len(message) - 4)
        talk.sent += message
        talk.answer(ANSWER, 4)
    plain(talk)


def flood(talk):
    for _ in range(400):
        talk.ask(METADATA)
        talk.answer(ANSWER)


def others(host, before_the_capture):
    """Nobody listens any more when the capture begins, so nothing but the bytes tells who is the server."""
    talks = [(Talk(host), opening) for opening in OTHERS.values()]
    for talk, opening in talks:
        talk.listener.close()
        if before_the_capture:
            talk.ask(opening)
    if before_the_capture:
        print("ready", flush=True)
        sys.stdin.readline()
    for talk, opening in talks:
        for _ in range(20):
            talk.ask(opening)
            talk.answer(opening)
    print(json.dumps([0, 0, "", ""]), flush=True)


case, host = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1"
if case in ("others", "older_others"):
    others(host, case == "older_others")
else:
    namespaces = sys.argv[3].split(",") if len(sys.argv) > 3 and sys.argv[3] else ()
    talk = Talk(host, namespaces, socket.IPPROTO_MPTCP if case == "mptcp" else 0)
    if case.startswith("later "):
        for _ in range(3):
            plain(talk)
    globals()[case.removeprefix("later ")](talk)
    talk.finish()
