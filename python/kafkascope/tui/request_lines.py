"""A request as a line: JSON, the line of tshark's users, or columns for a terminal."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from kafkascope.cli import format as fmt
from kafkascope.cli.output import json_text
from kafkascope.cli.plain import plain
from kafkascope.tui.requests import Request
from kafkascope.tui.text import crop, fit

#: Columns of a terminal in which the one line of ``text_line`` finds room.
WIDE = 160


def json_line(request: Request) -> str:
    """One object, with the keys that ``px decode -o json`` has."""
    row = request.row
    client, broker = request.ends()
    record: dict[str, Any] = {
        "time": fmt.rfc3339(row["time_"]), "client": client, "broker": broker, "clientPod": row["client_pod"], "brokerPod": row["broker_pod"], "apiKey": row["req_cmd"],
        "apiName": row["req_cmd_name"], "apiVersion": row["api_version"], "correlationId": row["correlation_id"], "clientId": row["client_id"], "requestBytes": row["req_bytes"],
        "responseBytes": row["resp_bytes"], "latencyNs": row["latency"] if row["resp_bytes"] is not None else None, "cluster": row["cluster_id"], "outcome": row["outcome"],
        "errorCode": row["error_code"], "errors": request.error_names, "groups": request.groups, "topics": request.topics, "request": request.request, "response": request.response,
    }  # fmt: skip
    return json_text(record, separators=(",", ":"))


def text_line(request: Request) -> Text:
    """One line as tshark's users read it: time, ends, request, sizes, latency, what it is about."""
    row = request.row
    client, broker = request.ends()
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(fmt.rfc3339(row["time_"])[:26].replace("T", " ") + " ", style="dim")
    line.append(f"{plain(row['client_pod']) or client} > {plain(row['broker_pod']) or broker} ")
    line.append(f"{row['req_cmd_name'] or row['req_cmd']} v{row['api_version']}", style="bold")
    line.append(f" client={plain(row['client_id'])} {_size(row['req_bytes'])}>{_size(row['resp_bytes'])} B ")
    if row["resp_bytes"] is not None:
        line.append(fmt.duration(row["latency"]), style=_latency_style(request))
    for group in request.groups[:3]:
        line.append(f" group={plain(group)}")
    for name, partitions in list(request.topics.items())[:5]:
        line.append(f" {plain(name)}{_ranges(partitions)}", style="cyan")
    if len(request.topics) > 5:
        line.append(f" +{len(request.topics) - 5} topics", style="dim")
    for error in request.error_names[:3]:
        line.append(f" {error}", style="red")
    if row["outcome"] != "complete":
        line.append(f" [{row['outcome']}]", style="yellow")
    return line


_TIME, _LATENCY, _SIZES = 12, 9, 12


def head_line(width: int) -> Text:
    """The heads of ``short_line``."""
    who, what = _rooms(width)
    return Text(f"{fit('TIME', _TIME)} {fit('CLIENT', who)} {fit('REQUEST', what)} {fit('LATENCY', _LATENCY, True)} {fit('BYTES', _SIZES, True)} ABOUT", style="bold", no_wrap=True)


def _rooms(width: int) -> tuple[int, int]:
    return max(min(width // 6, 32), 10), max(min(width // 5, 26), 14)


def short_line(request: Request, width: int) -> Text:
    """A line of ``width`` cells in columns: time of the day, who asks, what, how long it took, bytes of both, errors before names."""
    row = request.row
    who, what = _rooms(width)
    name = row["client_pod"].rpartition("/")[2] or row["client_id"] or request.ends()[0]
    line = Text(fmt.local_time(row["time_"])[11:] + " ", style="dim", no_wrap=True)
    line = Text.assemble(line, fit(plain(name), who), " ")
    version = f" v{row['api_version']}"
    api = str(row["req_cmd_name"] or row["req_cmd"])
    line.append(fit((api if len(api) + len(version) <= what else fit(api, what - len(version))) + version, what) + " ", style="bold")
    answered = row["resp_bytes"] is not None
    line.append(fit(fmt.duration(row["latency"]) if answered else "–", _LATENCY, True) + " ", style=_latency_style(request))
    line.append(fit(f"{_size(row['req_bytes'])}>{_size(row['resp_bytes'])}", _SIZES, True), style="dim")
    _about(line, request)
    return crop(line, width)


def _latency_style(request: Request) -> str:
    # A Fetch waits for data, which is no fault.
    return "yellow" if request.row["resp_bytes"] is not None and request.row["latency"] > 200e6 and "Fetch" not in request.row["req_cmd_name"] else ""


def _about(line: Text, request: Request) -> None:
    for error in request.error_names[:3]:
        line.append(f" {plain(error)}", style="red")
    if request.row["outcome"] != "complete":
        line.append(f" [{request.row['outcome']}]", style="yellow")
    for name, partitions in list(request.topics.items())[:5]:
        line.append(f" {plain(name)}{_ranges(partitions)}", style="cyan")
    if len(request.topics) > 5:
        line.append(f" +{len(request.topics) - 5} topics", style="dim")
    for group in request.groups[:3]:
        line.append(f" group={plain(group)}")


def _size(value: int | None) -> str:
    return "-" if value is None else str(value)


def _ranges(numbers: list[int]) -> str:
    if not numbers:
        return ""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    shown = ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts[:6])
    return f"[{shown}{',…' if len(parts) > 6 else ''}]"
