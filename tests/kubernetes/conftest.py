"""A real Kubernetes, in tiers: its API server alone; a whole node with containerd and Kafka."""

import pytest
from api_server import ApiServer, binary


@pytest.fixture(scope="session")
def kube():
    found, why = binary()
    if found is None:
        pytest.skip(why)
    return found


@pytest.fixture(scope="module")
def server(kube, tmp_path_factory):
    server = ApiServer(kube, tmp_path_factory.mktemp("api"))
    try:
        yield server.start()
    finally:
        server.stop()
