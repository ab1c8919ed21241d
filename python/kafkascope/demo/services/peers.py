"""Where the other services are: the supervisor keeps a file of addresses, as a cluster keeps endpoints."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

from kafkascope.demo.services.web import setting


def addresses(deployment: str) -> list[str]:
    """``host:port`` of each running pod of a deployment."""
    known: dict[str, list[str]] = json.loads(Path(setting("ENDPOINTS")).read_text())
    return known.get(deployment, [])


def ask(address: str, path: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
    """GET, or POST ``fields``. Raises OSError, of which urllib's errors are a kind."""
    body = None if fields is None else json.dumps(fields).encode()
    request = urllib.request.Request(f"http://{address}{path}", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=25) as answer:
        value: dict[str, Any] = json.load(answer)
        return value
