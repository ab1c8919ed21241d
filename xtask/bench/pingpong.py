"""Two processes that do not speak Kafka: small messages back and forth over one TCP connection on loopback."""

from __future__ import annotations

import multiprocessing
import socket
import statistics
import time
from multiprocessing.connection import Connection

from load import Result


def load(size: int, round_trips: int) -> Result:
    """Rate and p99 of ``round_trips`` messages of ``size`` bytes, each answered by one of the same size."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    client = context.Process(target=_client, args=(there, size, round_trips))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client.start()
        here.send(listener.getsockname())
        peer, _ = listener.accept()
        with peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while message := peer.recv(size):
                peer.sendall(message)
    result: Result = here.recv()
    client.join()
    return result


def _client(pipe: Connection, size: int, round_trips: int) -> None:
    message, waits = b"GET / " + bytes(size - 6), []
    with socket.create_connection(pipe.recv()) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.perf_counter()
        for _ in range(round_trips):
            sent = time.perf_counter()
            peer.sendall(message)
            left = size
            while left:
                left -= len(peer.recv(left))
            waits.append(time.perf_counter() - sent)
        took = time.perf_counter() - began
    pipe.send(Result(round_trips / took, statistics.quantiles(waits, n=100)[98] * 1e3))
