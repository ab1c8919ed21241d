"""Modules that are written in PxL themselves: a script imports them and calls their functions."""

from __future__ import annotations

from functools import cache
from pathlib import Path

#: Importable modules written in PxL.
NAMES = ("pxviews", "kafkaviews", "lagviews")


@cache
def source(name: str) -> str:
    """The text of a module of ``NAMES``."""
    return (Path(__file__).parent / f"{name}.pxl").read_text(encoding="utf-8")
