"""Bodies that are read into structs at once give the rows that a plain model of Pixie's JSON functions gives, step by step."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest
from pxl_documents import NOW
from pxl_engine import MemoryEngine

from kafkascope import pxl

#: Elements 0 to 2 of arrays inside arrays, as Pixie's own Kafka scripts take them, and single fields beside them.
SOURCE = """import px
def element(df, to, array, index):
    df[to] = px.pluck_array(df[array], index)
    return df

def unnest(df, to, array):
    return element(df, to, array, 0).append(element(df, to, array, 1)).append(element(df, to, array, 2))

df = px.DataFrame('kafka_events.beta', start_time='-5m')
df.topics = px.pluck(df.resp, 'topics')
df.error = px.pluck(df.resp, 'error_code')
df.whole = {whole}
df = unnest(df, 'topic', 'topics')
df = df[df.topic != '']
df.name = px.pluck(df.topic, 'name')
df.partitions = px.pluck(df.topic, 'partitions')
df = unnest(df, 'partition', 'partitions')
df = df[df.partition != '']
df.size = px.atoi(px.pluck(px.pluck(df.partition, 'message_set'), 'size'), 0)
df.first = px.pluck(px.pluck_array(px.pluck(df.partition, 'aborted'), 0), 'producer_id')
px.display(df[['error', 'name', 'size', 'first', 'whole']])
"""


def partition(random_: random.Random) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "index": random_.randrange(9), "message_set": random_.choice([{"size": random_.randrange(1 << 40)}, {}, None]),
        "aborted": random_.choice([[], None, [{"producer_id": random_.randrange(9)}, {"producer_id": 1}]]),
    }  # fmt: skip
    return {name: fields[name] for name in random_.sample(list(fields), random_.randrange(1, 4))}


def body(random_: random.Random) -> dict[str, Any]:
    topics = [{"name": random_.choice(["order", 'ü"\\', None, ""]), "partitions": [partition(random_) for _ in range(random_.randrange(5))]} for _ in range(random_.randrange(5))]
    fields: dict[str, Any] = {"error_code": random_.randrange(3), "topics": random_.choice([topics, topics, topics, None, "order", 7])}
    return {name: fields[name] for name in random_.sample(list(fields), random_.randrange(1, 3))}


def text(value: Any) -> str:
    """A value as ``px.pluck`` shows it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def expected(bodies: list[Any], whole: bool) -> list[tuple[Any, ...]]:
    rows = []
    for found in bodies:
        topics = found.get("topics") if isinstance(found, dict) else None
        for topic in topics[:3] if isinstance(topics, list) else []:
            for part in topic["partitions"][:3]:
                size = (part.get("message_set") or {}).get("size", 0)
                first = (part.get("aborted") or [{}])[0].get("producer_id")
                rows.append((text(found.get("error_code")), text(topic["name"]), size, text(first), len(text(topics).encode()) if whole else 0))
    return sorted(rows)


# Where the text of an array is wanted as well, it is the text that is read.
@pytest.mark.parametrize("whole", ["0", "px.length(df.topics)"])
@pytest.mark.parametrize("seed", range(3))
def test_rows_are_those_of_a_plain_model(seed: int, whole: str) -> None:
    random_ = random.Random(seed)
    bodies = [body(random_) for _ in range(300)]
    texts = [json.dumps(b, separators=(",", ":"), ensure_ascii=False) for b in bodies]
    cut = [texts[0][:-1], "", "[]", "null", "{"]
    engine = MemoryEngine({"kafka_events.beta": [{"time_": NOW - 1000, "req_cmd": 1, "resp": found} for found in (*texts, *cut)]})
    program = pxl.compile(SOURCE.format(whole=whole), engine.relations(), now_ns=NOW)
    found = sorted(tuple(row.values()) for row in pxl.run(program, engine)[0].table.to_pylist())
    assert found == expected(bodies, whole != "0")
    assert found
    assert ("from_json" in program.sql(engine)) == (whole == "0")


def test_a_reader_that_only_counts_elements_leaves_the_others_their_structs() -> None:
    random_ = random.Random(3)
    bodies = [body(random_) for _ in range(300)]
    engine = MemoryEngine({"kafka_events.beta": [{"time_": NOW - 1000, "req_cmd": 1, "resp": json.dumps(found)} for found in bodies]})
    count = "px.display(df.agg(rows=('time_', px.count)), 'count')"
    both = SOURCE.format(whole="0").replace("px.pluck(df.resp, 'error_code')", "''") + "df = px.DataFrame('kafka_events.beta', start_time='-5m')\ndf.topics = px.pluck(df.resp, 'topics')\n"
    both += "df = unnest(df, 'topic', 'topics')\ndf = df[df.topic != '']\ndf.partitions = px.pluck(df.topic, 'partitions')\n"
    both += f"df = unnest(df, 'partition', 'partitions')\ndf = df[df.partition != '']\n{count}"
    program = pxl.compile(both, engine.relations(), now_ns=NOW)
    rows, counted = pxl.run(program, engine)
    assert counted.table.to_pylist() == [{"rows": rows.table.num_rows}] != [{"rows": 0}]
    sql = program.sql(engine)
    assert sql.count("from_json") == 1
    assert "json_extract_string" not in sql


def test_texts_that_nobody_reads_fields_of_are_counted_where_they_are_not_empty() -> None:
    engine = MemoryEngine({"kafka_events.beta": [{"time_": NOW - 1000, "req_body": '{"topics":["a","","b"]}'}]})
    source = SOURCE.split("df = px.DataFrame")[0] + "df = px.DataFrame('kafka_events.beta', start_time='-5m')\ndf.topics = px.pluck(df.req_body, 'topics')\n"
    source += "df = unnest(df, 'topic', 'topics')\ndf = df[df.topic != '']\npx.display(df.agg(rows=('time_', px.count)))"
    (counted,) = pxl.run(pxl.compile(source, engine.relations(), now_ns=NOW), engine)
    assert counted.table.to_pylist() == [{"rows": 2}]


def test_an_empty_body_among_many_costs_nothing() -> None:
    """A body is empty when the response was not seen. It took ten times as long to read all others of its vector."""
    text = json.dumps({"topics": [{"name": "order", "partitions": [{"index": i, "message_set": {"size": 7}} for i in range(4)]}]})

    def least(bodies: list[str]) -> float:
        engine = MemoryEngine({"kafka_events.beta": [{"time_": NOW - 1000, "req_cmd": 1, "resp": found} for found in bodies]})
        program = pxl.compile(SOURCE.format(whole="0") + "px.display(df.agg(rows=('time_', px.count)), 'count')", engine.relations(), now_ns=NOW)
        spent = []
        for _ in range(3):
            began = time.process_time()
            pxl.run(program, engine)
            spent.append(time.process_time() - began)
        return min(spent)

    whole = [text] * 20_000
    assert least(["" if i % 2000 == 0 else t for i, t in enumerate(whole)]) < 2.5 * least(whole)
