"""``px tail``: requests as they pass, one a line."""

from __future__ import annotations

import difflib
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import click

from kafkascope.cli.capture import is_piped
from kafkascope.cli.client import server_option
from kafkascope.cli.errors import NOTHING_THERE, WRONG_USE, CommandError
from kafkascope.cli.plain import plain
from kafkascope.cli.progress import progress
from kafkascope.tui import requests
from kafkascope.tui.filter import problem as filter_problem
from kafkascope.tui.request_lines import WIDE, head_line, json_line, short_line, text_line
from kafkascope.tui.requests import Filters, Request
from kafkascope.tui.source import CaptureSource, ServerSource, Source

PAGE = 1_000
#: How far back the first lines reach.
SINCE_NS = 300_000_000_000
#: Answers reach the store in batches, a little out of order between agents.
SLACK_NS = 5_000_000_000
#: A long poll or a rebalance may hold a request open; its row has the time of the request.
OPEN_NS = 300_000_000_000
MAX_SEEN = 100_000
RETRY_MAX_S = 10.0


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until ctrl-c.")
@click.option("-n", "--lines", "lines", type=click.IntRange(0), help="Begin with the last N requests.  [default: 10; all of a capture]")
@click.option("-c", "--count", type=click.IntRange(1), metavar="N", help="End after N requests.")
@click.option("-a", "--api", "apis", multiple=True, metavar="NAME", help="Only this API (Fetch, Produce, JoinGroup …); !NAME leaves it out; may be repeated or listed with commas.")
@click.option("-t", "--topic", "topics", multiple=True, metavar="TOPIC", help="Only requests that name this topic.")
@click.option("-g", "--group", "groups", multiple=True, metavar="GROUP", help="Only requests that name this consumer group.")
@click.option("--client", "clients", multiple=True, metavar="TEXT", help="Only clients whose client id or pod contains TEXT.")
@click.option("--errors", is_flag=True, help="Only requests with an error code, or not complete.")
@click.option("--slow", metavar="DURATION", help="Only requests that took at least this long, such as 100ms. A Fetch waits for data: add --api '!Fetch'.")
@click.option("--filter", "text", metavar="TEXT", default="", help="As after / in px live: word, !word, column=value, latency>100ms, resp_bytes>=1kb.")
@click.option("--since", metavar="TIME", help="How far back the first lines may reach: 5m, 2h, or 2026-07-13T18:02:05Z.  [default: 5m; all of a capture]")
@click.option("--until", metavar="TIME", help="Only requests before this, in the same forms.")
@click.option("--interval", type=click.FloatRange(0.1, 3600), default=1.0, show_default=True, metavar="SECONDS", help="How often -f asks, and a pipe's requests are printed.")
@click.option("-o", "--output", type=click.Choice(["short", "text", "json"]),
              help="short: columns as wide as the terminal (default on one narrower than 160); text: one whole line each; json (default in a pipe): one object a line.")  # fmt: skip
@click.option("-J", "as_json", is_flag=True, help="The same as -o json.")
@server_option
@click.option("--capture", "captures", multiple=True, metavar="FILE", help="Read this packet capture, with no server and no privileges; may be repeated.")
def tail(follow: bool, lines: int | None, count: int | None, apis: tuple[str, ...], topics: tuple[str, ...], groups: tuple[str, ...], clients: tuple[str, ...], errors: bool,
         slow: str | None, text: str, since: str | None, until: str | None, interval: float, output: str | None, as_json: bool, captures: tuple[str, ...]) -> None:  # fmt: skip
    """Print Kafka requests with their responses, newest last, in the order in which they were answered.

    \b
    Examples:
      px tail -f                                   everything, as it passes
      px tail -f -t order -a Produce
      px tail -f --errors -J | jq .errors
      px tail --slow 100ms -a '!Fetch' -n 100
      px tail -f --filter 'client_id=billing latency>1s' -c 1
      px tail --capture broker.pcap.zst -g invoicing
      tcpdump -U -i any -w - tcp | px tail --capture -
    """
    if follow and captures:
        raise CommandError("a capture file has an end: --follow and --capture exclude each other", "leave out -f", WRONG_USE)
    if follow and until:
        raise CommandError("--follow has no end: it and --until exclude each other", "leave out one of them", WRONG_USE)
    wanted, unwanted = _apis(apis)
    filters = Filters(wanted, unwanted, clients, topics, groups, errors, _duration(slow, "--slow") if slow else 0, text)
    for given, option in ((since, "--since"), (until, "--until")):
        if given:
            # Nobody waits for a long file, or a server, to hear of a misspelt time.
            _instant(given, time.time_ns(), option)
    write = _Writer("json" if as_json else output, count)
    if is_piped(captures) and lines is None and not since and not until:
        _as_it_comes(captures, filters, write, interval)
        return
    if captures:
        from kafkascope.cli.library import load

        with progress("reading the capture"):
            source: Source = CaptureSource(captures, load(()))
    else:
        source = ServerSource()
    recorded = source.now_ns()
    if follow and recorded is not None:
        raise CommandError("the server shows a capture, and that has an end", "leave out -f", WRONG_USE)
    now = recorded or time.time_ns()
    start = _instant(since, now, "--since") if since else 1 if recorded is not None else now - SINCE_NS
    end = _instant(until, now, "--until") if until else None
    try:
        if captures and lines is None:
            write(_all(source, filters, start, end))
        else:
            seen = _Seen()
            with progress("asking for the last requests"):
                first = _last(source, filters, start, 10 if lines is None else lines, end)
            write(request for request in first if seen.new(request))
            if follow and not write.done:
                if not write.written:
                    _say_unknown(source, filters, "not seen so far; waiting for it")
                for batch in _follow(source, filters, seen, interval):
                    write(batch)
                    if write.done:
                        break
        if not write.written and not follow:
            _say_unknown(source, filters, "not seen")
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        source.close()
    for note in source.notes:
        click.echo(f"px: {note}", err=True)
    if not write.written and not follow and sys.stderr.isatty():
        click.echo("px: no request matches" + (f" in the last {since or '5m'}; --since reaches further back" if recorded is None and not until else ""), err=True)


def _as_it_comes(captures: tuple[str, ...], filters: Filters, write: _Writer, interval: float) -> None:
    """What passes through a pipe, until it ends."""
    from kafkascope.cli.capture import load_pieces
    from kafkascope.cli.library import load

    library = load(())
    notes: Sequence[str] = ()
    try:
        for piece in load_pieces(captures, interval):
            source = CaptureSource(captures, library, loaded=piece)
            try:
                write(_all(source, filters, 1, None))
            finally:
                source.close()
            notes = source.notes
            if write.done:
                break
    except KeyboardInterrupt:
        sys.exit(130)
    for note in notes:
        click.echo(f"px: {note}", err=True)


def _say_unknown(source: Source, filters: Filters, how: str) -> None:
    """Which of the topics and groups asked for nobody used: a misspelt name must not look like silence."""
    for kind, names in (("topic", filters.topics), ("group", filters.groups)):
        for name in names:
            if name in source.entities(kind, name):
                continue
            known = source.entities(kind, "")
            close = difflib.get_close_matches(name, known, 3)
            there = f"; did you mean {' or '.join(close)}?" if close else f"; there {'is' if len(known) == 1 else 'are'} {', '.join(known[:5])}{' …' if len(known) > 5 else ''}" if known else ""
            click.echo(f"px: {kind} {plain(name)}: {how}{plain(there)}", err=True)


class _Writer:
    """Lines on standard output; each batch is out before the next is asked for. ``done`` when ``count`` are."""

    def __init__(self, how: str | None, count: int | None = None) -> None:
        self.written = 0
        self.done = False
        self._count = count
        self._console = None
        terminal = sys.stdout.isatty()
        if terminal:
            from rich.console import Console

            self._console = Console(highlight=False)
        width = self._console.width if self._console is not None else WIDE
        self._how = how or ("json" if not terminal else "text" if width >= WIDE else "short")

    def __call__(self, found: Iterator[Request] | list[Request]) -> None:
        for request in found:
            if self._how == "json":
                sys.stdout.write(json_line(request) + "\n")
            else:
                self._line(request)
            self.written += 1
            if self.written == self._count:
                self.done = True
                break
        sys.stdout.flush()

    def _line(self, request: Request) -> None:
        # A terminal may be made wider or narrower meanwhile.
        width = self._console.width if self._console is not None else WIDE
        lines = [head_line(width)] if self._how == "short" and not self.written else []
        lines.append(short_line(request, width) if self._how == "short" else text_line(request))
        for line in lines:
            line.rstrip()
            if self._console is not None:
                self._console.print(line, soft_wrap=True)
            else:
                sys.stdout.write(line.plain + "\n")


class _Seen:
    """The requests that were printed, the oldest forgotten first."""

    def __init__(self) -> None:
        self._keys: OrderedDict[tuple[object, ...], None] = OrderedDict()

    def new(self, request: Request) -> bool:
        if request.key in self._keys:
            return False
        self._keys[request.key] = None
        if len(self._keys) > MAX_SEEN:
            self._keys.popitem(last=False)
        return True


def _page(source: Source, filters: Filters, start_ns: int, **bounds: Any) -> list[Request]:
    """Requests as ``requests.script`` bounds them."""
    result = source.run({"pxl": requests.script(filters, start_ns, **bounds)})
    if wrong := filter_problem(filters.text, requests.columns_of(result)):
        raise CommandError(f"--filter: {wrong}", f"columns are {', '.join(requests.COLUMNS)}", WRONG_USE)
    return requests.parse(result)


def _last(source: Source, filters: Filters, start_ns: int, count: int, end_ns: int | None = None) -> list[Request]:
    """The ``count`` requests that ended last, the newest last."""
    found: list[Request] = []
    seen = _Seen()
    before = end_ns
    while len(found) < count:
        # Topics and groups are decided here: more rows than wanted may be needed.
        limit = max(count, 200) if filters.local else count
        limit = min(limit, PAGE)
        page = _page(source, filters, start_ns, answered_before_ns=before, newest=True, limit=limit)
        new = [request for request in page if seen.new(request)]
        found += [request for request in new if filters.wants(request)]
        if len(page) < limit or not new:
            break
        before = page[-1].end_ns
    return found[:count][::-1]


def _all(source: Source, filters: Filters, start_ns: int, end_ns: int | None) -> Iterator[Request]:
    """Every request, page by page."""
    seen = _Seen()
    after: int | None = None
    limit = PAGE
    while True:
        page = _page(source, filters, start_ns, answered_from_ns=after, answered_before_ns=end_ns, newest=False, limit=limit)
        new = [request for request in page if seen.new(request)]
        yield from (request for request in new if filters.wants(request))
        if len(page) < limit:
            return
        if not new:
            # More requests than a page ended in the same nanosecond, as in captures with coarse clocks.
            limit *= 2
        after = page[-1].end_ns


def _follow(source: Source, filters: Filters, seen: _Seen, interval: float) -> Iterator[list[Request]]:
    """Batches of requests that were answered since, for ever. A server that went away is waited for."""
    position = time.time_ns() - SLACK_NS
    slack, retry = SLACK_NS, interval
    away = False
    while True:
        now = time.time_ns()
        try:
            page = _page(source, filters, min(now, position) - OPEN_NS, answered_from_ns=position - slack, newest=False, limit=PAGE)
        except CommandError as error:
            if error.code != NOTHING_THERE:
                raise
            if not away:
                click.echo(f"px: {error.message}; waiting for it", err=True)
            away, retry = True, min(retry * 2, RETRY_MAX_S)
            time.sleep(retry)
            continue
        if away:
            click.echo("px: the server is back", err=True)
            away, retry = False, interval
        new = [request for request in page if seen.new(request)]
        yield [request for request in new if filters.wants(request)]
        full = len(page) >= PAGE
        if page:
            position = max(position, page[-1].end_ns)
        # More than a page lies within the slack: the next page begins where this one ended.
        slack = 0 if full else SLACK_NS
        if not full:
            time.sleep(interval)
        elif not new:
            position += 1


def _apis(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Wanted and unwanted APIs, as Kafka spells them."""
    from kafkascope.pxl.lower.names import KAFKA_APIS

    names = {name.lower(): name for name in KAFKA_APIS.values()}
    wanted: list[str] = []
    unwanted: list[str] = []
    for word in (part.strip() for text in words for part in text.split(",")):
        name = word.removeprefix("!")
        known = names.get(name.lower())
        if known is None:
            close = difflib.get_close_matches(name.lower(), names, 1)
            raise CommandError(f"no API '{name}' in Kafka", f"did you mean {names[close[0]]}?" if close else "names are as in Kafka's protocol: Fetch, Produce, JoinGroup", WRONG_USE)
        (unwanted if word.startswith("!") else wanted).append(known)
    return tuple(wanted), tuple(unwanted)


def _duration(text: str, option: str) -> int:
    from kafkascope.pxl import PxLError
    from kafkascope.pxl.times import duration

    try:
        found = duration(text)
    except PxLError as error:
        raise CommandError(f"{option}: {error.message}", "write 100ms, 5s, 5m, 2h", WRONG_USE) from error
    return abs(found)


def _instant(text: str, now_ns: int, option: str) -> int:
    """A time, or how long before now."""
    from kafkascope.pxl import PxLError
    from kafkascope.pxl.times import duration, instant

    try:
        return now_ns - abs(duration(text))
    except PxLError:
        pass
    try:
        return instant(text, now_ns)
    except PxLError as error:
        raise CommandError(f"{option}: {error.message}", "write 5m, 2h, or 2026-07-13T18:02:05Z", WRONG_USE) from error
