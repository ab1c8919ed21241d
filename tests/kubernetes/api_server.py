"""etcd and kube-apiserver on this host's loopback: real, and ready in a few seconds."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import httpx
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from waiting import eventually, free_port

from kafkascope.metadata.kubernetes.api import Api, KubernetesError

HERE = Path(__file__).parent


def binary():
    """The Kubernetes binary, or why there is none."""
    found = subprocess.run([HERE / "cluster" / "binary.sh"], capture_output=True, text=True)
    return (Path(found.stdout.strip()), "") if found.returncode == 0 else (None, found.stderr.strip())


class ApiServer:
    """One control plane without controllers. Users: admin, reader (no rights until a test gives some), nobody."""

    def __init__(self, kube, folder, *arguments):
        self.kube, self.folder, self.arguments = kube, folder, arguments
        self.port, self.etcd_port, self.peer_port = free_port(), free_port(), free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.processes = {}
        self._apis = []
        key = rsa.generate_private_key(65537, 2048)
        (folder / "sa.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        (folder / "tokens.csv").write_text('admin-token,admin,1,"system:masters"\nreader-token,reader,2\nnobody-token,nobody,3\n')
        for user in ("admin", "reader", "nobody"):
            self.kubeconfig(user)

    def kubeconfig(self, user="admin", token=None, server=None):
        """The path of a kubeconfig for ``user``."""
        path = self.folder / f"{user}.conf"
        path.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "c", "cluster": {"server": server or self.url, "insecure-skip-tls-verify": True}}],
            "users": [{"name": "u", "user": {"token": token or f"{user}-token"}}],
            "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u"}}],
        }))  # fmt: skip
        return str(path)

    def api(self, user="admin"):
        self._apis.append(Api.connect(self.kubeconfig(user)))
        return self._apis[-1]

    def start(self):
        self.start_etcd()
        self.start_api()
        assert eventually(self._has_its_own_things), "the API server's own namespaces and service"
        return self

    def _has_its_own_things(self):
        """What the API server makes for itself, a while after it is ready: a watch that begins later is not told of it."""
        try:
            namespaces = self.admin.get("/api/v1/namespaces")["items"]
            return len(namespaces) >= 4 and self.admin.find("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes")
        except KubernetesError:
            return False

    def start_etcd(self):
        client, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{self.peer_port}"
        self._start("etcd", "--data-dir", self.folder / "etcd", "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
                    "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}", "--unsafe-no-fsync")  # fmt: skip

    def start_api(self, *more):
        f = self.folder
        self._start("kube-apiserver", "--etcd-servers", f"http://127.0.0.1:{self.etcd_port}", "--bind-address", "127.0.0.1", "--secure-port", self.port, "--cert-dir", f / "certs",
                    "--authorization-mode", "RBAC", "--token-auth-file", f / "tokens.csv", "--service-account-issuer", "https://kubernetes.default.svc",
                    "--service-account-key-file", f / "sa.key", "--service-account-signing-key-file", f / "sa.key", "--service-cluster-ip-range", "10.96.0.0/16,fd00:10:96::/112",
                    "--disable-admission-plugins", "ServiceAccount", "--allow-privileged", *self.arguments, *more)  # fmt: skip
        end = time.monotonic() + 240
        while time.monotonic() < end:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/readyz", verify=False, headers={"Authorization": "Bearer admin-token"}).status_code == 200:
                    return
            if self.processes["kube-apiserver"].poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError((f / "kube-apiserver.log").read_text()[-2000:])

    def _start(self, name, *arguments):
        with open(self.folder / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen([self.kube, name, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def stop_process(self, name, number=signal.SIGKILL):
        process = self.processes.pop(name)
        process.send_signal(number)
        process.wait()

    def stop(self):
        for api in self._apis:
            api.close()
        for name in list(self.processes):
            self.stop_process(name)
        shutil.rmtree(self.folder / "etcd", ignore_errors=True)

    # ---- what tests do to a cluster ----

    def post(self, path, thing):
        return json.loads(self.admin.request("POST", path, body=thing))

    def delete(self, path):
        self.admin.request("DELETE", path, body={"gracePeriodSeconds": 0})

    @property
    def admin(self):
        if not hasattr(self, "_admin"):
            self._admin = self.api()
        return self._admin

    def namespace(self, name):
        self.post("/api/v1/namespaces", {"metadata": {"name": name}})

    def pod(self, namespace, name, *, node="node1", labels=None, owner=None, host_network=False):
        """Create a pod that is bound to a node, as a scheduler would leave it; its uid."""
        meta = {"name": name, "labels": labels or {}}
        if owner is not None:
            api_version, kind, owner_name, uid = owner
            meta["ownerReferences"] = [{"apiVersion": api_version, "kind": kind, "name": owner_name, "uid": uid, "controller": True}]
        made = self.post(f"/api/v1/namespaces/{namespace}/pods", {
            "metadata": meta, "spec": {"nodeName": node, "hostNetwork": host_network, "containers": [{"name": "main", "image": "none"}]}})  # fmt: skip
        return made["metadata"]["uid"]

    def status(self, namespace, name, **status):
        """Patch a pod's status, as a kubelet would."""
        self.admin.request("PATCH", f"/api/v1/namespaces/{namespace}/pods/{name}/status", body={"status": status}, content_type="application/merge-patch+json")

    def running(self, namespace, name, ip, container_id="a" * 64, restarts=0):
        self.status(namespace, name, phase="Running", podIP=ip, podIPs=[{"ip": ip}], startTime="2026-01-02T03:04:05Z", qosClass="BestEffort",
                    conditions=[{"type": "Ready", "status": "True"}],
                    containerStatuses=[{"name": "main", "image": "none", "imageID": "", "ready": True, "restartCount": restarts, "containerID": f"containerd://{container_id}",
                                        "state": {"running": {"startedAt": "2026-01-02T03:04:06Z"}}}])  # fmt: skip


def memory_kib(pid=None):
    """Resident memory of a process."""
    with open(f"/proc/{pid or os.getpid()}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
