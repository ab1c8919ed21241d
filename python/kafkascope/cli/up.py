"""``px up``: one command for one machine."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import click

from kafkascope.cli.config import configured
from kafkascope.cli.errors import FAILED, WRONG_USE, CommandError, check_files
from kafkascope.cli.machine import PACKAGE, Machine, Settings
from kafkascope.config import Config, Level
from kafkascope.server.security import is_loopback, new_token

#: What `make demo` shows to a user who may not capture.
RECORDED = PACKAGE.parents[1] / "captures" / "demo" / "px-kafka.pcap.gz"


@click.command()
@configured("server.host", "server.port", "agent.source", "agent.ring_size", "agent.records_per_s", "store.data", "store.no_data", "store.memory_limit", "store.retention_bytes", "store.retention_age",
            "store.table_retention_bytes", "store.table_retention_age", "store.min_free_bytes", "server.scripts", "server.allow_host", "server.token",
            "server.query_timeout", "server.max_rows", "kubernetes.kubernetes", "kubernetes.kubeconfig", "kubernetes.context", "kubernetes.node")  # fmt: skip
@click.option("--capture", "captures", multiple=True, metavar="FILE", help="Serve this packet capture instead of capturing; needs no privileges, stores nothing. May be repeated.")
@click.option("--demo", metavar="NAME", help="Say where the walk through this demo begins.")
def up(config: Config, captures: tuple[str, ...], demo: str | None) -> None:
    """Capture on this machine and serve the page; ends with Ctrl-C.

    \b
    Examples:
      sudo px up                       the page on http://127.0.0.1:8765/
      px up --source packet --port 0   without eBPF, on a free port
      sudo px up --kubernetes on       on a cluster's node: names of its pods, with kubectl's kubeconfig
      px up --capture broker.pcap.zst  look into a packet capture on the page
      px up --retention-age 12h --table-retention-bytes kafka_events.beta=2GB
    """
    _check(config, captures)
    host, port, source = config["server.host"], config["server.port"], config["agent.source"]
    token = config["server.token"] or (None if is_loopback(host) else new_token())
    if captures:
        source = "none"
    if source != "none":
        try:
            _may_capture(source)
        except CommandError as error:
            if demo is None or not RECORDED.exists():
                raise
            click.echo(f"px: {error.message}. A recording of the demo is shown instead: names of pods and live rows are missing.", err=True)
            source, captures = "none", (str(RECORDED),)
    data = None if captures or in_memory(config) else (config["store.data"] or default_data())
    settings = Settings(config, source, data, token, demo, tuple(str(Path(file).resolve()) for file in captures))
    with listening(host, port) as listener, Machine(settings, listener) as machine:
        machine.run()


def _check(config: Config, captures: tuple[str, ...]) -> None:
    """Refuse what cannot hold together, and tables that are none."""
    from kafkascope.store import catalogue
    from kafkascope.store.errors import StoreError

    def flag(key: str) -> bool:
        return config.origin(key).level is Level.FLAG

    if flag("store.data") and flag("store.no_data"):
        raise CommandError("--data and --no-data exclude each other", "leave one out", WRONG_USE)
    if captures and flag("store.data"):
        raise CommandError("--data and --capture exclude each other: what a capture holds is read again at each start and stored nowhere",
                           "leave out --data; to keep a table of a capture: px store export TABLE FILE --capture CAPTURE", WRONG_USE)  # fmt: skip
    if captures and flag("agent.source") and config["agent.source"] != "none":
        raise CommandError("--source and --capture exclude each other", "leave one out", WRONG_USE)
    check_files(captures)
    for key in ("store.table_retention_bytes", "store.table_retention_age"):
        for table in config[key]:
            try:
                catalogue.relation(table)
            except StoreError as error:
                raise CommandError(f"{config.origin(key).where}: {error.message}", error.hint, WRONG_USE) from error


def in_memory(config: Config) -> bool:
    """``no_data`` holds unless a folder was named by something that goes before it."""
    return bool(config["store.no_data"]) and not (config["store.data"] and config.origin("store.data").level > config.origin("store.no_data").level)


#: Bits of a process's capabilities (capability.h).
_NET_RAW, _SYS_ADMIN, _PERFMON, _BPF = 1 << 13, 1 << 21, 1 << 38, 1 << 39


def _may_capture(source: str) -> None:
    """Refuse at once what the kernel would refuse in many words."""
    status = Path("/proc/self/status").read_text()
    held = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), 16)
    ebpf = bool(held & _SYS_ADMIN) or held & (_PERFMON | _BPF) == _PERFMON | _BPF
    packets = bool(held & _NET_RAW)
    if not {"auto": ebpf or packets, "ebpf": ebpf, "packet": packets}[source]:
        needed = {"auto": "CAP_BPF and CAP_PERFMON, or CAP_NET_RAW for packets", "ebpf": "CAP_BPF and CAP_PERFMON", "packet": "CAP_NET_RAW"}[source]
        raise CommandError(f"this user may not capture: it needs root, or {needed}", "sudo px up; without privileges: px run SCRIPT --capture FILE, or px up --source none", FAILED)


def default_data() -> str:
    """The store's folder when none is given."""
    if os.geteuid() == 0:
        return "/var/lib/kafkascope"
    return str(Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "kafkascope")


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket: bound here, so that a port in use is found before anything starts."""
    try:
        info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(info[0], info[1])
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(info[4])
        listener.listen(512)
    except OSError as error:
        where = f"{host}:{port}"
        if error.errno == 98:
            raise CommandError(f"{where} is in use", f"`px up` may be running already; choose another with --port, or see who has it with `ss -ltnp 'sport = :{port}'`", FAILED) from error
        if error.errno == 13:
            raise CommandError(f"{where} may not be bound: permission denied", "ports below 1024 need root", FAILED) from error
        raise CommandError(f"{where} cannot be bound: {error.strerror or error}", "give an address of this machine with --host", WRONG_USE) from error
    with listener:
        yield listener
