"""Brokers and clients of the matrix: pinned by lock files, fetched by their own tools, kept in a cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from kafkascope.demo.paths import paths

HERE = Path(__file__).resolve().parent
CLIENTS = HERE / "clients"
#: Runs a command with a Node.js that is new enough, the system's or its own.
NODE = HERE.parents[1] / "xtask/node.sh"
_FETCH_S = 600
#: Programs in Java name classes of these.
_SHARED = ("Clients.java", "Metrics.java", "Asked.java", "Sasl.java")


class MissingError(Exception):
    """A tool of the matrix is not on this machine."""


def cache() -> Path:
    """``KAFKASCOPE_MATRIX_CACHE``, or beside the demo's."""
    own = os.environ.get("KAFKASCOPE_MATRIX_CACHE")
    return Path(own) if own else paths("matrix").cache / "matrix"


def tool(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise MissingError(f"{name} was not found (Debian: apt-get install {package})")
    return found


def _run(command: list[str | Path], cwd: Path, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=_FETCH_S, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {(done.stdout + done.stderr).strip()[-2000:]}")


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _made(kind: str, files: Iterable[Path]) -> tuple[Path, bool]:
    """The cache's folder for these sources, and whether it is complete already."""
    folder = cache() / kind / _digest(files)
    complete = (folder / ".complete").exists()
    if not complete:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    return folder, complete


def jars(folder: Path) -> Path:
    """The jars of ``folder/pom.xml``, equal to ``folder/jars.sha256``."""
    lock = dict(reversed(line.split()) for line in (folder / "jars.sha256").read_text().splitlines())
    into, complete = _made("jars", [folder / "pom.xml", folder / "jars.sha256"])
    if not complete:
        _run([tool("mvn", "maven"), "-q", "-B", "-f", folder / "pom.xml", "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={into}"], folder)
        found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in into.glob("*.jar")}
        if found != lock:
            wrong = sorted(name for name in lock.keys() | found.keys() if lock.get(name) != found.get(name))
            raise RuntimeError(f"{folder.name}: other jars than jars.sha256 says: {', '.join(wrong)}")
        (into / ".complete").touch()
    return into


def java() -> str:
    return tool("java", "openjdk-17-jdk-headless")


def compiled(kind: str, libraries: Path, source: Path, *beside: Path) -> Path:
    """The folder of the classes of ``source``, and of those ``beside`` it that it names, against the jars of ``libraries``."""
    into, complete = _made(f"java/{kind}", [source, *beside])
    if not complete:
        _run([tool("javac", "openjdk-17-jdk-headless"), "-nowarn", "-cp", f"{libraries}/*", "-sourcepath", source.parent, "-d", into, source], source.parent)
        (into / ".complete").touch()
    return into


def java_client(version: str, source: str) -> list[str]:
    """The command of a client's Java program against kafka-clients ``version``."""
    folder = CLIENTS / "java"
    libraries = jars(folder / version)
    into = compiled(version, libraries, folder / source, *(folder / name for name in _SHARED))
    return [java(), "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{libraries}/*:{into}", Path(source).stem]


def python_client(lock: str, source: str) -> list[str]:
    """The command of a client's Python program with the packages of ``lock``."""
    requirements = CLIENTS / "python" / lock
    into, complete = _made("python", [requirements])
    if not complete:
        _run([sys.executable, "-m", "venv", into], into)
        _run([into / "bin/pip", "install", "-q", "--disable-pip-version-check", "--require-hashes", "-r", requirements], into)
        (into / ".complete").touch()
    return [str(into / "bin/python"), str(CLIENTS / "python" / source)]


def _go() -> str:
    """From 1.21 on, Go brings the version that a module asks for."""
    go = tool("go", "golang, 1.21 or newer")
    version = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout.strip()
    numbers = [int(part) for part in version.removeprefix("go").split(".")[:2] if part.isdigit()]
    if numbers < [1, 21]:
        raise MissingError(f"Go 1.21 or newer is needed, found {version} at {go}")
    return go


def go_client(name: str) -> list[str]:
    """The command of a client's Go program, built from its module."""
    folder = CLIENTS / "go" / name
    into, complete = _made("go", [*folder.glob("*.go"), folder / "go.mod", folder / "go.sum"])
    if not complete:
        _run([_go(), "build", "-mod=readonly", "-buildvcs=false", "-o", into / name, "."], folder)
        (into / ".complete").touch()
    return [str(into / name)]


def node_client(source: str) -> list[str]:
    """The command of a client's Node program, beside the packages of its lock."""
    folder = CLIENTS / "node"
    into, complete = _made("node", folder.glob("*.*"))
    if not complete:
        for file in (*folder.glob("*.mjs"), folder / "package.json", folder / "package-lock.json", folder / ".npmrc"):
            shutil.copy(file, into)
        _run([NODE, "npm", "ci", "--prefix", into, "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"], into)
        (into / ".complete").touch()
    return [str(NODE), "node", str(into / source)]
