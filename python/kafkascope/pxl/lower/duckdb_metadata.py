"""Metadata relations in DuckDB SQL: one row for each key, so that joining them never multiplies rows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LookupSql:
    """The relation's SQL; ``small`` when computing it once is worth keeping."""

    sql: str
    small: bool = False


_POD = """pod_id, pod_name, namespace, node_name, pod_ip, status, start_time, stop_time, service_id, service_name, replicaset_name, labels, qos_class,
  CASE WHEN owner_kind = 'Deployment' THEN owner_name ELSE '' END AS deployment_name,
  CASE WHEN owner_kind = '' THEN '[]' ELSE json_array(json_object('kind', owner_kind, 'name', owner_name))::VARCHAR END AS owner_references"""


def _newest(columns: str, view: str, key: str, running_first: str = "start_time", where: str = "") -> str:
    """The row of each key that still runs, or else the newest."""
    condition = f" AND {where}" if where else ""
    return (
        f"SELECT {columns} FROM {view} WHERE {key} <> ''{condition} "
        f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY stop_time = 0 DESC, {running_first} DESC) = 1"
    )


#: A pod under each of its addresses: its status names those of a dual stack, and those of services that lead to it alone.
_ADDRESSES = """(SELECT * REPLACE (unnest(list_concat(
  CASE WHEN contains(status, '"podIPs"') THEN from_json(status->'podIPs', '["VARCHAR"]') ELSE [pod_ip] END,
  CASE WHEN contains(status, '"serviceIPs"') THEN from_json(status->'serviceIPs', '["VARCHAR"]') END)) AS pod_ip) FROM md_pod)"""
_BY_IP = _newest(_POD, _ADDRESSES, "pod_ip", where="NOT host_network")
_SERVICE_BY_IP = _newest("cluster_ip, service_id", "md_service", "cluster_ip", "time_")

#: Relations of a pod by something else, with all that ``pod`` has.
PODS_BY = frozenset({"pod_by_ip", "pod_by_name", "pod_by_replicaset"})
LOOKUPS = {
    "process": LookupSql("SELECT * FROM md_process"),
    "pod": LookupSql(f"SELECT {_POD} FROM md_pod"),
    "pod_by_name": LookupSql(_newest(_POD, "md_pod", "pod_name"), True),
    "pod_by_replicaset": LookupSql(_newest(_POD, "md_pod", "replicaset_name"), True),
    "pod_by_ip": LookupSql(_BY_IP, True),
    "container": LookupSql("SELECT * FROM md_container"),
    "container_by_name": LookupSql(_newest("*", "md_container", "container_name"), True),
    "service": LookupSql("SELECT * FROM md_service"),
    "service_by_name": LookupSql(_newest("*", "md_service", "service_name", "time_"), True),
    "service_by_ip": LookupSql(_SERVICE_BY_IP, True),
    # A cluster address first, otherwise the services of the pod that has the address.
    "ip_service": LookupSql(
        f"SELECT coalesce(s.cluster_ip, p.pod_ip) AS ip, coalesce(s.service_id, p.service_id) AS service_id "
        f"FROM ({_SERVICE_BY_IP}) AS s FULL OUTER JOIN ({_BY_IP}) AS p ON p.pod_ip = s.cluster_ip", True),
    "node": LookupSql("SELECT * FROM md_node"),
}  # fmt: skip
