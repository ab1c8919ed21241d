"""Codes and names of the enums Errors and ApiKeys, read from a kafka-clients jar's byte code with javap."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = "org.apache.kafka.common.protocol"


def errors(jar: Path) -> dict[int, str]:
    """Error code -> name: constructor arguments are name, ordinal, code, message."""
    steps = _static_init(jar, "Errors")
    found = {}
    for i, (op, arg) in enumerate(steps):
        name = arg.partition("// String ")[2]
        if op.startswith("ldc") and re.fullmatch(r"[A-Z0-9_]+", name) and steps[i - 1][0] == "dup":
            code = _number(steps[i + 2])
            if code is not None:
                found[code] = name
    return found


def api_names(jar: Path) -> set[str]:
    """Names as in the request log."""
    steps = _static_init(jar, "ApiKeys")
    names = (arg.partition("// String ")[2] for op, arg in steps if op.startswith("ldc"))
    return {name for name in names if re.fullmatch(r"[A-Z0-9_]+", name)}


def _static_init(jar: Path, name: str) -> list[tuple[str, str]]:
    command = ["javap", "-c", "-p", "-cp", str(jar), f"{PACKAGE}.{name}"]
    try:
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        sys.exit("javap was not found; it comes with a JDK (Debian: default-jdk-headless)")
    except subprocess.CalledProcessError as error:
        sys.exit(f"javap could not read {name}: {error.stderr.strip()}")
    _, _, body = text.partition("static {};")
    return re.findall(r"^ +\d+: (\w+) *(.*)$", body, re.MULTILINE)


def _number(step: tuple[str, str]) -> int | None:
    op, arg = step
    if op.startswith("iconst_"):
        return -1 if op.endswith("m1") else int(op[-1])
    return int(arg.split()[0]) if op in ("bipush", "sipush") else None
