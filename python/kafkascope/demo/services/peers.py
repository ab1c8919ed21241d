"""Where the other services are: in a cluster DNS tells, on one host the supervisor keeps a file of addresses."""

from __future__ import annotations

import json
import os
import socket
import urllib.request
from pathlib import Path
from typing import Any

from kafkascope.demo.services.web import setting

#: Services of a cluster whose name is not the deployment's with -service.
_SERVICES = {"apache": "apache"}
_PORT = 8080


def addresses(deployment: str) -> list[str]:
    """``host:port`` of each running pod of a deployment."""
    if "DEMO_ENDPOINTS" not in os.environ:
        try:
            found = socket.getaddrinfo(_SERVICES.get(deployment, f"{deployment}-service"), _PORT, socket.AF_INET, socket.SOCK_STREAM)
        except socket.gaierror:
            return []
        return sorted(f"{host}:{_PORT}" for host in {str(place[0]) for *_, place in found})
    known: dict[str, list[str]] = json.loads(Path(setting("ENDPOINTS")).read_text())
    return known.get(deployment, [])


def ask(address: str, path: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
    """GET, or POST ``fields``. Raises OSError, of which urllib's errors are a kind."""
    body = None if fields is None else json.dumps(fields).encode()
    request = urllib.request.Request(f"http://{address}{path}", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=25) as answer:
        value: dict[str, Any] = json.load(answer)
        return value
