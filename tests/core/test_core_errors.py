"""Wrong input gives an error with a hint."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from core_rows import CAPTURES, read

core = pytest.importorskip("kafkascope._core", reason="the core is not built")


@pytest.mark.parametrize(
    "content",
    [b"", b"hello, this is text", b"\x7fELF" + bytes(60), gzip.compress(b"text"), bytes(100)],
    ids=["empty", "text", "elf", "gzip of text", "zeros"],
)
def test_foreign_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "capture.pcap"
    path.write_bytes(content)
    with pytest.raises(core.CaptureFileError) as error:
        pipeline = core.FilePipeline([str(path)])
        while pipeline.next() is not None:
            pass
    message, hint = error.value.args
    assert message and hint


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(core.CaptureFileError) as error:
        core.FilePipeline([str(tmp_path / "none.pcap")])
    assert "none.pcap" in error.value.args[0]


def test_a_file_that_was_cut(tmp_path: Path) -> None:
    content = gzip.decompress((CAPTURES / "kafka-3.9.pcap.gz").read_bytes())
    path = tmp_path / "cut.pcap"
    path.write_bytes(content[: len(content) // 2 + 3])
    pipeline = core.FilePipeline([path])
    tables = pipeline.next()
    assert tables is not None and tables["kafka_events.beta"].num_rows > 10
    assert pipeline.summary()["warnings"]


def test_what_a_cut_capture_misses_is_told(tmp_path: Path) -> None:
    """Every tenth packet is left out: the rows say so."""
    content = gzip.decompress((CAPTURES / "kafka-3.9.pcap.gz").read_bytes())
    head, at, out, n = content[:24], 24, bytearray(content[:24]), 0
    order = "little" if head[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else "big"
    while at < len(content):
        size = int.from_bytes(content[at + 8 : at + 12], order)  # type: ignore[arg-type]
        n += 1
        if n % 10:
            out += content[at : at + 16 + size]
        at += 16 + size
    path = tmp_path / "holes.pcap"
    path.write_bytes(out)
    tables, summary = read(path)
    loss = tables["kafka_loss"].to_pylist()
    missing = [r for r in loss if r["reason"] == "bytes_missing"]
    assert missing and all(r["remote_addr"] and r["events"] > 0 for r in loss)
    assert sum(r["bytes"] for r in missing) == summary["missing_bytes"] > 0
    assert tables["kafka_events.beta"].num_rows > 50, "and what is there is still read"


def test_the_catalogue_is_the_cores() -> None:
    source = Path(__file__).parents[2] / "crates" / "tables" / "catalogue.txt"
    assert core.catalogue() == source.read_text()
