"""Every name of ``px`` appears in a document, and every function computed at compile time takes the arguments that it announces."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pxl_documents import NOW
from pxl_engine import MemoryEngine

from kafkascope import pxl
from kafkascope.pxl import pxmodule
from kafkascope.pxl.functions.metadata import ALIASES, CONTEXT
from kafkascope.pxl.interpreter import Interpreter
from kafkascope.pxl.values import Builtin, Module

DOCUMENTS = "\n".join(path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.md")))


def builtins(module: Module) -> Iterator[Builtin]:
    for value in module.names.values():
        if isinstance(value, Module):
            yield from builtins(value)
        elif isinstance(value, Builtin):
            yield value


def test_every_function_has_a_case() -> None:
    assert [name for name in pxl.function_names() if not re.search(rf"\bpx\.{name}\b", DOCUMENTS)] == []


def test_every_key_of_ctx_has_a_case() -> None:
    assert [key for key in (*CONTEXT, *ALIASES) if f"ctx['{key}']" not in DOCUMENTS] == []


@pytest.mark.parametrize("found", list(builtins(pxmodule.build(Interpreter(MemoryEngine().relations(), NOW, False)))), ids=lambda found: found.name)
def test_what_is_announced_is_taken(found: Builtin) -> None:
    inspect.signature(found.run).bind((1, 1), **dict.fromkeys(name for name, _ in found.parameters))
