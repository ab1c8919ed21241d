"""Kafka's metrics out of the analysis, with the names that users of other exporters have in their dashboards and alerts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.analysis.monitor import Monitor, Snapshot
from kafkascope.analysis.traffic import BOUNDS, Histogram, Traffic
from kafkascope.analysis.verdict import Status
from kafkascope.export.families import AnyFamily, Family, HistogramFamily, HistogramSample, series
from kafkascope.export.selection import Selection

_STATUSES = tuple(Status)
DELIVERY = "kafka_delivery_latency_seconds"


def families(monitor: Monitor, snapshot: Snapshot, selection: Selection) -> list[AnyFamily]:
    """Everything that is exposed of Kafka at a moment. A number that is not known has no series; groups and topics that are gone have none."""
    lag, groups = selection.rows(snapshot.lag), selection.rows(snapshot.groups, topic=None)
    groups = groups.filter(pc.not_equal(groups["state"], "Dead"))
    clusters = pc.unique(pa.concat_arrays([*lag["cluster_id"].chunks, *groups["cluster_id"].chunks]) if lag.num_rows + groups.num_rows else pa.array([], pa.string()))
    # One cluster, as almost always: exactly the labels that the dashboards know. Several would collide without another one.
    one = len(clusters) <= 1
    whole = [*_sums(lag, groups, selection, one), *_own(groups, snapshot), *_traffic(monitor.traffic)]
    ends = selection.topics_of(monitor.tracker.ends())
    fine: list[AnyFamily] = _by_partition(lag, ends, selection, one) if selection.partitions else []
    wanted = sum(map(series, [*fine, *whole]))
    if wanted > selection.max_series:
        # The delays of each (topic, group) are many series and the first that can be done without.
        whole = [family for family in whole if family.name != DELIVERY]
    if sum(map(series, [*fine, *whole])) > selection.max_series:
        worst = selection.worst(lag)
        keys = ["cluster_id", "topic", "partition"]
        fine = _by_partition(worst, ends.join(worst.select(keys).group_by(keys).aggregate([]), keys, join_type="left semi"), selection, one)
    if sum(map(series, [*fine, *whole])) > selection.max_series:
        fine = []
    dropped = wanted - sum(map(series, [*fine, *whole]))
    bound = [
        Family("kafkascope_metrics_truncated", "gauge", "1 while there are more series than allowed: by partition only the farthest behind are exposed.", (), [((), int(dropped > 0))]),
        Family("kafkascope_metrics_series_dropped", "gauge", "Series left out because of the limit.", (), [((), dropped)]),
    ]
    return [*fine, *whole, *bound]


def _by_partition(lag: pa.Table, ends: pa.Table, selection: Selection, one: bool) -> list[AnyFamily]:
    rows = lag.select(["cluster_id", "group_id", "topic", "partition", "committed", "lag", "lag_seconds", "status"])
    cluster, group, topic, partition, committed, left, seconds, status = (column.to_pylist() for column in rows.columns)
    number = [str(p) for p in partition]
    known = list(zip(group, topic, number, strict=True)) if one else list(zip(cluster, group, topic, number, strict=True))
    named = list(zip(cluster, group, topic, number, strict=True))
    logs = list(zip(_keys(ends, ["cluster_id", "topic"]), ends["partition"].to_pylist(), ends["end_offset"].to_pylist(), strict=True))
    logs_named = [((*key, str(p)), e) for key, p, e in logs]
    found: list[AnyFamily] = []
    if "kafka_exporter" in selection.names:
        labels = ("consumergroup", "topic", "partition") if one else ("cluster", "consumergroup", "topic", "partition")
        found += [
            Family("kafka_consumergroup_current_offset", "gauge", "Committed offset.", labels, _known(known, committed)),
            Family("kafka_consumergroup_lag", "gauge", "Records that the group has left to read.", labels, _known(known, left)),
            Family("kafka_topic_partition_current_offset", "gauge", "End of the log.", (*labels[:-3], "topic", "partition"), [(key[one:], e) for key, e in logs_named]),
        ]  # fmt: skip
    if "kafka_lag_exporter" in selection.names:
        labels = ("cluster_name", "group", "topic", "partition")
        found += [
            Family("kafka_consumergroup_group_offset", "gauge", "Committed offset.", labels, _known(named, committed)),
            Family("kafka_consumergroup_group_lag", "gauge", "Records that the group has left to read.", labels, _known(named, left)),
            Family("kafka_consumergroup_group_lag_seconds", "gauge", "Time since the first record that the group has not had was appended.", labels, _known(named, seconds)),
            Family("kafka_partition_latest_offset", "gauge", "End of the log.", ("cluster_name", "topic", "partition"), logs_named),
        ]  # fmt: skip
    if "burrow" in selection.names:
        labels = ("cluster", "consumer_group", "topic", "partition")
        numbers = {str(s): s.number for s in _STATUSES}
        found += [
            Family("burrow_kafka_topic_partition_status", "gauge", "Status: 1 OK, 2 WARN, 4 STOP, 5 STALL, 6 REWIND.", labels, [(k, numbers[s]) for k, s in zip(named, status, strict=True)]),
            Family("burrow_kafka_consumer_current_offset", "gauge", "Committed offset.", labels, _known(named, committed)),
            Family("burrow_kafka_consumer_partition_lag", "gauge", "Records that the group has left to read.", labels, _known(named, left)),
            Family("burrow_kafka_topic_partition_offset", "gauge", "End of the log.", ("cluster", "topic", "partition"), logs_named),
        ]  # fmt: skip
    return found


def _sums(lag: pa.Table, groups: pa.Table, selection: Selection, one: bool) -> list[AnyFamily]:
    by_topic = lag.group_by(["cluster_id", "group_id", "topic"]).aggregate([("lag", "sum"), ("committed", "sum"), ("partition", "count")])
    topic_keys = _keys(by_topic, ["group_id", "topic"] if one else ["cluster_id", "group_id", "topic"])
    group_keys = _keys(groups, ["group_id"] if one else ["cluster_id", "group_id"])
    named = _keys(groups, ["cluster_id", "group_id"])
    lags, maxima, seconds = (groups[name].to_pylist() for name in ("lag", "max_lag", "lag_seconds"))
    found: list[AnyFamily] = []
    if "kafka_exporter" in selection.names:
        labels = ("consumergroup", "topic") if one else ("cluster", "consumergroup", "topic")
        partitions = lag.group_by(["cluster_id", "topic"]).aggregate([("partition", "count_distinct")])
        found += [
            Family("kafka_consumergroup_current_offset_sum", "gauge", "Sum of the committed offsets.", labels, _known(topic_keys, by_topic["committed_sum"].to_pylist())),
            Family("kafka_consumergroup_lag_sum", "gauge", "Records that the group has left to read of the topic.", labels, _known(topic_keys, by_topic["lag_sum"].to_pylist())),
            Family("kafka_consumergroup_members", "gauge", "Members of the group.", labels[:-1], _known(group_keys, groups["members"].to_pylist())),
            Family("kafka_topic_partitions", "gauge", "Partitions that a group reads or has committed.", (*labels[:-2], "topic"),
                   _known(_keys(partitions, ["topic"] if one else ["cluster_id", "topic"]), partitions["partition_count_distinct"].to_pylist())),
        ]  # fmt: skip
    if "kafka_lag_exporter" in selection.names:
        labels = ("cluster_name", "group")
        topics = _keys(by_topic, ["cluster_id", "group_id", "topic"])
        found += [
            Family("kafka_consumergroup_group_max_lag", "gauge", "The greatest lag of one partition.", labels, _known(named, maxima)),
            Family("kafka_consumergroup_group_max_lag_seconds", "gauge", "The greatest time lag of one partition.", labels, _known(named, seconds)),
            Family("kafka_consumergroup_group_sum_lag", "gauge", "Records that the group has left to read.", labels, _known(named, lags)),
            Family("kafka_consumergroup_group_topic_sum_lag", "gauge", "Records that the group has left to read of the topic.", (*labels, "topic"),
                   _known(topics, by_topic["lag_sum"].to_pylist())),
        ]  # fmt: skip
    if "burrow" in selection.names:
        numbers = {str(s): s.number for s in _STATUSES}
        labels = ("cluster", "consumer_group")
        found += [
            Family("burrow_kafka_consumer_status", "gauge", "Status: 1 OK, 2 WARN, 3 ERR.", labels, [(k, numbers[s]) for k, s in zip(named, groups["status"].to_pylist(), strict=True)]),
            Family("burrow_kafka_consumer_lag_total", "gauge", "Records that the group has left to read.", labels, _known(named, lags)),
        ]  # fmt: skip
    return found


def _own(groups: pa.Table, snapshot: Snapshot) -> list[AnyFamily]:
    """What no other exporter has."""
    keys = _keys(groups, ["cluster_id", "group_id"])
    labels = ("cluster_name", "group")
    kinds = _keys(groups, ["cluster_id", "group_id", "kind", "state"])
    numbers = {str(s): s.number for s in _STATUSES}
    findings: dict[tuple[str, ...], int] = {}
    for finding in snapshot.findings:
        key = (finding.cluster_id, finding.kind, finding.group_id)
        findings[key] = findings.get(key, 0) + 1
    return [
        Family("kafka_consumergroup_status", "gauge", "Verdict: 0 unknown, 1 OK, 2 WARN, 3 ERR.", labels, [(k, numbers[s]) for k, s in zip(keys, groups["status"].to_pylist(), strict=True)]),
        Family("kafka_consumergroup_lag_trend", "gauge", "Records per second by which the lag grows; below zero it shrinks.", labels, _known(keys, groups["trend"].to_pylist())),
        Family("kafka_consumergroup_time_to_drain_seconds", "gauge", "Time until the lag is gone if that goes on.", labels, _known(keys, groups["time_to_drain"].to_pylist())),
        Family("kafka_consumergroup_group_state", "gauge", "1 for the group's kind and state.", (*labels, "kind", "state"), [(k, 1) for k in kinds]),
        Family("kafka_consumergroup_partitions_unknown", "gauge", "Partitions whose lag is not known.", labels, _known(keys, groups["partitions_unknown"].to_pylist())),
        Family("kafka_findings", "gauge", "What is wrong and cannot be told from commits.", ("cluster_name", "kind", "group"), sorted(findings.items())),
    ]  # fmt: skip


def _traffic(traffic: Traffic) -> list[AnyFamily]:
    """Counters since the server's start."""

    def topics(name: str, text: str, value: Callable[[Any], int]) -> Family:
        return Family(name, "counter", text, ("cluster_name", "topic"), [(key, value(topic)) for key, topic in sorted(traffic.topics.items(), key=lambda item: item[0]) if value(topic)])

    def histograms(name: str, text: str, labels: tuple[str, ...], found: Sequence[tuple[tuple[str, ...], Histogram]]) -> HistogramFamily:
        return HistogramFamily(name, text, BOUNDS, labels, [HistogramSample(key, h.counts.tolist(), h.sum, dict(h.exemplars)) for key, h in found])

    clients = sorted(traffic.clients.items(), key=lambda item: item[0])
    return [
        topics("kafka_topic_produced_bytes_total", "Bytes of record batches produced.", lambda t: t.produced_bytes),
        topics("kafka_topic_produced_records_total", "Records produced.", lambda t: t.produced_records),
        topics("kafka_topic_consumed_bytes_total", "Bytes of record batches delivered to consumers.", lambda t: t.consumed_bytes),
        topics("kafka_topic_consumed_records_total", "Records delivered to consumers.", lambda t: t.consumed_records),
        Family("kafka_client_requests_total", "counter", "Requests seen.", ("client_id", "api"), [(k, c.requests) for k, c in clients]),
        Family("kafka_client_request_errors_total", "counter", "Responses with an error.", ("client_id", "api"), [(k, c.errors) for k, c in clients if c.errors]),
        Family("kafka_client_throttle_seconds_total", "counter", "Time that clients were told to wait.", ("client_id", "api"), [(k, c.throttled_s) for k, c in clients if c.throttled_s]),
        Family("kafka_request_errors_total", "counter", "Responses with an error, by its name.", ("api", "error"), sorted(traffic.errors.items())),
        histograms("kafka_request_latency_seconds", "Response time minus request time; of a Fetch with the time it waited for data.", ("api",), [((a,), h) for a, h in sorted(traffic.requests.items(), key=lambda item: item[0])]),
        histograms(DELIVERY, "From a record's append to its delivery to the group.", ("cluster_name", "topic", "group"), sorted(traffic.delivery.items(), key=lambda item: item[0])),
    ]  # fmt: skip


def _keys(table: pa.Table, columns: list[str]) -> list[tuple[str, ...]]:
    return list(zip(*(table[name].to_pylist() for name in columns), strict=True))


def _known(keys: Sequence[tuple[str, ...]], values: Sequence[float | None]) -> list[tuple[tuple[str, ...], float]]:
    return [(key, value) for key, value in zip(keys, values, strict=True) if value is not None]
