"""px store: what is kept, compacted and exported; also while another process has the store open."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from kafkascope.cli.program import px
from kafkascope.store import Store

CAPTURE = str(Path(__file__).resolve().parents[2] / "captures" / "kafka-3.9.pcap.gz")


def run(*words: str) -> Any:
    return CliRunner().invoke(px, ["store", *words])


@pytest.fixture
def kept(folder, rows, now):
    """A store with rows in two segments and in a write-ahead file."""
    with Store(folder, maintenance_s=60) as store:
        for n in range(2):
            store.append("kafka_fetch", rows("kafka_fetch", 100, start=now + n * 1000))
            store.roll()
        store.append("kafka_fetch", rows("kafka_fetch", 5, start=now + 5000))
        yield store


def test_status_while_the_store_is_written(kept, folder):
    shown = run("status", "--data", str(folder), "-o", "json")
    found = {row["table"]: row for row in map(json.loads, shown.stdout.splitlines())}
    assert (found["kafka_fetch"]["rows"], found["kafka_fetch"]["segments"], found["kafka_produce"]["rows"]) == (205, 2, 0)
    assert found["kafka_fetch"]["disk"] > 0
    assert "open in another process" in run("status", "--data", str(folder)).stdout
    kept.append("kafka_fetch", kept.observed["kafka_fetch"].snapshot(None, None).hot.to_batches()[0])


def test_status_checks_what_is_not_read_at_opening_when_asked(kept, folder, monkeypatch, caplog):
    kept.close()
    monkeypatch.setattr("kafkascope.store.store.AT_OPENING_BYTES", 0)
    damaged, whole = sorted((folder / "kafka_fetch").glob("*.parquet"))[:2]
    content = bytearray(damaged.read_bytes())
    content[len(content) // 3] ^= 0xFF
    damaged.write_bytes(content)
    left = {}
    for words in (["status"], ["status", "--check"]):
        shown = run(*words, "--data", str(folder), "-o", "json")
        assert shown.exit_code == 0
        left[len(words)] = next(row["rows"] for row in map(json.loads, shown.stdout.splitlines()) if row["table"] == "kafka_fetch")
        assert (f"{damaged.name} left out: damaged" in caplog.text) == ("--check" in words) and whole.name not in caplog.text
    assert left[1] - left[2] == 100
    assert damaged.read_bytes() == bytes(content)


def test_looking_changes_nothing(kept, folder):
    (folder / "kafka_fetch" / "half.parquet.tmp").write_bytes(b"half")
    (folder / "kafka_fetch" / "letters.parquet").write_bytes(b"mine")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert run("status", "--data", str(folder)).exit_code == 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_compact_makes_one_segment_of_many_and_loses_nothing(kept, folder, count):
    kept.close()
    done = run("compact", "--data", str(folder))
    assert done.exit_code == 0 and "in 2 segments are now" in done.stdout and done.stdout.endswith("in 1\n")
    with Store(folder) as store:
        assert count(store, "kafka_fetch") == 205


def test_compact_is_refused_while_another_has_it_open(kept, folder):
    refused = run("compact", "--data", str(folder))
    assert refused.exit_code == 1 and "another process has" in refused.stderr and "stop `px up`" in refused.stderr


@pytest.mark.parametrize("name", ["out.parquet", "out.csv", "out.csv.gz", "out.arrow"])
def test_export_writes_every_row_with_its_types(kept, folder, tmp_path, name, now):
    file = tmp_path / name
    done = run("export", "kafka_fetch", str(file), "--data", str(folder), "--columns", "time_,topic,bytes,waited")
    assert done.exit_code == 0, done.stderr
    assert f"205 rows of kafka_fetch are in {file}" in done.stderr
    if ".csv" in name:
        text = gzip.decompress(file.read_bytes()).decode() if name.endswith(".gz") else file.read_text()
        found = list(csv.DictReader(io.StringIO(text)))
        assert len(found) == 205 and found[0].keys() == {"time_", "topic", "bytes", "waited"}
        assert found[0]["time_"].endswith(f".{now % 10**9:09d}Z") and "T" in found[0]["time_"]
        return
    table = pq.read_table(file) if name.endswith("parquet") else pa.ipc.open_stream(file.read_bytes()).read_all()
    assert table.num_rows == 205
    assert table.schema.types == [pa.timestamp("ns", "UTC"), pa.string(), pa.int64(), pa.bool_()]
    assert table.column("time_").cast(pa.int64())[0].as_py() == now
    assert table.schema.field("bytes").metadata[b"semanticType"] == b"BYTES"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "store"])


def test_export_takes_a_range_of_time(kept, folder, tmp_path, now):
    assert run("export", "kafka_fetch", str(tmp_path / "a.parquet"), "--data", str(folder), "--start", str(now + 1000), "--end", str(now + 1010)).exit_code == 0
    assert pq.read_table(tmp_path / "a.parquet").num_rows == 10


def test_export_of_a_capture_goes_without_a_store():
    done = run("export", "kafka_produce", "-", "--format", "csv", "--capture", CAPTURE)
    assert done.exit_code == 0, done.stderr
    assert len(list(csv.DictReader(io.StringIO(done.stdout)))) == 16


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("export", "kafka_ftch", "a.csv"), "no table 'kafka_ftch'", "did you mean 'kafka_fetch'?"),
        (("export", "kafka_fetch", "a.csv", "--columns", "tpoic"), "no column 'tpoic'", "topic"),
        (("export", "kafka_fetch", "a.txt"), "the name 'a.txt' says no format", ".parquet"),
        (("export", "kafka_fetch", "-"), "says no format", "--format"),
        (("export", "kafka_fetch", "a.parquet.gz"), ".gz is for CSV", "a.parquet"),
        (("export", "kafka_delivery", "a.csv"), "computed from other tables", "px run"),
        (("export", "kafka_fetch", "a.csv", "--start", "soon"), "'soon' is not a time", "-5m"),
    ],
)
def test_what_cannot_be_exported(kept, folder, words, message, hint):
    refused = run(*words, "--data", str(folder))
    assert refused.exit_code == 2
    assert message in refused.stderr and hint in refused.stderr


@pytest.mark.parametrize("what", ["status", "compact"])
def test_a_folder_that_is_no_store_is_not_made_one(tmp_path, what):
    for place, words in ((tmp_path / "nothing", "no such folder"), (tmp_path, "not a store")):
        refused = run(what, "--data", str(place))
        assert refused.exit_code == 2 and words in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_export_to_a_full_or_missing_place_leaves_nothing_half(kept, folder, tmp_path):
    failed = run("export", "kafka_fetch", str(tmp_path / "nowhere" / "a.csv"), "--data", str(folder))
    assert failed.exit_code == 1 and "cannot be written" in failed.stderr
    full = run("export", "kafka_fetch", "/dev/full", "--format", "csv", "--data", str(folder))
    assert full.exit_code == 1
