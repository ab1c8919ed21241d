"""Where a demo keeps things: state and logs of a run, the broker's data, and what is worth keeping between runs."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """Folders of one demo."""

    #: Control socket, state and logs; gone after a delete.
    run: Path
    #: The broker's log directories and the services' lists; gone after a delete.
    data: Path
    #: Jars and class-data archives; kept.
    cache: Path
    #: Where pods are described for the metadata of ``px up``.
    pods_d: Path

    @property
    def control(self) -> Path:
        return self.run / "control.sock"

    @property
    def supervisor_log(self) -> Path:
        return self.run / "supervisor.log"

    def log(self, pod: str) -> Path:
        return self.run / "logs" / f"{pod}.log"

    def pods_file(self, name: str) -> Path:
        return self.pods_d / f"{name}.json"


def paths(name: str) -> Paths:
    """The folders of demo ``name`` for this user."""
    if os.geteuid() == 0:
        base, data, cache = Path("/run/kafkascope"), Path("/var/lib/kafkascope-demo"), Path("/var/cache/kafkascope")
    else:
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        base = Path(runtime) / "kafkascope" if runtime else Path(tempfile.gettempdir()) / f"kafkascope-{os.getuid()}"
        home = Path.home()
        data = Path(os.environ.get("XDG_STATE_HOME") or home / ".local/state") / "kafkascope-demo"
        cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "kafkascope"
    pods_d = Path(os.environ.get("KAFKASCOPE_PODS_D") or base / "pods.d")
    return Paths(base / "demo" / name, data / name, cache, pods_d)
