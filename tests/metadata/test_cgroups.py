"""Pod and container from cgroup paths, as runtimes and drivers write them."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kafkascope.metadata.cgroups import Membership, of_path, parse

UID = "28cdc458-1b2c-4d3e-8f90-0123456789ab"
UID_ = UID.replace("-", "_")
STATIC = "0123456789abcdef0123456789abcdef"
ID = "cdd361a7d2ef" + "0" * 51 + "1"
assert len(ID) == 64


@pytest.mark.parametrize(
    ("path", "pod", "container"),
    [
        # cgroupfs driver
        (f"/kubepods/besteffort/pod{UID}/{ID}", UID, ID),
        (f"/kubepods/burstable/pod{UID}/{ID}", UID, ID),
        (f"/kubepods/pod{UID}/{ID}", UID, ID),
        (f"/kubepods/burstable/pod{STATIC}/{ID}", STATIC, ID),
        (f"/kubepods/besteffort/pod{UID}/crio-{ID}", UID, ID),
        (f"/kubepods/pod{UID}", UID, ""),
        # systemd driver
        (f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UID_}.slice/cri-containerd-{ID}.scope", UID, ID),
        (f"/kubepods.slice/kubepods-pod{UID_}.slice/cri-containerd-{ID}.scope", UID, ID),
        (f"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{UID_}.slice/crio-{ID}.scope", UID, ID),
        (f"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{UID_}.slice/crio-{ID}.scope/container", UID, ID),
        (f"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{UID_}.slice/docker-{ID}.scope", UID, ID),
        (f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{STATIC}.slice/cri-containerd-{ID}.scope", STATIC, ID),
        (f"/system.slice/containerd.service/kubepods-besteffort-pod{UID_}.slice:cri-containerd:{ID}", UID, ID),
        (f"/system.slice/kubepods-pod{UID_}.slice:cri-containerd:{ID}", UID, ID),
        # a kubelet inside a container
        (f"/kubelet/kubepods/besteffort/pod{UID}/{ID}", UID, ID),
        (f"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod{UID_}.slice/cri-containerd-{ID}.scope", UID, ID),
        (f"/docker/{'f' * 64}/kubepods/besteffort/pod{UID}/{ID}", UID, ID),
        # as a reader in a cgroup namespace of its own sees them, which every pod has with cgroup v2
        (f"/../../kubepods/besteffort/pod{UID}/{ID}", UID, ID),
        (f"/../../pod{UID}/{ID}", UID, ID),
        (f"/../../kubepods-besteffort-pod{UID_}.slice/cri-containerd-{ID}.scope", UID, ID),
        (f"/../../../kubepods-besteffort.slice/kubepods-besteffort-pod{UID_}.slice/crio-{ID}.scope", UID, ID),
        (f"/../cri-containerd-{ID}.scope", "", ID),
        # containers without Kubernetes
        (f"/docker/{ID}", "", ID),
        (f"/system.slice/docker-{ID}.scope", "", ID),
        (f"/machine.slice/libpod-{ID}.scope/container", "", ID),
        (f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope", "", ID),
        (f"/ecs/task/{ID}", "", ID),
        # the runtime's own helpers are no containers
        (f"/kubepods.slice/kubepods-pod{UID_}.slice/crio-conmon-{ID}.scope", UID, ""),
        (f"/machine.slice/libpod-conmon-{ID}.scope", "", ""),
        # none at all
        ("/", "", ""),
        ("/user.slice/user-0.slice/session-1.scope", "", ""),
        ("/system.slice/ssh.service", "", ""),
        ("/system.slice/podman.socket", "", ""),
        (f"/some/{ID[:-1]}", "", ""),
        (f"/some/{ID}0", "", ""),
        ("/kubepods/besteffort/podnot-a-uid/x", "", ""),
    ],
)
def test_path(path, pod, container):
    assert of_path(path) == Membership(pod, container)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"0::/kubepods/pod{UID}/{ID}\n", Membership(UID, ID)),
        (f"12:memory:/kubepods/pod{UID}/{ID}\n1:name=systemd:/kubepods/pod{UID}/{ID}\n0::/\n", Membership(UID, ID)),
        (f"1:name=systemd:/user.slice\n0::/kubepods/pod{UID}/{ID}\n", Membership(UID, ID)),
        (f"0::/system.slice/kubepods-pod{UID_}.slice:cri-containerd:{ID}\n", Membership(UID, ID)),
        (f"3:cpu:/kubepods/pod{UID}\n2:memory:/kubepods/pod{UID}/{ID}\n", Membership(UID, ID)),
        ("0::/init.scope\n", Membership()),
        ("", Membership()),
        ("garbage without colons\n:\n::\n", Membership()),
    ],
    ids=["v2", "v1 with an empty v2", "v2 first", "colons", "the fullest line", "host", "empty", "garbage"],
)
def test_file(text, expected):
    assert parse(text) == expected


UNIFIED = next((place for place in map(Path, ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")) if (place / "cgroup.controllers").exists()), None)
READ = ("import sys; from kafkascope.metadata import cgroups; from kafkascope.metadata.proc import Proc; "
        "found = cgroups.parse(Proc().cgroup(int(sys.argv[1]))); print(found.pod_uid, found.container_id)")  # fmt: skip


@pytest.mark.live
@pytest.mark.skipif(os.geteuid() != 0 or UNIFIED is None, reason="makes control groups of version 2: needs root and their mount")
@pytest.mark.parametrize("own_namespace", [False, True], ids=["on the node", "in a pod's cgroup namespace"])
def test_a_real_process_in_a_real_control_group_of_version_2(own_namespace):
    home = UNIFIED / "kafkascope-test.slice"
    place = home / f"kubepods-besteffort-pod{UID_}.slice" / f"cri-containerd-{ID}.scope"
    ours = home / "kubepods-besteffort-podffffffff_1b2c_4d3e_8f90_0123456789ab.slice" / f"cri-containerd-{'e' * 64}.scope"
    place.mkdir(parents=True, exist_ok=True), ours.mkdir(parents=True, exist_ok=True)
    # The reader joins its group first, so that a namespace of its own begins there.
    joined = ["sh", "-c", f'echo $$ >{ours}/cgroup.procs && exec "$@"', "sh", *(["unshare", "--cgroup"] if own_namespace else [])]
    try:
        with subprocess.Popen(["sleep", "60"]) as process:
            (place / "cgroup.procs").write_text(str(process.pid))
            seen = subprocess.run([*joined, sys.executable, "-c", READ, str(process.pid)], capture_output=True, text=True, check=True).stdout
            process.kill()
        assert seen.split() == [UID, ID]
    finally:
        for group in (place, ours, place.parent, ours.parent, home):
            for _ in range(1500):
                with contextlib.suppress(OSError):
                    group.rmdir()
                    break
                time.sleep(0.02)
