"""How long bundled scripts take to compile: the first time, again, with other arguments, with another window. CPU time of the thread, the least of BENCH_ROUNDS (5)."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from kafkascope import pxl
from kafkascope.pxl import vis
from kafkascope.scripts import Library
from kafkascope.store import catalogue

ROUNDS = int(os.environ.get("BENCH_ROUNDS", 5))
RELATIONS = catalogue.load()
#: Arguments that any name may be given for.
NAMES = {"namespace", "pod", "service", "node", "topic", "group", "client", "producer", "consumer", "ip"}
NOW = 1_800_000_000_000_000_000


def compiled(source: str, spec: dict[str, Any] | None, given: Mapping[str, str]) -> float:
    """Milliseconds that it takes."""
    calls = vis.calls(spec, dict(given))
    began = time.thread_time()
    pxl.compile(source, RELATIONS, calls, NOW)
    return (time.thread_time() - began) * 1e3


def measure(source: str, spec: dict[str, Any] | None) -> dict[str, float]:
    """The least time of each way to come to a plan; only those that the script has arguments for."""
    variables = vis.variables(spec)
    usual = {v["name"]: v.get("defaultValue", "x") for v in variables}
    free = [name for name in usual if name in NAMES]
    best: dict[str, float] = {}
    for number in range(ROUNDS):
        # A comment makes it a script that was never seen.
        text = f"{source}\n# {number}"
        named = {**usual, **dict.fromkeys(free, f"a{number}/x")}
        found = {"first": compiled(text, spec, usual), "again": compiled(text, spec, usual)}
        if free:
            compiled(text, spec, named)
            found["other arguments"] = compiled(text, spec, {**named, **dict.fromkeys(free, f"b{number}/y")})
        if "start_time" in usual:
            found["other window"] = compiled(text, spec, {**usual, "start_time": f"-{number + 11}m"})
        best = {way: min(ms, best.get(way, ms)) for way, ms in found.items()}
    return best


def main() -> None:
    scripts = {name: measure(script.pxl, vis.load(script.vis)) for name, script in Library.load(()).scripts.items()}
    for name, best in sorted(scripts.items(), key=lambda entry: -entry[1]["first"]):
        print(f"{name:35s} " + ", ".join(f"{way} {ms:.1f} ms" for way, ms in best.items()))


if __name__ == "__main__":
    main()
