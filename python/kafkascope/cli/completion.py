"""``px completion``: commands, options, scripts and their arguments, completed by bash, zsh and fish."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    _resolve_context,
    _resolve_incomplete,
)

#: A key press must not hang on a server that is slow or gone.
TIMEOUT_S = 1.0
#: Names come from strangers, and a shell runs what stands in its line: only names without meaning to any shell are offered.
_HARMLESS = re.compile(r"[A-Za-z0-9_.,/@%+][A-Za-z0-9_.,/@%+-]*")


class _Words:
    """Adds to click's completion what only Kafkascope knows. Goes before a shell's class."""

    cli: click.Command
    ctx_args: Any
    prog_name: str

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        ctx = _resolve_context(self.cli, self.ctx_args, self.prog_name, args)
        # --server on the line tells whom to ask for names.
        with ctx.scope(cleanup=False):
            return self._complete(ctx, args, incomplete)

    def _complete(self, ctx: click.Context, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        command = ctx.command
        if "--" in args and any(p.name == "script_args" for p in command.params):
            return _arguments(_variables(ctx, _script(args)), args[args.index("--") + 1 :], incomplete)
        found, incomplete = _resolve_incomplete(ctx, args, incomplete)
        if isinstance(found, click.Option):
            special = _option(found, incomplete)
            if special is not None:
                return special
        elif isinstance(found, click.Argument):
            if found.name == "script" or (found.name == "name" and command.name == "show"):
                return _scripts(ctx, incomplete)
            if found.name == "script_args":
                return _starting([("--", "arguments of the script follow")], incomplete)
            if found.name == "table":
                from kafkascope.store import catalogue

                return _starting([(name, "") for name in sorted(catalogue.load())], incomplete)
            if found.name == "name" and command.name in ("deploy", "delete", "interact", "scale", "status"):
                return _starting([("px-kafka", "orders, shipping and invoicing over a real broker")], incomplete)
            if isinstance(found.type, click.Path) or found.name in ("files", "file"):
                return [CompletionItem(incomplete, type="file")]
        plain: list[CompletionItem[str]] = found.shell_complete(ctx, incomplete)
        return plain


class _Bash(_Words, BashComplete):
    source_template = BashComplete.source_template.replace("%(complete_var)s=bash_complete $1", "$1 completion --words bash")


class _Zsh(_Words, ZshComplete):
    source_template = ZshComplete.source_template.replace("%(complete_var)s=zsh_complete %(prog_name)s", "%(prog_name)s completion --words zsh")


class _Fish(_Words, FishComplete):
    source_template = FishComplete.source_template.replace("%(complete_var)s=fish_complete ", "").replace("(commandline -t) %(prog_name)s", "(commandline -t) %(prog_name)s completion --words fish")


SHELLS: dict[str, type[ShellComplete]] = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}  # type: ignore[dict-item]


@click.command()
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.option("--words", is_flag=True, hidden=True, help="Answer the shell's question.")
def completion(shell: str, words: bool) -> None:
    """Print what makes SHELL complete px: commands, scripts, their arguments, topics that were seen.

    \b
    Examples:
      eval "$(px completion bash)"                                    in ~/.bashrc
      px completion zsh > "${fpath[1]}/_px"                           once
      px completion fish > ~/.config/fish/completions/px.fish         once
    """
    from kafkascope.cli.program import px

    # The variable is click's own way; the scripts here call the command instead.
    complete = SHELLS[shell](px, {}, "px", "_PX_COMPLETE")
    if not words:
        click.echo(complete.source())
        return
    try:
        click.echo(complete.complete())
    except Exception:
        # Half a line is often wrong use; a shell that asks for words wants no message in the middle of it.
        import os

        if os.environ.get("KAFKASCOPE_DEBUG"):
            raise


def _script(args: list[str]) -> str:
    """The script named before ``--``."""
    before = args[: args.index("--")] if "--" in args else args
    words, skip = [], False
    for word in before:
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = "=" not in word and word not in ("-l", "--list")
        else:
            words.append(word)
    return words[-1] if len(words) > 1 and words[-1] not in ("run", "live", "script", "scripts") else ""


def _library(ctx: click.Context) -> Any:
    from kafkascope.scripts import Library

    return Library.load(ctx.params.get("folders") or ())


def _scripts(ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    named = [(name, script.short) for name, script in sorted(_library(ctx).scripts.items()) if not script.hidden]
    # px/ may be left out, as px run lets it.
    return _starting(named, incomplete) or _starting([(name.removeprefix("px/"), short) for name, short in named], incomplete)


def _variables(ctx: click.Context, script: str) -> list[Mapping[str, Any]]:
    scripts = _library(ctx).scripts
    found = scripts.get(script) or scripts.get(f"px/{script}")
    return list(((found.vis if found is not None else None) or {}).get("variables") or [])


def _arguments(variables: list[Mapping[str, Any]], words: list[str], incomplete: str) -> list[CompletionItem[str]]:
    """Names of arguments that are not given yet, or values of the one before."""
    by_name = {f"--{v['name']}": v for v in variables}
    if incomplete == "=" and words:
        # bash takes --name=value apart at the sign.
        return _values(by_name.get(words[-1]), "")
    if words and words[-1] == "=" and len(words) > 1:
        return _values(by_name.get(words[-2]), incomplete)
    option, equals, value = incomplete.partition("=")
    if equals:
        return [CompletionItem(f"{option}={item.value}", help=item.help) for item in _values(by_name.get(option), value)]
    if words and words[-1] in by_name and not incomplete.startswith("--"):
        return _values(by_name[words[-1]], incomplete)
    given = {word.partition("=")[0] for word in words}
    return _starting([(name, str(v.get("description", ""))) for name, v in by_name.items() if name not in given] + [("--help", "the script's arguments")], incomplete)


def _values(variable: Mapping[str, Any] | None, incomplete: str) -> list[CompletionItem[str]]:
    from kafkascope.tui.screens import entity_kind

    if variable is None:
        return []
    if variable.get("validValues"):
        return _starting([(str(value), "") for value in variable["validValues"]], incomplete)
    if variable.get("name") == "start_time":
        return _starting([(value, "") for value in ("-1m", "-5m", "-15m", "-1h", "-1d")], incomplete)
    kind = entity_kind(variable)
    return [] if kind is None else entities(kind, incomplete)


def entities(kind: str, incomplete: str) -> list[CompletionItem[str]]:
    """Names that a running server has seen; none when there is no server."""
    from urllib.parse import urlencode

    from kafkascope.cli.client import Server
    from kafkascope.cli.errors import CommandError

    try:
        found = Server(timeout_s=TIMEOUT_S).call("/api/entities?" + urlencode({"kind": kind, "q": incomplete, "limit": 100}))
    except CommandError:
        return []
    return _starting([(str(e["name"]), str(e.get("detail", ""))) for e in found if _HARMLESS.fullmatch(str(e["name"]))], incomplete)


def _option(option: click.Option, incomplete: str) -> list[CompletionItem[str]] | None:
    """Values of options whose type does not say what they are."""
    if option.metavar == "FILE":
        return [CompletionItem(incomplete, type="file")]
    if option.metavar == "DIR":
        return [CompletionItem(incomplete, type="dir")]
    if option.name in ("since", "until"):
        return _starting([(value, "") for value in ("1m", "5m", "15m", "1h", "6h", "1d")], incomplete)
    if option.name == "slow":
        return _starting([(value, "") for value in ("10ms", "100ms", "500ms", "1s", "5s")], incomplete)
    kinds = {"topics": "topic", "groups": "group", "clients": "client"}
    if option.name in kinds:
        return entities(kinds[option.name], incomplete)
    if option.name == "apis":
        from kafkascope.pxl.lower.names import KAFKA_APIS

        return _starting([(name, "") for name in KAFKA_APIS.values()], incomplete)
    return None


def _starting(named: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem[str]]:
    return [CompletionItem(name, help="".join(c if c.isprintable() else " " for c in text) or None) for name, text in named if name.startswith(incomplete)]
