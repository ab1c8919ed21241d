"""Scripts that ask for more than there is end with a clear error, soon, and other queries go on meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pxl_documents import NOW
from pxl_engine import MemoryEngine

from kafkascope import pxl
from kafkascope.store.errors import QueryTimeout, QueryTooLarge

TABLE = "import px\ndf = px.DataFrame('kafka_events.beta')\n"
REFUSED = {
    "text doubled": ("import px\nx = 'aaaaaaaaaaaaaaaa'\n" + "x = x + x\n" * 40, "longer than 65536 characters"),
    "column doubled": (TABLE + "df.x = df.req_body\n" + "df.x = df.x + df.x\n" * 40 + "px.display(df)", "joins more than 64 texts"),
    "column replaced by itself": (TABLE + "df.x = df.req_body\n" + "df.x = px.replace('(.*)', df.x, '\\\\1\\\\1\\\\1')\n" * 20 + "px.display(df)", "more than 128 KiB of each row"),
    "column doubled through a union": (TABLE + "df.x = df.req_body\n" + "df = df.append(df)\ndf.x = df.x + df.x\n" * 20 + "px.display(df)", "joins more than 64 texts"),
    "column replaced by longer texts": (TABLE + "df.x = 'aaaaaaaa'\n" + "df.x = px.replace('a', df.x, 'aaaaaaaaaaaaaaaa')\n" * 9 + "px.display(df)", "more than 128 KiB of each row"),
    "a replacement in a replacement": (TABLE + f"df.x = px.replace('', px.replace('', 'aaaaaaaa', '{'a' * 999}'), '{'a' * 999}')\npx.display(df)", "more than 128 KiB of each row"),
    "a body in each of many columns": (TABLE + "".join(f"df.c{i} = df.resp + 'x{i}'\n" for i in range(900)) + "px.display(df)", "more than 128 KiB of each row"),
    "a long constant in each of many columns": (TABLE + "x = 'aaaaaaaaaaaaaaaa'\n" + "x = x + x\n" * 12 + "".join(f"df.c{i} = df.client_id + x\n" for i in range(900)) + "px.display(df)", "more than 128 KiB of each row"),
    "fields of a body in many columns": (TABLE + "".join(f"df.c{i} = px.toupper(df.resp)\n" for i in range(900)) + "px.display(df)", "more than 128 KiB of each row"),
    "expression doubled": (TABLE + "x = df.latency\n" + "x = x + x\n" * 40 + "df.x = x\npx.display(df)", "more than 2000 parts"),
    "recursion": ("import px\ndef f(x):\n    return f(x)\npx.display(f(1))", "more than 40 deep"),
    "two functions that call each other": ("import px\ndef f(x):\n    return g(x)\ndef g(x):\n    return f(x)\npx.display(f(1))", "more than 40 deep"),
    "calls that double": ("import px\n" + "".join(f"def f{i}(x):\n    return f{i + 1}(x) + f{i + 1}(x)\n" for i in range(30)) + "def f30(x):\n    return x\nx = f0(1)", "more than 50000 steps"),
    "ten megabytes": ("import px\n" + "x = 1\n" * 1_700_000, "longer than 262144 characters"),
    "brackets": ("import px\nx = " + "(" * 3000 + "1" + ")" * 3000, "too many nested parentheses"),
    "tables": ("import px\n" + "px.display(px.GetTables())\n" * 101, "more than 100 tables"),
    "columns": (TABLE + "".join(f"df.c{i} = 1\n" for i in range(1001)) + "px.display(df)", "more than 1000 columns"),
    "a list": (TABLE + f"df.x = px.equals_any(df.client_id, {list(range(9000))})\npx.display(df)", "more than 2000 parts"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_script_that_grows_without_end_is_refused(name: str) -> None:
    source, message = REFUSED[name]
    began = time.process_time()
    with pytest.raises(pxl.PxLError) as caught:
        pxl.compile(source, MemoryEngine().relations(), now_ns=NOW)
    assert message in caught.value.message, caught.value
    assert caught.value.line > 0 or name == 'ten megabytes'
    assert time.process_time() - began < 10


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    pytest.importorskip("kafkascope._core", reason="the core is not built")
    from kafkascope.agent import captures

    loaded = captures.load([str(Path(__file__).parents[2] / "captures" / "demo" / "px-kafka.pcap.gz")])
    yield loaded.store.engine()
    loaded.store.close()


RUNAWAY = {
    "every pair": "d = px.DataFrame('kafka_events.beta')[['latency']]\ndf = d\n"
    + "".join(f"df = df.merge(d, how='inner', left_on=[], right_on=[], suffixes=['', '_{i}'])\n" for i in range(6)) + "px.display(df.agg(n=('latency', px.sum)))",
    "every pair, sorted": "d = px.DataFrame('kafka_events.beta')[['latency', 'req_body']]\n"
    "df = d.merge(d, how='inner', left_on=[], right_on=[]).merge(d, how='inner', left_on=[], right_on=[])\npx.display(df.sort('req_body_x'))",
    "rows doubled": "df = px.DataFrame('kafka_events.beta')[['latency']]\n" + "df = df.append(df)\n" * 40 + "px.display(df.agg(n=('latency', px.sum)))",
}  # fmt: skip


@pytest.mark.parametrize("name", RUNAWAY)
def test_a_query_without_end_is_ended_while_others_go_on(engine: Any, name: str) -> None:
    ended: list[BaseException] = []

    def run_away() -> None:
        try:
            pxl.run(pxl.compile("import px\n" + RUNAWAY[name], engine.relations(), now_ns=NOW), engine, pxl.Limits(timeout_s=2))
        except (QueryTimeout, QueryTooLarge) as error:
            ended.append(error)

    thread = threading.Thread(target=run_away)
    thread.start()
    thread.join(0.5)
    count = "import px\npx.display(px.DataFrame('kafka_produce').agg(n=('time_', px.count)))"
    answer = pxl.run(pxl.compile(count, engine.relations(), now_ns=NOW), engine)[0].table.to_pylist()
    thread.join(60)
    assert answer == [{"n": 294}] and len(ended) == 1, ended


def test_sixty_texts_are_joined_into_one_at_once() -> None:
    engine = MemoryEngine({"kafka_events.beta": [{"time_": NOW - 1, "client_id": "ab"}]})
    began = time.process_time()
    program = pxl.compile(TABLE + f"df.x = {' + '.join(['df.client_id'] * 60)}\npx.display(df[['x']])", engine.relations(), now_ns=NOW)
    assert time.process_time() - began < 5
    assert " || " not in program.sql(engine)
    assert pxl.run(program, engine)[0].table.to_pylist() == [{"x": "ab" * 60}]
