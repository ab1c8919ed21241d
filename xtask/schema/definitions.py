"""Kafka's message definitions, as the JSON files inside a kafka-clients jar give them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def fetch_jars() -> tuple[Path, Path]:
    """Let Maven bring the two jars of pom.xml: (old, new)."""
    jars = Path(tempfile.gettempdir()) / "kafkascope-schema-jars"
    pair = jars / "old.jar", jars / "new.jar"
    if not all(jar.exists() for jar in pair):
        command = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), f"-Djars={jars}", "dependency:copy"]
        try:
            subprocess.run(command, check=True)
        except FileNotFoundError:
            sys.exit("mvn was not found; it brings the kafka-clients jars (Debian: maven)")
        except subprocess.CalledProcessError as error:
            sys.exit(f"mvn could not bring the kafka-clients jars (exit code {error.returncode})")
    return pair


def load(jar: Path) -> dict[str, dict]:
    """All message definitions of a jar, by message name."""
    found = {}
    with zipfile.ZipFile(jar) as archive:
        for path in archive.namelist():
            if path.startswith("common/message/") and path.endswith(".json"):
                message = parse(archive.read(path).decode())
                found[message["name"]] = message
    return found


def parse(text: str) -> dict:
    # A comment is `//` outside a string; 2.8's DescribeProducersRequest has text behind its end.
    text = re.sub(r'("(?:[^"\\]|\\.)*")|//[^\n]*', lambda m: m.group(1) or "", text)
    return json.JSONDecoder().raw_decode(text.strip())[0]


def versions(text: str | int | None, top: int) -> frozenset[int]:
    """`3`, `0-3`, `2+` or `none` as a set of versions up to `top`."""
    text = str(text) if text is not None else "none"
    if text == "none":
        return frozenset()
    if text.endswith("+"):
        return frozenset(range(int(text[:-1]), top + 1))
    low, _, high = text.partition("-")
    return frozenset(range(int(low), min(int(high or low), top) + 1))


def valid(message: dict | None) -> frozenset[int]:
    return versions(message["validVersions"], 1000) if message else frozenset()


def camel(name: str) -> str:
    return name[0].lower() + name[1:]
