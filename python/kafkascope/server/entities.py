"""Names that an argument may take: pods, services, namespaces, nodes, clusters, topics, groups, clients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kafkascope.server.errors import ApiError

#: Kafka's names are those of the last day.
LOOK_BACK_NS = 86_400 * 1_000_000_000


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def find(engine: Any, kind: str, query: str, limit: int, now_ns: int) -> list[dict[str, str]]:
    """At most ``limit`` entities of ``kind`` whose name contains ``query``, best match first: ``{name, kind, detail}``."""
    source = _SOURCES.get(kind)
    if source is None:
        raise ApiError("argument", f"no entities of kind '{kind}'", f"one of {', '.join(sorted(_SOURCES))}")
    inner = source(engine, now_ns)
    wanted = _literal(query.lower())
    sql = (
        f"SELECT name, any_value(detail) AS detail FROM ({inner}) AS e WHERE name <> '' AND contains(lower(name), {wanted}) "
        f"GROUP BY name ORDER BY NOT starts_with(lower(name), {wanted}), name LIMIT {int(limit)}"
    )
    table = engine.execute(sql, timeout_s=5.0, max_rows=limit)
    return [{"name": row["name"], "kind": kind, "detail": row["detail"] or ""} for row in table.to_pylist()]


def _pods(engine: Any, _: int) -> str:
    return f"SELECT pod_name AS name, coalesce(status->>'phase', '') AS detail FROM ({engine.scan('md_pod', None, None, ['pod_name', 'status', 'stop_time'])}) WHERE stop_time = 0"


def _services(engine: Any, _: int) -> str:
    return f"SELECT service_name AS name, cluster_ip AS detail FROM ({engine.scan('md_service', None, None, ['service_name', 'cluster_ip', 'stop_time'])}) WHERE stop_time = 0"


def _namespaces(engine: Any, _: int) -> str:
    """Those that an API server tells of, those with a pod, and those with nothing but services."""
    empty = f"SELECT namespace, 0 AS pods FROM ({engine.scan('md_namespace', None, None, ['namespace', 'stop_time'])}) WHERE stop_time = 0"
    pods = f"SELECT namespace, 1 AS pods FROM ({engine.scan('md_pod', None, None, ['namespace'])})"
    services = f"SELECT namespace, 0 AS pods FROM ({engine.scan('md_service', None, None, ['namespace', 'stop_time'])}) WHERE stop_time = 0"
    return f"SELECT namespace AS name, sum(pods)::VARCHAR || ' pods' AS detail FROM ({empty} UNION ALL {pods} UNION ALL {services}) GROUP BY namespace"


def _nodes(engine: Any, _: int) -> str:
    return f"SELECT node_name AS name, node_ip AS detail FROM ({engine.scan('md_node', None, None, ['node_name', 'node_ip', 'stop_time'])}) WHERE coalesce(stop_time, 0) = 0"


def _distinct(engine: Any, now_ns: int, column: str, tables: Sequence[str]) -> str:
    start = now_ns - LOOK_BACK_NS
    return " UNION ALL ".join(f"SELECT {column} AS name, '' AS detail FROM ({engine.scan(table, start, None, [column])}) GROUP BY {column}" for table in tables)


def _clusters(engine: Any, now_ns: int) -> str:
    return _distinct(engine, now_ns, "cluster_id", ("kafka_produce", "kafka_fetch", "kafka_commits", "kafka_group_events"))


def _topics(engine: Any, now_ns: int) -> str:
    return _distinct(engine, now_ns, "topic", ("kafka_produce", "kafka_fetch", "kafka_topic_names"))


def _groups(engine: Any, now_ns: int) -> str:
    return _distinct(engine, now_ns, "group_id", ("kafka_group_events", "kafka_commits", "kafka_fetch"))


def _clients(engine: Any, now_ns: int) -> str:
    scan = engine.scan("kafka_clients", now_ns - LOOK_BACK_NS, None, ["client_id", "software_name", "software_version"])
    return f"SELECT client_id AS name, trim(software_name || ' ' || software_version) AS detail FROM ({scan})"


_SOURCES = {"pod": _pods, "service": _services, "namespace": _namespaces, "node": _nodes, "cluster": _clusters, "topic": _topics, "group": _groups, "client": _clients}
