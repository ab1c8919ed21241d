"""The chart and the manifests that px deploy applies: what they may do, and that the two are the same."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from kafkascope.demo.kubernetes import control
from kafkascope.demo.plan import PX_KAFKA
from kafkascope.deploy import check, manifests
from kafkascope.deploy.manifests import Choice

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy" / "helm" / "kafkascope"
HELM = os.environ.get("HELM") or shutil.which("helm") or shutil.which("helm", path=str(Path.home() / "go" / "bin"))
helm = pytest.mark.skipif(HELM is None, reason="needs helm: on the path, in HELM, or made by tests/kubernetes/helm/helm.sh build")


def by_kind(things, kind, name=None):
    return [thing for thing in things if thing["kind"] == kind and (name is None or thing["metadata"]["name"] == name)]


@pytest.fixture(scope="module")
def things():
    return manifests.load(Choice())


def test_the_agent_has_capabilities_instead_of_privileges(things):
    (agent,) = by_kind(things, "DaemonSet")
    pod = agent["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    context = container["securityContext"]
    assert (context["privileged"], context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]) == (False, False, True)
    assert context["capabilities"] == {"drop": ["ALL"], "add": ["BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH"]}
    assert pod["hostPID"] is True and pod["hostNetwork"] is False
    assert [volume["hostPath"]["path"] for volume in pod["volumes"] if "hostPath" in volume] == ["/var/lib/kafkascope-agent"]
    assert {"operator": "Exists"} in pod["tolerations"]


def test_the_server_has_no_privileges(things):
    (server,) = by_kind(things, "Deployment")
    pod = server["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True and pod["securityContext"]["runAsUser"] > 0
    (container,) = pod["containers"]
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert not any("hostPath" in volume for volume in pod["volumes"])


def test_accounts_only_list_and_watch_and_no_secrets(things):
    rules = [rule for role in by_kind(things, "ClusterRole") for rule in role["rules"]]
    assert rules and all(rule["verbs"] == ["list", "watch"] for rule in rules)
    assert not {"secrets", "configmaps", "*"} & {resource for rule in rules for resource in rule["resources"]}
    assert not by_kind(things, "Role")


@pytest.mark.parametrize("source", ["product", "demo"])
def test_every_container_has_limits_and_probes(things, source):
    found = [c for thing in (things if source == "product" else control.load(PX_KAFKA)) for c in manifests.containers(thing)]
    assert len(found) == (2 if source == "product" else 6)
    for container in found:
        assert container["resources"]["limits"]["memory"] and container["resources"]["requests"]["cpu"]
        assert {"readinessProbe", "livenessProbe"} <= container.keys()


def test_another_namespace_shares_nothing_with_the_usual_one():
    usual, other = manifests.load(Choice()), manifests.load(Choice(namespace="observability"))
    names = {(t["kind"], t["metadata"].get("namespace"), t["metadata"]["name"]) for t in usual} & {(t["kind"], t["metadata"].get("namespace"), t["metadata"]["name"]) for t in other}
    assert names == set()
    assert all(subject["namespace"] == "observability" for t in by_kind(other, "ClusterRoleBinding") for subject in t["subjects"])
    arguments = [text for t in other for c in manifests.containers(t) for text in c["args"]]
    assert "--send-to=kafkascope-server.observability.svc:8766" in arguments and not any("kafkascope.svc" in text for text in arguments)


def test_image_pull_policy_and_source_are_chosen():
    things = manifests.load(Choice(image="registry.example/k:1", pull_policy="Always", source="packet"))
    found = [c for thing in things for c in manifests.containers(thing)]
    assert {(c["image"], c["imagePullPolicy"]) for c in found} == {("registry.example/k:1", "Always")}
    assert "--source=packet" in by_kind(things, "DaemonSet")[0]["spec"]["template"]["spec"]["containers"][0]["args"]


def test_the_secret_has_a_certificate_for_the_servers_name_and_no_token_twice():
    one, two = (manifests.link_secret("px") for _ in range(2))
    shown = x509.load_pem_x509_certificate(base64.b64decode(one["data"]["tls.crt"]))
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    assert "kafkascope-server.px.svc" in names
    shown.verify_directly_issued_by(x509.load_pem_x509_certificate(base64.b64decode(one["data"]["ca.crt"])))
    assert all(one["data"][key] != two["data"][key] for key in one["data"])
    assert one["data"]["agent-token"] != one["data"]["page-token"]


NODE = {"metadata": {"name": "n", "labels": {}}, "status": {"nodeInfo": {"kernelVersion": "6.6.1-x", "operatingSystem": "linux", "architecture": "amd64"}}}


@pytest.mark.parametrize(
    "changes, labels, status, words",
    [
        ({}, {}, "ok", "1 of 1"),
        ({"kernelVersion": "5.10.0"}, {}, "ok", "system calls"),
        ({"kernelVersion": "4.18.0-305.el8"}, {}, "fail", "5.8 or newer"),
        ({"operatingSystem": "windows"}, {}, "warn", "Linux only"),
        ({"architecture": "s390x"}, {}, "warn", "amd64 and arm64"),
        ({}, {"eks.amazonaws.com/compute-type": "fargate"}, "warn", "other ends"),
        ({}, {"cloud.google.com/gke-nodepool": "p"}, "warn", "was not tried"),
    ],
)
def test_what_the_check_says_of_a_node(changes, labels, status, words):
    node = {"metadata": {"name": "n", "labels": labels}, "status": {"nodeInfo": {**NODE["status"]["nodeInfo"], **changes}}}
    assert any(f.status == status and words in f"{f.found} {f.hint}" for f in check._nodes([node]))


def test_the_check_tells_of_nodes_that_share_a_kernel():
    def node(name, boot):
        return {"metadata": {"name": name}, "status": {"nodeInfo": {**NODE["status"]["nodeInfo"], "bootID": boot}}}

    found = {f.name: f for f in check._nodes([node("a", "1"), node("b", "2"), node("c", "1")])}
    assert (found["kernel"].status, found["kernel"].found) == ("warn", "nodes a, c share one")
    assert "kernel" not in {f.name for f in check._nodes([node("a", "1"), node("b", "2"), node("old", "")])}


# ---- with helm ----


def render(*arguments, release="kafkascope", namespace="kafkascope"):
    done = subprocess.run([HELM, "template", release, CHART, "-n", namespace, "--kube-version", "1.37.0", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [thing for thing in yaml.safe_load_all(done.stdout) if thing]


@helm
def test_the_plain_manifests_are_what_the_chart_renders():
    done = subprocess.run([ROOT / "deploy" / "render.sh", "check"], env={**os.environ, "HELM": HELM}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@helm
def test_the_chart_has_no_faults():
    done = subprocess.run([HELM, "lint", "--strict", CHART], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@helm
def test_packets_are_read_in_the_nodes_network_by_helm_and_by_px():
    chosen = manifests.load(Choice(source="packet"))[1:]
    rendered = render("--set", "agent.source=packet,link.existingSecret=kafkascope-link")
    for thing in [*chosen, *rendered]:
        for labels in (thing["metadata"]["labels"], thing.get("spec", {}).get("template", {}).get("metadata", {}).get("labels", {})):
            labels.pop("app.kubernetes.io/managed-by", None)
    assert chosen == rendered
    (agent,) = by_kind(chosen, "DaemonSet")
    assert agent["spec"]["template"]["spec"]["hostNetwork"] is True
    (policy,) = by_kind(chosen, "NetworkPolicy")
    assert "from" not in policy["spec"]["ingress"][0], "agents come from the nodes' addresses"


@helm
@pytest.mark.parametrize("given, said", [
    ("agent.source=ebfp", "/agent/source"),
    ("agent.memoryBuffer=much", "/agent/memoryBuffer"),
    ("agent.recordsPerSecond=-1", "/agent/recordsPerSecond"),
    ("server.persistence.enabled=yes", "/server/persistence/enabled"),
    ("server.retention=1d", "retention"),
    ("image.pullPolicy=Sometimes", "/image/pullPolicy"),
])  # fmt: skip
def test_a_value_that_is_wrong_or_unknown_is_refused_with_its_name(given, said):
    done = subprocess.run([HELM, "template", "kafkascope", CHART, "--set", given], capture_output=True, text=True)
    assert done.returncode != 0 and said.strip("/").split("/")[-1] in done.stderr, done.stderr


@helm
def test_every_value_has_its_schema():
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def same(value, described, place):
        if "properties" not in described:
            return
        assert value.keys() | {"global"} == described["properties"].keys() | {"global"}, place
        for name, inner in described["properties"].items():
            if name in value:
                same(value[name], inner, f"{place}.{name}")

    same({name: value for name, value in values.items()}, schema, "values")


@helm
def test_large_numbers_stay_whole_numbers(tmp_path):
    values = tmp_path / "values.yaml"
    values.write_text("agent: {recordsPerSecond: 3000000, ringSize: 64MB}\n")
    (agent,) = by_kind(render("-f", str(values)), "DaemonSet")
    assert {"--records-per-s=3000000", "--ring-size=64MB"} <= set(agent["spec"]["template"]["spec"]["containers"][0]["args"])


@helm
def test_names_of_digits_stay_names():
    for thing in render("--set", "serviceMonitor.enabled=true,server.persistence.enabled=true", release="1", namespace="0123"):
        assert thing["metadata"].get("namespace", "0123") == "0123" and thing["metadata"]["labels"]["app.kubernetes.io/instance"] == "1", thing["kind"]
        assert all(subject["namespace"] == "0123" for subject in thing.get("subjects", ()))
        selector = thing.get("spec", {}).get("selector", {})
        assert selector.get("matchLabels", selector).get("app.kubernetes.io/instance", "1") == "1", thing["kind"]


@helm
def test_what_values_switch():
    things = render("--set", "serviceMonitor.enabled=true,server.persistence.enabled=true,networkPolicy.enabled=false,agent.source=packet")
    kinds = {thing["kind"] for thing in things}
    assert {"ServiceMonitor", "PodMonitor", "PersistentVolumeClaim", "Secret"} <= kinds and "NetworkPolicy" not in kinds
    (agent,) = by_kind(things, "DaemonSet")
    pod = agent["spec"]["template"]["spec"]
    assert pod["hostNetwork"] is True and "NET_RAW" in pod["containers"][0]["securityContext"]["capabilities"]["add"]
    (secret,) = by_kind(things, "Secret")
    assert set(secret["data"]) == {"ca.crt", "tls.crt", "tls.key", "agent-token", "page-token"}
