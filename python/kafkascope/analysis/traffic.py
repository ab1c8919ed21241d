"""Counters of requests, records and delays since the start, for metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kafkascope.analysis.numpy_columns import NO_TEXT, combined, ints, numbered
from kafkascope.analysis.ranges import OffsetRanges
from kafkascope.analysis.tracker import Tracker
from kafkascope.pxl.lower.names import KAFKA_ERRORS

Ints = npt.NDArray[np.int64]

#: Upper bounds in seconds, those of OpenTelemetry's messaging conventions and two more for consumers that are far behind.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 60.0, 600.0)
#: Clients, topics and (topic, group) with counters of their own; what comes later is counted under ``OTHER``.
MAX_KEYS = 5_000
OTHER = "(other)"

#: Columns of ``kafka_events.beta`` that are counted.
EVENT_COLUMNS = ("time_", "req_cmd_name", "client_id", "error_code", "latency", "throttle_ms")
_DELIVERED = ["cluster_id", "topic", "topic_id", "partition", "group_id", "first_offset", "response_time"]


@dataclass(slots=True)
class Exemplar:
    """One observation of a bucket: what it was, how much, when (seconds since the epoch)."""

    labels: tuple[tuple[str, str], ...]
    value: float
    at: float


@dataclass(slots=True)
class Histogram:
    """Counts by bucket of ``BOUNDS``, the last one for everything beyond."""

    counts: Ints = field(default_factory=lambda: np.zeros(len(BOUNDS) + 1, np.int64))
    sum: float = 0.0
    exemplars: dict[int, Exemplar] = field(default_factory=dict)


@dataclass(slots=True)
class Topic:
    """What was written to a topic and read from it by consumers; an unknown number of records counts none."""

    produced_bytes: int = 0
    produced_records: int = 0
    consumed_bytes: int = 0
    consumed_records: int = 0


@dataclass(slots=True)
class Client:
    """Requests of a client id by API; errors are responses with an error."""

    requests: int = 0
    errors: int = 0
    throttled_s: float = 0.0


class Traffic:
    """Everything that only grows."""

    def __init__(self) -> None:
        self.topics: dict[tuple[str, str], Topic] = {}
        self.clients: dict[tuple[str, str], Client] = {}
        self.errors: dict[tuple[str, str], int] = {}
        self.requests: dict[str, Histogram] = {}
        self.delivery: dict[tuple[str, str, str], Histogram] = {}
        self.overflowed = 0

    def take_events(self, events: pa.Table) -> None:
        """Rows of ``kafka_events.beta`` with ``EVENT_COLUMNS``."""
        if events.num_rows == 0:
            return
        error, answered = ints(events["error_code"], 0), events["error_code"].is_valid().to_numpy()
        failed = error != 0
        throttled = ints(events["throttle_ms"], 0)
        keys, of_key = combined(events["client_id"], events["req_cmd_name"])
        sums = zip(keys, *(np.bincount(of_key, counted, len(keys)).tolist() for counted in (None, failed, throttled)), strict=True)
        for (client_id, api), requests, errors, throttle_ms in sums:
            client = self.clients.get((client_id, api)) or self._client(client_id, api)
            client.requests += requests
            client.errors += round(errors)
            client.throttled_s += throttle_ms / 1000
        apis = np.array([api for _, api in keys], object)
        wrong = np.flatnonzero(failed)
        for (api, code), count in Counter(zip(apis[of_key[wrong]], error[wrong].tolist(), strict=True)).items():
            key = (api, KAFKA_ERRORS.get(code, str(code)))
            self.errors[key] = self.errors.get(key, 0) + count
        seconds = events["latency"].to_numpy() / 1e9
        for api in dict.fromkeys(apis.tolist()):
            mine = answered & (apis == api)[of_key]
            if mine.any():
                _observe(self.requests.setdefault(api, Histogram()), seconds[mine])

    def _by_topic(self, tracker: Tracker, table: pa.Table, rows: Ints) -> Iterator[tuple[Topic, int, int]]:
        """The bytes and records of these rows, by topic."""
        keys, of_key = combined(table["cluster_id"], table["topic"], table["topic_id"])
        of_key = of_key[rows]
        sizes, records = (np.bincount(of_key, ints(table[name], 0)[rows], len(keys)) for name in ("bytes", "records"))
        for number in np.flatnonzero(np.bincount(of_key)).tolist():
            cluster, topic, topic_id = keys[number]
            yield self._topic(cluster or tracker.only_cluster, tracker.topic_name(topic, topic_id)), round(sizes[number]), round(records[number])

    def _client(self, client_id: str, api: str) -> Client:
        if len(self.clients) >= MAX_KEYS:
            self.overflowed += 1
            client_id = OTHER
        return self.clients.setdefault((client_id, api), Client())

    def _topic(self, cluster: str, topic: str) -> Topic:
        key = (cluster, topic)
        if key not in self.topics and len(self.topics) >= MAX_KEYS:
            self.overflowed += 1
            key = ("", OTHER)
        return self.topics.setdefault(key, Topic())

    def take_rows(self, tracker: Tracker, produce: pa.Table, fetch: pa.Table) -> None:
        """Rows of ``kafka_produce`` and ``kafka_fetch``, after the tracker took them."""
        for topic, size, records in self._by_topic(tracker, produce, np.flatnonzero(ints(produce["error_code"], 0) == 0)):
            topic.produced_bytes += size
            topic.produced_records += records
        read = np.flatnonzero((ints(fetch["replica_id"], 0) < 0) & (ints(fetch["error_code"], -1) == 0) & (ints(fetch["bytes"], 0) > 0))
        for topic, size, records in self._by_topic(tracker, fetch, read):
            topic.consumed_bytes += size
            topic.consumed_records += records
        self._take_deliveries(tracker, fetch, read)

    def forget(self, cluster_id: str, group_id: str, topic: str) -> None:
        """A group, or a topic, that was deleted: an empty name means all of them."""
        if not group_id:
            self.topics.pop((cluster_id, topic), None)
        for key in [k for k in self.delivery if k[0] == cluster_id and topic in {k[1], ""} and group_id in {k[2], ""}]:
            del self.delivery[key]

    def _take_deliveries(self, tracker: Tracker, fetch: pa.Table, rows: Ints) -> None:
        """From the answer to the Produce that brought a batch's first record to the answer of the Fetch that delivered it."""
        told = pc.and_(pc.is_valid(fetch["first_offset"]), pc.and_(pc.is_valid(fetch["response_time"]), pc.not_equal(fetch["group_id"], NO_TEXT)))
        rows = rows[told.to_numpy()[rows]]
        if len(rows) == 0:
            return
        read = fetch.select(_DELIVERED).take(pa.array(rows))
        slots, first, at = tracker.places(read), read["first_offset"].to_numpy(), read["response_time"].to_numpy()
        appended = _found(tracker.logs.appended, slots, first)
        rows = np.flatnonzero(appended > 0)
        if len(rows) == 0:
            return
        slots, first, at, partitions = slots[rows], first[rows], at[rows], read["partition"].to_numpy()[rows]
        seconds = np.maximum(at - appended[rows], 0) / 1e9
        group = tracker.groups.numbers(read["group_id"])[rows]
        place = tracker.parts.topic[slots]
        keys, inverse = numbered((group << 32) | place)
        for number, key in enumerate(keys.tolist()):
            mine = np.flatnonzero(inverse == number)
            histogram = self._delivery(tracker.cluster_of(int(slots[mine[0]])), tracker.topics.texts[key & 0xFFFFFFFF], tracker.groups.texts[key >> 32])
            buckets = _observe(histogram, seconds[mine])
            # Of each bucket the newest is the example.
            for bucket, last in zip(*(part.tolist() for part in np.unique(buckets[::-1], return_index=True)), strict=True):
                row = mine[len(mine) - 1 - last]
                labels = (("partition", str(partitions[row])), ("offset", str(first[row])))
                histogram.exemplars[bucket] = Exemplar(labels, float(seconds[row]), float(at[row]) / 1e9)

    def _delivery(self, cluster: str, topic: str, group: str) -> Histogram:
        key = (cluster, topic, group)
        if key not in self.delivery and len(self.delivery) >= MAX_KEYS:
            self.overflowed += 1
            key = ("", OTHER, OTHER)
        return self.delivery.setdefault(key, Histogram())


def _found(log: OffsetRanges, slots: Ints, offsets: Ints) -> Ints:
    """When each offset was appended; 0 where that was not seen."""
    times, _ = log.find(np.maximum(slots, 0), offsets)
    return np.where(slots >= 0, times, 0)


def _observe(histogram: Histogram, seconds: npt.NDArray[np.float64]) -> Ints:
    buckets = np.searchsorted(BOUNDS, seconds, "left")
    histogram.counts += np.bincount(buckets, minlength=len(BOUNDS) + 1)
    histogram.sum += float(seconds.sum())
    return buckets
