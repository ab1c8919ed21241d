"""The agent as a program: ``px agent``, and the one that ``px up`` starts."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kafkascope import absent
from kafkascope.agent import heap
from kafkascope.agent import log as lines
from kafkascope.agent.agent import Agent, Settings, open_pipeline
from kafkascope.agent.buffer import DiskBuffer
from kafkascope.agent.health import Health
from kafkascope.cli.config import configured
from kafkascope.cli.errors import FAILED, WRONG_USE, CommandError
from kafkascope.config import Config
from kafkascope.metadata.host import machine_id
from kafkascope.tokens import Token

if TYPE_CHECKING:
    from kafkascope.metadata.kubernetes.node import NodePods

#: Beside the server's socket: made when the capture runs.
READY = "agent.ready"


@click.command("agent")
@configured("agent.send_to", "agent.ca", "agent.agent_token", "agent.agent_token_file", "agent.source", "agent.health", "agent.asid", "agent.ring_size", "agent.records_per_s", "agent.memory_buffer", "agent.buffer", "agent.buffer_bytes",
            "kubernetes.kubernetes", "kubernetes.kubeconfig", "kubernetes.context", "kubernetes.node")  # fmt: skip
@click.option("--server-socket", metavar="PATH", help="Unix socket of a server on this host, instead of --send-to.")
@click.option("--interface", "interfaces", multiple=True, metavar="NAME", help="Interface for packet capture. May be repeated.")
@click.option("--exclude-pid", "exclude_pids", multiple=True, type=int, metavar="PID", help="A process to leave out. May be repeated.")
@click.option("--pods-folder", metavar="DIR", help="Folder of pod descriptions, for pods that no Kubernetes knows.")
@click.option("--log", type=click.Choice(["text", "json"]), help="Form of log lines; default: text on a terminal.")
def agent(config: Config, server_socket: str | None, interfaces: tuple[str, ...], exclude_pids: tuple[int, ...], pods_folder: str | None, log: str | None) -> int:
    """Capture Kafka on this host and send it to a server; ends with Ctrl-C.

    \b
    Examples:
      sudo px agent --send-to kafkascope.example:8766 --ca ca.pem --agent-token-file token
      sudo px agent --send-to kafkascope.example:8766 --buffer /var/lib/kafkascope-agent
    """
    heap.keep_small()
    absent.settle()
    logger = lines.set_up(log or ("text" if sys.stderr.isatty() else "json"))
    address = server_socket or location(config["agent.send_to"])
    if not address:
        raise CommandError("no server: give --send-to HOST:PORT, or --server-socket PATH", "a server is started with `px server`", WRONG_USE)
    node_pods = _node_pods(config, logger)
    settings = Settings(
        server=address, source=config["agent.source"], asid=config["agent.asid"] or own_asid(config["kubernetes.node"]),
        token=Token(config["agent.agent_token"], config["agent.agent_token_file"]), root_certificate=_certificate(config["agent.ca"]), interfaces=interfaces,
        exclude_pids=exclude_pids, ring_bytes=config["agent.ring_size"], records_per_s=config["agent.records_per_s"], queue_bytes=config["agent.memory_buffer"], buffer=_buffer(config), pods_folder=pods_folder, node=config["kubernetes.node"],
    )  # fmt: skip
    try:
        pipeline = open_pipeline(settings)
    except Exception as error:
        _say(logger, error)
        return FAILED
    running = Agent(settings, pipeline=pipeline, node_pods=node_pods, log=logger)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: running.stop())
    health = _health(config, running)
    ready = Path(server_socket).with_name(READY) if server_socket else None
    logger.info("started", extra={"hook": pipeline.hook if pipeline is not None else "none", "asid": settings.asid, "server": address, "pid": os.getpid()})
    try:
        if ready is not None:
            _mark(ready)
        heap.settle()
        running.run()
    except Exception as error:
        _say(logger, error)
        return FAILED
    finally:
        if ready is not None:
            with contextlib.suppress(OSError):
                ready.unlink()
        if health is not None:
            health.close()
        running.close()
        logger.info("stopped", extra={"rows": running.shipper.rows_sent})
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGTERM; the exit code: 0 stopped, 1 cannot capture, 2 wrong use."""
    try:
        return int(agent.main(args=list(argv) if argv is not None else None, prog_name="px agent", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code


def location(address: str) -> str:
    """Flight's form of ``host:port``: with TLS, unless another scheme is written."""
    return address if not address or "://" in address else f"grpc+tls://{address}"


def own_asid(node: str = "") -> int:
    """A short id that stays the same on this machine and differs between machines."""
    return zlib.crc32((node or machine_id()).encode()) & 0x7FFF_FFFF or 1


def _certificate(path: str) -> bytes | None:
    if not path:
        return None
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise CommandError(f"--ca {path} cannot be read: {error.strerror}", "it is the certificate (PEM) that the server's is signed by", WRONG_USE) from error
    if b"BEGIN CERTIFICATE" not in content:
        raise CommandError(f"--ca {path} is not a PEM certificate", "it begins with -----BEGIN CERTIFICATE-----", WRONG_USE)
    return content


def _buffer(config: Config) -> DiskBuffer | None:
    folder = config["agent.buffer"]
    if not folder:
        return None
    try:
        return DiskBuffer(Path(folder), config["agent.buffer_bytes"])
    except OSError as error:
        raise CommandError(f"--buffer {folder} cannot be used: {error.strerror}", "give a folder that this user may write", FAILED) from error


def _health(config: Config, running: Agent) -> Health | None:
    address = config["agent.health"]
    if not address:
        return None
    host, _, port = address.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise CommandError(f"--health: expected HOST:PORT, found '{address}'", "for example 127.0.0.1:8767", WRONG_USE)
    try:
        return Health(host.strip("[]") or "127.0.0.1", int(port), running)
    except OSError as error:
        raise CommandError(f"--health {address} cannot be listened on: {error.strerror or error}", "choose a free port of this host", FAILED) from error


def _node_pods(config: Config, logger: logging.Logger) -> NodePods | None:
    """The node's pods from the API server; ``None`` outside a cluster, unless told otherwise."""
    from kafkascope.metadata.kubernetes.api import Api, KubernetesError, in_cluster

    mode = config["kubernetes.kubernetes"]
    if mode == "off" or (mode == "auto" and not in_cluster()):
        return None
    from kafkascope.metadata.kubernetes.node import NodePods

    # A kubelet names its node after the host; in a pod, the host's name is the pod's.
    node = config["kubernetes.node"] or ("" if in_cluster() else socket.gethostname().lower())
    if not node:
        raise CommandError("which node is this? Its pods are asked for by name", "give --node NAME (in a pod: from the field spec.nodeName)", WRONG_USE)
    try:
        api = Api.connect(config["kubernetes.kubeconfig"] or None, config["kubernetes.context"] or None)
    except KubernetesError as error:
        raise CommandError(error.message, error.hint, FAILED) from error
    return NodePods(api, node, log=lambda text: logger.warning("%s", text))


def _mark(ready: Path) -> None:
    """Make the file that says the capture runs; the folder may belong to another user, so no link is followed."""
    try:
        with contextlib.suppress(FileNotFoundError):
            ready.unlink()
        os.close(os.open(ready, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644))
    except OSError as error:
        logging.getLogger("kafkascope.agent").warning("%s could not be made: %s", ready, error.strerror)


def _say(logger: logging.Logger, error: Exception) -> None:
    """An error of the core as message and hint; anything else with its trace, because it is a mistake of ours."""
    if type(error).__name__ == "CaptureError":
        message, hint = (*error.args, "", "")[:2]
        logger.error("%s", message, extra={"hint": hint})
    elif isinstance(error, ImportError):
        logger.error("the core is not built: %s", error, extra={"hint": "make build"})
    else:
        logger.exception("internal error")
