"""Tables that scripts of Pixie read and that Kafkascope does not capture: known by name and columns, always without rows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from kafkascope.store import catalogue

SOURCE = Path(__file__).with_suffix(".txt")


@cache
def relations() -> Mapping[str, Any]:
    """The tables by name, as the catalogue describes its own."""
    return catalogue.parse(SOURCE.read_text(encoding="utf-8"), SOURCE.name)


def note(table: str) -> str:
    """Why a table has no rows."""
    return f"{table} is not captured by Kafkascope: it has its columns and no rows"
