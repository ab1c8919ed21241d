"""What can go wrong with a demo, with what to do about it."""

from __future__ import annotations


class DemoError(Exception):
    """``message`` says what was expected and what was found, ``hint`` what to do; ``code`` is the exit code."""

    def __init__(self, message: str, hint: str = "", code: int = 1) -> None:
        super().__init__(message)
        self.message, self.hint, self.code = message, hint, code
