"""This host: name, address, node."""

from __future__ import annotations

import json
import os
import platform
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Host:
    """What is known about the machine."""

    hostname: str
    address: str
    cpus: int
    kernel: str

    def node_row(self, now_ns: int, node_name: str) -> dict[str, Any]:
        return {"time_": now_ns, "node_name": node_name, "node_ip": self.address, "num_cpus": self.cpus, "kernel": self.kernel, "labels": json.dumps({})}


def this_host() -> Host:
    """The machine this runs on."""
    return Host(socket.gethostname(), _address(), os.cpu_count() or 1, platform.release())


def machine_id() -> str:
    """What stays the same on this machine and differs between machines."""
    try:
        return Path("/etc/machine-id").read_text(encoding="ascii").strip() or platform.node()
    except (OSError, UnicodeDecodeError):
        return platform.node()


def _address() -> str:
    """The address that packets to other hosts would carry; nothing is sent."""
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 9))
                return str(probe.getsockname()[0])
        except OSError:
            continue
    return "127.0.0.1"
