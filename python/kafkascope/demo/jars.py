"""The broker's jars: brought by Maven from the committed pom, checked against the committed sums, kept in a cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from kafkascope.demo.errors import DemoError

HERE = Path(__file__).resolve().parent
VERSION = "4.4.0"
_MAVEN_TIMEOUT_S = 600


def lock() -> dict[str, str]:
    """sha256 of every jar, by file name."""
    sums = {}
    for line in (HERE / "jars.sha256").read_text().splitlines():
        digest, name = line.split()
        sums[name.lstrip("*")] = digest
    return sums


def java() -> str:
    """The Java program. Raises ``DemoError`` when there is none, or it is too old for the broker's classes."""
    found = shutil.which("java")
    if found is None:
        raise DemoError("Java was not found: the demo runs a real Kafka broker", "Debian: apt-get install openjdk-17-jre-headless")
    text = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    version = text.split('"')[1] if '"' in text else ""
    major = version.split(".")[0]
    if not major.isdigit() or int(major) < 17:
        raise DemoError(f"Java 17 or newer is needed, found {version or 'an unknown version'} at {found}", "Debian: apt-get install openjdk-17-jre-headless")
    return found


def problems(folder: Path) -> list[str]:
    """What is wrong with the jars in ``folder``: missing, or other bytes than the lock says."""
    found = []
    for name, digest in lock().items():
        path = folder / name
        if not path.is_file():
            found.append(f"{name} is missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            found.append(f"{name} has other bytes than the lock says")
    return found


def ready(cache: Path) -> Path:
    """The folder with the broker's jars, fetched if need be. ``KAFKASCOPE_KAFKA_JARS`` names a folder that is there already."""
    own = os.environ.get("KAFKASCOPE_KAFKA_JARS")
    if own:
        folder = Path(own)
        if not list(folder.glob("kafka_2.13-*.jar")):
            raise DemoError(f"KAFKASCOPE_KAFKA_JARS={own}: no kafka_2.13 jar in it", "name a folder with the jars of a Kafka broker")
        return folder
    folder = cache / f"kafka-{VERSION}"
    if not problems(folder):
        return folder
    _fetch(folder)
    wrong = problems(folder)
    if wrong:
        raise DemoError(f"the broker's jars are not what was expected: {wrong[0]}" + (f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""),
                        f"remove {folder} and try again; if it stays, your Maven mirror serves other files")  # fmt: skip
    return folder


def _fetch(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise DemoError("mvn was not found: it brings the broker's jars", "Debian: apt-get install maven; or name a folder of jars in KAFKASCOPE_KAFKA_JARS")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        jars = Path(scratch) / "jars"
        command = [maven, "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_MAVEN_TIMEOUT_S, stdin=subprocess.DEVNULL, check=False)
        except subprocess.TimeoutExpired as error:
            raise DemoError(f"mvn did not bring the broker's jars within {_MAVEN_TIMEOUT_S} s", "is the network there? try again; what was fetched is kept") from error
        if done.returncode != 0:
            reason = next((line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line), "no reason given")
            raise DemoError(f"mvn could not bring the broker's jars: {reason[:300]}", "is the network there? `mvn -f` that pom tells more")
        shutil.rmtree(folder, ignore_errors=True)
        jars.rename(folder)
