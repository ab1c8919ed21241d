"""Functions that name processes, pods, services and nodes: chains of look-ups by key.

``upid_to_service_id`` is the pod of the process, then the service of the pod: each step is the metadata relation, which an engine joins by
its key, and the field taken there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kafkascope.pxl.expr import Expr, Lookup
from kafkascope.pxl.types import DataType, SemanticType

#: Metadata relations with the key they are joined by. Several rows of one key (a name used again) count as their newest, or as that of a time.
RELATIONS = {
    "process": "upid", "pod": "pod_id", "pod_by_name": "pod_name", "pod_by_ip": "pod_ip", "pod_by_replicaset": "replicaset_name", "container": "container_id", "container_by_name": "container_name",
    "service": "service_id", "service_by_name": "service_name", "node": "node_name",
}  # fmt: skip

_FIELDS: dict[str, tuple[DataType, SemanticType]] = {
    "service_name": (DataType.STRING, SemanticType.SERVICE_NAME), "pod_name": (DataType.STRING, SemanticType.POD_NAME),
    "namespace": (DataType.STRING, SemanticType.NAMESPACE_NAME), "node_name": (DataType.STRING, SemanticType.NODE_NAME),
    "container_name": (DataType.STRING, SemanticType.CONTAINER_NAME), "cluster_ip": (DataType.STRING, SemanticType.IP_ADDRESS),
    "start_time": (DataType.TIME64NS, SemanticType.NONE), "stop_time": (DataType.TIME64NS, SemanticType.NONE),
    "num_cpus": (DataType.INT64, SemanticType.NONE),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MetadataSpec:
    """One function: the type of its argument and its steps."""

    name: str
    argument: DataType
    steps: tuple[tuple[str, str], ...]
    semantic: SemanticType | None = None

    @property
    def signature(self) -> str:
        return f"{self.name}({self.name.split('_to_')[0]})"

    def apply(self, key: Expr, at: Expr | None = None) -> Expr:
        """The look-ups over an argument; ``at`` is when an address belonged to what is looked up."""
        for relation, field in self.steps:
            kind, semantic = _FIELDS.get(field, (DataType.STRING, SemanticType.NONE))
            key = Lookup(relation, field, key, kind, semantic, at=at if relation in OF_A_TIME else None)
        if self.semantic is not None and isinstance(key, Lookup):
            key = replace(key, semantic=self.semantic)
        return key


# The id of a deployment or a replica set is its name here: nothing tells another one.
_TABLE = """
upid_to_cmdline process.cmdline
upid_to_hostname process.hostname
upid_to_start_ts process.start_time
upid_to_container_id process.container_id
upid_to_container_name process.container_name
upid_to_pod_id process.pod_id
upid_to_pod_name process.pod_name
upid_to_namespace process.namespace
upid_to_node_name process.node_name
upid_to_service_name process.service_name
upid_to_service_id process.pod_id pod.service_id
upid_to_pod_status process.pod_id pod.status
upid_to_pod_qos process.pod_id pod.qos_class
upid_to_deployment_name process.pod_id pod.deployment_name
upid_to_replicaset_name process.pod_id pod.replicaset_name
ip_to_pod_id pod_by_ip.pod_id
ip_to_service_id ip_service.service_id
pod_id_to_pod_name pod.pod_name
pod_id_to_pod_ip pod.pod_ip
pod_id_to_service_name pod.service_name
pod_id_to_service_id pod.service_id
pod_id_to_node_name pod.node_name
pod_id_to_namespace pod.namespace
pod_id_to_start_time pod.start_time
pod_id_to_stop_time pod.stop_time
pod_id_to_status pod.status
pod_id_to_pod_labels pod.labels
pod_id_to_owner_references pod.owner_references
pod_id_to_deployment_name pod.deployment_name
pod_id_to_replicaset_name pod.replicaset_name
pod_name_to_pod_id pod_by_name.pod_id
pod_name_to_pod_ip pod_by_name.pod_ip
pod_name_to_service_name pod_by_name.service_name
pod_name_to_service_id pod_by_name.service_id
pod_name_to_node_name pod_by_name.node_name
pod_name_to_start_time pod_by_name.start_time
pod_name_to_stop_time pod_by_name.stop_time
pod_name_to_status pod_by_name.status
pod_name_to_deployment_name pod_by_name.deployment_name
pod_name_to_replicaset_name pod_by_name.replicaset_name
container_id_to_status container.status
container_id_to_container_name container.container_name
container_id_to_pod_id container.pod_id
container_id_to_start_time container.start_time
container_id_to_stop_time container.stop_time
container_name_to_container_id container_by_name.container_id
container_name_to_start_time container_by_name.start_time
container_name_to_stop_time container_by_name.stop_time
service_id_to_service_name service.service_name
service_id_to_cluster_ip service.cluster_ip
service_id_to_external_ips service.external_ips
service_id_to_namespace service.namespace
service_name_to_service_id service_by_name.service_id
service_name_to_cluster_ip service_by_name.cluster_ip
node_name_to_num_cpus node.num_cpus
upid_to_deployment_id process.pod_id pod.deployment_name
upid_to_replicaset_id process.pod_id pod.replicaset_name
pod_id_to_deployment_id pod.deployment_name
pod_id_to_replicaset_id pod.replicaset_name
pod_name_to_deployment_id pod_by_name.deployment_name
pod_name_to_replicaset_id pod_by_name.replicaset_name
deployment_id_to_deployment_name
deployment_name_to_deployment_id
replicaset_id_to_replicaset_name
replicaset_name_to_replicaset_id
replicaset_id_to_deployment_name pod_by_replicaset.deployment_name
replicaset_name_to_deployment_name pod_by_replicaset.deployment_name
replicaset_id_to_deployment_id pod_by_replicaset.deployment_name
replicaset_name_to_deployment_id pod_by_replicaset.deployment_name
"""
_SEMANTIC = {
    "pod_name_to_status": SemanticType.POD_STATUS, "pod_id_to_status": SemanticType.POD_STATUS, "upid_to_pod_status": SemanticType.POD_STATUS,
    "container_id_to_status": SemanticType.CONTAINER_STATUS,
}  # fmt: skip
RELATIONS["ip_service"] = "ip"
#: Relations of which a key has a row for each stretch of time: an address that another pod or service has had before.
OF_A_TIME = frozenset({"pod_by_ip", "ip_service"})


def _parse() -> dict[str, MetadataSpec]:
    found = {}
    for line in _TABLE.strip().splitlines():
        name, *steps = line.split()
        pairs = tuple((step.split(".")[0], step.split(".")[1]) for step in steps)
        argument = DataType.UINT128 if name.startswith("upid_") else DataType.STRING
        found[name] = MetadataSpec(name, argument, pairs, _SEMANTIC.get(name))
    return found


METADATA = _parse()

#: df.ctx keys: the columns that can tell, in the order they are tried; the function is <column>_to_<key>.
CONTEXT: dict[str, tuple[str, ...]] = {
    "pod_id": ("upid", "pod_name"),
    "pod_name": ("upid", "pod_id"),
    "service_id": ("upid", "service_name", "pod_id", "pod_name"),
    "service_name": ("upid", "service_id", "pod_id", "pod_name"),
    "namespace": ("upid", "pod_id", "pod_name", "service_name"),
    "node_name": ("upid", "pod_id"),
    "hostname": ("upid",),
    "container_id": ("upid",),
    "container_name": ("upid",),
    "cmdline": ("upid",),
    "pid": ("upid",),
    "asid": ("upid",),
    "deployment_name": ("upid", "deployment_id", "pod_id", "pod_name", "replicaset_id", "replicaset_name"),
    "deployment_id": ("upid", "deployment_name", "pod_id", "pod_name", "replicaset_id", "replicaset_name"),
    "replicaset_name": ("upid", "pod_id", "pod_name", "replicaset_id"),
    "replicaset_id": ("upid", "pod_id", "pod_name", "replicaset_name"),
    "qos_class": ("upid",),
}
ALIASES = {
    "pod": "pod_name", "service": "service_name", "node": "node_name", "host": "hostname", "container": "container_name", "cmd": "cmdline",
    "deployment": "deployment_name", "replicaset": "replicaset_name", "replica_set": "replicaset_name", "replica_set_id": "replicaset_id",
    "pod_qos": "qos_class",
}  # fmt: skip
