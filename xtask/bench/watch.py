"""The watch of a large cluster: CPU and memory of following thousands of pods on a real API server (etcd and kube-apiserver on the loopback).

usage: KAFKASCOPE_KUBE=… .venv/bin/python xtask/bench/watch.py [PODS [CHANGES_A_SECOND [SECONDS]]]     default 5000 50 20

A change is a pod's new status, every tenth a pod that goes and one that comes.
"""

import concurrent.futures
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "kubernetes"))
from api_server import ApiServer, binary, memory_kib

from kafkascope.metadata.kubernetes.api import Api
from kafkascope.metadata.kubernetes.cluster import ClusterWatch

NAMESPACES = 20


def follow(kubeconfig, ready, stop, told):
    """The process that is measured: the watch, with its rows taken ten times a second as the server does."""
    watch = ClusterWatch(Api.connect(kubeconfig), log=print)
    watch.start()
    assert watch.wait(120)
    rows = sum(len(some) for some in watch.changes().values())
    ready.set()
    used, began, events = resource.getrusage(resource.RUSAGE_SELF), time.monotonic(), watch.events
    changed = 0
    while not stop.is_set():
        time.sleep(0.1)
        changed += sum(len(some) for some in watch.changes().values())
    now = resource.getrusage(resource.RUSAGE_SELF)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    told.put((rows, changed, watch.events - events, 100 * cpu / (time.monotonic() - began), memory_kib() >> 10))
    watch.stop()


def main():
    pods, rate, seconds = (int(value) for value in (*sys.argv[1:], *(5000, 50, 20)[len(sys.argv) - 1 :]))
    kube, why = binary()
    if kube is None:
        sys.exit(why)
    with tempfile.TemporaryDirectory() as name, concurrent.futures.ThreadPoolExecutor(8) as pool:
        server = ApiServer(kube, Path(name), "--max-requests-inflight", "2000", "--max-mutating-requests-inflight", "1000")
        try:
            server.start()
            for number in range(NAMESPACES):
                server.namespace(f"ns-{number}")
                server.post(f"/api/v1/namespaces/ns-{number}/services", {"metadata": {"name": "app"}, "spec": {"selector": {"app": "a"}, "ports": [{"port": 80}]}})

            def place(number):
                return f"ns-{number % NAMESPACES}", f"app-7d9c8b7f5d-{number:05d}"

            def make(number):
                namespace, name = place(number)
                server.pod(namespace, name, node=f"node-{number % 100}", labels={"app": "a", "pod-template-hash": "7d9c8b7f5d", "team": f"t{number % 9}"})
                server.running(namespace, name, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", container_id=f"{number:064x}")

            began = time.monotonic()
            list(pool.map(make, range(pods)))
            print(f"{pods} pods made in {time.monotonic() - began:.0f} s")
            ready, stop, told = multiprocessing.Event(), multiprocessing.Event(), multiprocessing.Queue()
            watcher = multiprocessing.Process(target=follow, args=(server.kubeconfig(), ready, stop, told))
            watcher.start()
            ready.wait()
            end, done, began = time.monotonic() + seconds, 0, time.monotonic()
            while time.monotonic() < end:
                def change(number):
                    namespace, name = place(number % pods)
                    if number % 10:
                        server.running(namespace, name, f"10.{number % pods >> 16}.{number % pods >> 8 & 255}.{number % pods & 255}", container_id=f"{number:064x}", restarts=number)
                    else:
                        server.delete(f"/api/v1/namespaces/{namespace}/pods/{name}")
                        make(number % pods)

                list(pool.map(change, range(done, done + rate // 10)))
                done += rate // 10
                time.sleep(max(0.0, began + done / rate - time.monotonic()))
            took = time.monotonic() - began
            stop.set()
            rows, changed, events, cpu, memory = told.get(timeout=30)
            watcher.join()
            print(f"{rows:,} rows at first; then {done / took:.0f} changes a second, {events / took:.0f} events, {changed / took:.0f} rows: {cpu:.1f} % of a core, {memory} MiB in all")
        finally:
            server.stop()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main()
