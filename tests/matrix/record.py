"""Record the matrix into ``captures/matrix``: ``python tests/matrix/record.py [CASE...]``, as root.

Each case gives ``CASE.pcap.gz``, ``CASE.requests.jsonl.gz`` (the brokers' request logs) and a line in ``index.json``. What
does not equal the logs is not kept.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from pathlib import Path

import oracle
from cases import CASES, Case, observe

CAPTURES = Path(__file__).resolve().parents[2] / "captures/matrix"


def pack(path: Path, data: bytes) -> None:
    # Without name and time in it, equal content is an equal file.
    path.write_bytes(gzip.compress(data, 9, mtime=0))


def record(case: Case, folder: Path) -> dict[str, object]:
    seen = observe(case, folder, ())
    entries = list(seen.cluster.requests())
    verdict = oracle.compare(oracle.decode(seen.watch.pcap), entries, seen.scene)
    if verdict.wrong:
        raise SystemExit(f"{case.name}: {len(verdict.wrong)} differences to the request log, for one: {verdict.wrong[0]}")
    pack(CAPTURES / f"{case.name}.pcap.gz", seen.watch.pcap.read_bytes())
    pack(CAPTURES / f"{case.name}.requests.jsonl.gz", "".join(json.dumps(e, separators=(",", ":")) + "\n" for e in entries).encode())
    print(f"{case.name}: {verdict.equal} requests of {len(verdict.kinds)} kinds equal")
    about: dict[str, object] = {"killed": seen.cluster.killed} if seen.cluster.killed else {}
    if case.unseen_s:
        about["attachedLate"] = True
    return about | {"broker": case.broker, "ports": seen.cluster.all_ports, "stoppedNs": seen.cluster.stopped_ns, "equal": verdict.equal, "kinds": len(verdict.kinds)}


def main(names: list[str]) -> None:
    CAPTURES.mkdir(parents=True, exist_ok=True)
    index = CAPTURES / "index.json"
    known = json.loads(index.read_text()) if index.exists() else {}
    unknown = set(names) - {case.name for case in CASES}
    if unknown:
        raise SystemExit(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(case.name for case in CASES)}")
    for case in CASES:
        if not names or case.name in names:
            with tempfile.TemporaryDirectory() as folder:
                known[case.name] = record(case, Path(folder))
            index.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
