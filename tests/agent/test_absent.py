from __future__ import annotations

import importlib
import sys

import pytest

from kafkascope import absent

NOWHERE = "kafkascope_is_not_this"


def test_a_module_that_is_not_there_is_looked_for_once(monkeypatch):
    monkeypatch.setattr(absent, "_ASKED_FOR", (NOWHERE,))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    absent.settle()

    class Refuses:
        def find_spec(self, name, *_):
            raise AssertionError(f"{name} is looked for")

    monkeypatch.setattr(sys, "meta_path", [Refuses()])
    with pytest.raises(ImportError):
        importlib.import_module(NOWHERE)


def test_a_module_that_is_there_can_be_imported(monkeypatch):
    monkeypatch.setattr(absent, "_ASKED_FOR", ("json", "this"))
    absent.settle()
    assert sys.modules["json"] is importlib.import_module("json")
    assert sys.modules.get("this", True) is not None
