"""What an agent and a server cost where nothing speaks Kafka: CPU, wake-ups, memory.

Needs root: live capture. BENCH_SECONDS (30) is how long they are looked at. What else runs on the host is seen by eBPF; for a host of which nothing else is seen,
`unshare -n` with the loopback interface up and KAFKASCOPE_SOURCE=packet.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import proc
from overhead import kafkascope

SECONDS = int(os.environ.get("BENCH_SECONDS", 30))


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("needs root: live capture")
    with kafkascope() as watcher:
        before = {part: (proc.cpu_s(pid), proc.switches(pid)) for part, pid in watcher.items()}
        time.sleep(SECONDS)
        for part, pid in watcher.items():
            cpu, switches = before[part]
            memory = proc.memory_mib(pid)
            print(
                f"{part}: {100 * (proc.cpu_s(pid) - cpu) / SECONDS:.2f} % of a core, {(proc.switches(pid) - switches) / SECONDS:.0f} wake-ups/s,"
                f" {memory['Rss']} MiB resident, {memory['Anonymous']} MiB of its own"
            )


if __name__ == "__main__":
    main()
