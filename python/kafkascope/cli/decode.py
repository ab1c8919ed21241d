"""``px decode``: every request and response of a packet capture."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path

import click

from kafkascope.cli.errors import FAILED, CommandError, check_files
from kafkascope.cli.progress import progress


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Choice(["json", "text"]), default=None, help="json (default in a pipe): one object a line; text (default on a terminal).")
@click.option("-q", "--quiet", is_flag=True, help="No summary on standard error.")
def decode(files: tuple[str, ...], output: str | None, quiet: bool) -> None:
    """Print every Kafka request with its response from packet captures (pcap, pcapng, also gzip or zstd).

    \b
    Examples:
      px decode capture.pcap.gz
      px decode -o json capture.pcapng | jq 'select(.apiName == "Fetch")'
      tcpdump -U -i any -w - tcp | px decode -
    """
    check_files(files)
    from kafkascope import _core

    chosen = output or ("text" if sys.stdout.isatty() else "json")
    sys.stdout.flush()
    # On a terminal the lines themselves are the progress; a pipe's come as they pass.
    piped = not all(Path(file).is_file() for file in files)
    telling = nullcontext() if piped or sys.stdout.isatty() else progress("decoding")
    try:
        with telling:
            summary = _core.decode_files(list(files), chosen, sys.stdout.fileno())
    except _core.CaptureFileError as error:
        message, hint = (*error.args, "")[:2]
        raise CommandError(message, hint, FAILED) from error
    except OSError as error:
        raise CommandError(f"the output cannot be written: {error.strerror or error}", "", FAILED) from error
    if quiet:
        return
    notes = [f"{summary['requests']:,} requests in {summary['packets']:,} packets"]
    for key, text in (("incomplete", "not complete"), ("unreadable_bytes", "bytes unreadable"), ("cut_packets", "packets cut by the snap length"),
                      ("missing_bytes", "bytes missing"), ("tls_connections", "TLS connections"), ("fragments", "IP fragments not read"),
                      ("late_lines", "lines out of time order")):
        if summary.get(key):
            notes.append(f"{summary[key]:,} {text}")
    click.echo("; ".join(notes), err=True)
    for warning in summary.get("warnings", []):
        click.echo(f"px: {warning}", err=True)
    if summary["requests"] == 0:
        click.echo("hint: no Kafka was found in it; `tshark -r FILE -q -z conv,tcp` shows what is there", err=True)
