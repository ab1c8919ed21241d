"""Giving up root: the server needs none of it."""

from __future__ import annotations

import ctypes
import os
import pwd
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 24, 38
_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = 63


@dataclass(frozen=True)
class User:
    """Who the server runs as. ``uid`` 0 means root without any capability: no other user could read the program's own files."""

    uid: int
    gid: int
    name: str


def choose(*needs: Path) -> User | None:
    """The user to run as: the one who called sudo, otherwise nobody, when it can read ``needs``; ``None`` when this is not root."""
    if os.geteuid() != 0:
        return None
    candidates = []
    if os.environ.get("SUDO_UID", "0") != "0":
        uid = int(os.environ["SUDO_UID"])
        candidates.append(User(uid, int(os.environ.get("SUDO_GID", uid)), os.environ.get("SUDO_USER", str(uid))))
    try:
        nobody = pwd.getpwnam("nobody")
        candidates.append(User(nobody.pw_uid, nobody.pw_gid, "nobody"))
    except KeyError:
        pass
    for user in candidates:
        if all(_can_enter(user, path) for path in needs):
            return user
    return User(0, 0, "root without capabilities")


def _can_enter(user: User, path: Path) -> bool:
    """Whether ``user`` may read ``path``, by the permission bits of it and every folder above it."""
    path = path.resolve()
    for folder in (path, *path.parents):
        info = folder.stat()
        if info.st_uid == user.uid:
            bits = (stat.S_IXUSR if folder.is_dir() else 0) | (stat.S_IRUSR if folder == path else 0)
        elif info.st_gid == user.gid:
            bits = (stat.S_IXGRP if folder.is_dir() else 0) | (stat.S_IRGRP if folder == path else 0)
        else:
            bits = (stat.S_IXOTH if folder.is_dir() else 0) | (stat.S_IROTH if folder == path else 0)
        if info.st_mode & bits != bits:
            return False
    return True


def drop(uid: int, gid: int) -> None:
    """Become ``uid``:``gid`` for good, without capabilities and without a way to gain any. Raises ``OSError`` when the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(_LAST_CAPABILITY + 1):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    if uid:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    if libc.capset(header, bytes(24)) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS)")
    os.environ["HOME"] = "/nonexistent" if uid else os.environ.get("HOME", "/")
