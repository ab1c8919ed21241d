"""Objects of a cluster: applied, found, removed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from kafkascope.metadata.kubernetes.api import FIELD_MANAGER, Api, KubernetesError

Object = dict[str, Any]

#: (API group and version, plural, whether it is in a namespace) of the kinds that are applied.
_KINDS: dict[str, tuple[str, str, bool]] = {
    "Namespace": ("v1", "namespaces", False), "ServiceAccount": ("v1", "serviceaccounts", True), "Secret": ("v1", "secrets", True), "Service": ("v1", "services", True),
    "ConfigMap": ("v1", "configmaps", True), "PersistentVolumeClaim": ("v1", "persistentvolumeclaims", True),
    "ClusterRole": ("rbac.authorization.k8s.io/v1", "clusterroles", False), "ClusterRoleBinding": ("rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "DaemonSet": ("apps/v1", "daemonsets", True), "Deployment": ("apps/v1", "deployments", True), "StatefulSet": ("apps/v1", "statefulsets", True),
    "NetworkPolicy": ("networking.k8s.io/v1", "networkpolicies", True),
}  # fmt: skip


def group_of(kind: str) -> tuple[str, str]:
    """(API group, plural) of a kind."""
    version, plural, _ = _KINDS[kind]
    return (version.partition("/")[0] if "/" in version else "", plural)


def path(kind: str, namespace: str, name: str = "") -> str:
    """Where objects of a kind are, or the one of that name."""
    version, plural, namespaced = _KINDS[kind]
    base = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return f"{base}{f'/namespaces/{namespace}' if namespaced else ''}/{plural}{f'/{name}' if name else ''}"


def path_of(thing: Object) -> str:
    """Where an object is."""
    return path(thing["kind"], thing["metadata"].get("namespace", ""), thing["metadata"]["name"])


def apply(api: Api, things: Iterable[Object]) -> None:
    """Make the cluster's objects these, field by field (server-side apply); what others set in other fields stays. Raises ``KubernetesError``."""
    for thing in things:
        api.request("PATCH", path_of(thing), params={"fieldManager": FIELD_MANAGER, "force": "true"}, body=thing, content_type="application/apply-patch+yaml")


def delete(api: Api, things: Iterable[Object]) -> int:
    """Remove objects with what they own; how many were there. Raises ``KubernetesError``."""
    removed = 0
    for thing in things:
        try:
            api.request("DELETE", path_of(thing), body={"propagationPolicy": "Background"})
            removed += 1
        except KubernetesError as error:
            if error.status != 404:
                raise
    return removed


def may(api: Api, verb: str, kind: str, namespace: str) -> bool:
    """Whether this account has the right."""
    group, plural = group_of(kind)
    attributes = {"verb": verb, "group": group, "resource": plural, **({"namespace": namespace} if _KINDS[kind][2] else {})}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": attributes}}
    answer = msgspec.json.decode(api.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=review))
    return bool(answer["status"].get("allowed"))
