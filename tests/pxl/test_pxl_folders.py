"""Users' own scripts: folders and bundles load like the bundled ones, and again when a file changes."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path

import pytest

from kafkascope.scripts import Library, ScriptError

PXL = "import px\npx.display(px.GetTables())\n"


def write(path: Path, text: str, seconds: int = 0) -> None:
    """Write a file as of some seconds from now, so that a change shows whatever the clock of the file system can tell apart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + seconds * 1_000_000_000))


def test_a_folder_is_read_again_when_a_file_changes(tmp_path: Path) -> None:
    write(tmp_path / "my" / "topics" / "data.pxl", PXL)
    library = Library.load([tmp_path])
    assert library.get("my/topics").pxl == PXL and "px/kafka_overview" in library.scripts
    assert not library.refresh()
    write(tmp_path / "my" / "topics" / "data.pxl", PXL + "# more\n", 2)
    write(tmp_path / "my" / "topics" / "manifest.yaml", "short: Topics\nlong: All of them\n")
    assert library.refresh()
    script = library.get("my/topics")
    assert script.pxl.endswith("# more\n") and script.short == "Topics" and script.long == "All of them"
    (tmp_path / "my" / "topics" / "data.pxl").unlink()
    assert library.refresh() and "my/topics" not in library.scripts


@pytest.mark.parametrize("damage", [("vis.json", "{"), ("vis.json", "[]"), ("manifest.yaml", "- a\n- b"), ("manifest.yaml", "a: [")])
def test_a_script_that_no_longer_loads_keeps_its_last_good_text_and_says_so(tmp_path: Path, damage: tuple[str, str]) -> None:
    write(tmp_path / "a" / "a.pxl", PXL)
    library = Library.load([tmp_path])
    assert library.problems == []
    write(tmp_path / "a" / damage[0], damage[1], 2)
    library.refresh()
    assert library.get("a").pxl == PXL
    assert len(library.problems) == 1 and library.problems[0].startswith("a: ")


def test_a_folder_with_two_scripts_in_one_place_says_so(tmp_path: Path) -> None:
    write(tmp_path / "a" / "one.pxl", PXL)
    write(tmp_path / "a" / "two.pxl", PXL)
    write(tmp_path / "b" / "b.pxl", PXL)
    library = Library.load([tmp_path])
    assert "a" not in library.scripts and "b" in library.scripts
    assert all("exactly one .pxl" in problem for problem in library.problems) and library.problems


def test_a_mounted_config_map_has_each_script_once(tmp_path: Path) -> None:
    mount = tmp_path / "scripts"
    for name in ("one", "two"):
        write(mount / "..2026_11_25" / f"{name}.pxl", PXL)
        (mount / f"{name}.pxl").symlink_to(Path("..data", f"{name}.pxl"))
    (mount / "..data").symlink_to("..2026_11_25")
    library = Library.load([mount])
    assert library.problems == []
    assert {name for name, script in library.scripts.items() if script.path == mount} == {"scripts/one", "scripts/two"}


def test_ones_own_script_takes_the_place_of_a_bundled_one(tmp_path: Path) -> None:
    write(tmp_path / "px" / "kafka_overview" / "mine.pxl", PXL)
    assert Library.load([tmp_path]).get("px/kafka_overview").pxl == PXL


def test_a_bundle(tmp_path: Path) -> None:
    path = tmp_path / "bundle.json"
    vis = {"variables": [], "widgets": []}
    write(path, json.dumps({"scripts": {"team/a": {"pxl": PXL, "vis": json.dumps(vis), "ShortDoc": "A", "LongDoc": "The letter"}}}))
    library = Library.load([path])
    script = library.get("team/a")
    assert (script.pxl, script.vis, script.short, script.long) == (PXL, vis, "A", "The letter")
    write(path, json.dumps({"scripts": {"team/b": {"pxl": PXL}}}), 2)
    assert library.refresh() and "team/b" in library.scripts


def test_what_is_no_folder_and_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(ScriptError):
        Library.load([tmp_path / "nothing"])
    for text in ("{", "[]", '{"scripts": {"a": 5}}', '{"scripts": {"a": {"pxl": "x", "vis": "{"}}}'):
        write(tmp_path / "bundle.json", text)
        assert len(Library.load([tmp_path / "bundle.json"]).problems) == 1, text


def test_the_nearest_name_is_told() -> None:
    with pytest.raises(ScriptError) as error:
        Library.load().get("px/kafka_overveiw")
    assert "px/kafka_overview" in error.value.hint


def test_folders_that_vanish_while_they_are_read(tmp_path: Path) -> None:
    write(tmp_path / "kept" / "a.pxl", PXL)
    library = Library.load([tmp_path])
    stop = threading.Event()

    def come_and_go() -> None:
        while not stop.is_set():
            write(tmp_path / "gone" / "deep" / "er" / "b.pxl", PXL)
            shutil.rmtree(tmp_path / "gone")

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        for _ in range(50):
            library.refresh()
            assert "kept" in library.scripts
    finally:
        stop.set()
        other.join()
