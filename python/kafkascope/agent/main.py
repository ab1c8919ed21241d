"""The agent as a program."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

from kafkascope.agent import log as lines
from kafkascope.agent.agent import SOURCES, Agent, Settings, open_pipeline
from kafkascope.metadata.host import machine_id

#: Beside the server's socket: made when the capture runs.
READY = "agent.ready"


def main(argv: Sequence[str] | None = None) -> int:
    """Capture and ship until SIGTERM; the exit code: 0 stopped, 1 cannot capture, 2 wrong use."""
    args = _parser().parse_args(argv)
    logger = lines.set_up(args.log)
    address = args.server_socket or args.server
    if not address:
        logger.error("no server: give --server-socket PATH or --server ADDRESS")
        return 2
    settings = Settings(
        server=address, source=args.source, asid=args.asid if args.asid is not None else own_asid(), token=os.environ.get("KAFKASCOPE_TOKEN"),
        root_certificate=Path(args.certificate).read_bytes() if args.certificate else None, interfaces=tuple(args.interface), exclude_pids=tuple(args.exclude_pid),
        pods_folder=args.pods_folder,
    )  # fmt: skip
    try:
        pipeline = open_pipeline(settings)
    except Exception as error:
        _say(logger, error)
        return 1
    agent = Agent(settings, pipeline=pipeline, log=logger)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.stop())
    ready = Path(args.server_socket).with_name(READY) if args.server_socket else None
    logger.info("started", extra={"hook": pipeline.hook if pipeline is not None else "none", "asid": settings.asid, "server": address, "pid": os.getpid()})
    try:
        if ready is not None:
            _mark(ready)
        agent.run()
    except Exception as error:
        _say(logger, error)
        return 1
    finally:
        if ready is not None:
            with contextlib.suppress(OSError):
                ready.unlink()
        agent.close()
        logger.info("stopped", extra={"rows": agent.shipper.rows_sent})
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="px agent", description="Capture Kafka on this host, sample its processes, ship both to a server.")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--server-socket", metavar="PATH", help="Unix socket of a server on this host")
    where.add_argument("--server", metavar="ADDRESS", help="grpc+tls://host:port of a server; its token in KAFKASCOPE_TOKEN")
    parser.add_argument("--certificate", metavar="FILE", help="certificate that the server's is signed by")
    parser.add_argument("--source", choices=SOURCES, default="auto", help="how to capture; none only samples the host")
    parser.add_argument("--interface", action="append", default=[], metavar="NAME", help="interface for packet capture; may come several times")
    parser.add_argument("--asid", type=int, metavar="N", help="short id of this agent, unique among the agents of a server")
    parser.add_argument("--exclude-pid", action="append", type=int, default=[], metavar="PID", help="a process to leave out; may come several times")
    parser.add_argument("--pods-folder", metavar="PATH", help="folder of pod descriptions (KAFKASCOPE_PODS_D)")
    parser.add_argument("--log", choices=("text", "json"), default="text" if sys.stderr.isatty() else "json")
    return parser


def own_asid() -> int:
    """A short id that stays the same on this machine and differs between machines."""
    return zlib.crc32(machine_id().encode()) & 0x7FFF_FFFF or 1


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
