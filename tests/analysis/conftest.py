"""What the live tests share: a broker of their own for each file, and a monitor that watches it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from live_broker import LiveBroker, Watched


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveBroker]:
    # Imported here: the other tests need neither the core nor a client library.
    from live_broker import LiveBroker

    found = LiveBroker(tmp_path_factory.mktemp("broker"))
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def admin(broker: LiveBroker) -> Any:
    from live_broker import admin_client

    return admin_client()


@pytest.fixture(scope="module")
def watched(admin: Any) -> Iterator[Watched]:
    from live_broker import Watched

    found = Watched()
    time.sleep(0.5)
    yield found
    found.close()
