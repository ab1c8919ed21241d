"""Errors of the API, as users see them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_STATUS = {"script": 400, "argument": 400, "not_found": 404, "query": 400, "timeout": 408, "limit": 413, "internal": 500}
#: Characters of a message: it may repeat what was sent.
_MAX_TEXT = 2_000
_SHOWN = 60


class ApiError(Exception):
    """What went wrong, where, and what to do; ``kind`` is one of script, argument, not_found, query, timeout, limit, internal."""

    def __init__(self, kind: str, message: str, hint: str = "", *, line: int | None = None, column: int | None = None,
                 status: int | None = None) -> None:
        super().__init__(message)
        self.kind, self.message, self.hint, self.line, self.column = kind, message, hint, line, column
        self.status = status if status is not None else _STATUS[kind]

    def body(self) -> dict[str, Any]:
        error: dict[str, Any] = {"kind": self.kind, "message": _cut(self.message, _MAX_TEXT), "hint": _cut(self.hint, _MAX_TEXT)}
        if self.line is not None:
            error["line"], error["column"] = self.line, self.column
        return {"error": error}


def not_in_form(problem: Mapping[str, Any]) -> ApiError:
    """One of pydantic's errors about a request, with what was expected, what was found and where."""
    place = [str(part) for part in problem["loc"] if part not in ("body", "query", "path")]
    if problem["type"] == "json_invalid":
        return ApiError("argument", f"the body is no JSON: {problem['ctx']['error'].lower()} at character {place[-1]}", "see /api/docs")
    if not place:
        return ApiError("argument", "expected a JSON object as body, with content-type application/json", "see /api/docs")
    # Of a field of several types pydantic names the type it tried last, such as dict[str,any].
    where = ".".join(part for part in place if "[" not in part)
    if problem["type"] == "missing":
        return ApiError("argument", f"{where} is missing", "see /api/docs")
    if problem["type"] == "extra_forbidden":
        return ApiError("argument", f"no field '{where}'", "see /api/docs")
    expected = problem["msg"].lower().removeprefix("input should be ")
    return ApiError("argument", f"{where}: expected {expected}, found {_cut(json.dumps(problem['input'], default=repr), _SHOWN)}", "see /api/docs")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
