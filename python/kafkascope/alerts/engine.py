"""Which alerts are open: rules applied to each snapshot of the analysis, with events when one opens or closes."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow as pa

from kafkascope.alerts.rules import Rule, RuleFile
from kafkascope.analysis.monitor import Monitor, Snapshot
from kafkascope.store import catalogue

SECOND = 1_000_000_000
#: Open alerts of one rule at most; the rest is counted.
MAX_OPEN = 1_000
_RECENT = 200
#: Rates of clients are over this long, and of fewer requests than this nothing is said.
RATE_NS = 120 * SECOND
LEAST_REQUESTS = 20
_HOUR_NS = 3600 * SECOND
#: Of ``kafka_alerts``, what tells which alerts are open.
COLUMNS = ("time_", "alert", "event", "severity", "subject", "labels", "value", "summary", "since")


@dataclass(frozen=True)
class Event:
    """An alert that opens or closes; times in ns since the epoch."""

    time_ns: int
    alert: str
    event: str
    severity: str
    subject: str
    labels: Mapping[str, str]
    value: float | None
    summary: str
    since_ns: int


@dataclass(slots=True)
class _State:
    since_ns: int
    last_ns: int
    opened: Event | None = None


class Alerts:
    """The state of all rules. Thread-safe for reading."""

    def __init__(self, rules: RuleFile) -> None:
        self.rules = rules
        self.dropped = 0
        self.recent: deque[Event] = deque(maxlen=_RECENT)
        self._states: dict[tuple[str, str], _State] = {}
        self._rates: deque[tuple[int, dict[tuple[str, str], tuple[int, int, float]]]] = deque()
        self._lock = threading.Lock()

    def evaluate(self, monitor: Monitor, snapshot: Snapshot) -> list[Event]:
        """What opens and closes at a snapshot."""
        now = snapshot.now_ns
        subjects: dict[str, list[tuple[Mapping[str, str], Mapping[str, Any]]]] = {}
        events: list[Event] = []
        with self._lock:
            for rule in self.rules.rules:
                if rule.on not in subjects:
                    subjects[rule.on] = list(self._subjects(rule.on, monitor, snapshot))
                events += self._apply(rule, subjects[rule.on], now)
            self.recent.extend(events)
        return events

    def restore(self, table: pa.Table, now_ns: int) -> list[Event]:
        """Takes up the alerts that are open by rows of ``kafka_alerts``, those of before a restart: they are not told of again, only closed.

        Those whose rule has gone meanwhile close now, and are returned.
        """
        known = {rule.name for rule in self.rules.rules}
        last: dict[tuple[str, str], Event] = {}
        for row in table.sort_by("time_").to_pylist():
            labels = json.loads(row["labels"])
            event = Event(row["time_"], row["alert"], row["event"], row["severity"], row["subject"], labels, row["value"], row["summary"], row["since"])
            last[event.alert, _key(labels)] = event
        opened = {key: event for key, event in last.items() if event.event == "open"}
        closed = [_closed(event, now_ns) for event in opened.values() if event.alert not in known]
        with self._lock:
            self._states |= {key: _State(event.since_ns, now_ns, event) for key, event in opened.items() if event.alert in known}
            self.recent.extend(closed)
        return closed

    def adopt(self, rules: RuleFile, now_ns: int) -> list[Event]:
        """Other rules from now on. What is open stays so under a rule of the same name, and closes where there is none."""
        kept = {rule.name for rule in rules.rules}
        with self._lock:
            self.rules = rules
            events = [_closed(state.opened, now_ns) for (name, _), state in self._states.items() if name not in kept and state.opened is not None]
            self._states = {key: state for key, state in self._states.items() if key[0] in kept}
            self.recent.extend(events)
        return events

    def _apply(self, rule: Rule, subjects: Sequence[tuple[Mapping[str, str], Mapping[str, Any]]], now: int) -> Iterator[Event]:
        open_ = sum(state.opened is not None for (name, _), state in self._states.items() if name == rule.name)
        for labels, values in subjects:
            if not rule.concerns(labels) or not rule.holds(values):
                continue
            subject = "/".join(value for name, value in labels.items() if value and name != "cluster")
            state = self._states.setdefault((rule.name, _key(labels)), _State(now, now))
            state.last_ns = now
            if state.opened is None and now - state.since_ns >= rule.for_s * 1e9:
                if open_ >= MAX_OPEN:
                    self.dropped += 1
                    continue
                open_ += 1
                value = values.get(rule.column)
                number = float(value) if isinstance(value, int | float) else None
                summary = rule.summary.format(**{**_NO_LABELS, **labels}, reason=values.get("reason", ""), value=number if number is not None else value or "")
                state.opened = Event(now, rule.name, "open", rule.severity, subject, dict(labels), number, summary or f"{subject}: {rule.when}", state.since_ns)
                yield state.opened
        for key, state in list(self._states.items()):
            if key[0] != rule.name or state.last_ns == now:
                continue
            if state.opened is None:
                del self._states[key]
            elif now - state.last_ns >= self.rules.close_after_s * 1e9:
                del self._states[key]
                yield _closed(state.opened, now)

    def _subjects(self, on: str, monitor: Monitor, snapshot: Snapshot) -> Iterator[tuple[Mapping[str, str], Mapping[str, Any]]]:
        now = snapshot.now_ns
        if on == "group":
            for row in snapshot.groups.to_pylist():
                yield {"cluster": row["cluster_id"], "group": row["group_id"]}, row
        elif on == "partition":
            for row in snapshot.lag.to_pylist():
                yield {"cluster": row["cluster_id"], "group": row["group_id"], "topic": row["topic"], "partition": str(row["partition"])}, row
        elif on == "finding":
            for found in snapshot.findings:
                partition = "" if found.partition is None else str(found.partition)
                labels = {"cluster": found.cluster_id, "kind": found.kind, "group": found.group_id, "topic": found.topic, "partition": partition, "client": found.client_id}
                yield labels, {"age_seconds": (now - found.since_ns) / 1e9, "reason": found.reason}
        elif on == "rebalances":
            for (cluster, group), times in monitor.rebalances_since(now - _HOUR_NS).items():
                yield {"cluster": cluster, "group": group}, {"per_hour": len(times)}
        elif on == "topic":
            for cluster, topic, last_ns in monitor.tracker.produced():
                yield {"cluster": cluster, "topic": topic}, {"silent_seconds": (now - last_ns) / 1e9}
        elif on == "client":
            yield from self._clients(monitor, now)

    def _clients(self, monitor: Monitor, now: int) -> Iterator[tuple[Mapping[str, str], Mapping[str, Any]]]:
        counted = {key: (c.requests, c.errors, c.throttled_s) for key, c in monitor.traffic.clients.items()}
        while len(self._rates) > 1 and self._rates[1][0] <= now - RATE_NS:
            self._rates.popleft()
        before_ns, before = self._rates[0] if self._rates else (now, {})
        if not self._rates or now - self._rates[-1][0] >= RATE_NS // 12:
            self._rates.append((now, counted))
        span_s = (now - before_ns) / 1e9
        if span_s <= 0:
            return
        for (client, api), (requests, errors, throttled) in counted.items():
            r, e, t = before.get((client, api), (0, 0, 0.0))
            if requests - r >= LEAST_REQUESTS:
                values = {"error_rate": (errors - e) / (requests - r), "errors_per_minute": (errors - e) / span_s * 60, "throttled_share": (throttled - t) / span_s}
                yield {"client": client, "api": api}, values

    def open(self) -> list[Event]:
        """The alerts that are open, the newest first."""
        with self._lock:
            found = [state.opened for state in self._states.values() if state.opened is not None]
        return sorted(found, key=lambda event: -event.time_ns)

    def described(self) -> dict[str, Any]:
        """For the API: what is open, what happened lately, the rules."""
        rules = [{"name": r.name, "on": r.on, "when": r.when, "forS": r.for_s, "severity": r.severity} for r in self.rules.rules]
        with self._lock:
            recent = list(self.recent)[::-1]
        return {"open": [as_json(e) for e in self.open()], "recent": [as_json(e) for e in recent], "rules": rules, "dropped": self.dropped}


def _closed(opened: Event, now_ns: int) -> Event:
    return replace(opened, time_ns=now_ns, event="close", value=None)


def as_json(event: Event) -> dict[str, Any]:
    """An event as it is sent and answered; times in ms since the epoch."""
    found = asdict(event)
    found["time"], found["since"] = found.pop("time_ns") // 1_000_000, found.pop("since_ns") // 1_000_000
    return found


def rows(events: Sequence[Event]) -> pa.Table:
    """Events as rows of ``kafka_alerts``."""
    schema = catalogue.load()["kafka_alerts"].schema
    made = [
        {
            "time_": e.time_ns, "alert": e.alert, "event": e.event, "severity": e.severity, "subject": e.subject, "labels": json.dumps(e.labels, separators=(",", ":")),
            "value": e.value, "summary": e.summary, "since": e.since_ns,
        }
        for e in events
    ]  # fmt: skip
    return pa.Table.from_pylist(made, schema=schema)


def _key(labels: Mapping[str, str]) -> str:
    return "\0".join(labels.values())


_NO_LABELS = dict.fromkeys(("group", "topic", "partition", "client", "api", "kind", "cluster"), "")
