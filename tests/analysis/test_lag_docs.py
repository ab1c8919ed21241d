"""docs/lag.md defines every number that is shown: each column of the scripts of lag that is no name, and each metric."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pytest
from analysis_rows import SECOND

from kafkascope import pxl
from kafkascope.alerts import rules
from kafkascope.analysis import findings
from kafkascope.analysis.findings.finding import Finding
from kafkascope.analysis.monitor import Monitor
from kafkascope.export import kafka
from kafkascope.export.selection import Selection
from kafkascope.pxl import vis
from kafkascope.pxl.types import DataType
from kafkascope.scripts import Library
from kafkascope.store import catalogue

TEXT = (Path(__file__).parents[2] / "docs" / "lag.md").read_text()
#: What stands between backquotes, word by word.
DEFINED = {word for quoted in re.findall(r"`([^`]+)`", TEXT) for word in re.findall(r"\w+", quoted)}
SCRIPTS = ["kafka_consumer_rebalancing", "kafka_group", "kafka_groups", "kafka_lag", "kafka_rebalances", "kafka_share_groups", "kafka_throttling", "kafka_transactions"]
#: Numbers of the connection and of the request, which have nothing to do with lag.
OF_REQUESTS = {"remote_port"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_number_of_the_scripts_is_defined(name: str) -> None:
    script = Library.load().scripts[f"px/{name}"]
    spec = vis.load(script.vis)
    given = {v["name"]: "x" for v in vis.variables(spec) if "defaultValue" not in v}
    program = pxl.compile(script.pxl, catalogue.load(), vis.calls(spec, given), SECOND)
    columns = {column.name for node in program.outputs.values() for column in node.schema.values() if column.type is not DataType.STRING or column.name in {"status", "state"}}
    assert columns and columns - OF_REQUESTS <= DEFINED, sorted(columns - OF_REQUESTS - DEFINED)


def test_every_metric_is_defined() -> None:
    monitor = Monitor()
    monitor.step(SECOND)
    assert monitor.last is not None
    names = {family.name for family in kafka.families(monitor, monitor.last, Selection(names=("kafka_exporter", "kafka_lag_exporter", "burrow")))}
    assert len(names) > 30 and names <= DEFINED, sorted(names - DEFINED)


def test_alerts_are_described_as_they_are_read() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.S)
    found = rules.parse(example)
    assert (len(found.rules), len(found.notify)) == (1, 2)
    table = {on: tuple(re.findall(r"`(\w+)`", fields.split(";")[0])) for on, fields in re.findall(r"^\| `(\w+)` \| (`.*?) \|", TEXT.split("## Alerts")[1], re.M)}
    assert table == dict(rules.FIELDS)


def test_every_finding_is_defined() -> None:
    modules = [import_module(f"{findings.__name__}.{module.name}") for module in pkgutil.iter_modules(findings.__path__)]
    kinds = {module.KIND for module in modules if module.__name__ != Finding.__module__}
    assert len(kinds) >= 8 and kinds <= DEFINED, sorted(kinds - DEFINED)
