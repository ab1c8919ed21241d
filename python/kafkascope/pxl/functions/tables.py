"""Functions that give a table: what is known about tables, functions and agents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafkascope.pxl.expr import Call, Column, Literal
from kafkascope.pxl.functions.aggregates import AGGREGATES
from kafkascope.pxl.functions.scalars import LETTERS, SCALARS
from kafkascope.pxl.plan import Graph, Node, Project, Scan, Values
from kafkascope.pxl.types import DataType, SemanticType


def _values(graph: Graph, name: str, columns: str, rows: list[tuple[Any, ...]]) -> Node:
    typed = tuple(Column(c, DataType.STRING) for c in columns.split())
    return graph.add(Values(name, typed, tuple(rows)))


def get_tables(graph: Graph, relations: Mapping[str, Any], now_ns: int) -> Node:
    """Every table with its description."""
    return _values(graph, "tables", "table_name table_desc", [(r.name, r.description) for r in relations.values()])


def get_schemas(graph: Graph, relations: Mapping[str, Any], now_ns: int) -> Node:
    """Every column of every table."""
    rows = [(r.name, c.name, c.type.name, c.pattern.value, c.description) for r in relations.values() for c in r.columns]
    return _values(graph, "schemas", "table_name column_name column_type pattern_type column_desc", rows)


def get_udf_list(graph: Graph, relations: Mapping[str, Any], now_ns: int) -> Node:
    """Every scalar function, one row an overload."""
    rows = [
        (spec.name, result.name, ", ".join(LETTERS[letter].name for letter in form))
        for spec in SCALARS.values() for form, result in spec.overloads.items()
    ]  # fmt: skip
    return _values(graph, "functions", "name return_type args", rows)


def get_uda_list(graph: Graph, relations: Mapping[str, Any], now_ns: int) -> Node:
    """Every aggregate function, one row an overload."""
    rows = [(name, LETTERS[out].name, LETTERS[arg].name) for name, forms in AGGREGATES.items() for arg, out in forms.items()]
    return _values(graph, "aggregates", "name return_type args", rows)


def get_agent_status(graph: Graph, relations: Mapping[str, Any], now_ns: int) -> Node:
    """Every agent with the age of its last heartbeat."""
    relation = relations["md_agent"]
    known = {c.name: Column(c.name, c.type, c.semantic_type) for c in relation.columns}
    scan = graph.add(Scan("md_agent", None, None, tuple(known.values())))
    kept = ["agent_id", "asid", "hostname", "ip_address", "agent_state", "create_time"]
    age = Call("subtract", (Literal(now_ns, DataType.TIME64NS), known["time_"]), DataType.INT64, SemanticType.DURATION_NS)
    headers = Literal(False, DataType.BOOLEAN)
    return graph.add(Project(scan, (*((n, known[n]) for n in kept), ("last_heartbeat_ns", age), ("kernel_headers_installed", headers))))


TABLE_FUNCTIONS = {
    "GetTables": get_tables, "GetSchemas": get_schemas, "GetUDFList": get_udf_list, "GetUDAList": get_uda_list, "GetAgentStatus": get_agent_status,
}  # fmt: skip
