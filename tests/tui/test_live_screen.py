"""px live as a person uses it: keys on a pseudo-terminal, over a packet capture."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from pseudo_terminal import PseudoTerminal

CAPTURE = str(Path(__file__).parents[2] / "captures" / "java-clients.pcap.gz")


def names(lines: list[str]) -> list[str]:
    """The first column of a table on the screen."""
    body = lines[5 : lines.index("", 5)]
    return [line[2:].split()[0] for line in body]


@pytest.fixture
def screen() -> Iterator[PseudoTerminal]:
    with PseudoTerminal("live", "px/kafka_overview", "--capture", CAPTURE) as terminal:
        terminal.wait_for("topic/jm")
        yield terminal


def test_the_graph_comes_first_as_a_tree(screen: PseudoTerminal) -> None:
    lines = screen.screen
    assert lines[0].startswith(" px/kafka_overview") and lines[0].endswith("capture")
    assert "23 rows" in lines[1]
    assert lines[2].startswith(" 1 Kafka Flow Graph   2 Kafka Topics")
    assert lines[4] == "▸ jprod"
    # 122.0 KB by jprod, of which member-0 read the most.
    assert lines[5].split()[:6] == ["├─", "topic/jm", "████████", "2.6", "KB/s", "122.0"]
    assert lines[6].split()[:3] == ["│", "├─", "member-0"]
    assert all(len(line) <= 80 for line in lines) and "q quit" in lines[23]


def test_sort_filter_and_row(screen: PseudoTerminal) -> None:
    screen.press("2")
    screen.wait_for("NUM_")
    screen.press("l", "s")
    assert names(screen.wait_for("PARTITIONS▼"))[:2] == ["jm", "jz"]
    screen.press("/", "js")
    assert sorted(names(screen.wait_for("2 of 10 rows match js"))) == ["js1", "js2"]
    screen.press("enter", "j", "enter")
    lines = screen.wait_for("2 of 2")
    assert any(line.startswith(" bytes_produced_total  7.1 KB  7,2") for line in lines)
    screen.press("n", "esc")
    screen.wait_for("match js")
    screen.press("esc")
    screen.wait_for("10 rows")


def test_palette_arguments_detail_and_back(screen: PseudoTerminal) -> None:
    screen.press(":", "kfdata max_num_records=7", "enter")
    screen.wait_for("7 rows")
    screen.press("enter")
    lines = screen.wait_for("broker_epoch")
    assert any('"is_caught_up": true' in line for line in lines)
    screen.press("y")
    screen.wait_for("row copied")
    copied = json.loads(base64.b64decode(screen.clipboard))
    assert copied["req_cmd"] == "BrokerHeartbeat" and copied["req_body"]["broker_id"] == 1
    screen.press("esc", "esc")
    screen.wait_for("topic/jm")


def test_the_form_completes_topics_that_were_seen(screen: PseudoTerminal) -> None:
    screen.press("a", "down", "down", "tab")
    screen.wait_for("tab: ")
    screen.press("j28", "enter")
    screen.wait_for("topic j28")
    screen.wait_for("2 rows")
    assert "topic/jm" not in "\n".join(screen.wait_for("topic/j28"))


def test_help_and_script_text(screen: PseudoTerminal) -> None:
    screen.press("?")
    screen.wait_for("filter as you type")
    screen.press("esc", "e")
    screen.wait_for("import px")
    screen.press("esc")
    screen.wait_for("topic/jm")


def test_resizing(screen: PseudoTerminal) -> None:
    screen.resize(140, 40)
    screen.wait_for("java-clients.pcap.gz")
    lines = screen.wait_for("? keys")
    assert lines[0].startswith(" Kafkascope") and "? keys" in lines[39]
    screen.resize(40, 10)
    lines = screen.wait_for("1 Kafka")
    assert len(lines) == 10
    screen.wait_for("▸ jprod")


def test_a_tall_screen_shows_the_widgets_that_follow() -> None:
    with PseudoTerminal("live", "px/kafka_overview", "--capture", CAPTURE, columns=120, lines=60) as terminal:
        text = "\n".join(terminal.wait_for("Kafka Topics: 10 rows"))
        assert text.count("▸") == 1
        terminal.press("tab")
        assert names(terminal.wait_for("BYTES_PRODUCED_TOTAL"))


def test_stopping_and_coming_back(screen: PseudoTerminal) -> None:
    screen.press("\x1a")
    screen.wait_for("topic/jm", gone=True)
    until = time.monotonic() + 60
    while Path(f"/proc/{screen.process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < until
        time.sleep(0.02)
    assert screen.restored()
    os.kill(screen.process.pid, signal.SIGCONT)
    screen.wait_for("topic/jm")


class Serving:
    """A server that can be stopped and started again at its address."""

    def __init__(self, service: Any) -> None:
        from kafkascope.server.app import create_app

        self._app = create_app(service)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def start(self) -> None:
        self._server = uvicorn.Server(uvicorn.Config(self._app, host="127.0.0.1", port=self.port, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        until = time.monotonic() + 60
        while not self._server.started:
            assert time.monotonic() < until
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(60)


@pytest.fixture
def server() -> Iterator[Serving]:
    from kafkascope.scripts import Library
    from kafkascope.tui.source import CaptureSource

    source = CaptureSource([CAPTURE], Library.load())
    serving = Serving(source._service)
    serving.start()
    yield serving
    serving.stop()
    source.close()


def test_a_server_that_restarts(server: Serving) -> None:
    with PseudoTerminal("live", "px/kafka_overview", "-i", "0.5", env={"KAFKASCOPE_SERVER": f"http://127.0.0.1:{server.port}"}) as terminal:
        terminal.wait_for("topic/jm")
        assert terminal.screen[0].endswith("live 0.5 s")
        server.stop()
        lines = terminal.wait_for("✗ no Kafkascope server")
        # What was known stays on the screen, with its age.
        assert any("topic/jm" in line for line in lines)
        server.start()
        terminal.wait_for("✗", gone=True)
        terminal.press("p")
        terminal.wait_for("paused")


def test_tail_on_a_server(server: Serving) -> None:
    with PseudoTerminal("tail", "--group", "gm", "-n", "3", "--since", "3650d", env={"KAFKASCOPE_SERVER": f"http://127.0.0.1:{server.port}"}, columns=200) as terminal:
        assert terminal.wait_exit() == 0
        assert "OffsetFetch v9 client=adminclient-1 37>143 B 537.0 µs group=gm jm[0-5]" in terminal.after


@pytest.mark.parametrize("leave", ["q", "ctrl+c"])
def test_leaving_gives_the_terminal_back(screen: PseudoTerminal, leave: str) -> None:
    screen.press(leave)
    assert screen.wait_exit() == 0
    assert screen.restored()
    assert "Traceback" not in screen.after


def test_a_signal_gives_the_terminal_back(screen: PseudoTerminal) -> None:
    os.kill(screen.process.pid, signal.SIGTERM)
    assert screen.wait_exit() == 0
    assert screen.restored()


def test_errors_come_before_the_screen_changes() -> None:
    with PseudoTerminal("live", "px/kafka_overvew", "--capture", CAPTURE) as terminal:
        assert terminal.wait_exit() == 2
        assert "did you mean px/kafka_overview" in terminal.after
    with PseudoTerminal("live", env={"KAFKASCOPE_SERVER": "http://127.0.0.1:1"}) as terminal:
        assert terminal.wait_exit() == 3
        assert "px up" in terminal.after


def test_the_first_screen_says_how_the_groups_do() -> None:
    with PseudoTerminal("live", "--capture", CAPTURE, columns=100, lines=30) as terminal:
        lines = terminal.wait_for("1 Groups")
        assert "px/kafka_groups" in lines[0]
        # The answer before everything else, in words.
        assert lines[2][:3].strip() in ("●", "▲", "■", "✗", "○", "◀")
        head = next(line.split() for line in lines if "GROUP" in line.split())
        assert head[:2] == ["STATUS", "GROUP"]


def test_the_mouse_chooses_a_row_and_a_tab(screen: PseudoTerminal) -> None:
    assert {"1000", "1006"} <= screen.modes
    screen.press("\x1b[<0;5;7M", "\x1b[<0;5;7m")
    screen.wait_for("▸ │  ├─" if screen.screen[6].startswith("  │  ├─") else "▸ │")
    screen.press("\x1b[<64;5;7M")
    screen.wait_for("▸ jprod")
    screen.press(f"\x1b[<0;{screen.screen[2].index('2 Kafka') + 2};3M")
    screen.wait_for("Kafka Topics: 10 rows")
    screen.press("M")
    screen.wait_for("the mouse is the terminal's")
    assert "1000" not in screen.modes


def test_without_colours_the_chosen_row_is_marked() -> None:
    with PseudoTerminal("live", "px/kafka_overview", "--capture", CAPTURE, env={"NO_COLOR": "1", "TERM": "vt100"}) as terminal:
        terminal.wait_for("▸ jprod")
        terminal.press("j")
        terminal.wait_for("▸ ├─ topic/jm")
        assert not terminal.colours
