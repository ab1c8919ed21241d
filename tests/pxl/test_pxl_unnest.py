"""px.unnest over random JSON against a plain model of it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from pxl_documents import NOW
from pxl_engine import MemoryEngine

from kafkascope import pxl

SOURCE = """import px
df = px.DataFrame('kafka_events.beta', start_time='-5m')
df.outer = px.unnest(df.req_body)
df.inner = px.unnest(df.outer)
px.display(df[['client_id', 'outer', 'inner']])
"""


def value(random_: random.Random, depth: int) -> Any:
    kind = random_.randrange(8 if depth < 3 else 5)
    if kind < 5:
        return [None, random_.randrange(-9, 9), random_.choice([True, False]), random_.choice(["", "a b", 'q"\\', "é", "[1]", "{"]), {}][kind]
    if kind == 5:
        return {random_.choice("abc"): value(random_, depth + 1)}
    return [value(random_, depth + 1) for _ in range(random_.randrange(4))]


def text(found: Any) -> str:
    """An element as px.pluck_array shows it."""
    if found is None:
        return ""
    return found if isinstance(found, str) else json.dumps(found, separators=(",", ":"), ensure_ascii=False)


def elements(source: str) -> list[str]:
    try:
        found = json.loads(source)
    except ValueError:
        return []
    return [text(item) for item in found] if isinstance(found, list) else []


@pytest.mark.parametrize("seed", range(5))
def test_rows_are_those_of_a_plain_model(seed: int) -> None:
    random_ = random.Random(seed)
    bodies = [json.dumps(value(random_, 0), separators=(",", ":"), ensure_ascii=False)[: random_.choice([999, 999, 9])] for _ in range(200)]
    engine = MemoryEngine({"kafka_events.beta": [{"time_": NOW - 1000, "client_id": str(i), "req_body": body} for i, body in enumerate(bodies)]})
    program = pxl.compile(SOURCE, engine.relations(), now_ns=NOW)
    found = sorted(tuple(row.values()) for row in pxl.run(program, engine)[0].table.to_pylist())
    assert found == sorted((str(i), outer, inner) for i, body in enumerate(bodies) for outer in elements(body) for inner in elements(outer))
    assert found
