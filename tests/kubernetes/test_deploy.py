"""`px deploy` and the chart against a real API server: what it accepts, and what is said when a cluster, a right or an answer is missing."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from api_server import ApiServer
from test_chart import helm, render
from waiting import eventually

from kafkascope.demo.kubernetes import control
from kafkascope.demo.plan import PX_KAFKA
from kafkascope.deploy import manifests, namespace, resources
from kafkascope.deploy.manifests import Choice
from kafkascope.metadata.kubernetes.api import KubernetesError
from kafkascope.metadata.kubernetes.cluster import ClusterWatch

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(600)]

#: What the Prometheus operator's definitions say of the fields that the chart sets: unknown ones are refused.
_SELECTOR = {"type": "object", "properties": {"matchLabels": {"type": "object", "additionalProperties": {"type": "string"}}}}
_CREDENTIALS = {"type": "object", "required": ["key"], "properties": {"name": {"type": "string"}, "key": {"type": "string"}}}
_ENDPOINT = {"port": {"type": "string"}, "path": {"type": "string"}, "interval": {"type": "string", "pattern": r"^(0|(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?)$"}}
_MONITORS = {
    "ServiceMonitor": {"endpoints": {**_ENDPOINT, "authorization": {"type": "object", "properties": {"type": {"type": "string"}, "credentials": _CREDENTIALS}}}},
    "PodMonitor": {"podMetricsEndpoints": _ENDPOINT},
}  # fmt: skip


def px(*arguments, kubeconfig=None, code=0):
    found = ["--kubeconfig", kubeconfig] if kubeconfig else []
    done = subprocess.run([sys.executable, "-m", "kafkascope.cli.main", *arguments, *found], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def dry_run(server, things):
    """Give everything to the API server, strictly, without keeping it; what it makes of each by kind and name."""
    made = {}
    for thing in things:
        version, kind = thing["apiVersion"], thing["kind"]
        place = resources.path_of(thing) if kind in resources._KINDS else f"/apis/{version}/namespaces/{thing['metadata']['namespace']}/{kind.lower()}s/{thing['metadata']['name']}"
        params = {"fieldManager": "test", "force": "true", "dryRun": "All", "fieldValidation": "Strict"}
        made[kind, thing["metadata"]["name"]] = json.loads(server.admin.request("PATCH", place, params=params, body=thing, content_type="application/apply-patch+yaml"))
    return made


@pytest.fixture(scope="module")
def place(server):
    """The API server with the namespaces there, as a dry run makes none."""
    for name in ("kafkascope", PX_KAFKA.name):
        server.namespace(name)
    return server


@pytest.mark.parametrize("source", ["product", "demo"])
def test_every_manifest_is_accepted_strictly(place, source):
    things = [*manifests.load(Choice()), manifests.link_secret("kafkascope")] if source == "product" else control.load(PX_KAFKA)
    made = dry_run(place, things)
    assert len(made) == len(things)
    if source == "product":
        policy = made["NetworkPolicy", "kafkascope-server"]["spec"]
        assert [rule["ports"][0]["port"] for rule in policy["ingress"]] == ["ingest", "http"] and policy["policyTypes"] == ["Ingress"]


@helm
def test_what_the_chart_renders_with_every_switch_is_accepted_strictly(place):
    for kind, parts in _MONITORS.items():
        spec = {name: {"type": "array", "items": {"type": "object", "properties": fields}} for name, fields in parts.items()}
        schema = {"type": "object", "properties": {"spec": {"type": "object", "required": ["selector"], "properties": {"selector": _SELECTOR, **spec}}}}
        name = {"plural": f"{kind.lower()}s", "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
        place.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {"metadata": {"name": f"{name['plural']}.monitoring.coreos.com"}, "spec": {
            "group": "monitoring.coreos.com", "scope": "Namespaced", "names": name, "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}]}})  # fmt: skip
    switches = ("serviceMonitor.enabled=true,serviceMonitor.labels.release=prometheus,server.persistence.enabled=true,server.persistence.storageClass=fast,agent.source=packet,agent.hostNetwork=true,"
                "image.pullSecrets[0].name=registry,networkPolicy.pageFrom[0].namespaceSelector.matchLabels.team=kafka,server.service.type=NodePort")  # fmt: skip
    things = render("--set", switches)

    def accepted():
        try:
            return dry_run(place, things)
        except KubernetesError as error:
            # A new kind is served a moment after it was defined.
            assert error.status == 404, error

    made = eventually(accepted)
    assert {"ServiceMonitor", "PodMonitor", "PersistentVolumeClaim", "NetworkPolicy"} <= {kind for kind, _ in made}


def test_a_field_that_no_object_has_would_be_refused(place):
    (policy,) = (thing for thing in manifests.load(Choice()) if thing["kind"] == "NetworkPolicy")
    with pytest.raises(KubernetesError, match="ingres"):
        dry_run(place, [{**policy, "spec": {**policy["spec"], "ingres": []}}])


def test_without_rights_the_check_names_what_is_missing_and_nothing_is_applied(place):
    said = px("deploy", "--check", kubeconfig=place.kubeconfig("reader"), code=1)
    assert "FAIL  rights: this account may not create and patch ClusterRole," in said and "deploy as a cluster administrator" in said
    said = px("deploy", kubeconfig=place.kubeconfig("reader"), code=1)
    assert "rights: this account may not create" in said and "Traceback" not in said
    said = px("deploy", "--no-check", kubeconfig=place.kubeconfig("reader"), code=1)
    assert "answered 403 to GET /api/v1/namespaces/kafkascope" in said and "the account needs the right to get" in said


def test_a_namespace_that_was_there_before_stays_with_what_else_is_in_it(place):
    server, name = place, "shared"
    server.namespace(name)
    server.post(f"/api/v1/namespaces/{name}/configmaps", {"metadata": {"name": "of-others"}})
    things = manifests.load(Choice(namespace=name))
    resources.apply(server.admin, [namespace.marked(things[0], server.admin.find(resources.path_of(things[0]))), *things[1:]])
    assert "namespace shared was there before and stays" in px("delete", "-n", name, "--yes", kubeconfig=place.kubeconfig())
    left = server.admin.get(resources.path("Namespace", "", name))["metadata"]
    assert "deletionTimestamp" not in left and not any("pod-security" in label for label in left["labels"]), "as it was"
    assert server.admin.find(f"/api/v1/namespaces/{name}/configmaps/of-others") is not None
    assert all(server.admin.find(resources.path_of(thing)) is None for thing in things[1:])


def test_what_belongs_to_no_namespace_goes_after_its_namespace_went(place):
    roles = [thing for thing in manifests.load(Choice(namespace="went")) if thing["kind"].startswith("ClusterRole")]
    resources.apply(place.admin, roles)
    assert "is removed" in px("delete", "-n", "went", "--yes", kubeconfig=place.kubeconfig())
    assert len(roles) == 4 and all(place.admin.find(resources.path_of(thing)) is None for thing in roles)
    assert "no Kafkascope in namespace went" in px("delete", "-n", "went", "--yes", kubeconfig=place.kubeconfig())


def test_a_namespace_that_px_made_keeps_its_mark(place):
    thing = manifests.load(Choice(namespace="made-by-px"))[0]
    for _ in range(2):
        resources.apply(place.admin, [namespace.marked(thing, place.admin.find(resources.path_of(thing)))])
        assert namespace.is_ours(place.admin.find(resources.path_of(thing)))


def test_a_token_that_is_not_accepted(place, tmp_path):
    stale = tmp_path / "stale.conf"
    stale.write_text(Path(place.kubeconfig("reader")).read_text().replace("reader-token", "expired"))
    assert "is it expired?" in px("deploy", "--check", kubeconfig=str(stale), code=1)


def test_another_context_and_no_api_server(place, tmp_path):
    assert "its contexts: test" in px("deploy", "--check", "--context", "production", kubeconfig=place.kubeconfig(), code=3)
    away = tmp_path / "away.conf"
    away.write_text(Path(place.kubeconfig()).read_text().replace(place.url, "https://127.0.0.1:1"))
    said = px("deploy", kubeconfig=str(away), code=3)
    assert "the API server https://127.0.0.1:1 cannot be reached: " in said and "is the context 'test' the right one?" in said


def test_an_api_server_that_hangs_is_told_and_followed_again(kube, tmp_path, monkeypatch):
    server = ApiServer(kube, tmp_path)
    try:
        server.start()
        server.namespace("n")
        monkeypatch.setattr("kafkascope.metadata.kubernetes.informer._SILENT_S", 5.0)
        monkeypatch.setattr("kafkascope.metadata.kubernetes.api._TIMEOUT_S", 5.0)
        watch = ClusterWatch(server.api())
        watch.start()
        assert watch.wait(120)
        watch.changes()
        # Stopped, not killed: its connections stay open and nothing comes.
        server.processes["kube-apiserver"].send_signal(signal.SIGSTOP)
        assert "cannot be reached" in eventually(lambda: watch.problems)[0]
        assert not watch.changes().get("md_pod")
        server.processes["kube-apiserver"].send_signal(signal.SIGCONT)
        server.pod("n", "after")
        assert eventually(lambda: [row for row in watch.changes().get("md_pod", ()) if row["pod_name"] == "n/after"])
        assert eventually(lambda: not watch.problems)
        watch.stop()
    finally:
        server.stop()
