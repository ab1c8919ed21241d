"""``px get``: names of all kinds, and that there may be more."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner, Result

from kafkascope.cli import get as getting
from kafkascope.cli.program import px


def asked(monkeypatch: pytest.MonkeyPatch, count: int, *words: str) -> tuple[Result, list[str]]:
    """What ``px get`` does with a server that answers with ``count`` names, and the paths it asked for."""
    paths: list[str] = []

    class Server:
        def call(self, path: str) -> list[dict[str, Any]]:
            paths.append(path)
            return [{"name": f"order-{n}", "kind": "topic", "detail": ""} for n in range(count)]

    monkeypatch.setattr(getting, "Server", Server)
    # by way of px: a command that was asked alone keeps what its help is called there
    return CliRunner().invoke(px, ["get", *words]), paths


def test_names_that_contain_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    result, paths = asked(monkeypatch, 2, "topics", "--like", "a&b", "-o", "csv")
    assert result.stdout.splitlines() == ["table_id,name,detail", "topics,order-0,", "topics,order-1,"]
    assert paths == ["/api/entities?kind=topic&q=a%26b&limit=1000"] and result.stderr == ""


def test_a_full_answer_says_that_there_may_be_more(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = asked(monkeypatch, 1000, "groups", "-o", "json")
    assert len(result.stdout.splitlines()) == 1000
    assert "there may be more groups than these 1,000" in result.stderr


@pytest.mark.parametrize("kind", ["topics", "groups", "clients", "pods", "services", "namespaces", "nodes"])
def test_the_kind_is_what_the_server_calls_it(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    from kafkascope.server.entities import _SOURCES

    _, paths = asked(monkeypatch, 0, kind)
    assert paths[0].partition("kind=")[2].partition("&")[0] in _SOURCES
