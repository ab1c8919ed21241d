"""Kills, damage, full disks, limits: as little as possible is lost, and it is said."""

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from random import Random

import pytest

from kafkascope.store import Store
from kafkascope.store import store as store_module
from kafkascope.store.errors import StoreError, StoreInUse, UnreadableStore
from kafkascope.store.export import export

WRITER = """
    import sys, time
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    from table_rows import make_rows
    from kafkascope.store import Store
    store = Store(Path(sys.argv[1]), maintenance_s=0.05)
    batch = make_rows("kafka_produce", 100)
    n = 0
    while True:
        store.append("kafka_produce", batch)
        n += 1
        if n % 20 == 0:
            store.roll()
        print(n, flush=True)
"""


@pytest.mark.parametrize("after_s", [0.05, 0.2, 0.5])
def test_a_kill_loses_nothing_that_append_had_returned_from(folder, count, after_s):
    writer = subprocess.Popen([sys.executable, "-c", textwrap.dedent(WRITER), str(folder), os.path.dirname(__file__)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    writer.stdout.readline()
    time.sleep(after_s)
    writer.send_signal(signal.SIGKILL)
    with writer.stdout:
        said = [int(line) for line in writer.stdout.read().split("\n")[:-1] if line] or [1]
    writer.wait()
    with Store(folder) as store:
        rows = count(store)
        assert rows % 100 == 0
        assert said[-1] * 100 <= rows <= (said[-1] + 1) * 100
        assert list(store.notes) == []


@pytest.mark.parametrize("cut", [1, 20, 1000])
def test_a_write_ahead_file_cut_in_its_last_record_gives_the_records_before(folder, rows, count, cut):
    with Store(folder) as store:
        for _ in range(3):
            store.append("kafka_produce", rows("kafka_produce", 10))
    (path,) = (folder / "kafka_produce").glob("*.wal")
    os.truncate(path, path.stat().st_size - cut)
    with Store(folder) as store:
        assert count(store) == 20
        assert list(store.notes) == []


def test_a_damaged_record_costs_only_itself_and_is_told(folder, rows, count):
    with Store(folder) as store:
        for n in range(4):
            store.append("kafka_produce", rows("kafka_produce", 10, start=n))
    (path,) = (folder / "kafka_produce").glob("*.wal")
    raw = bytearray(path.read_bytes())
    starts = [i for i in range(len(raw)) if raw.startswith(b"KSW", i)]
    raw[starts[2] + 200] ^= 0xFF
    path.write_bytes(raw)
    with Store(folder) as store:
        assert count(store) == 30
        (note,) = store.notes
        assert "damaged; their rows are lost" in note


def test_a_segment_whose_footer_is_gone_is_left_out_and_told_and_the_others_answer(folder, rows, count):
    with Store(folder) as store:
        for start in (1000, 2000):
            store.append("kafka_produce", rows("kafka_produce", 10, start=start))
            store.roll()
    first = min((folder / "kafka_produce").glob("*.parquet"))
    os.truncate(first, first.stat().st_size // 2)
    with Store(folder) as store:
        assert count(store) == 10
        assert "left out" in store.notes[0]
    with Store(folder) as store:
        assert count(store) == 10
        assert list(store.notes) == [], "it was told, and does not come up again"


def test_a_segment_that_breaks_while_the_store_is_open_is_left_out_of_the_answer(folder, rows):
    with Store(folder, maintenance_s=60) as store:
        for start in (1000, 2000):
            store.append("kafka_produce", rows("kafka_produce", 5000, start=start, client_id=lambda i: f"client {i * 7919}"))
            store.roll()
        first = min((folder / "kafka_produce").glob("*.parquet"))
        raw = bytearray(first.read_bytes())
        raw[4 : len(raw) // 2] = os.urandom(len(raw) // 2 - 4)
        first.write_bytes(raw)
        engine = store.engine()
        everything = engine.scan("kafka_produce", None, None, rows("kafka_produce").schema.names)
        found = engine.execute(f"SELECT count(DISTINCT client_id) AS n, count(*) AS rows FROM ({everything})", timeout_s=60).to_pylist()[0]
        assert found == {"n": 5000, "rows": 5000}
        assert "5000 rows are lost" in store.notes[0]


@pytest.mark.parametrize("name", ["0-1-g1-g1.v9.parquet", "letters.parquet"])
def test_a_file_that_this_version_does_not_know_stays_and_is_told(folder, rows, count, name):
    with Store(folder) as store:
        store.append("kafka_produce", rows("kafka_produce", 10))
    (folder / "kafka_produce" / name).write_bytes(b"from the future")
    with Store(folder) as store:
        assert count(store) == 10
        assert name in store.notes[0]
    assert (folder / "kafka_produce" / name).read_bytes() == b"from the future"


def test_a_temporary_file_of_a_killed_roll_is_removed(folder, rows, count):
    with Store(folder) as store:
        store.append("kafka_produce", rows("kafka_produce", 10))
        store.roll()
    (segment,) = (folder / "kafka_produce").glob("*.parquet")
    (folder / "kafka_produce" / (segment.name + ".tmp")).write_bytes(b"half")
    with Store(folder) as store:
        assert count(store) == 10
    assert not list(folder.rglob("*.tmp"))


def test_rows_are_not_doubled_when_the_write_ahead_file_outlived_its_segment(folder, rows, count):
    with Store(folder) as store:
        store.append("kafka_produce", rows("kafka_produce", 10))
        (path,) = (folder / "kafka_produce").glob("*.wal")
        kept = path.read_bytes()
        store.roll()
    path.write_bytes(kept)
    with Store(folder) as store:
        assert count(store) == 10
    assert not path.exists()


def test_merged_segments_hold_the_same_rows_and_are_not_doubled_by_those_they_replace(folder, rows, count):
    with Store(folder) as store:
        for n in range(10):
            store.append("kafka_produce", rows("kafka_produce", 10, start=n * 100))
            store.roll()
        table = store.observed["kafka_produce"]
        olds = {path: path.read_bytes() for path in (folder / "kafka_produce").glob("*.parquet")}
        assert table.merge_small(largest=1 << 20, fewest=8, most_rows=1000)
        assert count(store) == 100
        assert len(table.segments) == 1
    for path, raw in list(olds.items())[:3]:
        path.write_bytes(raw)
    with Store(folder) as store:
        assert count(store) == 100
        assert len(list((folder / "kafka_produce").glob("*.parquet"))) == 1


def test_two_processes_do_not_share_a_folder(folder):
    with Store(folder), pytest.raises(StoreInUse, match="another process"):
        Store(folder)
    Store(folder).close()


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda f: (f / "kafkascope-store.json").write_text('{"format": 99}'), "format 99, this version reads up to 2"),
        (lambda f: (f / "letters.txt").write_text("mine"), "is not empty and not a store"),
    ],
    ids=["newer", "foreign"],
)
def test_a_folder_that_is_no_store_of_this_version_is_left_alone(folder, prepare, words):
    folder.mkdir()
    prepare(folder)
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(UnreadableStore, match=words):
        Store(folder)
    assert sorted(path.name for path in folder.iterdir() if path.name != "lock") == before


def test_a_damaged_marker_costs_nothing_and_is_told(folder, rows, count):
    with Store(folder) as store:
        store.append("kafka_produce", rows("kafka_produce", 10))
    (folder / "kafkascope-store.json").write_bytes(b"\0\0")
    with Store(folder) as store:
        assert count(store) == 10
        assert "damaged" in store.notes[0]


@pytest.mark.parametrize("size", ["", "lots", "-1GB", "0", "1 apple"])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(StoreError, match="expected a size"):
        Store(None, memory_limit=size)


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 8 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("this system allows no mounts")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_stops_storing_not_capturing_and_it_begins_again_with_space(tiny_disk, rows, count, monkeypatch):
    monkeypatch.setattr("kafkascope.store.store._DISK_RETRY_S", 0.1)
    ballast = tiny_disk / "ballast"
    with Store(tiny_disk / "store", min_free_bytes=1, maintenance_s=0.05) as store:
        store.append("kafka_produce", rows("kafka_produce", 1000))
        descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT)
        with pytest.raises(OSError, match="No space left"):
            while True:
                os.write(descriptor, bytes(65536))
        os.close(descriptor)
        for n in range(20):
            store.append("kafka_produce", rows("kafka_produce", 1000, start=n))
        assert count(store) == 21_000
        assert store.stats()["storing"] is False
        assert re.search("No space left|free on the disk", store.stats()["problem"])
        ballast.unlink()
        deadline = time.monotonic() + 60
        while not store.stats()["storing"] and time.monotonic() < deadline:
            time.sleep(0.05)
        assert store.stats()["problem"] is None
        store.roll()
        assert count(store) == 21_000
    with Store(tiny_disk / "store", min_free_bytes=1) as store:
        assert count(store) == 21_000


def test_a_disk_below_its_reserve_is_not_filled_further(folder, rows, count):
    with Store(folder, min_free_bytes="1000TB", maintenance_s=0.02) as store:
        deadline = time.monotonic() + 60
        while store.stats()["storing"] and time.monotonic() < deadline:
            time.sleep(0.01)
        store.append("kafka_produce", rows("kafka_produce", 10))
        assert "must stay free" in store.stats()["problem"]
        assert not list((folder / "kafka_produce").iterdir())
        assert count(store) == 10


def test_retention_by_bytes_drops_the_oldest_segments_of_any_table(folder, rows, count):
    with Store(folder, maintenance_s=60) as store:
        for n, table in enumerate(["kafka_fetch", "kafka_produce", "kafka_fetch", "kafka_produce"]):
            store.append(table, rows(table, 2000, start=time.time_ns() + n * 10_000, client_id=lambda i: f"client {i * 7919}"))
            store.roll()
        sizes = [s.bytes for t in ("kafka_fetch", "kafka_produce") for s in store.observed[t].segments]
        store.retention_bytes = sum(sizes) - 1
        store.maintain()
        assert (count(store, "kafka_fetch"), count(store, "kafka_produce")) == (2000, 4000)
        assert store.stats()["rowsDroppedByRetention"] == 2000
        assert len(list(folder.rglob("*.parquet"))) == 3


def test_retention_by_age_drops_what_is_wholly_too_old(folder, rows, count):
    with Store(folder, retention_age_s=3600, maintenance_s=60) as store:
        for age in (7200, 10):
            store.append("kafka_produce", rows("kafka_produce", 10, start=time.time_ns() - age * 1_000_000_000))
            store.roll()
        store.maintain()
        assert count(store) == 10


def test_a_segment_that_a_query_reads_goes_only_after_it(folder, rows):
    with Store(folder, maintenance_s=60) as store:
        store.append("kafka_produce", rows("kafka_produce", 10))
        store.roll()
        table = store.observed["kafka_produce"]
        snapshot = table.snapshot(None, None)
        (segment,) = snapshot.segments
        table.drop(segment)
        assert segment.path.exists()
        snapshot.release()
        assert not segment.path.exists()


@pytest.mark.parametrize("on_disk", [True, False], ids=["folder", "memory"])
def test_memory_is_bounded_and_what_that_costs_is_counted(folder, rows, count, on_disk):
    with Store(folder if on_disk else None, memory_limit="16MB", min_free_bytes="1000TB", maintenance_s=60) as store:
        store.maintain()
        for n in range(100):
            store.append("kafka_produce", rows("kafka_produce", 2000, start=time.time_ns() + n))
        store.maintain()
        stats = store.stats()
        assert stats["hotBytes"] <= stats["hotLimit"]
        assert stats["rowsDroppedByMemory"] + count(store) == 200_000
        assert stats["rowsDroppedByMemory"] > 0


def test_a_tables_own_limits_hold_beside_those_of_all(folder, rows, count):
    with Store(folder, table_retention_age_s={"kafka_fetch": 60}, maintenance_s=60) as store:
        for table in ("kafka_fetch", "kafka_produce"):
            for age in (3600, 10):
                store.append(table, rows(table, 2000, start=time.time_ns() - age * 1_000_000_000, client_id=lambda i: f"client {i * 7919}"))
                store.roll()
        store.maintain()
        assert (count(store, "kafka_fetch"), count(store, "kafka_produce")) == (2000, 4000)
        store.table_retention_bytes = {"kafka_produce": store.observed["kafka_produce"].disk_bytes - 1}
        store.maintain()
        assert (count(store, "kafka_fetch"), count(store, "kafka_produce")) == (2000, 2000)
        assert store.stats()["rowsDroppedByRetention"] == 4000


def test_a_limit_for_a_table_that_is_none_is_refused(folder):
    with pytest.raises(StoreError, match=r"no table 'kafka_ftch' \(did you mean 'kafka_fetch'\?\)"):
        Store(folder, table_retention_bytes={"kafka_ftch": 1})


def test_age_and_bytes_bound_rows_in_memory_when_asked_and_an_old_capture_stays(rows, count):
    old = time.time_ns() - 365 * 86400 * 1_000_000_000
    with Store(None, maintenance_s=60) as store:
        store.append("kafka_produce", rows("kafka_produce", 10, start=old))
        store.maintain()
        assert count(store) == 10
    with Store(None, retention_age_s=3600, maintenance_s=60) as store:
        store.append("kafka_produce", rows("kafka_produce", 10, start=old))
        store.append("kafka_fetch", rows("kafka_fetch", 10))
        store.maintain()
        assert (count(store), count(store, "kafka_fetch")) == (0, 10)


def test_what_damage_cost_is_a_row_of_kafka_loss_and_a_line_of_the_log(folder, rows, caplog):
    with Store(folder) as store:
        store.append("kafka_produce", rows("kafka_produce", 10))
        store.roll()
        for _ in range(2):
            store.append("kafka_fetch", rows("kafka_fetch", 10))
    (segment,) = (folder / "kafka_produce").glob("*.parquet")
    segment.write_bytes(segment.read_bytes()[:100])
    (path,) = (folder / "kafka_fetch").glob("*.wal")
    raw = bytearray(path.read_bytes())
    raw[-100] ^= 0xFF
    path.write_bytes(raw)
    for _ in range(2):
        with Store(folder) as store:
            store.maintain()
            engine = store.engine()
            sql = f"SELECT * FROM ({engine.scan('kafka_loss', None, None, ['reason', 'bytes', 'detail'])}) ORDER BY detail"
            found = engine.execute(sql, timeout_s=60).to_pylist()
        assert [row["reason"] for row in found] == ["store_damaged"] * 2, "told once, also after another start"
        assert found[0]["detail"].startswith("kafka_fetch: ") and found[0]["bytes"] > 100
        assert found[1]["detail"].startswith("kafka_produce: ") and found[1]["bytes"] == 100
    assert [record.name for record in caplog.records] == ["kafkascope.store"] * len(caplog.records) != []


def test_a_segment_of_the_first_format_is_read_and_merged(folder, rows, count):
    """Format 1 held every column as it is."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with Store(folder, maintenance_s=60) as store:
        for n in range(2):
            store.append("kafka_fetch", rows("kafka_fetch", 50, start=n * 100, latency=7, response_time=lambda i: i))
            store.roll()
    (folder / "kafkascope-store.json").write_text('{"format": 1}')
    for number, path in enumerate(sorted((folder / "kafka_fetch").glob("*.parquet"))):
        plain = rows("kafka_fetch", 50, start=number * 100, latency=7, response_time=lambda i: i)
        pq.write_table(pa.Table.from_batches([plain]), path.with_name(path.name.replace(".v2.", ".v1.")))
        path.unlink()
    with Store(folder, maintenance_s=60) as store:
        sql = f"SELECT sum(response_time) AS s, count(*) AS n FROM ({store.engine().scan('kafka_fetch', None, None, ['response_time'])})"
        for _ in range(2):
            assert store.engine().execute(sql, timeout_s=60).to_pylist() == [{"s": 2 * sum(range(50)), "n": 100}]
            store.compact()
        assert len(store.observed["kafka_fetch"].segments) == 1
        assert list(store.notes) == []
    assert '"format": 2' in (folder / "kafkascope-store.json").read_text(), "an older version must not misread what is written from now on"


def test_a_segment_whose_column_has_another_type_is_left_out_and_left_alone(folder, rows, count):
    import pyarrow.parquet as pq

    with Store(folder) as store:
        store.append("kafka_produce", rows("kafka_produce", 10))
        store.roll()
    (path,) = (folder / "kafka_produce").glob("*.parquet")
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.schema.get_field_index("bytes"), "bytes", table.column("bytes").cast("string")), path)
    with Store(folder) as store:
        assert count(store) == 0
        assert "its column bytes is string, this version reads int64" in store.notes[0]
    assert path.exists()


def test_an_export_reads_its_segments_with_their_checksums_however_large_the_store_is(folder, rows, tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "AT_OPENING_BYTES", 0)
    with Store(folder) as store:
        store.append("kafka_produce", rows("kafka_produce", 500))
        store.roll()
        store.append("kafka_produce", rows("kafka_produce", 7))
        store.roll()
    first, _ = sorted((folder / "kafka_produce").glob("*.parquet"), key=lambda path: path.stat().st_size, reverse=True)
    content = bytearray(first.read_bytes())
    content[len(content) // 3] ^= 1
    first.write_bytes(content)
    with Store(folder, read_only=True) as reader:
        assert export(reader, "kafka_produce", str(tmp_path / "out.parquet"), "parquet") == 7
        assert "500 rows are lost" in reader.notes[0]
    # Reading only leaves the folder as it is.
    assert first.exists()


@pytest.mark.parametrize("age_s", [1e11, 1e12, 1e300])
def test_an_age_that_reaches_back_beyond_times_of_64_bits_keeps_everything(folder, rows, count, age_s):
    with Store(folder, retention_age_s=age_s) as store:
        store.append("kafka_produce", rows("kafka_produce", 10))
        store.maintain()
        assert count(store) == 10
        assert store.problem is None


def test_reading_only_sees_what_is_there_now_and_takes_nothing(folder, rows, count):
    with Store(folder, maintenance_s=60) as writer:
        writer.append("kafka_produce", rows("kafka_produce", 10))
        with Store(folder, read_only=True) as reader:
            assert count(reader) == 10
            with pytest.raises(StoreError, match="open for reading only"):
                reader.append("kafka_produce", rows("kafka_produce", 1))
        writer.roll()
        writer.append("kafka_produce", rows("kafka_produce", 5))
        with Store(folder, read_only=True) as reader:
            assert count(reader) == 15
    with pytest.raises(UnreadableStore, match="no such folder"):
        Store(folder / "nothing", read_only=True)
    (folder / "kafkascope-store.json").write_text('{"format": 99}')
    with pytest.raises(UnreadableStore, match="format 99"):
        Store(folder, read_only=True)


def test_whatever_breaks_in_a_closed_store_no_row_comes_back_changed_and_what_is_lost_is_told(folder, rows, tmp_path):
    """A flipped bit may decode to another value; an upset of the footer may only lose rows."""
    with Store(folder, maintenance_s=60) as store:
        for number in range(3):
            store.append("kafka_events.beta", rows("kafka_events.beta", 300, start=10**18 + number * 1000, req_body=lambda i, number=number: f'{{"a":{i * 7919 % 1000},"k":{number}}}' * 5))
            if number < 2:
                store.roll()
        whole = {row["time_"]: row for row in _events(store)}
    random = Random(11)
    for number in range(60):
        damaged = tmp_path / str(number)
        shutil.copytree(folder, damaged)
        files = sorted(path for path in (damaged / "kafka_events.beta").iterdir() if path.suffix in (".parquet", ".wal"))
        path = random.choice(files)
        content = bytearray(path.read_bytes())
        at = random.randrange(len(content))
        if number % 2:
            content[at] ^= 1 << random.randrange(8)
        else:
            content[at : at + 64] = bytes(len(content[at : at + 64]))
        path.write_bytes(content)
        with Store(damaged, maintenance_s=60) as store:
            found, told = _events(store), list(store.notes)
        assert [row for row in found if whole.get(row["time_"]) != row] == [], (number, path.name, at)
        assert len(found) in (600, 900)
        assert told or len(found) == 900, (number, path.name, at)
        shutil.rmtree(damaged)


def test_a_large_store_is_read_for_damage_while_it_runs(folder, rows, count, monkeypatch):
    monkeypatch.setattr("kafkascope.store.store.AT_OPENING_BYTES", 0)
    with Store(folder) as store:
        for _ in range(2):
            store.append("kafka_produce", rows("kafka_produce", 50))
            store.roll()
        broken = store.observed["kafka_produce"].segments[0].path
    content = bytearray(broken.read_bytes())
    content[30:200] = bytes(170)
    broken.write_bytes(content)
    with Store(folder, maintenance_s=60) as store:
        for _ in range(2):
            store.maintain()
        assert count(store) == 50
        assert "50 rows are lost" in store.notes[0]


def _events(store):
    scan = store.engine().scan("kafka_events.beta", None, None, ["time_", "req_body", "latency", "client_id", "declared_bytes"])
    return store.engine().execute(f"SELECT * FROM ({scan})", timeout_s=60).to_pylist()
