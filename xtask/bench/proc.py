"""What processes and eBPF programs cost, from /proc."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_ACCOUNTING = Path("/proc/sys/kernel/bpf_stats_enabled")


@dataclass(frozen=True)
class Run:
    """What an eBPF program has run so far."""

    ns: int = 0
    count: int = 0


def cpu_s(pid: int) -> float:
    """CPU seconds of a process, all its threads, to a tick (10 ms)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def switches(pid: int) -> int:
    """How often the threads of a process that run now gave up a processor or lost it."""
    lines = [line for task in Path(f"/proc/{pid}/task").iterdir() for line in (task / "status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)


def own_cpu_s() -> float:
    """CPU seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def memory_mib(pid: int) -> dict[str, int]:
    """Memory of a process by kind, as smaps_rollup names them: Rss, Pss, Anonymous and more."""
    lines = [line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]]
    return {kind.rstrip(":"): int(kib) >> 10 for kind, kib, *_ in lines}


def children(pid: int) -> list[int]:
    """Process ids of the children that run."""
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]


def bind(pid: int, cpus: set[int]) -> None:
    """All threads of a process, and those that they start from now on, run on these processors."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(task.name), cpus)


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def bpf_programs(pid: int) -> dict[str, Run]:
    """By id, the eBPF programs that a process holds. All zero unless the kernel keeps accounts."""
    found = {}
    for descriptor in Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(OSError):
            lines = dict(line.split(":\t", 1) for line in descriptor.read_text().splitlines() if ":\t" in line)
            if "run_time_ns" in lines:
                found[lines["prog_id"]] = Run(int(lines["run_time_ns"]), int(lines["run_cnt"]))
    return found


@contextlib.contextmanager
def bpf_accounting() -> Iterator[None]:
    """The kernel counts runs and run time of all eBPF programs."""
    before = _ACCOUNTING.read_text()
    _ACCOUNTING.write_text("1")
    try:
        yield
    finally:
        _ACCOUNTING.write_text(before)
