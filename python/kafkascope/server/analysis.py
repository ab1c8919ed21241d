"""The analysis beside a server: a thread that gives new rows to a monitor and stores what it yields; over a capture, once, when somebody asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from kafkascope.alerts import engine as alerting
from kafkascope.alerts.notify import Notifier
from kafkascope.alerts.reload import RuleWatch
from kafkascope.alerts.rules import RuleFile, load
from kafkascope.analysis import replay
from kafkascope.analysis.monitor import Monitor, Snapshot
from kafkascope.store import Store
from kafkascope.store.errors import StoreError

#: Between two steps; a step that takes long makes the pause longer, so that the analysis takes at most a tenth of a core.
INTERVAL_S = 2.0
#: So many intervals while nobody asks and nobody is to be notified; what is asked for then is computed first.
_UNWATCHED = 4
_SHARE = 10
#: The longest pause, whatever a step took: what is said of a group must not be older.
_LONGEST_PAUSE_S = 15.0
#: A snapshot this young is shared by those who ask.
_FRESH_NS = 1_000_000_000


class Analysis:
    """Lag, verdicts, rebalances and findings of a store, kept up to date, and the alerts over them.

    With ``captured`` (first and last time of a packet capture) the rows are gone through once, on the first ``prepare``.
    """

    def __init__(self, store: Store, *, interval_s: float = INTERVAL_S, captured: tuple[int, int] | None = None, rules: RuleFile | None = None) -> None:
        self.store = store
        self.monitor = Monitor()
        self.steps = 0
        self.step_s = 0.0
        self._busy_s = 0.0
        #: When the last step ended, by the monotonic clock; not before there is a first one.
        self._stepped_s = float("inf")
        self.problem: str | None = None
        self._captured = captured
        self._filled = False
        rules = rules if rules is not None else load()
        self.alerts = alerting.Alerts(rules)
        self._rule_watch = RuleWatch(rules)
        # What is past is nothing to wake anybody for.
        self.notifier = Notifier(rules.notify if captured is None else ())
        self._notifies = bool(rules.notify)
        self._interval_s = interval_s
        self._lock = threading.Lock()
        self._stepping = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; rows that are stored from now on are taken, and those of the last minutes."""
        if self._captured is not None:
            return
        self.store.listeners.append(self.monitor.offer)
        self._thread = threading.Thread(target=self._run, name="analysis", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, and wait for the step under way."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
        self.notifier.close()

    def prepare(self, tables: Iterable[str]) -> None:
        """Somebody asks: see to it that these tables have their rows. Of a capture they are computed when the first query wants them."""
        concerned = not replay.TABLES.isdisjoint(tables)
        if self._captured is None:
            if concerned:
                self._catch_up()
            self.store.audience.look()
            return
        if self._filled or not concerned:
            return
        with self._lock:
            if not self._filled:
                self.monitor = replay.fill(self.store, first_ns=self._captured[0], last_ns=self._captured[1], each=self._judge)
                self._filled = True

    def snapshot(self, now_ns: int) -> Snapshot:
        """Everything as of now; of a capture as of its end."""
        if self._captured is not None:
            self.prepare(replay.TABLES)
            assert self.monitor.last is not None
            return self.monitor.last
        self._catch_up()
        with self._lock:
            last = self.monitor.last
            return last if last is not None and now_ns - last.now_ns < _FRESH_NS else self.monitor.snapshot(now_ns)

    def stats(self) -> dict[str, Any]:
        """What is held, what limits cost, how long a step takes."""
        return {**self.monitor.stats(), "steps": self.steps, "stepMs": round(self.step_s * 1e3, 1), "problem": self.problem}

    def _judge(self, monitor: Monitor, snapshot: Snapshot, closed: Sequence[alerting.Event] = ()) -> Mapping[str, pa.Table]:
        """The rows of alerts that open and close at a snapshot, which are told to whom it may concern, and of those ``closed`` before it."""
        events = self.alerts.evaluate(monitor, snapshot)
        self.notifier.send(events)
        return {"kafka_alerts": alerting.rows([*closed, *events])} if closed or events else {}

    def _write(self, tables: Mapping[str, pa.Table]) -> None:
        for name, table in tables.items():
            for batch in table.combine_chunks().to_batches():
                self.store.append(name, batch)

    def _read_rules(self, now_ns: int) -> Sequence[alerting.Event]:
        """Takes the rules of a file that has changed; the alerts that close because their rule is gone."""
        rules = self._rule_watch.changed()
        if rules is None:
            return ()
        closed = self.alerts.adopt(rules, now_ns)
        # Whoever was told that an alert is open is told that it closes, also where nothing else will be sent there.
        self.notifier.send(closed)
        self.notifier.retarget(rules.notify)
        self._notifies = bool(rules.notify)
        return closed

    def described_alerts(self) -> dict[str, Any]:
        """For the API: open alerts, recent events, rules, and how the sending goes."""
        self.prepare(replay.TABLES)
        sending = {"sent": self.notifier.sent, "problems": self.notifier.problems, "lastProblem": self.notifier.last_problem}
        return {**self.alerts.described(), "rulesProblem": self._rule_watch.problem, "notify": sending}

    def _run(self) -> None:
        try:
            # Rows that came in since ``start`` are in the store as well; taken twice they change nothing but a window's fill.
            with self._lock:
                engine, now_ns = self.store.engine(), time.time_ns()
                replay.warm(engine, self.monitor, now_ns=now_ns)
                closed = self.alerts.restore(engine.execute(engine.scan("kafka_alerts", None, None, alerting.COLUMNS), timeout_s=60.0), now_ns)
            self.notifier.send(closed)
            self._write({"kafka_alerts": alerting.rows(closed)})
        except StoreError as error:
            self.problem = f"the rows from before the start were not read: {error.message}"
        self._stepped_s = time.monotonic()
        while self._due():
            with self._stepping:
                self.step()

    def _due(self) -> bool:
        """Waits for the next step's time, which comes sooner once somebody looks; false at the end."""
        while (left := self._stepped_s + self.pause_s - time.monotonic()) > 0 and not self._stop.wait(min(left, self._interval_s)):
            pass
        return not self._stop.is_set()

    def _catch_up(self) -> None:
        """A step for one who asks when nobody looked; while somebody looks, the last is young enough and nobody has to wait for the next."""
        if self.store.audience.present:
            return
        with self._stepping:
            if time.monotonic() - self._stepped_s >= self._rest_s(self._interval_s):
                self.step()

    @property
    def pause_s(self) -> float:
        """Seconds to rest before the next step."""
        return self._rest_s(self._interval_s if self._notifies or self.store.audience.present else self._interval_s * _UNWATCHED)

    def _rest_s(self, interval_s: float) -> float:
        """By the processor's time, because a step that only waits for others costs nothing."""
        return min(max(interval_s, self._busy_s * _SHARE), max(interval_s, _LONGEST_PAUSE_S))

    def step(self) -> None:
        """Take in what came, store what it yields."""
        began, busy = time.perf_counter(), time.thread_time()
        try:
            with self._lock:
                now_ns = time.time_ns()
                written = dict(self.monitor.step(now_ns))
                closed = self._read_rules(now_ns)
                if self.monitor.last is not None:
                    written.update(self._judge(self.monitor, self.monitor.last, closed))
            self._write(written)
            self.problem = None
        except Exception as error:
            # The thread must outlive any surprise; the server's status shows it.
            self.problem = f"{type(error).__name__}: {error}"
        self.steps += 1
        self.step_s, self._busy_s = time.perf_counter() - began, time.thread_time() - busy
        self._stepped_s = time.monotonic()
