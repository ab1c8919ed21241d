"""Errors of the API, as users see them."""

from __future__ import annotations

from typing import Any

_STATUS = {"script": 400, "argument": 400, "not_found": 404, "query": 400, "timeout": 408, "limit": 413, "internal": 500}


class ApiError(Exception):
    """What went wrong, where, and what to do; ``kind`` is one of script, argument, not_found, query, timeout, limit, internal."""

    def __init__(self, kind: str, message: str, hint: str = "", *, line: int | None = None, column: int | None = None,
                 status: int | None = None) -> None:
        super().__init__(message)
        self.kind, self.message, self.hint, self.line, self.column = kind, message, hint, line, column
        self.status = status if status is not None else _STATUS[kind]

    def body(self) -> dict[str, Any]:
        error: dict[str, Any] = {"kind": self.kind, "message": self.message, "hint": self.hint}
        if self.line is not None:
            error["line"], error["column"] = self.line, self.column
        return {"error": error}
