"""The token between agents and their server, which may change while both run."""

from __future__ import annotations

import hmac
import time
from pathlib import Path

_LOOK_S = 1.0


class Token:
    """A token given as text, or kept in a file that is read again when it changes."""

    def __init__(self, text: str = "", file: str = "") -> None:
        self._text = text
        self._file = Path(file) if file else None
        self._looked = float("-inf")
        self.problem = ""

    def __bool__(self) -> bool:
        return bool(self._text) or self._file is not None

    @property
    def text(self) -> str:
        """What holds now; empty when the file has none."""
        if self._file is not None and time.monotonic() - self._looked >= _LOOK_S:
            self._looked = time.monotonic()
            try:
                self._text = self._file.read_text(encoding="utf-8").strip()
                self.problem = "" if self._text else f"{self._file} is empty"
            except (OSError, UnicodeDecodeError) as error:
                # Kubernetes replaces a secret's files in one step: a moment without them is no revocation, an empty file is.
                self.problem = f"{self._file} cannot be read: {getattr(error, 'strerror', None) or error}"
        return self._text

    def fits(self, given: str) -> bool:
        """Whether ``given`` is the token that holds now; an empty one never is."""
        expected = self.text
        return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())
