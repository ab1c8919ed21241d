"""The folder of a store: its marker with the format's version, and the lock that keeps a second process out."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path

from kafkascope.store.errors import StoreInUse, UnreadableStore
from kafkascope.store.segments import FORMAT_VERSION

MARKER = "kafkascope-store.json"
LOCK = "lock"


def claim(folder: Path, tell: Callable[[str], None]) -> int:
    """Make the folder a store of this process; the lock's descriptor. Raises ``StoreInUse`` or ``UnreadableStore``."""
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise UnreadableStore(f"{folder} cannot be made or written: {error.strerror}", "choose another folder, or run as its owner") from error
    try:
        _claim(folder, lock, tell)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _claim(folder: Path, lock: int, tell: Callable[[str], None]) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise StoreInUse(f"another process has {folder} open", "stop it, or choose another folder") from None
    try:
        version = _version(folder)
    except FileNotFoundError:
        others = [path.name for path in folder.iterdir() if path.name != LOCK]
        if others:
            raise UnreadableStore(f"{folder} is not empty and not a store (it has {others[0]})", "choose an empty folder") from None
        try:
            _mark(folder)
        except OSError as error:
            raise UnreadableStore(f"{folder / MARKER} cannot be written: {error.strerror}", "is the disk full?") from error
        return
    if version is None:
        # Damage to the marker alone costs nothing: segments carry their version too.
        tell(f"{MARKER} was damaged and is written anew")
    if version is None or version < FORMAT_VERSION:
        # From now on there may be files in it that an older version must not misread. A full disk does not keep the store shut: files carry their version.
        with contextlib.suppress(OSError):
            _mark(folder)


def look(folder: Path) -> None:
    """See to it that the folder is a store that this version reads. Raises ``UnreadableStore``."""
    try:
        _version(folder)
    except FileNotFoundError:
        missing = "no such folder" if not folder.is_dir() else f"not a store, it has no {MARKER}"
        raise UnreadableStore(f"{folder}: {missing}", "name the folder of a store with --data") from None
    except PermissionError as error:
        raise UnreadableStore(f"{folder} cannot be read: {error.strerror}", "run as its owner or as root") from error


def in_use(folder: Path) -> bool:
    """Whether a process has the store open for writing."""
    try:
        lock = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(lock)


def _version(folder: Path) -> int | None:
    """The marker's version, ``None`` when it is damaged. Raises ``FileNotFoundError``, or ``UnreadableStore`` for a version that is newer."""
    try:
        version = json.loads((folder / MARKER).read_text(encoding="utf-8"))["format"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise UnreadableStore(f"{folder} has format {version}, this version reads up to {FORMAT_VERSION}", "use a newer version, or another folder")
    return version


def _mark(folder: Path) -> None:
    temporary = folder / (MARKER + ".new")
    temporary.write_text(json.dumps({"format": FORMAT_VERSION}) + "\n", encoding="utf-8")
    os.replace(temporary, folder / MARKER)
