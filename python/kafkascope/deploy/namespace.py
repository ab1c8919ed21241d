"""The namespace of a deployment: whether it was made for it, and so goes with it."""

from __future__ import annotations

from typing import Any

from kafkascope.deploy.resources import Object

#: On a namespace that ``px deploy`` made. One that was there before may hold other things, and stays.
_MADE = {"app.kubernetes.io/managed-by": "px"}


def is_ours(found: Any | None) -> bool:
    """Whether the namespace that the API server has was made by ``px deploy``."""
    return found is not None and _MADE.items() <= (found["metadata"].get("labels") or {}).items()


def marked(thing: Object, found: Any | None) -> Object:
    """The namespace as it is to be applied: with the mark when it is made now, or was made by us before."""
    if found is not None and not is_ours(found):
        return thing
    return {**thing, "metadata": {**thing["metadata"], "labels": {**thing["metadata"]["labels"], **_MADE}}}


def released(name: str) -> Object:
    """The namespace without what ``px deploy`` had set on it."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
