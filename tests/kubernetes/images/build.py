#!/usr/bin/env python3
"""Make the images of the cluster's tests from what is on this machine: the same contents as the Dockerfiles' in deploy/images, without a registry.

  .venv/bin/python tests/kubernetes/images/build.py OUTDIR

pause.tar, kafkascope.tar (agent, server, and the demo's services), kafkascope-demo-kafka.tar (the broker). What is newer than its sources is kept.
"""

import subprocess
import sys
from pathlib import Path

from mkimage import layer_of, write

import kafkascope
from kafkascope.demo import jars
from kafkascope.demo.paths import paths

ROOT = Path(kafkascope.__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
MODULES = ("java.base,java.desktop,java.instrument,java.logging,java.management,java.naming,java.net.http,java.rmi,java.security.jgss,java.security.sasl,java.sql,java.xml,"
           "jdk.crypto.ec,jdk.management,jdk.management.agent,jdk.unsupported,jdk.zipfs")
TAG = kafkascope.__version__


def run(*command):
    subprocess.run(list(map(str, command)), check=True, stdin=subprocess.DEVNULL)


def pause(out):
    program = out / "build" / "pause"
    if not program.exists():
        run("cc", "-static", "-Os", "-s", "-o", program, HERE / "pause.c")
    write(out / "pause.tar", "localhost/kafkascope/pause:1", [layer_of(lambda layer: layer.file(program, "/pause"))], entry=["/pause"])


def packages(out):
    """What requirements/runtime.txt pins, installed for this Python."""
    folder = out / "build" / "site-packages"
    stamp = folder.with_suffix(".stamp")
    pinned = (ROOT / "requirements" / "runtime.txt").read_text()
    if not stamp.exists() or stamp.read_text() != pinned:
        run("rm", "-rf", folder)
        run(sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes", "--no-compile", "--target", folder, "-r", ROOT / "requirements" / "runtime.txt")
        stamp.write_text(pinned)
    return folder


def python(layer, out):
    """The interpreter with its library and the packages."""
    for name in ("tmp", "var/tmp"):
        layer.dir(name, 0o1777)
    for name in ("proc", "sys", "dev", "run", "var/lib/kafkascope"):
        layer.dir(name)
    base = Path(sys.base_prefix)
    layer.elf((base / "bin" / PYTHON).resolve(), f"/usr/local/bin/{PYTHON}")
    layer.link(PYTHON, "/usr/local/bin/python3")
    library = base / "lib" / PYTHON
    left_out = {"site-packages", "dist-packages", "test", "idlelib", "tkinter", "ensurepip", "lib2to3", "turtledemo"}
    for entry in sorted(library.iterdir()):
        if entry.name not in left_out and not entry.name.startswith("config-"):
            layer.copy(entry, f"/usr/local/lib/{PYTHON}/{entry.name}")
    layer.copy(packages(out), f"/usr/local/lib/{PYTHON}/site-packages")
    for shared in [*library.glob("lib-dynload/*.so"), *(s for s in packages(out).rglob("*.so") if "pyarrow" not in s.parts or s.name == "lib.so")]:
        layer.libraries(shared, packages(out))
    layer.text("/etc/passwd", "root:x:0:0::/:/\nkafkascope:x:65532:65532::/tmp:/\n")
    layer.text("/etc/nsswitch.conf", "hosts: files dns\n")
    for library in ("libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"):
        for folder in ("/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64"):
            if Path(folder, library).exists():
                layer.file(Path(folder, library).resolve(), f"{folder}/{library}")
                break
    layer.text("/usr/local/bin/px", f"#!/usr/local/bin/{PYTHON}\nfrom kafkascope.cli.main import main\n\nmain()\n", 0o755)


def product(layer):
    """This checkout's kafkascope."""
    layer.copy(ROOT / "python" / "kafkascope", f"/usr/local/lib/{PYTHON}/site-packages/kafkascope")


ENVIRONMENT = ["PATH=/usr/local/bin:/usr/bin:/bin", "PYTHONUNBUFFERED=1", "HOME=/tmp"]


def main():
    out = Path(sys.argv[1]).absolute()
    (out / "build").mkdir(parents=True, exist_ok=True)
    pause(out)
    base, ours = layer_of(lambda layer: python(layer, out)), layer_of(product)
    write(out / "kafkascope.tar", f"localhost/kafkascope/kafkascope:{TAG}", [base, ours], entry=["/usr/local/bin/px"], env=ENVIRONMENT, user="65532:65532")
    java = out / "build" / "jre"
    if not java.exists():
        run("jlink", "--no-header-files", "--no-man-pages", "--strip-debug", "--output", java, "--add-modules", MODULES)
    brokers = jars.ready(paths("px-kafka").cache)

    def kafka(layer):
        layer.copy(java, "/opt/java")
        for shared in (java / "bin" / "java", *java.glob("lib/*.so"), *java.glob("lib/server/*.so")):
            layer.libraries(shared, java / "lib", java / "lib" / "server")
        layer.copy(brokers, "/opt/kafka")

    write(out / "kafkascope-demo-kafka.tar", f"localhost/kafkascope/kafkascope-demo-kafka:{TAG}", [base, layer_of(kafka), ours], entry=["/usr/local/bin/python3", "-m", "kafkascope.demo.kubernetes.broker"],
          env=[*ENVIRONMENT, "DEMO_JAVA=/opt/java/bin/java", "DEMO_JARS=/opt/kafka"], user="65532:65532")


if __name__ == "__main__":
    main()
