"""Pod and container of a process, from its ``/proc/PID/cgroup``."""

from __future__ import annotations

import re
from dataclasses import dataclass

_CONTAINER = re.compile(r"^(?:(?:cri-containerd|crio|docker|libpod|nerdctl)-)?([0-9a-f]{64})(?:\.scope)?$")
#: containerd told to use systemd's form while runc uses cgroupfs: ``slice:prefix:id``.
_COLONS = re.compile(r"^[^/:]*:[^/:]*:([0-9a-f]{64})$")
_POD = re.compile(r"(?:^|-)pod([0-9a-f]{8}[-_]?[0-9a-f]{4}[-_]?[0-9a-f]{4}[-_]?[0-9a-f]{4}[-_]?[0-9a-f]{12})(?:\.slice)?$")


@dataclass(frozen=True, slots=True)
class Membership:
    """Pod uid and container id, each empty when the process is in none."""

    pod_uid: str = ""
    container_id: str = ""


NONE = Membership()


def parse(text: str) -> Membership:
    """The membership that a ``/proc/PID/cgroup`` names: of the unified hierarchy if it tells, else of the first that does."""
    lines = [line.split(":", 2) for line in text.splitlines() if line.count(":") >= 2]
    lines.sort(key=lambda parts: parts[0] != "0")
    best = NONE
    for _, _, path in lines:
        found = of_path(path)
        if found.pod_uid and found.container_id:
            return found
        if (found.pod_uid, found.container_id) > (best.pod_uid, best.container_id):
            best = found
    return best


def of_path(path: str) -> Membership:
    """The membership of one cgroup path, whichever runtime and driver made it."""
    pod_uid, container_id = "", ""
    for part in path.split("/"):
        pod = _POD.search(part.split(":", 1)[0])
        if pod is not None:
            pod_uid, container_id = _dashed(pod[1]), ""
        match = _CONTAINER.match(part) or _COLONS.match(part)
        if match is not None:
            container_id = match[1]
    return Membership(pod_uid, container_id) if pod_uid or container_id else NONE


def _dashed(uid: str) -> str:
    # systemd allows no dashes in a slice's name; the uid of a static pod is a hash and has none.
    return uid.replace("_", "-")
