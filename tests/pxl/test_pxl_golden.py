"""Every bundled script over the recorded demo: what its tables show, as text beside this file in ``golden/``.

``BLESS=1`` writes what comes out; read the difference before it is committed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from kafkascope import pxl
from kafkascope.analysis import replay
from kafkascope.pxl import vis
from kafkascope.pxl.types import DataType, SemanticType
from kafkascope.scripts import Library
from kafkascope.store import catalogue

pytest.importorskip("kafkascope._core", reason="the core is not built")

HERE = Path(__file__).parent
CAPTURE = HERE.parents[1] / "captures" / "demo" / "px-kafka.pcap.gz"
GOLDEN = HERE / "golden"
BLESS = bool(os.environ.get("BLESS"))
ROWS, WIDTH = 12, 60
#: px/schemas shows the catalogue, which is its own record.
SCRIPTS = {name: script for name, script in sorted(Library.load().scripts.items()) if name != "px/schemas"}
#: A packet capture knows no pods: these are the demo's, by the addresses in it.
PODS = {"kafka": "10.77.0.2", "order": "10.77.0.3", "shipping-1": "10.77.0.4", "invoicing": "10.77.0.5", "shipping-2": "10.77.0.8", "shipping-3": "10.77.0.9"}
ARGS = {
    "namespace": "px-kafka", "pod": "px-kafka/kafka", "service": "px-kafka/kafka", "node": "node", "ip": "10.77.0.5", "topic": "order", "group_id": "invoicing", "client_id": "shipping",
}  # fmt: skip


def rows(table: str, values: list[dict[str, Any]]) -> pa.RecordBatch:
    """Rows of a table as a batch: what is not given has its type's default."""
    defaults = {DataType.BOOLEAN: False, DataType.FLOAT64: 0.0, DataType.INT64: 0, DataType.TIME64NS: 0, DataType.STRING: "", DataType.UINT128: ""}
    relation = catalogue.load()[table]
    columns = {c.name: pa.array([row.get(c.name, None if c.nullable else defaults[c.type]) for row in values], c.arrow) for c in relation.columns}
    return pa.record_batch(columns, relation.schema)


@pytest.fixture(scope="module")
def recorded() -> Iterator[tuple[Any, int, int]]:
    from kafkascope.agent import captures

    loaded = captures.load([str(CAPTURE)])
    first, last = loaded.first_ns, loaded.last_ns
    pods = [
        {"time_": first, "pod_id": f"id-{name}", "pod_name": f"px-kafka/{name}", "namespace": "px-kafka", "pod_ip": ip, "node_name": "node", "start_time": first - 60_000_000_000,
         "status": '{"phase":"Running"}', "service_name": f"px-kafka/{name.split('-')[0]}", "service_id": f"id-service-{name.split('-')[0]}"}
        for name, ip in PODS.items()
    ]  # fmt: skip
    loaded.store.append("md_pod", rows("md_pod", pods))
    names = sorted({name.split("-")[0] for name in PODS})
    loaded.store.append("md_service", rows("md_service", [{"time_": first, "service_id": f"id-service-{n}", "service_name": f"px-kafka/{n}", "namespace": "px-kafka"} for n in names]))
    # As a server does before the first script that asks for lag.
    replay.fill(loaded.store, first_ns=first, last_ns=last)
    yield loaded.store.engine(), first, last
    loaded.store.close()


def show(value: Any, data_type: DataType, first: int) -> str:
    """A value as a cell; a time as seconds since the capture's first packet."""
    if value is None:
        return "null"
    if data_type is DataType.TIME64NS:
        text = f"{(value - first) / 1e9:+.3f}s" if value else "never"
    elif data_type is DataType.FLOAT64:
        text = f"{value:.6g}"
    else:
        text = "''" if value == "" else str(value).replace("|", "¦").replace("\n", " ")
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def shown(results: list[pxl.Result], first: int) -> str:
    """The result tables as text."""
    parts = []
    for result in results:
        header = [c.name + (f":{c.semantic_type.name}" if c.semantic_type is not SemanticType.NONE else "") for c in result.columns]
        lines = sorted(" | ".join(show(v, c.type, first) for v, c in zip(row.values(), result.columns, strict=True)) for row in result.table.to_pylist())
        more = [f"… {len(lines) - ROWS} more"] if len(lines) > ROWS else []
        parts.append("\n".join([f"## {result.name}: {len(lines)} rows", "", " | ".join(header), *lines[:ROWS], *more, ""]))
    return "\n".join(parts)


def tables(name: str, recorded: tuple[Any, int, int], **args: str) -> list[pxl.Result]:
    """A script's results over all of the recording; what it must be told is of the demo."""
    engine, first, last = recorded
    script = SCRIPTS[name]
    spec = vis.load(script.vis)
    variables = {v["name"]: v for v in vis.variables(spec)}
    given = {n: ARGS[n] for n, v in variables.items() if "defaultValue" not in v or (n in ARGS and n != "namespace" and v["defaultValue"] != "")}
    if "start_time" in variables:
        given["start_time"] = f"-{(last - first) // 1_000_000_000 + 1}s"
    return pxl.run(pxl.compile(script.pxl, engine.relations(), vis.calls(spec, given | args), last + 1), engine)


@pytest.mark.parametrize("name", SCRIPTS)
def test_tables_of_the_recorded_demo(name: str, recorded: tuple[Any, int, int]) -> None:
    _, first, _ = recorded
    found = shown(tables(name, recorded), first)
    path = GOLDEN / f"{name.removeprefix('px/')}.md"
    if BLESS:
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"# {name}\n\n{found}", encoding="utf-8")
    assert path.exists(), "no golden tables: run with BLESS=1 and read them"
    expected = path.read_text(encoding="utf-8").split("\n\n", 1)[1]
    assert found == expected, f"{name}\n--- expected\n{expected}\n--- found\n{found}"


#: What was lost of a stream that could not be read is of no cluster.
OF_CLUSTERS = [name for name in SCRIPTS if name.startswith("px/kafka_") and name != "px/kafka_coverage"]


@pytest.mark.parametrize("name", OF_CLUSTERS)
def test_of_one_cluster(name: str, recorded: tuple[Any, int, int]) -> None:
    """The demo is of one cluster, known after the first seconds: asked for it everything is there, asked for another one nothing of what came since."""
    engine, first, last = recorded
    (cluster,) = {row["cluster_id"] for row in engine.execute(engine.scan("kafka_lag", None, None, ["cluster_id"]), timeout_s=20, max_rows=None).to_pylist()}
    assert shown(tables(name, recorded, cluster=cluster), first) == shown(tables(name, recorded), first)
    since = f"-{(last - first) // 1_000_000_000 - 5}s"
    assert {result.name: result.table.to_pylist() for result in tables(name, recorded, cluster="another", start_time=since) if result.table.num_rows} == {}


def test_every_script_has_golden_tables_and_no_others_are_there() -> None:
    assert {path.stem for path in GOLDEN.glob("*.md")} == {name.removeprefix("px/") for name in SCRIPTS}
