"""``px live``: scripts on a live screen in the terminal."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from kafkascope.cli import output as out
from kafkascope.cli.client import server_option
from kafkascope.cli.errors import WRONG_USE, CommandError
from kafkascope.cli.library import load, scripts_option
from kafkascope.cli.progress import progress
from kafkascope.cli.run import decode_table, make_request, parse_arguments

#: Who is behind, since when and why; where a server has no such script, the flow.
FIRST = ("px/kafka_groups", "px/kafka_overview")


@click.command()
@click.argument("script", required=False)
@click.argument("script_args", nargs=-1, type=click.UNPROCESSED)
@click.option("-f", "--file", "file", metavar="FILE", help="Show this PxL file; a vis.json beside it is found by itself.")
@click.option("--vis", "vis_file", metavar="FILE", help="Vis spec for -f.")
@server_option
@scripts_option
@click.option("--capture", "captures", multiple=True, metavar="FILE", help="Look into this packet capture, with no server and no privileges; may be repeated.")
@click.option("-i", "--interval", type=click.FloatRange(0.5, 3600), default=5.0, show_default=True, metavar="SECONDS", help="How often to ask anew.")
@click.option("-o", "--output", type=click.Choice(out.FORMATS), help="Print the tables once instead, as px run does.")
@click.option("--mouse/--no-mouse", default=True, show_default=True, help="Take clicks and the wheel; text is then selected with shift held. M switches.")
def live(script: str | None, script_args: tuple[str, ...], file: str | None, vis_file: str | None, folders: tuple[str, ...], captures: tuple[str, ...], interval: float,
         output: str | None, mouse: bool) -> None:
    """Show SCRIPT live: tables, charts over time, graphs. Arguments of the script follow after --; ? shows the keys.

    Without SCRIPT it begins with the consumer groups: who is behind, since when and why.

    \b
    Examples:
      px live
      px live px/kafka_data -- --max_num_records 1000
      px live --capture broker.pcap.zst
    """
    from kafkascope.tui.source import CaptureSource, ServerSource, Source

    if file is not None and script is not None:
        script_args, script = (script, *script_args), None
    args = parse_arguments(script_args)
    library = load(folders)
    request: dict[str, Any] = {}
    if output is None and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise CommandError("px live needs a terminal", "`px run`, or px live -o json, prints once; `px tail -f` follows", WRONG_USE)
    if output is None and os.environ.get("TERM", "") in ("", "dumb"):
        raise CommandError("this terminal cannot place text (TERM is empty or dumb)", "`px run` prints the same tables", WRONG_USE)
    if captures and script is not None:
        # Nobody waits for a long file to hear of a misspelt name.
        _name(script, list(library.scripts))
    with progress("reading the capture"):
        source: Source = CaptureSource(captures, library) if captures else ServerSource(library=library if folders else None)
    try:
        # A server that is not there, or a script, is told of before the screen changes.
        scripts = source.scripts()
        if file is not None:
            request, vis = make_request(library, None, file, vis_file, False)
            name = file.rsplit("/", 1)[-1]
            scripts.append({"name": name, "short": "", "hidden": True, "variables": _variables(vis)})
        else:
            name = _name(script, [str(s["name"]) for s in scripts])
        if output is not None:
            defaults = {v["name"]: str(v["defaultValue"]) for s in scripts if s["name"] == name for v in s["variables"] if "defaultValue" in v}
            result = source.run({**(request or {"script": name}), "args": defaults | args})
            out.write([decode_table(table) for table in result["tables"]], output)
            return
        from kafkascope.tui.app import App, Target
        from kafkascope.tui.loop import show

        def make(submit: Any) -> App:
            app = App(source, scripts, submit, interval_s=interval)
            app.open(Target(name, args, request))
            return app

        show(make, mouse=mouse)
    finally:
        source.close()


def _name(wanted: str | None, names: list[str]) -> str:
    if wanted is None:
        return next((name for name in FIRST if name in names), names[0])
    for name in (wanted, f"px/{wanted}"):
        if name in names:
            return name
    import difflib

    close = difflib.get_close_matches(wanted, names, 1)
    raise CommandError(f"no script '{wanted}'", f"did you mean {close[0]}?" if close else "`px script list` lists the scripts", WRONG_USE)


def _variables(vis: Any) -> list[dict[str, Any]]:
    return [{"description": "", **v, "required": "defaultValue" not in v} for v in (vis or {}).get("variables") or []]
