"""Arguments of px run, and its errors: a message, a hint, an exit code, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kafkascope.cli.client import Server
from kafkascope.cli.errors import CommandError
from kafkascope.cli.run import parse_arguments


@pytest.mark.parametrize(
    ("words", "args"),
    [((), {}), (("--a", "1"), {"a": "1"}), (("--a=1",), {"a": "1"}), (("--a=",), {"a": ""}), (("--a", "-5m"), {"a": "-5m"}), (("--a=b=c", "--d", "--e"), {"a": "b=c", "d": "--e"}),
     (("-start_time", "-5m", "-topic=order"), {"start_time": "-5m", "topic": "order"})],
)
def test_script_arguments(words: tuple[str, ...], args: dict[str, str]) -> None:
    assert parse_arguments(words) == args


@pytest.mark.parametrize("words", [("a",), ("--a",), ("-5m",), ("--",), ("--=1",), ("--a", "1", "stray")])
def test_what_is_no_argument_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as error:
        parse_arguments(words)
    assert error.value.code == 2


DEMO = str(Path(__file__).parents[2] / "captures" / "demo" / "px-kafka.pcap.gz")


def px(*words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "KAFKASCOPE_SERVER": "http://127.0.0.1:1"}
    return subprocess.run([sys.executable, "-m", "kafkascope.cli.main", *words], capture_output=True, text=True, env=env, timeout=240, check=False)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("run", "px/kafka_overvew"), 2, "did you mean px/kafka_overview"),
        (("run",), 2, "name of a script"),
        (("run", "px/kafka_overview"), 3, "px up"),
        (("run", "-f", "nowhere.pxl"), 2, "no such file"),
        (("run", "px/kafka_overview", "--capture", "nowhere.pcap"), 2, "no such file"),
        (("runn",), 2, "Did you mean 'run'"),
        (("get", "pods"), 3, "px up"),
        (("get", "pods", "--server", "http://127.0.0.1:2"), 3, "no Kafkascope server at http://127.0.0.1:2"),
        (("run", "--server", "http://127.0.0.1:2", "px/kafka_overview"), 3, "no Kafkascope server at http://127.0.0.1:2"),
        (("tail", "-n", "1", "--server", "http://127.0.0.1:2"), 3, "no Kafkascope server at http://127.0.0.1:2"),
        (("export", "prometheus", "--server", "http://127.0.0.1:2"), 3, "http://127.0.0.1:2"),
        (("script", "show", "px/nothing"), 2, "hint"),
        (("decode", "nowhere.pcap"), 2, "no such file"),
        (("run", "px/kafka_overview", "--", "--topic"), 2, "no value"),
        (("demo", "deploy", "px-nothing"), 2, "px-kafka"),
        (("up", "--data", "x", "--no-data"), 2, "exclude"),
    ],
)
def test_errors(words: tuple[str, ...], code: int, message: str) -> None:
    result = px(*words)
    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_a_capture_that_is_none(tmp_path: object) -> None:
    path = os.path.join(str(tmp_path), "notes.txt")
    with open(path, "w") as file:
        file.write("these are notes, no packets\n")
    for words in (("decode", path), ("run", "px/kafka_data", "--capture", path)):
        result = px(*words)
        assert result.returncode == 1
        assert "hint" in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize("argument", [("--start_time", "yesterday"), ("--max_num_records", "many"), ("--nothing", "1")])
def test_an_argument_that_a_script_cannot_take_is_wrong_use(argument: tuple[str, str]) -> None:
    result = px("run", "px/kafka_data", "--capture", DEMO, "--", *argument)
    assert result.returncode == 2, result.stderr
    assert argument[0][2:] in result.stderr and "hint" in result.stderr and result.stdout == ""


def test_a_capture_without_what_is_asked_for_says_so() -> None:
    result = px("run", "px/kafka_topic", "--capture", DEMO, "--", "--topic", "nowhere")
    assert result.returncode == 0 and "none fits these arguments" in result.stderr


def test_px_up_says_who_has_the_port() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = px("up", "--no-data", "--source", "none", "--port", str(taken.getsockname()[1]))
    assert result.returncode == 1
    assert "is in use" in result.stderr and "--port" in result.stderr


@pytest.mark.parametrize(("token", "found"), [("", "asks for a token"), ("guess", "refused the token")])
def test_a_server_with_a_token(monkeypatch: pytest.MonkeyPatch, token: str, found: str) -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(401)

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setenv("KAFKASCOPE_TOKEN", token)
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        for ask in (lambda server: server.call("/api/status"), lambda server: server.text("/metrics", "text/plain")):
            with pytest.raises(CommandError) as error:
                ask(Server(f"http://127.0.0.1:{http.server_port}"))
            assert found in error.value.message and "KAFKASCOPE_TOKEN" in error.value.hint and error.value.code == 2
        http.shutdown()
