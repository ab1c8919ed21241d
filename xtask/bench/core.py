"""What the Rust core does in a second of one processor: streams through sessions and the decoder, segments into Arrow columns; and what a small request costs.

Prints the tables of three examples, which count the processor time of their own thread; nothing else has to be quiet.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = (("kafkascope-wire", "throughput"), ("kafkascope-tables", "pipeline"), ("kafkascope-tables", "small"))


def main() -> None:
    for package, example in EXAMPLES:
        print(f"{package}: {example}", flush=True)
        done = subprocess.run(["cargo", "run", "--release", "--locked", "-q", "-p", package, "--example", example], cwd=ROOT, check=False)
        if done.returncode != 0:
            sys.exit(f"{example} ended with {done.returncode}")


if __name__ == "__main__":
    main()
