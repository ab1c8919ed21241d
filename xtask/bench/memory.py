"""Memory of an agent under a steady flow of small requests, by kind of memory.

Needs root: live capture. Processes of this script speak Kafka to each other over loopback at BENCH_RATE (10,000) requests a second for BENCH_SECONDS (40), so
that the machine is not busy with a broker: heartbeats and one Produce of ten records in ten requests.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import proc
from overhead import kafkascope

RATE = int(os.environ.get("BENCH_RATE", 10_000))
SECONDS = int(os.environ.get("BENCH_SECONDS", 40))
CONNECTIONS = 20
KINDS = ("Rss", "Anonymous", "Shared_Dirty", "Shared_Clean", "Private_Clean", "Private_Dirty")


def compact(text: bytes) -> bytes:
    return bytes([len(text) + 1]) + text


def request(key: int, version: int, correlation: int, body: bytes) -> bytes:
    head = struct.pack(">hhih", key, version, correlation, 5) + b"bench" + b"\0" + body
    return struct.pack(">i", len(head)) + head


def batch(records: int) -> bytes:
    contents = bytes(60 * records)
    return struct.pack(">qiibihiqqqhii", 0, 49 + len(contents), 0, 2, 0, 0, records - 1, 1, 1, -1, -1, -1, records) + contents


_RECORDS = batch(10)
_SIZE = len(_RECORDS) + 1
HEARTBEAT = compact(b"bench-group") + struct.pack(">i", 7) + compact(b"member") + b"\0\0"
PRODUCE = b"\0" + struct.pack(">hi", 1, 30_000) + b"\2" + compact(b"bench") + b"\2" + struct.pack(">i", 0) + bytes([_SIZE & 0x7F | 0x80, _SIZE >> 7]) + _RECORDS + b"\0\0\0"
BEAT_ANSWER = b"\0" + struct.pack(">ihx", 0, 0)
PRODUCED = b"\0\2" + compact(b"bench") + b"\2" + struct.pack(">ihqqqxx", 0, 0, 5, -1, 0) + b"\1\0\0" + struct.pack(">ix", 0)


def client(port: int, rate: float) -> None:
    """Ask ``rate`` times a second over one connection, one request after the other."""
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began, number = time.monotonic(), 0
        while (now := time.monotonic()) < began + SECONDS:
            if number >= (now - began) * rate:
                time.sleep(0.005)
                continue
            number += 1
            peer.sendall(request(0, 9, number, PRODUCE) if number % 10 == 0 else request(12, 4, number, HEARTBEAT))
            size = struct.unpack(">i", peer.recv(4, socket.MSG_WAITALL))[0]
            peer.recv(size, socket.MSG_WAITALL)


def serve(peer: socket.socket) -> None:
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while head := peer.recv(4, socket.MSG_WAITALL):
        message = peer.recv(struct.unpack(">i", head)[0], socket.MSG_WAITALL)
        key, _, correlation = struct.unpack_from(">hhi", message)
        body = struct.pack(">i", correlation) + (PRODUCED if key == 0 else BEAT_ANSWER)
        peer.sendall(struct.pack(">i", len(body)) + body)


def memory(pid: int) -> dict[str, int]:
    """MiB of a process by kind."""
    found = proc.memory_mib(pid)
    return {kind: found[kind] for kind in KINDS}


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("needs root: live capture")
    context = multiprocessing.get_context("fork")
    with kafkascope() as watcher, socket.create_server(("127.0.0.1", 0)) as listener:
        agent = watcher["agent"]
        idle, before = memory(agent), proc.cpu_s(agent)
        clients = [context.Process(target=client, args=(listener.getsockname()[1], RATE / CONNECTIONS)) for _ in range(CONNECTIONS)]
        servers = []
        for process in clients:
            process.start()
            peer, _ = listener.accept()
            server = context.Process(target=serve, args=(peer,))
            server.start()
            peer.close()
            servers.append(server)
        most = idle
        while any(process.is_alive() for process in clients):
            time.sleep(1)
            most = max(most, memory(agent), key=lambda m: m["Rss"])
        for process in servers:
            process.join()
        print(f"agent before: {idle} MiB\nagent at {RATE} requests/s, its highest of {SECONDS} looks: {most} MiB, {100 * (proc.cpu_s(agent) - before) / SECONDS:.0f} % of a core")


if __name__ == "__main__":
    main()
