"""``px export``: metrics for Prometheus and OTLP, dashboards and rules as files."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from kafkascope.cli.client import Server, server_option
from kafkascope.cli.errors import FAILED, NOTHING_THERE, WRONG_USE, CommandError
from kafkascope.cli.progress import progress

capture_option = click.option("--capture", "captures", multiple=True, metavar="FILE", help="Out of this packet capture instead of a running server; may be repeated.")


@click.group()
def export() -> None:
    """Hand Kafka's metrics to other systems.

    \b
    Examples:
      px export prometheus                      what a scrape of the server gets
      px export otlp --endpoint http://collector:4318/v1/metrics --every 30
      px export spans --endpoint http://collector:4318/v1/traces --every 30
      px export grafana -d dashboards/          dashboards to import
      px export rules > kafkascope-rules.yaml   alerting and recording rules for Prometheus
    """


@export.command()
@server_option
@capture_option
@click.option("--names", default="kafka_exporter,kafka_lag_exporter", show_default=True, help="Whose names to use, of a capture: kafka_exporter, kafka_lag_exporter, burrow.")
@click.option("--openmetrics", is_flag=True, help="OpenMetrics, with exemplars.")
def prometheus(captures: tuple[str, ...], names: str, openmetrics: bool) -> None:
    """Print the metrics in Prometheus' text format.

    \b
    Example: px export prometheus | grep kafka_consumergroup_lag
    """
    from kafkascope.export import text

    content_type = text.OPENMETRICS if openmetrics else text.PROMETHEUS
    if not captures:
        click.echo(Server().text("/metrics", content_type), nl=False)
        return
    click.echo(text.render(_of_captures(captures, names)[0], content_type), nl=False)


@export.command()
@server_option
@capture_option
@click.option("--endpoint", default="http://127.0.0.1:4318/v1/metrics", show_default=True, help="Where metrics are posted, the whole URL.")
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="Sent with each request; may be repeated.")
@click.option("--every", type=click.FloatRange(min=1), metavar="SECONDS", help="Again and again; without it, once.")
def otlp(captures: tuple[str, ...], endpoint: str, headers: tuple[str, ...], every: float | None) -> None:
    """Push the metrics over OTLP/HTTP, with OpenTelemetry's names.

    \b
    Example: px export otlp --endpoint http://collector:4318/v1/metrics --every 30
    """
    from kafkascope.export import otlp as sender
    from kafkascope.export import parse, text
    from kafkascope.export.families import Family

    given = _headers(headers)

    def send() -> str:
        if captures:
            families, start_ns, now_ns = _of_captures(captures, "kafka_exporter,kafka_lag_exporter")
        else:
            families, now_ns = parse.families(Server().text("/metrics", text.OPENMETRICS)), time.time_ns()
            uptime = next((f.samples[0][1] for f in families if isinstance(f, Family) and f.name == "kafkascope_uptime_seconds"), 0.0)
            start_ns = now_ns - int(uptime * 1e9)
        data = sender.metrics(families, now_ns=now_ns, start_ns=start_ns)
        sender.push(data, endpoint=endpoint, headers=given)
        return f"{sender.count(data)} data points sent to {endpoint}"

    _repeat(send, every, once=bool(captures))


@export.command()
@server_option
@capture_option
@click.option("--endpoint", default="http://127.0.0.1:4318/v1/traces", show_default=True, help="Where spans are posted, the whole URL.")
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="Sent with each request; may be repeated.")
@click.option("--since", type=click.FloatRange(min=1), default=60, show_default=True, metavar="SECONDS", help="How far back, of a server; a capture is sent whole.")
@click.option("--every", type=click.FloatRange(min=1), metavar="SECONDS", help="Again and again, what is new; without it, once.")
def spans(captures: tuple[str, ...], endpoint: str, headers: tuple[str, ...], since: float, every: float | None) -> None:
    """Push a span for each batch, over OTLP/HTTP. Those that were sent, and those that were polled with links to them.

    \b
    Example: px export spans --endpoint http://collector:4318/v1/traces --every 30
    """
    from kafkascope.client import Client, ClientError
    from kafkascope.export import spans as sender

    given = _headers(headers)
    server = Server()
    window = "-3650d" if captures else f"-{since + (every or 0):.0f}s"
    sent_ns = 0

    def send() -> str:
        nonlocal sent_ns
        try:
            with Client(capture=captures) if captures else Client(server.token or None, server.url) as client:
                produced, consumed = ([dict(row) for row in client.prepare_script(text.replace("{since}", window)).results(name)] for text, name in ((sender.PRODUCED, "produced"), (sender.CONSUMED, "consumed")))
        except ClientError as error:
            raise CommandError(str(error), "", NOTHING_THERE) from error
        found = [span for span in sender.spans(produced, consumed) if span.end_time > sent_ns]
        sender.push(found, endpoint=endpoint, headers=given)
        sent_ns = max((span.end_time for span in found), default=sent_ns)
        return f"{len(found)} spans sent to {endpoint}"

    _repeat(send, every, once=bool(captures))


@export.command()
@click.option("-d", "--directory", default=".", show_default=True, help="Where to write the files.")
def grafana(directory: str) -> None:
    """Write dashboards for Grafana.

    \b
    Example: px export grafana -d dashboards/
    """
    from kafkascope.export.grafana import dashboards

    folder = Path(directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, dashboard in dashboards().items():
            (folder / name).write_text(json.dumps(dashboard, indent=1) + "\n", encoding="utf-8")
            click.echo(str(folder / name))
    except OSError as error:
        raise CommandError(f"{folder} cannot be written: {error.strerror}", "name another with -d", FAILED) from error


@export.command()
def rules() -> None:
    """Print alerting and recording rules for Prometheus.

    \b
    Example: px export rules > kafkascope-rules.yaml
    """
    from kafkascope import export as package

    click.echo((Path(package.__file__).parent / "rules.yaml").read_text(encoding="utf-8"), nl=False)


def _repeat(send: Callable[[], str], every: float | None, *, once: bool) -> None:
    """Send, and say what was sent, ``every`` so many seconds; without that, a collector that does not take it is an error."""
    from kafkascope.export.otlp import ExportError

    log = logging.getLogger("opentelemetry")
    log.propagate = False
    while True:
        log.handlers = [said := _Said()]
        try:
            with progress("sending"):
                sent = send()
            click.echo(f"px: {sent}", err=True)
        except ExportError as error:
            message = f"{error}: {said.reason}" if said.reason else str(error)
            if every is None:
                raise CommandError(message, "is a collector with an OTLP/HTTP receiver there?", NOTHING_THERE) from error
            click.echo(f"px: {message}", err=True)
        if once or every is None:
            return
        time.sleep(every)


class _Said(logging.Handler):
    """Why OpenTelemetry's exporter did not send: it logs that, once for each of its retries, and raises nothing."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.reason = ""

    def emit(self, record: logging.LogRecord) -> None:
        if not self.reason:
            message = record.getMessage()
            # What the system said stands within the words of two HTTP clients.
            inner = re.search(r"\[Errno -?\d+\] ([^'\")]+)", message)
            self.reason = inner[1] if inner is not None else message


def _headers(headers: tuple[str, ...]) -> dict[str, str]:
    given = {}
    for header in headers:
        name, equals, value = header.partition("=")
        if not equals:
            raise CommandError(f"expected NAME=VALUE, found '{header}'", "", WRONG_USE)
        given[name] = value
    return given


def _of_captures(captures: tuple[str, ...], names: str) -> tuple[list[Any], int, int]:
    """The families at the end of captures; the times of their first and last packet."""
    from kafkascope.cli.capture import load_captures
    from kafkascope.export import kafka
    from kafkascope.export.selection import Selection
    from kafkascope.server.analysis import Analysis

    try:
        selection = Selection(names=tuple(name for name in names.split(",") if name))
    except ValueError as error:
        raise CommandError(f"--names: {error}", "", WRONG_USE) from error
    loaded = load_captures(captures)
    try:
        analysis = Analysis(loaded.store, captured=(loaded.first_ns, loaded.last_ns))
        snapshot = analysis.snapshot(loaded.last_ns)
        families = kafka.families(analysis.monitor, snapshot, selection)
    finally:
        loaded.store.close()
    for note in loaded.notes:
        click.echo(f"px: {note}", err=True)
    return families, loaded.first_ns, loaded.last_ns
