"""A network namespace and an address for each pod, on a bridge of the demo's own; or loopback ports, without root."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from kafkascope.demo.errors import DemoError

#: Tried in this order; the first that overlaps no route of the host is taken.
SUBNETS = ("10.77.0.0/24", "10.177.77.0/24", "172.30.77.0/24", "192.168.177.0/24", "100.64.77.0/24")
BRIDGE = "kfs-demo0"
NETNS_PREFIX = "kafkascope-"
_NETNS = Path("/run/netns")


def _ip(*words: str, check: bool = True) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise DemoError(f"`ip {' '.join(words)}` failed: {done.stderr.strip()}", "network namespaces need root and a kernel that has them; as another user the demo runs on loopback")
    return done.stdout


@dataclass(frozen=True)
class Place:
    """Where a pod runs: its address, its namespace (none on loopback) with the namespace's inode."""

    address: str
    netns: str = ""
    inode: int = 0

    def command(self, words: list[str]) -> list[str]:
        """``words`` to be run in this place."""
        return ["ip", "netns", "exec", self.netns, *words] if self.netns else words


@dataclass
class Namespaces:
    """Namespaces of one demo. Names begin with ``kafkascope-<demo>-``, so that what a killed demo left is found again."""

    demo: str
    subnet: ipaddress.IPv4Network
    _taken: set[str] = field(default_factory=set)
    isolated = True

    @classmethod
    def create(cls, demo: str) -> Namespaces:
        """Make the bridge. Raises ``DemoError``."""
        if shutil.which("ip") is None:
            raise DemoError("`ip` was not found: each pod gets a network namespace of its own", "Debian: apt-get install iproute2")
        remove(demo)
        subnet = free_subnet()
        host = next(subnet.hosts())
        _ip("link", "add", BRIDGE, "type", "bridge")
        _ip("addr", "add", f"{host}/{subnet.prefixlen}", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        return cls(demo, subnet, {str(host)})

    def add(self, pod: str) -> Place:
        """A namespace with an address for ``pod``."""
        address = next((str(a) for a in self.subnet.hosts() if str(a) not in self._taken), None)
        if address is None:
            raise DemoError(f"no address is left in {self.subnet}", "scale down first")
        self._taken.add(address)
        netns = f"{NETNS_PREFIX}{self.demo}-{pod}"
        link = f"kfs{address.rsplit('.', 1)[1]}"
        _ip("netns", "add", netns)
        try:
            _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", netns)
            _ip("link", "set", link, "master", BRIDGE, "up")
            _ip("-n", netns, "addr", "add", f"{address}/{self.subnet.prefixlen}", "dev", "eth0")
            _ip("-n", netns, "link", "set", "eth0", "up")
            _ip("-n", netns, "link", "set", "lo", "up")
        except DemoError:
            self.drop(Place(address, netns))
            raise
        return Place(address, netns, (_NETNS / netns).stat().st_ino)

    def drop(self, place: Place) -> None:
        _ip("link", "delete", f"kfs{place.address.rsplit('.', 1)[1]}", check=False)
        _ip("netns", "delete", place.netns, check=False)
        self._taken.discard(place.address)

    def close(self) -> None:
        remove(self.demo)


@dataclass
class Loopback:
    """All pods on 127.0.0.1, told apart by port and process."""

    demo: str
    isolated = False

    def add(self, pod: str) -> Place:
        return Place("127.0.0.1")

    def drop(self, place: Place) -> None:
        pass

    def close(self) -> None:
        pass


def free_subnet() -> ipaddress.IPv4Network:
    """The first of ``SUBNETS`` that overlaps none of the host's routes."""
    routes = []
    for route in json.loads(_ip("-j", "-4", "route", "show", "table", "all") or "[]"):
        with suppress(ValueError):
            routes.append(ipaddress.ip_network(route.get("dst", ""), strict=False))
    for text in SUBNETS:
        subnet = ipaddress.IPv4Network(text)
        if not any(subnet.overlaps(route) for route in routes if route.version == 4 and route.prefixlen > 0):
            return subnet
    raise DemoError(f"every network the demo could use overlaps a route of this host: {', '.join(SUBNETS)}", "`ip route` shows them; run the demo as another user than root to stay on loopback")


def remove(demo: str) -> None:
    """Remove the namespaces of ``demo``, with the processes in them, and the bridge; whoever left them."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return
    prefix = f"{NETNS_PREFIX}{demo}-"
    names = [path.name for path in _NETNS.glob(f"{prefix}*")] if _NETNS.is_dir() else []
    for netns in names:
        for pid in _ip("netns", "pids", netns, check=False).split():
            with suppress(ProcessLookupError, ValueError):
                os.kill(int(pid), 9)
        _ip("netns", "delete", netns, check=False)
    # A deleted namespace lives on while sockets linger in it, and holds its link: links are removed by themselves.
    for link in json.loads(_ip("-j", "link", "show", "type", "veth", check=False) or "[]"):
        if re.fullmatch(r"kfs\d+", link.get("ifname", "")):
            _ip("link", "delete", link["ifname"], check=False)
    _ip("link", "delete", BRIDGE, check=False)
