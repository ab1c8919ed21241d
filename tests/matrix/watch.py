"""The same traffic seen three ways at once: sockets (eBPF), packets of an interface, and a capture file by tcpdump."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from kafkascope import _core as core

EVENTS, LOSS = "kafka_events.beta", "kafka_loss"
#: tcpdump hands packets over with this delay at most.
_SETTLE_S = 1.6


class Pipeline:
    """A live pipeline that is polled in a thread; ``rows`` of ``kafka_events.beta`` whose broker listens on one of ``ports``."""

    def __init__(self, source: str, ports: Sequence[int]) -> None:
        interfaces = ["lo"] if source == "packet" else None
        self._pipeline = core.LivePipeline(source, exclude_pids=[os.getpid()], interfaces=interfaces)
        self._ports = set(ports)
        self._ended = threading.Event()
        self.rows: list[dict[str, Any]] = []
        #: Of ``kafka_loss``, whichever connection they are of.
        self.losses: list[dict[str, Any]] = []
        self.stats: dict[str, int] = {}
        self._thread = threading.Thread(target=self._poll, name=source)
        self._thread.start()

    def _take(self, batches: dict[str, Any]) -> None:
        if EVENTS in batches:
            table = pa.table(pa.record_batch(batches[EVENTS]))
            self.rows += [row for row in table.to_pylist() if row["local_port"] in self._ports or row["remote_port"] in self._ports]

        if LOSS in batches:
            self.losses += pa.table(pa.record_batch(batches[LOSS])).to_pylist()

    def _poll(self) -> None:
        while not self._ended.is_set():
            self._take(self._pipeline.poll(100))
        self.stats = self._pipeline.stats()
        self._pipeline.close()
        self._take(self._pipeline.poll(0))

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()


class Watch:
    """Everything that passes ``ports`` of loopback between ``start`` and ``stop``."""

    def __init__(self, ports: Sequence[int], pcap: Path, sources: Sequence[str] = ("ebpf", "packet")) -> None:
        self.ports = ports
        self.pcap = pcap
        self._sources = sources
        self.pipelines: dict[str, Pipeline] = {}

    def start(self) -> None:
        expression = " or ".join(f"tcp port {port}" for port in self.ports)
        log = self.pcap.with_suffix(".tcpdump")
        with log.open("wb") as err:
            # The largest case, in one piece: whoever writes the file may not get its turn for a while.
            command = ["tcpdump", "-i", "lo", "-s", "0", "-B", "262144", "--immediate-mode", "-U", "-n", "-Z", "root", "-w", str(self.pcap), expression]
            self._tcpdump = subprocess.Popen(command, stderr=err)
        until = time.monotonic() + 10
        while b"listening on" not in log.read_bytes():
            if self._tcpdump.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"tcpdump did not start: {log.read_text()}")
            time.sleep(0.05)
        self._log = log
        for source in self._sources:
            self.pipelines[source] = Pipeline(source, self.ports)

    def stop(self) -> None:
        time.sleep(_SETTLE_S)
        for pipeline in self.pipelines.values():
            pipeline.stop()
        if self._tcpdump.poll() is None:
            self._tcpdump.send_signal(signal.SIGINT)
        self._tcpdump.wait(10)
        text = self._log.read_text()
        if "\n0 packets dropped by kernel" not in text:
            raise RuntimeError(f"tcpdump lost packets: {text}")
