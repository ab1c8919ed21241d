"""PxL: a script is parsed, interpreted without ever running as Python, typed, planned, written as SQL, and run."""

from __future__ import annotations

from kafkascope.pxl.errors import PxLError
from kafkascope.pxl.program import Column, Engine, FuncCall, Limits, Program, Result, compile, run
from kafkascope.pxl.pxmodule import function_names

__all__ = ["Column", "Engine", "FuncCall", "Limits", "Program", "PxLError", "Result", "compile", "function_names", "run"]
