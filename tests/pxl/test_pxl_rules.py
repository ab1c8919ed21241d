"""A rule of the plan changes no result: random chains of steps give the same groups with it and without it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator

import pytest
from pxl_documents import NOW
from pxl_engine import MemoryEngine

from kafkascope import pxl
from kafkascope.pxl import rules
from kafkascope.pxl.rules import late, parse

TEXTS = ["", "a", "b", "a/b", 'q"\\', "é"]
HEAD = """import px
def element(df, to, array, index):
    df[to] = px.pluck_array(df[array], index)
    return df

def spread(df, to, array):
    df = element(df, to, array, 0).append(element(df, to, array, 1))
    return df[df[to] != '']

df = px.DataFrame('kafka_events.beta', start_time='-5m')
df.a = df.client_id
df.b = df.remote_addr
df.c = df.a
df.f = df.req_cmd == 1
df.bytes = df.req_bytes
df.seen = px.select(df.f, df.bytes, None)
"""
#: Steps over the texts ``a``, ``b`` and ``c`` and the truth ``f``, which each of them may set anew; ``{x}`` and ``{y}`` are two of the texts.
TEXT_STEPS = [
    "df.{x} = px.script_reference(df.{y}, 'px/pod', {{'pod': df.{x}, 'start_time': '-5m'}})", "df.{x} = df.{x} + '/' + df.{y}", "df.{x} = 'topic/' + df.{y}",
    "df.{x} = px.select(df.f, df.{x}, df.{y})", "df.{x} = df.{y}", "df.f = df.{x} == df.{y}", "df.f = df.bytes > 5", "df.{x} = px.toupper(df.{y})",
    "df.c = df.{x}", "df = df[df.f]", "df = df[df.{x} != 'a']", "df = df[['c', 'f', 'b', 'bytes', 'req_body', 'a', 'seen']]", "df.{x} = px.unnest(df.req_body)",
    "df = df.append(df[df.f])", "df = spread(df, '{x}', 'req_body')", "df.seen = px.select(df.f, df.bytes, None)", "df = df.sort('{x}')", "df.{x} = px.Pod(df.{y})",
]  # fmt: skip
MEASURES = ["n=('{x}', px.count)", "s=('bytes', px.sum)", "lo=('bytes', px.min)", "hi=('seen', px.max)", "u=('seen', px.sum)", "f=('f', px.sum)", "m=('bytes', px.mean)"]
#: Steps of a frame ``{df}`` on its way to its bodies.
BODY_STEPS = [
    "{df}.a = {df}.ctx['pod']", "{df} = {df}[{df}.ctx['namespace'] == 'n']", "{df} = {df}[{df}.client_id != 'a']", "{df}.b = {df}.a + {df}.remote_addr", "{df}.resp = {df}.req_body",
    "{df}.req_cmd = 1", "{df} = {df}[{df}.req_cmd == 1]", "{df} = {df}[{df}.f]", "{df} = {df}.drop(['c', 'seen'])", "{df}.f = {df}.req_cmd == 0",
]  # fmt: skip


def named(random_: random.Random, step: str) -> str:
    x, y = random_.sample("abc", 2)
    return step.format(x=x, y=y)


def texts(random_: random.Random) -> str:
    """Groups by texts that are made of one another."""
    steps = [named(random_, step) for step in random_.choices(TEXT_STEPS, k=random_.randrange(1, 7))]
    measures = ", ".join(named(random_, m) for m in random_.sample(MEASURES, random_.randrange(4)))
    shown = [f"px.display(df.groupby({random_.sample('abc', random_.randrange(1, 4))}).agg({measures}), 'one')", "px.display(df.groupby(['a']).agg(n=('bytes', px.count)), 'two')"]
    return HEAD + "\n".join([*steps, *shown])


def bodies(random_: random.Random) -> str:
    """Frames that come to the same field of a body by ways of their own."""
    lines = []
    for frame in ("df1", "df2", "df3"):
        steps = random_.sample(BODY_STEPS, random_.randrange(3))
        lines += [f"{frame} = df", *(step.format(df=frame) for step in steps), f"{frame} = {frame}[{frame}.req_cmd == {random_.choice([0, 1, 1, 1])}]"]
        lines += [f"{frame}.topics = px.pluck({frame}.{random_.choice(['resp', 'resp', 'req_body'])}, 'topics')", f"{frame} = spread({frame}, 'topic', 'topics')"]
        if random_.random() < 0.3:
            lines += [f"px.display({frame}.groupby(['a', 'b']).agg(n=('time_', px.count)), '{frame}')"]
            continue
        lines += [f"{frame}.name = px.pluck({frame}.topic, '{random_.choice(['name', 'size'])}')", f"px.display({frame}.groupby(['name', 'a', 'b']).agg(n=('time_', px.count)), '{frame}')"]
    return HEAD + "\n".join(lines)


def body(random_: random.Random) -> str:
    found = {"topics": [{"name": random_.choice(TEXTS), "size": random_.randrange(3)} for _ in range(random_.randrange(4))]}
    return json.dumps(random_.choice([found, found, {}, ["b", "a"], ["", "é"]]), separators=(",", ":"), ensure_ascii=False)


@pytest.fixture(scope="module")
def engine() -> MemoryEngine:
    random_ = random.Random(7)
    rows = [
        {
            "time_": NOW - 1000, "upid": random_.choice(["1:1:1", "1:2:1"]), "client_id": random_.choice(TEXTS), "remote_addr": random_.choice(TEXTS),
            "req_cmd": random_.randrange(2), "req_bytes": random_.randrange(10), "req_body": body(random_), "resp": body(random_),
        }
        for _ in range(80)
    ]  # fmt: skip
    return MemoryEngine({"kafka_events.beta": rows, "md_process": [{"upid": "1:1:1", "pod_name": "n/p", "namespace": "n"}]})


def answer(source: str, engine: MemoryEngine) -> tuple[list[object], str]:
    """The tables with their columns, rows in no order, and the plan."""
    program = pxl.compile(source, engine.relations(), now_ns=NOW)
    found: list[object] = []
    for result in pxl.run(program, engine):
        rows = [tuple(f"{v:.9g}" if isinstance(v, float) else v for v in row.values()) for row in result.table.to_pylist()]
        found.append(([(c.name, c.type, c.semantic_type) for c in result.columns], sorted(rows, key=repr)))
    return found, program.explain()


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[object], None]]:
    def leave_out(rule: object) -> None:
        monkeypatch.setattr(rules, "RULES", tuple(r for r in rules.RULES if r[0] is not rule))

    yield leave_out


@pytest.mark.parametrize(("rule", "script"), [(late.put_off, texts), (parse.parse_once, bodies)])
def test_results_are_those_without_the_rule(rule: object, script: Callable[[random.Random], str], engine: MemoryEngine, without: Callable[[object], None]) -> None:
    random_ = random.Random(1)
    sources = [script(random_) for _ in range(80)]
    ruled = [answer(source, engine) for source in sources]
    without(rule)
    # Plans are kept by their source: a comment makes it another.
    plain = [answer(f"{source}\n#", engine) for source in sources]
    for source, one, other in zip(sources, ruled, plain, strict=True):
        assert one[0] == other[0], source
    # Not only chains that the rule leaves alone were compared.
    assert sum(one[1] != other[1] for one, other in zip(ruled, plain, strict=True)) > 15
