"""The terminal itself: raw keys in, lines of styled text out. Nothing here knows what is shown."""

from __future__ import annotations

import base64
import io
import os
import select
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Any

from rich.console import Console
from rich.text import Text

from kafkascope.tui.keys import KeyReader

#: After an escape, what belongs to it arrives within this, over slow lines too.
ESCAPE_S = 0.1
#: Terminals refuse longer texts for their clipboard.
MAX_CLIPBOARD = 74_000
#: Buttons and the wheel, with places beyond column 223.
_MOUSE_ON, _MOUSE_OFF = "\x1b[?1000h\x1b[?1006h", "\x1b[?1006l\x1b[?1000l"


class Terminal:
    """The user's screen while the program runs; gives it back as it was, whatever happens."""

    def __init__(self, mouse: bool = True) -> None:
        """``mouse`` asks the terminal for clicks and the wheel; text is then selected with shift held."""
        self.mouse = mouse
        self._in, self._out = sys.stdin.fileno(), sys.stdout.fileno()
        self._keys = KeyReader()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._saved: list[Any] = []
        self._handlers: dict[int, Any] = {}
        self._shown: list[Text] = []
        self._size = (0, 0)
        self._console = Console(file=io.StringIO(), force_terminal=True, highlight=False, legacy_windows=False)
        self.hangup = False

    def __enter__(self) -> Terminal:
        self._saved = termios.tcgetattr(self._in)
        for number in (signal.SIGWINCH, signal.SIGTERM, signal.SIGHUP):
            self._handlers[number] = signal.signal(number, self._signal)
        self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _start(self) -> None:
        tty.setraw(self._in, termios.TCSADRAIN)
        # The other screen, no cursor, no wrapping at the edge.
        self._write("\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J" + (_MOUSE_ON if self.mouse else ""))
        self._shown = []

    def _stop(self) -> None:
        try:
            self._write((_MOUSE_OFF if self.mouse else "") + "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l")
            termios.tcsetattr(self._in, termios.TCSADRAIN, self._saved)
        except OSError:
            # The terminal went away before us.
            pass

    def _signal(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGWINCH:
            self.hangup = True
        self.wake()

    def wake(self) -> None:
        """End a ``keys`` call, from any thread."""
        try:
            os.write(self._wake_write, b"x")
        except (BlockingIOError, OSError):
            pass

    def redraw(self) -> None:
        """Forget what is shown, so that the next drawing sends all of it."""
        self._size = (0, 0)

    def toggle_mouse(self) -> None:
        """Take the mouse, or leave it to the terminal, which selects text with it."""
        self.mouse = not self.mouse
        self._write(_MOUSE_ON if self.mouse else _MOUSE_OFF)

    def suspend(self) -> None:
        """Stop as ctrl-z does, and come back."""
        self._stop()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._start()

    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        try:
            size = os.get_terminal_size(self._out)
        except OSError:
            size = shutil.get_terminal_size()
        return max(size.columns, 20), max(size.lines, 6)

    def keys(self, timeout: float | None) -> list[str]:
        """Keys that were pressed; empty after ``timeout``, a resize or a ``wake``."""
        wait = ESCAPE_S if self._keys.waiting else timeout
        ready, _, _ = select.select([self._in, self._wake_read], [], [], wait)
        if self._wake_read in ready:
            os.read(self._wake_read, 4096)
        if self._in in ready:
            try:
                data = os.read(self._in, 4096)
            except OSError:
                data = b""
            if not data:
                self.hangup = True
            return self._keys.feed(data)
        return self._keys.flush() if not ready and self._keys.waiting else []

    def draw(self, lines: Sequence[Text]) -> None:
        """Show ``lines``; only those that changed are sent."""
        size = self.size()
        parts = []
        if size != self._size:
            self._size, self._shown = size, []
            self._console.width = size[0]
            parts.append("\x1b[0m\x1b[2J")
        for number, line in enumerate(lines):
            if number < len(self._shown) and self._shown[number] == line and self._shown[number].style == line.style:
                continue
            parts.append(f"\x1b[{number + 1};1H\x1b[0m{self._ansi(line)}")
        self._shown = list(lines)
        if parts:
            # Terminals that know it show the whole at once; others ignore it.
            self._write("\x1b[?2026h" + "".join(parts) + "\x1b[?2026l")

    def _ansi(self, line: Text) -> str:
        system, colours = self._console._color_system, not self._console.no_color
        return "".join(
            (segment.style if colours else segment.style.without_color).render(segment.text, color_system=system) if segment.style else segment.text
            for segment in line.render(self._console, end="")
            if not segment.control
        )

    def copy(self, text: str) -> bool:
        """Give ``text`` to the terminal's clipboard (OSC 52), which works over ssh; whether it was small enough."""
        data = base64.b64encode(text.encode()).decode()
        if len(data) > MAX_CLIPBOARD:
            return False
        self._write(f"\x1b]52;c;{data}\x07")
        return True

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        while data:
            data = data[os.write(self._out, data) :]
