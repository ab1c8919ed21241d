"""A server with many agents: CPU and memory of `px server` while simulated agents send over real connections, with TLS and token.

usage: .venv/bin/python xtask/bench/agents.py [AGENTS [ROWS_A_SECOND [SECONDS]]]     default 50 100000 20

Each simulated agent is a Shipper that sends a batch of kafka_events.beta every 100 ms and its heartbeat every second. Two processes send, so that the senders' CPU is not
the server's. A machine under other load gives the same CPU seconds and a lower rate; both are printed.
"""

import contextlib
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kafkascope.agent.ship import Shipper
from kafkascope.deploy.certificates import make
from kafkascope.metadata import rows

STEP_S = 0.1
BODY = '{"topics":[{"name":"order","partitions":[{"index":0,"message_set":{"size":512}}]}]}'


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) >> 10


def send(first, count, rows_each, address, authority, seconds, sent, dropped):
    agents = [Shipper(address, token="bench", root_certificate=authority, asid=first + n) for n in range(count)]
    end = time.monotonic() + seconds
    step = 0
    while time.monotonic() < end:
        began = time.monotonic()
        now = time.time_ns()
        for n, agent in enumerate(agents):
            number = first + n
            some = [{"time_": now + i, "upid": f"{number}:10:100", "remote_addr": f"10.{number}.0.{i % 50}", "remote_port": 40_000 + i % 50, "local_addr": f"10.{number}.1.1",
                     "local_port": 9092, "trace_role": 2, "req_cmd": i % 2, "client_id": f"client-{i % 20}", "req_body": BODY, "resp": BODY, "latency": 1_000_000 + i,
                     "req_cmd_name": "Produce", "outcome": "complete", "req_bytes": 600, "resp_bytes": 60} for i in range(rows_each)]  # fmt: skip
            agent.submit("kafka_events.beta", BATCHES.setdefault(number, rows.build("kafka_events.beta", some)))
            if step % 10 == 0:
                agent.submit("md_agent", rows.build("md_agent", [{"time_": now, "agent_id": str(number), "asid": number}]))
        step += 1
        time.sleep(max(0.0, STEP_S - (time.monotonic() - began)))
    for agent in agents:
        agent.flush(10)
        sent.value += agent.rows_sent
        dropped.value += sum(agent.take_dropped().values())
        agent.close(1)


#: Built once for each agent: making rows is not what is measured.
BATCHES = {}


def main():
    agents, rate, seconds = (int(value) for value in (*sys.argv[1:], *(50, 100_000, 20)[len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as name, socket.socket() as probe:
        folder = Path(name)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        made = make(["localhost"])
        (folder / "tls.crt").write_bytes(made.certificate)
        (folder / "tls.key").write_bytes(made.key)
        command = [sys.executable, "-m", "kafkascope.cli.main", "server", "--port", "0", "--ingest", f"127.0.0.1:{port}", "--ingest-certificate", str(folder / "tls.crt"), "--ingest-key",
                   str(folder / "tls.key"), "--data", str(folder / "store"), "--config", ""]  # fmt: skip
        server = subprocess.Popen(command, env={**os.environ, "KAFKASCOPE_AGENT_TOKEN": "bench"}, stderr=subprocess.PIPE, text=True)
        try:
            assert "Kafkascope is at" in server.stderr.readline()
            sent, dropped = multiprocessing.Value("q", 0), multiprocessing.Value("q", 0)
            each = round(rate * STEP_S / agents)
            senders = [multiprocessing.Process(target=send, args=(1 + half * 1000, agents // 2, each, f"grpc+tls://localhost:{port}", made.authority, seconds, sent, dropped)) for half in (0, 1)]
            began, used = time.monotonic(), cpu_s(server.pid)
            peak = 0
            for sender in senders:
                sender.start()
            while any(sender.is_alive() for sender in senders):
                with contextlib.suppress(OSError):
                    peak = max(peak, rss_mib(server.pid))
                time.sleep(0.5)
            took, used = time.monotonic() - began, cpu_s(server.pid) - used
            print(f"{agents} agents, {sent.value:,} rows in {took:.1f} s: {sent.value / took:,.0f} rows/s; the server used {used:.1f} CPU seconds: {used / took:.2f} cores, "
                  f"{1e5 * used / max(sent.value, 1):.2f} cores for 100,000 rows/s; at most {peak} MiB; {dropped.value:,} rows dropped")  # fmt: skip
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(20)


if __name__ == "__main__":
    main()
