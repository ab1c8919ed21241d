"""Processes that do not speak Kafka, one pair of client and server on each processor.

Both ends of a pair are bound to one processor. Where the scheduler puts two ends that wake each other decides more about their rate than anything else does: left
to it, the same work took between a third and three times as long. Every processor is at work all the time, so whatever a watcher takes is missing.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import statistics
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from multiprocessing.connection import Connection

from load import Result

SIZE = 100


@dataclass(frozen=True)
class Pair:
    """``serve`` answers one connection; ``ask`` yields whenever an answer is complete."""

    serve: Callable[[socket.socket], None]
    ask: Callable[[tuple[str, int]], Generator[None]]

    def run(self, round_trips: int) -> Result:
        """Rate and p99 of ``round_trips``, all pairs together."""
        context = multiprocessing.get_context("fork")
        processors = sorted(os.sched_getaffinity(0))
        pairs = []
        for processor in processors:
            here, there = context.Pipe()
            with socket.create_server(("127.0.0.1", 0)) as listener:
                server = context.Process(target=_on, args=(processor, self.serve, listener))
                client = context.Process(target=_on, args=(processor, self._client, there, listener.getsockname(), round_trips // len(processors)))
                server.start()
                client.start()
            pairs.append((here, server, client))
        for here, _, _ in pairs:  # all are connected before one begins
            here.recv()
        began = time.perf_counter()
        for here, _, _ in pairs:
            here.send(True)
        waits = [wait for here, _, _ in pairs for wait in here.recv()]
        took = time.perf_counter() - began
        for _, *processes in pairs:
            for process in processes:
                process.join()
        return Result(len(waits) / took, statistics.quantiles(waits, n=100)[98] * 1e3)

    def _client(self, pipe: Connection, address: tuple[str, int], round_trips: int) -> None:
        answers, waits = self.ask(address), []
        next(answers)
        pipe.send(True)
        pipe.recv()
        for _ in range(round_trips):
            sent = time.perf_counter()
            next(answers)
            waits.append(time.perf_counter() - sent)
        answers.close()
        pipe.send(waits)


def _on(processor: int, work: Callable[..., None], *arguments: object) -> None:
    os.sched_setaffinity(0, {processor})
    work(*arguments)


def _echo(listener: socket.socket) -> None:
    peer, _ = listener.accept()
    with peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while message := peer.recv(SIZE):
            peer.sendall(message)


def _echoed(address: tuple[str, int]) -> Generator[None]:
    message = b"GET / " + bytes(SIZE - 6)
    with socket.create_connection(address) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            peer.sendall(message)
            left = SIZE
            while left:
                left -= len(peer.recv(left))
            yield


class _Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body in one send, as servers do.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        body = b"x" * 1024
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _http(listener: socket.socket) -> None:
    server = HTTPServer(listener.getsockname(), _Page, bind_and_activate=False)
    server.socket = listener
    server.handle_request()


def _fetched(address: tuple[str, int]) -> Generator[None]:
    connection = HTTPConnection(*address)
    try:
        while True:
            connection.request("GET", "/orders?customer=17", headers={"Accept": "application/json", "User-Agent": "bench"})
            connection.getresponse().read()
            yield
    finally:
        connection.close()


#: The least that a process can do between two calls: what watching costs here is the most it can cost.
CALLS = Pair(_echo, _echoed)
#: A service of the standard library's HTTP server and client.
HTTP = Pair(_http, _fetched)
