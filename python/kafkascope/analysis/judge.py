"""The verdict on every (group, topic, partition) that a tracker holds, and on every group."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from kafkascope.analysis.tracker import Tracker
from kafkascope.analysis.verdict import WINDOW, Commit, Status, Verdict, evaluate, evaluate_group

Ints = npt.NDArray[np.int64]
_MS = 1_000_000
#: A window that is not full and younger than this tells too little: the first commit seen would make a group one that has stopped.
YOUNG_MS = 60_000


@dataclass(frozen=True)
class Judged:
    """Verdicts by the place in ``slots``; ``complete`` is the share of each window that is filled."""

    slots: Ints
    verdicts: list[Verdict]
    complete: npt.NDArray[np.float64]


def partitions(tracker: Tracker, slots: Ints, now_ns: int, *, allowed_lag: int = 0) -> Judged:
    """Judges as ``verdict.evaluate`` does. Who has no more than the allowed lag is in order, whatever came before: that needs no look at the window."""
    pairs, parts = tracker.pairs, tracker.parts
    at = pairs.at[slots]
    filled = pairs.commit_filled[slots]
    told = (filled == 0) & (pairs.told_since[slots] > 0)
    # Who reads will commit, or is found to read without; a word from before says nothing of that.
    waits = told & (pairs.position_at[slots] >= now_ns - YOUNG_MS * _MS)
    committed, end = pairs.committed[slots], parts.end[at]
    left = np.where((committed >= 0) & (end >= 0), np.maximum(end - committed, 0), -1)
    verdicts: list[Verdict] = [_NO_COMMIT] * len(slots)
    for row in np.flatnonzero(waits).tolist():
        verdicts[row] = replace(_READS, current_lag=int(left[row]) if left[row] >= 0 else None)
    shares = np.flatnonzero(tracker.is_share(slots))
    for row, unsettled in zip(shares.tolist(), tracker.ahead(slots[shares]).tolist(), strict=True):
        verdicts[row] = replace(_SHARES, current_lag=unsettled if unsettled >= 0 else None)
    for row in np.flatnonzero(((filled > 0) | told) & (left == 0)).tolist():
        verdicts[row] = _CAUGHT_UP
    for row in np.flatnonzero(((filled > 0) | (told & ~waits)) & (left != 0)).tolist():
        slot, part = slots[row], at[row]
        count = int(filled[row])
        ends = parts.ends_offset[part, : parts.ends_filled[part]].tolist()[::-1]
        commits = _seen(tracker, slot, count) if count else _told(tracker, slot, ends)
        lag = int(left[row])
        verdict = evaluate(commits=commits, end_offsets=ends, now_ms=now_ns // _MS, allowed_lag=allowed_lag, current_lag=lag if lag >= 0 else None)
        if verdict.status.number > Status.OK.number and count < WINDOW and now_ns // _MS - commits[0][1] < YOUNG_MS:
            seconds = max(now_ns // _MS - commits[0][1], 0) / 1000
            seen = {0: "no commit", 1: "1 commit"}.get(count, f"{count} commits")
            reason = f"Too early to say: {seen} in {seconds:.3g} s; the lag is {verdict.current_lag}."
            verdict = Verdict(Status.OK, reason, verdict.current_lag)
        verdicts[row] = _with_transaction(tracker, slot, part, verdict, now_ns)
    return Judged(slots, verdicts, np.minimum(filled / WINDOW, 1.0))


def _with_transaction(tracker: Tracker, slot: int, part: int, verdict: Verdict, now_ns: int) -> Verdict:
    """Who reads committed records only and has all of them is behind by what others have not ended: its commits look like those of one that has stopped."""
    if verdict.status.number <= Status.OK.number or tracker.pairs.read_committed[slot] != 1:
        return verdict
    parts, stable = tracker.parts, int(tracker.parts.lso[part])
    # The log must have been seen to be held there, and lately: of an old word nobody knows whether it still is.
    if parts.lso_since[part] == 0 or parts.lso_at[part] < now_ns - YOUNG_MS * _MS or stable > tracker.pairs.committed[slot]:
        return verdict
    return replace(verdict, reason=f"{verdict.reason} It has every committed record: a transaction is open from offset {stable} on.")


def _seen(tracker: Tracker, slot: int, count: int) -> list[Commit]:
    pairs = tracker.pairs
    offsets, times, lags = (column[slot, :count].tolist() for column in (pairs.commit_offset, pairs.commit_time, pairs.commit_lag))
    return [(offset, time // _MS, lag if lag >= 0 else None) for offset, time, lag in zip(offsets, times, lags, strict=True)]


def _told(tracker: Tracker, slot: int, ends: list[int]) -> list[Commit]:
    """Of a group that was not seen to commit: what OffsetFetch told is a commit of the time at which it was told first, before which nothing is known."""
    offset, since = int(tracker.pairs.committed[slot]), int(tracker.pairs.told_since[slot])
    # Who had everything then is not behind by what came afterwards alone.
    return [(offset, since // _MS, 0 if any(end <= offset for end in ends) else None)]


def groups(tracker: Tracker, judged: Judged) -> dict[tuple[str, str], tuple[Verdict, float]]:
    """The verdict on each (cluster, group), and the share of its partitions whose window is full."""
    members: dict[tuple[int, int], list[int]] = {}
    clusters = tracker.parts.cluster[tracker.pairs.at[judged.slots]].tolist()
    for row, key in enumerate(zip(clusters, tracker.pairs.group[judged.slots].tolist(), strict=True)):
        members.setdefault(key, []).append(row)
    full = judged.complete >= 1
    return {
        (tracker.clusters.texts[cluster], tracker.groups.texts[group]): (evaluate_group(judged.verdicts[row] for row in rows), float(full[rows].mean()))
        for (cluster, group), rows in members.items()
    }


_NO_COMMIT = evaluate(commits=[], end_offsets=[], now_ms=0)
_READS = Verdict(Status.OK, "The group reads, and no commit of it was seen yet, so there is nothing to judge.")
_SHARES = Verdict(Status.OK, "A share group commits no offsets to judge it by: its lag is what it has not settled.")
_CAUGHT_UP = evaluate(commits=[(0, 0, 0)], end_offsets=[], now_ms=0, current_lag=0)
assert _CAUGHT_UP.status is Status.OK
