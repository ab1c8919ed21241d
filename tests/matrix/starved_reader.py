"""A live eBPF pipeline in a process of its own, which can be stopped: ``python starved_reader.py PORT...``.

Says ``ready``, and at the end of its input the rows, the losses and the counters in one line of JSON.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from watch import Pipeline


class StarvedReader:
    """The process, to be starved by ``stopped`` and ended by ``end``."""

    def __init__(self, ports: Sequence[int]) -> None:
        command = [sys.executable, __file__, *map(str, ports)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"the pipeline did not start; its process ended with {self._process.wait(10)}")

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def end(self) -> dict[str, Any]:
        """``rows``, ``losses`` and ``stats`` of the pipeline."""
        told: dict[str, Any] = json.loads(self._process.communicate("\n", timeout=60)[0])
        return told


def main(ports: list[int]) -> None:
    pipeline = Pipeline("ebpf", ports)
    print("ready", flush=True)
    sys.stdin.readline()
    pipeline.stop()
    print(json.dumps({"rows": pipeline.rows, "losses": pipeline.losses, "stats": pipeline.stats}, default=str))


if __name__ == "__main__":
    main([int(port) for port in sys.argv[1:]])
