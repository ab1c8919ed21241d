"""What a consumer group's status says in words, and the first sentence of a screen about groups."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.text import Text

from kafkascope.cli import format as fmt
from kafkascope.cli.output import Column, Output
from kafkascope.cli.plain import plain
from kafkascope.tui.text import wrap

#: Groups that are told of by name; the others are in the table.
MAX_NAMED = 2
#: What keeps up may still have this much to read before it is worth a word.
WORTH_SECONDS = 10
#: What people ask first of a group, in this order; the script's other columns follow in its own.
FIRST_COLUMNS = ("status", "group", "group_id", "lag", "lag_seconds", "trend", "time_to_drain")
#: A group's own, and that on what reads a topic.
VERDICT_COLUMNS = ("status", "verdict")
_SECONDS = ("lag_seconds", "time_to_drain")


@dataclass(frozen=True)
class Verdict:
    """A status in words; the greater ``severity``, the sooner somebody should look."""

    word: str
    style: str
    severity: int
    mark: str

    @property
    def bad(self) -> bool:
        return self.severity >= 3


_VERDICTS = {
    "OK": Verdict("keeps up", "green", 1, "●"), "WARN": Verdict("falling behind", "yellow", 3, "▲"), "ERR": Verdict("failing", "red", 6, "✗"), "STOP": Verdict("stopped", "red", 7, "■"),
    "STALL": Verdict("stalled", "red", 5, "■"), "REWIND": Verdict("went back", "yellow", 4, "◀"), "UNKNOWN": Verdict("not known", "dim", 2, "○"), "NOTFOUND": Verdict("not found", "dim", 0, "○"),
}  # fmt: skip


def verdict(item: Any, column: Column) -> Verdict | None:
    """The verdict that a cell holds, where its column is one of verdicts."""
    return _VERDICTS.get(item.upper()) if column.name in VERDICT_COLUMNS and isinstance(item, str) else None


#: So many seconds behind is late, whatever the commits look like.
LATE_S = 60
STEADY = 0.005
_LATE = {True: Verdict("falling behind", "yellow", 3, "▲"), False: Verdict("catching up", "yellow", 2, "▼"), None: Verdict("behind", "yellow", 3, "▲")}


def judged(row: Sequence[Any], index: int, columns: Sequence[Column]) -> Verdict | None:
    """The verdict of a cell with what its row says beside it, in the words of the page.

    The status goes by Burrow's rules, to which a group is OK as long as its lag goes down now and then, be it minutes late.
    """
    found = verdict(row[index], columns[index])
    if found is None or found is not _VERDICTS["OK"]:
        return found
    beside = {column.name: value for column, value in zip(columns, row, strict=True) if column.name in ("lag_seconds", "trend")}
    if (_number(beside.get("lag_seconds")) or 0.0) < LATE_S:
        return found
    moves = _number(beside.get("trend")) or 0.0
    return _LATE[None if abs(moves) < STEADY else moves > 0]


def trend(item: Any, column: Column) -> tuple[str, str] | None:
    """Records per second by which a lag grows or shrinks, with its style; ``None`` for any other column."""
    if column.name != "trend" or not isinstance(item, int | float) or not math.isfinite(item):
        return None
    if abs(item) < STEADY:
        return "steady", "dim"
    return f"{'▲' if item > 0 else '▼'} {_rate(abs(item))}", "yellow" if item > 0 else "green"


def seconds(item: Any, column: Column) -> str | None:
    """A time that its column counts in seconds; ``None`` for any other column."""
    known = column.name in _SECONDS and column.semantic_type == "NONE" and isinstance(item, int | float) and math.isfinite(item)
    return fmt.duration(item * 1e9) if known else None


def _rate(value: float) -> str:
    return f"{value:,.0f}/s" if value >= 100 else f"{value:.1f}/s" if value >= 10 else f"{value:.2g}/s"


def answer(tables: Sequence[Output], width: int) -> list[Text]:
    """Who is behind and by how much, or that nobody is; nothing where no table tells of groups."""
    groups = next((found for table in tables if (found := _groups(table))), [])
    if not groups:
        return []
    findings = _findings(tables)
    lines = [_line(group, findings) for group in sorted(groups, key=_urgency) if group["verdict"].bad]
    noun = "partition" if groups[0]["partition"] is not None else "group"
    if lines:
        more = len(lines) - MAX_NAMED
        reason = next(str(g["reason"] or "") for g in sorted(groups, key=_urgency)) if "reason" in groups[0] else ""
        lines = lines[:MAX_NAMED] + ([Text(f"   {more:,} more {noun}{' is' if more == 1 else 's are'} behind")] if more > 0 else [])
        if reason:
            lines.insert(1, Text("   " + plain(reason), style="dim"))
    else:
        lines = [_nobody(groups, noun)]
    said = {(str(group["group"]), group["verdict"].word) for group in groups}
    told = [(kind, reason) for group, found in findings.items() for kind, reason in found.reasons if (group, kind) not in said]
    if told:
        (kind, reason), more = told[0], len(told) - 1
        lines.append(Text.assemble(" ", (f"▲ {plain(kind)}", "bold yellow"), f" {plain(reason)}", (f" ({more:,} more)" if more else "", "dim")))
    return [part for line in lines for part in wrap(line, width)]


def _urgency(group: Mapping[str, Any]) -> tuple[float, float, float]:
    return -group["verdict"].severity, -(_number(group.get("lag_seconds")) or 0.0), -(_number(group.get("lag")) or 0.0)


def _nobody(groups: Sequence[Mapping[str, Any]], noun: str) -> Text:
    # A group of which nothing was read keeps up with nothing.
    fine = [g for g in groups if g["verdict"].severity == 1 and _number(g["lag"]) is not None]
    unknown = len(groups) - len(fine)
    if not fine:
        return Text(f" ○ Nothing is known yet of how the {noun}s do.", style="dim")
    one, several = ("is in order", "partitions are in order") if noun == "partition" else ("keeps up", "groups keep up")
    text = Text.assemble(" ", ("●", "green"), f" {plain(fine[0]['who'])} {one}" if len(fine) == 1 else f" {len(fine):,} {several}")
    text.append(f"; of {unknown:,} it is not known" if unknown else "")
    last = min(fine, key=_urgency)
    late = _number(last.get("lag_seconds")) or 0.0
    if late >= WORTH_SECONDS:
        text.append(f"; furthest behind is {plain(last['who'])} by {fmt.duration(late * 1e9)} ({last['lag']:,.0f} records)")
    return text.append(".")


def _groups(table: Output) -> list[dict[str, Any]]:
    names = [c.name for c in table.columns]
    named = "group" if "group" in names else "group_id" if "group_id" in names else None
    # A script about one group does not repeat its name.
    alone = named is None and len(table.rows) == 1 and "reason" in names and "partition" not in names
    if not {"status", "lag"} <= set(names) or not (named or alone):
        return []
    found = []
    for row in table.rows:
        # Of a script that lists a group's partitions each row is a partition.
        group: dict[str, Any] = {"topic": "", "partition": None, **dict(zip(names, row, strict=True))}
        said = judged(row, names.index("status"), table.columns)
        if said is not None:
            name = group[named] if named else "the group"
            found.append({**group, "group": name, "who": f"{name}{_place(group)}", "verdict": said})
    return found


def _place(group: Mapping[str, Any]) -> str:
    """Of which partition a row tells; a script about one topic does not repeat its name."""
    if group["partition"] is None:
        return ""
    return f" on {group['topic']}-{group['partition']}" if group["topic"] else f" on partition {group['partition']}"


@dataclass
class _Found:
    """What findings say of a group."""

    since: int = 0
    topics: list[str] = field(default_factory=list)
    reasons: list[tuple[str, str]] = field(default_factory=list)


def _findings(tables: Sequence[Output]) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    for table in tables:
        names = [c.name for c in table.columns]
        if not {"since", "group", "topic", "kind", "reason"} <= set(names):
            continue
        for row in table.rows:
            values = dict(zip(names, row, strict=True))
            here = found.setdefault(str(values["group"]), _Found())
            here.since = min(here.since or values["since"] or 0, values["since"] or here.since)
            if values["topic"] and values["topic"] not in here.topics:
                here.topics.append(str(values["topic"]))
            here.reasons.append((str(values["kind"]).replace("_", " "), str(values["reason"])))
    return found


def _line(group: Mapping[str, Any], findings: Mapping[str, _Found]) -> Text:
    said: Verdict = group["verdict"]
    text = Text.assemble(" ", (f"{said.mark} {said.word}", f"bold {said.style}"), " ", (plain(group["who"]), "bold"))
    lag, late, rate, drain = (_number(group.get(name)) for name in ("lag", "lag_seconds", "trend", "time_to_drain"))
    found = findings.get(str(group["group"]), _Found())
    on = f" on {plain(', '.join(found.topics[:2]))}{' and more' if len(found.topics) > 2 else ''}" if found.topics and group["partition"] is None else ""
    records = "" if lag is None else f"{lag:,.0f} record{'' if lag == 1 else 's'}"
    if late:
        text.append(f" is {fmt.duration(late * 1e9)} behind{on}" + (f" ({records})" if records else ""))
    elif records:
        text.append(f" is {records} behind{on}")
    else:
        text.append(on)
    if rate is not None and abs(rate) >= 0.005:
        text.append(f", falling further behind by {_rate(rate)}" if rate > 0 else f", catching up by {_rate(-rate)}" + (f", done in {fmt.duration(drain * 1e9)}" if drain is not None else ""))
    if found.since:
        text.append(f", since {fmt.local_time(found.since)[11:19]}", style="dim")
    return text


def _number(item: Any) -> float | None:
    return float(item) if isinstance(item, int | float) and math.isfinite(item) else None
