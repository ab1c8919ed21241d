"""Whether a group keeps up with a partition, judged by its last commits alone, without thresholds: the rules that Burrow's users know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

#: Commits of a window and the ends of a partition's log kept beside it, as many as Burrow keeps unless told otherwise.
WINDOW = 10

#: Offset, time in ms, and the lag at that time (None when it was not known), of one commit.
Commit = tuple[int, int, int | None]


class Status(StrEnum):
    """How a partition or a group does; ERR is said of groups only, STOP, STALL and REWIND of partitions only."""

    NOTFOUND = "NOTFOUND"
    OK = "OK"
    UNKNOWN = "UNKNOWN"
    WARN = "WARN"
    ERR = "ERR"
    STOP = "STOP"
    STALL = "STALL"
    REWIND = "REWIND"

    @property
    def number(self) -> int:
        """Burrow's number of the status, for metrics and thresholds; UNKNOWN, which Burrow has not, counts as NOTFOUND."""
        return _NUMBERS[self]


_NUMBERS = {
    Status.NOTFOUND: 0,
    Status.UNKNOWN: 0,
    Status.OK: 1,
    Status.WARN: 2,
    Status.ERR: 3,
    Status.STOP: 4,
    Status.STALL: 5,
    Status.REWIND: 6,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A status, the sentence that says why, and the lag it was judged by (None when unknown)."""

    status: Status
    reason: str
    current_lag: int | None = None


def evaluate(
    *,
    commits: Sequence[Commit],
    end_offsets: Sequence[int],
    now_ms: int,
    allowed_lag: int = 0,
    current_lag: int | None = None,
) -> Verdict:
    """Judges one partition of one group.

    ``commits`` are (offset, time in ms, lag or None), oldest first; ``end_offsets`` are the ends of the log seen recently, newest first.
    Without ``current_lag`` it is the newest end minus the last commit, never below zero; when no end is known, the lag at the last commit
    that knew it, which is the least it can be while nothing was committed since.
    """
    if not commits:
        return Verdict(Status.OK, "The group has committed nothing here, so there is nothing to judge.", _floor(current_lag))
    lag = _current_lag(commits, end_offsets, current_lag)
    if lag is None:
        return Verdict(Status.UNKNOWN, "The end of the log was not seen, so the lag is not known.")
    if lag <= allowed_lag:
        return Verdict(Status.OK, _caught_up(lag, allowed_lag), lag)
    for rule in (_stopped, _rewound):
        if verdict := rule(commits, end_offsets, now_ms, lag):
            return verdict
    if any(sample is not None and sample <= allowed_lag for _, _, sample in commits):
        within = "was caught up" if allowed_lag == 0 else f"was within the allowed lag of {_records(allowed_lag)}"
        return Verdict(Status.OK, f"The group {within} within its last {_commits(len(commits))}; the lag is {_records(lag)}.", lag)
    for rule in (_stalled, _falling_behind):
        if verdict := rule(commits, end_offsets, now_ms, lag):
            return verdict
    return Verdict(Status.OK, f"The group is {_records(lag)} behind and the lag has gone down within its last {_commits(len(commits))}.", lag)


def evaluate_group(partitions: Iterable[Verdict]) -> Verdict:
    """The worst of a group's partitions; what is worse than ERR is ERR for the group. No partition at all is NOTFOUND."""
    verdicts = list(partitions)
    if not verdicts:
        return Verdict(Status.NOTFOUND, "No partition of this group is known.")
    known = [v.current_lag for v in verdicts if v.current_lag is not None]
    total = sum(known) if known else None
    worst = max(verdicts, key=lambda v: v.status.number)
    if worst.status is Status.UNKNOWN:
        return Verdict(Status.UNKNOWN, "Of no partition the lag is known.", total)
    if worst.status is Status.OK:
        unknown = sum(v.status is Status.UNKNOWN for v in verdicts)
        but = f"; of {unknown} the lag is not known" if unknown else ""
        return Verdict(Status.OK, f"{len(verdicts) - unknown} of {len(verdicts)} partitions are in order{but}.", total)
    concerned = sum(v.status.number >= Status.WARN.number for v in verdicts)
    status = Status.WARN if worst.status is Status.WARN else Status.ERR
    return Verdict(status, f"{concerned} of {len(verdicts)} partitions are not in order, the worst is {worst.status}: {worst.reason}", total)


def _current_lag(commits: Sequence[Commit], end_offsets: Sequence[int], current_lag: int | None) -> int | None:
    if current_lag is not None:
        return _floor(current_lag)
    if end_offsets:
        return max(0, end_offsets[0] - commits[-1][0])
    return _floor(next((lag for _, _, lag in reversed(commits) if lag is not None), None))


def _stopped(commits: Sequence[Commit], end_offsets: Sequence[int], now_ms: int, lag: int) -> Verdict | None:
    offset, last_ms, _ = commits[-1]
    silent_ms, span_ms = now_ms - last_ms, last_ms - commits[0][1]
    # An end at or before the last commit means that the group had everything within the time the ends reach back: new records only.
    if silent_ms <= span_ms or any(end <= offset for end in end_offsets):
        return None
    than = f"longer than the {_seconds(span_ms)} that its last {_commits(len(commits))} span" if len(commits) > 1 else "after a single commit"
    return Verdict(Status.STOP, f"The group has committed nothing for {_seconds(silent_ms)}, {than}, and is {_records(lag)} behind.", lag)


def _rewound(commits: Sequence[Commit], end_offsets: Sequence[int], now_ms: int, lag: int) -> Verdict | None:
    back = next((i for i in range(1, len(commits)) if commits[i][0] < commits[i - 1][0]), None)
    if back is None:
        return None
    before, after = commits[back - 1][0], commits[back][0]
    if any(offset >= before for offset, _, _ in commits[back + 1 :]):
        return None
    return Verdict(Status.REWIND, f"The group went back from offset {before} to {after} and has not reached {before} again.", lag)


def _stalled(commits: Sequence[Commit], end_offsets: Sequence[int], now_ms: int, lag: int) -> Verdict | None:
    offset = commits[0][0]
    if any(other != offset for other, _, _ in commits):
        return None
    told = f"The last {_commits(len(commits))} are all" if len(commits) > 1 else "The only commit is"
    return Verdict(Status.STALL, f"{told} of offset {offset} with a lag of {_records(lag)}.", lag)


def _falling_behind(commits: Sequence[Commit], end_offsets: Sequence[int], now_ms: int, lag: int) -> Verdict | None:
    samples = [sample for _, _, sample in commits if sample is not None]
    if any(later < earlier for earlier, later in pairwise(samples)):
        return None
    return Verdict(Status.WARN, f"The group reads, but over its last {_commits(len(commits))} its lag never went down; it is {_records(lag)}.", lag)


def _floor(lag: int | None) -> int | None:
    return None if lag is None else max(0, lag)


def _caught_up(lag: int, allowed_lag: int) -> str:
    if lag == 0:
        return "The group has committed everything there is."
    return f"The group is {_records(lag)} behind, which is within the allowed lag of {_records(allowed_lag)}."


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count:,} records"


def _commits(count: int) -> str:
    return "commit" if count == 1 else f"{count} commits"


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.3g} s" if ms < 100_000 else f"{round(ms / 1000)} s"
