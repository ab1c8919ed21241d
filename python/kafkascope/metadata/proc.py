"""The door to /proc: small reads, each of which may fail because the process is gone."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
_CMDLINE_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Stat:
    """The fields of ``/proc/PID/stat`` that are used."""

    comm: str
    ppid: int
    kernel_thread: bool
    minor_faults: int
    major_faults: int
    utime_ns: int
    ktime_ns: int
    threads: int
    start_ticks: int
    vsize: int
    rss: int


@dataclass(frozen=True, slots=True)
class Io:
    """``/proc/PID/io``."""

    rchar: int = 0
    wchar: int = 0
    read_bytes: int = 0
    write_bytes: int = 0


@dataclass(frozen=True, slots=True)
class NetDev:
    """Sums over the interfaces of a network namespace, loopback left out."""

    rx_bytes: int = 0
    rx_packets: int = 0
    rx_errors: int = 0
    rx_drops: int = 0
    tx_bytes: int = 0
    tx_packets: int = 0
    tx_errors: int = 0
    tx_drops: int = 0


_PF_KTHREAD = 0x0020_0000


class Proc:
    """Reads below ``root``. Every method gives ``None`` (or nothing) when the process is gone or may not be read."""

    def __init__(self, root: Path | str = "/proc") -> None:
        self.root = str(root)

    def pids(self) -> list[int]:
        return [int(name) for name in os.listdir(self.root) if name.isdigit()]

    def read(self, pid: int, name: str, limit: int = 65536) -> bytes | None:
        try:
            fd = os.open(f"{self.root}/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            chunks = []
            while limit > 0 and (chunk := os.read(fd, limit)):
                chunks.append(chunk)
                limit -= len(chunk)
            return b"".join(chunks)
        except OSError:
            return None
        finally:
            os.close(fd)

    def stat(self, pid: int) -> Stat | None:
        return parse_stat(self.read(pid, "stat", 2048))

    def io(self, pid: int) -> Io | None:
        """Counters of system calls and storage; ``None`` without the right to read them."""
        text = self.read(pid, "io", 1024)
        if not text:
            return None
        words = text.split()
        values = dict(zip(words[::2], words[1::2], strict=False))
        return Io(*(int(values.get(key, 0)) for key in (b"rchar:", b"wchar:", b"read_bytes:", b"write_bytes:")))

    def cmdline(self, pid: int) -> str:
        raw = self.read(pid, "cmdline", _CMDLINE_LIMIT) or b""
        return raw.rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")

    def cgroup(self, pid: int) -> str:
        return (self.read(pid, "cgroup", 16384) or b"").decode("utf-8", "replace")

    def netns(self, pid: int) -> int | None:
        """Inode of the process's network namespace."""
        try:
            link = os.readlink(f"{self.root}/{pid}/ns/net")
            return int(link[5:-1]) if link.startswith("net:[") else None
        except (OSError, ValueError):
            return None

    def net_dev(self, pid: int) -> NetDev | None:
        return parse_net_dev(self.read(pid, "net/dev"))

    def fd_links(self, pid: int, limit: int) -> list[str]:
        """Where the first ``limit`` file descriptors point."""
        links = []
        try:
            with os.scandir(f"{self.root}/{pid}/fd") as entries:
                for entry, _ in zip(entries, range(limit), strict=False):
                    try:
                        links.append(os.readlink(entry.path))
                    except OSError:
                        continue
        except OSError:
            pass
        return links

    def inside(self, pid: int, path: str) -> str:
        """``path`` as the process sees it, whatever its mount namespace."""
        return os.path.join(self.root, str(pid), "root", path.lstrip("/"))


def parse_stat(raw: bytes | None) -> Stat | None:
    """Fields of a ``stat`` line; the name in parentheses may hold anything, parentheses too."""
    if not raw or (close := raw.rfind(b")")) < 0:
        return None
    comm = raw[raw.index(b"(") + 1 : close].decode("utf-8", "replace")
    f = raw[close + 2 :].split()
    if len(f) < 22:
        return None
    return Stat(comm, int(f[1]), bool(int(f[6]) & _PF_KTHREAD), int(f[7]), int(f[9]), int(f[11]) * TICK_NS, int(f[12]) * TICK_NS, int(f[17]),
                int(f[19]), int(f[20]), int(f[21]) * PAGE)  # fmt: skip


def parse_net_dev(raw: bytes | None) -> NetDev | None:
    """Sums of a ``net/dev``, loopback left out."""
    if not raw:
        return None
    sums = [0] * 8
    for line in raw.splitlines()[2:]:
        name, colon, rest = line.partition(b":")
        values = rest.split()
        if not colon or name.strip() == b"lo" or len(values) < 12:
            continue
        for place, column in enumerate((0, 1, 2, 3, 8, 9, 10, 11)):
            sums[place] += int(values[column])
    return NetDev(*sums)


def boot_time_ns() -> int:
    """Wall clock at boot, so that a start in ticks since boot becomes a time."""
    return time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
