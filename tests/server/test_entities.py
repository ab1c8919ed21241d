"""Names for arguments: found by a part of the name, whatever is in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pytest

from kafkascope.pxl.types import DataType
from kafkascope.server import entities
from kafkascope.server.errors import ApiError
from kafkascope.store import Store, catalogue

NOW = 1_764_000_000_000_000_000
HOSTILE = ["'; DROP TABLE kafka_fetch; --", "<img src=x onerror=alert(1)>", "\u202egnp.exe", "a\nb", "%_", "\\", "__proto__", "x" * 249]
ROWS: dict[str, list[dict[str, Any]]] = {
    "kafka_produce": [{"topic": "order", "cluster_id": "A"}, {"topic": "reorder", "cluster_id": ""}, *({"topic": name, "cluster_id": "A"} for name in HOSTILE)],
    "kafka_fetch": [{"topic": "order", "group_id": "invoicing", "cluster_id": "B"}],
    "kafka_clients": [{"client_id": "order", "software_name": "librdkafka", "software_version": "2.1.0"}],
    "md_pod": [{"pod_id": "1", "pod_name": "shop/order", "namespace": "shop", "status": '{"phase":"Running"}'}, {"pod_id": "2", "pod_name": "shop/gone", "namespace": "shop", "stop_time": 1}],
    "md_namespace": [{"namespace": "idle"}],
    "md_node": [{"node_name": "n1", "node_ip": "10.0.0.1"}],
    "md_service": [{"service_id": "s", "service_name": "shop/orders", "namespace": "shop", "cluster_ip": "10.96.0.1"}],
}


def batch(table: str, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    empty: Mapping[DataType, Any] = {DataType.BOOLEAN: False, DataType.FLOAT64: 0.0, DataType.INT64: 0, DataType.TIME64NS: 0, DataType.STRING: "", DataType.UINT128: ""}
    relation = catalogue.load()[table]
    columns = {c.name: pa.array([{"time_": NOW, **row}.get(c.name, None if c.nullable else empty[c.type]) for row in rows], c.arrow) for c in relation.columns}
    return pa.record_batch(columns, relation.schema)


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    store = Store(None)
    for table, rows in ROWS.items():
        store.append(table, batch(table, rows))
    yield store.engine()
    store.close()


def names(engine: Any, kind: str, query: str = "") -> list[str]:
    return [found["name"] for found in entities.find(engine, kind, query, 50, NOW + 1)]


@pytest.mark.parametrize(
    ("kind", "query", "found"),
    [
        ("cluster", "", ["A", "B"]),
        # What begins with the words stands first.
        ("topic", "ORDER", ["order", "reorder"]),
        ("group", "", ["invoicing"]),
        ("client", "ord", ["order"]),
        ("pod", "", ["shop/order"]),
        ("namespace", "", ["idle", "shop"]),
        ("node", "n", ["n1"]),
        ("service", "shop", ["shop/orders"]),
        ("topic", "absent", []),
    ],
)
def test_names_of_a_kind(engine: Any, kind: str, query: str, found: list[str]) -> None:
    assert names(engine, kind, query) == found


def test_what_is_known_beside_the_name(engine: Any) -> None:
    assert entities.find(engine, "client", "", 50, NOW + 1) == [{"name": "order", "kind": "client", "detail": "librdkafka 2.1.0"}]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_found_by_all_of_itself_and_nothing_else_is(engine: Any, name: str) -> None:
    assert names(engine, "topic", name) == [name]


def test_a_name_of_more_than_a_day_ago_is_none(engine: Any) -> None:
    assert entities.find(engine, "topic", "order", 50, NOW + entities.LOOK_BACK_NS + 1) == []


def test_an_unknown_kind(engine: Any) -> None:
    with pytest.raises(ApiError, match="no entities of kind 'planet'"):
        entities.find(engine, "planet", "", 50, NOW)
