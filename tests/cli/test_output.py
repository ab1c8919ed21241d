"""Tables on standard output: whole in a pipe, as wide as a terminal on one."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from rich.cells import cell_len

from kafkascope.cli.errors import CommandError
from kafkascope.cli.output import Column, Output, write

COLUMNS = [Column("group", "STRING", "NONE"), Column("lag", "INT64", "NONE"), Column("reason", "STRING", "NONE"), Column("members", "INT64", "NONE"), Column("partitions_unknown", "INT64", "NONE")]
LONG = "5 of 5 partitions are in order: 168 records are left to read, and that is not many for it"
ROWS = [("invoicing", 168, LONG, 1, 0), ("日本語\x1b[2J", None, "", 12, 3)]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(out: io.StringIO) -> list[str]:
    write([Output("Groups", COLUMNS, ROWS)], "table", out)
    return re.sub(r"\x1b\[[\d;]*m", "", out.getvalue()).splitlines()


HOSTILE = "a\x1b[31mb\x9b2Jc\x7f"


@pytest.mark.parametrize("how", ["table", "json", "csv"])
def test_names_do_nothing_to_a_terminal(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = Terminal()
    write([Output("T", [Column("name", "STRING", "NONE"), Column("n", "INT64", "NONE")], [(HOSTILE, 1)])], how, out)
    assert all(line.isprintable() for line in re.sub(r"\x1b\[[012]?m", "", out.getvalue()).splitlines())


def test_a_pipe_gets_values_as_they_are() -> None:
    for how in ("json", "csv"):
        out = io.StringIO()
        write([Output("T", [Column("name", "STRING", "NONE")], [(HOSTILE,)])], how, out)
        name = json.loads(out.getvalue())["name"] if how == "json" else list(csv.reader(io.StringIO(out.getvalue())))[1][1]
        assert name == HOSTILE


def test_messages_do_nothing_to_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    CommandError(f"no topic {HOSTILE}\nsecond", f"try {HOSTILE}").show()
    assert all(line.isprintable() for line in capsys.readouterr().err.splitlines())


def test_a_pipe_gets_each_each_value_whole_on_one_line() -> None:
    lines = printed(io.StringIO())
    assert lines[0] == "Table ID: Groups" and len(lines) == 5
    assert lines[1].split() == ["GROUP", "LAG", "REASON", "MEMBERS", "PARTITIONS_UNKNOWN"]
    assert LONG in lines[3]
    # Columns stand below their heads, wide characters too; control characters are none any more.
    assert lines[3].index("168") + 3 == lines[1].index("LAG") + 3
    assert lines[4].startswith("日本語�[2J") and all(line.isprintable() for line in lines)


@pytest.mark.parametrize("width", [40, 80, 100])
def test_a_terminal_gets_no_longer_lines_than_it_has(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = printed(Terminal())
    assert all(cell_len(line) <= width for line in lines)
    assert "168" in lines[3]
    # What has no room is named.
    shown = lines[1].split()
    assert all((c.name.upper() in shown) != (c.name in " ".join(lines[5:])) for c in COLUMNS)
