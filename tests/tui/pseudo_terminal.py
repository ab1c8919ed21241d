"""A program on a pseudo-terminal, and what a person would see on it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

from rich.cells import cell_len

_TOKEN = re.compile(r"\x1b\[([?<>=]?)([\d;]*)([@-~])|\x1b\]([^\x07]*)\x07|\x1b(.)|([^\x1b]+)", re.S)
#: The child takes the terminal for its own, as a shell's child has it: resizing reaches it as a signal.
_CHILD = "import fcntl, runpy, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); sys.argv = ['px', *sys.argv[1:]]; runpy.run_module('kafkascope.cli.main', run_name='__main__')"
KEYS = {"up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "enter": "\r", "esc": "\x1b", "tab": "\t", "shift+tab": "\x1b[Z", "pagedown": "\x1b[6~", "end": "\x1b[F",
        "ctrl+c": "\x03", "ctrl+k": "\x0b", "ctrl+s": "\x13", "ctrl+r": "\x12", "backspace": "\x7f", "home": "\x1bOH"}  # fmt: skip


class PseudoTerminal:
    """``px`` with ``words`` on a terminal of ``columns`` by ``lines``."""

    def __init__(self, *words: str, columns: int = 80, lines: int = 24, env: dict[str, str] | None = None) -> None:
        self._master, slave = pty.openpty()
        self.columns, self.lines = columns, lines
        self._set_size()
        environment = {**os.environ, "TERM": "xterm-256color", "TZ": "UTC", **(env or {})}
        # The size is the terminal's: readline, where it is loaded, leaves that of another in the environment.
        for name in ("NO_COLOR", "COLUMNS", "LINES"):
            environment.pop(name, None)
        environment |= env or {}
        self.process = subprocess.Popen([sys.executable, "-c", _CHILD, *words], stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=environment)
        self._before = termios.tcgetattr(slave)
        self._slave = slave
        self.modes: set[str] = set()
        self.clipboard = ""
        #: Parameters of colour that were sent.
        self.colours: set[int] = set()
        self.after = ""
        self._rest = b""
        self._clear()

    def __enter__(self) -> PseudoTerminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)
        os.close(self._master)
        os.close(self._slave)

    def _set_size(self) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", self.lines, self.columns, 0, 0))

    def _clear(self) -> None:
        self._grid = [[" "] * self.columns for _ in range(self.lines)]
        self._row = self._column = 0

    def resize(self, columns: int, lines: int) -> None:
        self.columns, self.lines = columns, lines
        self._clear()
        self._set_size()

    def press(self, *keys: str) -> None:
        """Press keys by name; anything else is typed as it stands."""
        for key in keys:
            os.write(self._master, KEYS.get(key, key).encode())
            if key == "esc":
                # A person's escape is followed by nothing for a while.
                time.sleep(0.15)

    def pump(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return False
        self._rest += os.read(self._master, 65536)
        # An escape or a character may be cut at the end of what was read.
        cut = self._rest.rfind(b"\x1b")
        whole = self._rest if cut < 0 or len(self._rest) - cut > 80 or re.fullmatch(rb"\x1b(\[[?\d;]*[@-~]|\][^\x07]*\x07).*", self._rest[cut:], re.S) else self._rest[:cut]
        while whole:
            try:
                text = whole.decode()
                break
            except UnicodeDecodeError as error:
                whole = whole[: error.start]
        else:
            return True
        self._rest = self._rest[len(whole) :]
        self._feed(text)
        return True

    def _feed(self, text: str) -> None:
        for match in _TOKEN.finditer(text):
            private, numbers, final, command, _, printed = match.groups()
            if printed is not None:
                self._print(printed)
            elif command is not None and command.startswith("52;"):
                self.clipboard = command.rpartition(";")[2]
            elif final == "H":
                row, _, column = numbers.partition(";")
                self._row, self._column = int(row or 1) - 1, int(column or 1) - 1
            elif final == "m":
                self.colours |= {int(n) for n in numbers.split(";") if n and (30 <= int(n) <= 38 or 40 <= int(n) <= 48 or 90 <= int(n) <= 107)}
            elif final == "J":
                self._clear()
            elif final in ("h", "l") and private == "?":
                (self.modes.add if final == "h" else self.modes.discard)(numbers)
                if numbers == "1049":
                    self._clear()

    def _print(self, text: str) -> None:
        if "1049" not in self.modes:
            self.after += text
        for char in text:
            if char == "\n":
                self._row += 1
            elif char == "\r":
                self._column = 0
            elif 0 <= self._row < self.lines and self._column < self.columns:
                size = cell_len(char)
                self._grid[self._row][self._column] = char
                if size == 2 and self._column + 1 < self.columns:
                    self._grid[self._row][self._column + 1] = ""
                self._column += size

    @property
    def screen(self) -> list[str]:
        """The lines that are shown."""
        return ["".join(row).rstrip() for row in self._grid]

    def wait_for(self, text: str, seconds: float = 150, gone: bool = False) -> list[str]:
        """Until ``text`` is on the screen, or no more on it; the screen then."""
        until = time.monotonic() + seconds
        while (text in "\n".join(self.screen)) == gone:
            left = until - time.monotonic()
            if left <= 0:
                raise AssertionError(f"{'still' if gone else 'not'} on the screen: {text!r}\n" + "\n".join(self.screen))
            self.pump(min(left, 0.2))
        return self.screen

    def wait_exit(self, seconds: float = 150) -> int:
        """The exit code; what was printed after the screen was given back is in ``after``."""
        until = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < until:
            self.pump(0.05)
        while self.pump(0.05):
            pass
        assert self.process.poll() is not None, "still running\n" + "\n".join(self.screen)
        return int(self.process.returncode)

    def restored(self) -> bool:
        """Whether the terminal is as it was before."""
        now = termios.tcgetattr(self._slave)
        return now == self._before and "1049" not in self.modes and "25" in self.modes
