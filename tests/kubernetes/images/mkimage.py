"""An image as an OCI archive, from files of this host: no registry, no builder. Import: ctr -n k8s.io images import OUT.tar"""

import fnmatch
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
import tempfile

#: What no image needs.
SKIPPED = ("*/__pycache__", "*/tests", "*.pyi", "*/pyarrow/include", "*/pyarrow/src", "*/pyarrow/*.pyx", "*/pyarrow/*.pxi", "*/pyarrow/*.pxd")


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
            for name in sorted(os.listdir(host)):
                path = os.path.join(host, name)
                if os.path.exists(path) and not any(fnmatch.fnmatch(path, pattern) for pattern in SKIPPED):
                    self.copy(path, guest.rstrip("/") + "/" + name)

    def text(self, guest, content, mode=0o644):
        if (entry := self._new(guest)) is not None:
            entry.size, entry.mode = len(content.encode()), mode
            self.tar.addfile(entry, io.BytesIO(content.encode()))

    def elf(self, host, guest):
        self.file(host, guest)
        self.libraries(host)

    def libraries(self, host, *own):
        """The shared libraries that a program needs, at their own places; those of the folders ``own`` are copied by the caller."""
        search = {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, own))} if own else None
        needed = subprocess.run(["ldd", str(host)], capture_output=True, text=True, env=search).stdout
        for library in re.findall(r"(?:=> )?(/\S+) \(0x", needed):
            if not any(library.startswith(str(folder)) for folder in own) and library not in {"/" + path for path in self.seen}:
                self.file(os.path.realpath(library), library)


def descriptor(kind, content):
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": "sha256:" + sha(content), "size": len(content)}


def layer_of(fill):
    """The tar of one layer, which ``fill`` puts files into."""
    with tempfile.TemporaryFile() as file:
        layer = Layer(file)
        fill(layer)
        layer.tar.close()
        file.seek(0)
        return file.read()


def write(out, name, layers, *, entry, env=(), user="", cwd="/"):
    """Write the archive ``out`` of image ``name``. Layers that images share are stored once where they are imported."""
    config = json.dumps({
        "architecture": "arm64" if os.uname().machine == "aarch64" else "amd64", "os": "linux",
        "config": {"Env": list(env), "Entrypoint": entry, "WorkingDir": cwd, "User": user},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha(layer) for layer in layers]},
    }).encode()  # fmt: skip
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("config.v1+json", config), "layers": [descriptor("layer.v1.tar", layer) for layer in layers],
    }).encode()  # fmt: skip
    listed = descriptor("manifest.v1+json", manifest)
    listed["annotations"] = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rsplit(":", 1)[1]}
    index = json.dumps({"schemaVersion": 2, "manifests": [listed]}).encode()
    blobs = {"blobs/sha256/" + sha(blob): blob for blob in (manifest, config, *layers)}
    with tarfile.open(out, "w") as archive:
        for path, blob in {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": index, **blobs}.items():
            place = tarfile.TarInfo(path)
            place.size = len(blob)
            archive.addfile(place, io.BytesIO(blob))
    print(f"{name} {sum(map(len, layers)) >> 20} MiB")
