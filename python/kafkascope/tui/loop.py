"""Runs the live screen: keys and answers in, frames out."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from kafkascope.cli.errors import CommandError
from kafkascope.tui.app import App
from kafkascope.tui.terminal import Terminal

#: Asked for and not yet begun. Of runs only the newest counts, so a slow server does not make a queue.
MAX_WAITING = 64


class Workers:
    """Two threads, so that completion does not wait for a slow run; outcomes are taken by ``drain``."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._outcomes: queue.Queue[tuple[str, int, Any, CommandError | None]] = queue.Queue()
        self._jobs = {"run": queue.Queue[Any](), "other": queue.Queue[Any]()}
        for jobs in self._jobs.values():
            threading.Thread(target=self._work, args=(jobs,), daemon=True).start()

    def submit(self, tag: str, generation: int, function: Callable[[], Any]) -> None:
        jobs = self._jobs["run" if tag == "run" else "other"]
        if tag == "run":
            while True:
                try:
                    jobs.get_nowait()
                except queue.Empty:
                    break
        if jobs.qsize() < MAX_WAITING:
            jobs.put((tag, generation, function))

    def _work(self, jobs: queue.Queue[Any]) -> None:
        while True:
            tag, generation, function = jobs.get()
            try:
                outcome: tuple[str, int, Any, CommandError | None] = (tag, generation, function(), None)
            except CommandError as error:
                outcome = (tag, generation, None, error)
            except Exception as error:
                # A screen that dies is worse than one that says what went wrong.
                outcome = (tag, generation, None, CommandError(f"{type(error).__name__}: {error}", "report it"))
            self._outcomes.put(outcome)
            self._wake()

    def drain(self, app: App) -> None:
        while True:
            try:
                outcome = self._outcomes.get_nowait()
            except queue.Empty:
                return
            app.finished(*outcome)


def show(make: Callable[[Callable[[str, int, Callable[[], Any]], None]], App], *, mouse: bool = True) -> None:
    """Show the app that ``make`` builds around a submit function, until the user leaves."""
    with Terminal(mouse) as terminal:
        workers = Workers(terminal.wake)
        app = make(workers.submit)
        while not app.done and not terminal.hangup:
            terminal.draw(app.frame(*terminal.size()))
            for key in terminal.keys(app.wait_s()):
                if key == "ctrl+z":
                    terminal.suspend()
                elif key == "ctrl+l":
                    terminal.redraw()
                elif key == "M" and not app.typed:
                    terminal.toggle_mouse()
                    app.note = "the mouse scrolls, chooses and sorts" if terminal.mouse else "the mouse is the terminal's: it selects text; M takes it back"
                else:
                    app.key(key)
            if app.clipboard is not None:
                if not terminal.copy(app.clipboard):
                    app.note = "the row is too large for the terminal's clipboard"
                app.clipboard = None
            workers.drain(app)
            app.tick()
