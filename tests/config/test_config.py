"""kafkascope.toml, variables and flags: what holds, where it came from, and what is refused with which words."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from kafkascope import config
from kafkascope.cli.config import config_group
from kafkascope.config import KEYS, ConfigError, Level


def write(folder: Path, text: str) -> Path:
    path = folder / "kafkascope.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_flag_goes_before_a_variable_before_the_file_before_the_default(tmp_path: Path) -> None:
    file = write(tmp_path, '[server]\nhost = "a"\nport = 1\nquery_timeout = 5\n[store]\nmemory_limit = "2GB"\n')
    found = config.load(file, environ={"KAFKASCOPE_PORT": "2", "KAFKASCOPE_QUERY_TIMEOUT": "6"}, flags={"server.query_timeout": "1m30s"})
    assert [found[k] for k in ("server.max_rows", "server.host", "server.port", "server.query_timeout")] == [10_000, "a", 2, 90.0]
    assert [found.origin(k).level for k in ("server.max_rows", "server.host", "server.port", "server.query_timeout")] == [Level.DEFAULT, Level.FILE, Level.VARIABLE, Level.FLAG]
    assert found.origin("server.host").where == f"{file}, line 2"
    assert found.origin("store.memory_limit").where == f"{file}, line 6"


@pytest.mark.parametrize(
    ("key", "written", "value"),
    [
        ("store.memory_limit", "512MiB", 512 << 20), ("store.memory_limit", "1.5 GB", 1_500_000_000), ("store.memory_limit", 1000, 1000), ("store.memory_limit", "", None),
        ("store.retention_age", "90", 90.0), ("store.retention_age", "1h30m", 5400.0), ("store.retention_age", "500ms", 0.5), ("store.retention_age", 60, 60.0),
        ("store.no_data", "yes", True), ("store.no_data", "0", False), ("store.no_data", True, True),
        ("server.allow_host", "a, b", ("a", "b")), ("server.allow_host", ["a", "b"], ("a", "b")), ("server.allow_host", "", ()),
        ("store.table_retention_bytes", "kafka_fetch=1GB,kafka_events.beta=2kB", {"kafka_fetch": 10**9, "kafka_events.beta": 2000}),
        ("store.table_retention_age", {"kafka_fetch": "1d"}, {"kafka_fetch": 86400.0}),
        ("agent.source", "packet", "packet"),
        ("agent.send_to", "kafkascope.example:8766", "kafkascope.example:8766"), ("agent.send_to", "grpc+tcp://[::1]:8766", "grpc+tcp://[::1]:8766"), ("agent.send_to", "", ""),
        ("server.ingest", "/run/kafkascope/ingest.sock", "/run/kafkascope/ingest.sock"), ("server.ingest", "0.0.0.0:0", "0.0.0.0:0"),
    ],
)  # fmt: skip
def test_values(key: str, written: object, value: object) -> None:
    assert config.load("", environ={}, flags={key: written})[key] == value


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("[server]\n\nprot = 1\n", "line 3: no key 'server.prot'", "did you mean 'server.port'?"),
        ("[server]\nmemory_limit = '1GB'\n", "line 2: no key 'server.memory_limit'", "did you mean 'store.memory_limit'?"),
        ("[sever]\nport = 1\n", "line 1: no section 'sever'", "did you mean [server]?"),
        ("port = 1\n", "line 1: 'port' stands outside a section", "put it below [server]"),
        ("[server]\nport = 99999\n", "line 2: server.port: expected a whole number from 0 to 65535, found 99999", ""),
        ("[server]\nport = true\n", "found true", ""),
        ("[server]\nhost = 5\n", "line 2: server.host: expected text, found 5", ""),
        ("[store]\nmemory_limit = '12 apples'\n", "expected a size such as 512MB or 2GiB, found '12 apples'", ""),
        ("[store]\nmemory_limit = -1\n", "expected a size above zero", ""),
        ("[store]\nretention_age = 'soon'\n", "expected a duration such as 30s, 12h or 7d, found 'soon'", ""),
        ("[store]\nretention_age = '0s'\n", "expected a duration above zero", ""),
        ("[store.table_retention_age]\nkafka_fetch = 'soon'\n", "store.table_retention_age: kafka_fetch: expected a duration", ""),
        ("[agent]\nsource = 'epbf'\n", "expected one of auto, ebpf, packet, none, found 'epbf'", ""),
        ("[agent]\nsend_to = 'kafkascope.example'\n", "line 2: agent.send_to: expected host:port, found 'kafkascope.example'", ""),
        ("[agent]\nsend_to = '::1:8766'\n", "expected host:port, found '::1:8766'", ""),
        ("[server]\ningest = 'h:99999'\n", "expected host:port, found 'h:99999'", ""),
        ("[server\nport = 1\n", "at line 1", "the form is TOML"),
        ("a = " + "[" * 5000, "nested too deeply", ""),
    ],
)  # fmt: skip
def test_what_is_refused_is_told_with_its_line(tmp_path: Path, text: str, words: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, text), environ={})
    assert words in caught.value.message and str(tmp_path) in caught.value.message
    assert hint in caught.value.hint


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "kafkascope.toml").write_bytes(b"\xff\xfe\0")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        config.load(tmp_path / "kafkascope.toml", environ={})


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no configuration file .*none\.toml"):
        config.load(tmp_path / "none.toml", environ={})
    with pytest.raises(ConfigError, match="KAFKASCOPE_CONFIG"):
        config.load(environ={"KAFKASCOPE_CONFIG": str(tmp_path / "none.toml")})


def test_the_users_file_is_found_and_an_empty_name_reads_none(tmp_path: Path) -> None:
    (tmp_path / "kafkascope").mkdir()
    file = write(tmp_path / "kafkascope", "[server]\nport = 7\n")
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert config.load(environ=environ).file == file
    assert config.load(environ=environ)["server.port"] == 7
    assert config.load("", environ=environ)["server.port"] == 8765


def test_what_kubernetes_puts_into_the_environment_for_a_service_of_this_name_is_not_ours() -> None:
    found = config.load("", environ={"KAFKASCOPE_PORT": "tcp://10.96.0.7:8765", "KAFKASCOPE_SERVICE_HOST": "10.96.0.7", "KAFKASCOPE_PORT_8765_TCP_ADDR": "10.96.0.7"})
    assert found["server.port"] == 8765 and found.notes == ()


def test_a_variable_with_a_typing_error_is_noted() -> None:
    assert config.load("", environ={"KAFKASCOPE_MEMORY_LIMT": "1GB"}).notes == ("no key has the variable KAFKASCOPE_MEMORY_LIMT; did you mean KAFKASCOPE_MEMORY_LIMIT?",)


def test_flags_carry_the_values_to_a_child_whatever_its_own_environment_says() -> None:
    flags = {"server.allow_host": ("a", "b"), "store.table_retention_bytes": ("kafka_fetch=1GB",), "store.retention_age": "1d", "store.no_data": True, "store.memory_limit": ""}
    words = config.load("", environ={}, flags=flags).flags(*flags)
    assert words == ["--allow-host", "a", "--allow-host", "b", "--table-retention-bytes", "kafka_fetch=1000000000", "--retention-age", "86400.0", "--no-data", "--memory-limit", ""]
    with pytest.raises(ValueError, match="secret"):
        config.load("", environ={}).flags("server.token")


def test_names_are_used_once_and_every_default_is_a_value() -> None:
    flags = [key.flag for key in KEYS.values()]
    variables = [key.variable for key in KEYS.values()]
    assert len(set(flags)) == len(flags) and len(set(variables)) == len(variables)
    for key in KEYS.values():
        key.kind.read(key.default)
        assert key.help.endswith(".")


def test_the_example_is_a_file_of_defaults(tmp_path: Path) -> None:
    text = config.example()
    assert tomllib.loads(text).keys() == {key.section for key in KEYS.values()}
    uncommented = "\n".join(line[1:] if line.startswith("#") and " = " in line and not line.startswith("# ") else line for line in text.splitlines())
    found = config.load(write(tmp_path, uncommented), environ={})
    assert {key: found[key] for key in found} == dict(config.load("", environ={}))
    assert all(found.origin(key).level is Level.FILE for key in found)


def test_show_says_what_holds_and_where_from_and_masks_secrets(tmp_path: Path) -> None:
    file = write(tmp_path, '[server]\ntoken = "s3cret"\n')
    shown = CliRunner().invoke(config_group, ["show", "--config", str(file), "--port", "9", "--changed"])
    assert shown.exit_code == 0
    assert "server.token = <masked>" in shown.stdout and f"# {file}, line 2" in shown.stdout and "# --port" in shown.stdout
    lines = CliRunner().invoke(config_group, ["show", "--config", str(file), "-o", "json"]).stdout.splitlines()
    assert len(lines) == len(KEYS)
    assert "s3cret" not in shown.stdout + "".join(lines)
    assert json.loads(lines[1]) == {"key": "server.port", "value": 8765, "from": "default", "where": "default", "flag": "--port", "variable": "KAFKASCOPE_PORT"}


def test_a_wrong_flag_is_wrong_use() -> None:
    wrong = CliRunner().invoke(config_group, ["show", "--config", "", "--memory-limit", "lots"])
    assert wrong.exit_code == 2
    assert "--memory-limit: store.memory_limit: expected a size" in wrong.stderr
