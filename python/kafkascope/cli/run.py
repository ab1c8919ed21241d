"""``px run``: one run of a script, on a running server or on packet captures."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from kafkascope.cli import output as out
from kafkascope.cli.client import Server, server_option
from kafkascope.cli.errors import WRONG_USE, CommandError, check_files
from kafkascope.cli.library import load, print_list, scripts_option
from kafkascope.cli.plain import plain
from kafkascope.cli.progress import progress
from kafkascope.cli.streams import read_input


@click.command()
@click.argument("script", required=False)
@click.argument("script_args", nargs=-1, type=click.UNPROCESSED)
@click.option("-o", "--output", type=click.Choice(out.FORMATS), default="table", show_default=True, help="How to print the result tables.")
@click.option("-f", "--file", "file", metavar="FILE", help="Run this PxL file instead of a script of the library; - is standard input.")
@click.option("--vis", "vis_file", metavar="FILE", help="Vis spec for -f; a vis.json beside FILE is found by itself.")
@server_option
@scripts_option
@click.option("--capture", "captures", multiple=True, metavar="FILE", help="Answer from this packet capture, with no server and no privileges; may be repeated.")
@click.option("-l", "--list", "list_only", is_flag=True, help="List the scripts.")
def run(script: str | None, script_args: tuple[str, ...], output: str, file: str | None, vis_file: str | None, folders: tuple[str, ...],
        captures: tuple[str, ...], list_only: bool) -> None:
    """Run SCRIPT once and print its tables. Arguments of the script follow after --.

    \b
    Examples:
      px run px/kafka_overview -- --namespace px-kafka
      px run px/kafka_data -o json -- --max_num_records 100
      px run px/kafka_overview --capture broker.pcap.zst
      px run px/kafka_data -- --help           the script's arguments
      px run -f mine.pxl -o arrow > mine.arrows
      px run -l                                the scripts there are
    """
    library = load(folders)
    if list_only:
        print_list(library, output)
        return
    if file is not None and script is not None:
        # `px run -f FILE -- --arg value`: what stands before -- is then an argument already.
        script_args = (script, *script_args)
        script = None
    if script is None and file is None:
        raise CommandError("nothing to run: expected the name of a script, or -f FILE", "`px script list` lists the scripts", WRONG_USE)
    request, vis = make_request(library, script, file, vis_file, bool(folders))
    if any(arg in ("--help", "-h") for arg in script_args):
        _print_variables(script or file or "", vis)
        return
    request["args"] = parse_arguments(script_args)
    if captures:
        from kafkascope.cli.capture import run_on_captures

        with progress("reading the capture and running the script"):
            tables, notes = run_on_captures(captures, library, request, vis)
        out.write(tables, output)
        for note in notes:
            click.echo(f"px: {note}", err=True)
        return
    server = Server()
    with progress("running the script"):
        result = server.call("/api/run", request)
    out.write([decode_table(table) for table in result["tables"]], output)
    for message in result["messages"]:
        click.echo(f"px: {plain(str(message['text']))}", err=True)
    if sys.stderr.isatty() and script is not None:
        from urllib.parse import quote, urlencode

        query = urlencode(request["args"])
        click.echo(f"\nLive: {server.url}/script/{quote(result['script'])}{'?' if query else ''}{query}", err=True)


_ARGUMENT = re.compile(r"--?([A-Za-z_][^=]*)(=?)(.*)", re.DOTALL)


def parse_arguments(words: tuple[str, ...]) -> dict[str, str]:
    """``--name value`` and ``--name=value`` as a mapping; one dash does too, as in Pixie's px."""
    args: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        found = _ARGUMENT.fullmatch(word)
        if found is None:
            raise CommandError(f"expected an argument of the script as --name value, found '{word}'", "options of px itself go before --", WRONG_USE)
        name, equals, value = found.groups()
        if not equals:
            if not rest:
                raise CommandError(f"no value after --{name}", f"write --{name} VALUE or --{name}=", WRONG_USE)
            value = rest.pop(0)
        args[name] = value
    return args


def make_request(library: Any, script: str | None, file: str | None, vis_file: str | None, own_folders: bool) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What to run, and its vis spec."""
    if file is not None:
        from kafkascope.pxl import vis as visspec

        text = _read(file)
        beside = Path(file).parent / "vis.json" if file != "-" else None
        source = vis_file or (str(beside) if beside is not None and beside.is_file() else None)
        request: dict[str, Any] = {"pxl": text}
        if source is None:
            return request, None
        try:
            request["vis"] = visspec.load(_read(source))
        except visspec.VisError as error:
            raise CommandError(f"{source}: {error.message}", error.hint) from error
        return request, request["vis"]
    from kafkascope.scripts import ScriptError

    assert script is not None
    try:
        found = library.get(script)
    except ScriptError as error:
        raise CommandError(error.message, error.hint, WRONG_USE) from error
    if own_folders:
        return {"script": found.name, "pxl": found.pxl, **({"vis": found.vis} if found.vis else {})}, found.vis
    return {"script": found.name}, found.vis


def _read(path: str) -> str:
    if path != "-":
        check_files([path])
    try:
        return read_input() if path == "-" else Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}", "name a file with PxL", WRONG_USE) from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is no text in UTF-8: {error.reason} at byte {error.start}", "name a file with PxL", WRONG_USE) from error


def _print_variables(name: str, vis: Mapping[str, Any] | None) -> None:
    variables = (vis or {}).get("variables") or []
    click.echo(f"Arguments of {name}:" if variables else f"{name} takes no arguments.")
    for variable in variables:
        default = f"default '{variable['defaultValue']}'" if "defaultValue" in variable else "required"
        click.echo(f"  --{variable['name']:<20} {variable.get('type', '').removeprefix('PX_').lower():<10} {default}. {variable.get('description', '')}".rstrip())
        if variable.get("validValues"):
            click.echo(f"    {'':<20} one of: {', '.join(variable['validValues'])}")


def decode_table(table: Mapping[str, Any]) -> out.Output:
    columns = [out.Column(c["name"], c["type"], c["semanticType"]) for c in table["columns"]]
    decode = [_DECODE.get(c.type) for c in columns]
    rows = [[item if convert is None or item is None else convert(item) for item, convert in zip(row, decode, strict=True)] for row in table["rows"]]
    return out.Output(table["name"], columns, rows, table["truncated"])


#: Undoes what ``server/jsonrows.py`` does for browsers.
_DECODE: dict[str, Any] = {"INT64": int, "TIME64NS": int, "FLOAT64": float}
