"""Record other protocols into ``captures/foreign``: ``python tests/matrix/record_foreign.py [NAME...]``, as root.

Real servers and clients of Debian's packages (redis-server memcached mosquitto mosquitto-clients postgresql mariadb-server
nginx-light rabbitmq-server openssl curl), each in a network of its own.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import toolchain
from netns import own_network
from record import CAPTURES, pack
from watch import Watch

FOREIGN = CAPTURES.parent / "foreign"


def sh(*command: str | Path, stdin: bytes = b"", user: str | None = None) -> None:
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=120, user=user, check=False, cwd="/")
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stdout[-500:]!r} {done.stderr[-1000:]!r}")


@contextlib.contextmanager
def server(port: int, *command: str | Path, user: str | None = None, env: dict[str, str] | None = None, patience_s: float = 60) -> Iterator[None]:
    """Runs until the block ends; the block begins when ``port`` accepts."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, user=user, cwd="/", env={**os.environ, **(env or {})}, start_new_session=True)
        try:
            until = time.monotonic() + patience_s
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                if process.poll() is not None or time.monotonic() > until:
                    log.seek(0)
                    raise RuntimeError(f"{command[0]} does not listen: {log.read()[-1000:]!r}")
                time.sleep(0.2)
            yield
        finally:
            process.terminate()
            process.wait(30)


def redis(folder: Path) -> None:
    with server(6379, "redis-server", "--port", "6379", "--save", "", "--dir", folder):
        commands = "".join(f"SET key:{n} {'x' * n}\nGET key:{n}\nLPUSH list {n}\n" for n in range(60)) + "LRANGE list 0 -1\nMGET " + " ".join(f"key:{n}" for n in range(60)) + "\nINFO\n"
        sh("redis-cli", "-p", "6379", stdin=commands.encode())
        sh("redis-cli", "-p", "6379", "-3", stdin=commands.encode())
        sh("redis-benchmark", "-p", "6379", "-n", "200", "-c", "2", "-P", "8", "-t", "set,get,lrange", "-q")


def memcached(folder: Path) -> None:
    del folder
    with server(11211, "memcached", "-u", "root", "-p", "11211", "-l", "127.0.0.1"), socket.create_connection(("127.0.0.1", 11211)) as text, socket.create_connection(("127.0.0.1", 11211)) as binary:
        for n in range(50):
            value = bytes([0, 0, 0, n]) * n
            text.sendall(b"set k%d 0 0 %d\r\n%b\r\nget k%d\r\n" % (n, len(value), value, n))
            text.recv(4096)
            key = b"k%d" % n
            # A request of the binary protocol: magic 0x80, opcode get.
            binary.sendall(b"\x80\0" + len(key).to_bytes(2) + bytes(4) + len(key).to_bytes(4) + n.to_bytes(4) + bytes(8) + key)
            binary.recv(4096)


def mqtt(folder: Path) -> None:
    del folder
    with server(1883, "mosquitto", "-p", "1883"):
        reader = subprocess.Popen(["mosquitto_sub", "-p", "1883", "-t", "a/#", "-q", "2", "-C", "30"], stdout=subprocess.DEVNULL)
        time.sleep(0.5)
        for n in range(30):
            sh("mosquitto_pub", "-p", "1883", "-t", f"a/{n}", "-q", str(n % 3), "-m", "m" * (n * 10))
        reader.wait(20)


def postgresql(folder: Path) -> None:
    bin_ = max(Path("/usr/lib/postgresql").glob("*/bin"))
    data = folder / "pg"
    data.mkdir()
    shutil.chown(data, "postgres")
    folder.chmod(0o755)
    sh(bin_ / "initdb", "-D", data, "-A", "trust", user="postgres")
    with server(5432, bin_ / "postgres", "-D", data, "-h", "127.0.0.1", "-k", data, user="postgres"):
        sql = "create table t(a int, b text, c bytea);\n" + "".join(f"insert into t values ({n}, '{'x' * n}', '\\x000000{n:02x}');\n" for n in range(60)) + "select * from t;\nselect count(*) from t;\ncopy t to stdout;\n"
        sh("psql", "-q", "-h", "127.0.0.1", "-U", "postgres", "-v", "ON_ERROR_STOP=1", stdin=sql.encode())
        script = folder / "script.sql"
        script.write_text("select n, 'x' from generate_series(1, 5) n;\n")
        sh(bin_ / "pgbench", "-n", "-h", "127.0.0.1", "-U", "postgres", "-M", "prepared", "-t", "20", "-f", script, "postgres")


def mysql(folder: Path) -> None:
    data = folder / "my"
    folder.chmod(0o755)
    sh("mariadb-install-db", "--no-defaults", f"--datadir={data}", "--user=mysql", "--auth-root-authentication-method=normal")
    with server(3306, "mariadbd", "--no-defaults", f"--datadir={data}", "--user=mysql", "--bind-address=127.0.0.1", "--port=3306", f"--socket={data}/s", f"--pid-file={data}/pid"):
        sql = "create table test.t(a int, b text, c blob);\n" + "".join(f"insert into test.t values ({n}, '{'x' * n}', x'000000{n:02x}');\n" for n in range(60)) + "select * from test.t;\nshow variables;\n"
        sh("mariadb", "--no-defaults", "-h", "127.0.0.1", "-P", "3306", "-u", "root", stdin=sql.encode())


def http(folder: Path) -> None:
    (folder / "www").mkdir()
    (folder / "www/page").write_bytes(bytes(range(256)) * 20)
    (folder / "www/small").write_bytes(b"\0\0\0\x20\0\x03\0\x01\0\0\0\0\0\0" * 8)
    folder.chmod(0o755)
    config = folder / "nginx.conf"
    config.write_text(f"daemon off; master_process off; pid {folder}/pid; error_log stderr; events {{}}\nhttp {{ access_log off; server {{ listen 127.0.0.1:8080; root {folder}/www; }} }}\n")
    with server(8080, "nginx", "-c", config):
        urls = [f"http://127.0.0.1:8080/{name}" for name in ("page", "small", "missing") * 5]
        sh("curl", "-s", *(part for url in urls for part in ("-o", "/dev/null", url)))
        sh("curl", "-s", "-o", "/dev/null", "-d", "x" * 3000, "http://127.0.0.1:8080/small")


def grpc(folder: Path) -> None:
    """HTTP/2 without TLS."""
    del folder
    sh(*toolchain.python_client("foreign.txt", "talk_grpc.py"), "50051")


def amqp(folder: Path) -> None:
    folder.chmod(0o755)
    (folder / "mq").mkdir()
    shutil.chown(folder / "mq", "rabbitmq")
    env = {"RABBITMQ_MNESIA_BASE": f"{folder}/mq", "RABBITMQ_LOG_BASE": f"{folder}/mq", "RABBITMQ_NODENAME": "matrix@localhost", "HOME": f"{folder}/mq", "RABBITMQ_PID_FILE": f"{folder}/mq/pid"}
    with server(5672, "/usr/lib/rabbitmq/bin/rabbitmq-server", user="rabbitmq", env=env):
        sh(*toolchain.python_client("foreign.txt", "talk_amqp.py"), "5672")
    # Erlang's name server, which would outlive its node.
    sh("epmd", "-kill")


def tls(folder: Path) -> None:
    key, certificate = folder / "key", folder / "certificate"
    sh("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-subj", "/CN=matrix", "-days", "1")
    with server(4433, "openssl", "s_server", "-quiet", "-rev", "-accept", "4433", "-key", key, "-cert", certificate):
        for version in ("-tls1_2", "-tls1_3"):
            text = "".join(f"line {n} {'x' * n}\n" for n in range(40))
            client = subprocess.Popen(["openssl", "s_client", "-quiet", version, "-connect", "127.0.0.1:4433"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            assert client.stdin is not None
            for line in text.splitlines(keepends=True):
                client.stdin.write(line.encode())
                client.stdin.flush()
                time.sleep(0.01)
            client.stdin.close()
            client.terminate()
            client.wait()


def noise(folder: Path) -> None:
    """Random bytes, zeros and small numbers both ways, which look more like Kafka than most."""
    del folder
    listener = socket.create_server(("127.0.0.1", 7777))
    dice = random.Random(7)

    def echo() -> None:
        for _ in range(12):
            connection, _ = listener.accept()
            with connection:
                while data := connection.recv(4096):
                    connection.sendall(data)

    thread = threading.Thread(target=echo)
    thread.start()
    for n in range(12):
        with socket.create_connection(("127.0.0.1", 7777)) as client:
            for _ in range(30):
                size = dice.randint(1, 300)
                client.sendall([dice.randbytes(size), bytes(size), bytes(dice.choice((0, 0, 0, dice.randint(0, 20))) for _ in range(size))][n % 3])
                client.recv(4096)
    thread.join()
    listener.close()


TALKS: dict[str, tuple[Callable[[Path], None], tuple[int, ...]]] = {
    "redis": (redis, (6379,)), "memcached": (memcached, (11211,)), "mqtt": (mqtt, (1883,)), "postgresql": (postgresql, (5432,)), "mysql": (mysql, (3306,)),
    "http": (http, (8080,)), "grpc": (grpc, (50051,)), "amqp": (amqp, (5672,)), "tls": (tls, (4433,)), "noise": (noise, (7777,)),
}  # fmt: skip


def main(names: list[str]) -> None:
    FOREIGN.mkdir(parents=True, exist_ok=True)
    # Fetched while there is a network to fetch from.
    toolchain.python_client("foreign.txt", "talk_grpc.py")
    for name, (talk, ports) in TALKS.items():
        if names and name not in names:
            continue
        with tempfile.TemporaryDirectory() as folder, own_network():
            watch = Watch(ports, Path(folder) / "wire.pcap", ())
            watch.start()
            try:
                talk(Path(folder))
            finally:
                watch.stop()
            data = watch.pcap.read_bytes()
            pack(FOREIGN / f"{name}.pcap.gz", data)
            print(f"{name}: {len(data)} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
