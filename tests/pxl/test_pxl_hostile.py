"""Whatever text comes in, a script compiles or gives a ``PxLError`` with a place in the text; the SQL that comes out runs."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from pxl_documents import NOW
from pxl_engine import MemoryEngine

from kafkascope import pxl
from kafkascope.pxl import vis
from kafkascope.scripts import Library
from kafkascope.store import Store

SCRIPTS = sorted(Library.load().scripts.items())
WORDS = ["df", "px", "(", ")", "[", "]", ",", "=", "==", "+", "-", "or", "and", "not", "'topic'", "1", "0", "None", "[]", "{}", "px.sum", "px.select", "df.topic", ".agg()", "\n", "  ", "'", '"', "\\", "\x00", "é", ":"]


def mutate(text: str, random_: random.Random) -> str:
    for _ in range(random_.randint(1, 4)):
        at = random_.randrange(len(text) + 1)
        kind = random_.randrange(4)
        if kind == 0:
            text = text[:at] + text[at + random_.randint(1, 12) :]
        elif kind == 1:
            text = text[:at] + random_.choice(WORDS) + text[at:]
        elif kind == 2:
            lines = text.splitlines(keepends=True)
            lines.pop(random_.randrange(len(lines)))
            text = "".join(lines) or " "
        else:
            lines = text.splitlines(keepends=True)
            one, two = random_.randrange(len(lines)), random_.randrange(len(lines))
            lines[one], lines[two] = lines[two], lines[one]
            text = "".join(lines)
    return text


@pytest.mark.parametrize("seed", range(40))
def test_damaged_scripts(seed: int) -> None:
    random_ = random.Random(seed)
    engine = MemoryEngine()
    for name, script in SCRIPTS:
        spec = vis.load(script.vis)
        required = {v["name"]: "x" for v in vis.variables(spec) if "defaultValue" not in v}
        text = mutate(script.pxl, random_)
        try:
            program = pxl.compile(text, engine.relations(), vis.calls(spec, required), NOW)
        except pxl.PxLError as error:
            assert error.message, name
            assert 0 <= error.line <= text.count("\n") + 2, (name, error)
            continue
        pxl.run(program, engine)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000, "[" * 300 + "]" * 300, "x = " + "-" * 5000 + "1", "import px\n" + "x = 1 + " * 3000 + "1", "import px\nx = px" + ".a" * 5000, "\ufeffimport px", "import px\x00",
        "import px\npx.display(px.DataFrame('kafka_produce'), name=px)", "import px\ndf = px.DataFrame('kafka_produce')\ndf[df] = 1", "import px\npx.display(px.GetTables().GetTables())",
        "import px\npx.display(px)", "import px\ndf = px\ndf.x = 1", "import px\nx = 'a'[0]", "import px\nx = [1, 2][5]", "import px\nx = px.seconds(1e300)", "import px\nx = 1e308 * 10 % 3",
        "import px\nx = px.strptime('a', 'b')", "import px as p\np.display(p.DataFrame('kafka_produce').head(-1))", "def f(): return f\nf()()()", "import px\n@px.now\ndef f():\n    return 1",
        "import px\ndef f(a, a):\n    return 1", "import px\nf(x=1, x=2)", "import px\nx = -9223372036854775808 - 1", "import px\nx = (1 / 0) % 0", "import px\nx = b'a'", "import px\nx = 1j", "import px\nx = ...",
    ],
)  # fmt: skip
def test_odd_scripts_are_refused(text: str) -> None:
    with pytest.raises(pxl.PxLError) as caught:
        pxl.compile(text, MemoryEngine().relations(), now_ns=NOW)
    assert caught.value.message


@pytest.mark.parametrize("text", ["it's", "'; DROP TABLE kafka_produce; --", 'a"b', "\\", "%_", "{0}", "$1", "é\n\t", "[1]", "scan:kafka_produce::", "*/ /*"])
def test_texts_are_values_never_sql(text: str) -> None:
    source = f"""import px
text = {text!r}
df = px.DataFrame('kafka_produce', start_time='-5m')
df.label = text
df.same = df.topic == text
df['col ' + text] = px.contains(df.topic, text)
df.link = px.script_reference(text, text, {{'a': text}})
df.plucked = px.pluck(df.topic, text)
df.split = px.split(df.topic, text)
px.display(df)
"""
    engine = MemoryEngine({"kafka_produce": [{"time_": NOW - 1, "topic": text}]})
    ((row,),) = (r.table.to_pylist() for r in pxl.run(pxl.compile(source, engine.relations(), now_ns=NOW), engine))
    assert row["label"] == text and row["same"] is True and row["col " + text] is True


def test_what_does_not_fit_64_bits_wraps_whichever_engine_says_so(tmp_path: Path) -> None:
    engine = MemoryEngine({"md_node": [{"time_": NOW - 1, "node_name": "n", "num_cpus": 5}]})
    program = pxl.compile("import px\ndf = px.DataFrame('md_node')\ndf.x = 9223372036854775807 + df.num_cpus\npx.display(df[['x']])", engine.relations(), now_ns=NOW)
    with Store(tmp_path) as store:
        store.append("md_node", engine.execute(engine.scan("md_node", None, None, list(engine.relations()["md_node"].by_name)), timeout_s=5).to_batches()[0])
        for either in (engine, store.engine()):
            assert pxl.run(program, either)[0].table.column("x").to_pylist() == [(1 << 63) - 1 + 5 - (1 << 64)]


def test_a_text_that_grows_by_replacement_ends() -> None:
    """What no constant tells: the texts to replace by come from the table."""
    engine = MemoryEngine({"kafka_produce": [{"time_": NOW - i, "topic": "a" * 2000} for i in range(5)]})
    source = "df.x = px.replace('a', df.topic, df.topic)\ndf.x = px.replace('a', df.x, df.topic)"
    program = pxl.compile(f"import px\ndf = px.DataFrame('kafka_produce')\n{source}\npx.display(df[['x']])", engine.relations(), now_ns=NOW)
    found = pxl.run(program, engine)[0].table.column("x").to_pylist()
    # What is said instead of the text holds letters of its own, which are replaced again.
    assert all(len(text) <= 1 << 20 for text in found) and len(found) == 5


def test_long_results_are_cut_and_say_so() -> None:
    engine = MemoryEngine({"kafka_produce": [{"time_": NOW - i, "partition": i} for i in range(30)]})
    source = "import px\ndf = px.DataFrame('kafka_produce')\npx.display(df)\npx.display(df.sort('partition').groupby('partition').agg())"
    program = pxl.compile(source, engine.relations(), now_ns=NOW)
    first, second = pxl.run(program, engine, pxl.Limits(max_rows=10))
    assert first.truncated and second.truncated and second.table.num_rows == 10
    # Of rows in time, the newest are kept, and come in time's order.
    assert first.table.column("partition").to_pylist() == list(range(9, -1, -1))
    whole = pxl.compile("#px:set max_output_rows_per_table=30\n" + source, engine.relations(), now_ns=NOW)
    assert [r.truncated for r in pxl.run(whole, engine, pxl.Limits(max_rows=10))] == [False, False]
    with pytest.raises(pxl.PxLError):
        pxl.compile("#px:set max_output_rows_per_table=many\n" + source, engine.relations(), now_ns=NOW)
