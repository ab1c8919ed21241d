"""A /proc made of files."""

import os

import pytest

from kafkascope.metadata.proc import Proc

HOST_NETNS = 4026531840


class FakeProc:
    """Writes the files of processes below a folder."""

    def __init__(self, root):
        self.root = root
        self.proc = Proc(root)
        self.add(1, comm="init", start=1)

    def add(self, pid, *, comm="java", start=1000, ppid=1, cmdline="", cgroup="0::/\n", netns=HOST_NETNS, utime=0, ktime=0, flags=0, net_dev=None, io=None, fds=(), root=None):
        folder = self.root / str(pid)
        (folder / "ns").mkdir(parents=True, exist_ok=True)
        (folder / "net").mkdir(exist_ok=True)
        (folder / "fd").mkdir(exist_ok=True)
        (folder / "stat").write_text(f"{pid} ({comm}) S {ppid} 1 1 0 -1 {flags} 11 0 22 0 {utime} {ktime} 0 0 20 0 7 0 {start} 4096000 100 18446744073709551615 1 1\n")
        (folder / "cmdline").write_bytes(cmdline.replace(" ", "\0").encode() + b"\0")
        (folder / "cgroup").write_text(cgroup)
        self._link(folder / "ns" / "net", f"net:[{netns}]")
        if net_dev is not None:
            (folder / "net" / "dev").write_text(net_dev)
        if io is not None:
            (folder / "io").write_text(io)
        for number, target in enumerate(fds):
            self._link(folder / "fd" / str(number), target)
        if root is not None:
            self._link(folder / "root", root)

    @staticmethod
    def _link(path, target):
        path.unlink(missing_ok=True)
        os.symlink(target, path)

    def remove(self, pid):
        for path in sorted((self.root / str(pid)).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        (self.root / str(pid)).rmdir()


@pytest.fixture
def fake(tmp_path):
    (tmp_path / "proc").mkdir()
    return FakeProc(tmp_path / "proc")


@pytest.fixture
def pods_folder(tmp_path):
    (tmp_path / "pods.d").mkdir()
    return tmp_path / "pods.d"
