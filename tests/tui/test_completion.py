"""Shell completion, asked as the shells ask: bash runs its script, the others their questions."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kafkascope.cli.completion import SHELLS
from kafkascope.cli.program import px

TRY = """
eval "$(px completion bash)"
compopt() { echo "compopt $2"; }
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); COMPREPLY=()
_px_completion px
printf '%s\\n' "${COMPREPLY[@]}"
"""


class Entities(BaseHTTPRequestHandler):
    """Topics as a server names them, one of them made to be run by a shell."""

    def do_GET(self) -> None:
        body = json.dumps([{"name": n, "kind": "topic", "detail": "5 partitions"} for n in ("order", "order-dlq", "order$(touch x)", "order x", "order`id`")]).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Entities) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH whose px is the one under test."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "px"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -m kafkascope.cli.main \"$@\"\n")
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def bash(path: str, server: str, *words: str) -> list[str]:
    env = {**os.environ, "PATH": path, "KAFKASCOPE_SERVER": server}
    result = subprocess.run(["bash", "--norc", "-c", TRY, "bash", *words], capture_output=True, text=True, env=env, timeout=240, check=False)
    assert result.stderr == ""
    return result.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("px", "li"), ["live"]),
        (("px", "run", "px/kafka_dat"), ["px/kafka_data"]),
        (("px", "live", "kafka_dat"), ["kafka_data"]),
        (("px", "script", "show", "px/schem"), ["px/schemas"]),
        (("px", "run", "px/kafka_overview", "--", "--na"), ["--namespace"]),
        (("px", "run", "-o", "json", "px/kafka_overview", "--", "--topic", "x", "--na"), ["--namespace"]),
        (("px", "run", "px/kafka_overview", "--", "--start_time", "-1"), ["-1m", "-15m", "-1h", "-1d"]),
        (("px", "run", "px/kafka_overview", "--", "--start_time", "=", "-1"), ["-1m", "-15m", "-1h", "-1d"]),
        (("px", "run", "px/kafka_overview", "--", "--topic", "ord"), ["order", "order-dlq"]),
        (("px", "tail", "--topic", "ord"), ["order", "order-dlq"]),
        (("px", "tail", "--api", "Prod"), ["Produce"]),
        (("px", "tail", "-o", ""), ["short", "text", "json"]),
        (("px", "tail", "-t", "ord"), ["order", "order-dlq"]),
        (("px", "tail", "--since", "1"), ["1m", "15m", "1h", "1d"]),
        (("px", "store", "export", "kafka_ev"), ["kafka_events.beta"]),
        (("px", "demo", "deploy", ""), ["px-kafka"]),
        (("px", "tail", "--capture", "x"), ["compopt", "default"]),
        (("px", "run", "px/nothing", "--", "--t"), []),
    ],
)
def test_bash(path: str, server: str, words: tuple[str, ...], expected: list[str]) -> None:
    assert bash(path, server, *words) == expected


def test_the_server_on_the_line_is_asked(path: str, server: str) -> None:
    assert bash(path, "http://127.0.0.1:1", "px", "tail", "--server", server, "--topic", "order-") == ["order-dlq"]


def test_without_a_server_only_names_are_missing(path: str) -> None:
    assert bash(path, "http://127.0.0.1:1", "px", "tail", "--topic", "ord") == []


@pytest.mark.parametrize(
    ("shell", "words", "at", "expected"),
    [
        ("zsh", "px run px/kafka_dat", "2", ["plain", "px/kafka_data", "Kafka requests and responses"]),
        ("fish", "px run px/kafka_dat", "px/kafka_dat", ["plain,px/kafka_data\tKafka requests and responses"]),
        ("fish", "px run px/kafka_overview -- --top", "--top", ["plain,--topic\tOnly this topic; empty for all."]),
        ("zsh", "px run 'unclosed", "2", [""]),
    ],
)
def test_other_shells(monkeypatch: pytest.MonkeyPatch, shell: str, words: str, at: str, expected: list[str]) -> None:
    from click.testing import CliRunner

    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", at)
    result = CliRunner().invoke(px, ["completion", shell, "--words"])
    assert result.exit_code == 0
    assert result.output.rstrip("\n").split("\n") == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_of_shells_ask_the_command(shell: str, tmp_path: Path) -> None:
    source = SHELLS[shell](px, {}, "px", "_PX_COMPLETE").source()
    assert f"px completion --words {shell}" in source or f"$1 completion --words {shell}" in source
    assert "_PX_COMPLETE" not in source
    if shutil.which(shell) is not None:
        file = tmp_path / "script"
        file.write_text(source)
        assert subprocess.run([shell, "-n", str(file)], capture_output=True, timeout=240, check=False).returncode == 0


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
@pytest.mark.parametrize(
    ("line", "expected"),
    [("px ru", "run\tRun a script once and print its tables."), ("px run px/kafka_da", "px/kafka_data\tKafka requests and responses"), ("px run px/kafka_overview -- --topic order-", "order-dlq\t5 partitions")],
)
def test_fish(path: str, server: str, line: str, expected: str) -> None:
    asked = subprocess.run(["fish", "--no-config", "-c", f'px completion fish | source; complete -C "{line}"'], capture_output=True, text=True, timeout=240, check=False,
                           env={**os.environ, "PATH": path, "KAFKASCOPE_SERVER": server})  # fmt: skip
    assert asked.stdout.splitlines() == [expected], asked.stderr


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
def test_zsh(path: str, server: str) -> None:
    """zsh completes only at a terminal: a key is pressed at one."""
    controller, terminal = pty.openpty()
    env = {**os.environ, "PATH": path, "KAFKASCOPE_SERVER": server, "TERM": "xterm"}
    shell = subprocess.Popen(["zsh", "-f", "-i"], stdin=terminal, stdout=terminal, stderr=terminal, env=env, start_new_session=True)
    os.close(terminal)
    try:
        os.write(controller, b"autoload -U compinit; compinit -u; eval \"$(px completion zsh)\"; echo rea''dy\n")
        _until(controller, b"ready\r\n")
        os.write(controller, b"px run px/kafka_overview -- --topic order-\t")
        _until(controller, b"order-dlq")
    finally:
        shell.kill()
        shell.wait()
        os.close(controller)


def _until(terminal: int, wanted: bytes) -> None:
    seen = b""
    while wanted not in seen:
        assert select.select([terminal], [], [], 60)[0], seen
        seen += os.read(terminal, 4096)
