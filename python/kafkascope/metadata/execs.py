"""Remembers what short-lived processes were: the kernel tells of each exec, and it is looked up before the process can end.

Only the memory of them is kept here. Rows come of those that turn out to speak Kafka, so that a host full of shell scripts
does not fill the store.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from kafkascope.metadata import cgroups
from kafkascope.metadata.cgroups import Membership
from kafkascope.metadata.proc import Proc

_NETLINK_CONNECTOR = 11
_CN_IDX_PROC = _CN_VAL_PROC = 1
_LISTEN = 1
_EXEC = 0x2
_NLMSG_DONE = 3
_HEADERS = struct.Struct("=IHHII" + "IIIIHH")
#: Where in a datagram the kind of event and, for an exec, the process stand.
_WHAT_AT = 36
_TGID_AT = 56
_SO_ATTACH_FILTER = 26

_KEEP = 4096
#: Look-ups a second; a storm of execs must not cost the host more than that.
_RATE = 300


@dataclass(frozen=True, slots=True)
class Seen:
    """What a process was right after its exec."""

    start_ticks: int
    ppid: int
    comm: str
    cmdline: str
    netns: int | None
    membership: Membership


class ExecWatcher:
    """Follows execs in a thread of its own. ``start`` gives the reason when this host does not allow it."""

    def __init__(self, proc: Proc, *, keep: int = _KEEP, rate: int = _RATE) -> None:
        self._proc = proc
        self._keep = keep
        self._rate = rate
        self._lock = threading.Lock()
        self._seen: OrderedDict[int, Seen] = OrderedDict()
        self._socket: socket.socket | None = None
        self._window = (0.0, 0)
        self.looked_up = 0
        self.skipped = 0

    def start(self) -> str | None:
        """Begin; ``None`` when it runs, else why it cannot."""
        try:
            self._socket = _listen()
        except OSError as error:
            return f"the kernel does not tell of execs: {error.strerror or error}"
        threading.Thread(target=self._run, args=(self._socket,), name="execs", daemon=True).start()
        return None

    def seen(self, pid: int, start_ticks: int) -> Seen | None:
        """The process of that pid and start, if it was seen."""
        with self._lock:
            found = self._seen.get(pid)
        return found if found is not None and found.start_ticks == start_ticks else None

    def close(self) -> None:
        """Stop."""
        if self._socket is not None:
            # Closing alone would leave the thread in recv.
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self._socket.close()
            self._socket = None

    def _run(self, source: socket.socket) -> None:
        source.settimeout(1.0)
        while self._socket is source:
            try:
                datagram = source.recv(4096)
            except TimeoutError:
                continue
            except OSError as error:
                if error.errno == 105:  # ENOBUFS: the kernel dropped events, the next ones come.
                    self.skipped += 1
                    continue
                return
            if len(datagram) >= _TGID_AT + 4 and struct.unpack_from("=I", datagram, _WHAT_AT)[0] == _EXEC:
                self.look_up(struct.unpack_from("=i", datagram, _TGID_AT)[0])

    def look_up(self, pid: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Remember what ``pid`` is now."""
        second = float(int(clock()))
        began, count = self._window
        if second == began and count >= self._rate:
            self.skipped += 1
            return
        self._window = (second, count + 1) if second == began else (second, 1)
        stat = self._proc.stat(pid)
        if stat is None:
            self.skipped += 1
            return
        found = Seen(stat.start_ticks, stat.ppid, stat.comm, self._proc.cmdline(pid), self._proc.netns(pid), cgroups.parse(self._proc.cgroup(pid)))
        self.looked_up += 1
        with self._lock:
            self._seen.pop(pid, None)
            self._seen[pid] = found
            while len(self._seen) > self._keep:
                self._seen.popitem(last=False)


def _listen() -> socket.socket:
    source = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _NETLINK_CONNECTOR)
    try:
        _only_execs(source)
        source.bind((0, _CN_IDX_PROC))
        body = struct.pack("=I", _LISTEN)
        size = _HEADERS.size + len(body)
        source.send(_HEADERS.pack(size, _NLMSG_DONE, 0, 0, os.getpid(), _CN_IDX_PROC, _CN_VAL_PROC, 0, 0, len(body), 0) + body)
    except OSError:
        source.close()
        raise
    return source


def _only_execs(source: socket.socket) -> None:
    """Let the kernel drop everything but execs: forks and exits of threads are far more, and nobody needs them."""
    wanted = struct.unpack(">I", struct.pack("=I", _EXEC))[0]
    program = b"".join(
        struct.pack("=HBBI", *instruction)
        for instruction in (
            (0x20, 0, 0, _WHAT_AT),  # ld [36]
            (0x15, 0, 1, wanted),  # jeq #exec, accept, drop
            (0x06, 0, 0, 0xFFFF_FFFF),
            (0x06, 0, 0, 0),
        )
    )
    buffer = ctypes.create_string_buffer(program, len(program))
    source.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(program) // 8, ctypes.addressof(buffer)))
