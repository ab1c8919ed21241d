"""Every case of the Markdown documents beside this file."""

from __future__ import annotations

import os
from pathlib import Path

import pxl_documents as documents
import pytest
from pxl_engine import MemoryEngine

from kafkascope import pxl
from kafkascope.pxl import vis

HERE = Path(__file__).parent
CASES = [case for path in sorted(HERE.glob("*.md")) for case in documents.cases(path)]
BLESS = bool(os.environ.get("BLESS"))


def _compile(case: documents.Case, engine: MemoryEngine) -> pxl.Program:
    source = case.one("pxl")
    assert source is not None, "the case has no script"
    spec = case.one("vis")
    calls = vis.calls(vis.load(spec.text), documents.arguments(case)) if spec else []
    return pxl.compile(source.text, engine.relations(), calls, documents.NOW)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.path.stem}: {case.name}")
def test_document(case: documents.Case) -> None:
    expected = [b for b in case.blocks if b.kind in ("result", "error", "plan", "empty")]
    assert expected, "the case expects nothing"
    engine = MemoryEngine(documents.input_rows(case))
    failure = case.one("error")
    if failure is not None:
        with pytest.raises((pxl.PxLError, vis.ArgumentError, vis.VisError)) as caught:
            program = _compile(case, engine)
            pxl.run(program, engine)
        found = f"{getattr(caught.value, 'line', 0)}:{getattr(caught.value, 'column', 0)} {caught.value.message} | {caught.value.hint}".rstrip(" |") + "\n"
        _same(case, failure, found)
        return
    program = _compile(case, engine)
    plan = case.one("plan")
    if plan is not None:
        _same(case, plan, program.explain() + "\n")
    results = {r.name: r for r in pxl.run(program, engine)}
    for block in case.all("result"):
        name, ordered = " ".join(w for w in block.words if w != "ordered"), "ordered" in block.words
        assert name in results, f"no result '{name}', there are {list(results)}"
        header = documents.table(block.text)[0] if block.text.strip() else None
        if not BLESS and not ordered and header is not None:
            lines = block.text.splitlines()
            block.text = "\n".join([lines[0], *sorted(lines[1:])]) + "\n"
        _same(case, block, documents.shown(results[name], header, ordered))


def _same(case: documents.Case, block: documents.Block, found: str) -> None:
    if BLESS and block.text != found:
        documents.bless(case, block, found)
        return
    assert found == block.text, f"{case.path.name}, '{case.name}'\n--- expected\n{block.text}--- found\n{found}"


def test_documents_are_found() -> None:
    assert len(CASES) > 50
