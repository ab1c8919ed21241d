"""Metadata relations in DuckDB SQL: one row for each key, or for each stretch of time of a key, so that joining them never multiplies rows."""

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


def _newest(columns: str, view: str, key: str, began: str = "start_time") -> str:
    """The row of each key that still runs, or else the newest."""
    return f"SELECT {columns} FROM {view} WHERE {key} <> '' QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY stop_time = 0 DESC, {began} DESC) = 1"


#: The first and the last time of all.
_EVER, _NEVER = -(2**63 - 1), 2**63 - 1


def _by_time(columns: str, view: str, key: str, began: str, where: str = "true") -> str:
    """Rows of each key with the stretch ``_since`` to ``_until`` in which the key is theirs: the stretches of a key follow one another and leave no time out.

    A key is its owner's until that ends, or until the next that has not ended began: a pod that has completed keeps its address in the API and not on
    the network. The last owner's stretch goes on, as what it sent last may be seen after its end.
    """
    ends = (
        f"SELECT *, least(CASE stop_time WHEN 0 THEN {_NEVER} ELSE stop_time END, coalesce(lead({began}) OVER (PARTITION BY {key}, stop_time = 0 ORDER BY {began}, time_), {_NEVER})) AS _end "
        f"FROM {view} WHERE {key} <> '' AND {where}"
    )
    return (
        f"SELECT {columns}, coalesce(lag(_end) OVER own, {_EVER}) AS _since, CASE WHEN lead(_end) OVER own IS NULL THEN {_NEVER} ELSE _end END AS _until "
        f"FROM ({ends}) WINDOW own AS (PARTITION BY {key} ORDER BY _end, {began}, time_)"
    )


def stretch(alias: str, time: str) -> str:
    """Conditions of a join with a relation whose keys have stretches of time: the one around ``time``, or the last."""
    return f" AND {alias}._since <= {time} AND {time} < {alias}._until" if time else f" AND {alias}._until = {_NEVER}"


#: A pod under each of its addresses: its status names those of a dual stack, and those of services that lead to it alone.
_ADDRESSES = """(SELECT * REPLACE (unnest(list_concat(
  CASE WHEN contains(status, '"podIPs"') THEN from_json(status->'podIPs', '["VARCHAR"]') ELSE [pod_ip] END,
  CASE WHEN contains(status, '"serviceIPs"') THEN from_json(status->'serviceIPs', '["VARCHAR"]') END)) AS pod_ip) FROM md_pod)"""
_BY_IP = _by_time(_POD, _ADDRESSES, "pod_ip", "start_time", "NOT host_network")
#: A service under each of its cluster addresses, of which older rows name only the first.
_SERVICE_ADDRESSES = """(SELECT *, unnest(CASE WHEN cluster_ips IN ('', '[]') THEN [cluster_ip] ELSE from_json(cluster_ips, '["VARCHAR"]') END) AS ip FROM md_service)"""
# Nothing tells when a service began: only ends divide the time.
_SERVICE_BY_IP = _by_time("ip, service_id", _SERVICE_ADDRESSES, "ip", "stop_time")

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
    # A cluster address first, otherwise the services of the pod that has the address.
    "ip_service": LookupSql(
        f"{_SERVICE_BY_IP} UNION ALL SELECT pod_ip, service_id, _since, _until FROM ({_BY_IP}) WHERE pod_ip NOT IN (SELECT ip FROM {_SERVICE_ADDRESSES})", True),
    "node": LookupSql("SELECT * FROM md_node"),
}  # fmt: skip
