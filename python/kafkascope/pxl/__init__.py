"""PxL: a script is parsed, interpreted without ever running as Python, typed, planned, written as SQL, and run."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kafkascope.pxl.errors import PxLError

if TYPE_CHECKING:
    from kafkascope.pxl.program import Column, Engine, FuncCall, Limits, Program, Result, compile, run
    from kafkascope.pxl.pxmodule import function_names

__all__ = ["Column", "Engine", "FuncCall", "Limits", "Program", "PxLError", "Result", "compile", "function_names", "run"]


def __getattr__(name: str) -> Any:
    # A command or an agent that needs the types or an error name from here does not wait for the compiler.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module("kafkascope.pxl.pxmodule" if name == "function_names" else "kafkascope.pxl.program")
    value = globals()[name] = getattr(module, name)
    return value
