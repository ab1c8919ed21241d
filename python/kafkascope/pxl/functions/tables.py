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
    """Rows known now; a column that is no STRING carries its type's letter: ``timestamp:t``."""
    pairs = [c.partition(":") for c in columns.split()]
    typed = tuple(Column(c, LETTERS[letter or "s"]) for c, _, letter in pairs)
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


def get_udtf_list(graph: Graph, relations: Mapping[str, Any], now_ns: int) -> Node:
    """Every table function with its columns."""
    rows = []
    for name, table in sorted(TABLE_FUNCTIONS.items()):
        if table is not get_udtf_list:
            columns = ", ".join(f"{c.name} {c.type.name}" for c in table(graph, relations, now_ns).schema.values())
            rows.append((name, "UDTF_ONE_KELVIN", "include_kelvin BOOLEAN" if name in ("GetAgentStatus", "GetLinuxHeadersStatus") else "", columns))
    return _values(graph, "table_functions", "name executor init_args output_relation", rows)


def get_tracepoint_status(graph: Graph, relations: Mapping[str, Any], now_ns: int) -> Node:
    """No rows: nobody puts probes into processes here."""
    return _values(graph, "tracepoints", "tracepoint_id:u tracepoint_id_str name state status output_tables", [])


def get_cron_script_history(graph: Graph, relations: Mapping[str, Any], now_ns: int) -> Node:
    """No rows: scripts are not run by the clock here."""
    columns = "script_id timestamp:t error_message execution_time_ns:i compilation_time_ns:i bytes_processed:i records_processed:i"
    return _values(graph, "cron_scripts", columns, [])


def get_heap_growth_stacks(graph: Graph, relations: Mapping[str, Any], now_ns: int) -> Node:
    """No rows: the agents' heaps are not sampled."""
    return _values(graph, "heaps", "asid:i heap", [])


def _by_agent(graph: Graph, relations: Mapping[str, Any], name: str, value: Literal) -> Node:
    asid = next(Column(c.name, c.type, c.semantic_type) for c in relations["md_agent"].columns if c.name == "asid")
    return graph.add(Project(graph.add(Scan("md_agent", None, None, (asid,))), (("asid", asid), (name, value))))


def get_profiler_sampling_period(graph: Graph, relations: Mapping[str, Any], now_ns: int) -> Node:
    """Every agent; 0, as none takes CPU profiles."""
    return _by_agent(graph, relations, "profiler_sampling_period_ms", Literal(0, DataType.INT64))


def get_linux_headers_status(graph: Graph, relations: Mapping[str, Any], now_ns: int) -> Node:
    """Every agent; none needs kernel headers."""
    return _by_agent(graph, relations, "kernel_headers_installed", Literal(False, DataType.BOOLEAN))


TABLE_FUNCTIONS = {
    "_HeapGrowthStacks": get_heap_growth_stacks,
    "GetUDTFList": get_udtf_list, "GetTracepointStatus": get_tracepoint_status, "GetCronScriptHistory": get_cron_script_history,
    "GetProfilerSamplingPeriodMS": get_profiler_sampling_period, "GetLinuxHeadersStatus": get_linux_headers_status,
    "GetTables": get_tables, "GetSchemas": get_schemas, "GetUDFList": get_udf_list, "GetUDAList": get_uda_list, "GetAgentStatus": get_agent_status,
}  # fmt: skip
