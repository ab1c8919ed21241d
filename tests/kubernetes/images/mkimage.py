#!/usr/bin/env python3
"""Make an image as a one-layer OCI archive, from files of this host: no registry, no builder.

  mkimage.py OUT.tar NAME:TAG [--copy HOST[:GUEST]] [--elf HOST[:GUEST]] [--link TARGET:GUEST] [--dir GUEST[:MODE]]
             [--env K=V] [--entry JSON] [--cwd DIR] [--user UID:GID]

--elf also copies the shared libraries that ldd names, at their own paths. Import: ctr -n k8s.io images import OUT.tar
"""

import argparse
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
import tempfile

SKIPPED = {"__pycache__", ".pytest_cache"}


def sha(content):
    return hashlib.sha256(content).hexdigest()


class Layer:
    """A tar of files at their places in the image."""

    def __init__(self, file):
        self.tar = tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self.seen = set()

    def _parents(self, guest):
        parts = guest.strip("/").split("/")[:-1]
        for i in range(1, len(parts) + 1):
            self.dir("/".join(parts[:i]))

    def _new(self, guest):
        """The entry for a path that is not there yet, else None."""
        guest = guest.strip("/")
        if not guest or guest in self.seen:
            return None
        self._parents(guest)
        self.seen.add(guest)
        return tarfile.TarInfo(guest)

    def dir(self, guest, mode=0o755):
        if (entry := self._new(guest)) is not None:
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            self.tar.addfile(entry)

    def link(self, target, guest):
        if (entry := self._new(guest)) is not None:
            entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
            self.tar.addfile(entry)

    def file(self, host, guest):
        if (entry := self._new(guest)) is not None:
            found = os.stat(host)
            entry.size, entry.mode = found.st_size, found.st_mode & 0o7777
            with open(host, "rb") as content:
                self.tar.addfile(entry, content)

    def copy(self, host, guest):
        if os.path.islink(host) and os.path.isdir(host):
            self.link(os.readlink(host), guest)
        elif not os.path.isdir(host):
            self.file(host, guest)  # a link to a file is stored as the file
        else:
            self.dir(guest)
            for name in sorted(set(os.listdir(host)) - SKIPPED):
                path = os.path.join(host, name)
                if os.path.exists(path):
                    self.copy(path, guest.rstrip("/") + "/" + name)

    def elf(self, host, guest):
        self.file(host, guest)
        needed = subprocess.run(["ldd", host], capture_output=True, text=True).stdout
        for library in re.findall(r"(?:=> )?(/\S+) \(0x", needed):
            self.file(os.path.realpath(library), library)


def pair(text):
    host, _, guest = text.partition(":")
    return host, guest or host


def descriptor(kind, content):
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": "sha256:" + sha(content), "size": len(content)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("name")
    for option in ("copy", "elf", "link", "dir", "env"):
        parser.add_argument("--" + option, action="append", default=[])
    parser.add_argument("--entry", default="[]")
    parser.add_argument("--cwd", default="/")
    parser.add_argument("--user", default="")
    args = parser.parse_args()
    with tempfile.TemporaryFile() as file:
        layer = Layer(file)
        for text in args.dir:
            path, _, mode = text.partition(":")
            layer.dir(path, int(mode or "755", 8))
        for text in args.elf:
            layer.elf(*pair(text))
        for text in args.copy:
            layer.copy(*pair(text))
        for text in args.link:
            layer.link(*pair(text))
        layer.tar.close()
        file.seek(0)
        content = file.read()
    config = json.dumps({
        "architecture": "arm64" if os.uname().machine == "aarch64" else "amd64", "os": "linux",
        "config": {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", *args.env], "Entrypoint": json.loads(args.entry), "WorkingDir": args.cwd, "User": args.user},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha(content)]},
    }).encode()  # fmt: skip
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("config.v1+json", config), "layers": [descriptor("layer.v1.tar", content)],
    }).encode()  # fmt: skip
    entry = descriptor("manifest.v1+json", manifest)
    entry["annotations"] = {"io.containerd.image.name": args.name, "org.opencontainers.image.ref.name": args.name.rsplit(":", 1)[1]}
    index = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    blobs = {"blobs/sha256/" + sha(blob): blob for blob in (manifest, config, content)}
    with tarfile.open(args.out, "w") as archive:
        for name, blob in {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": index, **blobs}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(blob)
            archive.addfile(entry, io.BytesIO(blob))
    print(f"{args.name} {len(content) >> 20} MiB")


if __name__ == "__main__":
    main()
