"""Addresses of a pod, from the API server's object to the row."""

import json

import msgspec
import pytest

from kafkascope.metadata import entities
from kafkascope.metadata.kubernetes import objects


def row(status):
    thing = {"metadata": {"uid": "u", "name": "p", "namespace": "n"}, "status": {"phase": "Running", **status}}
    return entities.pod_row(objects.pod(msgspec.json.decode(json.dumps(thing), type=objects.PodObject)), [])


@pytest.mark.parametrize(("status", "first", "all_of_them"), [
    ({"podIP": "10.0.0.5", "podIPs": [{"ip": "10.0.0.5"}, {"ip": "fd00::5"}]}, "10.0.0.5", ["10.0.0.5", "fd00::5"]),
    ({"podIP": "10.0.0.5", "podIPs": [{"ip": "10.0.0.5"}]}, "10.0.0.5", None),
    ({"podIP": "fd00::5"}, "fd00::5", None),
    ({}, "", None),
])  # fmt: skip
def test_only_a_dual_stack_needs_more_than_the_one_address(status, first, all_of_them):
    found = row(status)
    assert found["pod_ip"] == first and json.loads(found["status"]).get("podIPs") == all_of_them
