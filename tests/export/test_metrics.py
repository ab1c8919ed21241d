"""Metrics of Kafka: names, values, bounds, and what is gone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from kafkascope.analysis.monitor import Monitor, Snapshot
from kafkascope.analysis.traffic import Exemplar
from kafkascope.export import kafka, otlp, parse, text
from kafkascope.export.families import AnyFamily, Family, HistogramFamily, HistogramSample, series
from kafkascope.export.grafana import dashboards
from kafkascope.export.selection import Selection

ALL = Selection(names=("kafka_exporter", "kafka_lag_exporter", "burrow"))


def exposed(analysed: Any, selection: Selection = ALL, snapshot: Snapshot | None = None) -> dict[str, AnyFamily]:
    return {family.name: family for family in kafka.families(analysed.monitor, snapshot or analysed.monitor.last, selection)}


def test_names_that_dashboards_know_with_their_labels(analysed: Any) -> None:
    lines = text.render(exposed(analysed).values()).splitlines()
    for line in (
        'kafka_consumergroup_lag{consumergroup="gt",topic="jt",partition="0"} 30',
        'kafka_consumergroup_current_offset{consumergroup="gt",topic="jt",partition="0"} 23',
        'kafka_topic_partition_current_offset{topic="jt",partition="0"} 53',
        'kafka_consumergroup_lag_sum{consumergroup="gt",topic="jt"} 44',
        'kafka_consumergroup_members{consumergroup="gt"} 0',
        'kafka_consumergroup_group_lag{cluster_name="NX8u3kwxRpGvY9FbLi5PiQ",group="gt",topic="jt",partition="1"} 14',
        'kafka_consumergroup_group_max_lag{cluster_name="NX8u3kwxRpGvY9FbLi5PiQ",group="gt"} 30',
        'burrow_kafka_consumer_status{cluster="NX8u3kwxRpGvY9FbLi5PiQ",consumer_group="gt"} 1',
        'kafka_topic_produced_records_total{cluster_name="NX8u3kwxRpGvY9FbLi5PiQ",topic="jt"} 80',
        'kafka_request_errors_total{api="Heartbeat",error="REBALANCE_IN_PROGRESS"} 4',
    ):
        assert line in lines
    assert not any(" -" in line for line in lines if line.startswith("kafka_consumergroup") and "trend" not in line)


def test_what_is_not_known_has_no_series(analysed: Any) -> None:
    last = analysed.monitor.last
    unknown = last.lag.set_column(last.lag.schema.get_field_index("lag"), "lag", pa.nulls(last.lag.num_rows, pa.int64()))
    assert exposed(analysed, snapshot=replace(last, lag=unknown))["kafka_consumergroup_lag"].samples == []


def test_a_group_that_is_gone_has_no_series(analysed: Any) -> None:
    last = analysed.monitor.last
    without = replace(last, lag=last.lag.filter(pc.not_equal(last.lag["group_id"], "gt")), groups=last.groups.filter(pc.not_equal(last.groups["group_id"], "gt")))
    before, after = (text.render(exposed(analysed, snapshot=s).values()) for s in (last, without))
    lag = [line for line in after.splitlines() if '"gt"' in line and "delivery" not in line]
    assert '"gt"' in before and lag == []


def test_more_series_than_allowed_keep_the_sums_and_the_worst(analysed: Any) -> None:
    whole = sum(map(series, exposed(analysed).values()))
    first = exposed(analysed, replace(ALL, max_series=whole - 3))
    assert "kafka_delivery_latency_seconds" not in first and len(first["kafka_consumergroup_lag"].samples) == analysed.monitor.last.lag.num_rows
    without = sum(map(series, first.values()))
    less = exposed(analysed, replace(ALL, max_series=without - 10, top=2))
    assert [labels[:2] for labels, _ in less["kafka_consumergroup_lag"].samples] == [("gt", "jt"), ("gt", "jt")]
    assert len(less["kafka_consumergroup_lag_sum"].samples) == len(exposed(analysed)["kafka_consumergroup_lag_sum"].samples)
    assert [value for _, value in less["kafkascope_metrics_truncated"].samples] == [1]
    assert sum(map(series, less.values())) + less["kafkascope_metrics_series_dropped"].samples[0][1] == whole
    tiny = exposed(analysed, replace(ALL, max_series=100))
    assert "kafka_consumergroup_lag" not in tiny and tiny["kafka_consumergroup_group_sum_lag"].samples


def test_only_what_is_wanted(analysed: Any) -> None:
    few = exposed(analysed, Selection(groups="g[tm]", not_topics="jm"))
    assert {labels[0] for labels, _ in few["kafka_consumergroup_lag"].samples} == {"gt"}
    assert "kafka_consumergroup_lag" not in exposed(analysed, Selection(partitions=False))
    with pytest.raises(ValueError, match="unknown names nobody; there are kafka_exporter"):
        Selection(names=("nobody",))


def test_two_clusters_are_told_apart(analysed: Any) -> None:
    last = analysed.monitor.last
    other = last.lag.set_column(1, "cluster_id", pa.array(["other"] * last.lag.num_rows))
    both = exposed(analysed, snapshot=replace(last, lag=pa.concat_tables([last.lag, other])))
    family = both["kafka_consumergroup_lag"]
    assert isinstance(family, Family) and family.labels == ("cluster", "consumergroup", "topic", "partition")
    assert len({labels for labels, _ in family.samples}) == 2 * last.lag.num_rows


@pytest.mark.parametrize("content_type", [text.PROMETHEUS, text.OPENMETRICS])
def test_what_is_written_can_be_read_again(analysed: Any, content_type: str) -> None:
    nasty = Family("nasty", "gauge", 'back\\slash and\nline "quoted"', ("name",), [(('a"b\\c\nd',), 1.5), (("}{",), float("nan"))])
    families = [*exposed(analysed).values(), nasty]
    found = {family.name: family for family in parse.families(text.render(families, content_type))}
    for family in families:
        if family.name == "nasty" or not family.samples:
            continue
        again = found[family.name]
        if isinstance(family, Family):
            assert again.samples == [(labels, pytest.approx(value)) for labels, value in family.samples]
        else:
            assert [(s.labels, list(s.counts)) for s in again.samples] == [(s.labels, list(s.counts)) for s in family.samples]
    assert [labels for labels, _ in found["nasty"].samples] == [labels for labels, _ in nasty.samples]


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", True),
        ("application/vnd.google.protobuf;encoding=delimited;q=0.7, Application/OpenMetrics-Text; version=1.0.0; q=0.6, text/plain;q=0.5", True),
        ("text/plain;version=0.0.4;q=0.9,application/openmetrics-text;q=0.5", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=much", False),
    ],
)
def test_the_format_that_is_asked_for(accept: str, openmetrics: bool) -> None:
    assert (text.accepted(accept) == text.OPENMETRICS) is openmetrics


def test_exemplars_only_where_the_format_has_them() -> None:
    sample = HistogramSample(("t",), [1, 0], 0.2, {0: Exemplar((("partition", "3"),), 0.2, 12.5), 1: Exemplar((("x", "y" * 200),), 1, 1)})
    family = HistogramFamily("delay_seconds", "Delay.", (0.5,), ("topic",), [sample])
    assert 'delay_seconds_bucket{topic="t",le="0.5"} 1 # {partition="3"} 0.2 12.500' in text.render([family], text.OPENMETRICS)
    assert "#" not in "".join(line for line in text.render([family]).splitlines() if not line.startswith("#"))
    assert text.render([family], text.OPENMETRICS).endswith("# EOF\n")


def test_a_server_without_traffic_has_no_kafka_metrics() -> None:
    monitor = Monitor()
    found = kafka.families(monitor, monitor.snapshot(1), Selection())
    assert [family.name for family in found if family.samples] == ["kafkascope_metrics_truncated", "kafkascope_metrics_series_dropped"]


def test_otlp_uses_the_names_of_the_collector_and_the_conventions(analysed: Any) -> None:
    data = otlp.metrics(exposed(analysed).values(), now_ns=2, start_ns=1)
    found = {metric.name: metric for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    lags = {tuple(sorted(p.attributes.items())): p.value for p in found["kafka.consumer_group.lag"].data.data_points}
    assert lags[("group", "gt"), ("messaging.kafka.cluster.id", "NX8u3kwxRpGvY9FbLi5PiQ"), ("partition", "0"), ("topic", "jt")] == 30
    sent = found["messaging.client.sent.messages"].data
    assert sent.is_monotonic and {p.attributes["messaging.destination.name"]: p.value for p in sent.data_points}["jt"] == 80
    duration = found["messaging.client.operation.duration"]
    assert duration.unit == "s" and all(sum(p.bucket_counts) == p.count for p in duration.data.data_points)
    assert not any(name.endswith("_total") for name in found)


def test_dashboards_ask_only_for_metrics_that_there_are(analysed: Any) -> None:
    import re

    known = {family.name for family in exposed(analysed).values()} | {"kafkascope_agent_events_lost_total"}
    rules = (Path(kafka.__file__).parent / "rules.yaml").read_text()
    texts = [target["expr"] for dashboard in dashboards().values() for panel in dashboard["panels"] for target in panel["targets"]] + [rules]
    asked = {re.sub(r"_bucket$", "", name) for text_ in texts for name in re.findall(r"\b(?:kafka|kafkascope)_[a-z_]+", text_)}
    # A script that an annotation names.
    assert asked and asked - {"kafka_groups"} <= known
    for dashboard in dashboards().values():
        cells = [(x, y) for panel in dashboard["panels"] for g in [panel["gridPos"]] for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])]
        assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24
