"""px tail: what is printed of a capture, and that following loses and repeats nothing."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import re
import select
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pseudo_terminal import PseudoTerminal

from kafkascope.cli import progress
from kafkascope.cli import tail as tailing
from kafkascope.cli.errors import NOTHING_THERE, CommandError
from kafkascope.cli.format import rfc3339
from kafkascope.scripts import Library
from kafkascope.server.service import Service
from kafkascope.store import Store, catalogue
from kafkascope.tui.requests import Filters, Request
from kafkascope.tui.source import CaptureSource, ServerSource

CAPTURE = str(Path(__file__).parents[2] / "captures" / "java-clients.pcap.gz")


def _end(record: dict[str, Any]) -> str:
    """When the answer came, as the times in records are written."""
    seconds, _, fraction = record["time"].rstrip("Z").rpartition(".")
    ns = int(datetime.fromisoformat(seconds + "+00:00").timestamp()) * 1_000_000_000 + int(fraction) + (record["latencyNs"] or 0)
    return rfc3339(ns)


def px(*words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "KAFKASCOPE_SERVER": "http://127.0.0.1:1"}
    return subprocess.run([sys.executable, "-m", "kafkascope.cli.main", "tail", *words], capture_output=True, text=True, env=env, timeout=240, check=False)


@pytest.fixture(scope="module")
def whole() -> list[dict[str, Any]]:
    result = px("--capture", CAPTURE)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_capture_is_printed_whole_in_the_order_of_answers(whole: list[dict[str, Any]]) -> None:
    decoded = subprocess.run([sys.executable, "-m", "kafkascope.cli.main", "decode", "-q", "-o", "json", CAPTURE], capture_output=True, text=True, timeout=240, check=True)
    expected = sorted((r["time"], r["client"], r["broker"], r["apiName"], r["correlationId"]) for r in map(json.loads, decoded.stdout.splitlines()))
    assert sorted((r["time"], r["client"], r["broker"], r["apiName"], r["correlationId"]) for r in whole) == expected


def test_a_pipe_is_printed_while_it_is_open(whole: list[dict[str, Any]]) -> None:
    packets = gzip.decompress(Path(CAPTURE).read_bytes())
    with subprocess.Popen([sys.executable, "-m", "kafkascope.cli.main", "tail", "--capture", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(packets[: len(packets) // 2])
        process.stdin.flush()
        # The pipe stays open: whoever waits for its end prints nothing.
        assert select.select([process.stdout], [], [], 240)[0]
        first = os.read(process.stdout.fileno(), 1 << 16)
        rest, _ = process.communicate(packets[len(packets) // 2 :], timeout=240)
    assert process.returncode == 0
    printed = [json.loads(line) for line in (first + rest).splitlines()]

    def told(records: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return sorted((r["time"], r["client"], r["apiName"], r["correlationId"], r["outcome"], r["responseBytes"]) for r in records)

    assert told(printed) == told(whole)


def test_the_keys_of_a_line_are_those_that_the_documentation_lists(whole: list[dict[str, Any]]) -> None:
    decoded = subprocess.run([sys.executable, "-m", "kafkascope.cli.main", "decode", "-q", "-o", "json", CAPTURE], capture_output=True, text=True, timeout=240, check=True)
    keys = {key for record in (*whole, *map(json.loads, decoded.stdout.splitlines())) for key in record}
    text = (Path(__file__).parents[2] / "docs" / "terminal.md").read_text()
    rows = re.findall(r"^\| (`[a-zA-Z` ]+`) \|", text.partition("The keys of a line of JSON")[2].partition("## In scripts")[0], re.MULTILINE)
    assert keys | {"why"} == {key for row in rows for key in re.findall(r"`(\w+)`", row)}


@pytest.mark.parametrize(
    ("words", "matches"),
    [
        (("--api", "fetch"), lambda r: r["apiName"] == "Fetch"),
        (("--api", "Produce,JoinGroup"), lambda r: r["apiName"] in ("Produce", "JoinGroup")),
        (("--api", "!Fetch", "--slow", "100ms"), lambda r: r["apiName"] != "Fetch" and (r["latencyNs"] or 0) >= 100_000_000),
        (("--topic", "jt"), lambda r: "jt" in r["topics"]),
        (("--topic", "jt", "--topic", "js1"), lambda r: "jt" in r["topics"] or "js1" in r["topics"]),
        (("--group", "gm", "--api", "!Fetch"), lambda r: "gm" in r["groups"] and r["apiName"] != "Fetch"),
        (("--client", "member"), lambda r: "member" in r["clientId"]),
        (("-g", "gm", "-a", "Heartbeat"), lambda r: "gm" in r["groups"] and r["apiName"] == "Heartbeat"),
        (("--filter", "resp_bytes>500 !ApiVersions"), lambda r: (r["responseBytes"] or 0) > 500 and r["apiName"] != "ApiVersions"),
        (("--filter", "latency>=1s"), lambda r: (r["latencyNs"] or 0) >= 1_000_000_000),
        (("--since", "2026-11-25T16:07:00Z", "--until", "2026-11-25T16:07:05Z"), lambda r: r["time"] >= "2026-11-25T16:07:00" and _end(r) <= "2026-11-25T16:07:05"),
        (("--errors",), lambda r: (r["errorCode"] or 0) != 0 or r["outcome"] != "complete"),
    ],
)
def test_filters(whole: list[dict[str, Any]], words: tuple[str, ...], matches: Any) -> None:
    result = px("--capture", CAPTURE, *words)
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert found == [record for record in whole if matches(record)]
    assert found
    last = px("--capture", CAPTURE, *words, "-n", "2")
    assert [json.loads(line) for line in last.stdout.splitlines()] == found[-2:]


def test_a_groups_requests_are_its_fetches_too(whole: list[dict[str, Any]]) -> None:
    found = [json.loads(line) for line in px("--capture", CAPTURE, "--group", "gm", "--api", "Fetch").stdout.splitlines()]
    members = [record for record in whole if record["apiName"] == "Fetch" and record["clientId"].startswith("member-")]
    assert found == [{**record, "groups": ["gm"]} for record in members]
    assert found


def test_text_is_one_line_each(whole: list[dict[str, Any]]) -> None:
    lines = px("--capture", CAPTURE, "-o", "text").stdout.splitlines()
    assert len(lines) == len(whole)
    assert any("Heartbeat v4 client=member-0 74>12 B 9.3 ms group=gm REBALANCE_IN_PROGRESS" in line for line in lines)
    assert any("OffsetCommit v9 client=member-0" in line and "group=gm jm[0-5]" in line for line in lines)
    # An error that only its code tells of has its name too; the topics of a member's subscription are its request's.
    assert any("JoinGroup v7 client=jcons" in line and line.endswith("group=g28 j28 MEMBER_ID_REQUIRED") for line in lines)


def test_a_count_ends_it(whole: list[dict[str, Any]]) -> None:
    assert [json.loads(line) for line in px("--capture", CAPTURE, "-J", "-c", "3").stdout.splitlines()] == whole[:3]


def test_a_terminal_of_100_columns_has_one_line_for_a_request() -> None:
    with PseudoTerminal("tail", "-a", "Heartbeat,OffsetFetch", "--capture", CAPTURE, columns=100, lines=40) as terminal:
        assert terminal.wait_exit(60) == 0
        # On a slow machine something is said of the reading too.
        lines = [line for line in terminal.after.splitlines() if line and line[0] not in progress._SIGNS]
    assert lines[0].split() == ["TIME", "CLIENT", "REQUEST", "LATENCY", "BYTES", "ABOUT"]
    assert all(len(line) <= 100 for line in lines)
    assert any(line.startswith("16:07:21.317 adminclient-1    OffsetFetch v9        537.0 µs       37>143 jm[0-5] group=gm") for line in lines)
    # What went wrong stands before what it was about.
    assert any("74>12 REBALANCE_IN_PROGRESS" in line for line in lines)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--api", "Produc"), 2, "did you mean Produce"),
        (("--slow", "3"), 2, "100ms"),
        (("--since", "yesterday"), 2, "2026-07-13"),
        (("--capture", CAPTURE, "--filter", "latency>>5"), 2, "--filter: latency: expected a number"),
        (("--capture", CAPTURE, "--filter", "latncy>5ms"), 2, "no column 'latncy'"),
        (("-f", "--until", "1h"), 2, "exclude"),
        (("--capture", "nowhere.pcap"), 2, "no such file"),
        (("-f", "--capture", CAPTURE), 2, "exclude"),
        ((), 3, "px up"),
        (("-f",), 3, "px up"),
    ],
)
def test_errors(words: tuple[str, ...], code: int, message: str) -> None:
    result = px(*words)
    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert result.stdout == ""


def test_a_name_that_nobody_used_is_said() -> None:
    result = px("--capture", CAPTURE, "-t", "jtoppic", "-g", "g28", "-g", "nobody")
    assert result.returncode == 0 and result.stdout == ""
    assert [line.partition(";")[0] for line in result.stderr.splitlines()] == ["px: topic jtoppic: not seen", "px: group nobody: not seen"]


class LiveSource:
    """A store that gets rows, behind the service that servers use; ``down`` calls find no server."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.service = Service(store.engine(), Library.load())
        self.down = 0

    def run(self, request: Any) -> dict[str, Any]:
        if self.down:
            self.down -= 1
            raise CommandError("no Kafkascope server", "", NOTHING_THERE)
        return self.service.run(request)

    def add(self, ends: list[int], latency: int = 1_000_000, **given: Any) -> None:
        relation = catalogue.relation("kafka_events.beta")
        filler: dict[Any, Any] = {pa.int64(): 0, pa.string(): "", pa.bool_(): False, pa.float64(): 0.0}
        values = {"req_cmd": 0, "req_cmd_name": "Produce", "outcome": "complete", "latency": latency, "req_body": "{}", "resp": "{}", **given}
        columns = [
            pa.array([end - latency if c.name == "time_" else next(NUMBERS) if c.name == "correlation_id" else values.get(c.name, filler[c.arrow]) for end in ends], c.arrow)
            for c in relation.columns
        ]
        self.store.append("kafka_events.beta", pa.RecordBatch.from_arrays(columns, schema=relation.schema))


NUMBERS = itertools.count()


@pytest.fixture
def source() -> Any:
    with Store(None) as store:
        yield LiveSource(store)


def collect(batches: Any, rounds: int) -> list[int]:
    return [request.row["correlation_id"] for batch in itertools.islice(batches, rounds) for request in batch]


def test_following_prints_late_rows_once(source: LiveSource) -> None:
    batches = tailing._follow(source, Filters(), tailing._Seen(), 0.0)  # type: ignore[arg-type]
    now = time.time_ns()
    first = next(NUMBERS) + 1
    source.add([now, now + 1])
    assert collect(batches, 2) == [first, first + 1]
    # Out of order between agents, and a request that was open for a minute.
    source.add([now - 1_000_000_000, now + 2])
    source.add([now + 3], latency=60_000_000_000)
    assert collect(batches, 3) == [first + 2, first + 3, first + 4]


def test_a_burst_of_more_than_a_page_is_printed_whole(source: LiveSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tailing, "PAGE", 10)
    now = time.time_ns()
    first = next(NUMBERS) + 1
    source.add([now + i // 3 for i in range(95)])
    batches = tailing._follow(source, Filters(), tailing._Seen(), 0.0)  # type: ignore[arg-type]
    assert sorted(collect(batches, 25)) == list(range(first, first + 95))


def test_a_server_that_restarts_is_waited_for(source: LiveSource, capsys: pytest.CaptureFixture[str]) -> None:
    batches = tailing._follow(source, Filters(), tailing._Seen(), 0.01)  # type: ignore[arg-type]
    next(batches)
    source.down = 2
    source.add([time.time_ns()])
    assert len(collect(batches, 1)) == 1
    assert capsys.readouterr().err.splitlines() == ["px: no Kafkascope server; waiting for it", "px: the server is back"]


class Status:
    """A server as far as ``/api/status``."""

    url = "http://127.0.0.1:1"

    def __init__(self, source: str, newest: int | None) -> None:
        self._status = {"source": source, "tables": [{"name": "kafka_lag", "newestNs": 9}, {"name": "kafka_events.beta", "newestNs": newest}]}

    def call(self, path: str) -> dict[str, Any]:
        assert path == "/api/status"
        return self._status


@pytest.mark.parametrize(("source", "newest", "now"), [("ebpf", 7, None), ("packet captures", 7, 8), ("packet captures", None, None)])
def test_now_is_the_end_of_what_a_server_shows(source: str, newest: int | None, now: int | None) -> None:
    assert ServerSource(Status(source, newest)).now_ns() == now  # type: ignore[arg-type]


def test_a_server_that_shows_a_capture_is_asked_for_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    monkeypatch.setattr(tailing, "ServerSource", lambda: CaptureSource([CAPTURE], Library.load()))
    last = CliRunner().invoke(tailing.tail, ["-n", "3"])
    assert last.exit_code == 0 and len(last.stdout.splitlines()) == 3
    following = CliRunner().invoke(tailing.tail, ["-f"])
    assert following.exit_code == 2 and "has an end" in following.output


def test_hostile_names_stay_on_their_line(source: LiveSource) -> None:
    from kafkascope.tui.request_lines import short_line, text_line

    row = dict.fromkeys(("client_pod", "broker_pod", "cluster_id"), "") | {
        "time_": 0, "trace_role": 2, "local_addr": "::1", "local_port": 1, "remote_addr": "::1", "remote_port": 2, "req_cmd": 0, "req_cmd_name": "Produce", "api_version": 1,
        "client_id": "\x1b[2J\nx\u202e", "req_bytes": None, "resp_bytes": None, "latency": 0, "error_code": None, "outcome": "truncated",
    }  # fmt: skip
    request = Request(row, topics={"a\x07b": [5, 1, 2]})
    short = short_line(request, 100)
    assert short.plain.isprintable() and short.cell_len == 100
    line = text_line(request).plain
    assert line == "1970-01-01 00:00:00.000000 [::1]:2 > [::1]:1 Produce v1 client=�[2J�x� ->- B  a�b[1-2,5] [truncated]"
