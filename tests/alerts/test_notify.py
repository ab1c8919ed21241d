"""Where events of alerts go: webhooks and commands that answer, refuse, redirect, hang or die."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kafkascope.alerts import notify, rules
from kafkascope.alerts.engine import Event

EVENT = Event(1_500_000_000, "late", "open", "warning", "g", {"group": "g"}, 70.0, "g is late", 1_000_000_000)


@contextmanager
def answering(answer: Callable[[http.server.BaseHTTPRequestHandler, bytes], None]) -> Iterator[str]:
    """A webhook that answers each POST so."""

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer(self, self.rfile.read(int(self.headers["content-length"])))

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def hanging() -> Iterator[str]:
    """A webhook that answers nothing until the test is over."""
    over = threading.Event()
    with answering(lambda hook, _: over.wait(120)) as url:
        yield url
        over.set()


def status(code: int, **headers: str) -> Callable[[http.server.BaseHTTPRequestHandler, bytes], None]:
    def answer(hook: http.server.BaseHTTPRequestHandler, _: bytes) -> None:
        hook.send_response(code)
        for name, value in headers.items():
            hook.send_header(name, value)
        hook.end_headers()

    return answer


def wait(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


def problem_of(target: rules.Notify, timeout_s: float = 60) -> str:
    """What is said of an event that does not arrive."""
    notifier = notify.Notifier([target], pause_s=0.01, timeout_s=timeout_s)
    notifier.send([EVENT])
    wait(lambda: notifier.problems > 0)
    # The thread goes on with the next event.
    notifier.send([EVENT])
    wait(lambda: notifier.problems > 1)
    assert notifier.sent == 0
    return notifier.last_problem


def test_a_webhook_and_a_command_get_the_event(tmp_path: Path) -> None:
    got: list[tuple[str, Any]] = []

    def answer(hook: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        got.append((hook.headers["x-key"], json.loads(body)))
        status(500 if len(got) == 1 else 204)(hook, body)

    out = tmp_path / "event"
    with answering(answer) as url:
        targets = [
            rules.Notify(webhook=url, headers={"x-key": "k"}),
            rules.Notify(command=("/bin/sh", "-c", f"cat > {out}")),
            rules.Notify(command=("/bin/false",), severities=("critical",)),
        ]
        notifier = notify.Notifier(targets, pause_s=0.01)
        notifier.send([EVENT])
        wait(lambda: notifier.sent == 2)
        notifier.close()
    expected = {"time": 1500, "alert": "late", "event": "open", "severity": "warning", "subject": "g", "labels": {"group": "g"}, "value": 70.0, "summary": "g is late", "since": 1000}
    # The webhook's first answer was an error, so it was asked again; who wants only what is critical got nothing.
    assert got == [("k", expected), ("k", expected)] and json.loads(out.read_text()) == expected
    assert (notifier.sent, notifier.problems) == (2, 0)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("/bin/sh", "-c", "echo no >&2; exit 3"), "/bin/sh: ended with 3: no"),
        (("/bin/sh", "-c", "kill -9 $$"), "/bin/sh: ended with -9: "),
        (("/nowhere/page-me",), "/nowhere/page-me: [Errno 2] No such file or directory: '/nowhere/page-me'"),
    ],
)
def test_a_command_that_dies(command: tuple[str, ...], said: str) -> None:
    assert problem_of(rules.Notify(command=command)) == said


def test_a_command_that_hangs_is_killed_with_what_it_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(notify, "_TRIES", 1)
    pids = tmp_path / "pids"
    pids.touch()
    said = problem_of(rules.Notify(command=("/bin/sh", "-c", f"echo $$ >> {pids}; sleep 300 & echo $! >> {pids}; wait")), timeout_s=2)
    assert said == "/bin/sh: did not end within 2 s and was killed"
    wait(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()))


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (status(404), "HTTP Error 404: Not Found"),
        # Followed, it would be a GET without the event.
        (status(302, location="http://other.example/"), "HTTP Error 302: redirects to http://other.example/: name that in the rules"),
        (status(307, location="http://other.example/"), "HTTP Error 307: redirects to http://other.example/: name that in the rules"),
        (lambda hook, _: hook.wfile.write(b"what?\r\n\r\n"), "what?"),
        (lambda hook, _: None, "Remote end closed connection without response"),
    ],
    ids=["refuses", "redirects", "redirects the POST", "speaks something else", "hangs up"],
)
def test_a_webhook_that_fails(answer: Callable[[http.server.BaseHTTPRequestHandler, bytes], None], said: str) -> None:
    with answering(answer) as url:
        assert said in problem_of(rules.Notify(webhook=url)).removeprefix(f"{url}: ")


def test_a_webhook_that_hangs(hanging: str) -> None:
    assert problem_of(rules.Notify(webhook=hanging), timeout_s=0.5) == f"{hanging}: timed out"


def test_who_hangs_holds_up_nobody_else_and_its_queue_is_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, hanging: str) -> None:
    monkeypatch.setattr(notify, "_WAITING", 3)
    out = tmp_path / "events"
    notifier = notify.Notifier([rules.Notify(webhook=hanging), rules.Notify(command=("/bin/sh", "-c", f"cat >> {out}; echo >> {out}"))], timeout_s=60)
    for sent in range(6):
        notifier.send([EVENT])
        wait(lambda sent=sent: notifier.sent == sent + 1)  # type: ignore[misc]
    assert len(out.read_text().splitlines()) == 6
    # One is under way, three wait.
    assert (notifier.problems, notifier.last_problem) == (2, f"{hanging}: more than 3 events wait")


def test_what_a_hanging_receiver_did_not_take_by_the_end_is_told(monkeypatch: pytest.MonkeyPatch, hanging: str) -> None:
    monkeypatch.setattr(notify, "_CLOSE_S", 0.3)
    notifier = notify.Notifier([rules.Notify(webhook=hanging)], pause_s=0.01, timeout_s=60)
    notifier.send([EVENT])
    notifier.close()
    assert (notifier.sent, notifier.problems, notifier.last_problem) == (0, 1, f"{hanging}: did not take everything within 0.3 s of the end")
