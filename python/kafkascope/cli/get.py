"""``px get``: agents, and names of all kinds, of a running server."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import click

from kafkascope.cli import output as out
from kafkascope.cli.client import Server, server_option
from kafkascope.cli.commands import Subcommands

output_option = click.option("-o", "--output", type=click.Choice(out.FORMATS), default="table", show_default=True)


def _print(name: str, columns: list[tuple[str, str, str]], rows: list[list[Any]], how: str) -> None:
    out.write([out.Output(name, [out.Column(*c) for c in columns], rows)], how)


@click.group(cls=Subcommands, aliases={"agents": "pems", "pem": "pems", "viziers": "cluster", "clusters": "cluster"})
def get() -> None:
    """Show agents, the cluster, topics, groups, clients, pods."""


@get.command()
@output_option
@server_option
def pems(output: str) -> None:
    """The agents: host, state, how they capture, what they lost. Also `px get agents`.

    \b
    Example: px get agents -o json
    """
    status = Server().call("/api/status")
    columns = [("agent_id", "STRING", "NONE"), ("asid", "INT64", "ASID"), ("hostname", "STRING", "NONE"), ("state", "STRING", "NONE"), ("hook", "STRING", "NONE"),
               ("events", "INT64", "NONE"), ("events_lost", "INT64", "NONE"), ("last_seen_s", "FLOAT64", "NONE"), ("detail", "STRING", "NONE")]  # fmt: skip
    rows = [[a["agentId"], a["asid"], a["hostname"], a["state"].removeprefix("AGENT_STATE_"), a["hook"], a["events"], a["eventsLost"], a["lastSeenS"], a["detail"]]
            for a in status["agents"]]  # fmt: skip
    _print("agents", columns, rows, output)
    for problem in status["coverage"]["watchProblems"]:
        click.echo(f"px: {problem}", err=True)


@get.command()
@output_option
@server_option
def cluster(output: str) -> None:
    """The server: version, uptime, requests seen, what is kept. Also `px get viziers`.

    \b
    Example: px get cluster
    """
    status = Server().call("/api/status")
    coverage = status["coverage"]
    columns = [("version", "STRING", "NONE"), ("source", "STRING", "NONE"), ("uptime_s", "FLOAT64", "NONE"), ("agents", "INT64", "NONE"), ("requests_5m", "INT64", "NONE"),
               ("complete", "FLOAT64", "PERCENT"), ("rows", "INT64", "NONE"), ("bytes", "INT64", "BYTES")]  # fmt: skip
    tables = status["tables"]
    rows = [[status["version"], status["source"], status["uptimeS"], len(status["agents"]), coverage["requests"], coverage["ratio"],
             sum(t.get("rows", 0) for t in tables), sum(t.get("bytes", 0) for t in tables)]]  # fmt: skip
    _print("cluster", columns, rows, output)


#: What the server lists names of, by the command's name.
_NAMED = {
    "topics": ("topic", "The topics of the last day."),
    "groups": ("group", "The consumer groups of the last day."),
    "clients": ("client", "The client ids of the last day."),
    "pods": ("pod", "The pods that are known."),
    "services": ("service", "The services that are known."),
    "namespaces": ("namespace", "The namespaces that are known."),
    "nodes": ("node", "The nodes that are known."),
}
#: The API gives no more at once.
_MOST = 1_000


def _names(command: str, kind: str, about: str) -> None:
    @get.command(command, help=f"{about}\n\n\b\nExample: px get {command} -o csv")
    @click.option("--like", metavar="TEXT", default="", help="Only names that contain TEXT.")
    @output_option
    @server_option
    def names(like: str, output: str) -> None:
        found = Server().call("/api/entities?" + urlencode({"kind": kind, "q": like, "limit": _MOST}))
        _print(command, [("name", "STRING", "NONE"), ("detail", "STRING", "NONE")], [[e["name"], e["detail"]] for e in found], output)
        if len(found) == _MOST:
            click.echo(f"px: there may be more {command} than these {_MOST:,}; --like names a part of those that are meant", err=True)


for _command, _named in _NAMED.items():
    _names(_command, *_named)
