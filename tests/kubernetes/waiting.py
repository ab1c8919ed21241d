"""How tests wait: for what a condition says and no earlier, and for so long that a busy machine gets there too."""

import os
import secrets
import socket
import time


def eventually(condition, timeout_s=120, every_s=0.1):
    """What ``condition`` returns as soon as that is true, else what it returned last."""
    end = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found or time.monotonic() > end:
            return found
        time.sleep(every_s)


def on_a_machine_of_its_own(seconds):
    """The limit of a figure: where n programs want each core, each has it an n-th of the time, and the figure is about one that has it all."""
    return seconds * max(1.0, os.getloadavg()[0] / os.cpu_count())


def free_port():
    """A port on which nothing listens, below those that the kernel gives to connections: none of them takes it before its server does."""
    while True:
        port = 15_000 + secrets.randbelow(15_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
