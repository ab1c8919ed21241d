"""From a vis spec and a user's arguments to the calls that a run makes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kafkascope.pxl import FuncCall, vis
from kafkascope.scripts import Library

TABLE = {"@type": "types.px.dev/px.vispb.Table"}


def spec(**parts: Any) -> dict[str, Any]:
    return {"variables": [{"name": "start_time", "type": "PX_STRING", "defaultValue": "-5m"}, {"name": "n", "type": "PX_INT64", "defaultValue": ""}], **parts}


def test_every_global_function_runs_once_then_the_widgets_own() -> None:
    given = spec(
        globalFuncs=[
            {"outputName": "a", "func": {"name": "f", "args": [{"name": "start", "variable": "start_time"}]}},
            {"outputName": "unused", "func": {"name": "g"}},
        ],
        widgets=[
            {"name": "One", "globalFuncOutputName": "a", "displaySpec": TABLE},
            {"name": "Two", "globalFuncOutputName": "a", "displaySpec": TABLE},
            {"name": "Three", "func": {"name": "h", "args": [{"name": "k", "value": "7"}]}, "displaySpec": TABLE},
            {"func": {"name": "h", "args": []}, "displaySpec": TABLE},
        ],
    )
    assert vis.calls(vis.load(given), {"start_time": "-1h"}) == [
        FuncCall("f", {"start": "-1h"}, "a"), FuncCall("g", {}, "unused"), FuncCall("h", {"k": "7"}, "Three"), FuncCall("h", {}, "widget_3"),
    ]  # fmt: skip


def test_a_default_holds_where_nothing_is_given() -> None:
    assert vis.arguments(spec(), {}) == {"start_time": "-5m", "n": ""}
    assert vis.arguments(spec(), {"n": "5"}) == {"start_time": "-5m", "n": "5"}


def test_values_given_are_checked_and_defaults_are_not() -> None:
    chosen = spec(variables=[{"name": "by", "type": "PX_STRING", "defaultValue": "anything", "validValues": ["node", "pod"]}])
    assert vis.arguments(chosen, {}) == {"by": "anything"}
    with pytest.raises(vis.ArgumentError):
        vis.arguments(chosen, {"by": "cat"})


def test_a_list_of_strings_does_not_end_the_variables() -> None:
    given = {
        "variables": [{"name": "l", "type": "PX_STRING_LIST", "defaultValue": "a, b"}, {"name": "m", "type": "PX_STRING", "defaultValue": "x"}],
        "globalFuncs": [{"outputName": "o", "func": {"name": "f", "args": [{"name": "l", "variable": "l"}, {"name": "m", "variable": "m"}]}}],
    }
    assert vis.calls(given, {}) == [FuncCall("f", {"l": "['a', 'b']", "m": "x"}, "o")]


@pytest.mark.parametrize("absent", [None, "", "  \n", b""])
def test_no_spec(absent: Any) -> None:
    assert vis.load(absent) is None
    assert vis.calls(None, {}) == [] and vis.arguments(None, {}) == {}
    with pytest.raises(vis.ArgumentError):
        vis.calls(None, {"a": "1"})


@pytest.mark.parametrize("broken", ["[]", "3", '{"variables": 3}', '{"variables": [3]}', '{"widgets": [{}]}', '{"globalFuncs": [{}]}', '{"variables": [{"name": "a"}, {"name": "a"}]}',
                                    '{"variables": [{"name": "a", "type": "PX_STRNG"}]}', '{"variables": [{"name": "a", "defaultValue": 5}]}', "[" * 100_000])  # fmt: skip
def test_what_is_no_spec_is_refused(broken: str) -> None:
    with pytest.raises(vis.VisError) as error:
        vis.load(broken)
    assert error.value.message


@pytest.mark.parametrize(("name", "given"), [(name, script.vis) for name, script in sorted(Library.load().scripts.items()) if script.vis is not None])
def test_bundled_specs_are_in_form(name: str, given: dict[str, object]) -> None:
    assert vis.load(json.dumps(given)) == given
