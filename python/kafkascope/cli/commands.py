"""The commands of ``px``: where each lives, and the line that ``px --help`` has for it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from kafkascope.cli import streams


@dataclass(frozen=True)
class Entry:
    """A command without its module: importing all of them to print one line of each costs half a second."""

    name: str
    attribute: str
    short: str
    module: str = ""

    def load(self) -> click.Command:
        command: click.Command = getattr(import_module(self.module or f"kafkascope.cli.{self.name}"), self.attribute)
        return command


SECTIONS: dict[str, tuple[Entry, ...]] = {
    "Look": (
        Entry("run", "run", "Run a script once and print its tables."),
        Entry("live", "live", "Show a script live in the terminal."),
        Entry("tail", "tail", "Print requests as they pass."),
        Entry("decode", "decode", "Print every request of a packet capture."),
        Entry("script", "script", "List, show and run scripts."),
        Entry("get", "get", "Show agents, the cluster, topics, groups, pods."),
        Entry("alerts", "alerts", "Show alerts, and try rules out."),
    ),
    "Capture and serve": (
        Entry("up", "up", "Capture on this machine and serve the page."),
        Entry("agent", "agent", "Capture on this host and send it to a server.", "kafkascope.agent.main"),
        Entry("server", "server", "Store what agents send and serve the page."),
        Entry("deploy", "deploy", "Put Kafkascope on a Kubernetes cluster."),
        Entry("delete", "delete", "Remove Kafkascope from a cluster.", "kafkascope.cli.deploy"),
        Entry("doctor", "doctor", "Say what this host allows, and what to do."),
    ),
    "Keep and hand on": (
        Entry("store", "store", "Look at what is kept on disk, compact it, export it."),
        Entry("export", "export", "Hand Kafka's metrics to other systems."),
    ),
    "Other": (
        Entry("demo", "demo", "Deploy a small application with a real Kafka broker.", "kafkascope.demo.cli"),
        Entry("config", "config_group", "Show what is configured, and where it came from."),
        Entry("completion", "completion", "Complete commands in bash, zsh and fish."),
        Entry("version", "version", "Print the version of px and of its core."),
    ),
}
ENTRIES = {entry.name: entry for entries in SECTIONS.values() for entry in entries}
#: Names that Pixie's px has for the same.
ALIASES = {"scripts": "script"}


class Commands(click.Group):
    """``px``: imports a command's module when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(ENTRIES)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        entry = ENTRIES.get(ALIASES.get(name, name))
        return entry.load() if entry is not None else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, ENTRIES))
        for title, entries in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{entry.name:<{width}}", entry.short) for entry in entries])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        named = [CompletionItem(entry.name, help=entry.short) for entry in ENTRIES.values() if entry.name.startswith(incomplete)]
        return [*named, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            # click looks for names alike among commands that are loaded.
            close = difflib.get_close_matches(args[0], ENTRIES, 1)
            raise click.UsageError(f"no such command '{args[0]}'" + (f". Did you mean '{close[0]}'?" if close else ""), ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        with streams.written():
            return super().invoke(ctx)


class Subcommands(click.Group):
    """``px get`` and the like, with other names for the same."""

    def __init__(self, *args: Any, aliases: dict[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.aliases = aliases or {}

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return super().get_command(ctx, self.aliases.get(name, name))

