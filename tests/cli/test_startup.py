"""What a command does not need it does not import: a key press of completion waits for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

#: The query engine, the numbers below it, PxL's compiler, the server, what draws, an HTTP client.
HEAVY = {"duckdb", "pyarrow", "numpy", "kafkascope.pxl.program", "kafkascope.pxl.lower.duckdb", "fastapi", "rich.console", "lightkube"}

TRY = """
import json, sys
sys.argv = ["px", *sys.argv[1:]]
from kafkascope.cli.main import main
try:
    main()
except SystemExit:
    pass
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def imported(*words: str) -> set[str]:
    env = {**os.environ, "KAFKASCOPE_SERVER": "http://127.0.0.1:1", "COMP_WORDS": "px run px/kafka_d", "COMP_CWORD": "2"}
    done = subprocess.run([sys.executable, "-c", TRY, *words], capture_output=True, text=True, env=env, timeout=240, check=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    "words",
    [("--help",), ("version",), ("run", "--help"), ("script", "list", "-o", "json"), ("run", "px/nothing"), ("run", "px/kafka_topics"), ("get", "pods"), ("completion", "bash", "--words"), ("tail", "-n", "1"), ("config", "show")],
    ids=" ".join,
)
def test_light_commands(words: tuple[str, ...]) -> None:
    assert not imported(*words) & HEAVY


def test_the_list_of_the_heavy_is_of_what_a_run_on_a_capture_needs() -> None:
    assert {"duckdb", "pyarrow", "kafkascope.pxl.program", "kafkascope.pxl.lower.duckdb", "rich.console"} <= imported("run", "px/kafka_topics", "--capture", "captures/demo/px-kafka.pcap.gz")


INTERRUPTED = """
import os, signal, sys
# A shell starts its background jobs with this signal ignored, and what they start inherits it.
signal.signal(signal.SIGINT, signal.default_int_handler)
class Finder:
    def find_spec(self, name, path, target=None):
        if name == "click":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from kafkascope.cli.main import main
main()
"""


def test_ctrl_c_while_modules_are_imported_ends_it_without_a_trace() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")
