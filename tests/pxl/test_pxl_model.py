"""Random pipelines over random rows, computed by the engine and by a plain model in Python: the same rows come out."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pxl_documents import NOW
from pxl_engine import MemoryEngine

from kafkascope import pxl

Row = dict[str, Any]
DEFAULTS = {"i": 0, "s": "", "f": 0.0, "b": False, "t": 0}
BASE = {"time_": "t", "client_id": "s", "topic": "s", "partition": "i", "bytes": "i"}
TEXTS = ["", "a", "b", "order", "b'", "É"]


@dataclass
class Frame:
    """A frame of the script by its name, its columns with their types, and the rows that the model says it has."""

    name: str
    types: dict[str, str]
    rows: list[Row]
    #: Whether time_ tells the rows apart, so that head() has one answer.
    ordered: bool = True


@dataclass
class Script:
    """The text that is made, a line for each step."""

    lines: list[str] = field(default_factory=lambda: ["import px"])
    made: int = 0

    def name(self) -> str:
        self.made += 1
        return f"df{self.made}"


base_rows = st.lists(
    st.fixed_dictionaries({"client_id": st.sampled_from(TEXTS), "topic": st.sampled_from(TEXTS), "partition": st.integers(-2, 3), "bytes": st.integers(-1000, 1000)}), max_size=12
)


def columns_of(frame: Frame, kinds: str) -> list[str]:
    return [name for name, kind in frame.types.items() if kind in kinds]


@st.composite
def condition(draw: Any, frame: Frame, depth: int = 0) -> tuple[str, Any]:
    """A condition as text, and as a function of a row."""
    kinds = ["compare"] if depth > 1 else ["compare", "and", "or", "not", "compare"]
    kind = draw(st.sampled_from(kinds))
    if kind == "compare":
        texts, numbers = columns_of(frame, "s"), columns_of(frame, "i")
        if texts and (not numbers or draw(st.booleans())):
            name, value = draw(st.sampled_from(texts)), draw(st.sampled_from(TEXTS))
            if draw(st.booleans()):
                return f"px.contains({frame.name}.{name}, {value!r})", lambda r: value in r[name]
            return f"{frame.name}.{name} != {value!r}", lambda r: r[name] != value
        if not numbers:
            return "True", lambda r: True
        name, value = draw(st.sampled_from(numbers)), draw(st.integers(-3, 3))
        operator, test = draw(st.sampled_from([("<", int.__lt__), (">=", int.__ge__), ("==", int.__eq__), ("!=", int.__ne__)]))
        return f"{frame.name}['{name}'] {operator} {value}", lambda r: test(r[name], value)
    one, first = draw(condition(frame, depth + 1))
    if kind == "not":
        return f"not ({one})", lambda r: not first(r)
    two, second = draw(condition(frame, depth + 1))
    if kind == "and":
        return f"({one}) and ({two})", lambda r: first(r) and second(r)
    return f"({one}) or ({two})", lambda r: first(r) or second(r)


def wrapped(value: int) -> int:
    """As numbers of 64 bits go on: the greatest of no rows is the smallest number."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def number(draw: Any, frame: Frame) -> tuple[str, Any]:
    """A whole number of a row, as text and as a function."""
    numbers = columns_of(frame, "i")
    if not numbers:
        return "7", lambda r: 7
    a, b = draw(st.sampled_from(numbers)), draw(st.sampled_from(numbers))
    n = frame.name
    forms = [
        (f"{n}.{a} + {n}.{b}", lambda r: r[a] + r[b]), (f"{n}.{a} - 5", lambda r: r[a] - 5), (f"px.abs({n}.{a})", lambda r: abs(r[a])),
        (f"px.bin({n}.{a}, 10)", lambda r: r[a] - (abs(r[a]) % 10 if r[a] >= 0 else -(abs(r[a]) % 10))),
        (f"px.select({n}.{a} > {n}.{b}, {n}.{a}, {n}.{b})", lambda r: max(r[a], r[b])), (f"-{n}.{a}", lambda r: -r[a]),
    ]  # fmt: skip
    return draw(st.sampled_from(forms))  # type: ignore[no-any-return]


def assign(draw: Any, script: Script, frame: Frame) -> Frame:
    target = draw(st.sampled_from(["x", "y", *[c for c in frame.types if c != "time_"]]))
    texts = columns_of(frame, "s")
    if texts and draw(st.booleans()):
        name = draw(st.sampled_from(texts))
        text, value, kind = draw(st.sampled_from([
            (f"{frame.name}.{name} + '/'", lambda r: r[name] + "/", "s"), (f"px.toupper({frame.name}.{name})", lambda r: r[name].upper(), "s"),
            (f"px.length({frame.name}.{name})", lambda r: len(r[name].encode()), "i"), (f"px.find({frame.name}.{name}, 'r')", lambda r: r[name].find("r"), "i"),
        ]))  # fmt: skip
    else:
        (text, value), kind = number(draw, frame), "i"
    script.lines.append(f"{frame.name}.{target} = {text}")
    return Frame(frame.name, {**{n: k for n, k in frame.types.items() if n != target}, target: kind}, [{**r, target: wrapped(value(r)) if kind == "i" else value(r)} for r in frame.rows], frame.ordered)


def keep_rows(draw: Any, script: Script, frame: Frame) -> Frame:
    text, test = draw(condition(frame))
    name = script.name()
    script.lines.append(f"{name} = {frame.name}[{text}]")
    return Frame(name, frame.types, [r for r in frame.rows if test(r)], frame.ordered)


def keep_columns(draw: Any, script: Script, frame: Frame) -> Frame:
    names = draw(st.lists(st.sampled_from(list(frame.types)), min_size=1, max_size=5, unique=True))
    name = script.name()
    script.lines.append(f"{name} = {frame.name}[{names!r}]")
    return Frame(name, {n: frame.types[n] for n in names}, [{n: r[n] for n in names} for r in frame.rows], frame.ordered and "time_" in names)


def head(draw: Any, script: Script, frame: Frame) -> Frame:
    if not frame.ordered or "time_" not in frame.types:
        return frame
    count, name = draw(st.integers(0, 5)), script.name()
    script.lines.append(f"{name} = {frame.name}.head({count})")
    return Frame(name, frame.types, sorted(frame.rows, key=lambda r: r["time_"])[:count])


def group(draw: Any, script: Script, frame: Frame) -> Frame:
    keys = draw(st.lists(st.sampled_from([n for n in frame.types if n != "time_"] or list(frame.types)), max_size=2, unique=True))
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in frame.rows:
        groups[tuple(row[k] for k in keys)].append(row)
    if not keys and not groups:
        groups[()] = []
    types, outputs, out = {k: frame.types[k] for k in keys}, [f"rows=({next(iter(frame.types))!r}, px.count)"], []
    sums = [n for n in columns_of(frame, "i") if draw(st.booleans())]
    for index, name in enumerate(sums):
        outputs += [f"s{index}=({name!r}, px.sum)", f"h{index}=({name!r}, px.max)", f"m{index}=({name!r}, px.mean)"]
    for key, rows in groups.items():
        row: Row = {**dict(zip(keys, key, strict=True)), "rows": len(rows)}
        for index, name in enumerate(sums):
            values = [r[name] for r in rows]
            row |= {f"s{index}": wrapped(sum(values)), f"h{index}": max(values, default=-(1 << 63)), f"m{index}": sum(values) / len(values) if values else float("nan")}
        out.append(row)
    types |= {"rows": "i"} | {f"{letter}{i}": ("f" if letter == "m" else "i") for i in range(len(sums)) for letter in "shm"}
    if len({*types}) < len(keys) + 1 + 3 * len(sums):
        return frame
    name = script.name()
    script.lines.append(f"{name} = {frame.name}.groupby({keys!r}).agg({', '.join(outputs)})")
    return Frame(name, types, out, False)


def join(draw: Any, script: Script, left: Frame, right: Frame) -> Frame:
    how = draw(st.sampled_from(["inner", "left", "right", "outer"]))
    pairs = [(a, b) for a in left.types for b in right.types if left.types[a] == right.types[b] and left.types[a] in "is"]
    on = draw(st.lists(st.sampled_from(pairs), max_size=2, unique=True)) if pairs else []
    names = [(side, n, n + (suffix if n in left.types.keys() & right.types.keys() else "")) for side, frame, suffix in ((0, left, "_l"), (1, right, "_r")) for n in frame.types]
    outputs = [o for _, _, o in names]
    if len(set(outputs)) < len(outputs) or "time_" in outputs or len(outputs) > 40 or len(left.rows) * len(right.rows) > 400:
        return left
    out, matched = [], set()
    for a in left.rows:
        found = [i for i, b in enumerate(right.rows) if all(a[x] == b[y] for x, y in on)]
        matched.update(found)
        out += [(a, right.rows[i]) for i in found]
        if not found and how in ("left", "outer"):
            out.append((a, {n: DEFAULTS[k] for n, k in right.types.items()}))
    if how in ("right", "outer"):
        out += [({n: DEFAULTS[k] for n, k in left.types.items()}, b) for i, b in enumerate(right.rows) if i not in matched]
    name = script.name()
    script.lines.append(f"{name} = {left.name}.merge({right.name}, how={how!r}, left_on={[a for a, _ in on]!r}, right_on={[b for _, b in on]!r}, suffixes=['_l', '_r'])")
    types = {o: (left, right)[side].types[n] for side, n, o in names}
    return Frame(name, types, [{o: pair[side][n] for side, n, o in names} for pair in out], False)


def union(draw: Any, script: Script, frame: Frame) -> Frame:
    text, test = draw(condition(frame))
    name = script.name()
    script.lines.append(f"{name} = {frame.name}.append([{frame.name}[{text}], {frame.name}])")
    return Frame(name, frame.types, [*frame.rows, *[r for r in frame.rows if test(r)], *frame.rows], False)


STEPS = [assign, assign, keep_rows, keep_columns, head, group, union]


@st.composite
def pipelines(draw: Any) -> tuple[list[Row], str, Frame]:
    rows = [{**r, "time_": NOW - 1000 + i} for i, r in enumerate(draw(base_rows))]
    script = Script()
    frames = []
    for _ in range(draw(st.integers(1, 2))):
        name = script.name()
        script.lines.append(f"{name} = px.DataFrame('kafka_produce', select={list(BASE)!r})")
        frame = Frame(name, dict(BASE), [dict(r) for r in rows])
        for step in draw(st.lists(st.sampled_from(STEPS), max_size=5)):
            frame = step(draw, script, frame)
            if len(frame.rows) > 200:
                break
        frames.append(frame)
    result = frames[0] if len(frames) == 1 else join(draw, script, *frames)
    for step in draw(st.lists(st.sampled_from([assign, keep_rows, group]), max_size=2)):
        result = step(draw, script, result)
    script.lines.append(f"px.display({result.name})")
    return rows, "\n".join(script.lines), result


def plain(value: Any) -> Any:
    return "nan" if value != value else f"{value:.9g}" if isinstance(value, float) else value


@pytest.fixture(scope="module")
def engine() -> MemoryEngine:
    return MemoryEngine()


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(pipelines())
def test_rows_are_those_of_a_plain_model(engine: MemoryEngine, made: tuple[list[Row], str, Frame]) -> None:
    rows, source, expected = made
    engine.fill("kafka_produce", rows)
    program = pxl.compile(source, engine.relations(), now_ns=NOW)
    result = pxl.run(program, engine, pxl.Limits(max_rows=100_000))[0]
    # Where an assignment puts a column is in the documents: it depends on the ones before.
    assert {c.name for c in result.columns} == expected.types.keys(), source
    found = sorted(repr([plain(row[n]) for n in expected.types]) for row in result.table.to_pylist())
    assert found == sorted(repr([plain(row[n]) for n in expected.types]) for row in expected.rows), source
