"""Which cluster is meant, and what is said when a kubeconfig is not one."""

from pathlib import Path

import pytest
import yaml

from kafkascope.metadata.kubernetes.api import Api, KubernetesError, kubeconfig_path

GOOD = {
    "apiVersion": "v1", "kind": "Config", "current-context": "a",
    "clusters": [{"name": "c", "cluster": {"server": "https://192.0.2.1:6443", "insecure-skip-tls-verify": True}}],
    "users": [{"name": "u", "user": {"token": "t"}}],
    "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}, {"name": "b", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
}  # fmt: skip


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "config"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return str(path)

    return write


def test_the_context_is_chosen_or_the_current_one(write):
    path = write(GOOD)
    for context, namespace in ((None, "default"), ("b", "n")):
        api = Api.connect(path, context)
        assert (api.context, api.namespace, api.server) == (context or "a", namespace, "https://192.0.2.1:6443")
        api.close()


@pytest.mark.parametrize(
    "content, context, said, hint",
    [
        (GOOD, "x", "Context 'x' not found", "its contexts: a, b"),
        ({**GOOD, "current-context": None}, None, "No current context", "a, b"),
        ({**GOOD, "clusters": []}, None, "names 'c', which it does not describe", "a, b"),
        ({**GOOD, "clusters": [{"name": "c", "cluster": {"server": "https://x", "certificate-authority": "/nowhere/ca.crt"}}]}, None, "a certificate or key that it names is not there", "a, b"),
        ("just words", None, "not a kubeconfig", ""),
        ("a: [", None, "not a kubeconfig", ""),
        ("{}", None, "names 'clusters'", ""),
    ],
)
def test_what_is_wrong_is_said(write, content, context, said, hint):
    with pytest.raises(KubernetesError) as caught:
        Api.connect(write(content), context)
    assert said in caught.value.message and hint in caught.value.hint and caught.value.status == 0


def test_a_file_that_is_not_there_and_no_file_at_all(tmp_path, monkeypatch):
    with pytest.raises(KubernetesError, match="not found"):
        Api.connect(str(tmp_path / "none"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert kubeconfig_path() is None
    with pytest.raises(KubernetesError, match="no Kubernetes cluster is configured"):
        Api.connect()


def test_a_home_that_may_not_be_entered_has_none(monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr(Path, "is_file", refuse)
    assert kubeconfig_path() is None


def test_a_server_that_does_not_answer(write):
    config = {**GOOD, "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1", "insecure-skip-tls-verify": True}}]}
    api = Api.connect(write(config))
    with pytest.raises(KubernetesError, match=r"127\.0\.0\.1:1 cannot be reached") as caught:
        api.get("/version")
    assert "context 'a'" in caught.value.hint
    api.close()
